"""`simulate laws` and `predict --law`: no law is left out, constants are those that compute, and numbers are by hand."""

import ast
import json
from pathlib import Path

import pytest

import sim.laws
from sim.laws.catalogue import laws
from sim.laws.published import LOSS

ROOT = Path(__file__).parents[3]
FORMULAS = {
    "beyond/distillation": {"distillation", "distillation-supervised"},
    "beyond/many_experts": {"granular-experts", "joint-experts"},
    "beyond/tasks": {"over-training"},
    "chinchilla": {"chinchilla", "epoch"},
    "communication": {"price-of-h", "price-of-lateness", "price-of-bits", "price-of-many-replicas"},
    "critical_batch": {"critical-batch"},
    "data_constrained": {"data-constrained"},
    "diloco": {"diloco", "diloco-floor", "best-batch", "inner-learning-rate", "outer-learning-rate"},
    "experts": {"routed-experts"},
    "flops": {"flops"},
    "inference": {"inference-aware"},
    "kaplan": {"kaplan", "kaplan-params", "kaplan-tokens", "kaplan-compute", "kaplan-steps", "c4-steps"},
}
"""Of each file with a law: its names in the list."""
OTHERS = {"__init__", "catalogue", "combined", "coverage", "fitting", "forms", "model_family", "optimal", "published"}
OTHERS |= {"beyond/__init__", "beyond/mixing", "chip_step", "inference_latency", "own", "shapes", "values"}


def ask(simulate, *words):
    code, out, error = simulate(*words, "--format", "json")
    assert code == 0, error
    return json.loads(out)


def test_no_file_of_laws_is_left_out():
    folder = Path(sim.laws.__file__).parent
    files = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.py")}
    assert files - OTHERS == set(FORMULAS), "a new file is either a law, and then in the catalogue, or in OTHERS"
    assert {law.name for law in laws()} == set.union(*FORMULAS.values())


def test_every_law_says_where_it_comes_from():
    for law in laws():
        assert law.form, law
        assert law.fitted, law
        assert "arXiv" in law.source, law
        assert law.constants, law


def test_constants_are_read_from_the_code_and_never_typed():
    tree = ast.parse((ROOT / "sim" / "laws" / "catalogue.py").read_text())
    numbers = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, int | float)]
    assert set(numbers) <= {0, 1}


def test_the_command_lists_them(simulate):
    found = ask(simulate, "laws")
    by_name = {law["name"]: law for law in found["laws"]}
    assert by_name["diloco"]["constants"]["A (diloco-8)"] == LOSS["diloco-8"][0]
    assert by_name["epoch"]["constants"] == {"E": 1.8172, "A": 482.01, "B": 2085.43, "a": 0.3478, "b": 0.3658}
    kaplan = found["compute"][0]
    assert (round(kaplan["params_factor"], 2), round(kaplan["tokens_factor"], 2)) == (5.37, 1.86)


def test_predictions_are_the_formulas_by_hand(simulate):
    def loss(*words):
        return ask(simulate, "predict", "--params", "1e9", *words)["predicted_loss"]

    by_hand = 1.8172 + 482.01 / 1e9**0.3478 + 2085.43 / 3e10**0.3658
    assert loss("--law", "epoch", "--tokens", "3e10") == pytest.approx(by_hand)
    assert loss("--law", "epoch", "--steps", "30000", "--batch-tokens", "1e6") == pytest.approx(by_hand)
    by_hand = 1.6934 + 406.4 / 1e9**0.3392 + 410.7 / 2e10**0.2849
    assert loss("--law", "chinchilla") == pytest.approx(by_hand)
    by_hand = ((8.8e13 / 1e9) ** (0.076 / 0.095) + 5.4e13 / 2e10) ** 0.095
    assert loss("--law", "kaplan") == pytest.approx(by_hand)
    found = ask(simulate, "predict", "--law", "kaplan", "--params", "1e9", "--steps", "10000", "--batch-tokens", "5e5")
    fewest = 10_000 / (1 + 2e8 / found["predicted_loss"] ** (1 / 0.21) / 5e5)
    by_hand = (6.5e13 / 1e9) ** 0.077 + (2.1e3 / fewest) ** 0.76
    assert found["predicted_loss"] == pytest.approx(by_hand)
    assert found["critical_batch_tokens"] == pytest.approx(2e8 / by_hand ** (1 / 0.21))
    same = ["--law", "kaplan", "--tokens", "5e9", "--batch-tokens", "5e5"]
    assert loss(*same) == found["predicted_loss"]


def test_steps_are_tokens_by_the_default_law_too(simulate):
    words = ["predict", "--params", "1e9", "--batch-tokens", "5e5"]
    assert ask(simulate, *words, "--steps", "40000") == ask(simulate, *words, "--tokens", "2e10")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--law", "nobody"], "write diloco, kaplan, c4, chinchilla, epoch"),
        (["--law", "c4"], "write --batch-tokens 524288"),
        (["--law", "epoch", "--batch-tokens", "5e5"], "leave it out"),
        (["--law", "epoch", "--replicas", "2"], "has no --replicas"),
        (["--law", "kaplan", "--unique-tokens", "1e9", "--strategy", "diloco"], "no --strategy and no --unique-tokens"),
        (["--steps", "30"], "--batch-tokens 524288"),
        (["--steps", "30", "--tokens", "3", "--batch-tokens", "9"], "leave out one of them"),
        (["--law", "kaplan", "--steps", "0", "--batch-tokens", "9"], "from 1 to"),
    ],
)
def test_what_has_no_effect_is_refused(words, told, simulate):
    code, out, error = simulate("predict", "--params", "1e9", *words)
    assert (code, out) == (2, "")
    assert told in error
