"""The fast path on kernels that are not this machine's: each boots once, and runs everything.

A kernel that lacks something is told from one that does what it should not: the daemon's probe names it, and then
nothing but that is tested.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Callable

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from guest import Kernel, NoKernel, Result, lacking  # noqa: E402

from lab import need  # noqa: E402
from lab.spinatd import build_dir  # noqa: E402

PROGRAMS = ("probe", "clsact", "verifier", "differential")
NETNS = "known_flows or crash"
Results = dict[str, Result]


def commands() -> dict[str, str]:
    build = shlex.quote(str(build_dir()))
    netns = f"cd {shlex.quote(str(ROOT))} && SPINAT_BUILD={build} PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1"
    pytest_netns = "-m pytest -v --color=no -p no:cacheprovider tests/netns/test_fast_path.py"
    return {
        "uname": "uname -r",
        **{name: f"CMOCKA_MESSAGE_OUTPUT=TAP {build}/tests/fast/test-fast_{name}" for name in PROGRAMS},
        "netns": f"{netns} /usr/bin/python3 {pytest_netns} -k '{NETNS}'",
    }


@pytest.fixture(scope="session")
def boot() -> Callable[[str], tuple[Kernel, Results]]:
    booted: dict[str, tuple[Kernel, Results]] = {}

    def once(package: str) -> tuple[Kernel, Results]:
        if package not in booted:
            kernel = Kernel(package, build_dir() / "kernels")
            booted[package] = (kernel, kernel.run(commands()))
        return booted[package]

    return once


@pytest.fixture(scope="session")
def results(package: str, boot: Callable[[str], tuple[Kernel, Results]]) -> Results:
    """What came of everything on that kernel; skipped with the reason where it cannot be had."""
    if missing := lacking() + need.for_spinatd():
        pytest.skip("no guest: lacking " + "; ".join(missing))
    try:
        kernel, found = boot(package)
    except NoKernel as reason:
        pytest.skip(f"no {package}: {reason}")
    assert found["uname"].output.strip() == kernel.version, found["uname"].output
    return found


def why_not(results: Results) -> str:
    """What the kernel has not, as the daemon would say; empty: it has all."""
    named = re.search(r"^skipped: (.*)$", results["probe"].output, re.M)
    return named[1] if named else ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(results: Results, name: str) -> None:
    """A program of tests/fast: all of it passes, and nothing is skipped."""
    said = results[name].output
    print(said)
    if reason := why_not(results):
        assert re.match(r"the kernel has no .* \(in Linux since [0-9.]+\)$", reason), reason
        pytest.skip(reason)
    assert results[name].code == 0 and "SKIP" not in said and re.search("^ok ", said, re.M), said


def test_between_namespaces(results: Results) -> None:
    """Real hosts, real packets, and the daemon: tests/netns on that kernel."""
    if reason := why_not(results):
        pytest.skip(reason)
    print(results["netns"].output)
    assert results["netns"].code == 0, results["netns"].output
    assert re.search(r"=+ \d+ passed(, \d+ deselected)? in ", results["netns"].output), results["netns"].output
