"""Attention in a workload: counted only if asked for, exactly as the law says, and refused where it has no meaning."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.laws.flops import attention_flop_per_token
from sim.topology.model import Datacenter
from sim.workload.documents import AnalyticWorkload

SITES = (Datacenter(name="a"), Datacenter(name="b"))
PLAIN = {"params": 1.2e9, "layers": 100, "batch_tokens": 1_000_000, "chips": 100, "chip_speed": "100 Tflop/s"}


def load(**keys):
    return validate(AnalyticWorkload, PLAIN | keys, source="test").load(SITES, 2)


def test_a_step_is_longer_by_the_flops_of_attention():
    """12 width^2 x 100 layers are 1.2B parameters: width 1,000."""
    bare, causal = load(), load(attention={"sequence_tokens": 4000})
    full = load(attention={"sequence_tokens": 4000, "mask": "full"})
    assert bare.mean_step_s[0] == pytest.approx(6 * 1.2e9 * 1e6 / 100 / 100e12)
    assert causal.mean_step_s[0] / bare.mean_step_s[0] == pytest.approx(1 + 6 * 100 * 1000 * 4000 / (6 * 1.2e9))
    assert full.mean_step_s[0] / bare.mean_step_s[0] == pytest.approx(1 + 12 * 100 * 1000 * 4000 / (6 * 1.2e9))
    assert any("and 2.4B of causal attention over 4,000 tokens" in note for note in causal.notes)


def test_a_named_model_has_its_own_width():
    def step_s(**keys):
        document = {"model": "10b", "chips": 64, "chip_speed": "100 Tflop/s", **keys}
        found = validate(AnalyticWorkload, document, source="test").load(SITES, 2)
        return found.mean_step_s[0] * 64 * 100e12 / found.batch_tokens

    attends = attention_flop_per_token(48, 4096, 8192)
    assert step_s(attention={"sequence_tokens": 8192}) == pytest.approx(6 * 10e9 + attends)
    assert step_s(attention={"sequence_tokens": 8192, "width": 2048}) == pytest.approx(6 * 10e9 + attends / 2)


def test_a_short_sequence_is_the_rule():
    assert load(attention={"sequence_tokens": 1}).mean_step_s[0] == pytest.approx(load().mean_step_s[0], rel=1e-4)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"layers": None, "attention": {"sequence_tokens": 9}}, "write layers"),
        ({"active_params": 1e8, "attention": {"sequence_tokens": 9}}, "attention.width: 4096"),
        ({"step_time": "1 s", "chip_speed": None, "attention": {"sequence_tokens": 9}}, "leave out `attention`"),
        ({"attention": {}}, "sequence_tokens"),
    ],
)
def test_what_cannot_be_counted_is_refused(keys, told):
    document = {key: value for key, value in (PLAIN | keys).items() if value is not None}
    with pytest.raises(InputError, match="attention") as error:
        validate(AnalyticWorkload, document, source="test").load(SITES, 2)
    assert told in str(error.value)
