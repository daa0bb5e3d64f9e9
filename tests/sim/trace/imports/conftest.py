"""What the tests of all formats need: an import, its trace, and the replay of that."""

import json

import pytest

SAID = ["--params", "1M", "--tokens-per-step", "4096", "--chips", "4"]


@pytest.fixture
def told(simulate):
    """What `simulate import` says of logs, as JSON."""

    def ask(*words):
        code, out, err = simulate("import", *words, "--format", "json")
        assert code == 0, err
        return json.loads(out)

    return ask


@pytest.fixture
def refused(simulate):
    """The message with which logs are refused."""

    def ask(*words):
        code, out, err = simulate("import", *words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        return err

    return ask


@pytest.fixture
def replayed_s(tmp_path, simulate):
    """The compute of a replay that takes each imported step once [s]."""

    def replay(*words, said=SAID):
        trace = tmp_path / "imported.jsonl"
        code, out, err = simulate("import", *words, *said, "--out", trace, "--format", "json")
        assert code == 0, err
        steps = json.loads(out)["steps"]
        ask = ["--topology", "high-bw", "--strategy", "data-parallel", "--steps", str(steps), "--format", "json"]
        code, out, err = simulate("--trace", trace, *ask)
        assert code == 0, err
        return json.loads(out)["runs"][0]["compute_s"]

    return replay
