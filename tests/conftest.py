"""Fixtures that several test modules share."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from sim.trace.file import Exchange, Header, Step, TraceWriter

ROOT = Path(__file__).parent.parent
# A slow machine must not fail a property: time is measured in benchmarks/.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files from what the code gives now"
    )


@pytest.fixture
def golden(request):
    """Compares text with a committed file; `pytest --update-golden` rewrites it (say in the commit why it is right)."""

    def compare(path: str, text: str) -> None:
        file = ROOT / path
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"{path} is missing; run pytest --update-golden"
        assert text == file.read_text(), f"{path} has drifted; if the change is meant, run pytest --update-golden"

    return compare


@pytest.fixture
def header():
    """A header of a small recording, any field replaceable."""

    def make(**changes) -> Header:
        fields = {
            "algorithm": "diloco",
            "model": {
                "name": "custom",
                "params": 1_000_000,
                "layers": 2,
                "heads": 2,
                "width": 64,
                "hidden": 256,
                "vocab": 512,
            },
            "replicas": 2,
            "sync_every": 5,
            "steps": 10,
            "batch_tokens": 8192,
            "sequence_length": 256,
            "device": {"platform": "cpu", "kind": "a test", "count": 8},
        }
        return Header.model_validate({**fields, **changes})

    return make


@pytest.fixture
def trace(tmp_path, header):
    """Writes a trace: `seconds[replica]` are its steps; returns the path."""

    def write(seconds, name="run.jsonl", payload_bytes=4_000_000, **changes) -> Path:
        head = header(replicas=len(seconds), **changes)
        path = tmp_path / name
        with TraceWriter(path, head, overwrite=True) as writer:
            writer.write(Step(step=0, replica=0, compute_s=1e6, tokens=1, warmup=True))
            for step in range(max(map(len, seconds))):
                for replica, own in enumerate(seconds):
                    if step < len(own):
                        tokens = head.batch_tokens // head.replicas
                        writer.write(Step(step=step + 1, replica=replica, compute_s=own[step], tokens=tokens, loss=5.0))
                if payload_bytes:
                    writer.write(Exchange(step=step + 1, kind="outer", group_size=2, payload_bytes=payload_bytes))
        return path

    return write


@pytest.fixture
def scenario_file(tmp_path):
    """Writes a scenario YAML (as JSON, which YAML contains); returns the path."""

    def write(document: dict, name="scenario.yaml") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(document, indent=1))
        return path

    return write


@pytest.fixture
def simulate(monkeypatch, capsys):
    """Runs the command in this process: `simulate(*args)` -> (exit code, stdout, stderr)."""

    def call(*args) -> tuple[int, str, str]:
        from sim.cli.app import main

        monkeypatch.setattr(sys, "argv", ["simulate", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call
