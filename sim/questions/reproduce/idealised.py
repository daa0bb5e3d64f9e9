"""The figures of loss against idealised wall-clock: the replay beside the formula, predicted losses beside measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...laws.model_family import FAMILY
from ...scenario.loading import load_scenario
from ...shell.progress import Watch
from ...simulation.alone import alone
from ...simulation.predicted_loss import loss_after
from ...simulation.results import Job
from ...strategies import is_reference
from ..budget.comparison_rules import jobs_by_rule
from ..validate.evidence_files import read
from .model import Pair, Part

NETWORKS = {"high-bw": (400e9, 1e-4), "medium-bw": (100e9, 1e-3), "low-bw": (10e9, 1e-2)}
"""Bandwidth [bit/s] and latency [s] between datacenters; inside it is always that of high-bw."""
MODELS = ("180m", "335m", "550m", "1.3b", "2.4b", "4b", "10b")
SYNC_EVERY, PAYLOAD_BITS, CHIP_FLOP_PER_S = 30, 16.0, 300e12
STRATEGIES = ("data-parallel", *(f"diloco:replicas={m},sync_every={SYNC_EVERY}" for m in (1, 2, 4, 8)))
NOTES = (
    "The paper draws these wall-clocks and prints no seconds, nor its rule for chips. So ours stand beside its formula "
    "(appendix A), with our rule: 4,096 tokens of a batch on a chip of 300 useful Tflop/s, each algorithm at its own "
    "best batch.",
    "The formula counts outer steps as T/H, the replay makes whole ones.",
)


class _Ran(NamedTuple):
    """A model under a strategy on a network: its replay."""

    network: str
    model: str
    job: Job
    wall_clock_s: float
    loss: float


def parts(overtraining: Sequence[int], watch: Watch) -> tuple[Part, ...]:
    """Wall-clocks by network and token budget, and losses where they are published (at 20 tokens per parameter).

    Args:
      overtraining: multiples of 20 tokens per parameter.
      watch: is told which network and model is replayed.
    """
    cases = [(multiple, network, model) for multiple in overtraining for network in NETWORKS for model in MODELS]
    found: dict[tuple[int, str], list[_Ran]] = {}
    for done, (multiple, network, model) in enumerate(cases):
        watch.doing(f"replaying {model} on {network}", done, len(cases))
        found.setdefault((multiple, network), []).extend(_ran(network, model, multiple))
    clocks = tuple(
        Part(
            f"Wall-clock on {network}, {20 * multiple} tokens per parameter",
            "s",
            "relative",
            tuple(Pair(_name(one), _formula_s(one), one.wall_clock_s) for one in ran),
            theirs="by the formula",
        )
        for (multiple, network), ran in found.items()
    )
    return (*_losses(found[1, next(iter(NETWORKS))]), *clocks) if 1 in overtraining else clocks


def _ran(network: str, model: str, multiple: int) -> list[_Ran]:
    settings = [f"workload.overtraining={multiple}"]
    scenario = load_scenario(topology=network, workload=model, strategies=STRATEGIES, settings=settings)
    found = []
    for job in jobs_by_rule(scenario, "best-batch", []):
        loss = loss_after(job.strategy, job.setting.load).value
        assert loss is not None  # these strategies have a law
        found.append(_Ran(network, model, job, alone(scenario, job).timeline.wall_clock_s, loss))
    return found


def _losses(ran: list[_Ran]) -> tuple[Part, ...]:
    """Predicted losses beside measured ones; they are the same on every network."""
    rows = {row["model"]: row for row in read("eval_loss.csv")}
    pairs = tuple(
        Pair(_name(one), float(printed), one.loss) for one in ran if (printed := rows[one.model][_key(one.job)])
    )
    remark = (
        "Ours at the batch of the laws, theirs at the best batch that was found. M = 8 was not trained beyond 2.4B."
    )
    return (
        Part("Loss at 20 tokens per parameter, on any network", "nats per token", "relative", pairs, remark=remark),
    )


def _key(job: Job) -> str:
    """The column of the published losses."""
    return job.strategy.kind if is_reference(job.strategy) else f"diloco-{job.strategy.replica_count}"


def _name(one: _Ran) -> str:
    return f"{one.model} {_key(one.job)}"


def _formula_s(one: _Ran) -> float:
    load = one.job.setting.load
    return appendix_a_s(
        one.network,
        params=FAMILY[one.model].params,
        tokens=load.batch_tokens * load.steps,
        batch_tokens=load.batch_tokens,
        chips=sum(load.deal.worker_chips),
        replicas=None if is_reference(one.job.strategy) else one.job.strategy.replica_count,
    )


def appendix_a_s(
    network: str, *, params: float, tokens: float, batch_tokens: float, chips: float, replicas: int | None
) -> float:
    """Idealised wall-clock: compute, and what is exchanged, one after the other [s].

    Compute 6 N D / (R Q); an all-reduce of 16 N bits over W costs (2 * 16 N / W) (1 - 1/R) + e. Data-Parallel makes one
    among all R chips between datacenters in every step; DiLoCo one inside its replica's R / M chips in every step and
    one among all chips in every H steps; with M = 1 the one in every step goes between datacenters, too.

    Args:
      network: a key of `NETWORKS`.
      params: N.
      tokens: D, of the whole run.
      batch_tokens: B, of all replicas together.
      chips: R, likewise.
      replicas: M; None: Data-Parallel.

    Source: arXiv 2503.09799, appendix A.
    """
    (w1, e1), (w0, e0) = NETWORKS[network], NETWORKS["high-bw"]
    steps, bits = tokens / batch_tokens, PAYLOAD_BITS * params
    compute_s = 6 * params * tokens / (chips * CHIP_FLOP_PER_S)
    outer_s = 2 * bits / w1 * (1 - 1 / chips) + e1
    if replicas is None:
        return compute_s + outer_s * steps
    inner_s = outer_s if replicas == 1 else 2 * bits / w0 * (1 - replicas / chips) + e0
    return compute_s + (inner_s + outer_s / SYNC_EVERY) * steps
