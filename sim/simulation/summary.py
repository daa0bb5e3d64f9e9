"""A replay in the terms of an answer."""

from __future__ import annotations

from ..engine.timeline import Timeline
from ..topology.model import PUBLISHED
from .predicted_loss import Loss, loss_after
from .results import Job, LinkShare, Outcome, Run, Seat, SiteUse

_NONE = 1e-9
"""A share of the wall-clock below which a time is only what rounding left over."""
_NOTHING = Loss(None, ("no loss: the changes of all tokens are left out",))


def summarise(outcome: Outcome, topology: str, reference_s: float) -> Run:
    """A replay in the terms of a result; `reference_s` is Data-Parallel's wall-clock."""
    strategy, setting, timeline = outcome.job.strategy, outcome.job.setting, outcome.timeline
    load, collective = setting.load, outcome.collective
    tokens = load.steps * load.batch_tokens
    outer_steps = strategy.outer_steps_in(setting)
    merges, left_out = timeline.total("merges"), _left_out_tokens(outcome)
    multiple, counted = reference_s / timeline.wall_clock_s, tokens - left_out
    plain = strategy.plain_in(setting)
    own, equal_time = (loss_after(plain, load, each) if counted else _NOTHING for each in (counted, multiple * counted))
    early_s = timeline.wall_clock_s - timeline.mean("finish_s")
    early_s = early_s if early_s > _NONE * timeline.wall_clock_s else 0.0
    lost = ("exposed_s", "packing_s", "straggler_wait_s")
    return Run(
        strategy=strategy.kind,
        label=strategy.label,
        replicas=strategy.replica_count,
        sync_every=strategy.steps_per_sync,
        topology=topology,
        datacenters=setting.workers,
        collective=collective,
        params=load.params,
        chips=load.chips,
        batch_tokens=load.batch_tokens,
        steps=load.steps,
        outer_steps=outer_steps,
        tokens=tokens,
        wall_clock_s=timeline.wall_clock_s,
        compute_s=timeline.mean("compute_s"),
        exposed_communication_s=timeline.mean("exposed_s"),
        exposed_inside_s=timeline.mean("exposed_inside_s"),
        exposed_across_s=timeline.mean("exposed_across_s"),
        hidden_communication_s=timeline.mean("hidden_s"),
        packing_s=timeline.mean("packing_s"),
        straggler_wait_s=timeline.mean("straggler_wait_s"),
        ended_early_s=early_s,
        lost_s=sum(timeline.mean(field) for field in lost) + early_s,
        compute_utilization=timeline.mean("compute_s") / timeline.wall_clock_s,
        cross_datacenter_bytes=timeline.crossing_bytes,
        mean_bandwidth_bits_per_s=8 * timeline.crossing_bytes / setting.workers / timeline.wall_clock_s,
        peak_bandwidth_bits_per_s=max(
            8 * totals.peak_bytes / strategy.step_s(worker, setting) for worker, totals in enumerate(timeline.workers)
        ),
        mean_staleness=timeline.total("staleness") / merges if merges else None,
        max_staleness=round(max(totals.stalest for totals in timeline.workers)) if merges else None,
        late_merges=round(timeline.total("late")),
        left_out_tokens=left_out,
        closed_form_s=strategy.closed_form_s(setting) if collective == PUBLISHED else None,
        bound_s=strategy.bound_s(setting),
        replayed_steps=outcome.replayed_steps,
        speedup=multiple,
        overtraining_multiple=multiple,
        overtraining_tokens=multiple * counted,
        predicted_loss=own.value,
        equal_time_loss=equal_time.value,
        predicted_loss_low=own.low,
        predicted_loss_high=own.high,
        equal_time_loss_low=equal_time.low,
        equal_time_loss_high=equal_time.high,
        loss_notes=tuple(dict.fromkeys((*own.notes, *equal_time.notes))),
        sites=_site_uses(outcome.job, timeline),
        links=_link_shares(timeline),
    )


def _left_out_tokens(outcome: Outcome) -> float:
    """Tokens whose changes came when a store had closed; a shorter last round counts like the others [tokens]."""
    strategy, load = outcome.job.strategy, outcome.job.setting.load
    if strategy.shape != "mailbox":
        return 0.0
    rounds = sum(
        each.late * share for each, share in zip(outcome.timeline.workers, load.deal.tokens_share, strict=True)
    )
    return float(min(rounds * strategy.steps_per_sync, load.steps) * load.batch_tokens)


def _site_uses(job: Job, timeline: Timeline) -> tuple[SiteUse, ...]:
    deal, strategy = job.setting.load.deal, job.strategy

    def use(seat: Seat) -> SiteUse:
        totals = timeline.workers[seat.worker]
        waited_for = zip(job.seats, totals.waited_for_s, strict=True)
        return SiteUse(
            name=seat.site.name,
            chips=deal.worker_chips[seat.worker],
            tokens_share=strategy.tokens_share(seat.worker, job.setting),
            compute_s=totals.compute_s,
            exposed_communication_s=totals.exposed_s,
            straggler_wait_s=totals.straggler_wait_s,
            waited_for_s={other.site.name: s for other, s in waited_for if s},
            held_up_s=sum(other.waited_for_s[seat.worker] for other in timeline.workers),
            compute_utilization=totals.compute_s / timeline.wall_clock_s,
        )

    return tuple(use(seat) for seat in job.seats)


def _link_shares(timeline: Timeline) -> tuple[LinkShare, ...]:
    return tuple(
        LinkShare(
            name=link.name,
            bandwidth_bits_per_s=link.bandwidth_bits_per_s,
            bytes=link.carried_bytes,
            mean_utilization=8 * link.carried_bytes / link.payload_bits_per_s / timeline.watched_s,
            busy_share=link.busy_s / timeline.watched_s,
            full_share=link.full_s / timeline.watched_s,
            peak_utilization=link.peak_utilization,
        )
        for link in timeline.links
    )
