"""Nothing that is accepted is ignored, by the other questions: keys change their answers, or their notes name them.

The keys, their places and their other values are those of `test_keys`. What answers is `bandwidth`, `budget` or `plan`,
which read other keys than a run does. Each base walks some of its keys, so that all bases together walk all.
"""

from __future__ import annotations

import copy
import math
import re
from dataclasses import fields, is_dataclass, replace

import pytest
from pydantic import BaseModel

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.bandwidth.bandwidth import answer as bandwidth
from sim.questions.budget.budget import answer as budget
from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer as plan
from sim.scenario.model import Scenario
from sim.simulation.run import run
from tests.sim.simulation.test_keys import BASES, SILENT, numbers, plain, verdict, walked

DATA_PARALLEL, DILOCO = {"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 5}
OF_THREE = {**DILOCO, "replicas": 3}
TWO = ("places", "from a file", "a mixture of experts")
OVER_ALL = {"kind": "diloco", "replicas": 1, "sync_every": 5}


def scenario(document):
    return validate(Scenario, document, source="test")


def run_of(asked):
    found = run(asked)
    # a link that carried nothing is there all the same, once or, with half duplex, for both directions
    used = [replace(each, links=tuple(link for link in each.links if link.bytes)) for each in found.runs]
    return numbers(tuple(used)), found.notes


def bandwidth_of(asked):
    found = bandwidth(asked, (0.6,))
    needs = [(row.bandwidth_bits_per_s, row.scale, row.unlimited_utilization) for row in found.rows]
    return (needs, [point.utilization for point in found.curve]), found.notes


def budget_of(asked):
    found = budget([asked], target_losses=(7.0,))
    return numbers((found.rows, found.times)), found.notes


def ask(document):
    """A plan on a scenario's topology, with its strategies as words."""
    asked = scenario(document)
    kinds = [each.model_dump(mode="json", exclude_defaults=True, by_alias=True) for each in asked.strategies]
    searched = {"replicas", "sync_every"}  # what an entry leaves open
    kinds = [
        each.model_dump(include={"kind"} | searched) | own for each, own in zip(asked.strategies, kinds, strict=True)
    ]
    words = [",".join(f"{key}={value}" for key, value in each.items() if key != "kind") for each in kinds]
    entries = tuple(f"{each['kind']}:{word}" for each, word in zip(kinds, words, strict=True))
    return Ask(asked.topology, days=0.002, strategies=entries, params=(1e7,))


def plan_of(asked):
    found = plan(asked)
    return numbers((found.best, found.runner_up, found.front, tuple(found.marginal.values()))), found.notes


QUESTIONS = {
    "run": (scenario, run_of),
    "bandwidth": (scenario, bandwidth_of),
    "budget": (scenario, budget_of),
    "plan": (ask, plan_of),
}
ALONE = {base: {key: each for key, each in document.items() if key != "jobs"} for base, document in BASES.items()}
"""The scenarios, whose strategies do not compete."""
WALKED = {
    "bandwidth": {base: ([DILOCO], 3) for base in BASES if base not in ("hosts", "one datacenter")}
    | {"hosts": ([OF_THREE], 3)},
    "budget": {base: ([OF_THREE], 3) for base in BASES if base not in TWO}
    | {base: ([DILOCO], 3) for base in TWO}
    | {base: ([{**DILOCO, "replicas": 4}], 3) for base in ("a ring of its own", "messages that meet")}
    | {"one datacenter": ([OVER_ALL], 3), "chunked": ([OF_THREE], 8), "changing": ([OF_THREE], 5)},
    "plan": {
        base: ([OF_THREE | {"sync_every": 50}], 3) for base in ("flows", "published", "lossy", "windows", "chunked")
    }
    | {"one datacenter": ([DATA_PARALLEL, OVER_ALL], 1)},
}
"""By question and base: the strategies that are asked about, and which share of the keys is walked."""
LOOKED_AT = {
    ("Link", "duplex"): "exchanges go around a ring, so one direction is idle",
    ("FullMesh", "duplex"): "likewise",
    ("TwoTier", "duplex"): "likewise",
    ("Star", "hub"): "the slowest hop of a ring is that between two of its points, wherever the hub is",
    ("Link", "bandwidth"): "the way that is chosen is another; for that it was looked at",
    ("Link", "latency"): "likewise",
    ("Link", "from"): "likewise",
    ("Link", "to"): "likewise",
    ("Topology", "ring"): "of three sites it is the other way around, which takes as long on links alike both ways",
    ("Topology", "links"): "without the last one, which is no way of the ring that is given",
    ("Link", "burst"): "the slowest hop of a ring is another one, and the exchange waits for that",
    ("Inside", "bandwidth"): "another datacenter is slower, and this one waits for it",
    ("Inside", "node_chips"): "likewise",
    ("Transport", "segment"): "a limit that does not bind",
    ("Datacenter", "chip"): "its memory is a limit that does not bind; where it says how fast it is, it differs",
    (
        "Link",
        "schedule",
    ): "likewise, where loss or a window binds; and below those nothing fits into the days of a plan",
}
"""Keys that may change nothing here without a note, and why; a run tells of every link what it did, which changes."""


def in_full(asked):
    """What was asked with everything in it; the `repr` of a model is short."""
    if isinstance(asked, BaseModel):
        return asked.model_dump_json()
    if is_dataclass(asked):
        return repr([in_full(getattr(asked, field.name)) for field in fields(asked)])
    return repr([in_full(each) for each in asked]) if isinstance(asked, list | tuple) else repr(asked)


def asking(question):
    """A function that answers documents, each once: what was understood, the numbers of the answer, its notes."""
    ask, reply = QUESTIONS[question]
    seen = {}

    def answered(document):
        try:
            asked = ask(plain(document))
            understood = in_full(asked)
            if understood not in seen:
                seen[understood] = reply(asked)
            return understood, *seen[understood]
        except InputError:
            return None

    return answered


def document_of(question, base, strategies):
    document = plain(ALONE[base] | {"strategies": strategies})
    if question == "plan":
        document.pop("collective", None)
    return document


@pytest.mark.parametrize(("question", "base"), [(question, base) for question in WALKED for base in WALKED[question]])
def test_a_key_changes_the_answer_or_is_named_in_a_note(question, base):
    strategies, share = WALKED[question][base]
    document, answered = document_of(question, base, strategies), asking(question)
    first = list(WALKED).index(question) + list(WALKED[question]).index(base)
    reads = ("topology", "strategies") if question == "plan" else tuple(Scenario.model_fields)
    ignored = [
        ".".join(map(str, path))
        for number, (model, key, field, path) in enumerate(walked(document))
        if number % share == first % share and path[0] in reads and (len(path) > 1 or question != "plan")
        if (model.__name__, key) not in SILENT | LOOKED_AT
        and verdict(document, model, key, field, path, answered) == "ignored"
    ]
    assert not ignored, f"these keys change no number, and no note names them: {', '.join(ignored)}"


def left_out(document, path):
    """The document without a key that a note names; None where the note names no key of its own."""
    varied = copy.deepcopy(document)
    *parents, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]
    here = varied
    for part in parents:
        here = here.get(part) if isinstance(here, dict) else here[part]
        if here is None:
            return None
    return None if isinstance(last, int) or here.pop(last, None) is None else varied


