#!/usr/bin/python3
"""Runs the test suites and ends with one line that counts them all.

    tests/run.py --build DIR [--suites unit,sim,replay,netns,uml,fuzz]

Suites: `unit` (the cmocka programs that Meson knows), `sim` (the simulator, each
scenario a test), `replay`, `netns` and `uml` (pytest), `fuzz` (each libFuzzer
target for a minute from its corpus).
Every test counts by itself; a skipped one is listed with its reason.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
TAP_LIMIT_SEC = 300


class Tally:
    """What passed, failed and was skipped so far."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def line(self) -> str:
        return (
            f"tests: {self.passed} passed, {len(self.failed)} failed, "
            f"{len(self.skipped)} skipped"
        )


def run_tap(suite: str, build: pathlib.Path, tally: Tally) -> None:
    """The programs that Meson knows: they speak TAP, so that each test counts.

    Meson's suite `sim` is ours of that name, all others are `unit`."""
    listed = subprocess.run(
        ["meson", "introspect", "--tests", str(build)],
        check=True, capture_output=True, text=True)
    for test in json.loads(listed.stdout):
        simulates = any(name.endswith(":sim") for name in test["suite"])
        if simulates != (suite == "sim"):
            continue
        environment = {**os.environ, **test.get("env", {}),
                       "CMOCKA_MESSAGE_OUTPUT": "TAP"}
        try:
            done = subprocess.run(
                test["cmd"], cwd=test.get("workdir") or ROOT, env=environment,
                capture_output=True, text=True, errors="replace",
                timeout=TAP_LIMIT_SEC)
        except subprocess.TimeoutExpired:
            tally.failed.append(f"{test['name']}: over {TAP_LIMIT_SEC} s")
            continue
        count_tap(test["name"], done, tally)


def count_tap(name: str, done: subprocess.CompletedProcess, tally: Tally) -> None:
    """Counts the lines of one program; its end counts too."""
    failures = len(tally.failed)
    seen = 0
    for line in done.stdout.splitlines():
        match = re.match(r"(not ok|ok) \d+ *-? *(.*)", line)
        if not match:
            continue
        seen += 1
        if match[1] == "not ok" and "# TODO" in match[2]:
            tally.skipped.append(f"{name}: {match[2]}")
        elif match[1] == "not ok":
            tally.failed.append(f"{name}: {match[2]}")
        elif "# SKIP" in match[2]:
            tally.skipped.append(f"{name}: {match[2]}")
        else:
            tally.passed += 1
    if done.returncode != 0 and len(tally.failed) == failures:
        tally.failed.append(f"{name}: exit code {done.returncode}")
    if done.returncode == 0 and seen == 0:
        tally.failed.append(f"{name}: ran no test")
    if done.returncode != 0:
        print(done.stdout[-6000:])
        print(done.stderr[-6000:])


def run_pytest(suite: str, build: pathlib.Path, tally: Tally) -> None:
    """One folder of pytest, counted from its JUnit report."""
    folder = ROOT / "tests" / suite
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.xml"
        environment = dict(os.environ, SPINAT_BUILD=str(build.resolve()),
                           PYTHONPATH=str(ROOT),
                           PYTHONDONTWRITEBYTECODE="1")
        done = subprocess.run(
            [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "--durations=8", f"--junitxml={report}", str(folder)],
            cwd=ROOT, env=environment)
        if not report.exists():
            tally.failed.append(f"{suite}: pytest ended with {done.returncode}")
            return
        count_junit(suite, report, done.returncode, tally)


def count_junit(suite: str, report: pathlib.Path, code: int,
                tally: Tally) -> None:
    failures = len(tally.failed)
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{suite}: {case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skipped is not None:
            tally.skipped.append(f"{name}: {skipped.get('message')}")
        else:
            tally.passed += 1
    if code != 0 and len(tally.failed) == failures:
        tally.failed.append(f"{suite}: pytest ended with {code}")


def run_fuzz(_build: pathlib.Path, tally: Tally) -> None:
    """Every fuzz target from its corpus; `make fuzz` builds them."""
    done = subprocess.run(["make", "--no-print-directory", "fuzz"], cwd=ROOT,
                          capture_output=True, text=True, errors="replace")
    targets = re.findall(r"^fuzz: (\S+) (passed|failed)(.*)$", done.stdout, re.M)
    for name, result, _rest in targets:
        if result == "passed":
            tally.passed += 1
        else:
            tally.failed.append(f"fuzz: {name}")
    if done.returncode != 0 or not targets:
        print(done.stdout[-6000:])
        print(done.stderr[-6000:])
        if not any(result == "failed" for _, result, _ in targets):
            tally.failed.append(f"fuzz: ended with {done.returncode}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--suites", default="unit,sim,replay,netns,uml,fuzz")
    options = parser.parse_args()
    tally = Tally()
    for suite in options.suites.split(","):
        started = time.monotonic()
        print(f"== {suite}", flush=True)
        if suite in ("unit", "sim"):
            run_tap(suite, options.build, tally)
        elif suite == "fuzz":
            run_fuzz(options.build, tally)
        elif (ROOT / "tests" / suite).is_dir():
            run_pytest(suite, options.build, tally)
        else:
            parser.error(f"there is no suite {suite}")
        print(f"== {suite}: {time.monotonic() - started:.0f} s, so far "
              f"{tally.line()}", flush=True)
    for name in tally.skipped:
        print(f"skipped: {name}")
    for name in tally.failed:
        print(f"FAILED: {name}")
    print(tally.line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
