"""The numbers of `simulate validate` that take seconds, computed again from the published facts beside them.

Every function returns our numbers by claim and case, with the names of `experiments/evidence.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from ...laws import dense_equivalent_params, diloco, inference_optimal
from ...laws.fitting import Fitted, fit
from ...laws.inference import CONSTANTS as INFERENCE
from ...laws.published import INNER_LEARNING_RATE
from ...scenario.loading import load_scenario
from ...shell.progress import UNWATCHED, Watch
from ...simulation.alone import alone
from ...simulation.run import run
from ..bandwidth.bandwidth import answer as bandwidth_answer
from ..bandwidth.published_setting import study
from ..budget.budget import answer as budget_answer
from ..budget.comparison_rules import jobs_by_rule
from .evidence_files import Key, read
from .other_laws import numbers as other_laws
from .published_syncs import SyncPrediction, predictions

Numbers = dict[Key, float]
ALGORITHMS = {"data-parallel": 1, "diloco-1": 1, "diloco-2": 2, "diloco-4": 4, "diloco-8": 8}
"""Replicas by algorithm, as the published tables name it."""
NETWORKS = ("high-bw", "medium-bw", "low-bw")
VOCABULARY = 32_768
PAYLOAD_FACTOR = 0.8
SAMPLED_CELLS = (
    ("SL", 10e9, 48, 0.8, "data-parallel", 1, "data-parallel"),
    ("ST", 10e9, 48, 0.8, "diloco", 100, "diloco:sync_every=100"),
    (
        "ST",
        10e9,
        48,
        0.8,
        "streaming-overlap-fp4",
        100,
        "streaming-diloco:sync_every=100,fragments=16,overlap_steps=1,payload_bits=4",
    ),
)
"""Rows of the bandwidth tables that are run again: source, N, layers, seconds of a step, method, H, strategy."""
SAMPLED_MODEL = "550m"
"""The model size at which the claim of four times the tokens is computed again."""
CONFORMING = (
    "data-parallel",
    "data-parallel:overlap=layers",
    "diloco:replicas=1,sync_every=30",
    "diloco:replicas=2,sync_every=30",
    "diloco:replicas=4,sync_every=60",
    "diloco:replicas=2,sync_every=30,overlap=layers,payload_bits=4",
    "elastic-diloco:replicas=4,quorum=4,sync_every=30",
)
"""Strategies with a closed form for a run of whole rounds."""
INFERENCE_CHECKS = (("13B, 2T tokens", 13e9, 2e12), ("30B, 10T tokens", 30e9, 1e13), ("70B, 10T tokens", 70e9, 1e13))
"""Models that a smaller one is to equal in loss: name, N, inference tokens (arXiv 2401.00448)."""


def rerun(topics: Collection[str], watch: Watch = UNWATCHED) -> Numbers:
    """Our numbers that can be computed in seconds, of the topics asked for."""
    found: Numbers = {}
    wanted = [(topic, function) for topic, functions in LIVE.items() if topic in topics for function in functions]
    for number, (topic, function) in enumerate(wanted):
        watch.doing(f"computing {topic} again: {function.__name__.replace('_', ' ')}", number, len(wanted))
        found |= function()
    return found


def coefficients() -> Numbers:
    """Least squares on log L over the published losses up to 2.4B: Tables 7 and 10 of arXiv 2503.09799."""
    found: Numbers = {}
    runs = published_losses("nominal", 2.4e9)
    for algorithm in ALGORITHMS:
        own = [run for run in runs if run[0] == algorithm]
        law = fit("power", [loss for *_, loss in own], delta=math.inf, N=[n for _, n, _ in own])
        found["table-7-a", algorithm] = law.coefficients["A"]
        found["table-7-alpha", algorithm] = law.coefficients["alpha"]
    joint = _joint(runs).coefficients
    found["table-10-a", ""] = joint["A"]
    return found | {("table-10-exponents", name): joint[name] for name in ("alpha", "beta")}


def held_out() -> Numbers:
    """|log predicted - log measured| at 2.4B of fits to 1.3B, parameters counted from shapes: Table 11."""
    found: Numbers = {}
    sizes, seen = published_sizes("counted"), published_losses("counted", 1.3e9)
    measured = {name: loss for name, n, loss in published_losses("counted", 2.4e9) if n == sizes["2.4b"]}
    joint = _joint(seen)
    for algorithm, replicas in ALGORITHMS.items():
        if algorithm == "data-parallel":
            continue
        own = [run for run in seen if run[0] == algorithm]
        alone_fit = fit("power", [loss for *_, loss in own], delta=math.inf, N=[n for _, n, _ in own])
        predicted = {
            "independent": float(alone_fit.predict(N=sizes["2.4b"])),
            "joint": float(joint.predict(N=sizes["2.4b"], M=float(replicas))),
        }
        for form, loss in predicted.items():
            found["table-11", f"{form}, M = {replicas}"] = abs(math.log(loss / measured[algorithm]))
    return found


def _joint(runs: list[tuple[str, float, float]]) -> Fitted:
    own = [run for run in runs if run[0] != "data-parallel"]
    replicas = [ALGORITHMS[name] for name, *_ in own]
    return fit("joint", [loss for *_, loss in own], delta=math.inf, N=[n for _, n, _ in own], M=replicas)


def laws() -> Numbers:
    """Losses and best batches by the laws of the simulator, and the numbers of two other papers."""
    found: Numbers = {}
    for algorithm, n, _ in published_losses("nominal", 1e10):
        kind, replicas = algorithm.partition("-")[0], ALGORITHMS[algorithm]
        kind = "diloco" if kind == "diloco" else algorithm
        case = f"{n / 1e9:g}B {algorithm}"
        if n <= 2.4e9:
            found["loss-fitted", case] = float(diloco.loss(n, kind, replicas))
        if n == 1e10:
            found["loss-plain-10b", case] = float(diloco.loss(n, kind, replicas))
            found["loss-floor-10b", case] = float(diloco.loss_with_floor(n, kind, replicas))
    for algorithm, replicas in ALGORITHMS.items():
        kind = algorithm if algorithm == "data-parallel" else "diloco"
        found["best-batch", algorithm] = float(diloco.batch_tokens(2.4e9, kind, replicas))
    slopes = [INNER_LEARNING_RATE[name][1] for name in ALGORITHMS if name != "data-parallel"]
    found["table-8-slope", ""] = sum(slopes) / len(slopes)
    found["experts", ""] = dense_equivalent_params(5e6, 128 * 5e6)
    for case, params, tokens in INFERENCE_CHECKS:
        found["inference-params", case], found["inference-saving", case] = _inference(params, tokens)
    return found


def _inference(quality_params: float, inference_tokens: float) -> tuple[float, float]:
    """N of the cheapest model as good as a Chinchilla-optimal one, and the share of lifetime flop that it saves."""
    c = INFERENCE
    trained = (quality_params**-c.a) ** (-1 / c.b) * (c.a * c.A / (c.b * c.B)) ** (-1 / c.b)
    target = c.E + c.A * quality_params**-c.a + c.B * trained**-c.b
    n, d = inference_optimal(target, inference_tokens)
    cost = 6 * n * d + 2 * n * inference_tokens
    before = 6 * quality_params * trained + 2 * quality_params * inference_tokens
    return float(n), 1 - float(cost) / before


def cells() -> Numbers:
    """Bandwidths that reach a utilisation, for some rows of the published tables [Gbit/s]."""
    found: Numbers = {}
    for source, params, layers, step_s, method, every, strategy in SAMPLED_CELLS:
        factor = {"payload_factor": PAYLOAD_FACTOR}
        asked = study(params=params, layers=layers, step_time_s=step_s, strategies=[strategy], parameters=factor)
        for need in bandwidth_answer(asked).rows:
            case = cell_name(source, params, method, every, need.target)
            name = "streaming" if method.startswith("streaming") else method
            found[f"tables-{name}", case] = (need.bandwidth_bits_per_s or 0.0) / 1e9
    return found


def cell_name(source: str, params: float, method: str, every: int, target: float) -> str:
    """The name of a cell of the published bandwidth tables."""
    return f"{source} {params / 1e9:g}B {method} H={every} {target:.0%}"


def wall_clocks() -> Numbers:
    """Replayed wall-clock of Data-Parallel over that of DiLoCo, at 2.4B, each at its best batch."""
    found: Numbers = {}
    strategies = ["data-parallel", *(f"diloco:replicas={m},sync_every=30" for m in (1, 2, 4, 8))]
    for network in NETWORKS:
        scenario = load_scenario(topology=network, workload="2.4b", strategies=strategies)
        first, *others = (
            (job.strategy.replica_count, alone(scenario, job).timeline.wall_clock_s)
            for job in jobs_by_rule(scenario, "best-batch", [])
        )
        found |= {("wall-clock", f"{network}, M = {m}"): first[1] / seconds for m, seconds in others}
    return found


def four_fold() -> Numbers:
    """Tokens that DiLoCo fits into Data-Parallel's wall-clock, over Data-Parallel's tokens: low-bw, one size."""
    strategies = ["data-parallel", *(f"diloco:replicas={m},sync_every=30" for m in (2, 4, 8))]
    asked = load_scenario(topology="low-bw", workload=SAMPLED_MODEL, strategies=strategies)
    return {
        ("four-fold-low-bw", four_fold_name(SAMPLED_MODEL, row.replicas, row.rule)): row.overtraining_multiple
        for row in budget_answer([asked]).rows
        if row.strategy == "diloco"
    }


def four_fold_name(model: str, replicas: int, rule: str) -> str:
    """The name of a budget among the cases of a claim."""
    return f"{model}, M = {replicas}, {rule}"


def syncs() -> Numbers:
    """Predicted times of synchronisations that others measured, and utilisations."""
    found: Numbers = {}
    for one in predictions(list(read("real_runs.csv"))):
        found |= sync_numbers(one)
    return found


def sync_numbers(one: SyncPrediction) -> Numbers:
    """Our numbers for one published run, by the claims to which it belongs."""
    link, case = one.published["link"], f"H = {one.published['sync_every']}"
    if one.corrected_s is None or one.corrected_utilization is None:
        return {("sync-open-diloco", ""): one.overhead_s, ("use-open-diloco", ""): one.overhead_utilization}
    short = link.replace(" ", "-").removesuffix("bit/s").lower()
    found: Numbers = {(f"sync-{short}-bare", case): one.bare_s} if link == "1 Gbit/s" else {}
    if not one.calibrates:
        found |= {(f"sync-{short}", case): one.corrected_s, (f"use-{short}", case): one.corrected_utilization}
    return found


def conformance() -> Numbers:
    """Replayed wall-clock of strategies with a closed form, by network [s]."""
    return {("conformance", case): replayed_s for case, (_, replayed_s) in closed_and_replayed().items()}


def closed_and_replayed() -> Mapping[str, tuple[float, float]]:
    """Closed form and replay, by strategy and network [s]."""
    found = {}
    for network in NETWORKS:
        settings = ["workload.steps=120", "workload.chips=64", "replay=full"]
        scenario = load_scenario(topology=network, workload="1.3b", strategies=CONFORMING, settings=settings)
        for text, one in zip(CONFORMING, run(scenario).runs, strict=True):
            if one.closed_form_s is not None:
                found[f"{text} on {network}"] = (one.closed_form_s, one.wall_clock_s)
    return found


def published_losses(sizes: str, largest: float) -> list[tuple[str, float, float]]:
    """(algorithm, N, loss) of all published runs of models called up to `largest`."""
    called, params = published_sizes("nominal"), published_sizes(sizes)
    rows = list(read("eval_loss.csv"))
    return [
        (algorithm, params[row["model"]], float(row[algorithm]))
        for algorithm in ALGORITHMS
        for row in rows
        if row[algorithm] and called[row["model"]] <= largest
    ]


def published_sizes(how: str) -> dict[str, float]:
    """N by model: the number in its name (`nominal`), or counted from its shape with one embedding (`counted`)."""
    found = {}
    for row in read("models.csv"):
        width, hidden, layers = (int(row[key]) for key in ("qkv_dim", "hidden_dim", "layers"))
        counted = layers * (4 * width**2 + 2 * width * hidden) + VOCABULARY * width
        found[row["name"]] = float(row["params"]) if how == "nominal" else float(counted)
    return found


LIVE: dict[str, tuple[Callable[[], Numbers], ...]] = {
    "laws": (coefficients, held_out, laws, other_laws),
    "tables": (cells,),
    "wall-clock": (wall_clocks, four_fold),
    "syncs": (syncs,),
    "conformance": (conformance,),
}
"""The functions that compute numbers again, by topic."""
