# SPDX-License-Identifier: BSD-2-Clause
"""Why an SPI is whose it is: in the events of replay, and by spinat explain.

`spinat explain` is asked with a made-up spinatd behind the socket, which answers what the test wants; that
spinatd answers so is the matter of tests/unit/test_answer.c and tests/netns.
"""

import json
import random
import socket
import subprocess
import threading

import pytest
from harness import (A, B, C, CONF, IP, PUBLIC, R, SPINAT, esp, icmp_error, ikev2_setup, nat)

OUT, IN = 0xC0000001, 0xD0000001


def setup(*hosts):
    """IKE of these hosts with R, a second apart."""
    inside, outside = [], []
    for n, host in enumerate(hosts):
        more = ikev2_setup(host, R, 0x11 + n, 0x22 + n, start=n)
        inside += more[0]
        outside += more[1]
    return inside, outside


def answered(host, start=5.0, count=30, spi=IN):
    """R sends by an SPI of this host's, which answers each packet a millisecond later; times as a person's."""
    draw = random.Random(1)
    inside, outside, t = [], [], start
    for n in range(count):
        t += draw.uniform(.05, .6)
        outside.append((t, esp(R, PUBLIC, spi, n + 1)))
        inside.append((t + .001, esp(host, R, OUT, n + 1)))
    return inside, outside


def about(run, event, spi=IN):
    return [e for e in run.named(event, "flow") if e["kind"] == "esp-in" and e["spi"] == f"0x{spi:08x}"]


def claims_of(event):
    return {claim["inside"]: claim for claim in event["claims"]}


def test_sole_candidate_says_so():
    inside, outside = setup(A)
    more_in, more_out = answered(A)
    run = nat(CONF, inside + more_in, outside + more_out)
    (bound,), (confirmed,) = about(run, "bound"), about(run, "confirmed")
    assert bound["text"] == bound["why"] == "the only host here that may own it"
    assert confirmed["text"] == "the only host that may own it has answered"
    assert confirmed["copies"] == 0 and confirmed["candidates"] == 1


def test_two_clients_of_one_remote():
    """B's SPI, which B answers: A gets copies until that is certain, and is then out."""
    inside, outside = setup(A, B)
    more_in, more_out = answered(B)
    run = nat(CONF, inside + more_in, outside + more_out)
    bound, (confirmed,) = about(run, "bound"), about(run, "confirmed")
    assert bound[0]["text"] == "of several hosts that may own it, what is known speaks most for this one"
    assert bound[0]["state"] == "probation"
    assert confirmed["state"] == "confirmed" and confirmed["inside"]["address"] == B
    assert confirmed["text"] == confirmed["why"] == (
        "of several hosts that might own it, traffic told that it is this one's")
    assert confirmed["candidates"] == 2 and confirmed["sequence"] > 1
    claims = claims_of(confirmed)
    assert set(claims) == {A, B}
    assert claims[B]["holds"] and claims[B]["owner"] and not claims[A]["owner"]
    for claim in claims.values():
        assert claim["score"] == sum(claim["rows"].values()) and 0 not in claim["rows"].values()
    assert claims[B]["score"] - claims[A]["score"] >= 20
    assert claims[B]["sent"] > 0 and claims[A]["sent"] == 0
    assert set(claims[B]["rows"]) & {"answers", "onset", "alone"}, "traffic, as the text says"
    # What was copied is what arrived twice: each copy to A or B, and none once it is certain.
    copied = sum(claim["copies"] for claim in claims.values())
    assert confirmed["copies"] == copied == run.summary["emitted"] > 0
    assert sum(p[IP].proto == 50 for p in run.to_inside) == len(more_out) + copied


def test_refuted_says_who():
    """C answers ICMP protocol unreachable to what it got: C is out, and the event names it."""
    inside, outside = setup(A, B, C)
    outside += [(6 + n / 10, esp(R, PUBLIC, IN, n + 1)) for n in range(4)]
    got = esp(R, C, IN, 1)
    inside.append((6.15, icmp_error(C, R, got, type=3, code=2, keep=8)))
    run = nat(CONF, inside, outside)
    (event,) = about(run, "refuted")
    assert event["by"] == C
    assert event["text"] == "an inside host said that it does not own this SPI"
    assert claims_of(event)[C]["refuted"]
    assert not claims_of(event)[A]["refuted"] and not claims_of(event)[B]["refuted"]
    assert [e for e in run.events if "by" in e] == [event]
    assert sum(p[IP].dst == C and p[IP].proto == 50 for p in run.to_inside) == 2


