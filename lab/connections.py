"""The connections of the lab, and libreswan's configuration of them.

No end point here helps the NAT: `encapsulation=no` and `nat-ikev1-method=none`, so IKE stays on UDP port 500 and ESP
stays IP protocol 50 even though the peers could see that there is a NAT.  The gateways accept any address (`%any`)
and know their clients by identity (`@c1`), as a gateway of road warriors does.

A connection is named client-gateway-version, `c1-g1-v2`; both ends know it by that name.  Its traffic selectors are the
two hosts' inner addresses.

`c2-g1-v1-natt` is one that does NAT traversal: the same client under another identity.  It is IKEv1 in aggressive mode,
because a gateway chooses a connection by what it sees in the first message, and here that must tell it apart: in IKEv2
libreswan would answer all clients of one public address as it did the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.topology import CLIENTS, GATEWAYS, PEERS

SECRET = "the secret of a lab where nothing is secret"
VERSIONS = ("v1", "v2")

SETUP = """version 2.0
config setup
    uniqueids=no
    nhelpers=0
    ikev1-policy=accept
"""
CONN = """
conn {name}
    auto=add
    left={left}
    leftid=@{left_id}
    leftsubnet={left_inner}/32
    leftupdown=%disabled
    right={right}
    rightid=@{right_id}
    rightsubnet={right_inner}/32
    rightupdown=%disabled
    authby=secret
    type=tunnel
    ikev2={ikev2}
    encapsulation={encapsulation}
    nat-ikev1-method={method}
    aggressive={aggressive}
    mobike=no
    ike={ike}
    esp={esp}
    rekey=yes
    keyingtries=1
"""


# What the gateways have for vpnc (see vpnc.py), by client: loaded by the case that uses it.  Each client has a group of
# its own, for the gateway gives all of one group and one public address the same inner address.
VPNC = {"c4": "vpnc-c4", "c5": "vpnc-c5"}
VPNC_CONN = """
conn {name}
    auto=ignore
    left={left}
    leftid=@{left_id}
    leftsubnet=0.0.0.0/0
    leftupdown=%disabled
    leftxauthserver=yes
    leftmodecfgserver=yes
    right=%any
    rightid=@[{name}]
    rightaddresspool=10.3.{number}.1-10.3.{number}.9
    rightupdown=%disabled
    rightxauthclient=yes
    rightmodecfgclient=yes
    modecfgpull=yes
    xauthby=alwaysok
    authby=secret
    type=tunnel
    ikev2=no
    encapsulation=no
    nat-ikev1-method=none
    aggressive=yes
    ike=3des-sha1;modp1536
    esp=aes128-sha1
    pfs=no
    rekey=no
"""


@dataclass(frozen=True)
class Conn:
    """One connection between a client and a gateway."""

    client: str
    gateway: str
    version: str
    natt: bool = False

    def __str__(self) -> str:
        return f"{self.client}-{self.gateway}-{self.version}" + ("-natt" if self.natt else "")

    @property
    def identity(self) -> str:
        """The client's name."""
        return self.client + ("-natt" if self.natt else "")


CONNS = tuple(Conn(c.role, g.role, version) for c in CLIENTS for g in GATEWAYS for version in VERSIONS) + (
    Conn("c2", "g1", "v1", natt=True),
)


def of(host: str) -> list[Conn]:
    """The connections a host has an end of."""
    return [conn for conn in CONNS if host in (conn.client, conn.gateway)]


def configuration(host: str) -> str:
    """A host's ipsec.conf."""
    text = SETUP
    for conn in of(host):
        client = host == conn.client
        other = conn.gateway if client else conn.client
        text += CONN.format(
            name=conn,
            left=PEERS[host].address,
            left_id=conn.identity if client else host,
            left_inner=PEERS[host].inner,
            right=PEERS[other].address if client else "%any",
            right_id=other if client else conn.identity,
            right_inner=PEERS[other].inner,
            ikev2="insist" if conn.version == "v2" else "no",
            encapsulation="auto" if conn.natt else "no",
            method="rfc" if conn.natt else "none",
            aggressive="yes" if conn.natt else "no",
            ike="aes256-sha2_256;modp2048",
            esp="aes_gcm256" if conn.version == "v2" else "aes128-sha1",
        )
    if host in {gateway.role for gateway in GATEWAYS}:
        for number, name in enumerate(VPNC.values()):
            text += VPNC_CONN.format(name=name, number=number, left=PEERS[host].address, left_id=host)
    return text
