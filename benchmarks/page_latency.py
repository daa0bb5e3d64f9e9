"""Time from the movement of a slider to new numbers, and to new curves, on the page of `simulate serve`.

    python -m benchmarks.page_latency    # needs Chromium and the extra `test`

Each line is the median and the slowest of 50 movements of one slider to random stops, each begun when the answer before
is complete: milliseconds from the event to the change in the page.
"""

from __future__ import annotations

import random
import shutil
import signal
import statistics
import subprocess
import sys

from playwright.sync_api import Page, sync_playwright

MOVES = 50
CASES = {
    "h100-two-sites, 2 strategies": "",
    "thin-access, 2 strategies": "?topology=thin-access",
    "low-bw, 8 sites, 3 strategies": "?topology=low-bw&strategy=data-parallel%0Adiloco%0Aelastic-diloco",
    "h100-two-sites, 3 with Streaming": "?strategy=data-parallel%0Adiloco%0Astreaming-diloco",
}
START = "import sys; sys.argv = ['simulate', *sys.argv[1:]]; from sim.cli.command import main; main()"
MOVE = """(slider, position) => new Promise((resolve) => {
  const times = {}, began = performance.now();
  const watched = ["tiles", "curves"].map((id) => {
    const observer = new MutationObserver(() => { times[id] ??= performance.now() - began; });
    observer.observe(document.getElementById(id), {childList: true});
    return observer;
  });
  const answer = document.getElementById("answer");
  const end = new MutationObserver(() => {
    if (answer.getAttribute("aria-busy") === "false") {
      for (const observer of [...watched, end]) observer.disconnect();
      resolve(times);
    }
  });
  end.observe(answer, {attributes: true});
  slider.value = position;
  for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, {bubbles: true}));
})"""


def moved(page: Page, name: str) -> tuple[list[float], list[float]]:
    """Milliseconds to new numbers, and to new curves, of every movement."""
    slider = page.locator(f"#{name}-slider")
    draw = random.Random(1)
    most = int(slider.get_attribute("max") or 0)
    found: list[dict[str, float]] = []
    before = -1
    while len(found) < MOVES:
        position = draw.randint(most // 3, most)
        if position != before:
            found.append(slider.evaluate(MOVE, position))
            before = position
    return [each["tiles"] for each in found], [each["curves"] for each in found]


def main() -> None:
    """Prints the table."""
    server = subprocess.Popen([sys.executable, "-c", START, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            print(f"{'':34} {'slider':11} {'numbers [ms]':>18} {'curves [ms]':>18}")
            print(f"{'':34} {'':11} {'median':>9}{'slowest':>9} {'median':>9}{'slowest':>9}")
            for name, query in CASES.items():
                for slider in ("bandwidth", "latency", "sync-every"):
                    page = browser.new_page()
                    page.goto(address + query)
                    page.locator('body[data-answers] #answer[aria-busy="false"]').wait_for()
                    columns = moved(page, slider)
                    texts = [f"{statistics.median(times):9.0f}{max(times):9.0f}" for times in columns]
                    print(f"{name:34} {slider:11} {' '.join(texts)}", flush=True)
                    page.close()
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


if __name__ == "__main__":
    main()