def test_doubted():
    """Its sequence numbers fall back: perhaps another host has chosen the same SPI."""
    inside, outside = setup(A, B)
    more_in, more_out = answered(B)
    outside += more_out + [(60, esp(R, PUBLIC, IN, 9000)), (61, esp(R, PUBLIC, IN, 1))]
    run = nat(CONF, inside + more_in, outside)
    (event,) = about(run, "doubted")
    assert event["why"].startswith("in doubt: its sequence numbers fell back")
    assert event["state"] == "probation" and event["claims"] == []


def test_outbound_says_why_and_sessions_do_not():
    inside, outside = setup(A)
    run = nat(CONF, inside + [(5, esp(A, R, OUT, 7))], outside)
    (out,) = [e for e in run.created() if e["kind"] == "esp-out"]
    assert out["why"] == "learnt from the inside host's own packet"
    assert "copies" not in out and "candidates" not in out and "claims" not in out


# ------------------------------------------------------------- the command

HOST1, HOST2, HOST3, HOST4 = (f"192.168.1.{n}" for n in (10, 11, 12, 13))
GATEWAY, OUTSIDE = "198.51.100.10", "203.0.113.1"


def end(address):
    return {"address": address, "port": 0}


def spi(number, inside, kind="esp-in", **more):
    side = "inside" if kind == "esp-out" else "outside"
    return {"flow": {"id": number, "kind": kind, "spi": f"0x{number:08x}", "inside": end(inside),
                     "public": end(OUTSIDE), "remote": end(GATEWAY), "state": "confirmed", "age_ms": 16_000,
                     "packets": {"inside": 0, "outside": 0, side: 1234}, "why": "because", "copies": 0, **more}}


def peer(inside, candidate=True, why="IKE is established"):
    return {"peer": {"id": 1, "inside": inside, "public": OUTSIDE, "remote": GATEWAY, "candidate": candidate,
                     "why": why}}


def row(name, weight):
    return {"row": name, "weight": weight, "text": f"it {name}{weight:+d}"}


def claim(number, inside, holder, rows=(), **more):
    return {"claim": {"flow": number, "spi": f"0x{number:08x}", "inside": inside, "remote": GATEWAY,
                      "public": OUTSIDE, "holder": holder, "state": "confirmed", "holds": inside == holder,
                      "owner": inside == holder, "refuted": False, "refuted_ms": None, "gone": False,
                      "agreed_before_ms": None, "copies": 0, "rows": list(rows),
                      "score": sum(one["weight"] for one in rows), **more}}


ANSWER = [
    spi(0x8F92, HOST1, copies=18, why="traffic told"),
    spi(0xA287, HOST1, "esp-out", state="paired", why="learnt"),
    claim(0x8F92, HOST3, HOST1, refuted=True, refuted_ms=3400),
    claim(0x8F92, HOST2, HOST1, [row("expected", -20)], copies=18),
    claim(0x8F92, HOST1, HOST1, [row("expected", 20), row("answers", 18)], agreed_before_ms=3000),
    claim(0x8F92, HOST4, HOST1, gone=True),
    peer(HOST2, False, "it uses NAT traversal"),
    peer(HOST1),
]


def ask(tmp_path, what, answer, *options):
    """Runs spinat explain; gives it, and the request that it made."""
    path, requests = tmp_path / "socket", []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    server.settimeout(10)

    def serve():
        client, _ = server.accept()
        with client, client.makefile("rw") as stream:
            requests.append(json.loads(stream.readline()))
            for line in [*answer, {"end": {"count": len(answer)}}]:
                stream.write(json.dumps(line) + "\n")

    thread = threading.Thread(target=serve)
    thread.start()
    done = subprocess.run([SPINAT, "explain", what, "-s", path, *options], capture_output=True, text=True, timeout=10)
    thread.join()
    server.close()
    path.unlink()
    return done, requests[0]


