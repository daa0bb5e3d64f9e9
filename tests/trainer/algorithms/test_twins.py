"""What was recorded from compiled programs is what the strategy's program says: exchanges, and bytes of each."""

from typing import get_args

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.engine.ops import Inside, Start
from sim.strategies import STRATEGIES, Setting
from sim.topology.model import Route, load_topology
from sim.trace.file import Exchange, read_header, read_records
from sim.trace.series import read_recording
from sim.workload.documents import AnalyticWorkload
from trainer.cli.record_trace import main
from trainer.config.run import AlgorithmName

ALGORITHMS = {
    "diloco": ["--replicas", "2", "--devices-per-replica", "4", "--sync-every", "2"],
    "data-parallel": ["--devices-per-replica", "8"],
    "streaming-diloco": [
        *["--replicas", "2", "--devices-per-replica", "4"],
        *["--sync-every", "5", "--fragments", "2", "--overlap-steps", "1"],
    ],
    "eager-diloco": ["--replicas", "2", "--devices-per-replica", "4", "--sync-every", "3"],
    "sparseloco": ["--replicas", "4", "--devices-per-replica", "2", "--sync-every", "3", "--chunk", "16", "--top", "4"],
    "gossip-diloco": ["--replicas", "4", "--devices-per-replica", "2", "--sync-every", "3"],
    "two-level-diloco": ["--replicas", "4", "--devices-per-replica", "2", "--sync-every", "2"],
    "decoupled-diloco": [
        *["--replicas", "4", "--devices-per-replica", "2"],
        *["--sync-every", "5", "--fragments", "2", "--overlap-steps", "1"],
    ],
}
"""One row a strategy that trainer and simulator both have, with the options of a run on eight devices."""
SETTINGS = {
    **{kind: {"fragments": 2, "overlap_steps": 1} for kind in ("streaming-diloco", "decoupled-diloco")},
    "sparseloco": {"chunk": 16, "top": 4},
}
"""What a strategy is told besides replicas and H."""
REPLAY_ONLY = {"async-diloco", "elastic-diloco", "pipeline"}
REPLAY_ONLY |= {"demo", "des-loc", "halos"}
STEPS = 8


def test_every_strategy_has_its_twin_or_says_that_it_has_none():
    assert set(get_args(AlgorithmName)) == set(ALGORITHMS)
    assert set(ALGORITHMS) | REPLAY_ONLY == set(STRATEGIES)
    assert all(
        ("Limits: replay only" in strategy.__doc__) == (kind in REPLAY_ONLY) for kind, strategy in STRATEGIES.items()
    )


