"""`simulate fit --form mixture`: planted laws come back, best shares are those of a search, runs left out are predicted."""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from sim.laws.beyond.mixing import MixingLaw, best_mixture, fit_mixing, left_out
from sim.questions.fit.mixture import answer
from sim.trace.file import Header, HeldOut, HeldOutCorpus, RecordedCorpus, RecordedDevice, RecordedModel, TraceWriter

ROOT = Path(__file__).parents[3]
PLANTED = (MixingLaw(1.8, (-1.5, 0.2, -0.1, -0.4)), MixingLaw(2.4, (0.1, -2.0, 0.3, -0.2)))


def drawn(count, domains, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(domains), count)


def table(path, shares, losses):
    names = [f"share_{place}" for place in range(shares.shape[1])] + [f"loss_{name}" for name in losses]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(
            [*row, *own] for row, own in zip(shares.tolist(), zip(*losses.values(), strict=True), strict=True)
        )
    return path


def published(study):
    rows = csv.DictReader(
        line
        for line in (ROOT / "experiments" / "reference" / "mixtures.csv").read_text().splitlines()
        if not line.startswith("#")
    )
    own = [row for row in rows if row["study"] == study]
    shares = [[float(row[f"share_{place}"]) for place in range(1, 8) if row[f"share_{place}"]] for row in own]
    losses = {name: [float(row[name]) for row in own] for name in own[0] if name.startswith("loss_") and own[0][name]}
    return np.array(shares), losses


def test_a_planted_law_comes_back():
    shares = drawn(12, 4)
    for law in PLANTED:
        found = fit_mixing(shares, law.at(shares))
        assert found.floor == pytest.approx(law.floor, abs=1e-4)
        assert found.slopes == pytest.approx(law.slopes, abs=1e-3)
        assert left_out(shares, law.at(shares)) == pytest.approx(law.at(shares), rel=1e-4)


def test_the_published_factor_is_in_the_slopes():
    """c + k exp(sum t_j r_j), with c = 2, k = 1 and t = (0, ln 2), is 3 for one domain and 4 for the other."""
    law = MixingLaw(2.0, (0.0, float(np.log(2))))
    assert law.at([[1, 0], [0.5, 0.5], [0, 1]]) == pytest.approx([3, 2 + 2**0.5, 4])
    twice = MixingLaw(2.0, tuple(float(t + np.log(3)) for t in law.slopes))
    assert twice.at([0.5, 0.5]) - 2 == pytest.approx(3 * 2**0.5)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0)])
def test_the_best_mixture_is_that_of_a_search(weights):
    low, high = (0.1, 0.0, 0.0, 0.05), (0.6, 0.7, 0.3, 0.5)
    best = best_mixture(PLANTED, weights, low, high)
    assert sum(best) == pytest.approx(1)
    grid = np.arange(0, 1.0001, 0.02)
    inside = np.array([
        (*three, 1 - sum(three))
        for three in itertools.product(grid, repeat=3)
        if all(least - 1e-9 <= r <= most + 1e-9 for r, least, most in zip((*three, 1 - sum(three)), low, high, strict=True))
    ])  # fmt: skip

    def mean(shares):
        return sum(weight * law.at(shares) for weight, law in zip(weights, PLANTED, strict=True))

    assert mean(np.array(best)) <= mean(inside).min() + 1e-9
    assert best == pytest.approx(inside[mean(inside).argmin()], abs=0.03)


def test_noise_leaves_the_best_mixture_where_it_is(tmp_path):
    shares, noise = drawn(30, 4, seed=1), np.random.default_rng(2)
    losses = {f"l{place}": law.at(shares) * (1 + 0.002 * noise.normal(size=30)) for place, law in enumerate(PLANTED)}
    found = answer([table(tmp_path / "runs.csv", shares, losses)])
    true = best_mixture(PLANTED, (1, 1), [each.low for each in found.best], [each.high for each in found.best])
    assert [each.share for each in found.best] == pytest.approx(true, abs=0.03)
    for law in found.losses:
        assert law.left_out_error < 0.004 < law.spread
    assert not [note for note in found.notes if note.startswith("l")]


def test_runs_that_follow_no_mixture_are_said_to_follow_none(tmp_path):
    shares = drawn(15, 4, seed=3)
    losses = {"any": 3 + 0.1 * np.random.default_rng(4).normal(size=15)}
    found = answer([table(tmp_path / "runs.csv", shares, losses)])
    assert any("no better than the mean" in note for note in found.notes)
    assert any(note.startswith("best:") for note in found.notes)


