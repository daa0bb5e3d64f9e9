"""Where a result goes: whole or not at all, and nothing else of the user's is lost on the way."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sim.documents.reading import noting_reads, read_text
from sim.errors import InputError
from sim.shell.delivery import check_writable, deliver, deliver_file, write_atomically
from sim.shell.printing import print_out

SHELL = f"{sys.executable} -c 'from sim.cli.command import main; main()'"
RUN = "--workload 10b --strategy data-parallel --set workload.steps=10 --format csv"


def shell(script, cwd, **options):
    """Runs a shell script in which $SIMULATE is the command."""
    paths = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "SIMULATE": SHELL}
    return subprocess.run(
        ["bash", "-c", script.replace("$SIMULATE", SHELL)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        **options,
    )


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path):
    umask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", "text")
    finally:
        os.umask(umask)
    assert (tmp_path / "new").read_text() == "text"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert leftovers(tmp_path) == []


def test_an_old_file_keeps_its_mode_and_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "old"
    path.write_text("a long old text")
    path.chmod(0o604)
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "a long old text"  # who reads it already sees the old one to its end
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_an_old_file_keeps_its_owner(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    path = tmp_path / "old"
    path.write_text("old")
    os.chown(path, 12345, 54321)
    write_atomically(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    assert path.read_text() == "new"


def test_an_owner_that_cannot_be_kept_by_a_new_file_is_kept_by_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "old"
    path.write_text("old")
    before = path.stat()
    monkeypatch.setattr("sim.shell.delivery._owned_alike", lambda handle, before: False)
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_ino == before.st_ino
    assert leftovers(tmp_path) == []


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    (tmp_path / "deep").mkdir()
    target, link, again = tmp_path / "deep" / "target", tmp_path / "link", tmp_path / "again"
    target.write_text("old")
    link.symlink_to("deep/target")
    again.symlink_to(link)
    write_atomically(again, "new")
    assert again.is_symlink()
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_link_to_nothing_yet_makes_its_target(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("target")
    check_writable(link)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for attempt in (lambda: check_writable(tmp_path / "a"), lambda: write_atomically(tmp_path / "a", "x")):
        with pytest.raises(InputError, match="cannot be written"):
            attempt()


def test_both_names_of_a_file_see_what_is_written(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a long old text")
    other.hardlink_to(one)
    write_atomically(one, "new")
    assert other.read_text() == "new"
    assert one.stat().st_nlink == 2


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_atomically(pipe, "text")
    reader.join(10)
    assert got == ["text"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_pipe_that_nobody_reads_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.shell.delivery._PATIENCE_S", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="nobody reads"):
        write_atomically(tmp_path / "pipe", "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


def test_a_device_is_written_to_and_stays(tmp_path):
    null = tmp_path / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        null.write_text("x")
    except PermissionError:
        null = Path(os.devnull)  # a name of the real thing would be at stake as root; nobody else can replace it
    check_writable(null)
    write_atomically(null, "text")
    assert stat.S_ISCHR(null.stat().st_mode)


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "old").write_text("old")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_atomically(tmp_path / "old", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_a_name_that_is_nearly_too_long_can_be_written(tmp_path):
    path = tmp_path / ("x" * 255)
    check_writable(path)
    write_atomically(path, "text")
    assert path.read_text() == "text"


@pytest.mark.parametrize("name", ["x" * 256, "a\0b", "\ud800", "x" * 300 + "/y"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="--output"):
        check_writable(tmp_path / name)


def test_what_was_read_is_not_overwritten_by_any_of_its_names(tmp_path):
    source, link = tmp_path / "source", tmp_path / "link"
    source.write_text("input")
    link.symlink_to(source)
    with noting_reads():
        read_text(source, "thing")
        for name in (source, link):
            with pytest.raises(InputError, match="made from"):
                deliver("report", name)
        deliver("report", tmp_path / "other")
    assert source.read_text() == "input"
    deliver("report", source)  # another command may


def test_bytes_are_written_as_they_are_and_the_option_is_named(tmp_path):
    deliver_file(b"\xff\x00", tmp_path / "file", "--timeline")
    assert (tmp_path / "file").read_bytes() == b"\xff\x00"
    for attempt in (
        lambda: deliver_file(b"", tmp_path, "--timeline"),
        lambda: check_writable(tmp_path, option="--timeline"),
    ):
        with pytest.raises(InputError, match=r"^--timeline "):
            attempt()


TOPOLOGY = 'name: t\ngenerate: {shape: full-mesh, datacenters: 2, bandwidth: "1 Gbit/s", latency: "1 ms"}\n'
SCENARIO = "topology: t.yaml\nworkload: w.yaml\nstrategies: [{kind: diloco, replicas: 2}]\n"


@pytest.mark.parametrize("name", ["s.yaml", "t.yaml", "w.yaml"])
def test_no_input_of_a_scenario_is_overwritten(tmp_path, simulate, name):
    texts = {"s.yaml": SCENARIO, "t.yaml": TOPOLOGY, "w.yaml": "{model: 35m, steps: 10}\n"}
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    code, out, err = simulate("--scenario", tmp_path / "s.yaml", "--output", tmp_path / name)
    assert (code, out) == (2, "")
    assert "made from" in err or "is no known format" in err  # what a scenario names is known when it is read
    assert {file: (tmp_path / file).read_text() for file in texts} == texts


@pytest.mark.parametrize("command", [["bandwidth"], ["budget"], ["explain"], ["flows"]])
def test_no_command_overwrites_what_it_reads(tmp_path, simulate, command):
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO)
    option = [] if command == ["flows"] else ["--scenario"]
    code, _, err = simulate(*command, *option, path, "--output", path)
    assert code == 2
    assert "made from" in err
    assert path.read_text() == SCENARIO


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_its_file_name(tmp_path, target):
    assert shell(f"echo before > out; $SIMULATE {RUN} --output {target} >> out", tmp_path).returncode == 0
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[0] == "before"
    assert lines[1].startswith("strategy,")
    assert len(lines) == 3


def test_process_substitution(tmp_path):
    done = shell(
        f"$SIMULATE {RUN} --output >(cat > out); sleep 0.2; while ! [ -s out ]; do sleep 0.1; done",
        tmp_path,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "out").read_text().startswith("strategy,")


def test_a_closed_standard_output_is_told(tmp_path):
    done = shell(f"$SIMULATE {RUN} >&-", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output is closed")
    assert "Traceback" not in done.stderr


def test_a_closed_standard_output_does_not_matter_to_a_file(tmp_path):
    assert shell(f"$SIMULATE {RUN} --output out >&-", tmp_path).returncode == 0
    assert (tmp_path / "out").read_text().startswith("strategy,")


def test_nobody_reads_standard_error(tmp_path):
    assert shell("$SIMULATE --topology nowhere 2>&-", tmp_path).returncode == 2


@pytest.mark.parametrize("arguments", [RUN, "--help", "schema scenario", "list strategies"])
def test_a_full_disk_is_told(tmp_path, arguments):
    done = shell(f"$SIMULATE {arguments} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("arguments", [RUN, "--help", "schema scenario"])
def test_a_reader_that_has_gone_is_no_fault(tmp_path, arguments):
    done = shell(f"set -o pipefail; $SIMULATE {arguments} | true", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_an_encoding_lacks_is_written_out(monkeypatch, tmp_path):
    file = (tmp_path / "out").open("w", encoding="ascii")
    monkeypatch.setattr(sys, "stdout", file)
    print_out("Zürich\n")
    file.close()
    assert (tmp_path / "out").read_text() == "Z\\xfcrich\n"
