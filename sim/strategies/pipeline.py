"""Pipeline: a model cut into stages, one at each site, through which microbatches pass forward and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..engine.ops import Collective, Compute, Op, Wait
from ..errors import InputError
from .shared.closed_form import ClosedForm, gradients_across, packing
from .shared.idle_pipeline import IdlePipelines
from .shared.pipeline_form import busiest_border_s, gpipe_waits
from .shared.pipeline_keys import AbstractPipeline
from .shared.pipelining import Kind, Turn, check_groups, kept, shares_of, turns
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stages import StageWorker, cut_in_words, layers_of_stages
from .shared.stated import Held

_WEIGHTS = 0.5


@dataclass(frozen=True)
class _Cut(Schedule):
    """A schedule, with the share of the layers in each stage of a pipeline, in order."""

    shares: tuple[float, ...] = ()


class Pipeline(AbstractPipeline):
    """A pipeline over datacenters: each computes some of the layers, and passes activations on to the next.

    A batch is shared out into microbatches. At every border between two stages the activations of each go forward, and
    their gradients back: tokens x width x `activation_bits` / 8 bytes each way. A site computes on while it sends, and
    stands still for what it needs. With several pipelines the batch is shared by them, and sites with the same layers
    exchange their gradients after each step. A stage begins its next step as soon as it can.

    All chips of a datacenter compute its stage together, and share out each microbatch. So the seconds of a step that
    the workload states are those of a step in which every datacenter takes the whole model through its share of the
    batch; a stage with a p-th of the layers, through which p times as many tokens pass, takes as long.

    Source: arXiv 1811.06965 (GPipe), 2104.04473 (1F1B, interleaved), 2401.10241 (ZB-H1), 2411.14458 (messages in turn).
    Limits: replay only, but for GPipe with equal stages and borders. A microbatch takes its share of the step, however
      small it is. Embedding and output head are spread over the layers unless `layer_params` says otherwise. Nothing is
      computed again in the backward pass, and no stage waits for the others before it moves its weights.
    """

    kind: Literal["pipeline"] = "pipeline"

    name: ClassVar[str] = "Pipeline"
    cites: ClassVar[tuple[str, ...]] = ("1811.06965", "2104.04473", "2401.10241", "2411.14458")

    def _stages(self, setting: Setting) -> int:
        return setting.workers // self.pipelines

    def schedule(self, setting: Setting) -> _Cut:
        """Cuts the model into stages; the sites with the same stage exchange after each step."""
        stages = self._stages(setting)
        if self.schedule_name == "interleaved":
            check_groups(self.label, stages, self.microbatches)
        groups = tuple(tuple(range(place, setting.workers, stages)) for place in range(stages))
        steps = (setting.load.steps,) * setting.workers
        return _Cut(steps, 1, lambda _: groups, shares=self._shares(setting))

    def _layers(self, setting: Setting) -> tuple[int, ...]:
        """The layers of each stage of a pipeline, in order."""
        return layers_of_stages(setting.load, self._stages(setting), self._v, self.stage_layers, self.label)

    def _shares(self, setting: Setting) -> tuple[float, ...]:
        """The share of all layers in each stage of a pipeline, in order."""
        return shares_of(setting.load.layers, self._layers(setting)) if self._stages(setting) > 1 else (1.0,)

    def in_words(self, setting: Setting) -> str:
        """The layers of the stages, and what passes a border."""
        if self._stages(setting) == 1:
            return ""
        step_s = max(self.step_s(worker, setting) for worker in setting.everyone)
        sizes = [self.message_bytes(worker, setting) for worker in setting.everyone]
        return cut_in_words(self._layers(setting), max(sizes), self.microbatches, step_s)

    def tokens_share(self, worker: int, setting: Setting) -> float:
        """Share of a batch that its pipeline computes with."""
        stages = self._stages(setting)
        first = worker // stages * stages
        return sum(setting.load.deal.tokens_share[first : first + stages])

    def _pace(self, worker: int, setting: Setting, shares: Sequence[float]) -> tuple[float, ...]:
        """Compute of each chunk of a worker, as a share of the step that the workload states for it."""
        passing = self.tokens_share(worker, setting) / setting.load.deal.tokens_share[worker]
        stages = self._stages(setting)
        return tuple(passing * share for share in shares[worker % stages :: stages])

    def step_s(self, worker: int, setting: Setting) -> float:
        """Mean compute of a worker in a step: that of its layers, for all tokens of its pipeline [s]."""
        return sum(self._pace(worker, setting, self._shares(setting))) * setting.load.mean_step_s[worker]

    def held(self, worker: int, setting: Setting) -> Held:
        """The layers of a worker, and the microbatches that are between its forward and its backward pass."""
        stages, place = self._stages(setting), worker % self._stages(setting)
        own = self._shares(setting)[place::stages]
        order = turns(self.schedule_name, stages, len(own), self.microbatches, place)
        return Held(sum(own), kept(order, own))

    def message_bytes(self, worker: int, setting: Setting) -> float:
        """Activations of a microbatch at a border, and their gradients [byte].

        Raises:
          InputError: nobody says how wide the model is.
        """
        width = self.width or setting.load.width
        if width is None:
            raise InputError(
                f"strategies.width: nobody says how many numbers pass from a layer of the model to the next in "
                f"{self.label}; write it, such as width: 4096"
            )
        tokens = setting.load.batch_tokens * self.tokens_share(worker, setting) / self.microbatches
        return tokens * width * self.activation_bits / 8

    def _gradients(self, worker: int, setting: Setting, shares: Sequence[float]) -> tuple[Collective, float]:
        """The exchange of gradients of the sites with the same layers, and the share of the parameters in it."""
        load, stages = setting.load, self._stages(setting)
        members = tuple(range(worker % stages, setting.workers, stages))
        share = sum(shares[worker % stages :: stages])
        size_bytes = self.gradient_bytes_across(setting) * share
        last = self._parts(setting)["weights"] or self._parts(setting)["backward"]
        lasts_s = (self._pace(each, setting, shares)[0] * load.mean_step_s[each] * last for each in members)
        backward_s = tuple(each_s / self.microbatches for each_s in lasts_s)  # it hides behind the last piece of a step
        behind_s = setting.gradients_behind_s(size_bytes, members, backward_s)
        one = Collective("gradients", 0, members, size_bytes, behind_s=behind_s, parts_inside=not load.inside_included)
        return one, share

    def _parts(self, setting: Setting) -> dict[Kind, float]:
        """Share of each kind of piece in a step."""
        forward, later = setting.load.forward_share, 0.0
        if self.schedule_name == "zero-bubble" and self._stages(setting) > 1:
            later = (1 - forward) * (self.weights_share or _WEIGHTS)
        return {"forward": forward, "backward": 1 - forward - later, "weights": later}

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Forward and backward passes of all microbatches in the order of the schedule, and then the gradients."""
        assert isinstance(schedule, _Cut), "its own schedule"
        stages, shares = self._stages(setting), self._pace(worker, setting, schedule.shares)
        own = StageWorker(
            worker - worker % stages,
            worker % stages,
            stages,
            turns(self.schedule_name, stages, self._v, self.microbatches, worker % stages),
            self.microbatches,
            shares,
            self.message_bytes(worker, setting) if stages > 1 else 0.0,
            self._parts(setting),
            in_turn=self.bandwidth_sharing == "temporal",
        )
        gradients, share = self._gradients(worker, setting, schedule.shares)
        for step in range(schedule.steps[worker]):
            whole_s = setting.load.compute_s(worker, step, 1)
            yield from own.step(step, whole_s) if stages > 1 else [Compute(whole_s * sum(shares))]
            yield from (*self.start(setting, one := replace(gradients, index=step), share), Wait(one))
        if stages > 1:
            yield from own.end(schedule.steps[worker])

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """That of Data-Parallel with one stage; of a lone GPipe with equal stages and borders; else None [s]."""
        stages, load, shares = self._stages(setting), setting.load, self._shares(setting)
        exchanges = [self._gradients(worker, setting, shares)[0] for worker in setting.everyone]
        step_s = [self.step_s(worker, setting) for worker in setting.everyone]
        packed = packing(self.packing_s(setting) * max(shares), outer=False)
        if stages == 1:
            size_bytes, behind_s = exchanges[0].payload_bytes, exchanges[0].behind_s if setting.workers == 1 else 0.0
            added = gradients_across(setting, size_bytes, setting.across_s(size_bytes) - behind_s)
            return ClosedForm(load.steps, 1, max(step_s), (*added, *packed))
        if self.schedule_name != "gpipe" or self.pipelines > 1:
            return None
        waits = gpipe_waits(setting, self.microbatches, step_s, self.message_bytes(0, setting), exchanges)
        return None if waits is None else ClosedForm(load.steps, 1, step_s[0], (*waits, *packed))

    def link_s(self, setting: Setting) -> float:
        """The time for which the busiest border is busy with messages of one direction; with one stage X T [s]."""
        stages, load = self._stages(setting), setting.load
        if stages == 1:
            return setting.sending_s(self.gradient_bytes_across(setting)) * load.steps
        sizes = [self.microbatches * self.message_bytes(worker, setting) for worker in setting.everyone]
        return busiest_border_s(setting, stages, self._v, sizes) * load.steps

    def bound_s(self, setting: Setting) -> float:
        """A lower bound: all compute of the slowest site, or at the published cost `link_s` if that is longer [s]."""
        if self._stages(setting) == 1:
            return super().bound_s(setting)
        load, shares = setting.load, self._shares(setting)
        paces = [sum(self._pace(worker, setting, shares)) for worker in setting.everyone]
        compute_s = max(pace * load.compute_s(worker, 0, load.steps) for worker, pace in enumerate(paces))
        return compute_s if setting.parts_inside else max(compute_s, self.link_s(setting))

    def estimate_s(self, setting: Setting) -> float:
        """The wall-clock on links that carry nothing else, which is exact where no two messages share a link [s]."""
        stages, load, shares = self._stages(setting), setting.load, self._shares(setting)
        if stages == 1:
            return self.ideal_s(setting) or self.bound_s(setting)
        paces = [self._pace(worker, setting, shares) for worker in setting.everyone]
        parts = self._parts(setting)

        def piece_s(worker: int, step: int, turn: Turn) -> float:
            whole_s = load.compute_s(worker, step, 1)
            return whole_s * paces[worker][turn.chunk] * parts[turn.kind] / self.microbatches

        orders = [turns(self.schedule_name, stages, self._v, self.microbatches, place) for place in range(stages)]
        exchanges = [self._gradients(worker, setting, shares) for worker in setting.everyone]
        packing_s = self.packing_s(setting)
        return IdlePipelines(
            setting,
            orders,
            piece_s,
            [self.message_bytes(worker, setting) for worker in setting.everyone],
            [one for one, _ in exchanges],
            [packing_s * share for _, share in exchanges],
        ).run_s(load.steps)
