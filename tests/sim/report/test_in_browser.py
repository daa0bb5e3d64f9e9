"""Pages in a real browser: for eyes, keyboard, screen reader, phone and paper, without anything from elsewhere."""

import shutil
from pathlib import Path

import pytest

from tests.sim.cli.test_formats import COMMANDS, FLOWS

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[browser]'")
axe = pytest.importorskip("axe_playwright_python", reason="needs axe: pip install -e '.[browser]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.slow,
]
PAGES = COMMANDS | {
    "map": ["--topology", "open-diloco", "--set", "workload.steps=60"],
    "routers": ["explain", "--topology", "thin-access", "--set", "workload.steps=60"],
}
DESK, PHONE = 1280, 390
VISIBLE_TEXTS = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
  const outer = svg.getBoundingClientRect();
  return outer.width === 0 ? [] : [...svg.querySelectorAll('text')].map(text => {
    const box = text.getBoundingClientRect();
    const scale = outer.width / svg.viewBox.baseVal.width;
    const out = Math.max(outer.left - box.left, box.right - outer.right, outer.top - box.top, box.bottom - outer.bottom);
    return [text.textContent, out, scale * parseFloat(getComputedStyle(text).fontSize)];
  });
})"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page_file(request, simulate, scenario_file, tmp_path):
    flows = scenario_file(FLOWS, "flows.yaml")
    words = [flows if word == "FILE" else word for word in PAGES[request.param]]
    assert simulate(*words, "--output", tmp_path / "page.html")[0] == 0
    return tmp_path / "page.html"


def opened(browser, file, **options):
    """A page of the browser, and what it asked for or complained about."""
    context = browser.new_context(**options)
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda asked: told.append(asked.url) if asked.url != file.as_uri() else None)
    page.goto(file.as_uri())
    return page, told


@pytest.mark.parametrize("page_file", PAGES, indirect=True)
def test_a_page_is_whole_for_every_eye(browser, page_file):
    source = (Path(axe.__file__).parent / "axe.min.js").read_text()
    for width in (DESK, PHONE):
        for scheme in ("light", "dark"):
            size = {"width": width, "height": 900}
            page, told = opened(browser, page_file, viewport=size, color_scheme=scheme, bypass_csp=True)
            assert told == []
            page.evaluate(source)
            broken = page.evaluate("axe.run()")["violations"]
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in broken] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            texts = page.evaluate(VISIBLE_TEXTS)
            assert [text for text, out, _ in texts if out > 1] == []
            assert all(size_px >= 9.5 for _, _, size_px in texts)
            page.context.close()


@pytest.mark.parametrize("page_file", ["map"], indirect=True)
def test_the_copy_button_copies_by_keyboard_alone(browser, page_file):
    page, _ = opened(browser, page_file, permissions=["clipboard-read", "clipboard-write"])
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Copy: The scenario":
            break
    page.keyboard.press("Enter")
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("section pre").first.text_content()
    assert copied.startswith("name:")
    page.context.close()


@pytest.mark.parametrize("page_file", ["map"], indirect=True)
def test_a_page_reads_well_without_script(browser, page_file):
    page, told = opened(browser, page_file, java_script_enabled=False)
    assert told == []
    assert page.locator("svg.broad").first.is_visible()
    assert page.locator("pre").first.is_visible()
    assert not page.locator("button").first.is_visible()
    page.context.close()


@pytest.mark.parametrize("page_file", ["map"], indirect=True)
def test_on_paper_everything_is_there_and_nothing_to_press(browser, page_file):
    page, _ = opened(browser, page_file, viewport={"width": DESK, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('main')).color") == "rgb(31, 35, 40)"
    assert not page.locator("button").first.is_visible()
    inner, outer = page.evaluate(
        "(({scrollHeight, clientHeight}) => [scrollHeight, clientHeight])(document.querySelector('pre'))"
    )
    assert inner <= outer  # the whole text, not a window on it
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()
