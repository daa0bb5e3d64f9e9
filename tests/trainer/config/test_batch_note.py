"""A batch far above the fitted one is said, where the rate is still that of the fit."""

import pytest

pytest.importorskip("jax")

from trainer.config.batch_note import batch_note
from trainer.config.run import TrainConfig


def run_of(devices, **changes):
    run = {"model": "35m", "algorithm": "diloco", "replicas": 4, "sequence_length": 2048, "sequences": 1}
    return TrainConfig(**run | {"devices_per_replica": devices} | changes)


def test_a_batch_eight_times_the_fitted_one_is_said_and_one_twice_as_large_is_not():
    # 35M parameters, M = 4: 2,048 tokens x 0.00535 x 35e6^0.510 = 77,000, so 65,536; 256 devices with a sequence each
    # have 524,288
    run = run_of(64)
    assert run.batch_tokens == 8 * 65_536
    note = batch_note(run)
    assert "524,288 tokens, 8 times the fitted 65,536 for this model" in note
    assert f"{run.learning_rate:.3g}" in note
    assert f"{run.steps:,} steps" in note
    assert batch_note(run_of(16)) is None
    assert batch_note(run_of(8)) is None


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 0.003}, {"model": {"layers": 2, "width": 64, "heads": 2, "hidden": 256, "vocab": 512}}],
)
def test_a_rate_of_ones_own_and_a_model_below_the_fits_are_left_alone(changes):
    assert batch_note(run_of(64, **changes)) is None
