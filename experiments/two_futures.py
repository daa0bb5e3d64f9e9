"""Two futures: what synthetic data, experts, test-time compute and DiLoCo do to the cost of a given loss, with bands.

Question: the loss that a compute-optimal dense model reaches with 1e24 to 1e27 flop, on data that never repeats, at one
site with fat links (Chinchilla's law, Epoch's refit): how many times as much does it cost where data runs out, and
what is each way out worth? Every number is a factor on chip-hours, and so on money, and on wall-clock at equal chips.

  repeats         only 15T different tokens (FineWeb, arXiv 2406.17557); more of them are repeats, worth what arXiv
                  2305.16264 says (without its discount for larger models, so this is the least); the best N and D for
                  it. Middle: Epoch's refit; ends: that and Hoffmann's constants.
  synthetic       low: a generated token is worth a fresh one; middle: rephrasing makes 1.48 times as much of the 15T
                  (arXiv 2603.18534, 32 rephrases a document, small models); high: worth nothing, so repeats. Generating
                  costs 2 flops a parameter and token of an 8B model (arXiv 2510.01631: larger ones are no better; its
                  mixtures that learn 5 to 10 times sooner than fresh text alone are not in the band).
  experts         low: 28.5% of the compute of a dense 67B model (arXiv 2401.06066); middle and high: Clark's law (arXiv
                  2202.01169) with 512 experts and with 8, which gains nothing from 9.4e11 parameters on.
  test-time       low: a model of a fourteenth, given more compute for each answer until both cost the same over their
                  life, answers as well (arXiv 2408.03314, where it succeeds at times); high: it does not, as on hard
                  questions. Middle: not known. It lowers no loss: it stands in for one.
  diloco          four sites joined by 1 Tbit/s, 100 and 10 Gbit/s in place of one, best H of five. Low: the loss as the
                  laws continue, the low price of H; middle: no gain over Data-Parallel, the middle price; high: half a
                  percent of loss more (what is not known above 10B parameters), the high price.
  data-parallel   the same sites and links with Data-Parallel, at the batch at which it is cheapest: what DiLoCo is an
                  answer to. Low: at DiLoCo's batch, as if that cost no loss, since its own best batch by the law, 1.5M
                  tokens at 1e27, lies far beyond the fit.
  together        products of synthetic, experts and diloco: two futures, and what is between them. That they do not
                  touch each other is an assumption.

Left out: the exchange of 10 times the training for 15 times the test compute in Hex (arXiv 2104.03113), which could not
be confirmed. Extrapolated: everything. Chinchilla's law was fitted to 16B parameters, repeats to 9B and 900B tokens,
experts to 130B tokens, DiLoCo's losses to 10B, rephrases to models far below 1B. The 15T do not grow, and the links do
not while chips grow a thousandfold, so that the base takes 90 days.
Verdict: data is not what parts the futures: 15T tokens are enough at 1e25, and repeats cost 0 to 3% at 1e26, 5 to 25%
at 1e27, so generated data saves no more than that. Experts are worth 0.29 to 1, DiLoCo over 100 Gbit/s 1.01 at 1e24,
1.4 at 1e26 and 2.7 at 1e27 (0.76 to 17), where Data-Parallel takes 3.8, 102 and 717. Together 0.25 to 1.1 at 1e24 and
0.22 to 21 at 1e27: one future costs four times the other at 1e24, and a hundred times at 1e27, for want of links and
of anybody who has measured what rare outer steps cost such models.
Run: python -m experiments.two_futures (0.2 minutes). Writes results/two_futures.csv, .png and .pdf.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import crosshaul as ch
from sim import laws
from sim.laws.chinchilla import CONSTANTS, Fit
from sim.laws.communication import Communication, Price, price_of
from sim.laws.data_constrained import REPEATS_WORTH
from sim.topology.power import Power
from sim.units.chips import UTILIZATION, find_chip

from . import style
from .tables import RESULTS

FLOP = (1e24, 1e25, 1e26, 1e27)
UNIQUE = 15e12
REPHRASED, REPHRASES = 1.48, 32
"""By how much rephrasing multiplies the data, and generated tokens for each token that there is."""
GENERATOR_FLOP = laws.inference.INFERENCE_FLOP * 8e9
"""For a generated token [flop]."""
DEEPSEEK = 0.285
EXPERTS = (8, 512)
SMALLER = 14
SITES, CADENCES = 4, (30, 50, 100, 200, 300)
LINKS = ("1 Tbit/s", "100 Gbit/s", "10 Gbit/s")
UNRESOLVED = 0.005
"""Share of a loss that is not known between algorithms above 10B parameters (docs/laws.md)."""
CHIP, DAYS, PRICE = "h100", 90.0, 2.0
"""What trains, how long the base takes, and an assumed price of a chip for an hour [dollar]."""
_BISECTIONS = 100
_MOST_WORTH = 0.999
"""Share of all that repeats can ever be worth, which takes endless many."""
_STEPS = 600
"""Of a replay: two periods of the rarest outer step."""
Row = dict[str, str | float]
Ends = tuple[float, float | None, float]


def bisected(rises: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function passes 0, between two numbers above 0; its logarithm is halved."""
    start, end = math.log(low), math.log(high)
    for _ in range(_BISECTIONS):
        middle = (start + end) / 2
        start, end = (start, middle) if rises(math.exp(middle)) > 0 else (middle, end)
    return math.exp(end)


