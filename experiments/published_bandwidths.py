"""Published bandwidths of Decoupled DiLoCo: which missing inputs give them, and what they cannot tell.

Claim (arXiv 2604.21428 and its announcement, second-hand): 1.7 in place of 104 Gbit/s at steps of 1 s, 0.84 in place of
198 Gbit/s among 8 datacenters, 60 to 242 times less. H = 24, P = 24, tau = 2 are told; size, bits and utilisation are
not, nor how Data-Parallel overlaps, nor how many datacenters the first pair is for.
Verdict: `python -m experiments.published_bandwidths` (3 seconds) writes the last table of docs/strategies.md, to which
a test holds it: for each utilisation and number of datacenters the bits and the sizes that would give both pairs. No
agreement is claimed, as what is missing is chosen so that the numbers come out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache

from experiments.strategies import PAGE
from experiments.tables import markdown, put
from sim.questions.bandwidth.bandwidth import answer
from sim.questions.bandwidth.published_setting import study

BEGIN = "<!-- published bandwidths, written by experiments/published_bandwidths.py -->\n"
END = "<!-- end of published bandwidths -->\n"
HEAD = ("datacenters", "utilisation", "ratio at equal bits", "bits: 104 to 1.7", "size", "bits: 198 to 0.84", "size")
PAIRS_GBITS = ((104.0, 1.7), (198.0, 0.84))
DATACENTERS, UTILISATIONS = (2, 4, 6, 8, 16), (0.5, 0.8, 0.9, 0.95)
BITS, PARAMS, STEP_S, LAYERS = 16, 1e9, 1.0, 48
"""Of Data-Parallel, as in the tables of Streaming DiLoCo; needs are in proportion to N b / T."""


@cache
def needs(entry: str, datacenters: int) -> tuple[float, ...]:
    """What a strategy needs for each utilisation, as a share of N b / T [-]."""
    one = study(params=PARAMS, layers=LAYERS, step_time_s=STEP_S, strategies=[entry], datacenters=datacenters)
    found = [row.bandwidth_bits_per_s for row in answer(one, UTILISATIONS).rows]
    assert all(found), "every utilisation is reached at some bandwidth"
    return tuple((each or 0.0) * STEP_S / (PARAMS * BITS) for each in found)


def ratios(datacenters: int, how: str = "data-parallel") -> list[float]:
    """Data-Parallel's need over that of Decoupled DiLoCo with as many bits, for each utilisation [-]."""
    learners = needs(f"decoupled-diloco:replicas={datacenters},quorum={datacenters}", datacenters)
    return [one / other for one, other in zip(needs(how, datacenters), learners, strict=True)]


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    for datacenters in DATACENTERS:
        columns = zip(UTILISATIONS, needs("data-parallel", datacenters), ratios(datacenters), strict=True)
        for utilisation, need, ratio in columns:
            told: list[str] = []
            for before, after in PAIRS_GBITS:
                size = before * 1e9 * STEP_S / (need * BITS)
                told += [f"{BITS * ratio * after / before:.1f}", f"{size / 1e9:.1f}B"]
            yield f"{datacenters}", f"{utilisation:.0%}", f"{ratio:.1f}", *told


def table() -> str:
    """The table, as Markdown."""
    return markdown(HEAD, rows())


def main() -> int:
    """The command."""
    put(PAGE, BEGIN, table(), END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
