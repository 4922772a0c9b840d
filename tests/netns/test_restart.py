"""Stop and start, crash and start: what the outside sends next reaches its host, though nobody inside has spoken."""

from __future__ import annotations

import re
import sqlite3
import time
from typing import Callable

import pytest
from conftest import Start
from esp_host import CBC, GCM, EspHost, connect, speak_first
from ike_end import IkeEnd, establish
from wire import watch, wrong_checksums

from lab.probes import ping_from as ping
from lab.spinatd import Spinatd
from lab.topology import Topology

Restart = Callable[[Spinatd], None]
SETTLE = 0.5  # seconds: more than the journal lags behind


def stop_and_start(spinat: Spinatd) -> None:
    """At once after the last packet: a clean stop writes all there is."""
    spinat.stop()
    spinat.start(resume=True)


def crash_and_start(spinat: Spinatd) -> None:
    time.sleep(SETTLE)
    spinat.kill()
    spinat.start(resume=True)


@pytest.fixture(params=[stop_and_start, crash_and_start], ids=["stop", "crash"])
def restart(request: pytest.FixtureRequest) -> Restart:
    return request.param  # type: ignore[no-any-return]


def test_the_gateway_speaks_first_after_a_restart(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str, restart: Restart
) -> None:
    """Two clients of two gateways; then each gateway pings first, and not one of its packets is lost."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    connect(peers["c2"], peers["g2"], public, 0x1002, 0x2002)
    assert ping(topology["c1"], "10.2.0.1") == ping(topology["c2"], "10.2.0.2") == 3
    restart(spinat)
    assert "tunnels back: 2 (IKE SAs: 0, SPIs out: 2, in: 2)" in spinat.said()
    with watch(topology, "ip proto 50") as wire:
        assert ping(topology["g1"], "10.1.0.1") == ping(topology["g2"], "10.1.0.2") == 3
    assert wrong_checksums(wire.packets) == [] and wire.leaked == []
    for role in ("c1", "c2", "g1", "g2"):
        assert set(peers[role].seen) <= {"sent", "accepted"}, peers[role].seen
    reasons = [one["reason"] for one in spinat.show_json("stats")["reasons"]]
    assert "esp-unknown" not in reasons and "esp-ambiguous" not in reasons


def has_state(spinat: Spinatd, spi: int, state: str) -> bool:
    """What is known of whose an inbound SPI is."""
    return [flow["state"] for flow in spinat.show_json("flows") if flow.get("spi") == f"0x{spi:08x}"] == [state]


def test_two_clients_of_one_gateway_after_a_restart(
    topology: Topology,
    spinat: Spinatd,
    peers: dict[str, EspHost],
    ike: dict[str, IkeEnd],
    public: str,
    restart: Restart,
) -> None:
    """Nothing but what was learnt tells their inbound SPIs apart."""
    for client, spi in (("c1", 0x2001), ("c2", 0x2002)):
        establish(ike, client, public, client.encode() * 4, b"gateway1")
        connect(peers[client], peers["g1"], public, spi - 0x1000, spi)
        assert ping(topology[client], "10.2.0.1") == 3
        # On a busy machine clocks tell less than on an idle one, and it takes more pings.
        for _ in range(10):
            assert ping(topology["g1"], {"c1": "10.1.0.1", "c2": "10.1.0.2"}[client]) == 3
            if has_state(spinat, spi, "confirmed"):
                break
    assert has_state(spinat, 0x2001, "confirmed") and has_state(spinat, 0x2002, "confirmed")
    copies = {role: peers[role].seen["unknown-spi"] for role in ("c1", "c2")}
    restart(spinat)
    assert ping(topology["g1"], "10.1.0.1") == ping(topology["g1"], "10.1.0.2") == 3
    for role in ("c1", "c2"):
        assert set(peers[role].seen) <= {"sent", "accepted", "unknown-spi"}, peers[role].seen
        assert peers[role].seen["unknown-spi"] == copies[role], "what was certain stays so"


def test_all_owners_of_an_spi_after_a_restart(
    topology: Topology,
    spinat: Spinatd,
    peers: dict[str, EspHost],
    ike: dict[str, IkeEnd],
    public: str,
    restart: Restart,
) -> None:
    """Two clients of one gateway chose the same SPI: both have it, before a restart and after."""
    spi, inner = 0x2001, {"c1": "10.1.0.1", "c2": "10.1.0.2"}
    establish(ike, "c1", public, b"client-1", b"gateway1")
    connect(peers["c1"], peers["g1"], public, 0x1001, spi, GCM)
    peers["g1"].out[inner["c1"]].seq_num = 9000  # it is in use for long
    assert ping(topology["g1"], inner["c1"], 5) == 5
    assert has_state(spinat, spi, "confirmed")
    establish(ike, "c2", public, b"client-2", b"gateway2")
    connect(peers["c2"], peers["g1"], public, 0x1002, spi, CBC)
    for _ in range(10):
        ping(topology["g1"], inner["c2"], 10)
        if has_state(spinat, spi, "shared"):
            break
    assert has_state(spinat, spi, "shared")
    restart(spinat)
    assert has_state(spinat, spi, "shared")
    for client in ("c1", "c2", "c1"):
        assert ping(topology["g1"], inner[client]) == 3


def test_ike_and_new_spis_after_a_restart(
    topology: Topology,
    spinat: Spinatd,
    peers: dict[str, EspHost],
    ike: dict[str, IkeEnd],
    public: str,
    restart: Restart,
) -> None:
    """Only IKE was seen: after the restart the gateway's DPD arrives, and so does the first ESP there ever was."""
    establish(ike, "c1", public, b"client-1", b"gateway1")
    restart(spinat)
    assert "tunnels back: 1 (IKE SAs: 1, SPIs out: 0, in: 0)" in spinat.said()
    sent = ike["g1"].send(public, b"client-1", b"gateway1", 37, 0x00)
    assert ike["c1"].receive() == sent
    speak_first(topology, peers, public)