def tokens_worth(worth: float, unique: float) -> float:
    """Tokens that are worth so many fresh ones where only some are different."""
    return bisected(lambda tokens: float(laws.effective_tokens(tokens, unique)) - worth, worth, 1e6 * worth)


def with_unique(flop: float, fit: Fit, unique: float) -> tuple[float, float]:
    """The least compute that reaches the loss of the optimum of some flop where tokens repeat, and its tokens.

    Args:
      flop: C of the optimum without repeats [flop].
      fit: of Chinchilla's law.
      unique: different tokens [tokens].

    Returns:
      Flop, infinite where no model reaches the loss, and tokens.
    """
    params, tokens = laws.chinchilla_optimal(flop, fit)
    if tokens <= unique:
        return flop, tokens
    loss, law = laws.chinchilla_loss(params, tokens, fit), CONSTANTS[fit]
    best = math.inf, math.inf
    for size in np.geomspace(params / 4, params * 1e4, 4000):
        left = loss - law.E - law.A * size**-law.a
        worth = (law.B / left) ** (1 / law.b) if left > 0 else math.inf
        if worth >= _MOST_WORTH * unique * (1 + REPEATS_WORTH):
            continue
        needed = tokens_worth(worth, unique)
        best = min(best, (6 * float(size) * needed, needed))
    return best


def repeats(flop: float, unique: float = UNIQUE) -> Ends:
    """What repeats cost: the refit in the middle, both fits as ends."""
    fits: tuple[Fit, ...] = ("epoch", "hoffmann")
    middle, other = (with_unique(flop, fit, unique)[0] / flop for fit in fits)
    return min(middle, other), middle, max(middle, other)


def synthetic(flop: float) -> Ends:
    """What repeats cost if data is generated as well."""
    tokens = laws.chinchilla_optimal(flop)[1]
    fresh = 1 + GENERATOR_FLOP * max(0.0, tokens - UNIQUE) / flop
    rephrased = with_unique(flop, "epoch", REPHRASED * UNIQUE)[0] + GENERATOR_FLOP * REPHRASES * UNIQUE
    _, middle, high = repeats(flop)
    return fresh, min(middle or math.inf, rephrased / flop), high


def experts(flop: float) -> Ends:
    """Active parameters over those of the dense model of equal loss."""
    params = float(laws.chinchilla_optimal(flop)[0])

    def share(many: int) -> float:
        found = bisected(lambda n: float(laws.dense_equivalent_params(n, many * n)) - params, params / many, params)
        return min(1.0, found / params)

    few, many = (share(each) for each in EXPERTS)
    return min(DEEPSEEK, many), many, few


def at_test_time(_: float) -> Ends:
    """Training of a model of a fourteenth on as many tokens."""
    return 1 / SMALLER, None, 1.0


def answers_cost(training_per_inference: float) -> float:
    """Times the flops of an answer that the smaller model may spend, so that both cost the same over their life.

    6 N D + 2 N I = 6 N D/m + k 2 N I/m, so k = m + 3 (m - 1) D/I.

    Args:
      training_per_inference: D/I, tokens of training for each that is ever answered.
    """
    return SMALLER + 3 * (SMALLER - 1) * training_per_inference


