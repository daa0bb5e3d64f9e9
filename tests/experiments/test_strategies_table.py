"""The table of strategies on the page is what the code makes, and agrees with hand arithmetic."""

import pytest

from experiments.strategies import BEGIN, END, HEAD, PAGE, scenario, table
from sim.strategies import STRATEGIES


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == table(), "run python -m experiments.strategies"


def test_every_strategy_has_a_row_and_simple_ones_are_as_by_hand():
    assert [each.kind for each in scenario().strategies] == list(STRATEGIES)
    rows = {cells[0]: cells for cells in (line.strip("| \n").split(" | ") for line in table().splitlines()[2:])}
    assert all(len(cells) == len(HEAD) for cells in rows.values())

    def figures(label):
        return [float(cell) for cell in rows[label][1:5]] + [float(rows[label][5].split()[0])]

    ring = 2 * (4 - 1) / 4  # of the model, up and down a site
    assert figures("Data-Parallel") == pytest.approx([ring] * 4 + [ring * 16])
    assert figures("DiLoCo M=4 H=30") == pytest.approx([ring / 30] * 4 + [ring * 16])
    assert figures("Streaming DiLoCo M=4 H=30 tau=1") == pytest.approx([ring / 30] * 4 + [ring * 16 / 8])
    # three of four push and pull once in H of their steps: all of it through the site of the server
    push = 1 / 30
    up = figures("Async DiLoCo M=4 H=30")
    assert up[1] == pytest.approx(3 * push, rel=0.06)
    assert up[0] == pytest.approx(6 * push / 4, rel=0.06)
    # a border has B d b/8 bytes each way; two sites have two borders, two have one
    border = 2**20 * (1e9 / (12 * 24)) ** 0.5 / 1e9
    assert figures("Pipeline m=16 1f1b") == pytest.approx([1.5 * border, 2 * border] * 2 + [2 * border * 16], rel=5e-3)
