"""The kernel's own NAT, `iptables -j MASQUERADE`: the contrast."""

from __future__ import annotations

from lab.nat import DEFAULT, Nat, Timers
from lab.topology import INSIDE_NET, OUTSIDE_IF, Topology

KEYS = ("generic_timeout", "udp_timeout", "udp_timeout_stream")


class Masquerade(Nat):
    """netfilter's MASQUERADE with its defaults."""

    name = "masquerade"

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self._defaults = {key: self._read(key) for key in KEYS}

    def _read(self, key: str) -> str:
        return self.gw.run("sysctl", "-n", f"net.netfilter.nf_conntrack_{key}").stdout.strip()

    def start(self, timers: Timers = DEFAULT) -> None:
        self.timers = timers
        values = dict(self._defaults)
        if timers.esp is not None:
            values["generic_timeout"] = str(timers.esp)
        if timers.udp is not None:
            values["udp_timeout"] = values["udp_timeout_stream"] = str(timers.udp)
        self.gw.run("sysctl", "-q", "-w", *(f"net.netfilter.nf_conntrack_{k}={v}" for k, v in values.items()))
        self.gw.run(*self._rule("-A"))

    @staticmethod
    def _rule(verb: str) -> list[str]:
        rule = f"iptables -t nat {verb} POSTROUTING -s {INSIDE_NET} -o {OUTSIDE_IF} -j MASQUERADE"
        return rule.split()

    def stop(self) -> None:
        self.gw.run(*self._rule("-D"), check=False)
        self.gw.run("conntrack", "-F", check=False)

    def show(self) -> str:
        listed = self.gw.run("conntrack", "-L", check=False).stdout.splitlines()
        return "\n".join(line for line in listed if " 50 " in line or "port=500 " in line)
