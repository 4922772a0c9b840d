#!/usr/bin/python3
"""What CI runs: the README's test command, then the same under the sanitizers.

Passes on what they print and ends with one line that adds both up.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOSING = re.compile(r"^tests: (\d+) passed, (\d+) failed, (\d+) skipped$")


def run(command: list[str]) -> tuple[int, list[int]]:
    """Runs a command; its exit code and the counts of its closing line."""
    counts = [0, 0, 0]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    assert process.stdout is not None
    for line in process.stdout:
        match = CLOSING.match(line.strip())
        if match:
            counts = [int(number) for number in match.groups()]
            print(f"({line.strip()})", flush=True)
        else:
            print(line, end="", flush=True)
    code = process.wait()
    if code != 0 and counts[1] == 0:
        counts[1] = 1
    return code, counts


def main() -> int:
    total = [0, 0, 0]
    worst = 0
    for command in (["make", "--no-print-directory", "check"],
                    ["make", "--no-print-directory", "check", "SAN=1"],
                    ["make", "--no-print-directory", "lint"]):
        print(f"== {' '.join(command)}", flush=True)
        code, counts = run(command)
        worst = worst or code
        total = [sum(pair) for pair in zip(total, counts)]
    print(f"tests: {total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if worst or total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
