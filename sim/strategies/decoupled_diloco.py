"""Decoupled DiLoCo: learners hand in fragments at their own pace; a syncer merges those of whoever is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import MERGED_EVERY, MERGED_OVERLAP_STEPS, QUORUM
from ..engine.ops import Collective, Op
from ..engine.syncer import Syncer
from ..errors import InputError
from ..merging import followed, fragment_of, hand_ins
from ..own_pace import Pace, deal_steps
from ..units.in_words import human_seconds
from ..units.quantities import MOST_LAYERS, MOST_SITES, MOST_STEPS
from .shared.behind_compute import Departure, Leaving, Part, events, steps_between
from .shared.closed_form import ClosedForm, Summand, of_replicas
from .shared.outer_steps import OuterStepStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import in_turn_inside

_FRAGMENTS = 24
_ROUNDING = 1e-9
_MOST_TRIED = 64
"""Sites that are tried for the syncer, in the order of the datacenters."""


@dataclass(frozen=True)
class _Synced(Schedule):
    """A schedule, with the worker beside the syncer, and the time of an exchange of a fragment with it [s]."""

    beside: int = 0
    exchange_s: float = 0.0


class DecoupledDiLoCo(OuterStepStrategy):
    """Decoupled DiLoCo: learners hand in fragments to a syncer, which merges those of a quorum and sends them to all.

    The parameters are P fragments of equal size. Every H/P inner steps a learner hands in the fragment whose turn it
    is, and goes on for tau steps before it needs the result. The syncer begins when K learners are there and a time of
    grace is over: a share of what is left of tau steps after the transfers and the wait for the quorum. It then
    fetches the fragment from those learners, all at once, and sends the merged one to all. Exchanges follow each other
    at the pace of the learner that is furthest ahead. Who hands in between two of them is in the next one, so a slow
    learner is in fewer exchanges and holds up nobody.

    Learners make M T inner steps together, as many as with the other strategies, and fast ones make more of them: they
    are shared by compute, so that learners end apart where exchanges show.

    Source: arXiv 2604.21428.
    Limits: the effect of partial merges and of delay on the loss is not predicted; the trainer can measure it. The
      syncer is in the datacenter of a learner, its arithmetic takes no time, and it never fails. A learner stands still
      for a result that is not there after tau steps (H/P more if it handed in early), where the authors' learners wait
      for nothing.
    """

    kind: Literal["decoupled-diloco"] = "decoupled-diloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Learners M, each in its own datacenter."""
    sync_every: int = Field(default=MERGED_EVERY, gt=0, le=MOST_STEPS, examples=[24])
    """Inner steps H from one exchange of a fragment to its next."""
    closing_exchange: bool = True
    """Whether a learner hands in all fragments after its last step."""
    fragments: int | None = Field(default=None, gt=0, le=MOST_LAYERS, examples=[24])
    """Fragments P; default: H, but 24 at most."""
    overlap_steps: int | None = Field(default=None, ge=0, le=MOST_STEPS, examples=[2])
    """Inner steps tau that begin without the result of an exchange; default: 2, if H is more than that, else H - 1."""
    quorum: int = Field(default=QUORUM, gt=0, le=MOST_SITES, examples=[1])
    """Learners K that an exchange needs before it begins."""
    margin: float = Field(default=1.0, ge=0, le=1, strict=True, examples=[0.5])
    """Share of what tau steps leave for which a quorum waits for further learners; 0: it does not wait."""
    syncer: str | None = Field(default=None, min_length=1, examples=["dc0"])
    """The datacenter of the syncer; default: the one whose exchanges take least, of the first 64."""
    name: ClassVar[str] = "Decoupled DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2604.21428",)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.quorum > self.replicas:
            raise InputError(f"quorum: got {self.quorum} of {self.replicas} learners; write {self.replicas} or less")
        if (self.fragments or 1) > self.sync_every:
            raise InputError(
                f"fragments: got {self.fragments}, and a round has sync_every = {self.sync_every} steps, after each of "
                f"which one fragment can be exchanged; write {self.sync_every} or less"
            )
        if (self.overlap_steps or 0) >= self.sync_every:
            raise InputError(
                f"overlap_steps: got {self.overlap_steps}; a fragment's result must arrive before it is handed in "
                f"again, sync_every = {self.sync_every} steps later; write {self.sync_every - 1} or less"
            )
        return self

    @property
    def delay(self) -> int:
        """Tau inner steps."""
        return min(MERGED_OVERLAP_STEPS, self.sync_every - 1) if self.overlap_steps is None else self.overlap_steps

    @property
    def parameters(self) -> dict[str, str]:
        """M, K, H, P and tau, the margin and the syncer if they are given, and the payload."""
        own = {"M": f"{self.replicas}", "K": f"{self.quorum}", "H": f"{self.sync_every}", "P": f"{self._fragments}"}
        own |= {"tau": f"{self.delay}"} | ({} if self.margin == 1 else {"margin": f"{self.margin:g}"})
        own |= {} if self.syncer is None else {"syncer": self.syncer}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """With K = M all learners are in every exchange; else each goes at its own pace."""
        every = self.quorum == self.replicas
        return Meetings(of_all=every, linger=True, own_pace=not every, at_once=True, knows_the_end=True, opens=False)

    def repeats_in(self, setting: Setting) -> bool:
        """Learners who are alike may keep their positions, and all make T steps; others drift apart with K < M."""
        steps_s = self._steps_s(setting)
        return self.repeats or min(steps_s) == max(steps_s)

    @property
    def _fragments(self) -> int:
        return self.fragments or min(_FRAGMENTS, self.sync_every)

    def fragment_count(self, setting: Setting) -> int:
        """P, as given."""
        return self._fragments

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer learners, of which no more can be demanded, and with the syncer where it is best."""
        syncer = self.syncer if replicas == self.replicas else None
        return self.replaced(replicas=replicas, quorum=min(self.quorum, replicas), syncer=syncer)

    def outer_copies(self, setting: Setting) -> float:
        """None: the syncer has the merged parameters and their momentum."""
        return 0.0

    def schedule(self, setting: Setting) -> _Synced:
        """Shares M T inner steps among the learners by their pace, and places the syncer."""
        paces_s = followed(self._steps_s(setting), self.quorum)
        steps = (setting.load.steps,) * setting.workers
        if min(paces_s) < max(paces_s):
            paces = tuple(Pace(pace_s, 0.0, self.sync_every) for pace_s in paces_s)
            steps = deal_steps(paces, setting.workers * setting.load.steps)
        beside = self._beside(setting)
        return _Synced(
            steps,
            self.sync_every,
            lambda _: (setting.everyone,),
            self.closing_exchange,
            beside,
            self._exchange_s(setting, beside),
        )

    def _steps_s(self, setting: Setting) -> list[float]:
        """Time of an inner step of each learner by itself [s]."""
        packing_s = self.packing_s(setting) / self.sync_every
        alone_s = zip(setting.load.mean_step_s, map(setting.inside_exposed_s, setting.everyone), strict=True)
        return [compute_s + shown_s + packing_s for compute_s, shown_s in alone_s]

    def _beside(self, setting: Setting) -> int:
        """The worker in whose datacenter the syncer is: as given, else the first one whose exchanges take least."""
        if self.syncer is None:
            times_s = [self._exchange_s(setting, worker) for worker in setting.everyone[:_MOST_TRIED]]
            return next(w for w, each_s in enumerate(times_s) if each_s <= min(times_s) * (1 + _ROUNDING))
        if self.syncer not in setting.sites:
            raise InputError(
                f"syncer: {self.syncer} is not a datacenter of a learner of {self.label}; write one of "
                f"{', '.join(setting.sites)}"
            )
        return setting.sites.index(self.syncer)

    def _exchange_s(self, setting: Setting, beside: int) -> float:
        """An exchange of a fragment of all learners, on idle links, with a syncer beside one of them [s]."""
        return sum(self._one_way_s(setting, beside, there=there) for there in (True, False))

    def slack_s(self, setting: Setting, exchange_s: float | None = None) -> float:
        """What tau steps of the fastest learner leave after the transfers of an exchange; below 0: nothing [s]."""
        if exchange_s is None:
            exchange_s = self._exchange_s(setting, self._beside(setting))
        return self.delay * min(self._steps_s(setting)) - exchange_s

    def _one_way_s(self, setting: Setting, beside: int, *, there: bool) -> float:
        """The transfers to the syncer or from it, which begin at once [s].

        As flows they share links; at the published cost those that share one go one after the other.
        """
        bits, free_s = 8 * self.outer_bytes(setting) / self._fragments, defaultdict[Hashable, float](float)
        ways = {w: (w, beside) if there else (beside, w) for w in setting.everyone if w != beside}
        hops = {worker: setting.hops(*ends) if setting.hops else {} for worker, ends in ways.items()}
        loads = Counter(hop for own in hops.values() for hop in own)
        last_s = setting.scatter_s(beside, bits / 8)
        for worker, ends in ways.items():
            bandwidth, latency_s, overhead_s = setting.route(*ends)[:3]
            bits_s, begin_s = bits / bandwidth, 0.0
            if setting.parts_inside:
                bits_s = max([bits_s, *(loads[hop] * bits / most for hop, most in hops[worker].items())])
                latency_s += setting.scatter_s(worker, bits / 8)
            else:
                begin_s = max((free_s[hop] for hop in hops[worker]), default=0.0)
                free_s.update(dict.fromkeys(hops[worker], begin_s + bits_s + overhead_s))
            last_s = max(last_s, begin_s + bits_s + overhead_s + latency_s)
        return last_s

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Inner steps, with an exchange of a fragment every H/P of them, and of all fragments after the last."""
        assert isinstance(schedule, _Synced), "its own schedule"
        fragments, steps = self._fragments, schedule.steps[worker]
        join = Syncer(
            self.quorum,
            fragments,
            tuple(len(list(self._handed_in(each))) for each in schedule.steps),
            fragments if self.closing_exchange else 1,
            self.slack_s(setting, schedule.exchange_s),
            self.margin,
        )
        size_bytes, times = self.outer_bytes(setting) / fragments, [0] * fragments
        by_step: dict[int, list[Leaving]] = {}
        for number, step in enumerate(self._handed_in(steps)):
            part = fragment_of(number, fragments)
            one = Collective(
                "outer", times[part], setting.everyone, size_bytes, part=part, target=schedule.beside, join=join
            )
            begin = tuple(self.start(setting, one, 1 / fragments))
            by_step.setdefault(step, []).append(Leaving(Part(part, 1 / fragments), one, begin))
            times[part] += 1
        departures = (Departure(step, tuple(leaving)) for step, leaving in by_step.items())
        found = events(departures, steps, self.delay, None)
        ops = steps_between(found, worker, setting, (0, steps), setting.inside_behind_s[worker])
        return in_turn_inside(ops) if worker == schedule.beside else ops

    def _handed_in(self, steps: int) -> Iterator[int]:
        """The inner steps, from 0, after which a learner that makes so many hands in a fragment, in order."""
        return hand_ins(steps, self.sync_every, self._fragments, closing=self.closing_exchange)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + inner exchanges x T + P E T/H with K = M, tau = 0 and learners that are alike; else None [s].

        E is an exchange of a fragment: the longest way to the syncer, and the longest way back.
        """
        steps_s = self._steps_s(setting)
        if self.quorum < self.replicas or self.delay or min(steps_s) < max(steps_s):
            return None
        each_s = self._fragments * self._exchange_s(setting, self._beside(setting))
        numbers = partial(human_seconds, each_s)
        outer = Summand("exchanges with the syncer", "P [S/(P W) + e] 2", numbers, each_s, each_s, outer=True)
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """What the way of any learner to the syncer, or back, is busy with its own fragments: S/(P W) each [s]."""
        schedule, bits = self.schedule(setting), 8 * self.outer_bytes(setting) / self._fragments
        busy_s = [0.0]
        for worker, steps in enumerate(schedule.steps):
            if worker != schedule.beside:
                ways = ((worker, schedule.beside), (schedule.beside, worker))
                slowest = min(setting.route(*ends).bandwidth_bits_per_s for ends in ways)
                busy_s.append(len(list(self._handed_in(steps))) * bits / slowest)
        return max(busy_s)
