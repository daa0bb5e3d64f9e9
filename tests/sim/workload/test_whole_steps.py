"""Steps that somebody logged as a whole contain their exchange inside a datacenter; a replay must not add it again."""

import json

import pytest

from sim.scenario.loading import load_scenario
from sim.simulation.run import run

SECONDS = (1.0, 1.25, 0.75)
SLOW = {"name": "one", "datacenters": [{"name": "a", "chips": 8, "inside": {"bandwidth": "1 Gbit/s"}}]}


def trace(tmp_path, *, origin, exchange=None, whole_s=None):
    """A trace of three steps on eight chips, with a record of an exchange if one is given."""
    lines = [
        {
            "record": "header",
            "schema": "crosshaul-trace",
            "schema_version": 1,
            "algorithm": "data-parallel",
            "model": {"name": "custom", "params": 10**9},
            "replicas": 1,
            "replicas_per_device": 1,
            "steps": len(SECONDS),
            "batch_tokens": 8192,
            "device": {"platform": "gpu", "kind": "h100", "count": 8},
            "origin": origin,
        }
    ]
    for number, seconds in enumerate(SECONDS, 1):
        lines.append({"record": "step", "step": number, "replica": 0, "compute_s": seconds, "whole_s": whole_s,
                      "tokens": 8192})  # fmt: skip
        if exchange:
            lines.append({"record": "exchange", "step": number, "kind": exchange, "group_size": 8,
                          "payload_bytes": 2 * 10**9, "seconds": 0.5})  # fmt: skip
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def wall_clock_s(path, tmp_path):
    """Of its three steps on one site whose chips exchange slowly: 2 x 7/8 x 4e9 bytes at 1 Gbit/s take 56 s."""
    (tmp_path / "one.json").write_text(json.dumps(SLOW))
    loaded = load_scenario(
        None, topology=str(tmp_path / "one.json"), trace=str(path), strategies=("data-parallel",),
        settings=("workload.steps=3",),
    )  # fmt: skip
    result = run(loaded)
    return result.runs[0].wall_clock_s, " ".join(result.notes)


@pytest.mark.parametrize("exchange", [None, "outer"])
def test_a_log_of_whole_steps_is_replayed_as_long_as_it_was(tmp_path, exchange):
    found_s, notes = wall_clock_s(trace(tmp_path, origin="log.csv (csv)", exchange=exchange), tmp_path)
    assert found_s == pytest.approx(sum(SECONDS), rel=1e-12)
    assert "contain their exchange" in notes


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "log.csv (csv)", "whole_s": 9.0},  # the log told the exchange apart, and not what it carried
        {"origin": "log.csv (csv)", "exchange": "gradient"},
        {"origin": None},  # a recording of the trainer, whose clock leaves the exchange out
    ],
)
def test_where_the_exchange_is_told_apart_the_replay_has_its_own(tmp_path, how):
    found_s, notes = wall_clock_s(trace(tmp_path, **how), tmp_path)
    assert found_s > sum(SECONDS) + 3
    assert "contain their exchange" not in notes
