"""A storm of faults, gone through by `sim.failures` with what is known of the two replicas."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sim.failures.hardware import Hardware, Outage
from sim.failures.replicas import go_through
from sim.failures.rounds import Exchange, Rounds

from .data import HANG_S, HEARTBEAT_S, Measured, Row, table

_AFTER_S = 150.0
"""How long a storm is watched after its end: its last kills are answered then [s]."""
CHECKED_STEPS = 250
"""Steps of its own after which a replica evaluates."""


@dataclass(frozen=True)
class SharedProcessor:
    """Paces of two replicas on one processor: each is faster while the other computes nothing."""

    known: Measured
    steps: int
    weights = (0.5, 0.5)
    step_tokens = (1.0, 1.0)

    @property
    def full_rate(self) -> float:
        """Steps a second of both without faults."""
        return 2 * self.steps / (self.steps * self.known.shared_step_s + self.known.sync_s + self.known.digest_s)

    def step_s(self, site: int, computing: frozenset[int]) -> float:
        """By how many compute [s]."""
        return self.known.shared_step_s if len(computing) > 1 else self.known.alone_step_s

    def exchange_s(self, members: frozenset[int]) -> float:
        """One replica has nobody to exchange with [s]."""
        return self.known.sync_s if len(members) > 1 else 0.0


@dataclass(frozen=True)
class Commit:
    """A replica's part in an exchange that took place, or not; seconds since the begin of the storm."""

    at_s: float
    replica: int
    participants: int
    committed: bool


def rounds_of(storm: Row, known: Measured) -> Rounds:
    """How the replicas go on: the rules by which a lighthouse of torchft makes quorums, and the times of this run."""
    every = storm["ckpt_every_syncs"]
    return Rounds(
        steps=int(storm["sync_every"]),
        meets=True,
        quorum=int(storm["lighthouse_min_replicas"]),
        grace_s=float(storm["lighthouse_join_timeout_s"]),
        at_once=True,
        shrinks=False,
        detect_s=HEARTBEAT_S,
        restart_s=known.import_s,
        reconfigure_s=0.0,
        quick=True,
        majority=True,
        hang_s=HANG_S,
        pause_s=known.digest_s + (known.save_s / int(every) if every else 0.0),
        loads_steps=known.load_steps,
        checks_every=CHECKED_STEPS // int(storm["sync_every"]),
        checks_steps=known.check_steps,
    )


def faults(storm: Row, kind: str) -> list[Row]:
    """Of the events of a storm those that were carried out."""
    return [
        each
        for each in table("events.csv")
        if each["run"] == storm["run"] and each["kind"] == kind and each["outcome"] == "executed"
    ]


def restarts_s(storm: Row, known: Measured, seed: int | None) -> list[float]:
    """By each kill, until the new process starts: as logged, or when the supervisor looks at drawn moments [s]."""
    kills = faults(storm, "kill")
    if seed is None:
        return [float(each["restart_s"]) for each in kills]
    dice = random.Random(seed)
    fixed_s, poll_s = float(storm["restart_delay_s"]) + known.spawn_s, float(storm["supervisor_poll_s"])
    return [fixed_s + dice.uniform(0.0, poll_s) for _ in kills]


def outages(storm: Row, known: Measured, seed: int | None, *, stops: bool) -> list[Outage]:
    """What happened; a killed process stays away until it is started again. Begins since the begin of the storm.

    Args:
      storm: its row.
      known: of the runs without faults.
      seed: of the moments of restarts; None: as logged.
      stops: whether a stopped replica stands still.
    """
    gone_s = restarts_s(storm, known, seed)
    killed = zip(faults(storm, "kill"), gone_s, strict=True)
    found = [Outage(int(each["replica"]), float(each["t_s"]), away_s) for each, away_s in killed]
    for kind, how in (("partition", "cut"), *([("stop", "frozen")] if stops else [])):
        found += [
            Outage(int(each["replica"]), float(each["t_s"]), float(each["lasted_s"]), how)
            for each in faults(storm, kind)
        ]
    return found


def commits(storm: Row, known: Measured, seed: int | None, *, stops: bool = False) -> list[Commit]:
    """Of all replicas from the start of the processes until some time after the storm."""
    starts_s = known.import_s + known.load_steps * known.shared_step_s
    early_s = float(storm["inferred_warmup_before_storm_s"]) - starts_s
    found: list[Commit] = []

    def watch(exchange: Exchange) -> None:
        count = len(exchange.members)
        found.extend(
            Commit(exchange.end_s - early_s, each, count, not exchange.fails) for each in sorted(exchange.members)
        )

    happens = [
        Outage(each.site, each.begin_s + early_s, each.seconds, each.how)
        for each in outages(storm, known, seed, stops=stops)
    ]
    hardware = Hardware([1.0, 1.0], [0.0, 0.0], [], happens, [0])
    paces = SharedProcessor(known, int(storm["sync_every"]))
    within_s = early_s + float(storm["storm_window_s"]) + _AFTER_S
    go_through(hardware, rounds_of(storm, known), paces, within_s=within_s, watch=watch)
    return found


def logged(storm: Row) -> list[Commit]:
    """What the replicas of a storm logged."""
    return [
        Commit(float(each["t_s"]), int(each["replica"]), int(each["participants"]), each["committed"] == "1")
        for each in table("syncs.csv")
        if each["run"] == storm["run"]
    ]


def in_window(storm: Row, found: list[Commit]) -> list[Commit]:
    """Those that took place while the storm lasted."""
    return [each for each in found if each.committed and 0 < each.at_s <= float(storm["storm_window_s"])]


def efficiency(storm: Row, found: list[Commit]) -> float:
    """Committed steps a second over those of the run without faults [-]."""
    steps = len(in_window(storm, found)) * int(storm["sync_every"])
    return steps / float(storm["storm_window_s"]) / float(storm["inferred_reference_steps_per_s"])


def answers_s(storm: Row, found: list[Commit], whose: Callable[[int, int], bool]) -> list[float]:
    """By each kill, until the next commit of a replica that is asked about, given that and the killed one [s]."""
    answered = []
    for event in faults(storm, "kill"):
        at_s, killed = float(event["t_s"]), int(event["replica"])
        later = [each.at_s for each in found if each.committed and each.at_s > at_s and whose(each.replica, killed)]
        answered += [min(later) - at_s] if later else []
    return answered


def resumes_s(storm: Row, found: list[Commit]) -> list[float]:
    """By each kill, until a survivor commits [s]."""
    return answers_s(storm, found, lambda replica, killed: replica != killed)


def backs_s(storm: Row, found: list[Commit]) -> list[float]:
    """By each kill, until the killed replica commits again [s]."""
    return answers_s(storm, found, lambda replica, killed: replica == killed)
