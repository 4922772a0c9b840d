"""What the machine must have for a part of the lab, and what it lacks: the reason a test is skipped."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.netns import Namespace
from lab.spinatd import build_dir

PROGRAMS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "tcpdump": "tcpdump",
    "ethtool": "ethtool",
    "ping": "iputils-ping",
    "busybox": "busybox-static",
    "curl": "curl",
    "dnsmasq": "dnsmasq-base",
    "tc": "iproute2",
}
PLUTO_PROGRAMS = {
    "/usr/libexec/ipsec/pluto": "libreswan",
    "certutil": "libnss3-tools",
}
GUEST_ONLY = {"linux.uml": "user-mode-linux", "vpnc": "vpnc"}


def _programs(wanted: dict[str, str]) -> list[str]:
    return [f"{name} (package {package})" for name, package in wanted.items() if shutil.which(name) is None]


def for_namespaces() -> list[str]:
    """What is lacking for namespaces; empty when nothing is."""
    lacking = [] if os.geteuid() == 0 else ["root"]
    return lacking + _programs(PROGRAMS)


def for_guest() -> list[str]:
    """What is lacking for the user-mode-linux guest."""
    lacking = for_namespaces() + _programs(GUEST_ONLY | PLUTO_PROGRAMS)
    if platform.machine() != "x86_64":
        lacking.append("an x86_64 machine (user-mode-linux)")
    if not os.path.exists("/dev/net/tun"):
        lacking.append("/dev/net/tun")
    if not any(Path("/usr/lib/uml/modules").glob("*/kernel/net/ipv4/esp4.ko")):
        lacking.append("the ESP module of user-mode-linux")
    return lacking


def for_vlans(space: Namespace, cable: str) -> list[str]:
    """What is lacking for VLAN devices: tried in a namespace."""
    done = space.run("ip", "link", "add", "link", cable, "name", "tried.1", "type", "vlan", "id", "1", check=False)
    if done.returncode != 0:
        return [f"VLAN devices (CONFIG_VLAN_8021Q): {done.stderr.strip()}"]
    space.ip("link del tried.1")
    return []


def for_spinatd() -> list[str]:
    """What is lacking to run spinatd."""
    built = build_dir()
    return [f"{built / name} (make build)" for name in ("spinatd", "spinat") if not (built / name).exists()]


def for_journal() -> list[str]:
    """What is lacking for a state that outlives spinatd: an option `journal PATH`."""
    if lacking := for_spinatd():
        return lacking
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as handle:
        handle.write("alias_address 203.0.113.1\ninterface out\njournal /run/spinat-journal\n")
        handle.flush()
        argv = [str(build_dir() / "spinat"), "check", "-f", handle.name]
        known = subprocess.run(argv, capture_output=True, check=False).returncode == 0
    return [] if known else ["a spinatd that knows the option `journal`"]


def for_pluto() -> list[str]:
    """What is lacking to run pluto in a plain namespace."""
    return _programs(PLUTO_PROGRAMS)
