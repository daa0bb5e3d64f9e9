import bz2
import json

import pytest

from sim.errors import InputError
from trainer.evaluation.question_sets import Question, read_questions


def file_of(tmp_path, *records, name="set.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n\n", encoding="utf-8")
    return path


PLANT = Question("Gardening: She digs a hole. she", ("plants the tree.", "eats the hole.", "folds it.", "paints."), 0)
BOIL = Question("Question: How do I boil an egg?\nAnswer:", ("Put it in hot water.", "Put it in a book."), 0)
MOON = Question("Question: What lights the moon?\nAnswer:", ("a lamp", "the sun", "its core"), 1)


def test_hellaswag_as_six_lines(tmp_path):
    lines = [PLANT.context, "0", *PLANT.choices, "Rowing: He lifts the oars\u2028. he ", "2", "a", "b", " c ", "d"]
    path = tmp_path / "set.txt.bz2"
    path.write_bytes(bz2.compress("\n".join([*lines, "", ""]).encode()))
    rowing = Question("Rowing: He lifts the oars\u2028. he", ("a", "b", "c", "d"), 2)
    assert read_questions(path, "hellaswag") == [PLANT, rowing]


def test_hellaswag_as_published(tmp_path):
    record = {
        "activity_label": "Gardening",
        "ctx": "She digs a hole. she",
        "endings": list(PLANT.choices),
        "label": "0",
        "ind": 3,
    }
    marked = {
        "activity_label": "Home",
        "ctx": "[header] How to sweep [title] Take a broom. [step] Hold it [as you like].",
        "endings": ["[substeps] Sweep.", "Sing."],
        "label": 0,
    }
    path = file_of(tmp_path, record, marked)
    swept = Question("Home: How to sweep. Take a broom. Hold it [as you like].", ("Sweep.", "Sing."), 0)
    assert read_questions(path, "hellaswag") == [PLANT, swept]


def test_piqa_as_published(tmp_path):
    record = {"goal": "How do I boil an egg? ", "sol1": BOIL.choices[0], "sol2": BOIL.choices[1], "label": 0}
    assert read_questions(file_of(tmp_path, record), "piqa") == [BOIL]


@pytest.mark.parametrize("label", [list("ABC"), list("123")])
def test_arc_as_published_by_institute_and_hub(tmp_path, label):
    texts = list(MOON.choices)
    choices = [{"text": text, "label": key} for text, key in zip(texts, label, strict=True)]
    institute = {"question": {"stem": "What lights the moon?", "choices": choices}, "answerKey": label[1]}
    hub = {"question": "What lights the moon?", "choices": {"text": texts, "label": label}, "answerKey": label[1]}
    assert read_questions(file_of(tmp_path, institute, hub), "arc-easy") == [MOON, MOON]


@pytest.mark.parametrize("end", ["", "\n", "\nAnswer:", "\nAnswer: "])
def test_query_choices_gold(tmp_path, end):
    piqa = {"query": "Question: How do I boil an egg?" + end, "choices": list(BOIL.choices), "gold": 0}
    assert read_questions(file_of(tmp_path, piqa), "piqa") == [BOIL]
    arc = {"query": "Question: What lights the moon?" + end, "choices": list(MOON.choices), "gold": 1}
    assert read_questions(file_of(tmp_path, arc), "arc-easy") == [MOON]
    plain = {"query": PLANT.context, "choices": list(PLANT.choices), "gold": 0}
    assert read_questions(file_of(tmp_path, plain), "hellaswag") == [PLANT]


GOOD = {"query": "q", "choices": ["a", "b"], "gold": 1}


@pytest.mark.parametrize(
    ("kind", "records", "words"),
    [
        ("piqa", [GOOD, {**GOOD, "gold": 2}], r":2: answer 2 of 2 choices, counted from 0"),
        ("piqa", [{**GOOD, "gold": -1}], "answer -1 of 2"),
        ("piqa", [{**GOOD, "choices": ["a"]}], "answer 1 of 1 choices"),
        ("piqa", [{**GOOD, "choices": ["a", " "]}], "is empty"),
        ("piqa", [{**GOOD, "choices": ["a", 5]}], "is empty"),
        ("piqa", [{"goal": "g", "sol1": "a"}], "lacks 'sol2'.*goal.*sol1"),
        ("hellaswag", [{"ctx": "c", "endings": ["a", "b"], "label": ""}], "not a question"),
        ("arc-easy", [{"question": "q", "answerKey": "A"}], "not a question"),
        ("arc-easy", ["text"], "not a question"),
        ("piqa", [], "holds no question"),
    ],
)
def test_what_is_no_question(tmp_path, kind, records, words):
    with pytest.raises(InputError, match=words):
        read_questions(file_of(tmp_path, *records), kind)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone", None, "cannot be read"),
        ("a.txt", b"context\n1\na\nb\nc\nd\ncontext\n1\na\nb", r"a\.txt:7: not six lines of a context"),
        ("a.txt", b"context\none\na\nb\nc\nd\n", r"a\.txt:1: not six lines of a context"),
        ("a.txt", b"context\n4\na\nb\nc\nd\n", r"a\.txt:1: answer 4 of 4"),
        ("a.txt", b"\xff", "not UTF-8"),
        ("a.txt.xz", b"no", "damaged or cut short"),
        ("a.txt.gz", b"no", "cannot be read"),
    ],
)
def test_files_that_are_no_set(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_questions(tmp_path / name, "hellaswag")