def more_compute(flop: float, algorithm: str, replicas: int, change: Callable[[float], float], batch: float) -> float:
    """Compute over that of Data-Parallel for the same loss.

    Args:
      flop: of Data-Parallel at its best batch [flop].
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      change: of the logarithm of the loss, from the law's loss over that of Data-Parallel at the same flop.
      batch: over the best one [-].
    """
    target = float(laws.predicted_loss(*laws.chinchilla_optimal(flop), "data-parallel", 1))

    def short(times: float) -> float:
        params, tokens = laws.chinchilla_optimal(times * flop)
        own = batch * float(laws.batch_tokens(np.asarray(params), algorithm, replicas))
        plain = float(laws.predicted_loss(params, tokens, "data-parallel", 1))
        loss = float(laws.predicted_loss(params, tokens, algorithm, replicas, own))
        return target - plain * math.exp(change(loss / plain))

    return bisected(short, 1e-2, 1e6)


def sites(count: int, link: str) -> ch.Topology:
    """Sites whose inside costs nothing, at a price, joined by links of 20 ms."""
    found = ch.Topology.full_mesh(count, bandwidth=link, latency="20 ms", inside={"bandwidth": "1 Pbit/s"})
    spent = {"price_chip_hour": PRICE, "power": Power()}
    return found.replaced(datacenters=tuple(site.replaced(**spent) for site in found.datacenters))


def chips_for(flop: float) -> int:
    """Chips that train the base in 90 days, as many at each site."""
    chip = find_chip(CHIP)
    assert chip is not None
    return SITES * round(flop / (DAYS * 86_400 * UTILIZATION * chip.peak_flop_per_s) / SITES)


def computing(flop: float, times: float, strategy: Any, link: str, batch: float = 1.0) -> float:
    """Share of its time in which a run computes, by replay, at the optimum of `times` the flop."""
    params = float(laws.chinchilla_optimal(times * flop)[0])
    algorithm, replicas = ("data-parallel", 1) if strategy.kind == "data-parallel" else ("diloco", SITES)
    own = batch * float(laws.batch_tokens(np.asarray(params), algorithm, replicas))
    work = ch.Workload(params=params, steps=_STEPS, batch_tokens=own, chips=chips_for(flop), chip=CHIP)
    return float(ch.run(sites(SITES, link), work, [strategy])[0].compute_utilization)


def diloco(flop: float) -> Ends:
    """Four sites that average every H steps, over one site with Data-Parallel."""
    params = float(laws.chinchilla_optimal(flop)[0])

    def factor(link: str, change: Callable[[Price, float], float]) -> float:
        found = []
        for every in CADENCES:
            price = price_of(params, Communication(SITES, every))
            times = more_compute(flop, "diloco", SITES, partial(change, price), 1.0)
            found.append(times / computing(flop, times, ch.DiLoCo(replicas=SITES, sync_every=every), link))
        return min(found)

    thick, middle, thin = LINKS
    return (
        factor(thick, lambda price, ratio: math.log(ratio) + price.low),
        factor(middle, lambda price, ratio: max(0.0, math.log(ratio)) + price.middle),
        factor(thin, lambda price, ratio: max(0.0, math.log(ratio)) + price.high + math.log1p(UNRESOLVED)),
    )


def data_parallel(flop: float) -> Ends:
    """The same sites with Data-Parallel at its cheapest batch; low: at DiLoCo's batch, as if that cost no loss."""
    params = np.asarray(laws.chinchilla_optimal(flop)[0])
    batches = [float(laws.batch_tokens(params, *each)) for each in (("diloco", SITES), ("data-parallel", 1))]

    def factor(link: str) -> float:
        found = []
        for batch in (1, 2, 4, 8, 16, 32, 64):
            times = more_compute(flop, "data-parallel", 1, math.log, batch)
            found.append(times / computing(flop, times, ch.DataParallel(), link, batch))
        return min(found)

    thick, middle, thin = LINKS
    free = 1 / computing(flop, 1.0, ch.DataParallel(), thick, batches[0] / batches[1])
    return free, factor(middle), factor(thin)


TERMS: dict[str, Callable[[float], Ends]] = {
    "repeats": repeats,
    "synthetic": synthetic,
    "experts": experts,
    "test-time": at_test_time,
    "diloco": diloco,
    "data-parallel": data_parallel,
}
TOGETHER = ("synthetic", "experts", "diloco")


def rows() -> list[Row]:
    """A row a budget and term: its factors, and the chip-hours at them."""
    return [row for flop in FLOP for row in _rows(flop)]


