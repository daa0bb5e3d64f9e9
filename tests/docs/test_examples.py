"""The worked examples of pages print what the pages show, run one after another as a reader would."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\$ simulate (.*)$", re.MULTILINE)


@pytest.mark.parametrize(("page", "count"), [("calibrate", 3), ("your-runs", 3)])
def test_every_shown_line_is_printed_in_its_order(page, count, simulate, tmp_path, monkeypatch):
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert len(blocks) == count
    for block in blocks:
        _, arguments, shown = COMMAND.split(block)  # one command a block
        code, printed, error = simulate(*shlex.split(arguments))
        assert code == 0, error
        words, place = " ".join(printed.split()), 0
        for line in filter(None, shown.splitlines()):
            found = words.find(" ".join(line.split()), place)  # a page may leave lines out, and wraps as it likes
            assert found >= 0, line
            place = found
