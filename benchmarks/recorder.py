"""What `crosshaul.Recorder` costs a training loop: microseconds a step, beside appending the same lines to a file."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from crosshaul.recorder import Recorder

STEPS = 100_000


def main() -> None:
    """Records steps that do nothing, with and without a loss and an exchange; prints one line a figure."""
    with tempfile.TemporaryDirectory() as folder:
        plain = _each(folder, "step()", lambda rec: rec.step())
        _each(folder, "step(loss=...)", lambda rec: rec.step(loss=2.5))
        _each(folder, "exchange() and step()", _exchanged)
        line = (Path(folder) / "step6.jsonl").read_bytes().splitlines(keepends=True)[-1]
        begin = time.perf_counter()
        with (Path(folder) / "bare.jsonl").open("ab", buffering=0) as file:
            for _ in range(STEPS):
                file.write(line)
        bare_s = (time.perf_counter() - begin) / STEPS
    print(f"bare write of a line     {bare_s * 1e6:6.1f} us; ratio of step() {plain / bare_s:.1f}")


def _exchanged(rec: Recorder) -> None:
    with rec.exchange(1e9):
        pass
    rec.step()


def _each(folder: str, name: str, call: Callable[[Recorder], None]) -> float:
    """Mean seconds of a step; prints the median and the worst of a thousand beside it."""
    taken = []
    with Recorder(Path(folder) / f"{name[:4]}{len(name)}.jsonl", parameters=7e9, tokens_per_step=2**20) as rec:
        begin = time.perf_counter()
        for _ in range(STEPS):
            call(rec)
        mean_s = (time.perf_counter() - begin) / STEPS
        for _ in range(1000):
            before = time.perf_counter()
            call(rec)
            taken.append(time.perf_counter() - before)
    print(
        f"{name:24} {mean_s * 1e6:6.1f} us a step, median {statistics.median(taken) * 1e6:.1f} us, "
        f"worst of 1,000 {max(taken) * 1e6:.0f} us"
    )
    return mean_s


if __name__ == "__main__":
    main()
