"""Streaming and eager DiLoCo against DiLoCo, and against plain loops on one device."""

from itertools import pairwise

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy

from jax.flatten_util import ravel_pytree  # noqa: E402

from trainer.algorithms.outer.fragments import fragments_of  # noqa: E402
from trainer.algorithms.outer.programs import Event, Schedule  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import init_params, param_shapes  # noqa: E402
from trainer.model.optimizers import inner_optimizer  # noqa: E402
from trainer.model.transformer import loss  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=3, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10


def config(algorithm, **changes):
    fields = {
        "model": MODEL,
        "algorithm": algorithm,
        "replicas": 2,
        "sync_every": 4,
        "steps": 10,
        "sequence_length": LENGTH,
        "sequences": 1,
        "learning_rate": 1e-2,
        "outer_learning_rate": 0.7,
        "learning_rate_warmup_steps": 2,
    }
    return TrainConfig(**{**fields, **changes})


def batches_of(replicas):
    def batch(step):
        return np.random.default_rng(step).integers(0, MODEL.vocab, (replicas, 1, LENGTH + 1), dtype=np.int32)

    return batch


def train(run):
    trainer = Trainer(run, rows_of(batches_of(run.replicas)), make_mesh(run.replicas, 1), alone=False)
    state, losses = trainer.start(), []
    for step in range(1, run.steps + 1):
        state, cost = trainer.inner_step(state, step)
        losses.append(cost.losses)
        state, _ = trainer.outer_step(state, step)
    return jax.device_get(trainer.params(state)), np.array(losses)


def assert_close(tree, other, **tolerance):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 2e-4, "atol": 2e-5})), tree, other
    )


def plain(run, *, eager=False):
    """Algorithm 2 of arXiv 2501.18512 (or eager updates) on flat rows of numbers: no mesh, no fragments of pytrees."""
    inner = inner_optimizer(run)
    start = init_params(jax.random.key(run.seed), run.model)
    ravel, unravel = ravel_pytree(start)
    if run.fragments and run.fragments > 1:
        marks = []
        for fragment in fragments_of(run.model.layers, run.fragments, run.pattern):
            mark = jax.tree.map(lambda x, own=fragment: jnp.full(x.shape, float(own.rest)), start)
            rows = jnp.array([float(i in fragment.layers) for i in range(run.model.layers)])
            mark["layers"] = jax.tree.map(
                lambda x, rows=rows: x * 0 + rows.reshape(-1, *[1] * (x.ndim - 1)), start["layers"]
            )
            marks.append(np.asarray(ravel_pytree(mark)[0]) > 0)
    else:
        marks = [np.ones(ravel.size, bool)]
    assert np.sum(marks) == ravel.size
    theta = [np.asarray(ravel)] * run.replicas
    local = [np.asarray(ravel)] * run.replicas
    inner_state = [inner.init(start)] * run.replicas
    velocity = [np.zeros(ravel.size, np.float32) for _ in range(run.replicas)]
    missing = [np.zeros(ravel.size, np.float32) for _ in range(run.replicas)]
    flight: dict = {}

    @jax.jit
    def advance(params, state, tokens_BxL):
        gradient = jax.grad(lambda params: loss(params, tokens_BxL, z_loss=run.z_loss)[0])(params)
        updates, state = inner.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    def move(mark, estimates, share):
        for m in range(run.replicas):
            velocity[m] = np.where(mark, run.outer_momentum * velocity[m] + estimates[m], velocity[m])
            step_ = estimates[m] + run.outer_momentum * velocity[m]
            theta[m] = np.where(mark, theta[m] - run.outer_learning_rate * step_, theta[m])
            local[m] = np.where(mark, share * local[m] + (1 - share) * theta[m], local[m])

    def changes():
        each = [theta[m] - local[m] for m in range(run.replicas)]
        return each, sum(each) / run.replicas

    for step in range(1, run.steps + 1):
        batch = batches_of(run.replicas)(step)
        for m in range(run.replicas):
            params, inner_state[m] = advance(unravel(local[m]), inner_state[m], batch[m])
            local[m] = np.asarray(ravel_pytree(params)[0])
        last = step == run.steps
        for p in [p for p, (due, _) in sorted(flight.items()) if due == step or last]:
            move(marks[p], [flight.pop(p)[1]] * run.replicas, run.local_share)
        offsets = [round(p * run.sync_every / len(marks)) for p in range(len(marks))]
        for p, mark in enumerate(marks):
            if not last and step % run.sync_every != offsets[p]:
                continue
            each, mean = changes()
            if eager:
                own = [change / run.replicas for change in each]
                estimates = [mean + missing[m] if last else own[m] + missing[m] for m in range(run.replicas)]
                missing = [mean - own[m] for m in range(run.replicas)]
                move(mark, estimates, 0.0)
            elif last or not run.overlap_steps:
                move(mark, [mean] * run.replicas, 0.0 if last else run.local_share)
            else:
                flight[p] = (step + run.overlap_steps, mean)
    return [jax.device_get(unravel(row)) for row in local]


