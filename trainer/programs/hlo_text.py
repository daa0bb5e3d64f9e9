"""A compiled program's HLO text as data: computations, their instructions, and how often a loop runs.

Source: XLA's HLO text as jax 0.10 to 0.12 print it. GPUs and CPUs write `known_trip_count` behind a loop; TPUs do not,
so there the count follows from the loop's start, step and condition.
Limits: a loop is understood if a counter begins at a constant, grows by a constant, and is compared with a constant.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_COMPUTATION = re.compile(r"(ENTRY\s+)?%?([\w.\-]+)\s.*\{$")
_INSTRUCTION = re.compile(r"\s+(ROOT\s+)?%?([\w.\-]+) = (.*)")
_CALLED = re.compile(
    r"(?:body|condition|calls|to_apply|true_computation|false_computation|branch_computations|called_computations)="
    r"(\{[^}]*\}|%?[\w.\-]+)"
)
_SAME = ("copy", "bitcast", "copy-done", "copy-start")
"""Operations whose result has the value of their operand."""
_COMPARISONS = {"LT": operator.lt, "LE": operator.le, "GT": operator.gt, "GE": operator.ge, "NE": operator.ne}
_MIRRORED = {"LT": "GT", "GT": "LT", "LE": "GE", "GE": "LE", "NE": "NE"}
"""The direction of a comparison whose sides are exchanged."""


class Instruction(NamedTuple):
    """One line of a computation.

    Attributes:
      name: its name, by which others use it.
      shape: the shape of its result.
      opcode: `fusion`, `while`, ...
      operands: names of the operands.
      rest: the line behind the opcode's opening bracket.
      root: whether it is the result of its computation.
    """

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    rest: str
    root: bool

    @property
    def called(self) -> list[str]:
        """Names of the computations that it calls."""
        return [name for names in _CALLED.findall(self.rest) for name in re.findall(r"[\w.\-]+", names)]

    def attribute(self, name: str) -> str:
        """The word behind `name=`; empty if there is none."""
        found = re.search(rf"\b{name}=%?([\w.\-]+)", self.rest)
        return found[1] if found else ""


Computation = Mapping[str, Instruction]
"""Instructions by their names, in order."""


@dataclass(frozen=True)
class Module:
    """A compiled program.

    Attributes:
      computations: its computations by their names.
      entry: the name of the one with which it begins.
      partitions: devices among which it is split; None if it does not say.
    """

    computations: Mapping[str, Computation]
    entry: str
    partitions: int | None


def parse_module(text: str) -> Module:
    """Reads a program.

    Args:
      text: `compiled.as_text()`.
    """
    computations: dict[str, dict[str, Instruction]] = {}
    entry = name = ""
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if spelled := _INSTRUCTION.fullmatch(line):
            shape, rest = _split_shape(spelled[3])
            opcode, _, rest = rest.partition("(")
            operands = tuple(re.findall(r"%([\w.\-]+)", rest[: closing(f"({rest}") - 2]))
            instruction = Instruction(spelled[2], shape, opcode.strip(), operands, rest, bool(spelled[1]))
            computations.setdefault(name, {})[spelled[2]] = instruction
        elif header := _COMPUTATION.fullmatch(line.rstrip()):
            name = header[2]
            entry = name if header[1] else entry
    partitions = re.search(r"\bnum_partitions=(\d+)", text.partition("\n")[0])
    return Module(computations, entry or name, int(partitions[1]) if partitions else None)


def closing(text: str) -> int:
    """The position after the bracket that closes the first one."""
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter in "({[") - (letter in ")}]")
        if depth == 0:
            return position + 1
    return len(text)


def _split_shape(instruction: str) -> tuple[str, str]:
    """Parts `(f32[2]{0}, f32[3]) all-reduce(...)` into the shape and the rest."""
    if not instruction.startswith("("):
        shape, _, rest = instruction.partition(" ")
        return shape, rest
    end = closing(instruction)
    return instruction[:end], instruction[end:].lstrip()


def root(computation: Computation) -> Instruction | None:
    """The result of a computation."""
    return next((each for each in computation.values() if each.root), None)


def trips(module: Module, around: Computation, loop: Instruction) -> int | None:
    """How often the body of a loop runs; None if the text does not tell.

    Args:
      module: the program.
      around: the computation of which the loop is a part.
      loop: a `while`.
    """
    if known := re.search(r'"known_trip_count":\{"n":"(\d+)"\}', loop.rest):
        return int(known[1])
    condition = module.computations.get(loop.attribute("condition"), {})
    body = module.computations.get(loop.attribute("body"), {})
    test = root(condition)
    if test is None or test.opcode != "compare" or len(test.operands) != 2:
        return None
    direction = test.attribute("direction")
    for counter, bound in (test.operands, reversed(test.operands)):
        index, limit = _carried(condition, counter), _constant(condition, bound)
        if index is not None and limit is not None:
            start = _constant(around, _part(around, loop.operands[0], index))
            step = _growth(body, index)
            return None if start is None or not step else _runs(start, step, limit, direction)
        direction = _MIRRORED.get(direction, "")
    return None


def _runs(start: int, step: int, limit: int, direction: str) -> int | None:
    """The number of values start, start + step, ... before one that fails the comparison with the limit."""
    holds = _COMPARISONS.get(direction)
    if holds is None:
        return None
    if not holds(start, limit):
        return 0
    if direction == "NE":
        runs, left = divmod(limit - start, step)
        return runs if left == 0 and runs > 0 else None
    if (step > 0) != (direction in {"LT", "LE"}):
        return None  # it moves away from the limit
    return -(-(abs(limit - start) + (direction in {"LE", "GE"})) // abs(step))


def _carried(computation: Computation, name: str) -> int | None:
    """The place of a value in what the loop carries; None if it is not such a value."""
    found = _source(computation, name)
    if found is None or found.opcode != "get-tuple-element" or not found.operands:
        return None
    carrier = computation.get(found.operands[0])
    place = re.search(r"\bindex=(\d+)", found.rest)
    return int(place[1]) if place and carrier and carrier.opcode == "parameter" else None


def _growth(body: Computation, index: int) -> int | None:
    """The constant that the body adds to a carried value."""
    result = root(body)
    added = _source(body, _part(body, result.name, index)) if result else None
    if added is None or added.opcode not in {"add", "subtract"} or len(added.operands) != 2:
        return None
    first, second = added.operands
    if _carried(body, first) == index:
        step = _constant(body, second)
        return -step if step is not None and added.opcode == "subtract" else step
    return _constant(body, first) if added.opcode == "add" and _carried(body, second) == index else None


def _part(computation: Computation, name: str, index: int) -> str:
    """The name of a part of a tuple; empty if it is not put together here."""
    found = computation.get(name)
    return found.operands[index] if found and found.opcode == "tuple" and index < len(found.operands) else ""


def _constant(computation: Computation, name: str) -> int | None:
    found = _source(computation, name)
    number = re.match(r"(-?\d+)\)", found.rest) if found and found.opcode == "constant" else None
    return int(number[1]) if number else None


def _source(computation: Computation, name: str) -> Instruction | None:
    """The operation that made a value, behind copies of it."""
    found = computation.get(name)
    while found and found.opcode in _SAME and found.operands:
        found = computation.get(found.operands[0])
    return found
