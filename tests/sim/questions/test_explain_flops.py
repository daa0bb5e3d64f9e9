"""`simulate explain --flops`: blocks that add up beside the rule, for named, given and recorded models."""

import json

import pytest

from sim.laws.flops import rule_flop


def flops(simulate, *words):
    code, out, error = simulate("explain", "--flops", *words, "--set", "workload.steps=60", "--format", "json")
    assert code == 0, error
    return json.loads(out)


def test_blocks_add_up_and_stand_beside_the_rule(simulate):
    found = flops(simulate, "--workload", "10b")["flops"]
    summed, rule, attended = found["sums"]
    for key in ("causal_flop", "full_flop"):
        assert sum(each[key] for each in found["blocks"]) == pytest.approx(summed[key])
    assert rule["causal_flop"] == rule["full_flop"] == rule_flop(10e9, found["batch_tokens"])
    attention = found["blocks"][2]
    assert attention["full_flop"] == 2 * attention["causal_flop"]
    assert attended["full_of_rule"] == pytest.approx(1 + 12 * 48 * 4096 * 2048 / (6 * 10e9))


def test_the_run_computes_with_attention_once_a_sequence_is_given(simulate):
    """Compute of the run is proportional to the flops that the table says the run computes with."""

    def computing(answer):
        return answer["breakdown"][0]["seconds"]

    bare, asked = (flops(simulate, "--workload", "10b", *more) for more in ([], ["--sequence-tokens", "8192"]))
    assert computing(asked) / computing(bare) == pytest.approx(asked["flops"]["sums"][2]["causal_of_rule"])


def test_a_shape_is_the_model_of_the_run(simulate):
    found = flops(simulate, "--shape", "layers=10,width=100,hidden=400,heads=4,vocab=1000,gated=false,tied=true")
    assert found["run"]["params"] == found["flops"]["counted_params"] == 10 * 12 * 100**2 + 1000 * 100
    assert found["scenario"]["workload"]["layers"] == 10
    asked = flops(simulate, "--shape", "llama-3-8b", "--sequence-tokens", "4096")
    assert asked["scenario"]["workload"]["attention"]["width"] == 4096


def test_a_recording_has_its_own_shape_and_sequence(simulate):
    found = flops(simulate)["flops"]
    assert (found["sequence_tokens"], found["blocks"][0]["formula"]) == (2048, "12 B T D F L")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--flops", "--params", "70B"], "--shape with a name, such as llama-3-70b"),
        (["--flops", "--workload", "10b", "--set", "workload.active_params=1e9"], "leave out --flops"),
        (["--flops", "--format", "csv"], "--format json"),
        (["--sequence-tokens", "8192"], "a recording has its own sequences"),
        (["--sequence-tokens", "8192", "--params", "1e9"], "write layers"),
        (["--shape", "llama-3-8b", "--workload", "10b"], "leave out --workload, or --shape"),
        (["--shape", "llama-4"], "did you mean"),
        (["--shape", "layers=3"], "--shape: width: is missing"),
        (["--shape", "layers=3,layers=4"], "twice"),
        (["--shape", "layers=2,width=6,hidden=9,heads=4,vocab=9"], "head_width"),
        (["--shape", "layers=2,width=8,hidden=9,heads=4,kv_heads=3,vocab=9"], "divisor"),
    ],
)
def test_what_cannot_be_counted_is_refused(words, told, simulate):
    code, out, error = simulate("explain", *words)
    assert (code, out) == (2, "")
    assert told in error
