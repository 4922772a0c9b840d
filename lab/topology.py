"""The hosts of the lab and the wires between them.

      inside network 192.168.1.0/24            one public address            "the internet"

   c1    .10 ---+                                                                  +--- g1     198.51.100.10
   ...          |                192.168.1.1        203.0.113.1                    +--- g2     198.51.100.20
   c5    .14 ---+                                                                  |
                +--[ lan ]--- in: gw :out ----------------- pub: router :net --[ net ]
   host  .20 ---+                 the NAT           203.0.113.254    198.51.100.1  +--- server 198.51.100.80
   host2 .21 ---+                 under test

   c1 ... c5    IPsec clients, inside        (inner addresses 10.1.0.1 ... 10.1.0.5)
   g1 g2        IPsec gateways, outside      (inner addresses 10.2.0.1, 10.2.0.2)
   host host2   ordinary inside hosts; server is an ordinary outside host (http, dns)

Each name is a network namespace.  [ lan ] and [ net ] are bridges in one more namespace, `wires`, which has no
addresses and forwards nothing above the link layer.  The IPsec hosts are either namespaces like the rest
(`peers="netns"`) or live in the user-mode-linux guest and meet the bridges through taps (`peers="guest"`);
`wires` then also holds the tap `mgmt` that carries commands into the guest.

192.0.2.1 is a second public address, which no interface has: the provider routes it to the gateway.  A NAT that cannot
share the gateway's own address (a TUN device) uses that one.

Nothing has a route to 192.168.1.0/24 outside the gateway, as on the real internet: what leaves untranslated is lost,
and seen by a capture on router:pub.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.netns import Namespace
from lab.run import Run

INSIDE_NET = "192.168.1.0/24"
PUBLIC = "203.0.113.1"
ROUTED = "192.0.2.1"
INSIDE_IF = "in"
OUTSIDE_IF = "out"
MGMT_HOST = "169.254.77.1"
MGMT_GUEST = "169.254.77.2"


@dataclass(frozen=True)
class Host:
    """Where one host stands: its role, the bridge it hangs on, its address and default route."""

    role: str
    bridge: str
    address: str
    router: str
    inner: str | None = None


def _inside(role: str, last: int, inner: str | None = None) -> Host:
    return Host(role, "lan", f"192.168.1.{last}", "192.168.1.1", inner)


def _outside(role: str, last: int, inner: str | None = None) -> Host:
    return Host(role, "net", f"198.51.100.{last}", "198.51.100.1", inner)


CLIENTS = tuple(_inside(f"c{number}", 9 + number, f"10.1.0.{number}") for number in range(1, 6))
GATEWAYS = (_outside("g1", 10, "10.2.0.1"), _outside("g2", 20, "10.2.0.2"))
PEERS = {host.role: host for host in CLIENTS + GATEWAYS}
ORDINARY = {h.role: h for h in (_inside("host", 20), _inside("host2", 21), _outside("server", 80))}
HOSTS = PEERS | ORDINARY


class Topology:
    """Builds the drawing above; `peers` says where the IPsec hosts live."""

    def __init__(self, run: Run, peers: str) -> None:
        assert peers in ("guest", "netns")
        self.run = run
        self.peers = peers
        self.wires = Namespace(run, "wires")
        self.gw = Namespace(run, "gw")
        self.router = Namespace(run, "router")
        self._bridges()
        self._gateway()
        self.spaces: dict[str, Namespace] = {}
        here = ORDINARY if peers == "guest" else HOSTS
        for host in here.values():
            self._host(host)
        if peers == "guest":
            self._taps()
        self._finish_checksums()

    def __getitem__(self, role: str) -> Namespace:
        return self.spaces[role]

    def _bridges(self) -> None:
        self.wires.ip(
            "link add lan type bridge stp_state 0 forward_delay 0",
            "link add net type bridge stp_state 0 forward_delay 0",
            "link set lan up",
            "link set net up",
        )
        # The wires are only wires: no firewall looks at what crosses a bridge.
        self.wires.run("sysctl", "-q", "-e", "-w", "net.bridge.bridge-nf-call-iptables=0", check=False)

    def _port(self, space: Namespace, name: str, bridge: str, port: str) -> None:
        """A cable from interface `name` of a namespace to a bridge port."""
        self.wires.ip(
            f"link add {port} type veth peer name {name} netns {space.name}",
            f"link set {port} master {bridge} up",
        )

    def _gateway(self) -> None:
        self._port(self.gw, INSIDE_IF, "lan", "lan-gw")
        self._port(self.router, "net", "net", "net-router")
        self.gw.ip(f"link add {OUTSIDE_IF} type veth peer name pub netns {self.router.name}")
        self.gw.ip(
            f"addr add 192.168.1.1/24 dev {INSIDE_IF}",
            f"addr add {PUBLIC}/24 dev {OUTSIDE_IF}",
            f"link set {INSIDE_IF} up",
            f"link set {OUTSIDE_IF} up",
        )
        self.router.ip(
            "addr add 203.0.113.254/24 dev pub",
            "addr add 198.51.100.1/24 dev net",
            "link set pub up",
            "link set net up",
        )
        self.gw.ip("route add default via 203.0.113.254")
        self.router.ip(f"route add {ROUTED}/32 via {PUBLIC}")
        for space in (self.gw, self.router):
            space.sysctl(net__ipv4__ip_forward=1)
        # A gateway that answers "use another way" would spoil the inside hosts' routes.
        self.gw.sysctl(net__ipv4__conf__all__send_redirects=0, net__ipv4__conf__in__send_redirects=0)

    def _host(self, host: Host) -> None:
        space = Namespace(self.run, host.role)
        self.spaces[host.role] = space
        self._port(space, "eth0", host.bridge, f"{host.bridge}-{host.role}")
        lines = [
            f"addr add {host.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {host.router}",
        ]
        if host.inner is not None:
            lines.append(f"addr add {host.inner}/32 dev lo")
        space.ip(*lines)

    def _taps(self) -> None:
        lines: list[str] = []
        for host in PEERS.values():
            lines += [
                f"tuntap add dev tap-{host.role} mode tap",
                f"link set tap-{host.role} master {host.bridge} up",
            ]
        lines += [
            "tuntap add dev mgmt mode tap",
            f"addr add {MGMT_HOST}/30 dev mgmt",
            "link set mgmt up",
        ]
        self.wires.ip(*lines)

    def _finish_checksums(self) -> None:
        """A real cable carries finished checksums and packets of its own size; so do these.

        (user-mode-linux hands over packets whose checksum the "device" should still compute, and so does veth:
        without this a NAT would be judged by packets that no wire ever carries.)
        """
        if self.peers == "guest":
            self.wires.run("ethtool", "-K", "lan-gw", "tx", "off")
            self.wires.run("ethtool", "-K", "net-router", "tx", "off")
        # What the wires have made large (GRO, which XDP needs) comes to a host in packets of its own size again.
        for role in self.spaces:
            self.wires.run("ethtool", "-K", f"{HOSTS[role].bridge}-{role}", "tx", "off")
        self.offloads(False)

    def offloads(self, enabled: bool) -> None:
        """Checksum and segmentation offload on the namespaces' interfaces: off as on a wire, on as veth has it."""
        state = "on" if enabled else "off"
        settings = [word for feature in ("tx", "tso", "gso", "gro") for word in (feature, state)]
        ends = [(space, "eth0") for space in self.spaces.values()]
        ends += [(self.gw, INSIDE_IF), (self.gw, OUTSIDE_IF), (self.router, "pub"), (self.router, "net")]
        for space, interface in ends:
            space.run("ethtool", "-K", interface, *settings)

    def let_hosts_offload(self) -> None:
        """Large packets with unfinished checksums come to the gateway from its hosts, and are made of small ones (GRO)
        that come from outside; what leaves it, or its provider's router, is as on a wire, so that captures can judge."""
        self.offloads(True)
        for space, interface in ((self.gw, INSIDE_IF), (self.gw, OUTSIDE_IF), (self.router, "pub"), (self.router, "net")):
            space.run("ethtool", "-K", interface, "tx", "off")
        for space in self.spaces.values():
            space.run("ethtool", "-K", "eth0", "gro", "off")

    def make_xdp_possible(self, enabled: bool) -> None:
        """A program at XDP sends frames to a veth only if the other end takes them: with GRO, it does.

        It sees a VLAN's tag only if the other end puts it into the frame, as on a wire, and not beside it.
        """
        for space, interface in ((self.wires, "lan-gw"), (self.router, "pub")):
            settings = ("gro", "on", "txvlan", "off") if enabled else ("gro", "off", "txvlan", "on")
            space.run("ethtool", "-K", interface, *settings)
