"""Compiled programs on a mesh of three axes: bytes by axis against hand counts, memory, and what was asked for."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax.sharding import AxisType, NamedSharding  # noqa: E402

from sim.errors import CrosshaulError  # noqa: E402
from sim.trace.file import RecordedCollective, RecordedProgram  # noqa: E402
from trainer.algorithms import make_algorithm  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.model.initial import count_params  # noqa: E402
from trainer.parallel.mesh import BY_REPLICA, make_mesh  # noqa: E402
from trainer.programs.compile import compile_program  # noqa: E402
from trainer.programs.inner_step import compile_inner  # noqa: E402
from trainer.programs.program import argument_bytes, compile_traced, describe  # noqa: E402
from trainer.recording.inventory import Part, Programs, count_payload, programs_of  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

AXES = ("replica", "data", "model")
MODEL = ModelConfig(layers=1, width=16, heads=2, hidden=32, vocab=40)


@pytest.fixture(scope="module")
def mesh():
    return jax.make_mesh((2, 2, 2), AXES, axis_types=(AxisType.Auto,) * 3)


def spread(function, mesh, shape, out=None):
    mapped = jax.shard_map(
        function, mesh=mesh, in_specs=jax.P(AXES), out_specs=jax.P() if out is None else out, check_vma=False
    )
    return compile_traced(jax.jit(mapped).trace(jax.ShapeDtypeStruct(shape, jnp.float32)), mesh)


def rows(collectives):
    return {(e.kind, e.axis, e.group_size, e.dtype, e.payload_bytes, e.count) for e in collectives}


ALONG = [("replica",), ("data",), ("model",), ("replica", "data"), ("replica", "model"), ("data", "model"), AXES]


@pytest.mark.parametrize("axes", ALONG)
def test_an_all_reduce_along_any_axes_is_found_there(axes, mesh):
    described = describe("exchange", spread(lambda x: jax.lax.psum(x, axes), mesh, (8 * 50,)), mesh)
    expected = {("all-reduce", ",".join(axes), 2 ** len(axes), "f32", 200, 1)}
    assert rows(described.collectives) == rows(described.asked) == expected


def test_every_kind_is_found_along_its_axis(mesh):
    def program(x_64):
        gathered = jax.lax.all_gather(x_64, "model", tiled=True)
        part = jax.lax.psum_scatter(x_64, "replica", tiled=True)
        moved = jax.lax.ppermute(x_64, "data", [(0, 1), (1, 0)])
        turned = jax.lax.all_to_all(x_64.reshape(2, 32), "model", 0, 0, tiled=True)
        return gathered.sum() + part.sum() + moved.sum() + turned.sum()

    described = describe("exchange", spread(program, mesh, (512,)), mesh)
    expected = {
        ("all-gather", "model", 2, "f32", 256, 1),
        ("reduce-scatter", "replica", 2, "f32", 256, 1),
        ("collective-permute", "data", 2, "f32", 256, 1),
        ("all-to-all", "model", 2, "f32", 256, 1),
    }
    assert rows(described.collectives) == rows(described.asked) == expected


def test_a_loop_multiplies_what_was_compiled_and_what_was_asked(mesh):
    def program(x_8):
        return jax.lax.scan(lambda x, _: (jax.lax.psum(x * x, "data"), None), x_8, None, length=6)[0]

    described = describe("exchange", spread(program, mesh, (64,), jax.P(AXES)), mesh)
    expected = {("all-reduce", "data", 2, "f32", 6 * 32, 6)}
    assert rows(described.collectives) == rows(described.asked) == expected


def test_a_wider_type_of_the_backend_stands_beside_the_one_asked_for(mesh):
    program = spread(lambda x: jax.lax.psum(x.astype(jnp.bfloat16), "data").astype(jnp.float32), mesh, (8 * 50,))
    payload = count_payload(describe("exchange", program, mesh))
    assert (payload.asked_bytes, payload.asked_dtype) == (100, "bf16")
    # a backend without a bfloat16 all-reduce, as a CPU's, moves float32
    assert payload.payload_bytes == {"bf16": 100, "f32": 200}[payload.dtype]


def test_small_whole_numbers_stay_as_they_are(mesh):
    program = spread(lambda x: jax.lax.all_gather(x.astype(jnp.uint8), "replica").sum(), mesh, (8 * 50,))
    payload = count_payload(describe("exchange", program, mesh))
    assert (payload.payload_bytes, payload.dtype, payload.asked_bytes, payload.asked_dtype) == (50, "u8", 50, "u8")


def test_what_automatic_partitioning_adds_was_not_asked_for(mesh):
    rows_split = NamedSharding(mesh, jax.P(None, "model"))
    columns_split = NamedSharding(mesh, jax.P("model", None))
    product = jax.jit(jnp.matmul, in_shardings=(rows_split, columns_split), out_shardings=NamedSharding(mesh, jax.P()))
    shapes = (jax.ShapeDtypeStruct((6, 8), jnp.float32), jax.ShapeDtypeStruct((8, 10), jnp.float32))
    described = describe("product", compile_traced(product.trace(*shapes), mesh), mesh)
    assert rows(described.collectives) == {("all-reduce", "model", 2, "f32", 4 * 6 * 10, 1)}
    assert described.asked == ()


def test_memory_is_that_of_the_arrays():
    mesh = make_mesh(2, 2)
    shape = jax.ShapeDtypeStruct((30, 10), jnp.float32)
    program = compile_program(lambda a, b: a + b, mesh, (shape, shape), (BY_REPLICA,) * 2, BY_REPLICA, donate=(0,))
    described = describe("update", program, mesh)
    assert (described.argument_bytes, described.output_bytes, described.aliased_bytes) == (2400, 1200, 1200)
    assert described.peak_bytes >= 2400
    assert described.flop == 300
    assert [argument_bytes(program, position) for position in (0, 1)] == [1200, 1200]


def test_an_argument_that_is_never_read_takes_no_memory():
    mesh = make_mesh(2, 1)
    shape = jax.ShapeDtypeStruct((30, 10), jnp.float32)
    program = compile_program(lambda a, b: a + 1, mesh, (shape, shape), (BY_REPLICA,) * 2, BY_REPLICA)
    assert [argument_bytes(program, position) for position in (0, 1)] == [1200, 0]


@pytest.mark.parametrize("shards", [1, 2])
def test_text_that_cannot_be_read_leaves_what_was_asked_for_and_says_so(shards, monkeypatch):
    run = {"model": MODEL, "algorithm": "diloco", "replicas": 2, "devices_per_replica": 2, "sync_every": 2, "steps": 2}
    config = TrainConfig(sequence_length=16, sequences=1, shards=shards, **run)
    mesh = make_mesh(2, 2, shards)
    read = all_programs(config, mesh)
    monkeypatch.setattr("trainer.programs.hlo_collectives._axis", lambda groups, mesh: _raise("an unknown spelling"))
    guessed = all_programs(config, mesh)
    assert read.notes == []
    assert any("'exchange': the exchanges of the compiled program could not be read" in line for line in guessed.notes)
    guessed.check_compute_alone()
    for name in ("exchange", "outer exchange"):
        found, stands_in = read.payload(name), guessed.payload(name)
        assert (stands_in.group_size, stands_in.payload_bytes) == (found.group_size, found.payload_bytes)


def _raise(message):
    raise CrosshaulError(message)


def all_programs(config, mesh):
    algorithm = make_algorithm(config)
    return programs_of(compile_inner(config, mesh), mesh, algorithm.compile_outer(mesh), mesh, algorithm.schedule)


def test_what_stays_on_the_device_is_parameters_and_states():
    config = TrainConfig(
        model=MODEL, algorithm="diloco", sync_every=2, steps=2, replicas=2, devices_per_replica=2, sequence_length=16
    )
    mesh = make_mesh(2, 2)
    programs = all_programs(config, mesh)
    memory = programs.memory()
    # parameters, two moments of AdamW, global parameters, momentum: five copies, and AdamW's and the schedule's counters
    assert memory.resident_bytes == 5 * 4 * count_params(MODEL) + 2 * 4
    # copies that a program does not hold itself: of parameters, two moments, global parameters and momentum
    beside = {"gradients": 4, "exchange": 5, "update": 2, "outer change": 3, "outer exchange": 5, "outer update": 3}
    held = [programs.described[name].peak_bytes + copies * 4 * count_params(MODEL) for name, copies in beside.items()]
    assert memory.peak_bytes == pytest.approx(max(held), abs=8)
    gradients = programs.described["gradients"]
    assert gradients.peak_bytes >= gradients.argument_bytes + gradients.output_bytes + gradients.temporary_bytes > 0
    programs.check_compute_alone()
    assert programs.payload("exchange").payload_bytes == 4 * count_params(MODEL)
    assert programs.payload("nothing") is None


def test_compute_that_exchanges_is_refused(mesh):
    exchanging = Part(spread(lambda x: jax.lax.psum(x, "data"), mesh, (80,)), mesh)
    sharing = Part(spread(lambda x: jax.lax.psum(x, "model"), mesh, (80,)), mesh)
    Programs.of({"gradients": sharing, "update": sharing}).check_compute_alone()
    with pytest.raises(CrosshaulError, match="compute alone"):
        Programs.of({"gradients": sharing, "update": exchanging}).check_compute_alone()


def made(*collectives, asked=()):
    sizes = {"flop": 1, "argument_bytes": 0, "output_bytes": 0, "temporary_bytes": 0, "aliased_bytes": 0}
    return RecordedProgram(name="exchange", peak_bytes=0, **sizes, collectives=collectives, asked=asked)


def test_an_exchange_in_stages_carries_what_was_asked_for():
    inside = RecordedCollective(
        kind="reduce-scatter", axis="data", group_size=4, payload_bytes=400, count=1, dtype="f32"
    )
    across = RecordedCollective(
        kind="all-reduce", axis="data", group_size=2, payload_bytes=104, count=1, dtype="f32", between_slices=True
    )
    whole = RecordedCollective(kind="all-reduce", axis="data", group_size=8, payload_bytes=400, count=1, dtype="f32")
    payload = count_payload(made(inside, across, asked=(whole,)))
    assert (payload.payload_bytes, payload.group_size) == (400, 8)
    with pytest.raises(CrosshaulError, match="one group size"):
        count_payload(made(inside, across))
    with pytest.raises(CrosshaulError, match="one group size"):
        count_payload(made())


@pytest.mark.parametrize("shards", [2, 4])
def test_memory_and_payloads_of_fragments_add_up_and_shards_share_them(shards):
    model = ModelConfig(layers=4, width=16, heads=4, hidden=32, vocab=40)
    run = {"model": model, "algorithm": "streaming-diloco", "fragments": 2, "replicas": 2, "sync_every": 4, "steps": 4}
    run["overlap_steps"] = 0
    config = TrainConfig(sequence_length=16, sequences=2, shards=shards, **run)
    mesh = make_mesh(2, 1, shards)
    programs = all_programs(config, mesh)
    norms = model.layers * (2 * 16 + 2 * 4) + 16
    shard = (model.params - norms) // shards + norms
    assert sum(payload.payload_bytes for payload in programs.outer_payloads()) == 4 * shard
    assert all(payload.asked_bytes == payload.payload_bytes for payload in programs.outer_payloads())
    assert programs.memory().resident_bytes == 5 * 4 * shard + 2 * 4
    programs.check_compute_alone()


STREAMING = {"algorithm": "streaming-diloco", "fragments": 2, "replicas": 2, "sync_every": 4, "steps": 9}


@pytest.mark.parametrize(
    "changes",
    [
        {**STREAMING, "overlap_steps": 0},
        {**STREAMING, "overlap_steps": 3, "shards": 2},
        {**STREAMING, "overlap_steps": 3, "payload_bits": 4, "error_feedback": True},
        {"algorithm": "eager-diloco", "replicas": 2, "sync_every": 3, "steps": 4, "payload_bits": 8},
    ],
    ids=str,
)
def test_resident_memory_is_what_the_state_of_a_run_holds_at_most(changes):
    """The state itself, weighed on one device behind every step, is the measure of what was counted."""
    model = ModelConfig(layers=4, width=16, heads=2, hidden=32, vocab=40)
    config = TrainConfig(**{"model": model, "sequence_length": 8, "sequences": 1, **changes})
    mesh = make_mesh(config.replicas, config.devices_per_replica, config.shards)

    def rows(step, devices):
        return np.random.default_rng(step).integers(0, 40, (len(devices), 1, 9), dtype=np.int32)

    trainer = Trainer(config, rows, mesh, alone=False)
    state, held = trainer.start(), []
    device = mesh.devices.flat[0]
    for step in range(1, config.steps + 1):
        state, _ = trainer.outer_step(trainer.inner_step(state, step)[0], step)
        leaves = jax.tree.leaves(trainer.snapshot(state))
        parts = [part.data for leaf in leaves for part in leaf.addressable_shards if part.device == device]
        held.append(sum(part.nbytes for part in parts))
    memory = programs_of(trainer.inner[0], mesh, trainer.outer, mesh, trainer.algorithm.schedule).memory()
    assert memory.resident_bytes == max(held)
    assert (min(held) < max(held)) == bool(config.overlap_steps)
    assert memory.peak_bytes > memory.resident_bytes
