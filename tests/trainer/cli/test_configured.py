"""Options, `--set` and `--config` of `record-trace` describe the same run, and `--help` shows the common ones."""

import dataclasses

import pytest
import typer

from sim.errors import InputError
from sim.shell.options import in_options
from trainer.cli import options
from trainer.cli.configured import configured
from trainer.cli.record_trace import app
from trainer.config.run import TrainConfig

OWN = {"algorithm": "streaming-diloco", "layers": 4, "width": 16, "heads": 2, "steps": 9, "tokenizer": "bytes"}
OTHER_VALUES = {
    "algorithm": "diloco",
    "attention": "xla",
    "chunk": 128,
    "devices_per_replica": 2,
    "fragments": 1,
    "held_out": 0.5,
    "inner_optimizer": "muon",
    "variant": "nanodo",
    "learning_rate": 0.125,
    "model": "35m",
    "payload_bits": 8,
    "pattern": "sequential",
    "precision": "bfloat16",
    "remat": "layer",
    "tokenizer": "bpe",
    "corpus": "docstrings",
    "error_feedback": True,
    "mixing": 0.25,
    "outer_momentum": 0.5,
    "paces": "1,0.5,1,1",
    "sync_every": 7,
}


OWNERS = {
    **dict.fromkeys(("chunk", "top", "feedback_decay"), "sparseloco"),
    "pull": "gossip-diloco",
    **dict.fromkeys(("quorum", "paces"), "decoupled-diloco"),
    **dict.fromkeys(("regions", "across_every"), "two-level-diloco"),
}
"""Fields that one algorithm alone has."""


def help_of(capsys, *words):
    with pytest.raises(SystemExit) as end:
        app(list(words), prog_name="record-trace")
    assert end.value.code == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  --")]


def test_help_shows_a_common_dozen_and_help_all_every_option(capsys):
    common, everything = help_of(capsys, "--help"), help_of(capsys, "--help-all")
    assert 12 <= len(common) <= 15
    assert {"--output", "--config", "--set", "--model", "--algorithm", "--replicas", "--help-all"} <= set(common)
    assert set(common) < set(everything)
    fields = {f"--{field.replace('_', '-')}" for field in [*TrainConfig.model_fields, "overtraining"]}
    assert fields <= set(everything)
    assert {parameter.opts[0] for parameter in typer.main.get_command(app).params} <= set(everything)


def test_each_field_has_an_option_and_no_option_of_training_is_without_a_field():
    names = {field.name for field in dataclasses.fields(options.Training)}
    shape = {"layers", "width", "heads", "hidden", "vocab"}
    assert names == {*TrainConfig.model_fields, "overtraining"} | shape


@pytest.mark.parametrize("field", sorted({*TrainConfig.model_fields, "overtraining"}))
def test_a_setting_is_what_the_option_and_the_file_are(field, tmp_path):
    base = dict(OWN)
    value = OTHER_VALUES.get(field, 1)
    if field == "overtraining":
        del base["steps"]
    if field == "fully_sharded":  # only this algorithm has it
        base, value = (
            {key: each for key, each in base.items() if key != "sync_every"} | {"algorithm": "data-parallel"},
            True,
        )
    if field in OWNERS:
        base["algorithm"], value = OWNERS[field], OTHER_VALUES.get(field, 1)
    if field == "model":
        base = {key: each for key, each in base.items() if key not in ("layers", "width", "heads")}
    by_option = configured(None, base | {field: value}, ())
    written = str(value).lower() if isinstance(value, bool) else value
    assert configured(None, base, [f"{field}={written}"]) == by_option
    run = tmp_path / "run.yaml"
    run.write_text(f"{field}: {written}\n")
    assert configured(run, base, ()) == configured(None, {field: value} | base, ())
    assert configured(run, base, [f"{field}={written}"]) == by_option


def test_a_mixture_is_the_same_from_options_a_file_and_a_setting(tmp_path):
    weights = {"c4:50": 0.3, "docstrings": 0.7}
    by_option = configured(None, OWN | {"corpus": ["docstrings=0.7", "c4:50=0.3"]}, ())
    assert by_option.corpus == weights
    run = tmp_path / "run.yaml"
    run.write_text("corpus: {docstrings: 0.7, 'c4:50': 0.3}\n")
    assert configured(run, OWN, ()) == by_option
    assert configured(None, OWN, ["corpus={docstrings: 0.7, 'c4:50': 0.3}"]) == by_option
    # an option replaces all weights of the file
    assert configured(run, OWN | {"corpus": ["packages"]}, ()).corpus == "packages"
    run.write_text("corpus: {docstrings: 0.7, docstrings: 0.3}\n")
    with pytest.raises(InputError, match="docstrings"):
        configured(run, OWN, ())
    with pytest.raises(InputError, match=r"^options: corpus: 'docstrings': got the weight -1"):
        configured(None, OWN | {"corpus": ["docstrings=-1", "packages=2"]}, ())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["stps=3"], "options: stps: unknown key; did you mean 'steps'?"),
        (["H=30"], "did you mean 'sync_every'?"),
        (["model.layrs=3"], "model.layrs: unknown key; did you mean 'layers'?"),
        (["steps"], "--set steps: has no key or no value; write --set key.path=value, such as learning_rate=4e-3"),
        (["steps.a=3"], "only `model` has keys below it"),
        (["steps=three"], "options: steps: got 'three'; must be a whole number"),
        (["model=nope"], "--model: got 'nope'"),
        (["model=[1]"], "model"),
        (["model=35m"], "--model 35m already gives the shape"),
        (["model.width=wide"], "model.width"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_wrong_setting_is_named(settings, told):
    with pytest.raises(InputError) as error:
        configured(None, OWN, settings)
    assert told in in_options(error.value)


def test_a_setting_goes_into_the_shape_of_a_model(tmp_path):
    plain = {"algorithm": "diloco", "steps": 3, "tokenizer": "bytes"}
    shape = ["model.layers=4", "model.width=16", "model.heads=2"]
    assert configured(None, plain, shape) == configured(None, {**plain, "layers": 4, "width": 16, "heads": 2}, ())
    run = tmp_path / "run.yaml"
    run.write_text("model: {layers: 4, width: 16, heads: 2, hidden: 64, vocab: 300}\n")
    assert configured(run, plain, ["model.layers=6"]).model.layers == 6
    assert configured(run, plain, ["model.layers=6"]).model.vocab == 300
    run.write_text("model: 35m\n")
    with pytest.raises(InputError, match=r"--set model\.layers: .* does not give the model as a shape"):
        configured(run, {"algorithm": "diloco"}, ["model.layers=6"])