def test_one_fragment_without_overlap_is_diloco():
    streaming, streaming_losses = train(config("streaming-diloco", fragments=1, overlap_steps=0))
    diloco, diloco_losses = train(config("diloco"))
    jax.tree.map(np.testing.assert_array_equal, streaming, diloco)
    np.testing.assert_array_equal(streaming_losses, diloco_losses)


@pytest.mark.parametrize(
    "changes",
    [
        {"fragments": 3, "overlap_steps": 0},
        {"fragments": 2, "pattern": "sequential", "overlap_steps": 1},
        {"fragments": 3, "overlap_steps": 3, "mixing": 0.25},
        {"fragments": 1, "overlap_steps": 2, "mixing": 0.0},
    ],
    ids=str,
)
def test_streaming_is_the_papers_algorithm(changes):
    run = config("streaming-diloco", **changes)
    params, _ = train(run)
    for m, wanted in enumerate(plain(run)):
        assert_close(jax.tree.map(lambda x, m=m: x[m], params), wanted)


def test_eager_updates_are_the_papers():
    run = config("eager-diloco")
    params, _ = train(run)
    for m, wanted in enumerate(plain(run, eager=True)):
        assert_close(jax.tree.map(lambda x, m=m: x[m], params), wanted)


def test_eager_with_one_replica_is_diloco():
    assert_close(train(config("eager-diloco", replicas=1))[0], train(config("diloco", replicas=1))[0])


def test_eager_ends_where_all_changes_add_up_without_momentum():
    """Outer SGD at rate r moves by r times the sum of mean changes; eager estimates add up to the same for everyone."""
    run = config("eager-diloco", outer_momentum=0.0)
    params, _ = train(run)
    assert_close(jax.tree.map(lambda x: x[0], params), jax.tree.map(lambda x: x[1], params))


def test_replicas_end_with_the_same_global_parameters():
    params, _ = train(config("streaming-diloco", fragments=2, overlap_steps=2))
    jax.tree.map(lambda x: np.testing.assert_array_equal(x[0], x[1]), params)


@pytest.mark.parametrize(("layers", "count"), [(3, 1), (6, 2), (7, 3), (5, 5)])
@pytest.mark.parametrize("pattern", ["strided", "sequential"])
def test_fragments_part_the_layers(layers, count, pattern):
    shapes = param_shapes(ModelConfig(layers=layers, width=4, heads=1, hidden=4, vocab=5))
    params = jax.tree.map(lambda x: jnp.arange(x.size, dtype=jnp.float32).reshape(x.shape), shapes)
    fragments = fragments_of(layers, count, pattern)
    assert sum(fragment.rest for fragment in fragments) == 1
    rebuilt = jax.tree.map(jnp.zeros_like, params)
    for fragment in fragments:
        rebuilt = fragment.put(rebuilt, fragment.take(params))
    jax.tree.map(np.testing.assert_array_equal, rebuilt, params)
    if count > 1:
        held = [fragment.layers for fragment in fragments]
        assert sorted(sum(held, ())) == list(range(layers))
        steps = {b - a for own in held for a, b in pairwise(own)}
        assert steps <= ({count} if pattern == "strided" else {1})
        assert max(map(len, held)) - min(map(len, held)) <= 1


def test_a_fragment_is_sent_in_its_own_step_of_each_round_and_arrives_later():
    schedule = Schedule(steps=12, sync_every=6, fragments=3, overlap_steps=1)
    story = {step: list(schedule.events(step)) for step in range(1, 13)}
    assert story == {
        1: [],
        2: [Event("send", 1)],
        3: [Event("arrive", 1)],
        4: [Event("send", 2)],
        5: [Event("arrive", 2)],
        6: [Event("send", 0)],
        7: [Event("arrive", 0)],
        8: [Event("send", 1)],
        9: [Event("arrive", 1)],
        10: [Event("send", 2)],
        11: [Event("arrive", 2)],
        12: [Event("finish", 0), Event("finish", 1), Event("finish", 2)],
    }
    assert [schedule.under_way(step) for step in (1, 2, 3, 6, 12)] == [(), (1,), (), (0,), ()]
    assert schedule.exchanges() == 8


def test_what_is_under_way_arrives_before_the_run_ends():
    schedule = Schedule(steps=9, sync_every=4, fragments=2, overlap_steps=3)
    assert list(schedule.events(8)) == [Event("send", 0)]
    assert list(schedule.events(9)) == [Event("arrive", 1), Event("arrive", 0), Event("finish", 0), Event("finish", 1)]


@pytest.mark.parametrize("overlap", [0, 1, 4])
@pytest.mark.parametrize("fragments", [1, 2, 3, 5])
def test_every_exchange_that_begins_is_used_once(fragments, overlap):
    schedule = Schedule(steps=23, sync_every=5, fragments=fragments, overlap_steps=overlap)
    flying = set()
    for step in range(1, 24):
        for kind, p, *_ in schedule.events(step):
            assert (p in flying) == (kind == "arrive")
            flying.symmetric_difference_update({p} - ({p} if kind == "finish" else set()))
        assert tuple(sorted(flying)) == schedule.under_way(step)
    assert not flying
