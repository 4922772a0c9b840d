"""What runs inside the user-mode-linux guest: its init (process 1) and its command server.

Started by the guest's kernel as `python3 -I -S agent.py CONFIG`; imports nothing of the lab, because the guest sees
the host's files but is another machine.  One process does everything that would otherwise cost an exec each
(0.05 to 0.3 s here): mounts, kernel modules, namespaces.

The command server listens on the management address; one connection carries one JSON request in a line and one JSON
answer in a line.  Each is served by a thread which first enters the namespace of the host it is for, so that commands
for several hosts run at the same time:

    {"do": "run", "host": "c1", "argv": [...], "timeout": 10}         -> {"code": 0, "out": "...", "err": "..."}
    {"do": "start", "host": "c1", "argv": [...], "log": "/mnt/x.log"} -> {"pid": 17}
    {"do": "transfer", "from": "c1", "to": "g1", "source": "10.1.0.1", "target": "10.2.0.1", "bytes": 1000000}
                                                     -> {"seconds": 0.1, "bytes": 1000000, "same": true}
    {"do": "ipsec"}        -> {"c1": {"sas": [["192.168.1.10", "198.51.100.10", 256]], "counters": {...}}, ...}
    {"do": "ping"}                                                    -> {"up": 3.1}
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from typing import Any, Callable, TypeVar

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent_xfrm  # noqa: E402

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")
namespaces: dict[str, int] = {}
watches: dict[str, agent_xfrm.SaWatch] = {}


def check(result: int, what: str) -> None:
    """Turn a libc call's -1 into an exception."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    check(
        libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()),
        f"mount {target}",
    )


def load_module(path: str) -> None:
    """finit_module(2); a module that is there already (or built in) is fine."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.syscall(313, descriptor, b"", 0) != 0 and ctypes.get_errno() != 17:
            check(-1, path)
    finally:
        os.close(descriptor)


def ip(lines: list[str], space: str | None = None) -> None:
    """A batch of `ip` commands in one process."""
    where = [] if space is None else ["-n", space]
    subprocess.run(
        ["/usr/sbin/ip", *where, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True
    )


def make_namespace(name: str) -> None:
    """A network namespace known both to us (by descriptor) and to `ip netns` (by name)."""

    def body() -> None:
        check(libc.unshare(CLONE_NEWNET), "unshare")
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        path = f"/run/netns/{name}"
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY))
        mount(own, path, "none", MS_BIND)
        namespaces[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if name not in namespaces:
        raise RuntimeError(f"no namespace {name}")


def enter(host: str) -> None:
    """Move the calling thread (and whatever it starts) into a host's namespace."""
    if host:
        check(libc.setns(namespaces[host], CLONE_NEWNET), f"setns {host}")


def within(host: str, function: Callable[[], T]) -> T:
    """Call a function in a host's namespace (in a thread, which moves there for good)."""
    result: list[T] = []

    def body() -> None:
        enter(host)
        result.append(function())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if not result:
        raise RuntimeError(f"{function} failed on {host}")
    return result[0]


