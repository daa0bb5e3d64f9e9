"""The table of chips, and what a trace says about devices."""

from types import SimpleNamespace

import pytest

jax = pytest.importorskip("jax")

from sim.units.chips import chip_of_kind, chips  # noqa: E402
from trainer.parallel.chips import recorded_device  # noqa: E402


def tpus(kind, chips, *, cores=1, slices=1):
    """Devices as a TPU's client gives them: `cores` of each chip, slice by slice."""
    client = SimpleNamespace()
    devices = [
        SimpleNamespace(platform="tpu", device_kind=kind, coords=[chip, 0, 0], slice_index=place, client=client)
        for place in range(slices)
        for chip in range(chips)
        for _ in range(cores)
    ]
    client.devices = lambda: devices
    return devices


def test_every_chip_is_named_once_and_has_a_source():
    kinds = [kind for chip in chips() for kind in chip.kinds]
    assert len(set(kinds)) == len(kinds)
    assert all(chip.source for chip in chips())
    assert all(1e14 < chip.peak_flop_per_s < 1e16 and 1.5e10 < chip.memory_bytes < 3e11 for chip in chips())


@pytest.mark.parametrize(
    ("kind", "tflop_per_s", "memory_gb"),
    [  # as the makers' pages print them
        ("TPU v3", 123, 32 * 1.024**3),  # GiB
        ("TPU v4", 275, 32 * 1.024**3),
        ("TPU v5 lite", 197, 16),
        ("TPU v5", 459, 95),
        ("TPU v6 lite", 918, 32),
        ("TPU7x", 2307, 192 * 1.024**3),
        ("NVIDIA A100-SXM4-40GB", 312, 40),
        ("NVIDIA H100 80GB HBM3", 1979 / 2, 80),
        ("NVIDIA H100 PCIe", 1513 / 2, 80),
        ("NVIDIA H100 NVL", 1671 / 2, 94),
        ("NVIDIA H200", 1979 / 2, 141),
        ("NVIDIA L40S", 362.05, 48),
        ("AMD Instinct MI325X", 1307.4, 256),
        ("NVIDIA B200", 36_000 / 8 / 2, 180),
    ],
)
def test_peaks_are_the_published_dense_ones(kind, tflop_per_s, memory_gb):
    chip = chip_of_kind(kind)
    assert chip.peak_flop_per_s == pytest.approx(tflop_per_s * 1e12)
    assert chip.memory_bytes == pytest.approx(memory_gb * 1e9)


def test_a_core_has_half_of_its_chip():
    found = recorded_device(tpus("TPU v3", chips=4, cores=2))
    assert (found.count, found.peak_flop_per_s, found.memory_bytes) == (8, 61.5e12, 16 * 2**30)
    assert "1/2 of a chip" in found.source
    assert recorded_device(tpus("TPU v5 lite", chips=4)).peak_flop_per_s == 197e12


def test_slices_are_counted_and_do_not_halve_a_chip():
    found = recorded_device(tpus("TPU v5 lite", chips=4, slices=3))
    assert (found.count, found.slices, found.peak_flop_per_s) == (12, 3, 197e12)


def test_an_unknown_kind_says_so_and_nothing_is_guessed():
    found = recorded_device([SimpleNamespace(platform="gpu", device_kind="NVIDIA Z9000")])
    assert (found.kind, found.peak_flop_per_s, found.memory_bytes) == ("NVIDIA Z9000", None, None)
    assert "published bfloat16 peak of this kind of device is unknown" in found.source
    processor = recorded_device(jax.devices()[:2])
    assert (processor.platform, processor.count, processor.peak_flop_per_s) == ("cpu", 2, None)
