"""vpnc: an IPsec client that shares no code with the others: IKEv1 in aggressive mode with XAUTH, and ESP of its own.

It needs UDP port 500 and takes every ESP packet of its host by a raw socket, so it lives on c4 and c5, the hosts whose
plutos few cases need.  The gateway is libreswan, which gives the client its inner address (10.3.x.x).  The client's
kernel knows nothing of its SAs, so whose an inbound SPI is only the pings can tell.
"""

from __future__ import annotations

import time

from lab.connections import SECRET, VPNC
from lab.probes import Count, ping_between
from lab.scene import Case, Scene
from lab.topology import PEERS
from lab.together import together
from lab.world import World

GATEWAY = "g1"
CONFIGURATION = """IPSec gateway {gateway}
IPSec ID {group}
IPSec secret {secret}
Xauth username {host}
Xauth password none
NAT Traversal Mode none
Local Port 500
IKE DH Group dh5
Perfect Forward Secrecy nopfs
DPD idle timeout (our side) 0
Enable weak encryption
Interface name tun0
Script /bin/sh /mnt/vpnc-script
Pidfile /run/vpnc-{host}.pid
"""
SCRIPT = """case "$reason" in
connect)
    ip link set "$TUNDEV" up mtu 1400
    ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
    ip route add {inner}/32 dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
    echo "address $INTERNAL_IP4_ADDRESS" ;;
esac
"""


class Vpnc:
    """One client, connected from construction until `close`."""

    def __init__(self, world: World, host: str, timeout: float = 15) -> None:
        self.host = host
        self.address = ""  # the inner one; empty when it did not connect
        self._world = world
        share = world.guest.share
        (share / "vpnc-script").write_text(SCRIPT.format(inner=PEERS[GATEWAY].inner))
        configuration = CONFIGURATION.format(gateway=PEERS[GATEWAY].address, secret=SECRET, host=host, group=VPNC[host])
        (share / f"vpnc-{host}.conf").write_text(configuration)
        world.pluto.stop(host)
        log = f"vpnc-{host}.{time.monotonic_ns()}.log"
        self._pid = world.guest.start(host, "vpnc", "--no-detach", f"/mnt/vpnc-{host}.conf", log=log)
        self._log = share / log
        end = time.monotonic() + timeout
        while not self.address and time.monotonic() < end:
            for line in self._log.read_text(errors="replace").splitlines():
                if line.startswith("address "):
                    self.address = line.split()[1]
            time.sleep(0.1)

    def close(self) -> None:
        """End it; it tells the gateway."""
        self._world.guest.run(self.host, "kill", str(self._pid))

    def ping(self, when: str = "") -> Count:
        """Five pings to the gateway."""
        target = str(PEERS[GATEWAY].inner)
        label = f"{self.host}>{GATEWAY} {when}".rstrip()
        return ping_between(self._world.guest, self.host, self.address, target, label)

    def pinged(self, when: str = "") -> Count:
        """Five pings from the gateway."""
        label = f"{GATEWAY}>{self.host} {when}".rstrip()
        return ping_between(self._world.guest, GATEWAY, str(PEERS[GATEWAY].inner), self.address, label)


def _two(scene: Scene) -> None:
    pluto = scene.world.pluto
    pluto.ensure(GATEWAY)
    pluto.load(GATEWAY, *VPNC.values())
    clients = together(lambda host=host: Vpnc(scene.world, host) for host in VPNC)  # type: ignore[misc]
    try:
        for client in clients:
            scene.check(f"vpnc of {client.host} connected", bool(client.address))
        if all(client.address for client in clients):
            for one in together(client.ping for client in clients):
                scene.add(one)
            for one in together(client.pinged for client in clients):
                scene.add(one)
    finally:
        for client in clients:
            client.close()
        # (pluto 4.10 tends to crash as such clients leave, so it starts anew with the next case)
        pluto.crash(GATEWAY)


CASE = Case("vpnc", "two vpnc at one gateway", _two, special=True)
