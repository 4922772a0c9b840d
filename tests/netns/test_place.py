"""Where the fast path is, or why there is none: said in the log and by `spinat show datapath`."""

from __future__ import annotations

import ctypes
import platform
import re
import struct
import subprocess
from typing import Callable

import pytest
from conftest import Start

from lab.spinatd import Spinatd, build_dir
from lab.topology import Topology

BACKENDS = ["bpf"]
UNFINISHED = "is no hardware, and its senders may leave checksums unfinished"
DROPS = "drops what XDP gives it to send"

# System calls that a kernel may lack, on x86_64, and commands of bpf().
MEMBARRIER, BPF, BPF_MAP_CREATE, BPF_PROG_LOAD = 324, 321, 0, 5
EPERM, EINVAL, ENOSYS = 1, 22, 38


@pytest.mark.parametrize("said", ["auto", []], ids=["said", "unsaid"])
def test_auto_takes_tc_on_a_veth(topology: Topology, start: Start, said: str | list[str]) -> None:
    nat = start(backend=said)
    why = nat.show_json("stats")["fast_path"]["why"]
    assert re.fullmatch(rf"in \(veth\) {UNFINISHED}.*; out \(veth\) {UNFINISHED}[^;]*", why), why
    assert f"the fast path is at tc: {why}" in nat.said()
    shown = nat.show("datapath")
    assert "fast path at tc, by links, between in and out" in shown and f"against XDP: {why}" in shown


def test_tc_by_hand_needs_no_reason(topology: Topology, start: Start) -> None:
    nat = start(fast_path="tc")
    assert nat.show_json("stats")["fast_path"]["why"] == "" and "XDP" not in nat.said() + nat.show("datapath")


@pytest.mark.parametrize("possible", [True, False])
def test_xdp_by_hand_is_warned_of(topology: Topology, start: Start, possible: bool) -> None:
    """A veth whose other end takes no frames drops all, without a counter."""
    topology.make_xdp_possible(possible)
    try:
        nat = start(fast_path="xdp")
        said, shown = nat.said(), nat.show("datapath")
    finally:
        topology.make_xdp_possible(False)
    assert "fast path at XDP" in shown
    for text in (said, shown):
        assert UNFINISHED in text and (DROPS in text) == (not possible), text


def test_auto_without_an_interface(topology: Topology, start: Start) -> None:
    nat = start(backend="auto", inside_interface=[], inside_network="192.168.1.0/24")
    why = "inside_interface: not set; the fast path needs it"
    assert f"no fast path: {why}" in nat.said()
    assert nat.show_json("stats")["fast_path"] == {"hook": None, "why": why}
    assert nat.show("datapath") == f"no fast path: all packets come by nfqueue\n  why: {why}\n"


def without(call: int, command: int | None, error: int) -> Callable[[], None]:
    """A filter of system calls (seccomp) that makes one of them, or one command of it, fail."""

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    load, equal, answer = 0x20, 0x15, 0x06
    lines = [instruction(load, 0, 0, 0), instruction(equal, 0, 1 if command is None else 3, call)]
    if command is not None:
        lines += [instruction(load, 0, 0, 16), instruction(equal, 0, 1, command)]
    lines += [instruction(answer, 0, 0, 0x00050000 | error), instruction(answer, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(b"".join(lines))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)

    def install() -> None:
        _kept = program  # as long as the kernel may read it
        if libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(head)), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")

    return install


@pytest.mark.skipif(platform.machine() != "x86_64", reason="system calls have other numbers here")
@pytest.mark.parametrize(
    "call, command, error, why",
    [
        (BPF, None, ENOSYS, r"the kernel has no BPF maps \(in Linux since 3\.19\)"),
        (BPF, BPF_MAP_CREATE, EPERM, r"does not allow BPF maps: .* \(it wants CAP_BPF and CAP_PERFMON\)"),
        (BPF, BPF_PROG_LOAD, EINVAL, r"no coarse clock for BPF programs at tc \(in Linux since 5\.11\)"),
        (MEMBARRIER, None, ENOSYS, r"no membarrier\(MEMBARRIER_CMD_GLOBAL\)"),
    ],
    ids=["bpf", "maps", "programs", "membarrier"],
)
def test_what_a_kernel_lacks_is_named(
    topology: Topology, start: Start, call: int, command: int | None, error: int, why: str
) -> None:
    nat = Spinatd(topology, {"backend": "bpf"})
    nat.config.write_text("\n".join(nat.lines()) + "\n")
    argv = topology.gw.argv(str(build_dir() / "spinatd"), "-f", str(nat.config))
    done = subprocess.run(argv, preexec_fn=without(call, command, error), text=True, capture_output=True, timeout=60)
    assert done.returncode == 1 and re.search(why, done.stderr), done