def alike(one, other):
    """Whether two answers have the same numbers but for rounding; in how many replayed steps does not matter."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            alike(each, other[key]) for key, each in one.items() if "replayed_steps" not in key
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other if one is None or other is None else math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


OTHER_BITS = {**plain(ALONE["lone chips"]), "workload": {**plain(BASES["lone chips"])["workload"], "payload_bits": 8}}
OWN_BITS = [{**each, "payload_bits": 4} for each in (DATA_PARALLEL, OVER_ALL)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_a_note_names_can_be_left_out(question):
    documents = [plain(BASES[base]) for base in BASES] if question == "run" else []
    documents += [document_of(question, base, own) for base, (own, _) in WALKED.get(question, {}).items()]
    documents += [OTHER_BITS | {"strategies": own} for own in (OWN_BITS, OWN_BITS[:1], OWN_BITS[1:])]
    if question == "plan":  # which needs chips, and says itself how many steps there are
        documents = [plain(each) for each in documents if each["topology"]["datacenters"][0].get("chips")]
    answered, wrong, count = asking(question), [], 0
    for document in documents:
        reply = answered(document)
        assert reply, document
        _, found, notes = reply
        for note in notes:
            named = re.fullmatch(r"without effect: ([^(]*) \(.*\)", note)
            for path in re.sub(r" and \d+ more such", "", named[1]).split(", ") if named else ():
                other = left_out(document, path)
                reply = answered(other) if other else None
                count += reply is not None
                wrong += [(path, note)] if reply and not alike(reply[1], found) else []
    assert not wrong, wrong
    assert count > 5