def test_restart_after_restart(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str
) -> None:
    """A journal that was read back is written anew: each generation is as good as the first."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["c1"], "10.2.0.1") == 3
    for turn in (stop_and_start, crash_and_start, crash_and_start, stop_and_start):
        turn(spinat)
        assert "tunnels back: 1 " in spinat.said()
    assert ping(topology["g1"], "10.1.0.1") == 3


def test_stats_tell_of_the_journal(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str
) -> None:
    """Rows written, the last write, and what the start made of them, for people and for programs."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["c1"], "10.2.0.1") == 3
    time.sleep(SETTLE)
    got = spinat.show_json("stats")["journal"]
    assert got["path"] == str(spinat.journal) and got["rows_written"] >= 2 and 0 <= got["last_write_ms"] < 10000
    assert got["errors"] == 0 and got["behind"] is False and set(got["at_start"].values()) == {0}
    spinat.stop()
    with sqlite3.connect(spinat.journal) as database:
        database.execute("UPDATE record SET sequence = sequence + 1 WHERE spi = 0x2001")
    database.close()
    spinat.start(resume=True)
    got = spinat.show_json("stats")["journal"]["at_start"]
    assert got == {"back": 1, "run_out": 0, "elsewhere": 0, "no_room": 0, "damaged": 1}
    shown = spinat.show("stats")
    assert re.search(rf"^journal {spinat.journal}$", shown, re.MULTILINE)
    assert re.search(r"^  rows written +\d+", shown, re.MULTILINE)
    assert re.search(r"^  failed writes +0$", shown, re.MULTILINE)
    assert re.search(r"^  back at start +1 records$", shown, re.MULTILINE)
    assert re.search(r"^  damaged +1  refused$", shown, re.MULTILINE)
    assert "run out" not in shown


def test_without_a_journal_a_restart_forgets(
    topology: Topology, start: Start, peers: dict[str, EspHost], public: str
) -> None:
    """The control of the tests above."""
    spinat = start(journal="off")
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["c1"], "10.2.0.1") == 3
    stop_and_start(spinat)
    assert ping(topology["g1"], "10.1.0.1") == 0
    assert not spinat.journal.exists()
    assert spinat.show_json("stats")["journal"] is None
    assert "journal: none" in spinat.show("stats")


@pytest.mark.parametrize("damage", ["junk", "truncated", "empty", "flipped"])
def test_a_damaged_journal_is_set_aside(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str, damage: str
) -> None:
    """It starts, says so, keeps the damaged file, and the next restart is fine again."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["c1"], "10.2.0.1") == 3
    spinat.stop()
    whole = spinat.journal.read_bytes()
    spinat.journal.write_bytes(
        {
            "junk": bytes(range(256)) * 64,
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "flipped": whole[:4096] + bytes(byte ^ 0x55 for byte in whole[4096:8192]) + whole[8192:],
        }[damage]
    )
    spinat.start(resume=True)
    log = spinat.said()
    kept = list(spinat.dir.glob("journal.db.damaged-*"))
    if damage == "empty":  # nothing is wrong with it
        assert kept == [] and "holds nothing to bring back" in log
    else:
        assert len(kept) == 1 and f"was damaged and is now {kept[0]}" in log
    assert ping(topology["c1"], "10.2.0.1") == 3
    stop_and_start(spinat)
    assert ping(topology["g1"], "10.1.0.1") == 3


def test_the_journal_is_its_owner_s_alone(spinat: Spinatd) -> None:
    time.sleep(SETTLE)
    for path in spinat.dir.glob("journal.db*"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    # Another one does not start to write into it, nor refuse to start.
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(spinat.journal, timeout=0).execute("SELECT * FROM record").fetchall()


def test_an_unusable_journal_is_no_obstacle(topology: Topology, start: Start) -> None:
    spinat = start(journal="/proc/spinat/journal.db")
    assert re.search(r"journal: /proc/spinat.*going on without a journal", spinat.said())