def test_a_gain_that_is_smaller_than_the_error_is_not_to_be_relied_on(tmp_path):
    shares, told = drawn(14, 4), []
    for spread in (0.002, 0.02):
        noise = np.random.default_rng(10)
        losses = {
            f"l{place}": law.at(shares) * (1 + spread * noise.normal(size=14)) for place, law in enumerate(PLANTED)
        }
        found = answer([table(tmp_path / "runs.csv", shares, losses)])
        assert found.best_loss < found.best_measured
        told.append([note for note in found.notes if note.startswith("best: predicted to be")])
    assert (told[0], len(told[1])) == ([], 1)


def test_the_published_runs_of_two_domains_are_predicted(simulate):
    shares, losses = published("two domains")
    errors = {name: np.abs(left_out(shares, own) / own - 1) for name, own in losses.items()}
    assert errors["loss_github"].max() < 0.01
    assert errors["loss_pile_cc"].max() < 0.002
    found = json.loads(
        simulate("fit", ROOT / "tests/sim/cli/mixtures.csv", "--form", "mixture", "--at", "github=0.5,pile_cc=0.5", "--format", "json")[1]
    )  # fmt: skip
    github, pile = found["losses"]
    assert github["at"] == pytest.approx(1.3278, rel=0.005)
    assert pile["at"] == pytest.approx(3.5670, rel=0.005)
    assert github["slopes"]["github"] < github["slopes"]["pile_cc"]
    assert found["at_loss"] == pytest.approx((github["at"] + pile["at"]) / 2)


def test_weights_move_the_best_mixture(simulate):
    words = ["fit", ROOT / "tests/sim/cli/mixtures.csv", "--form", "mixture", "--format", "json"]
    even, github = (json.loads(simulate(*words, *more)[1])["best"] for more in ([], ["--weights", "github=1"]))
    assert github[0]["share"] == pytest.approx(0.75) == github[0]["high"]  # no further than the runs went
    assert even[0]["share"] < 0.7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("params,tokens,loss\n1,2,3\n", "share_NAME or more"),
        ("share_a,share_b\n0.5,0.5\n", "loss_NAME"),
        ("share_a,share_b,loss_x\n0.5,0.6,2\n", "row 1: the shares sum to 1.1"),
        ("share_a,share_b,loss_x\n0.5,much,2\n", "row 1: share_b: got 'much'; write a share from 0 to 1"),
        ("share_a,share_b,loss_x\n1.5,-0.5,2\n", "share_b: got '-0.5'"),
        ("share_a,share_b,loss_x\n0.5,0.5,0\n", "loss_x: got '0'; write a loss above 0"),
        ("share_a,share_b,loss_x\n" + "0.5,0.5,2\n0.4,0.6,2\n" * 2, "4 mixtures of 2 domains are too few"),
        ("share_a,share_b,loss_x\n" + "0.5,0.5,2\n" * 9, "do not tell the domains apart"),
    ],
)
def test_what_is_no_table_of_mixtures_is_refused(text, said, tmp_path, simulate):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    code, out, error = simulate("fit", path, "--form", "mixture")
    assert (code, out) == (2, "")
    assert said in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "github=1,web=0"], "--at: no domain 'web'; write some of github, pile_cc"),
        (["--at", "github=0.5"], "sum to 0.5"),
        (["--at", "github"], "write each name once, such as web=0.6,code=0.4"),
        (["--at", "github=0.5,github=0.5"], "write each name once"),
        (["--weights", "web=1"], "--weights: no loss 'web'"),
        (["--weights", "github=0"], "one of them above 0"),
        (["--params", "1e9"], "--params: has no effect with --form mixture"),
        (["--seed", "3"], "--seed: has no effect with --form mixture"),
    ],
)
def test_what_has_no_effect_or_no_sense_is_refused(words, said, simulate):
    code, out, error = simulate("fit", ROOT / "tests/sim/cli/mixtures.csv", "--form", "mixture", *words)
    assert (code, out) == (2, "")
    assert said in error


def test_sizes_have_no_shares(simulate):
    code, _, error = simulate("fit", ROOT / "tests/sim/cli/sizes.csv", "--weights", "a=1")
    assert (code, "write --form mixture, too" in error) == (2, True)
    with pytest.raises(InputError, match="too few for the 5 coefficients"):
        fit_mixing(drawn(4, 4), np.ones(4))


def test_it_has_a_page_and_a_figure(simulate, tmp_path):
    words = ["fit", ROOT / "tests/sim/cli/mixtures.csv", "--form", "mixture"]
    assert simulate(*words, "--output", tmp_path / "m.html")[0] == 0
    assert "Runs left out: github" in (tmp_path / "m.html").read_text()
    assert simulate(*words, "--format", "csv")[1].startswith("loss,floor,")