@pytest.mark.parametrize(
    ("algorithm", "bits"),
    [
        ("data-parallel", 32),
        *(("diloco", bits) for bits in (32, 16, 8, 4)),
        *(("streaming-diloco", bits) for bits in (32, 16)),
        *(("eager-diloco", bits) for bits in (32, 16, 8, 4)),
        *(("sparseloco", bits) for bits in (32, 16, 8, 4, 2)),
        *(("gossip-diloco", bits) for bits in (32, 16)),
        *(("two-level-diloco", bits) for bits in (32, 16)),
        *(("decoupled-diloco", bits) for bits in (32, 16)),
    ],
)
def test_counted_exchanges_are_those_of_the_strategys_program(algorithm, bits, text, tmp_path):
    sparse = algorithm == "sparseloco"
    rounded = ["--payload-bits", str(bits)] if bits < 32 or sparse else []
    path = tmp_path / "run.jsonl"
    layers = "4" if algorithm in ("streaming-diloco", "decoupled-diloco") else "2" if sparse else "1"
    shape = ["--layers", layers, "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", str(STEPS), "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main(["--algorithm", algorithm, *shape, *source, *ALGORITHMS[algorithm], *rounded])
    assert not end.value.code
    header = read_header(path)
    counted = [
        (record.kind, record.step, record.fragment or 0, float(record.payload_bytes))
        for record in read_records(path)
        if isinstance(record, Exchange) and not record.warmup
    ]

    # The same run as the simulator sees it: N parameters of 32 bits, and nothing taken from the trace but N.
    parameters = {"replicas": header.replicas, "sync_every": header.sync_every} if header.sync_every else {}
    own = SETTINGS.get(algorithm, {}) | ({"payload_bits": bits} if sparse else {})
    strategy = STRATEGIES[algorithm].model_validate({"kind": algorithm, **parameters, **own})
    sites = load_topology("low-bw").datacenters[: header.replicas]
    workload = {"params": header.model.params, "steps": STEPS, "batch_tokens": 256, "chips": 8, "payload_bits": 32}
    load = AnalyticWorkload.model_validate(workload).load(sites, 1)
    setting = Setting(load, (Route(1e9, 0.0),) * len(sites), Route(1e9, 0.0))
    said = []
    done = 0
    for op in strategy.programs(setting)[0]:
        if isinstance(op, Start | Inside) and op.collective.name == "gradients":
            said += [("gradient", done + i + 1, 0, op.collective.payload_bytes) for i in range(op.collective.count)]
            done += op.collective.count
        elif isinstance(op, Start):
            # the strategy sends 32 bits here: the trainer's fewer bits are that share of them, and scales besides
            sent_bytes = op.collective.payload_bytes * bits / 32 + scales_bytes(header.model, bits)
            if sparse:  # all tensors are of whole chunks here; few bits have a scale for each chunk
                sent_bytes = op.collective.payload_bytes + (4 * header.model.params / 16 if bits < 16 else 0)
            said.append(("outer", done, op.collective.part, sent_bytes))
    # the same exchanges of the same fragments in the same order
    assert [row[:3] for row in counted] == [row[:3] for row in said]
    # The simulator cuts parameters into equal fragments where it is told no layers; in the trainer fragment 0 holds the
    # embedding as well. So fragments are held by their sum, and to carry the same each time.
    carried, planned = ({row[2:] for row in rows if row[0] == "outer"} for rows in (counted, said))
    assert len(carried) == len({fragment for fragment, _ in carried})
    assert sum(size for _, size in carried) == sum(size for _, size in planned)
    assert [row for row in counted if row[0] == "gradient"] == [row for row in said if row[0] == "gradient"]


def scales_bytes(model, bits):
    """Four bytes for each 256 parameters of a tensor, where numbers are rounded to whole ones."""
    n, d, f, k = model.layers, model.width, model.hidden, model.width // model.heads
    tensors = [model.vocab * d, d, *[n * d * d] * 4, *[n * d * f] * 2, *[n * d] * 2, *[n * k] * 2]
    return sum(4 * -(-size // 256) for size in tensors) if bits < 16 else 0


def test_fragments_of_a_trace_add_up_to_what_the_simulator_replays(text, tmp_path):
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "4", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", "5", "--output", str(path)]
    run = ["--algorithm", "streaming-diloco", "--replicas", "2", "--fragments", "2", "--sync-every", "2"]
    with pytest.raises(SystemExit) as end:
        main([*run, *shape, *source])
    assert not end.value.code
    recording = read_recording(path)
    assert recording.outer_bytes == 4 * recording.header.model.params
    sent = [
        (record.step, record.fragment)
        for record in read_records(path)
        if isinstance(record, Exchange) and not record.warmup
    ]
    assert sent == [(1, 1), (2, 0), (3, 1), (4, 0), (5, 0), (5, 1)]


@pytest.mark.parametrize(
    "run",
    [
        ["--algorithm", "diloco", "--replicas", "2", "--devices-per-replica", "2", "--sync-every", "2"],
        ["--algorithm", "data-parallel", "--devices-per-replica", "2"],
    ],
)
def test_a_trace_of_shards_is_replayed_with_the_bytes_of_a_whole_copy(run, text, tmp_path):
    """Each of two shards has half of every matrix, and all of the norms, which both of them exchange."""
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "2", "--width", "16", "--heads", "2", "--vocab", "258", "--sequence-length", "16"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", "2", "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main([*run, *shape, "--sequences", "2", "--shards", "2", *source])
    assert not end.value.code
    recording = read_recording(path)
    norms = 2 * (16 + 16 + 8 + 8) + 16
    whole = 4 * (recording.header.model.params + norms)
    assert (recording.header.shards, recording.gradient_bytes, recording.outer_bytes) == (2, whole, whole)
