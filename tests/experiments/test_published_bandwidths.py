"""What the published bandwidths of Decoupled DiLoCo tell: the page has the table, and needs follow from arithmetic."""

import pytest

from experiments.published_bandwidths import BEGIN, END, PAGE, PAIRS_GBITS, UTILISATIONS, needs, ratios, table


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == table(), "run python -m experiments.published_bandwidths"


@pytest.mark.parametrize("many", [2, 8])
def test_learners_need_a_24th_of_the_parameters_in_the_time_of_a_step_whatever_their_number(many):
    """A fragment of N/24 is fetched and sent back within two steps; at utilisation u these take 2 T/u."""
    need = needs(f"decoupled-diloco:replicas={many},quorum={many}", many)
    assert need == pytest.approx([u / 24 for u in UTILISATIONS], rel=1e-3)


@pytest.mark.parametrize("many", [2, 4, 16])
def test_gradients_after_the_step_need_what_a_ring_sends_in_the_time_that_is_left(many):
    """2 (1 - 1/M) N b in T (1/u - 1)."""
    need = needs("data-parallel:overlap=none", many)
    assert need == pytest.approx([2 * (1 - 1 / many) / (1 / u - 1) for u in UTILISATIONS], rel=1e-3)


def test_the_two_ratios_differ_by_four_within_what_was_rounded():
    (a, b), (c, d) = PAIRS_GBITS
    least, most = (c - 0.5) / (d + 0.005) / ((a + 0.5) / (b - 0.05)), (c + 0.5) / (d - 0.005) / ((a - 0.5) / (b + 0.05))
    assert least < 4 < most


def test_without_overlap_no_utilisation_of_80_percent_or_more_gives_so_small_a_ratio():
    a, b = PAIRS_GBITS[0]
    for many in (2, 4, 8):
        assert min(ratios(many, "data-parallel:overlap=none")[1:]) > 1.9 * a / b
