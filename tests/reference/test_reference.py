"""The product gives the figures of the reference replay, for random scenarios over all that one can say.

More of them: `python -m tests.reference.compare --count 20000 --seed 1`.
"""

import pytest

from tests.reference.compare import compare
from tests.reference.worlds import write_traces

SEEDS, PARTS = 240, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("traces")
    write_traces(path)
    return path


@pytest.mark.parametrize("part", range(PARTS))
def test_the_product_replays_random_scenarios_as_the_reference_does(folder, part, capsys):
    counts, found = compare(range(part, SEEDS, PARTS), folder)
    shown = capsys.readouterr().out
    assert not found, shown
    assert counts["equal"] >= 0.9 * SEEDS / PARTS