def _rows(flop: float) -> list[Row]:
    params, tokens = laws.chinchilla_optimal(flop)
    batch = float(laws.batch_tokens(np.asarray(params), "data-parallel", 1))
    work = ch.Workload(params=params, tokens=tokens, batch_tokens=batch, chips=chips_for(flop), chip=CHIP)
    base = ch.run(sites(1, LINKS[0]), work, [ch.DataParallel()])[0]
    assert base.cost is not None
    hours = base.wall_clock_s / 3600 * base.chips
    known = {
        "loss": float(laws.chinchilla_loss(params, tokens)),
        "params": float(params),
        "tokens": float(tokens),
        "chips": float(base.chips),
        "days": base.wall_clock_s / 86_400,
        "dollars": base.cost.total or 0.0,
        "mwh": (base.cost.energy_kwh or 0.0) / 1000,
    }
    ends: dict[str, Ends] = {"base": (1.0, 1.0, 1.0)} | {name: term(flop) for name, term in TERMS.items()}
    parts = [ends[name] for name in TOGETHER]
    whole = [math.prod(float(part[place] or math.nan) for part in parts) for place in range(3)]
    ends["together"] = (whole[0], whole[1], whole[2])
    return [_row(flop, name, each, hours, known if name == "base" else {}) for name, each in ends.items()]


def _row(flop: float, name: str, ends: Ends, hours: float, known: dict[str, float]) -> Row:
    columns = ("loss", "params", "tokens", "chips", "days", "dollars", "mwh")
    row: Row = {"flop": flop, "term": name}
    for end, value in zip(("low", "middle", "high"), ends, strict=True):
        row |= {end: "" if value is None else _rounded(value)}
        row |= {f"chip_hours_{end}": "" if value is None else _rounded(value * hours)}
    return row | {column: _rounded(known[column]) if known else "" for column in columns}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def draw(table: list[Row], path: Path) -> None:
    """Left: chip-hours against the flop of the base, for the base and both futures. Right: the factors of each term."""
    figure, (left, right) = style.panels(1, 2, 3.9)
    own = {name: [row for row in table if row["term"] == name] for name in ("base", "together", "data-parallel")}
    looks = {"base": style.DATA_PARALLEL, "together": style.DILOCO[8], "data-parallel": style.DILOCO[2]}
    words = {
        "base": "one site, dense, data enough",
        "together": "four sites, experts, generated data",
        "data-parallel": "four sites, Data-Parallel",
    }
    for name, look in looks.items():
        x = [row["flop"] for row in own[name]]
        left.plot(x, [row["chip_hours_middle"] for row in own[name]], **look.both, label=words[name])
        if name != "base":
            ends = [[row[f"chip_hours_{end}"] for row in own[name]] for end in ("low", "high")]
            left.fill_between(x, *ends, color=look.colour, alpha=0.18, linewidth=0)
    left.set(xscale="log", yscale="log", xlabel="flop of the base", ylabel="chip-hours for its loss (H100)")
    left.set_title("what a given loss costs")
    shown = {1e25: style.DILOCO[4], 1e27: style.DILOCO[8]}
    names = [*TERMS, "together"]
    for position, name in enumerate(names):
        for aside, (flop, look) in zip((-0.17, 0.17), shown.items(), strict=True):
            row = next(row for row in table if row["term"] == name and row["flop"] == flop)
            y = position + aside
            right.plot([row["low"], row["high"]], [y, y], color=look.colour, linewidth=5, solid_capstyle="butt")
            right.plot([row["low"], row["high"]], [y, y], **{**look.points, "marker": "|", "markersize": 8})
            if row["middle"] != "":
                right.plot([row["middle"]], [y], color="#000000", marker="o", markersize=3)
    right.axvline(1, color=style.GREY, linewidth=0.8)
    right.set(xscale="log", xlabel="cost over the base", yticks=range(len(names)), yticklabels=names)
    right.invert_yaxis()
    right.set_title("each term alone")
    keys = [style.key(f"{flop:g} flop", color=look.colour, linewidth=5) for flop, look in shown.items()]
    style.finish(
        figure,
        path,
        "Two futures: the cost of the loss of a compute-optimal dense model",
        "Bands: low to high ends; dots and lines: middle; test-time has none. Links of 1 Tbit/s, 100 and 10 Gbit/s; "
        "15T different tokens. Test-time counts training alone, and stands in for a loss. Together: synthetic x "
        "experts x diloco, as if independent. All of it is extrapolated beyond what was measured.",
        [*left.lines, *keys, style.key("middle", color="#000000", marker="o", linestyle="none", markersize=3)],
    )


def main() -> None:
    """Writes the CSV and the figure."""
    table = rows()
    with (RESULTS / "two_futures.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, RESULTS / "two_futures.png")


if __name__ == "__main__":
    main()
