"""The tables of this folder, and what a replay needs of the runs that had no faults."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
Row = dict[str, str]
SCRIPTED, REFERENCE, ALONE = "m2-kill-rejoin", "m1-h50-s1337", "m4-twomachine"
"""Runs of a single fault each, without faults, and with a processor for each replica."""
HEARTBEAT_S = 5.0
"""After which torchft holds a replica for dead: its own default (pytorch/torchft, src/lighthouse.rs)."""
HANG_S = 30.0
"""How long an exchange hung with a member that was gone (see README.md)."""


def table(name: str) -> list[Row]:
    """Rows of a table here, without its lines about the source."""
    with (HERE / name).open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def row(name: str, run: str) -> Row:
    """The row of a run."""
    return next(each for each in table(name) if each["run"] == run)


@dataclass(frozen=True)
class Measured:
    """What the runs without faults, and the start-up of processes, say; all [s] but for `check_steps`.

    Attributes:
      shared_step_s, alone_step_s: an inner step while both replicas compute, and while one does.
      sync_s: an exchange of both.
      digest_s: hashing the parameters after an exchange.
      check_steps: an evaluation, in inner steps; each replica makes one after every 250 steps of its own.
      spawn_s: from the order to start a process until it says that it starts.
      import_s: from then until its first round begins.
      load_steps: from then until the first inner step, in inner steps: it keeps the processor as busy.
      save_s: a checkpoint.
    """

    shared_step_s: float
    alone_step_s: float
    sync_s: float
    digest_s: float
    check_steps: float
    spawn_s: float
    import_s: float
    load_steps: float
    save_s: float


def measured() -> Measured:
    """Read from the tables."""
    reference, syncs = row("runs.csv", REFERENCE), table("syncs.csv")
    step_s, sync_s = float(reference["step_compute_median_r0_s"]), float(reference["inferred_sync_median_s"])
    rounds = [each for each in syncs if each["run"] == REFERENCE and each["replica"] == "0"]
    plain_s = median(float(each["since_s"]) for each in rounds[1:] if _rounds_before(each) % 5)
    checked_s = median(float(each["since_s"]) for each in rounds[1:] if not _rounds_before(each) % 5)
    scripted = [each for each in table("events.csv") if each["run"] == SCRIPTED]
    order_s = next(float(each["t_s"]) for each in scripted if each["kind"] == "relaunch")
    start_s = max(float(each["t_s"]) for each in scripted if each["kind"] == "process start")
    return Measured(
        shared_step_s=step_s,
        alone_step_s=float(row("runs.csv", ALONE)["step_compute_median_r0_s"]),
        sync_s=sync_s,
        digest_s=float(reference["digest_median_r0_s"]),
        check_steps=(checked_s - plain_s) / step_s,
        spawn_s=start_s - order_s,
        import_s=median(_imports_s(syncs)),
        load_steps=(float(reference["first_round_r0_s"]) - sync_s) / step_s - int(reference["sync_every"]),
        save_s=_save_s(syncs, plain_s),
    )


def _rounds_before(sync: Row) -> int:
    return int(sync["step"]) // 50 - 1


def _imports_s(syncs: list[Row]) -> list[float]:
    """From the start of each process that came to an exchange until its first round."""
    starts = [each for each in table("events.csv") if each["kind"] == "process start"]
    found = []
    for sync in (each for each in syncs if each["step"] == "50" and each["run"] != REFERENCE):
        own = [float(each["t_s"]) for each in starts if all(each[key] == sync[key] for key in ("run", "replica"))]
        began_s = float(sync["t_s"]) - float(sync["since_s"])
        found.append(began_s - max(at_s for at_s in own if at_s < began_s))
    return found


def _save_s(syncs: list[Row], plain_s: float) -> float:
    """How much longer the rounds after a checkpoint are, of those that no fault and no evaluation met.

    One follows every fifth exchange. The runs without faults saved none, so this is of quiet rounds of the storms.
    """
    longer = []
    for storm in (each["run"] for each in table("storms.csv") if each["ckpt_every_syncs"] and each["commits"]):
        faults = [each for each in table("events.csv") if each["run"] == storm and each["outcome"] == "executed"]
        own = [each for each in syncs if each["run"] == storm]
        for sync in own:
            end_s, begin_s = float(sync["t_s"]), float(sync["t_s"]) - float(sync["since_s"])
            before = [each for each in own if abs(float(each["t_s"]) - begin_s) < 0.1]
            both = len(before) == 2 and all(int(each["step"]) % 250 for each in before)
            quiet = not any(begin_s - 60 < float(each["t_s"]) < end_s for each in faults if each["kind"] != "stop")
            if both and quiet and int(before[0]["outer_step"]) % 5 == 0:
                longer.append(float(sync["since_s"]) - plain_s)
    return median(longer)
