#!/usr/bin/python3
"""Runs the test suites and ends with one line that counts them all.

    tests/run.py --build DIR [--suites unit,sim,replay,netns,uml,fuzz] [--in-turn]
    tests/run.py --build DIR --suites kernels

Suites: `unit` (the cmocka programs that Meson knows), `sim` (the simulator, each
scenario a test), `replay`, `netns` and `uml` (pytest), `fuzz` (each libFuzzer
target for two minutes from its corpus); and if it is asked for `kernels`.
Every test counts by itself; a skipped one is listed with its reason.

Suites run side by side.  Those of namespaces and guests wait more than they
compute; the others only compute, and stand back, for what they find does not
depend on how fast they are.  What a suite prints is printed whole when it ends;
meanwhile it is in DIR/tests-SUITE.log.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import typing
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
COMPUTING = ("unit", "sim", "replay", "fuzz")
STAND_BACK = ("nice", "-n", "10")
# For what hangs; the simulator under the sanitizers computes for minutes, and
# has half a processor at times.
TAP_LIMIT_SEC = 1800
# Beside the other suites it comes to half to four fifths of the runs.
FUZZ_SECONDS = "120"
Done = subprocess.CompletedProcess[str]


class Tally:
    """What passed, failed and was skipped so far."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self) -> str:
        return (
            f"tests: {self.passed} passed, {len(self.failed)} failed, "
            f"{len(self.skipped)} skipped"
        )


class Suite(typing.NamedTuple):
    """One suite under way."""

    name: str
    build: pathlib.Path
    log: typing.TextIO
    prefix: tuple[str, ...]  # how its commands begin
    tally: Tally

    def write(self, command: list[str], **options: typing.Any) -> int:
        """Runs a command that writes to the log; gives its exit code."""
        return subprocess.run([*self.prefix, *command], stdout=self.log,
                              stderr=subprocess.STDOUT, **options).returncode

    def read(self, command: list[str], **options: typing.Any) -> Done:
        """Runs a command whose output tells what passed."""
        return subprocess.run([*self.prefix, *command], capture_output=True,
                              text=True, errors="replace", **options)

    def say_end_of(self, done: Done) -> None:
        """Puts the end of what such a command said into the log."""
        print(done.stdout[-6000:], file=self.log)
        print(done.stderr[-6000:], file=self.log)


def run_tap(suite: Suite) -> None:
    """The programs that Meson knows: they speak TAP, so that each test counts.

    Meson's suite `sim` is ours of that name, all others are `unit`."""
    listed = subprocess.run(
        ["meson", "introspect", "--tests", str(suite.build)],
        check=True, capture_output=True, text=True)
    for test in json.loads(listed.stdout):
        simulates = any(name.endswith(":sim") for name in test["suite"])
        if simulates != (suite.name == "sim"):
            continue
        environment = {**os.environ, **test.get("env", {}),
                       "CMOCKA_MESSAGE_OUTPUT": "TAP"}
        try:
            done = suite.read(test["cmd"], cwd=test.get("workdir") or ROOT,
                              env=environment, timeout=TAP_LIMIT_SEC)
        except subprocess.TimeoutExpired:
            suite.tally.failed.append(f"{test['name']}: over {TAP_LIMIT_SEC} s")
            continue
        count_tap(test["name"], done, suite.tally)
        if done.returncode != 0:
            suite.say_end_of(done)


def count_tap(name: str, done: Done, tally: Tally) -> None:
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


def run_pytest(suite: Suite) -> None:
    """One folder of pytest, counted from its JUnit report."""
    folder = ROOT / "tests" / suite.name
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.xml"
        environment = dict(os.environ, SPINAT_BUILD=str(suite.build.resolve()),
                           PYTHONPATH=str(ROOT),
                           PYTHONDONTWRITEBYTECODE="1")
        code = suite.write(
            [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "--durations=8", f"--junitxml={report}", str(folder)],
            cwd=ROOT, env=environment)
        if not report.exists():
            suite.tally.failed.append(f"{suite.name}: pytest ended with {code}")
            return
        count_junit(suite.name, report, code, suite.tally)


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


def run_fuzz(suite: Suite) -> None:
    """Every fuzz target from its corpus; `make fuzz` builds them."""
    environment = {"FUZZ_SECONDS": FUZZ_SECONDS, **os.environ}
    done = suite.read(["make", "--no-print-directory", "fuzz"], cwd=ROOT,
                      env=environment)
    targets = re.findall(r"^fuzz: (\S+) (passed|failed)(.*)$", done.stdout, re.M)
    for name, result, _rest in targets:
        if result == "passed":
            suite.tally.passed += 1
        else:
            suite.tally.failed.append(f"fuzz: {name}")
    if done.returncode != 0 or not targets:
        suite.say_end_of(done)
        if not any(result == "failed" for _, result, _ in targets):
            suite.tally.failed.append(f"fuzz: ended with {done.returncode}")


RUNNERS = {"unit": run_tap, "sim": run_tap, "replay": run_pytest,
           "netns": run_pytest, "uml": run_pytest, "fuzz": run_fuzz,
           "kernels": run_pytest}
# It takes minutes where there is no KVM.
ASKED_FOR = ("kernels",)


class Running:
    """The suites of one run, and the sum of what they counted."""

    def __init__(self, build: pathlib.Path) -> None:
        self.build = build
        self.total = Tally()
        self.stopped = False
        self._lock = threading.Lock()  # of the total, and of who may print

    def suite(self, name: str) -> None:
        """Runs a suite, then prints and adds up what came of it."""
        if self.stopped:
            return
        prefix = STAND_BACK if name in COMPUTING else ()
        started = time.monotonic()
        with open(self.build / f"tests-{name}.log", "w+",
                  errors="replace") as log:
            suite = Suite(name, self.build, log, prefix, Tally())
            RUNNERS[name](suite)
            log.seek(0)
            with self._lock:
                self.total.add(suite.tally)
                print(f"== {name}\n{log.read()}"
                      f"== {name}: {time.monotonic() - started:.0f} s, "
                      f"so far {self.total.line()}", flush=True)


def run_suites(build: pathlib.Path, names: list[str], in_turn: bool) -> Tally:
    """Side by side: all that wait, and as many that compute as there are
    processors; or all in turn."""
    running = Running(build)
    computing = 1 if in_turn else os.cpu_count() or 1
    with (concurrent.futures.ThreadPoolExecutor(computing) as few,
          concurrent.futures.ThreadPoolExecutor(len(names)) as all_at_once):
        jobs = []
        for name in names:
            pool = few if in_turn or name in COMPUTING else all_at_once
            jobs.append(pool.submit(running.suite, name))
        try:
            for job in jobs:
                job.result()
        finally:
            running.stopped = True  # what runs now ends, and nothing follows
    return running.total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--suites", default=",".join(
        name for name in RUNNERS if name not in ASKED_FOR))
    parser.add_argument("--in-turn", action="store_true",
                        help="one suite after the other")
    options = parser.parse_args()
    suites = options.suites.split(",")
    for name in suites:
        if name not in RUNNERS:
            parser.error(f"there is no suite {name}")
    tally = run_suites(options.build, suites, options.in_turn)
    for name in sorted(tally.skipped):
        print(f"skipped: {name}")
    for name in sorted(tally.failed):
        print(f"FAILED: {name}")
    print(tally.line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
