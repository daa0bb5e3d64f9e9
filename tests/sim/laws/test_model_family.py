import csv
from pathlib import Path

from sim.laws.model_family import FAMILY, VOCAB


def test_family_is_the_published_table():
    with (Path(__file__).parents[3] / "experiments" / "reference" / "models.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [row["name"] for row in rows] == list(FAMILY)
    for row in rows:
        shape = FAMILY[row["name"]]
        published = [float(row[key]) for key in ("params", "layers", "heads", "qkv_dim", "hidden_dim", "token_budget")]
        assert [shape.params, shape.layers, shape.heads, shape.width, shape.hidden, shape.token_budget] == published


def test_shapes_make_the_nominal_sizes():
    for shape in FAMILY.values():
        matrices = shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.hidden) + VOCAB * shape.width
        assert abs(matrices / shape.params - 1) < 0.15, shape.name
        assert shape.token_budget == 20 * shape.params
