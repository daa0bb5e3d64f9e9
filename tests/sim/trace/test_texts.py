"""The texts of a trace's header may come from anywhere: they are printed as they stand, or refused."""

import json
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from sim.errors import InputError
from sim.trace.file import Header, TraceWriter, read_header, read_records
from tests.sim.cli.test_names import A_TERMINAL_ACTS, MARKUP

EXAMPLES = {str: "x", int: 2, float: 1.0, bool: True}


def filled(model):
    """Every field of a model with some value, parts of parts too."""
    return {field.alias or name: value_of(field.annotation) for name, field in model.model_fields.items()}


def value_of(kind) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return filled(kind)
    if kind in EXAMPLES:
        return EXAMPLES[kind]
    origin, parts = get_origin(kind), [part for part in get_args(kind) if part is not type(None)]
    if origin is dict:
        return {value_of(parts[0]): value_of(parts[1])}
    if origin is tuple:
        return [value_of(parts[0])]
    if origin is Annotated or origin is Union or type(kind).__name__ == "UnionType":
        return value_of(parts[0])
    return parts[0]  # a choice of words


def texts_of(value, model: Any, path=()):
    """Paths to every text that is free; `key` stands for the name of an entry."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            key = field.alias or name
            yield from texts_of(value[key], field.annotation, (*path, key))
    elif isinstance(value, list):
        yield from texts_of(value[0], get_args(model)[0], (*path, 0))
    elif isinstance(value, dict) and get_origin(model) is dict:
        yield (*path, "key")
        yield (*path, "x")
    elif isinstance(value, dict):
        (part,) = (part for part in get_args(model) if isinstance(part, type) and issubclass(part, BaseModel))
        yield from texts_of(value, part, path)
    elif value == EXAMPLES[str]:
        yield path


FULL = filled(Header)
TEXTS = list(texts_of(FULL, Header))
PRINTED = {("algorithm",), ("device", "kind")}
RUNNING = {("data",), ("timing",), ("command",), ("recorded_at",), ("device", "source"), ("programs", 0, "note")}
"""These may have lines and tabs."""


def test_the_walk_finds_texts_at_every_depth():
    assert {("algorithm",), ("model", "name"), ("device", "kind"), ("libraries", "key"), ("libraries", "x")} < {*TEXTS}
    assert {("command",), ("programs", 0, "name"), ("programs", 0, "collectives", 0, "dtype")} < {*TEXTS}


@pytest.fixture
def hostile(trace):
    """A trace whose header has every field, one of its texts replaced."""

    def write(path, text):
        file = trace([[1.0, 1.0], [1.0, 1.0]])
        document = json.loads(json.dumps(FULL))
        head, *rest = file.read_text().splitlines()
        document |= {"device": json.loads(head)["device"] | {"source": "x"}, "utilization": 0.5}
        document["model"] |= {"heads": 2, "layers": 2}
        *above, last = path
        place = document
        for part in above:
            place = place[part]
        if last == "key":
            place[text] = place.pop("x")
        else:
            place[last] = text
        file.write_text("\n".join([json.dumps(document), *rest]) + "\n")
        return file

    return write


def dotted(path):
    return ".".join(str(part) for part in path if part != "key").replace(".0", "[0]")


@pytest.mark.parametrize("path", TEXTS, ids=dotted)
def test_what_a_terminal_acts_upon_is_refused(path, hostile):
    for text in A_TERMINAL_ACTS:
        if text in ("a\nb", "a\tb") and path in RUNNING:
            continue
        with pytest.raises(InputError, match=r"(can|cannot) be shown") as caught:
            read_header(hostile(path, text))
        assert dotted(path[:-1]) in str(caught.value)


@pytest.mark.parametrize("path", TEXTS, ids=dotted)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_text_of_a_trace_commands_the_terminal(path, form, hostile, simulate):
    options = ["--format", form, "--strategy", "diloco", "--set", "workload.steps=2"]
    code, out, err = simulate("--trace", hostile(path, "\x1b[2J"), *options)
    assert (code, out) == (2, "")
    assert "\x1b" not in err
    assert dotted(path[:-1]) in err
    for text in MARKUP if path in PRINTED else MARKUP[:1]:
        code, out, err = simulate("--trace", hostile(path, text), *options)
        assert (code, err) == (0, "")
        if path in PRINTED and form != "csv":  # which has no notes
            notes = out if form == "table" else json.loads(out)["notes"][0]
            assert text in notes


@pytest.mark.parametrize("path", TEXTS, ids=dotted)
def test_a_text_without_end_is_refused_in_a_few_words(path, hostile):
    with pytest.raises(InputError, match=r"at most (200|10000) characters") as caught:
        read_header(hostile(path, "x" * 10**5))
    assert len(str(caught.value)) < 1000


def test_a_line_of_a_trace_is_refused_in_a_few_words(trace):
    path = trace([[1.0, 1.0]])
    whole = path.read_text()
    for line in ({"record": "x" * 10**5}, {"record": "step", "x" * 10**5: 1}, {"record": ["x" * 10**5]}):
        path.write_text(whole + json.dumps(line) + "\n")
        with pytest.raises(InputError) as caught:
            list(read_records(path))
        assert len(str(caught.value)) < 1000 + len(str(path))
    path.write_text(whole.replace('"schema_version":1', f'"schema_version":"{"x" * 10**5}"'))
    with pytest.raises(InputError, match="schema_version: got 'xxx"):
        read_header(path)


def test_what_is_written_can_be_read(tmp_path, header):
    with TraceWriter(tmp_path / "t.jsonl", header(command="a\nb\tc", data="[/x]")):
        pass
    assert read_header(tmp_path / "t.jsonl").command == "a\nb\tc"
