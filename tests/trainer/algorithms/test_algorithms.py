"""DiLoCo and Data-Parallel on forced host devices, against each other and against plain loops on one device."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.model.optimizers import inner_optimizer, outer_optimizer  # noqa: E402
from trainer.model.transformer import loss  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10
CLOSE = {"rtol": 2e-4, "atol": 2e-5}


def config(algorithm="diloco", **changes):
    fields = {
        "model": MODEL,
        "algorithm": algorithm,
        "sync_every": 2 if algorithm == "diloco" else None,
        "steps": 5,
        "sequence_length": LENGTH,
        "sequences": 1,
        "learning_rate": 1e-2,
        "learning_rate_warmup_steps": 2,
    }
    return TrainConfig(**{**fields, **changes})


def random_batches(devices, sequences=1, *, same_for_replicas=1):
    def batch(step):
        shape = (devices // same_for_replicas, sequences, LENGTH + 1)
        tokens = np.random.default_rng(step).integers(0, MODEL.vocab, shape, dtype=np.int32)
        return np.concatenate([tokens] * same_for_replicas)

    return batch


def train(run, batches, *, alone=False, watch=lambda step, trainer, state: None):
    """The parameters of every replica after the run, and the losses of each step."""
    trainer = Trainer(run, rows_of(batches), make_mesh(run.replicas, run.devices_per_replica), alone=alone)
    state = trainer.start()
    losses = []
    for step in range(1, run.steps + 1):
        state, cost = trainer.inner_step(state, step)
        losses.append(cost.losses)
        watch(step, trainer, state)
        if trainer.follows(step):
            state, _ = trainer.outer_step(state, step)
            watch(step + 0.5, trainer, state)
    return jax.device_get(trainer.params(state)), np.array(losses)


def plain_diloco(run, batches):
    """DiLoCo as the paper's algorithm writes it: one device, no mesh, a Python loop over the replicas."""
    inner, outer = inner_optimizer(run), outer_optimizer(run)
    anchor = init_params(jax.random.key(run.seed), run.model)
    replicas = [anchor] * run.replicas
    inner_states = [inner.init(anchor)] * run.replicas
    outer_state = outer.init(anchor)

    @jax.jit
    def advance(params, state, tokens_BxL):
        gradient = jax.grad(lambda params: loss(params, tokens_BxL, z_loss=run.z_loss)[0])(params)
        updates, state = inner.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    for step in range(1, run.steps + 1):
        batch = batches(step).reshape(run.replicas, -1, LENGTH + 1)
        for m in range(run.replicas):
            replicas[m], inner_states[m] = advance(replicas[m], inner_states[m], batch[m])
        if run.algorithm == "diloco" and (step % run.sync_every == 0 or step == run.steps):
            mean = jax.tree.map(lambda *leaves: sum(leaves) / run.replicas, *replicas)
            change = jax.tree.map(lambda a, b: a - b, anchor, mean)
            updates, outer_state = outer.update(change, outer_state, anchor)
            anchor = optax.apply_updates(anchor, updates)
            replicas = [anchor] * run.replicas
    return jax.device_get(replicas[0])


def assert_close(tree, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **CLOSE), tree, other)


def replica(params, index):
    return jax.tree.map(lambda x: x[index], params)


@pytest.mark.parametrize(("replicas", "devices"), [(2, 4), (1, 8), (1, 1)])
def test_any_mesh_trains_what_one_device_trains(replicas, devices):
    run = config(replicas=replicas, devices_per_replica=devices, sequences=8 // (replicas * devices))
    batches = random_batches(replicas * devices, run.sequences)
    params, _ = train(run, batches)
    reference = plain_diloco(run, batches)
    for index in range(replicas):
        assert_close(replica(params, index), reference)


def test_data_parallel_on_eight_devices_trains_what_one_device_trains():
    run = config("data-parallel", devices_per_replica=8)
    params, _ = train(run, random_batches(8))
    assert_close(replica(params, 0), plain_diloco(run, random_batches(8)))


def test_diloco_with_an_outer_step_of_no_effect_is_data_parallel():
    batches = random_batches(2)
    plain = {"replicas": 1, "sync_every": 1, "outer_learning_rate": 1.0, "outer_momentum": 0.0}
    diloco, diloco_losses = train(config(devices_per_replica=2, **plain), batches)
    parallel, parallel_losses = train(config("data-parallel", devices_per_replica=2), batches)
    assert_close(diloco, parallel)
    np.testing.assert_allclose(diloco_losses, parallel_losses, rtol=1e-5)


def test_two_replicas_on_equal_data_are_one():
    two, _ = train(config(replicas=2), random_batches(2, same_for_replicas=2))
    one, _ = train(config(replicas=1), random_batches(1))
    assert_close(replica(two, 0), replica(one, 0))
    assert_close(replica(two, 1), replica(one, 0))


def test_replicas_diverge_inside_a_round_and_meet_after_it():
    apart = {}

    def watch(step, trainer, state):
        embedding_MxVxD = np.asarray(trainer.params(state)["embedding"])
        apart[step] = float(np.abs(embedding_MxVxD[0] - embedding_MxVxD[1]).max())

    train(config(replicas=2), random_batches(2), watch=watch)
    assert {step for step, distance in apart.items() if distance == 0} == {2.5, 4.5, 5.5}
    assert all(apart[step] > 1e-4 for step in (1, 2, 3, 4, 5))


def test_inner_optimizer_keeps_its_state_across_rounds():
    run = config(replicas=2)
    trainer = Trainer(run, rows_of(random_batches(2)), make_mesh(2, 1), alone=False)
    state, _ = trainer.inner_step(trainer.start(), 1)
    before = jax.device_get(state.lanes[0].optimizer)
    state, costs = trainer.outer_step(state, 2)
    assert len(costs) == 1
    jax.tree.map(np.testing.assert_array_equal, before, jax.device_get(state.lanes[0].optimizer))
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(before)) > 0


def test_replicas_computing_alone_train_the_same():
    run = config(replicas=2, devices_per_replica=2)
    together, together_losses = train(run, random_batches(4))
    alone, alone_losses = train(run, random_batches(4), alone=True)
    assert_close(alone, together)
    np.testing.assert_allclose(alone_losses, together_losses, rtol=1e-5)


def test_a_second_start_is_untouched_by_the_first():
    run = config(replicas=2)
    trainer = Trainer(run, rows_of(random_batches(2)), make_mesh(2, 1), alone=True)
    seen = []
    for _ in range(2):
        state = trainer.start()
        for step in (1, 2):
            state, cost = trainer.inner_step(state, step)
            seen.append(cost.losses)
        trainer.outer_step(state, 2)
    assert seen[:2] == seen[2:]
    assert seen[0] != seen[1]


def test_each_replica_has_its_own_seconds_and_loss():
    run = config(replicas=2, devices_per_replica=2)
    for alone in (True, False):
        trainer = Trainer(run, rows_of(random_batches(4)), make_mesh(2, 2), alone=alone)
        _, cost = trainer.inner_step(trainer.start(), 1)
        assert len(cost.compute_s) == len(cost.losses) == 2
        assert min(cost.compute_s) > 0
        assert cost.losses[0] != cost.losses[1]
        assert cost.exchange_s > 0


def test_data_parallel_has_no_outer_step():
    trainer = Trainer(config("data-parallel"), rows_of(random_batches(1)), make_mesh(1, 1), alone=False)
    state = trainer.start()
    after, costs = trainer.outer_step(state, 5)
    assert after is state
    assert costs == []
    assert not trainer.follows(5)
