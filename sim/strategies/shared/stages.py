"""The stages of a pipeline: the layers of each, and the ops of a worker, its messages to its neighbours among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ...engine.messages import Message
from ...engine.ops import Collective, Compute, Op, Start, Wait, Worker
from ...errors import InputError
from ...units.in_words import human_bytes, human_quantity
from ...units.quantities import BANDWIDTH
from ...workload.load import Load
from .pipelining import Kind, Turn, cut

_MESSAGE = Message()
_MOST_SHOWN = 16


def check_sites(sites: Sequence[str], stages: int | None, pipelines: int) -> None:
    """Refuses datacenters that cannot be the stages of so many pipelines.

    Raises:
      InputError: one is named twice, stages are stated, too, or the pipelines differ in length.
    """
    if twice := next((name for name in sites if sites.count(name) > 1), None):
        raise InputError(f"sites: {twice} is there twice, and a datacenter has one worker; write each name once")
    if stages is not None:
        raise InputError("stages: `sites` say how many there are; leave stages out")
    if len(sites) % pipelines:
        raise InputError(f"sites: got {len(sites)} for {pipelines} pipelines; write as many for each")


def layers_of_stages(
    load: Load, stages: int, chunks: int, given: tuple[int, ...] | None, label: str
) -> tuple[int, ...]:
    """The layers of each stage of a pipeline, in order.

    Args:
      load: the workload; datacenters that get more of it have more layers.
      stages: datacenters of a pipeline, p.
      chunks: stages of a datacenter, v.
      given: layers of each stage; None: as near to the datacenters' shares as can be.
      label: of the strategy, for people.

    Raises:
      InputError: there are fewer layers than stages, or other ones than the given.
    """
    count, parts = len(load.layers), stages * chunks
    if count < parts:
        raise InputError(
            f"workload.layers: {label} cuts {count} layers into {parts} stages; write more layers, or fewer stages or "
            f"chunks, {count} together at most"
        )
    if given is None:
        dealt = load.deal.tokens_share
        return cut(load.layers, [sum(dealt[place::stages]) / chunks for place in range(stages)] * chunks)
    if (len(given), sum(given)) != (parts, count) or min(given) < 1:
        raise InputError(
            f"stage_layers: {label} has {parts} stages and the model {count} layers; write {parts} numbers from 1 on "
            f"that add up to {count}, or leave stage_layers out"
        )
    return given


def cut_in_words(layers: Sequence[int], message_bytes: float, microbatches: int, step_s: float) -> str:
    """The stages of a pipeline and what passes a border, for people.

    Args:
      layers: of each stage.
      message_bytes: of a message [byte].
      microbatches: m.
      step_s: compute of the slowest site in a step [s].
    """
    shown = "/".join(map(str, layers[:_MOST_SHOWN])) + ("/..." if len(layers) > _MOST_SHOWN else "")
    border_bytes = microbatches * message_bytes
    needed = human_quantity(8 * border_bytes / step_s, BANDWIDTH)
    return (
        f"stages of {shown} layers; over each border {human_bytes(message_bytes)} a microbatch each way, "
        f"{human_bytes(border_bytes)} a step: {needed} each way while a step computes"
    )


@dataclass(frozen=True)
class StageWorker:
    """A worker of a pipeline.

    Attributes:
      first: the first worker of its pipeline.
      place: its place among them, from 0.
      stages: how many they are, p.
      order: what it computes in a step.
      microbatches: m.
      shares: of the compute that a step is said to take, in each of its chunks.
      message_bytes: of the activations of a microbatch at a border, and of their gradients [byte].
      parts: share of each kind of piece in the compute of a microbatch.
      in_turn: whether its messages take turns with others on their links.
    """

    first: Worker
    place: int
    stages: int
    order: Sequence[Turn]
    microbatches: int
    shares: Sequence[float]
    message_bytes: float
    parts: dict[Kind, float]
    in_turn: bool = False

    def step(self, number: int, whole_s: float) -> Iterator[Op]:
        """The ops of a step.

        A message is waited for by its sender, too, but only where it must have come long since: that of activations
        when their gradient is there, that of a gradient when the next activations are.

        Args:
          number: of the step, from 0.
          whole_s: what the workload says that it takes [s].
        """
        last = self.stages * len(self.shares) - 1
        for turn in self.order:
            stage = turn.chunk * self.stages + self.place
            if turn.kind == "forward" and stage > 0:
                yield from self._receive(self._message("activations", number, stage, turn.microbatch))
                if number:
                    yield Wait(self._message("returned", number - 1, stage, turn.microbatch))
            elif turn.kind == "backward" and stage < last:
                yield from self._receive(self._message("returned", number, stage + 1, turn.microbatch))
                yield Wait(self._message("activations", number, stage + 1, turn.microbatch))
            seconds = whole_s * self.shares[turn.chunk] * self.parts[turn.kind] / self.microbatches
            yield Compute(seconds, int(turn is self.order[-1]), label=f"{turn.kind} {turn.microbatch + 1}")
            if turn.kind == "forward" and stage < last:
                yield Start(self._message("activations", number, stage + 1, turn.microbatch))
            elif turn.kind == "backward" and stage > 0:
                yield Start(self._message("returned", number, stage, turn.microbatch))

    def end(self, steps: int) -> Iterator[Op]:
        """What is left to wait for after so many steps: the last gradients on their way to the stage before."""
        for turn in self.order:
            stage = turn.chunk * self.stages + self.place
            if steps and turn.kind == "backward" and stage > 0:
                yield Wait(self._message("returned", steps - 1, stage, turn.microbatch))

    @staticmethod
    def _receive(message: Collective) -> Iterator[Op]:
        yield Start(message)
        yield Wait(message)

    def _message(self, name: Literal["activations", "returned"], step: int, stage: int, microbatch: int) -> Collective:
        """A message over the border before a stage: activations to it, or their gradients from it."""
        ends = self.first + (stage - 1) % self.stages, self.first + stage % self.stages
        source, target = ends if name == "activations" else ends[::-1]
        return Collective(
            name,
            step,
            (source, target),
            self.message_bytes,
            part=stage // self.stages * self.microbatches + microbatch,
            source=source,
            target=target,
            join=_MESSAGE,
            parts_inside=False,
            stream=True,
            in_turn=self.in_turn,
        )
