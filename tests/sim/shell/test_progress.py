"""What a long command shows while it works: a bar where somebody looks on, rows as they come, and nothing in a pipe."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from sim.shell.progress import UNWATCHED, Progress

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"})


def shown(console):
    return CODES.sub("", console.file.getvalue())


def wait_for(text, console):
    until = time.monotonic() + 20
    while text not in shown(console) and time.monotonic() < until:
        time.sleep(0.02)
    return shown(console)


def test_the_bar_says_what_is_under_way_and_how_many_parts_are_done():
    console = terminal()
    with Progress(console, after_s=0) as watch:
        watch.doing("replaying [red]A", 0, 3)
        wait_for("replaying [red]A", console)
        watch.found("A: [b]1.5 h")
        watch.doing("replaying B", 1, 3)
        text = wait_for("1/3", console)
    assert "replaying [red]A" in text  # a name is text, and never markup
    assert "A: [b]1.5 h" in text
    assert "replaying B" in text


def test_rows_that_came_before_the_bar_are_shown_with_it():
    console = terminal()
    with Progress(console, after_s=0.2) as watch:
        watch.doing("replaying", 0, 2)
        watch.found("early")
        assert "early" in wait_for("early", console)


def test_what_is_quick_shows_nothing():
    console = terminal()
    with Progress(console, after_s=60) as watch:
        watch.doing("replaying", 0, 1)
        watch.found("row")
    assert console.file.getvalue() == ""


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt, True), (SystemExit, True), (ValueError, False)])
def test_an_interruption_says_what_was_done(error, told, capsys):
    def work():
        with Progress() as watch:
            watch.doing("replaying A", 0, 3)
            watch.found("A: 1.5 h")
            watch.doing("replaying B", 1, 3)
            raise error

    with pytest.raises(error):
        work()
    said = capsys.readouterr().err
    assert said == ("interrupted while replaying B, 1 of 3 done; found: A: 1.5 h\n" if told else "")


def test_before_the_first_part_there_is_nothing_to_say(capsys):
    with pytest.raises(KeyboardInterrupt), Progress():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""


def test_nobody_is_told_nothing():
    UNWATCHED.doing("replaying", 0, 1)
    UNWATCHED.found("row")


CODE = """\
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import sim.shell.progress as progress
progress.AFTER_S = 0.0
import sim.simulation.run as run
alone = run.alone
def slow(scenario, job):
    time.sleep(1.5)
    return alone(scenario, job)
run.alone = slow
from sim.cli.command import main
sys.argv = ["simulate", "--workload", "1.3b", "--topology", "low-bw", "--format", "csv"]
main()
"""


def at_a_terminal(interrupt_when=None):
    """Standard error of the main job, slowed down, at a terminal; and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:
            break
        if not read:
            break
        seen += read
        if interrupt_when is not None and interrupt_when in seen:
            process.send_signal(signal.SIGINT)
            interrupt_when = None
    os.close(ours)
    return CODES.sub("", seen.decode()), process.wait(timeout=60)


def test_at_a_terminal_the_main_job_shows_its_strategies_one_by_one():
    seen, code = at_a_terminal()
    assert code == 0
    assert "replaying Data-Parallel" in seen
    assert re.search(r"Data-Parallel: [0-9.]+ \w+", seen)
    assert re.search(r"2/[345]", seen)
    assert "interrupted" not in seen


def test_ctrl_c_at_a_terminal_says_what_was_done():
    seen, code = at_a_terminal(interrupt_when=b"replaying DiLoCo")
    assert code == 130
    said = seen[seen.index("interrupted while replaying DiLoCo") :]
    assert re.fullmatch(r"interrupted while replaying DiLoCo [^,]+, 1 of \d done\s*", said)  # its row is above


def test_in_a_pipe_there_is_no_bar():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
