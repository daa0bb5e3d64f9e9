"""The question: which overhead of an exchange and which share of its bandwidths make a topology as fast as measured?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...scenario.files import is_trace
from ...topology.model import Topology
from .exchanges_fit import WIDTH, best_fit, idle_seconds, middle, scaled, times_near
from .rows import Measured, read_rows, read_trace

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_LEAST_EFFECT = 1e-3
"""Relative change of the slowest row, if all bandwidths double, below which nothing says what the bandwidth is."""
NOT_FITTED = ("published", "chunked-ring")


@dataclass(frozen=True)
class Ask:
    """What was measured, where, and what is to be predicted.

    Attributes:
      file: the table, or a trace (.jsonl, .jsonl.gz), whose exchanges are the rows.
      topology: as one believes it to be: the bandwidths of its links are scaled, its overhead is replaced.
      sizes: all-reduces among all sites to predict [byte].
      resamples, seed: of the refits behind the intervals.
    """

    file: Path
    topology: Topology
    sizes: tuple[float, ...] = ()
    resamples: int = 200
    seed: int = 0


@dataclass(frozen=True)
class Constant:
    """A fitted number: its value, and the middle 95% of the refits."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A measured exchange beside the fit.

    Attributes:
      line, size_bytes, members, streams, measured_s: as in the file.
      before_s: what the topology says as it was given [s].
      fitted_s: what it says calibrated [s].
      error: fitted over measured - 1 [-].
      left_out_error: the same of a fit that did not see this row [-].
    """

    line: int
    size_bytes: float
    members: int
    streams: int
    measured_s: float
    before_s: float
    fitted_s: float
    error: float
    left_out_error: float


@dataclass(frozen=True)
class Predicted:
    """An exchange that nobody measured: seconds, and the band in which 95% of single measurements should be."""

    size_bytes: float
    seconds: float
    low_s: float
    high_s: float


@dataclass(frozen=True)
class Calibration:
    """The answer.

    Attributes:
      topology: the calibrated one.
      collective: how its exchanges go.
      overhead, bandwidth: the fitted numbers: `exchange_overhead` [s], and the factor on every link's bandwidth [-].
      scatter: of the relative errors, with the degrees of freedom that are left [-].
      rows: as measured.
      predicted: by size.
      notes: what is assumed, and what the rows cannot say.
    """

    topology: Topology
    collective: str
    overhead: Constant
    bandwidth: Constant
    scatter: float
    rows: tuple[Row, ...]
    predicted: tuple[Predicted, ...]
    notes: tuple[str, ...]


def answer(ask: Ask) -> Calibration:
    """Fits overhead and bandwidth to measured exchanges, and says how far to trust them.

    The times are those of the product's own network on idle links. Errors are relative, and large ones count nearly
    linearly. The intervals are of refits to times that are drawn anew around the fit, with the scatter found.

    Raises:
      InputError: the table or the topology is unfit for this.
    """
    import numpy as np

    given, rows = ask.topology, (read_trace if is_trace(ask.file) else read_rows)(ask.file)
    _check(ask, rows)
    bare = given.replaced(transport=given.transport.replaced(exchange_overhead=0.0))
    asked = [(row.size_bytes, row.members, row.streams) for row in rows]
    measured = np.array([row.seconds for row in rows])

    def exact(factor: float) -> Floats:
        return np.array(idle_seconds(scaled(bare, factor), asked))

    one_size = len({row.size_bytes for row in rows}) == 1
    kept_s = given.transport.exchange_overhead_s if one_size else None  # one size does not tell it from bandwidth
    overhead_s, factor = best_fit(exact, measured, (float(measured.min()) / 2, 1.0), kept_s)
    _check_tells(ask.file, exact(factor), exact(2 * factor), overhead_s)
    best = overhead_s + exact(factor)
    freedom = len(rows) - (1 if one_size else 2)
    scatter = math.sqrt(float(np.sum(np.log(best / measured) ** 2)) / freedom)
    wanted = [*asked, *((size, None, None) for size in ask.sizes)]
    near = times_near(bare, factor, wanted)

    def of_rows(kept: Sequence[int]) -> tuple[float, float]:
        return best_fit(lambda share: near(share)[list(kept)], measured[list(kept)], (overhead_s, factor), kept_s)

    left_out = [
        float(overhead + near(share)[number]) / measured[number] - 1
        for number in range(len(rows))
        for overhead, share in [of_rows([each for each in range(len(rows)) if each != number])]
    ]
    generator = np.random.default_rng(ask.seed)
    refits, further = [], []
    for _ in range(ask.resamples):
        width = scatter * math.sqrt(freedom / generator.chisquare(freedom))  # how unsure the scatter itself is
        drawn = best * np.exp(width * generator.standard_normal(len(rows)))
        refit = best_fit(lambda share: near(share)[: len(rows)], drawn, (overhead_s, factor), kept_s)
        refits.append(refit)
        noise = np.exp(width * generator.standard_normal(len(ask.sizes)))
        further.append((refit[0] + near(refit[1])[len(rows) :]) * noise)
    bands = [middle(values) for values in zip(*refits, strict=True)]
    sizes_s = idle_seconds(scaled(bare, factor), wanted[len(rows) :])
    given_s = idle_seconds(given, asked)
    found = calibrated(given, overhead_s, factor)
    return Calibration(
        topology=found,
        collective=given.collective,
        overhead=Constant("transport.exchange_overhead [s]", overhead_s, *bands[0]),
        bandwidth=Constant("factor on links[].bandwidth", factor, *bands[1]),
        scatter=scatter,
        rows=_compared(given, rows, given_s, best, left_out),
        predicted=tuple(
            Predicted(size, overhead_s + seconds, *middle(each))
            for size, seconds, each in zip(ask.sizes, sizes_s, zip(*further, strict=True), strict=True)
        ),
        notes=tuple(_notes(given, rows, bands, factor)) + tuple(_of_trace(ask.file, one_size=one_size)),
    )


def _compared(
    given: Topology, rows: Sequence[Measured], given_s: Sequence[float], best: Floats, left_out: Sequence[float]
) -> tuple[Row, ...]:
    """Every measured row beside the topology as given, the fit, and the error of the fit without it."""
    return tuple(
        Row(
            line=row.line,
            size_bytes=row.size_bytes,
            members=row.members or len(given.datacenters),
            streams=row.streams or given.transport.streams,
            measured_s=row.seconds,
            before_s=before_s,
            fitted_s=float(fitted_s),
            error=float(fitted_s) / row.seconds - 1,
            left_out_error=float(other),
        )
        for row, before_s, fitted_s, other in zip(rows, given_s, best, left_out, strict=True)
    )


def calibrated(topology: Topology, overhead_s: float, factor: float) -> Topology:
    """The topology with fitted parameters: it says in its source that it has them."""
    told = f"Calibrated: exchange_overhead {overhead_s:.4g} s, bandwidths times {factor:.4g}."
    transport = topology.transport.replaced(exchange_overhead=overhead_s)
    return scaled(topology, factor).replaced(transport=transport, source=f"{topology.source} {told}".strip())


def _check(ask: Ask, rows: Sequence[Measured]) -> None:
    topology, sites = ask.topology, len(ask.topology.datacenters)
    if sites < 2 or not topology.links:
        raise InputError(f"topology {topology.name}: one site exchanges over no links; give one of two sites or more")
    if topology.collective in NOT_FITTED:
        raise InputError(
            f"topology {topology.name}: collective: {topology.collective} is not calibrated; write `collective: ring`, "
            "or the algorithm that your program uses"
        )
    if any(link.schedule is not None or link.outages for link in topology.links):
        raise InputError(f"topology {topology.name}: its links change; leave their `schedule` and `outages` out")
    for row in rows:
        if row.members and row.members > sites:
            raise InputError(
                f"{ask.file}: line {row.line}: members: {row.members}, and {topology.name} has {sites} sites; write "
                f"a number from 2 to {sites}"
            )


def _check_tells(file: Path, now_s: Floats, doubled_s: Floats, overhead_s: float) -> None:
    if float(max((now_s - doubled_s) / (now_s + overhead_s))) < _LEAST_EFFECT:
        raise InputError(
            f"{file}: more bandwidth would make no row faster: they say nothing of it; measure larger sizes, or a "
            "topology with a larger `transport.window`"
        )


def _notes(given: Topology, rows: Sequence[Measured], bands: Sequence[tuple[float, float]], factor: float) -> list[str]:
    notes = [
        "Each row is taken as an all-reduce among sites of one chip each, on links that carry nothing else; one factor "
        "for all links, latencies and caps of a flow as given.",
        "The band of a predicted size is for one measurement like those of the table; beyond the sizes measured it "
        "holds only as far as the network works alike.",
    ]
    if bands[0][0] < bands[0][1] and bands[0][0] <= 1e-4 * min(row.seconds for row in rows):
        notes.append(
            "The interval of the overhead begins at 0: the rows do not say that there is any; add small sizes."
        )
    if bands[1][0] < factor / WIDTH or bands[1][1] > factor * WIDTH:
        notes.append("The rows hardly say what the bandwidth is; add larger sizes.")
    if given.transport.exchange_overhead_s and bands[0][0] < bands[0][1]:
        notes.append(f"exchange_overhead was {given.transport.exchange_overhead_s:g} s, and is replaced.")
    return notes


def _of_trace(file: Path, *, one_size: bool) -> list[str]:
    notes = []
    if is_trace(file):
        notes.append("The seconds of a trace hold what its replica waited for slower ones, too.")
    if one_size:
        notes.append(
            "All exchanges are of one size, which does not tell an overhead from bandwidth: it stays as it was given."
        )
    return notes
