"""`simulate` as a person starts it: whole processes, beside a Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 7


def median_s(command: list[str]) -> float:
    """Median wall-clock of a whole process."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    """Prints one line a command."""
    nothing = median_s([sys.executable, "-c", "pass"])
    simulate = [sys.executable, "-c", "from sim.cli.app import main; main()"]
    print(f"median of {RUNS}; python -c pass takes {nothing:.3f} s")
    for arguments in (["--help"], ["--topology", "low-bw"], ["--workload", "10b"]):
        seconds = median_s(simulate + arguments)
        print(f"simulate {' '.join(arguments):<20} {seconds:.3f} s; ratio {seconds / nothing:.1f}")


if __name__ == "__main__":
    main()
