"""The lengths of loops without a stated trip count, against a loop that really runs; and what else a line says."""

from itertools import product

import pytest

from trainer.programs.hlo_text import closing, parse_module, trips

LOOP = """HloModule m, num_partitions=4

%body (p: (s32[], f32[8])) -> (s32[], f32[8]) {{
  %p = (s32[]{{:T(128)}}, f32[8]{{0}}) parameter(0)
  %i = s32[]{{:T(128)}} get-tuple-element(%p), index=0
  %x = f32[8]{{0}} get-tuple-element(%p), index=1
  %step = s32[] constant({step})
  %next = s32[] {grow}
  ROOT %t = (s32[], f32[8]) tuple(%next, /*index=1*/%x)
}}

%condition (q: (s32[], f32[8])) -> pred[] {{
  %q = (s32[], f32[8]) parameter(0)
  %limit = s32[] constant({limit})
  %same = s32[] copy(%limit)
  %j = s32[] get-tuple-element(%q), index=0
  ROOT %less = pred[] compare({sides}), direction={direction}, metadata={{op_name="lt"}}
}}

ENTRY %main (a: f32[8]) -> (s32[], f32[8]) {{
  %a = f32[8]{{0}} parameter(0)
  %begin = s32[] constant({start})
  %moved = s32[]{{:T(128)}} copy(%begin), backend_config={{"flag_configs":[]}}
  %carried = (s32[], f32[8]) tuple(%moved, %a)
  ROOT %loop = (s32[], f32[8]) while(%carried), condition=%condition, body=%body
}}
"""
COMPARE = {
    "LT": lambda a, b: a < b,
    "LE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GE": lambda a, b: a >= b,
    "NE": lambda a, b: a != b,
}


def counted(start=0, step=1, limit=6, direction="LT", sides="%j, %same", grow="add(%i, %step)"):
    text = LOOP.format(start=start, step=step, limit=limit, direction=direction, sides=sides, grow=grow)
    module = parse_module(text)
    around = module.computations[module.entry]
    return trips(module, around, around["loop"])


def run(start, step, limit, compare):
    """The loop itself; None if it does not end."""
    value, runs = start, 0
    while compare(value, limit):
        value, runs = value + step, runs + 1
        if runs > 1000:
            return None
    return runs


@pytest.mark.parametrize("direction", COMPARE)
def test_a_loop_runs_as_often_as_its_condition_holds(direction):
    for start, step, limit in product((-2, 0, 5), (1, 3, -1, -2), (-3, 0, 6, 7)):
        expected = run(start, step, limit, COMPARE[direction])
        if expected is not None:
            assert counted(start, step, limit, direction) == expected, (start, step, limit)
        elif direction != "NE":
            assert counted(start, step, limit, direction) is None, (start, step, limit)


def test_a_counter_on_the_right_or_one_that_is_subtracted_is_found_too():
    assert counted(sides="%same, %j", direction="GT") == 6
    assert counted(start=6, limit=0, direction="GT", grow="subtract(%i, %step)") == 6
    assert counted(grow="add(%step, %i)", step=2) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"grow": "multiply(%i, %step)"},
        {"grow": "add(%step, %step)"},
        {"sides": "%j, %j"},
        {"sides": "%same, %same"},
        {"direction": "EQ"},
        {"step": 0},
        {"limit": "nan"},
        {"start": "x"},
    ],
    ids=str,
)
def test_a_loop_that_is_not_understood_has_no_length(changes):
    assert counted(**changes) is None


def test_a_line_is_taken_apart():
    module = parse_module(LOOP.format(start=0, step=1, limit=6, direction="LT", sides="%j, %same", grow="add(%i, %i)"))
    assert (module.entry, module.partitions, list(module.computations)) == ("main", 4, ["body", "condition", "main"])
    loop = module.computations["main"]["loop"]
    assert (loop.opcode, loop.operands, loop.root) == ("while", ("carried",), True)
    assert loop.shape == "(s32[], f32[8])"
    assert sorted(loop.called) == ["body", "condition"]
    assert module.computations["body"]["t"].operands == ("next", "x")


def test_brackets_are_matched():
    assert closing("(a{b}[c])d") == len("(a{b}[c])")
    assert closing("(open") == len("(open")
