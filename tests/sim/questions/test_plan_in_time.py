"""Plans whose model must answer in time, beside arithmetic and beside plans that are told which sizes to choose from."""

import json
import math
from dataclasses import replace

import pytest

import crosshaul as ch
from sim.errors import InputError
from sim.questions import latency
from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer
from sim.questions.plan.serving import Serving
from sim.report.answers.plan import report
from sim.scenario.failures import Failures, Part
from sim.shell.options import in_options
from sim.topology.model import load_topology

PEAK, MEMORY = 197e12, 16e9
"""A TPU v5e, as its maker publishes it: flop/s in bfloat16, bytes."""
ASK = Ask(load_topology("h100-two-sites"), days=30)


def limited(seconds, ask=ASK, **keys):
    return replace(ask, serving=Serving(seconds, **({"chip": "tpu-v5e", "chips": 16} | keys)))


def on_mesh(params, chips, **keys):
    """What `simulate latency` says of a model of that size with the dimensions of Llama 3; test_latency.py holds it."""
    asked = latency.Ask("tpu-v5e", params=params, like_llama_3=True, chips=chips, **keys)
    return latency.answer(asked).rows[0]


def seconds_of(params, chips, prompt=8192, output=1, batch=1):
    """How long an answer takes, as assumed."""
    return on_mesh(params, chips, prompt_tokens=prompt, output_tokens=output, batch=batch).answer_assumed_s


@pytest.fixture(scope="module")
def free():
    return answer(ASK)


@pytest.fixture(scope="module")
def half_a_second():
    return answer(limited(0.5))


def test_the_model_answers_in_time_and_the_next_larger_one_would_not(half_a_second):
    best, found = half_a_second.best, half_a_second.in_time
    assert found.answer_assumed_s == pytest.approx(seconds_of(best.params, 16))
    assert found.answer_assumed_s <= 0.5 < seconds_of(best.params + 1e9, 16)  # sizes have two digits
    assert (found.mesh, found.chips, found.chip) == ("4x4", 16, "tpu-v5e")
    assert found.answer_least_s == pytest.approx(on_mesh(best.params, 16).answer_least_s)
    assert found.answer_least_s > 2 * best.params * 8192 / (16 * PEAK)  # attention comes on top
    assert found.largest_params == best.params
    for entry in (half_a_second.runner_up, *half_a_second.front):
        assert seconds_of(entry.params, 16) <= 0.5


def test_what_is_chosen_is_the_best_of_the_sizes_that_answer_in_time(half_a_second):
    """A plan that is given those sizes as a range, and no limit, chooses the same."""
    largest = next(n for n in (d * 1e9 for d in range(99, 0, -1)) if seconds_of(n, 16) <= 0.5)
    told = answer(replace(ASK, params=(1e9, largest))).best
    assert half_a_second.best == told


def test_the_price_of_the_limit_is_the_loss_above_the_plan_without_it(half_a_second, free):
    found = half_a_second.in_time
    assert found.without == free.best
    assert found.loss_cost == pytest.approx(half_a_second.best.predicted_loss - free.best.predicted_loss)
    assert found.loss_cost > 0.01
    assert found.without_s == pytest.approx(seconds_of(free.best.params, 16))
    assert "max_latency" in half_a_second.binding


def test_a_looser_limit_never_costs_more_and_an_endless_one_nothing(free, half_a_second):
    losses = [answer(limited(seconds)).best.predicted_loss for seconds in (0.1, 0.25)]
    losses += [half_a_second.best.predicted_loss, answer(limited(0.9)).best.predicted_loss]
    endless = answer(limited(1e6, chips=None))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] >= endless.best.predicted_loss
    same = ("best", "runner_up", "front", "binding", "marginal", "scenario")
    assert [getattr(endless, name) for name in same] == [getattr(free, name) for name in same]
    assert (endless.in_time.loss_cost, endless.in_time.without) == (0, free.best)
    assert "would be the same" in str(report(endless).blocks)


def test_weights_must_fit_the_memory_of_the_chips_that_answer():
    found = answer(limited(1e6, chips=4))
    assert on_mesh(found.best.params, 4).chip_bytes <= MEMORY < on_mesh(found.best.params + 1e9, 4).chip_bytes
    assert found.in_time.without_s is None  # 188 GB in four chips of 16 GB
    assert "fit no such mesh" in str(report(found).blocks)
    eight_bits = answer(limited(1e6, chips=4, weight_bytes=1.0)).best.params
    held = [on_mesh(size, 4, weight_bytes=1.0).chip_bytes for size in (eight_bits, eight_bits + 1e9)]
    assert held[0] <= MEMORY < held[1]


def test_generated_tokens_and_batches_take_their_time():
    found = answer(limited(2.0, output_tokens=65))
    best = found.best.params
    assert found.in_time.answer_assumed_s == pytest.approx(seconds_of(best, 16, output=65))
    assert found.in_time.answer_assumed_s <= 2 < seconds_of(best + 1e9, 16, output=65)
    four = answer(limited(2.0, batch=4)).best.params
    assert seconds_of(four, 16, batch=4) <= 2 < seconds_of(four + 1e9, 16, batch=4)