def test_explains_an_spi(tmp_path):
    done, request = ask(tmp_path, "0x8f92", ANSWER)
    assert (done.returncode, done.stderr) == (0, "") and request == {"explain": "0x8f92"}
    text = done.stdout
    assert f"0x00008f92 from {GATEWAY} goes to {HOST1}: confirmed, 16s old, 1.23k packets: traffic told." in text
    assert f"{HOST1}       38  expected +20 (3s before), answers +18\n" in text
    assert f"{HOST2}      -20  expected -20; got 18 copies\n" in text
    assert f"{HOST3}     refuted 3s ago: it said that it does not own this SPI\n" in text
    assert f"{HOST4}     its association has ended\n" in text
    assert text.index(f"    {HOST1} ") < text.index(f"    {HOST2} ") < text.index(f"    {HOST3} ")
    assert f"{HOST1} is a candidate for an unknown SPI of {GATEWAY}: IKE is established." in text
    assert f"{HOST2} is no candidate for an unknown SPI of {GATEWAY}: it uses NAT traversal." in text
    assert "  expected    it expected-20\n" in text and "  answers     it answers+18\n" in text


def test_explains_a_host(tmp_path):
    done, _ = ask(tmp_path, HOST1, ANSWER)
    assert done.returncode == 0
    assert f"{HOST1} with {GATEWAY} through {OUTSIDE}\n" in done.stdout
    assert f"0x0000a287 from {HOST1} goes to {GATEWAY}: paired, 16s old, 1.23k packets: learnt." in done.stdout
    assert "a remote of" not in done.stdout and "also might own" not in done.stdout


def test_explains_what_a_host_might_own_of_others(tmp_path):
    done, _ = ask(tmp_path, HOST2, ANSWER)
    assert f"{HOST2} also might own, or have owned\n  0x00008f92 from {GATEWAY}, which goes to {HOST1} (confirmed)\n" \
        in done.stdout


def test_explains_a_remote(tmp_path):
    done, _ = ask(tmp_path, GATEWAY, [*ANSWER, spi(0x8F93, HOST2, state="probation", copies=2)])
    assert done.stdout.startswith(f"{GATEWAY}, a remote of 2 inside hosts: it sends with 2 SPIs, 1 of them in "
                                  "probation; 20 copies were made.\n")


def test_explains_one_peer_per_address(tmp_path):
    shown = {"endings": 3, "ended": HOST2, "rival": HOST1, "ended_ms": 65_000}
    answer = [peer(HOST2), peer(HOST1)]
    answer[0]["peer"] |= {"one_peer": shown, "moved": True}
    answer[1]["peer"] |= {"one_peer": shown, "moved": False}
    done, _ = ask(tmp_path, GATEWAY, answer)
    text = " ".join(done.stdout.split())
    assert text.count(f"{GATEWAY} serves one peer per address, it seems: 3 times it ended the session of one inside host "
                      f"as that of another began, last that of {HOST2}, 1m5s ago, as {HOST1} began.") == 1
    assert "more public addresses" in text and "NAT traversal" in text and "different identities" in text
    assert text.count(f"It goes through {OUTSIDE}, not through the public address of all else of {HOST2}") == 1
    assert f"all else of {HOST1}" not in text
    answer[0]["peer"] |= {"one_peer": None, "moved": False}
    assert "one peer per address" not in ask(tmp_path, GATEWAY, answer[:1])[0].stdout


def test_explains_for_machines(tmp_path):
    done, _ = ask(tmp_path, GATEWAY, ANSWER, "--json")
    got = json.loads(done.stdout)
    assert {name: len(got[name]) for name in ("associations", "ikes", "spis", "claims")} == \
        {"associations": 2, "ikes": 0, "spis": 2, "claims": 4}
    assert got["explain"] == GATEWAY and got["spis"][0] == ANSWER[0]["flow"] and got["claims"][0] == ANSWER[2]["claim"]


@pytest.mark.parametrize("what, says", [("10.9.9.9", "neither an inside host"), ("0xabcdef01", "no SPI 0xabcdef01")])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_unknown(tmp_path, what, says, options):
    done, _ = ask(tmp_path, what, [], *options)
    assert done.returncode == 1
    assert says in done.stderr and "spinat show ipsec" in done.stderr
    assert (json.loads(done.stdout)["spis"] == []) if options else done.stdout == ""


@pytest.mark.parametrize("words", [[], ["10.0.0"], ["1234"], ["0x123456789"], ["10.0.0.1", "10.0.0.2"], ["--what"]])
def test_wrong_call(words):
    done = subprocess.run([SPINAT, "explain", *words], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "0x8f922251" in done.stderr and done.stdout == ""