def trace(path, shares, losses, at=10, **changes):
    """A trace of a run on domains 0, 1, ... with held-out losses after the step `at` of 10."""
    values = {
        "algorithm": "data-parallel",
        "model": RecordedModel(name="custom", params=1000),
        "replicas": 1,
        "steps": 10,
        "batch_tokens": 64,
        "device": RecordedDevice(platform="cpu", kind="any", count=1),
        "corpora": [RecordedCorpus(name=str(k), share=share, fingerprint="same") for k, share in enumerate(shares)],
    }
    own = tuple(
        HeldOutCorpus(name=str(k), loss=float(loss), loss_error=0.01, tokens=100) for k, loss in enumerate(losses)
    )
    with TraceWriter(path, Header(**values | changes)) as writer:
        for step, more in ((0, 1.0), (at, 0.0)):
            parts = tuple(each.replaced(loss=each.loss + more) for each in own)
            writer.write(HeldOut(step=step, loss=9.0, loss_error=0.0, tokens=100, corpora=parts))
    return path


def test_traces_are_a_table(tmp_path):
    shares = drawn(8, 3)
    shares[0] = 1, 0, 0
    laws = [MixingLaw(2.0, slopes) for slopes in ((-1.0, 0.3, 0.1), (0.0, -2.0, 0.3), (0.2, 0.1, -1.5))]
    losses = np.array([law.at(shares) for law in laws])
    traces = [trace(tmp_path / f"{row}.jsonl", own, losses[:, row]) for row, own in enumerate(shares)]
    found = answer(traces, {"0": 0.5, "2": 0.5})
    written = answer(
        [table(tmp_path / "runs.csv", shares, dict(zip("012", losses, strict=True)))], {"0": 0.5, "2": 0.5}
    )
    assert found == written
    assert found.losses[1].slopes == pytest.approx({"0": 0.0, "1": -2.0, "2": 0.3}, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corpora": ()}, "was trained on one corpus; record mixtures: runs of record-trace on corpora with weights"),
        ({"at": 9}, "has no held-out losses behind its last step; record it to its end"),
        ({"losses": (2.0,)}, "has no held-out losses behind its last step"),
        ({"losses": (2.0, 2.0, 2.0), "shares": (0.5, 0.3, 0.2)}, "mixes 0, 1, 2, and"),
        ({"batch_tokens": 32}, "tokens: 320, and 640 in"),
        ({"model": RecordedModel(name="custom", params=2000)}, "parameters: 2000, and 1000 in"),
        ({"algorithm": "diloco"}, "algorithm: diloco, and data-parallel in"),
        (
            {"corpora": [RecordedCorpus(name=name, share=0.5, fingerprint=f"{name} else") for name in "01"]},
            "the text of 0, its split or the tokenizer is not that of",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_traces_that_do_not_compare_are_refused(changes, said, tmp_path, simulate):
    shares = [(place / 5, 1 - place / 5) for place in range(6)]
    traces = [trace(tmp_path / f"{row}.jsonl", own, (3 - own[0], 3 - own[1])) for row, own in enumerate(shares)]
    assert len(answer(traces).left_out) == 12
    other = trace(tmp_path / "other.jsonl", **{"shares": (0.5, 0.5), "losses": (2.5, 2.5), **changes})
    code, _, error = simulate("fit", *traces, other, "--form", "mixture")
    assert code == 2
    assert "other.jsonl" in error
    assert said in " ".join(error.split())


def test_too_few_traces_and_traces_beside_a_table_are_refused(tmp_path, simulate):
    traces = [trace(tmp_path / f"{row}.jsonl", (row / 4, 1 - row / 4), (3, 2)) for row in range(4)]
    code, _, error = simulate("fit", *traces, "--form", "mixture")
    assert (code, "4 mixtures of 2 domains are too few" in " ".join(error.split())) == (2, True)
    code, _, error = simulate("fit", *traces, ROOT / "tests/sim/cli/mixtures.csv", "--form", "mixture")
    assert (code, "is fitted to one table, or to traces alone" in " ".join(error.split())) == (2, True)


def test_a_law_of_sizes_refuses_runs_on_different_mixtures(tmp_path, simulate):
    """Their losses are means by different shares."""
    one, other = (
        trace(tmp_path / f"{share}.jsonl", (share, 1 - share), (3, 2), model=RecordedModel(name="custom", params=size))
        for share, size in ((0.5, 1000), (0.25, 2000))
    )
    code, _, error = simulate("fit", one, other)
    assert (code, "so that their losses do not compare" in " ".join(error.split())) == (2, True)
