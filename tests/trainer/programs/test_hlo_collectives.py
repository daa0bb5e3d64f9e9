"""The reader of collectives, on hand-written lines in every spelling and on compiled programs."""

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from sim.errors import CrosshaulError  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import count_params  # noqa: E402
from trainer.parallel.mesh import BY_DEVICE, make_mesh  # noqa: E402
from trainer.programs.hlo_collectives import collectives  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

ROWS = ((0, 1, 2, 3), (4, 5, 6, 7))
COLUMNS = ((0, 4), (1, 5), (2, 6), (3, 7))


@pytest.fixture(scope="module")
def mesh():
    return make_mesh(2, 4)


def module(*lines, before=""):
    body = "\n".join(f"  {line}" for line in lines)
    return (
        f"HloModule m\n\n{before}\nENTRY %main (p: f32[8]) -> f32[8] {{\n  %p = f32[8]{{0}} parameter(0)\n{body}\n}}\n"
    )


def one(line, mesh, **keywords):
    (found,) = collectives(module(line, **keywords), mesh)
    return found


@pytest.mark.parametrize(
    ("spelling", "groups", "axis"),
    [
        ("{{0,1,2,3},{4,5,6,7}}", ROWS, "data"),
        ("{{0,4},{1,5},{2,6},{3,7}}", COLUMNS, "replica"),
        ("{}", (tuple(range(8)),), "replica,data"),
        ("[2,4]<=[8]", ROWS, "data"),
        ("[4,2]<=[2,4]T(1,0)", COLUMNS, "replica"),
        ("[1,8]<=[8]", (tuple(range(8)),), "replica,data"),
        ("mesh['replica'=2,'data'=4] {'data'}", ROWS, "data"),
        ("mesh['replica'=2,'data'=4] {'replica'}", COLUMNS, "replica"),
        ("mesh['axis_0'=2,'axis_1'=4] {'axis_0','axis_1'}", (tuple(range(8)),), "replica,data"),
        ("mesh['a'=2,'b'=2,'c'=2] {'a','c'}", ((0, 1, 4, 5), (2, 3, 6, 7)), "replica,data"),
        ("mesh[a=4,b=2], device_ids=([2,4]T(1,0)) {b}", COLUMNS, "replica"),
        ("mesh['a'=4,'b'=2], device_ids=(0,4,1,5,2,6,3,7) {'b'}", COLUMNS, "replica"),
    ],
)
def test_groups_in_every_spelling(spelling, groups, axis, mesh):
    line = f"ROOT %r = f32[8]{{0}} all-reduce(%p), channel_id=1, replica_groups={spelling}, to_apply=%add"
    found = one(line, mesh)
    assert (found.kind, found.payload_bytes, found.dtype, found.times) == ("all-reduce", 32, "f32", 1)
    assert found.groups == groups
    assert found.axis == axis


@pytest.mark.parametrize("spelling", ["{{0},{1},{2},{3},{4},{5},{6},{7}}", "[8,1]<=[8]", "mesh['a'=8,'b'=1] {'b'}"])
def test_groups_of_one_exchange_nothing(spelling, mesh):
    assert collectives(module(f"ROOT %r = f32[8]{{0}} all-reduce(%p), replica_groups={spelling}"), mesh) == []


@pytest.mark.parametrize("spelling", ["mesh['a'=8] {'a':(2)4}", "mesh['a'=8]", "<weird>"])
def test_an_unknown_spelling_is_refused(spelling, mesh):
    with pytest.raises(CrosshaulError, match="an unknown spelling"):
        collectives(module(f"ROOT %r = f32[8]{{0}} all-reduce(%p), replica_groups={spelling}"), mesh)