def set_up(config: dict[str, Any]) -> None:
    """Bring the machine up: file systems, modules, one namespace per IPsec host, addresses."""
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/tmp", LC_ALL="C")
    mount("proc", "/proc", "proc")
    mount("sys", "/sys", "sysfs")
    mount("none", "/mnt", "hostfs", 0, config["share"])
    if not os.path.exists("/dev/urandom") or not os.path.ismount("/dev"):
        mount("dev", "/dev", "devtmpfs")
    for path in config["modules"]:
        load_module(path)
    with open("/proc/sys/kernel/modprobe", "w", encoding="ascii") as handle:
        handle.write("\n")  # everything is loaded: do not let the kernel exec a helper to find that out
    for path in ("/run", "/tmp", "/var/lib", "/var/log"):
        mount("tmpfs", path, "tmpfs")
    os.mkdir("/run/netns")
    root = [
        "link set lo up",
        f"addr add {config['mgmt']}/30 dev vec0",
        "link set vec0 up",
    ]
    for host in config["hosts"]:
        make_namespace(host["role"])
        root.append(f"link set {host['device']} netns {host['role']}")
    ip(root)
    for host in config["hosts"]:
        role = host["role"]
        ip(
            [
                f"link set {host['device']} name eth0",
                "link set lo up",
                f"addr add {host['address']}/24 dev eth0",
                f"addr add {host['inner']}/32 dev lo",
                "link set eth0 up",
                f"route add default via {host['router']}",
            ],
            role,
        )
        # The vector device leaves segmentation to a "card" that is only a tap.
        off = ["ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"]
        within(role, lambda: subprocess.run(off, check=True))
        watches[role] = within(role, agent_xfrm.SaWatch)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a command of one host to its end."""
    enter(request["host"])
    try:
        done = subprocess.run(
            request["argv"],
            input=request.get("stdin", ""),
            capture_output=True,
            text=True,
            timeout=request.get("timeout", 30),
        )
    except subprocess.TimeoutExpired as late:
        out, err = ((text or b"").decode() for text in (late.stdout, late.stderr))
        return {"code": -1, "out": out, "err": err + "\n(timed out)"}
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Start a daemon of one host."""
    enter(request["host"])
    with open(request["log"], "ab") as log:
        child = subprocess.Popen(
            request["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    threading.Thread(target=child.wait, daemon=True).start()
    return {"pid": child.pid}


def transfer(request: dict[str, Any]) -> dict[str, Any]:
    """Send bytes over TCP from one host to another; compare what arrived by SHA-256."""
    size = int(request["bytes"])
    block = hashlib.sha256(os.urandom(16)).digest() * 2048
    got = hashlib.sha256()
    arrived = 0
    failure: list[str] = []
    ready = threading.Event()
    port: list[int] = []

    def receive() -> None:
        nonlocal arrived
        try:
            enter(request["to"])
            with socket.create_server((request["target"], 0)) as server:
                server.settimeout(request.get("timeout", 30))
                port.append(server.getsockname()[1])
                ready.set()
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(request.get("timeout", 30))
                    while data := connection.recv(1 << 17):
                        got.update(data)
                        arrived += len(data)
                    connection.sendall(b"done")
        except OSError as error:
            failure.append(f"receiver: {error}")
            ready.set()

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    ready.wait()
    sent = hashlib.sha256()
    begin = time.monotonic()
    try:
        enter(request["from"])
        with socket.create_connection(
            (request["target"], port[0]),
            timeout=request.get("timeout", 30),
            source_address=(request["source"], 0),
        ) as connection:
            # If this fails, then for good: no retransmissions into the next case.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            left = size
            while left > 0:
                piece = block[:left]
                connection.sendall(piece)
                sent.update(piece)
                left -= len(piece)
            connection.shutdown(socket.SHUT_WR)
            if connection.recv(4) != b"done":
                failure.append("sender: no acknowledgement")
    except (OSError, IndexError) as error:
        failure.append(f"sender: {error}")
    receiver.join(request.get("timeout", 30))
    return {
        "seconds": time.monotonic() - begin,
        "bytes": arrived,
        "same": not failure and arrived == size and got.digest() == sent.digest(),
        "error": "; ".join(failure),
    }


def ipsec() -> dict[str, Any]:
    """What every host's kernel says of IPsec."""
    return {
        host: {"sas": watch.seen(), "counters": within(host, agent_xfrm.counters)} for host, watch in watches.items()
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """One request."""
    if request["do"] == "run":
        return run(request)
    if request["do"] == "start":
        return start(request)
    if request["do"] == "transfer":
        return transfer(request)
    if request["do"] == "ipsec":
        return ipsec()
    if request["do"] == "ping":
        return {"up": float(open("/proc/uptime", encoding="ascii").read().split()[0])}
    raise ValueError(f"unknown request {request['do']!r}")


def serve(connection: socket.socket) -> None:
    """One connection: a line in, a line out."""
    with connection, connection.makefile("rwb") as stream:
        try:
            reply = answer(json.loads(stream.readline()))
        except Exception:  # the caller shall see what went wrong in here
            reply = {"error": traceback.format_exc()}
        stream.write(json.dumps(reply).encode() + b"\n")


def main() -> None:
    """Set up, then serve for as long as the guest lives."""
    with open(sys.argv[1], encoding="utf-8") as handle:
        config = json.load(handle)
    set_up(config)
    with socket.create_server((config["mgmt"], config["port"]), backlog=64) as server:
        print("agent: ready", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        libc.reboot(0x4321FEDC)
