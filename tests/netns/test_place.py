"""Where the fast path is, or why there is none: said in the log and by `spinat show datapath`."""

from __future__ import annotations

import re

import pytest
from conftest import Start

from lab.topology import Topology

BACKENDS = ["bpf"]
UNFINISHED = "is no hardware, and its senders may leave checksums unfinished"
DROPS = "drops what XDP gives it to send"


def test_auto_takes_tc_on_a_veth(topology: Topology, start: Start) -> None:
    nat = start(backend="auto")
    why = nat.show_json("stats")["fast_path"]["why"]
    assert re.fullmatch(rf"in \(veth\) {UNFINISHED}.*; out \(veth\) {UNFINISHED}[^;]*", why), why
    assert f"the fast path is at tc: {why}" in nat.said()
    shown = nat.show("datapath")
    assert "fast path at tc between in and out" in shown and f"against XDP: {why}" in shown


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