@pytest.mark.parametrize(
    ("line", "payload_bytes", "dtype"),
    [
        ("(f32[2,3]{1,0}, bf16[4]{0}, /*index=2*/f32[]) all-reduce(%a, %b, %c)", 24 + 8 + 4, "f32+bf16"),
        ("f32[8]{0} all-reduce-start(%p)", 32, "f32"),
        ("(f32[8]{0}, f32[2]{0}) all-reduce-start(%p, %q)", 40, "f32"),
        ("f32[16]{0} all-gather(%p)", 16, "f32"),
        ("(f32[4]{0}, f32[16]{0}) all-gather-start(%p)", 16, "f32"),
        ("((f32[4]{0}, s8[4]{0}), (f32[16]{0}, s8[16]{0})) all-gather-start(%p, %q)", 20, "f32+s8"),
        ("f32[2]{0} reduce-scatter(%p)", 32, "f32"),
        ("((f32[8]{0}), f32[2]{0}, u32[]) reduce-scatter-start(%p)", 32, "f32"),
        ("bf16[8]{0:T(8,128)(2,1)} all-to-all(%p)", 16, "bf16"),
        ("s4[7]{0} all-reduce(%p)", 4, "s4"),
        ("f8e4m3fn[8]{0} all-reduce(%p)", 8, "f8e4m3fn"),
        ("pred[8]{0} all-reduce(%p)", 8, "pred"),
        ("c64[8]{0} all-reduce(%p)", 64, "c64"),
    ],
)
def test_payload_is_what_a_device_contributes(line, payload_bytes, dtype, mesh):
    found = one(f"%r = {line}, replica_groups={{{{0,1,2,3}},{{4,5,6,7}}}}", mesh)
    assert (found.payload_bytes, found.dtype) == (payload_bytes, dtype)


def test_permutes_count_their_pairs(mesh):
    line = "%r = (f32[8]{0}, f32[8]{0}, u32[], u32[]) collective-permute-start(%p), source_target_pairs={{0,4},{4,0},{1,1}}"
    found = one(line, mesh)
    assert (found.payload_bytes, found.groups, found.axis) == (32, ((0, 4), (4, 0)), "replica")


def test_the_second_half_of_an_asynchronous_form_is_skipped(mesh):
    start = "%s = f32[8]{0} all-reduce-start(%p), replica_groups=[2,4]<=[8]"
    done = "ROOT %d = f32[8]{0} all-reduce-done(%s), replica_groups=[2,4]<=[8]"
    assert len(collectives(module(start, done), mesh)) == 1


def test_a_wrapped_asynchronous_collective_is_found_once(mesh):
    wrapped = "%w (q: f32[8]) -> f32[2] {\n  ROOT %x = f32[2]{0} reduce-scatter(%q), replica_groups=[2,4]<=[8]\n}\n"
    start = "%s = ((f32[8]{0}), f32[2]{0}, u32[]) async-start(%p), calls=%w"
    done = "ROOT %d = f32[2]{0} async-done(%s), calls=%w"
    (found,) = collectives(module(start, done, before=wrapped), mesh)
    assert (found.kind, found.payload_bytes) == ("reduce-scatter", 32)


ACROSS = (
    "%s = (f32[33,8,128]{2,1,0:T(8,128)}, u32[], token[]) send(%p, %t), channel_id=4, is_host_transfer=true, "
    'frontend_attributes={_xla_host_transfer_handler_name="xla_megascale_runtime",'
    '_xla_megascale_reduce_operation="SUM",_xla_megascale_target="{1,2}x{0:3}",_xla_megascale_transfer_type="ALL_REDUCE"}'
)


def of_slices(*lines):
    return module(*lines).replace("HloModule m", "HloModule m, is_scheduled=true, num_partitions=4", 1)


def test_a_send_between_slices_is_an_exchange_of_their_devices(mesh):
    received = (
        ACROSS.replace("%s =", "%r =").replace("send(%p, %t)", "recv(%t)").replace("channel_id=4", "channel_id=3")
    )
    done = "%d = token[] send-done(%s), channel_id=4, is_host_transfer=true"
    (found,) = collectives(of_slices(received, ACROSS, done), mesh)
    assert (found.kind, found.payload_bytes, found.dtype) == ("all-reduce", 33 * 8 * 128 * 4, "f32")
    assert (found.groups, found.axis, found.between_slices) == (COLUMNS, "replica", True)


@pytest.mark.parametrize("kind", ["REDUCE_SCATTER", "ALL_GATHER", "ALL_TO_ALL"])
def test_what_is_sent_between_slices_is_the_payload_whatever_it_is_part_of(kind, mesh):
    (found,) = collectives(of_slices(ACROSS.replace("ALL_REDUCE", kind)), mesh)
    assert (found.kind, found.payload_bytes) == (kind.lower().replace("_", "-"), 33 * 8 * 128 * 4)


def test_groups_inside_a_slice_number_its_own_devices(mesh):
    line = "%r = f32[8]{0} all-reduce(%p), channel_id=1, replica_groups={}"
    (found,) = collectives(of_slices(line), mesh)
    assert (found.groups, found.axis, found.between_slices) == (((0, 1, 2, 3),), "data", False)


