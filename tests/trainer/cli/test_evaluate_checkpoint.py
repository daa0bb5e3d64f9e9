import csv
import io
import json
from pathlib import Path

import pytest

jax = pytest.importorskip("jax")

from sim.errors import InputError  # noqa: E402
from trainer.cli.evaluate_checkpoint import evaluation_app, main, rendered, rows_of  # noqa: E402
from trainer.cli.record_trace import main as record_trace  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.corpus import load_corpus  # noqa: E402
from trainer.data.held_out import split_of  # noqa: E402
from trainer.data.texts import load_data  # noqa: E402
from trainer.evaluation.evaluate import Evaluation, HeldOutLoss, evaluate  # noqa: E402
from trainer.evaluation.zero_shot import Score  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.training.resume import read_model  # noqa: E402

FOUND = Evaluation(
    HeldOutLoss(loss=4.5, loss_error=0.01, tokens=640, bits_per_byte=1.75),
    unigram_loss=6.25,
    zero_shot={"piqa": Score(9, 0.5, 0.625, 0.125, 0.75, 0.0625, truncated=1)},
)


def test_rows_put_each_value_beside_what_knows_nothing():
    assert [tuple(row.values()) for row in rows_of(FOUND)] == [
        ("held-out", "nats_per_token", 4.5, 0.01, 6.25, 640),
        ("held-out", "bits_per_byte", 1.75, None, None, 640),
        ("piqa", "accuracy", 0.625, 0.125, 0.5, 9),
        ("piqa", "accuracy_by_bytes", 0.75, 0.0625, 0.5, 9),
    ]


def test_every_form_says_the_same():
    rows = rows_of(FOUND)
    assert json.loads(rendered(rows, "json"))["evaluation"] == rows
    read = list(csv.DictReader(io.StringIO(rendered(rows, "csv"))))
    assert [[cell or "None" for cell in row.values()] for row in read] == [list(map(str, row.values())) for row in rows]
    table = [line.split() for line in rendered(rows, "table").splitlines()]
    assert table[0] == list(rows[0])
    assert table[2:4] == [
        ["held-out", "bits_per_byte", "1.7500", "-", "-", "640"],
        ["piqa", "accuracy", "0.6250", "0.1250", "0.5000", "9"],
    ]


