"""All programs of a run: flops of a step, payloads of the exchanges, and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from sim.errors import CrosshaulError
from sim.trace.file import RecordedCollective, RecordedMemory, RecordedProgram

from ..algorithms import AnySchedule
from ..algorithms.outer.programs import OuterPrograms
from ..parallel.mesh import DATA_AXIS, REPLICA_AXIS
from ..programs.inner_step import InnerPrograms
from ..programs.jaxpr_counts import hlo_type
from ..programs.program import Program, argument_bytes, describe

_OUTER_EXCHANGE = "outer exchange"
_INNER = ("gather", "gradients", "exchange", "update")
_CLIPPING_BYTES = 1024
"""Bytes up to which an exchange within the update sums the norm of a gradient that lies in parts [byte]."""


class Part(NamedTuple):
    """One program of a run.

    Attributes:
      program: the program; None if the run has no program of that name.
      mesh: the mesh for which it was compiled.
      resident: arguments that stay on the device from step to step.
      owned: the resident arguments that are counted for this program, so that each is counted once.
    """

    program: Program | None
    mesh: Mesh
    resident: tuple[int, ...] = ()
    owned: tuple[int, ...] = ()


@dataclass(frozen=True)
class Payload:
    """The payload of one exchange.

    Attributes:
      payload_bytes: contribution of each device, counted from the compiled collectives [byte].
      group_size: devices in a group.
      dtype: element types, as compiled.
      asked_bytes: contribution of each device before compilation [byte]; None if the compiler added the exchange.
      asked_dtype: element types before compilation.
      dense_bytes: `OuterPrograms.dense_bytes` [byte].
    """

    payload_bytes: int
    group_size: int
    dtype: str
    asked_bytes: int | None
    asked_dtype: str
    dense_bytes: int | None = None


@dataclass(frozen=True)
class Programs:
    """All programs of a run, by their names in a trace.

    Attributes:
      parts: the programs.
      described: the description of each in a trace.
      under_way_bytes: the most memory of a device that exchanges under way take [byte].
      share: replicas on each device, which take turns; what stays of an inner step is there as often.
      dense_bytes: of each fragment, `OuterPrograms.dense_bytes` [byte].
    """

    parts: Mapping[str, Part]
    described: Mapping[str, RecordedProgram]
    under_way_bytes: int = 0
    share: int = 1
    dense_bytes: tuple[int | None, ...] = ()

    @classmethod
    def of(
        cls,
        parts: Mapping[str, Part],
        under_way_bytes: int = 0,
        share: int = 1,
        dense_bytes: tuple[int | None, ...] = (),
    ) -> Programs:
        """Describes the programs that the run has."""
        there = {name: part for name, part in parts.items() if part.program is not None}
        described = {name: describe(name, part.program, part.mesh) for name, part in there.items() if part.program}
        return cls(there, described, under_way_bytes, share, dense_bytes)

    @property
    def step_flop(self) -> float:
        """Flops of one inner step on one device: gradients and update, whose time is the compute time [flop]."""
        return self.described["gradients"].flop + self.described["update"].flop

    @property
    def notes(self) -> list[str]:
        """What the user should know about counts that could not be made, each with the name of its program."""
        return [f"program {each.name!r}: {each.note}" for each in self.described.values() if each.note]

    def outer_payloads(self) -> list[Payload]:
        """The payload of each fragment's exchange; empty without exchanges between replicas."""
        names = [name for name in self.described if name.startswith(_OUTER_EXCHANGE)]
        counted = [
            count_payload(self.described[name]) if self.share == 1 else _within(self.parts[name], self.share)
            for name in names
        ]
        return [replace(each, dense_bytes=dense) for each, dense in zip(counted, self.dense_bytes, strict=False)]

    def payload(self, name: str) -> Payload | None:
        """The payload of an exchange program; None if the run does not have it.

        Raises:
          CrosshaulError: it has no collective, or several group sizes (a trace has room for one).
        """
        return count_payload(self.described[name]) if name in self.described else None

    def memory(self) -> RecordedMemory:
        """Memory of one device over the whole step, for the step with the most exchanges under way."""
        often = {name: self.share if name in _INNER else 1 for name in self.parts}
        resident = sum(often[name] * _bytes(part, part.owned) for name, part in self.parts.items())
        resident += self.under_way_bytes
        beside = {name: resident - _bytes(part, part.resident) for name, part in self.parts.items()}
        peaks = [self.described[name].peak_bytes + rest for name, rest in beside.items()]
        return RecordedMemory(resident_bytes=resident, peak_bytes=max(resident, *peaks))

    def check_compute_alone(self) -> None:
        """Makes sure that the measured compute time contains no exchange.

        Raises:
          CrosshaulError: the gradients or the update exchange over the replica axis or the data axis.
        """
        for name in ("gradients", "update"):
            collectives = self.described[name].collectives
            if "gather" in self.parts and name == "update":
                collectives = tuple(each for each in collectives if each.payload_bytes > _CLIPPING_BYTES)
            axes = {axis for each in collectives for axis in each.axis.split(",")}
            if axes & {REPLICA_AXIS, DATA_AXIS}:
                raise CrosshaulError("the compute programs contain exchanges, so their time would not be compute alone")


