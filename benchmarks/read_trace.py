"""Streaming a long trace: records a second and peak memory, beside reading the same lines as plain JSON."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path

from sim.trace.file import Header, Step, TraceWriter, read_records

RECORDS = 1_000_000


def main() -> None:
    """Writes a trace, reads it both ways, prints one line a figure."""
    header = Header.model_validate(
        {
            "algorithm": "data-parallel",
            "model": {"name": "custom", "params": 1, "layers": 1, "heads": 1, "width": 1, "hidden": 1, "vocab": 1},
            "replicas": 1,
            "steps": RECORDS,
            "batch_tokens": 1,
            "sequence_length": 1,
            "device": {"platform": "cpu", "kind": "synthetic", "count": 1},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.jsonl"
        with TraceWriter(path, header):
            pass
        with path.open("ab") as file:
            for step in range(1, RECORDS + 1):
                line = Step(step=step, replica=0, compute_s=0.1, tokens=1, loss=4.0).model_dump_json()
                file.write(line.encode() + b"\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
        count = sum(1 for _ in read_records(path))
        seconds = time.perf_counter() - begin
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        begin = time.perf_counter()
        with path.open() as lines:
            for line in lines:
                json.loads(line)
        plain = time.perf_counter() - begin
    print(f"records read   {count:,} in {seconds:.2f} s; memory grew by {grown / 1024:.0f} MB")
    print(f"json.loads     {plain:.2f} s; ratio {seconds / plain:.2f}")


if __name__ == "__main__":
    main()
