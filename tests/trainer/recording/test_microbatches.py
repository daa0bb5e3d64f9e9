"""Microbatches that nobody asked for grow in number until the compiled run fits the memory of a device."""

import shutil

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.trace.file import read_header, read_records
from trainer.cli.record_trace import main
from trainer.config.run import ModelConfig, TrainConfig
from trainer.recording import recorder
from trainer.recording.memory_advice import DoesNotFit, fitted

RUN = ["--layers", 1, "--width", 16, "--heads", 2, "--tokenizer", "bytes", "--sequence-length", 128, "--sequences", 8]
RUN += ["--algorithm", "data-parallel", "--steps", 4, "--warmup-steps", 1]
CONFIG = TrainConfig(
    model=ModelConfig(layers=1, width=16, heads=2, hidden=32, vocab=64),
    algorithm="data-parallel",
    sequences=12,
    sequence_length=8,
    steps=1,
    microbatches=1,
)


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


def test_the_first_number_that_fits_is_taken_and_told():
    tried, told = [], []

    def compile_run(config):
        tried.append(config.microbatches)
        return 1000 / config.microbatches

    config, compiled = fitted(CONFIG, compile_run, lambda needed: needed, 300, told.append)
    assert tried == [1, 2, 3, 4]  # the divisors of 12 sequences
    assert (config.microbatches, compiled) == (4, 250)
    assert told == ["4 microbatches instead of 1, for the memory of 300 B of a device"]


def test_where_memory_is_unknown_or_enough_nothing_changes():
    for there in (None, 1000.0):
        config, _ = fitted(CONFIG, lambda config: 1000, float, there, pytest.fail)
        assert config is CONFIG


def test_a_compiler_that_refuses_is_asked_for_less_until_a_sequence_is_left():
    def compile_run(config):
        if config.microbatches < 6:
            raise DoesNotFit("too large")
        return 1

    assert fitted(CONFIG, compile_run, float, None, lambda line: None)[0].microbatches == 6
    with pytest.raises(DoesNotFit, match="too large"):
        fitted(CONFIG.replaced(sequences=5), compile_run, float, None, lambda line: None)


def test_a_run_that_would_not_fit_is_recorded_in_smaller_parts_and_resumes(text, tmp_path, monkeypatch, capsys):
    whole, small = tmp_path / "whole.jsonl", tmp_path / "small.jsonl"
    run = [*RUN, "--corpus", text]
    assert call(*run, "--output", whole) == 0
    needs = read_header(whole).memory
    monkeypatch.setattr(recorder, "usable_bytes", lambda device: needs.peak_bytes - 1)
    saved = ["--checkpoint", tmp_path / "saved", "--checkpoint-every", 2, "--output", small]
    assert call(*run, *saved) == 0
    assert "microbatches instead of 1, for the memory of" in " ".join(capsys.readouterr().err.split())
    fits = read_header(small).memory
    assert fits.peak_bytes < needs.peak_bytes
    assert fits.resident_bytes == needs.resident_bytes
    assert losses(small) == pytest.approx(losses(whole), rel=1e-4)
    before = losses(small)
    shutil.rmtree(tmp_path / "saved" / "step-00000004")
    assert call(*run, *saved, "--resume") == 0
    assert losses(small) == before
    assert call(*run, "--microbatches", 1, "--output", tmp_path / "asked.jsonl") == 0
    assert read_header(tmp_path / "asked.jsonl").memory.peak_bytes == needs.peak_bytes


def losses(trace):
    return [each.loss for each in read_records(trace) if each.record == "step" and not each.warmup]