def programs_of(
    inner: InnerPrograms,
    lane: Mesh,
    outer: Sequence[OuterPrograms],
    mesh: Mesh,
    schedule: AnySchedule | None,
    *,
    share: int = 1,
) -> Programs:
    """All programs of a run: the inner step on a lane, and the outer step of each fragment on the whole mesh.

    With several fragments the name of each program of the outer step ends with the number of its fragment.

    Args:
      inner: the programs of the inner step.
      lane: the mesh for which they were compiled.
      outer: the programs of the outer step of each fragment.
      mesh: the mesh for which these were compiled.
      schedule: the schedule of the exchanges; None without outer steps.
      share: replicas on each device.
    """
    came = [argument_bytes(programs.update, 1) for programs in outer]
    under_way_bytes = schedule.most_under_way(came) if schedule else 0
    # with overlap the result of an exchange stays on the device until a later step uses it
    stays: tuple[int, ...] = (0, 1) if under_way_bytes else (0,)
    stays += (3,) if share == 1 else ()
    parts = {
        "gather": Part(inner.gather, lane, resident=(0,)),
        "gradients": Part(inner.gradients, lane, resident=() if inner.gather else (0,)),
        "exchange": Part(inner.exchange, lane),
        "update": Part(inner.update, lane, resident=(0, 1), owned=(0, 1)),
    }
    for p, programs in enumerate(outer):
        of = f" {p}" if len(outer) > 1 else ""
        parts |= {
            # parameters of replicas that share a device are copied together first
            f"outer change{of}": Part(programs.change, mesh, resident=(0, 1, 2) if share == 1 else (0, 1)),
            f"{_OUTER_EXCHANGE}{of}": Part(programs.exchange, mesh),
            f"outer update{of}": Part(programs.update, mesh, resident=stays, owned=(0,)),
        }
        if programs.take:
            parts[f"outer take{of}"] = Part(programs.take, mesh, resident=(0,))
        if programs.finish is not programs.update:
            parts[f"outer finish{of}"] = Part(programs.finish, mesh, resident=stays)
    return Programs.of(parts, under_way_bytes, share, tuple(each.dense_bytes for each in outer))


def count_payload(program: RecordedProgram) -> Payload:
    """The payload of an exchange program.

    A compiler may split one exchange into stages with several group sizes (inside a slice, then between slices). The
    payload is then the one before compilation.

    Raises:
      CrosshaulError: it has no collectives, or several group sizes (a trace has room for one).
    """
    made, asked = program.collectives, program.asked
    counted = made if len({each.group_size for each in made}) == 1 else asked
    sizes = {each.group_size for each in counted}
    if len(sizes) != 1:
        raise CrosshaulError(
            "an exchange must have collectives of one group size, and this one has "
            f"{sorted({each.group_size for each in made})}"
        )
    return Payload(_total(counted), sizes.pop(), _types(made), _total(asked) or None, _types(asked))


def _within(part: Part, share: int) -> Payload:
    """The payload of replicas that share devices: what each would send if it had a device of its own."""
    program = part.program
    if program is None:
        raise CrosshaulError("a run whose replicas share devices has an exchange")
    given = jax.tree.leaves(program.compiled.args_info[0][0])
    sent = argument_bytes(program, 0) // share
    types = "+".join(dict.fromkeys(hlo_type(leaf.dtype) for leaf in given))
    return Payload(sent, share * int(part.mesh.shape[REPLICA_AXIS]), types, sent, types)


def _total(collectives: tuple[RecordedCollective, ...]) -> int:
    return sum(each.payload_bytes for each in collectives)


def _types(collectives: tuple[RecordedCollective, ...]) -> str:
    return "+".join(dict.fromkeys(part for each in collectives for part in each.dtype.split("+")))


def _bytes(part: Part, positions: tuple[int, ...]) -> int:
    return sum(argument_bytes(part.program, position) for position in positions) if part.program else 0
