#!/usr/bin/python3
"""What CI runs: the README's test command, then the same under the sanitizers.

All goes side by side; what only computes stands back for the tests that wait.
Passes on what they print, each line behind the name of what it is from, and ends
with one line that adds all up.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOSING = re.compile(r"^tests: (\d+) passed, (\d+) failed, (\d+) skipped$")
MAKE = ["make", "--no-print-directory"]
# Behind the tests that wait, and before what tests/run.py lets stand back: the
# longest way begins with the sanitizers' build.
STAND_BACK = ["nice", "-n", "5"]
# All need the packages and the first build; then each lane's commands, in turn.
FIRST = [*MAKE, "deps", "build"]
LANES = {
    "check": [[*MAKE, "check"]],
    "san": [[*STAND_BACK, *MAKE, "build-san"], [*MAKE, "check", "SAN=1"]],
    "lint": [[*STAND_BACK, *MAKE, "lint"]],
}


class Sum:
    """What all commands counted, and the worst of their exit codes."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0]
        self.worst = 0
        self._lock = threading.Lock()

    def run(self, lane: str, command: list[str]) -> int:
        """Runs a command, and adds the counts of its closing line."""
        counts = [0, 0, 0]
        print(f"{lane}| == {' '.join(command)}", flush=True)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True,
                                   errors="replace")
        assert process.stdout is not None
        for line in process.stdout:
            match = CLOSING.match(line.strip())
            if match:
                counts = [int(number) for number in match.groups()]
            print(f"{lane}| {line.rstrip()}\n", end="", flush=True)
        code = process.wait()
        if code != 0 and counts[1] == 0:
            counts[1] = 1
        with self._lock:
            self.counts = [sum(pair) for pair in zip(self.counts, counts)]
            self.worst = self.worst or code
        return code

    def lane(self, name: str) -> None:
        for command in LANES[name]:
            self.run(name, command)


def main() -> int:
    total = Sum()
    if total.run("build", FIRST) == 0:
        with concurrent.futures.ThreadPoolExecutor(len(LANES)) as pool:
            for job in [pool.submit(total.lane, name) for name in LANES]:
                job.result()
    passed, failed, skipped = total.counts
    print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if total.worst or failed else 0


if __name__ == "__main__":
    sys.exit(main())
