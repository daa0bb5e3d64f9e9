"""What was recorded from compiled programs is what the strategy's program says: exchanges, and bytes of each."""

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.ops import Start
from sim.strategies import STRATEGIES, Setting
from sim.topology import Route, load_topology
from sim.trace import Exchange, read_header, read_records
from sim.workload import AnalyticWorkload
from trainer.cli import main

ALGORITHMS = {
    "diloco": ["--replicas", "2", "--devices-per-replica", "4", "--sync-every", "2"],
    "data-parallel": ["--devices-per-replica", "8"],
}


REPLAY_ONLY = {"streaming-diloco", "eager-diloco", "async-diloco", "elastic-diloco"}


def test_every_strategy_has_its_twin_or_says_that_it_has_none():
    assert set(ALGORITHMS) | REPLAY_ONLY == set(STRATEGIES)
    assert all("Limits: replay only" in STRATEGIES[kind].__doc__ for kind in REPLAY_ONLY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_counted_exchanges_are_those_of_the_strategys_program(algorithm, text, tmp_path):
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "1", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", "5", "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main(["--algorithm", algorithm, *shape, *source, *ALGORITHMS[algorithm]])
    assert not end.value.code
    header = read_header(path)
    counted = [
        (record.kind, record.step, float(record.payload_bytes))
        for record in read_records(path)
        if isinstance(record, Exchange) and not record.warmup
    ]

    # The same run as the simulator sees it: N parameters of 32 bits, and nothing taken from the trace but N.
    parameters = {"replicas": header.replicas, "sync_every": header.sync_every} if header.sync_every else {}
    strategy = STRATEGIES[algorithm].model_validate({"kind": algorithm, **parameters})
    sites = load_topology("low-bw").datacenters[: header.replicas]
    workload = {"params": header.model.params, "steps": 5, "batch_tokens": 256, "chips": 8, "payload_bits": 32}
    load = AnalyticWorkload.model_validate(workload).load(sites, 1)
    setting = Setting(load, (Route(1e9, 0.0),) * len(sites), Route(1e9, 0.0))
    said = []
    done = 0
    for op in strategy.program(0, setting):
        if isinstance(op, Start) and op.collective.name == "gradients":
            said += [("gradient", done + i + 1, op.collective.payload_bytes) for i in range(op.collective.count)]
            done += op.collective.count
        elif isinstance(op, Start):
            said.append(("outer", done, op.collective.payload_bytes))
    assert counted == said
