"""Figures: what they show is what is published and committed, nothing covers anything, and files are the same again."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from experiments import redraw, style
from experiments.tables import committed, read_table

FOLDER = Path(__file__).parents[2] / "experiments"
REFERENCE = FOLDER / "reference"


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws a figure by its name, laid out but not written."""
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    monkeypatch.setattr(plt, "close", lambda _: None)

    def draw(name):
        redraw.redraw(name, tmp_path)
        figures[-1].draw_without_rendering()
        return figures[-1]

    yield draw
    monkeypatch.undo()
    plt.close("all")


def rings(axes):
    """Points of others: (x, y) of all markers without a face."""
    lines = [line for line in axes.lines if line.get_markerfacecolor() == "none" and line.get_marker() != "None"]
    pairs = [pair for line in lines for pair in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    return sorted((float(x), float(y)) for x, y in pairs if y == y)


@pytest.mark.parametrize("name", redraw.FIGURES)
def test_nothing_covers_a_panel_and_nothing_is_cut_off(name, drawn):
    figure = drawn(name)
    renderer = figure.canvas.get_renderer()
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.get_visible()]
    around = [each.get_window_extent(renderer) for each in [*figure.texts, *figure.legends]]
    assert len(around) == 3  # title, note, legend
    for box in [*panels, *around]:
        assert box.x0 >= figure.bbox.x0 - 1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= figure.bbox.y0 - 1
        assert box.y1 <= figure.bbox.y1 + 1
    for box in around:
        assert not any(overlap(box, other) for other in [*panels, *around] if other is not box), name
    titles = [axes._left_title.get_window_extent(renderer) for axes in figure.axes if axes.get_title("left")]
    assert not any(overlap(one, other) for one, other in pairwise(titles))


def overlap(one, other):
    return min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1


def test_every_published_bandwidth_is_a_ring(drawn):
    published = [
        float(row[key])
        for name in ("compute_utilization.csv", "compute_utilization_eager.csv")
        for row in read_table(REFERENCE / name)
        for key in ("u50", "u80", "u90", "u95", "u99")
    ]
    figure = drawn("compute_utilization")
    assert sorted(x for x, _ in rings(figure.axes[0])) == pytest.approx(sorted(published))
    note = figure.texts[1].get_text().replace("\n", " ")
    assert "90 cells, 50 exact, 90 within one, mean signed error -0.09 cells" in note


def test_every_published_loss_is_a_ring(drawn):
    columns = ("data-parallel", "diloco-1", "diloco-2", "diloco-4", "diloco-8")
    table = read_table(REFERENCE / "eval_loss.csv")
    losses = sorted(float(row[name]) for row in table for name in columns if row[name])
    assert sorted(y for _, y in rings(drawn("loss_scaling").axes[0])) == pytest.approx(losses)
    larger = sorted(
        float(row[name]) for row in table if row["model"] not in ("35m", "90m") for name in columns if row[name]
    )
    for axes in drawn("idealised_wall_clock").axes[:3]:
        assert sorted(y for _, y in rings(axes)) == pytest.approx(larger)
    fitted = [row for row in table if row["model"] not in ("4b", "10b")]
    gaps = [100 * (float(row[f"diloco-{m}"]) / float(row["data-parallel"]) - 1) for row in fitted for m in (1, 2, 4)]
    assert sorted(y for _, y in rings(drawn("headline").axes[1])) == pytest.approx(sorted(gaps))


def test_every_measured_synchronisation_is_a_ring(drawn):
    runs = [row for row in read_table(REFERENCE / "real_runs.csv") if "-" not in row["link"]]
    seconds, use, _ = drawn("published_syncs").axes
    assert rings(seconds) == sorted((float(r["sync_every"]), float(r["sync_s"])) for r in runs)
    assert rings(use) == sorted((float(r["sync_every"]), 100 * float(r["utilization"])) for r in runs)


def test_lines_differ_without_colours():
    looks = [style.DATA_PARALLEL, *style.DILOCO.values(), style.STREAMING]
    for part in ("colour", "dashes", "marker", "label"):
        assert len({str(getattr(look, part)) for look in looks}) == len(looks), part


def test_files_are_the_same_again_and_know_no_date(tmp_path):
    paths = [redraw.redraw("published_syncs", folder) for folder in (tmp_path, tmp_path)]
    before = [path.with_suffix(ending).read_bytes() for path in paths[:1] for ending in (".png", ".pdf")]
    redraw.redraw("published_syncs", tmp_path)
    assert [paths[0].with_suffix(ending).read_bytes() for ending in (".png", ".pdf")] == before
    for content in before:
        assert not re.search(rb"20\d\d-\d\d|/CreationDate|D:20\d\d", content)


def test_every_figure_lies_beside_its_results_and_is_explained():
    text = (FOLDER / "README.md").read_text()
    for name, (folder, _) in redraw.FIGURES.items():
        for ending in ("png", "pdf"):
            assert (folder / f"{name}.{ending}").stat().st_size < 400_000
        assert f"({(folder / name).relative_to(FOLDER)}.png)" in text, name
    pictures = {path.relative_to(FOLDER) for path in FOLDER.rglob("*.png")}
    assert pictures == {(folder / f"{name}.png").relative_to(FOLDER) for name, (folder, _) in redraw.FIGURES.items()}


def test_results_are_read_as_numbers_where_they_are_some():
    row = committed("four_fold")[0]
    assert (row["network"], row["replicas"], row["four_fold"]) == ("high-bw", 1.0, "no")