@pytest.fixture
def call(tmp_path, capsys):
    """The command over a model that is drawn rather than read; gives exit code, output and errors."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps({"text": f"text {i} of many"}) for i in range(99)), encoding="utf-8")
    model = ModelConfig(layers=1, width=16, heads=2, hidden=32, vocab=260)
    config = TrainConfig(
        model=model,
        algorithm="data-parallel",
        steps=1,
        sequence_length=16,
        sequences=2,
        corpus=str(corpus),
        tokenizer="bytes",
        held_out=0.3,
    )
    params = init_params(jax.random.key(0), model)

    def load(path):
        if path != Path("run"):
            raise InputError(f"{path}: holds no parameters")
        return params, config, load_data(config).fingerprint

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            evaluation_app(load)(args=list(map(str, arguments)))
        return end.value.code, *capsys.readouterr()

    run.expected = lambda sets: rows_of(evaluate(params, config, sets))
    return run


def test_the_command_prints_the_numbers_of_the_model(call, tmp_path):
    asked = tmp_path / "set.jsonl"
    asked.write_text(json.dumps({"query": "q", "choices": ["a", "b"], "gold": 1}), encoding="utf-8")
    code, output, _ = call("run", "--arc-easy", asked, "--format", "json")
    assert code == 0
    assert json.loads(output)["evaluation"] == call.expected({"arc-easy": asked})
    assert len(json.loads(call("run", "--format", "json")[1])["evaluation"]) == 2


def test_another_text_counts_whole_and_is_told_apart(call, tmp_path):
    """As much text as is held out of the run's own, split into other documents: the same loss."""
    own = json.loads(call("run", "--format", "json")[1])["evaluation"]
    corpus = [json.loads(line)["text"] for line in (tmp_path / "corpus.jsonl").read_text().splitlines()]
    rule = split_of(load_corpus(str(tmp_path / "corpus.jsonl")), 0.3)
    kept = [text for text in corpus if rule.held_out(text)]
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(json.dumps({"text": text}) for text in kept), encoding="utf-8")
    code, output, _ = call("run", "--corpus", other, "--format", "json")
    assert code == 0
    rows = json.loads(output)["evaluation"]
    assert rows[:2] == own
    assert rows[2:] == [{**row, "set": str(other)} for row in own]
    other.write_text(json.dumps({"text": "short"}), encoding="utf-8")
    code, output, errors = call("run", "--corpus", other)
    assert (code, output) == (2, "")
    assert "tokens are too few for a sequence of 16; give more text" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone",), "error: gone: holds no parameters"),
        (("run", "--format", "xml"), "--format: got 'xml'; write table, json, csv"),
        (("run", "--piqa", "gone.jsonl"), "error: gone.jsonl: cannot be read"),
        (("run", "--corpus", "gone.txt"), "--corpus gone.txt"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(call, arguments, words):
    code, output, errors = call(*arguments)
    assert (code, output) == (2, "")
    assert words in errors
    assert len(errors.splitlines()) == 1


@pytest.fixture
def trained(tmp_path):
    """The corpus of a recorded run of Streaming DiLoCo, and the folder of its checkpoints."""
    corpus, saved = tmp_path / "corpus.jsonl", tmp_path / "saved"
    corpus.write_text("\n".join(json.dumps({"text": f"text {i} of many"}) for i in range(99)), encoding="utf-8")
    tiny = ["--layers", 2, "--width", 16, "--heads", 2, "--sequence-length", 16, "--sequences", 2, "--steps", 4]
    run = ["--algorithm", "streaming-diloco", "--replicas", 2, "--sync-every", 2, "--fragments", 2, *tiny]
    text = ["--corpus", corpus, "--tokenizer", "bytes", "--held-out", 0.3]
    with pytest.raises(SystemExit) as end:
        record_trace(list(map(str, [*run, *text, "--output", tmp_path / "run.jsonl", "--checkpoint", saved])))
    assert not end.value.code
    return corpus, saved


def evaluated(*arguments):
    with pytest.raises(SystemExit) as end:
        main(list(map(str, arguments)))
    return end.value.code


def test_a_checkpoint_is_evaluated_with_its_global_model(trained, capsys):
    _, saved = trained
    capsys.readouterr()
    assert evaluated(saved, "--format", "json") == 0
    model = read_model(saved)
    expected = rows_of(evaluate(model.params, model.config, {}))
    assert json.loads(capsys.readouterr().out)["evaluation"] == expected
    assert model.config.held_out == 0.3


def test_a_checkpoint_is_not_evaluated_on_another_text(trained, tmp_path, capsys):
    corpus, saved = trained
    assert evaluated(tmp_path / "gone") == 2
    assert "holds no checkpoint; give the folder of record-trace --checkpoint" in capsys.readouterr().err
    corpus.write_text(corpus.read_text() + '\n{"text": "one more"}')
    assert evaluated(saved) == 2
    assert "differs from that of the run" in capsys.readouterr().err


def test_a_file_is_written_in_the_format_that_its_name_says(call, tmp_path):
    for name, shape in (("a.json", "json"), ("a.csv", "csv"), ("a.txt", "table"), ("a", "table")):
        path = tmp_path / name
        code, out, err = call("run", "--output", path)
        assert (code, out, err) == (0, "", f"wrote {path}\n")
        assert path.read_text() == call("run", "--format", shape)[1]
    for name, told in (
        ("b.xyz", "is no known format"),
        ("b.csv", "--format json contradicts .csv; leave out --format, or write a .json or a .csv or a .txt"),
        (
            "b.png",
            "this command has no .png; write a .json or a .csv or a .txt (the table)",
        ),  # with or without matplotlib
    ):
        code, out, err = call("run", "--output", tmp_path / name, *(("--format", "json") if name == "b.csv" else ()))
        assert (code, out) == (2, "")
        assert told in err
        assert not (tmp_path / name).exists()