def test_a_permute_in_pieces_is_its_sends(mesh):
    pairs = 'frontend_attributes={_xla_send_recv_source_target_pairs="{{0,4},{4,0}}"}'
    line = f"%s = (f32[8]{{0}}, u32[], token[]) send(%p, %t), channel_id=1, {pairs}"
    found = one(line, mesh)
    assert (found.kind, found.payload_bytes, found.groups) == ("collective-permute", 32, ((0, 4), (4, 0)))


def test_a_send_to_the_host_alone_is_no_exchange(mesh):
    line = "%s = (f32[8]{0}, u32[], token[]) send(%p, %t), channel_id=1, is_host_transfer=true"
    assert collectives(module(line), mesh) == []


LOOPS = """%inner_body (q: f32[8]) -> f32[8] {
  ROOT %x = f32[8]{0} all-reduce(%q), replica_groups=[2,4]<=[8]
}

%outer_body (q: f32[8]) -> f32[8] {
  ROOT %y = f32[8]{0} while(%q), condition=%c, body=%inner_body, backend_config={"known_trip_count":{"n":"3"},"x":"1"}
}

%c (q: f32[8]) -> pred[] {
  ROOT %t = pred[] constant(true)
}
"""


def test_loops_multiply(mesh):
    loop = (
        'ROOT %z = f32[8]{0} while(%p), condition=%c, body=%outer_body, backend_config={"known_trip_count":{"n":"5"}}'
    )
    assert one(loop, mesh, before=LOOPS).times == 15


def test_a_loop_of_unknown_length_is_refused(mesh):
    with pytest.raises(CrosshaulError, match="unknown length"):
        collectives(module("ROOT %z = f32[8]{0} while(%p), condition=%c, body=%outer_body", before=LOOPS), mesh)


def test_a_collective_in_a_branch_or_a_call_is_found(mesh):
    conditional = "%z = f32[8]{0} conditional(%i, %p, %p), branch_computations={%inner_body, %inner_body}"
    call = "ROOT %k = f32[8]{0} call(%p), to_apply=%inner_body"
    assert len(collectives(module(conditional, call, before=LOOPS), mesh)) == 3


def test_a_compiled_scan_around_a_collective(mesh):
    def body(x, _):
        return jax.lax.pcast(jax.lax.psum(x, "data"), "data", to="varying") * 0.5, None

    def program(x):
        return jax.lax.scan(body, x, None, 6)[0]

    mapped = jax.jit(jax.shard_map(program, mesh=mesh, in_specs=BY_DEVICE, out_specs=BY_DEVICE))
    found = collectives(mapped.lower(jnp.ones((8, 5))).compile().as_text(), mesh)
    assert [(c.kind, c.payload_bytes, c.groups, c.axis, c.times) for c in found] == [
        ("all-reduce", 20, ROWS, "data", 6)
    ]


def test_automatic_partitioning_is_read_too(mesh):
    split = jax.NamedSharding(mesh, jax.P("replica", "data"))
    summed = jax.jit(lambda x: x.sum(axis=1), out_shardings=jax.NamedSharding(mesh, jax.P("replica")))
    text = summed.lower(jax.ShapeDtypeStruct((4, 8), jnp.float32, sharding=split)).compile().as_text()
    assert [(c.payload_bytes, c.groups, c.axis) for c in collectives(text, mesh)] == [(8, ROWS, "data")]


def test_the_exchanges_of_training_carry_four_bytes_a_parameter(mesh):
    model = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
    run = TrainConfig(model=model, algorithm="diloco", sync_every=2, steps=2, replicas=2, devices_per_replica=4)
    trainer = Trainer(run, rows_of(lambda step: None), mesh, alone=False)
    inner, outer = trainer.inner[0], trainer.outer[0]
    expected = {"inner": (inner.exchange, ROWS, "data"), "outer": (outer.exchange, COLUMNS, "replica")}
    for program, groups, axis in expected.values():
        found = collectives(program.as_text(), mesh)
        assert {c.kind for c in found} == {"all-reduce"}
        assert {c.groups for c in found} == {groups}
        assert {c.axis for c in found} == {axis}
        assert {c.dtype for c in found} == {"f32"}
        assert sum(c.payload_bytes * c.times for c in found) == 4 * count_params(model)
    for program in (inner.gradients, inner.update, outer.change, outer.update):
        assert collectives(program.as_text(), mesh) == []