def test_the_smallest_mesh_that_does_is_named():
    found = answer(limited(0.5, ask=replace(ASK, params=(1e9,)), chips=None)).in_time
    wanted = seconds_of(1e9, 1) / 0.5
    assert found.chips == 1 > wanted
    assert found.largest_params == 1e9


def test_the_limit_holds_beside_failures_and_other_aims():
    failures = Failures(parts=(Part(what="site", mtbf=1e6, repair=3600.0),))
    for ask in (
        replace(ASK, failures=failures),
        replace(ASK, inference_tokens=1e13),
        replace(ASK, price_chip_hour=2.0, objective="cost"),
    ):
        found = answer(limited(0.5, ask=ask))
        assert seconds_of(found.best.params, 16) <= 0.5
        assert found.in_time.answer_assumed_s <= 0.5


def test_the_chip_that_trains_answers_unless_another_is_named():
    ask = replace(ASK, chip="h100")
    found = answer(limited(0.5, ask=ask, chip=None, chips=8)).in_time
    assert found.chip == "h100"
    with pytest.raises(InputError, match="on which chip"):
        answer(limited(0.5, chip=None))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"params": (70e9,)},
            ["--max-latency '500 ms'", "1.36 s at best", "4x4 of tpu-v5e", "one of 31B", "--serve-chips"],
        ),
        ({"params": (70e9,), "chips": 8}, ["140 GB", "no mesh of up to 8 tpu-v5e", "one of 16B", "--weight-bytes"]),
        ({"chip": "tpu"}, ["--serve-chip", "none named 'tpu'", "simulate list chips"]),
        ({"chips": 0}, ["--serve-chips", "got 0"]),
        ({"prompt_tokens": 0}, ["--prompt-tokens", "got 0"]),
        ({"batch": 0}, ["--serve-batch"]),
        ({"weight_bytes": math.nan}, ["--weight-bytes"]),
        ({"seconds": 0.0}, ["--max-latency", "got 0"]),
        ({"seconds": math.inf}, ["--max-latency", "got inf"]),
    ],
)
def test_what_cannot_be_met_or_meant_says_what_could(keys, words):
    keys = dict(keys)
    ask = replace(ASK, params=keys.pop("params", None))
    with pytest.raises(InputError) as raised:
        answer(limited(keys.pop("seconds", 0.5), ask=ask, **keys))
    assert [word for word in words if word not in in_options(raised.value)] == []


def test_the_nearest_limit_that_a_message_names_can_be_met():
    ask = replace(ASK, params=(70e9,))
    assert answer(limited(1.36, ask=ask)).best.params == 70e9
    assert answer(limited(0.5, ask=replace(ASK, params=(31e9,)))).best.params == 31e9


COMMAND = ["plan", "--topology", "h100-two-sites", "--days", "30", "--params", "1B:70B"]
SERVED = ["--max-latency", "0.5 s", "--serve-chip", "tpu-v5e", "--serve-chips", "16", "--prompt-tokens", "8k"]


def test_the_command_and_the_function_say_the_same(simulate):
    theirs = json.loads(simulate(*COMMAND, *SERVED, "--format", "json")[1])
    keys = {"serve_chip": "tpu-v5e", "serve_chips": 16, "prompt_tokens": "8k"}
    ours = ch.plan("h100-two-sites", days=30, params=("1B", "70B"), max_latency="0.5 s", **keys)
    assert theirs["in_time"]["answer_assumed_s"] == ours.in_time.answer_assumed_s
    assert theirs["best"]["params"] == ours.best.params == 31e9
    assert theirs["in_time"]["without"]["params"] == ours.in_time.without.params
    assert theirs["asked"]["serving"]["prompt_tokens"] == 8000
    table = simulate(*COMMAND, *SERVED)[1]
    assert "31B parameters answer a prompt of 8,000 tokens within 500 ms" in table
    assert "Without that limit: 70B" in table
    assert "the dimensions of Llama 3, scaled to its size" in " ".join(table.split())


def test_a_part_of_the_question_without_a_limit_is_refused(simulate):
    code, _, told = simulate(*COMMAND, "--serve-chips", "16")
    assert (code, "has no effect without --max-latency" in told) == (2, True)
    with pytest.raises(InputError, match="serve_batch: has no effect without max_latency"):
        ch.plan("h100-two-sites", days=30, serve_batch=2)
    with pytest.raises(InputError, match="max_latency: "):
        ch.plan("h100-two-sites", days=30, max_latency="half a second")
    with pytest.raises(InputError, match=r"prompt_tokens: got 0\.5; write a whole number"):
        ch.plan("h100-two-sites", days=30, max_latency=1, prompt_tokens=0.5)


def test_more_chips_than_the_largest_mesh_has_change_nothing_and_are_named():
    found = answer(limited(0.5, ask=replace(ASK, params=(1e9,)), chips=300))
    assert any("--serve-chips" in note and "no mesh of tpu-v5e has more chips" in note for note in found.notes)
