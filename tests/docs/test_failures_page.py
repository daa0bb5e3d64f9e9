"""The page on failures shows what the command prints for the file that it shows."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "failures.md").read_text()


def test_the_output_is_that_of_the_file_on_the_page(simulate, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    file = tmp_path / "week.yaml"
    file.write_text(re.search(r"```yaml\n(topology:.*?)```", PAGE, re.S)[1])
    shown = re.search(r"\$ simulate goodput week.yaml --for '7 days'\n(.*?)\.\.\.\n```", PAGE, re.S)[1]
    code, out, err = simulate("goodput", file, "--for", "7 days")
    assert code == 0, err
    assert out.startswith(shown)
