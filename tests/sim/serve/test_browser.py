"""The page in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install -e '.[browser]'")
pytest.importorskip("uvicorn", reason="needs the extra `serve`: pip install 'crosshaul[serve]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

START = "import sys; sys.argv = ['simulate', *sys.argv[1:]]; from sim.cli.command import main; main()"


@pytest.fixture(scope="module")
def address():
    """`simulate serve` in a process of its own, on a free port; ended by Ctrl-C."""
    words = [sys.executable, "-c", START, "serve", "--port", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().split()[0]
    yield url
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 130
    server.stdout.close()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture
def page(browser, address):
    """The page as it opens, with its first answer; nothing may be said on the browser's console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    found, said = context.new_page(), []
    found.on("console", lambda message: said.append(message.text))
    found.on("pageerror", lambda error: said.append(str(error)))
    found.goto(address)
    settled(found)
    yield found
    context.close()
    assert said == []


def settled(page, after: int = 0) -> int:
    """Waits for an answer after the one of that number, until nothing is under way; its number."""
    page.locator(f'body[data-answers]:not([data-answers="{after}"]) #answer[aria-busy="false"]').wait_for()
    return int(page.locator("body").get_attribute("data-answers"))


def changed(page, action) -> None:
    before = int(page.locator("body").get_attribute("data-answers"))
    action()
    settled(page, before)


def slide(page, name: str, position: int) -> None:
    def move():
        page.locator(f"#{name}-slider").evaluate(
            "(slider, position) => { slider.value = position; "
            "for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, {bubbles: true})); }",
            position,
        )

    changed(page, move)


def fastest(page) -> str:
    return page.locator("#tiles").inner_text()


def test_it_opens_with_the_answer_of_the_main_job(page):
    assert "DiLoCo M=2 H=30 is fastest: 17.7x the pace of Data-Parallel" in page.locator("#verdict").inner_text()
    assert "17.70x" in fastest(page)
    assert page.locator("#tables table").count() == 2
    assert page.locator("#curves svg[role=img]").count() == 2
    assert page.locator("#shares .bar").count() == 2


def test_everything_follows_a_slider(page):
    before = {
        name: page.locator(f"#{name}").inner_html() for name in ("verdict", "tiles", "tables", "curves", "shares")
    }
    slide(page, "bandwidth", 30)
    stop = json.loads(page.locator("#bandwidth-slider").get_attribute("data-stops"))[30]
    assert page.locator("#bandwidth").input_value() == stop
    assert page.locator("#bandwidth-slider").get_attribute("aria-valuetext") == stop
    for name, html in before.items():
        assert page.locator(f"#{name}").inner_html() != html, name
    assert f"chosen: {float(stop.split()[0]) / 1e3:g} Gbit/s" in page.locator("#curves").inner_text()
    slide(page, "sync-every", 0)
    assert "H=1" in page.locator("#tables").inner_text()
    slide(page, "payload-bits", 3)
    assert "4-bit" in page.locator("#tables").inner_text()
    slide(page, "replicas", 0)
    assert "M=1" in page.locator("#tables").inner_text()
    slide(page, "chips", 2)
    assert "6 chips" in page.locator("#notes").inner_text()
    slide(page, "latency", 55)
    assert "latency=" in page.url


def test_fast_moves_end_at_the_last_one(page):
    """The answer to the first move comes when the slider is elsewhere; it must not put the slider back."""

    def drag():
        page.locator("#bandwidth-slider").evaluate(
            "(slider) => { for (let position = 20; position < 50; position++) "
            "{ slider.value = position; slider.dispatchEvent(new Event('input', {bubbles: true})); } }"
        )

    changed(page, drag)
    stop = json.loads(page.locator("#bandwidth-slider").get_attribute("data-stops"))[49]
    assert page.locator("#bandwidth").input_value() == stop
    assert f"bandwidth={stop.replace(' ', '+').replace('/', '%2F')}" in page.url
    assert stop.split()[0] in page.locator("#curves").inner_text()


def test_the_address_brings_everything_back(page, address):
    changed(page, lambda: page.select_option("#topology", "thin-access"))
    changed(page, lambda: page.check("input[value=elastic-diloco]"))
    slide(page, "bandwidth", 28)
    changed(page, lambda: page.fill("#sync-every", "77"))
    shown, url = {name: page.locator(f"#{name}").inner_html() for name in ("verdict", "tables", "command")}, page.url
    again = page.context.browser.new_page()  # somebody else's, with nothing but the link
    again.goto(url)
    settled(again)
    assert {name: again.locator(f"#{name}").inner_html() for name in shown} == shown
    assert again.locator("#sync-every").input_value() == "77"
    assert again.locator("#topology").input_value() == "thin-access"
    again.close()
    page.reload()
    settled(page)
    assert {name: page.locator(f"#{name}").inner_html() for name in shown} == shown


def test_downloads_are_what_is_shown(page):
    slide(page, "bandwidth", 44)
    assert page.locator("#bandwidth").input_value() == "10 Gbit/s"
    speedup = re.search(r"[0-9.]+x", fastest(page))[0]
    for name, ending in (("JSON", ".json"), ("YAML", ".yaml"), ("Report (HTML)", ".html")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        assert download.value.suggested_filename.endswith(ending)
        text = download.value.path().read_text()
        if ending == ".json":
            assert f"{max(run['speedup'] for run in json.loads(text)['runs']):.2f}x" == speedup
        elif ending == ".html":
            assert speedup in text
        else:
            assert "bandwidth: 10 Gbit/s" in text


def test_the_command_and_the_python_are_shown_on_demand(page):
    button = page.get_by_role("button", name="Command and Python")
    assert not page.locator("#command").is_visible()
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert page.locator("#command").inner_text().startswith("simulate \\\n  --topology h100-two-sites")
    assert "ch.run(world, work, strategies)" in page.locator("#python").inner_text()


def test_wrong_input_is_told_beside_the_field_and_the_last_answer_stays(page):
    shown, url = page.locator("#verdict").inner_html(), page.url
    changed(page, lambda: page.fill("#bandwidth", "25"))
    told = page.locator("#bandwidth-error")
    assert told.is_visible()
    assert 'such as "10 Gbit/s"' in told.inner_text()
    assert page.locator("#bandwidth").get_attribute("aria-invalid") == "true"
    assert page.locator("#bandwidth").get_attribute("aria-describedby").split()[-1] == "bandwidth-error"
    assert (page.locator("#verdict").inner_html(), page.url) == (shown, url)
    changed(page, lambda: page.fill("#bandwidth", "25 Gbit/s"))
    assert not told.is_visible()
    assert page.locator("#verdict").inner_html() != shown
    changed(page, lambda: page.fill("#replicas", "9"))
    assert "has 2" in page.locator("#replicas-error").inner_text()
    changed(page, lambda: page.fill("#replicas", ""))
    changed(page, lambda: page.uncheck("input[value=diloco]"))
    changed(page, lambda: page.uncheck("input[value=data-parallel]"))
    assert "choose at least one" in page.locator("#strategy-error").inner_text()


def test_a_wrong_address_opens_with_its_mistake(browser, address):
    page = browser.new_page()
    page.goto(f"{address}?bandwidth=fast&topology=low-bw")
    assert "fast" in page.locator("#bandwidth-error").inner_text()
    assert page.locator("#bandwidth").input_value() == "fast"
    page.fill("#bandwidth", "5 Gbit/s")
    settled(page)
    assert "fastest" in page.locator("#verdict").inner_text()
    page.close()


def test_choosing_another_topology_forgets_what_was_meant_for_the_first(page):
    slide(page, "bandwidth", 30)
    changed(page, lambda: page.select_option("#topology", "h100-one-site"))
    assert page.locator("#bandwidth").input_value() == ""
    assert page.locator("#bandwidth-slider").is_disabled()
    assert "no links" in page.locator("#bandwidth-hint").inner_text()
    changed(page, lambda: page.select_option("#workload", "own-size"))
    assert page.locator("#params").is_visible()
    changed(page, lambda: page.fill("#params", "3B"))
    assert "3B parameters" in page.locator("#notes").inner_text()
    changed(page, lambda: page.select_option("#workload", "1.3b"))
    assert not page.locator("#params").is_visible()
    assert "params" not in page.url


def test_by_keyboard_alone(page):
    keys = page.keyboard
    reached = []
    for _ in range(40):
        keys.press("Tab")
        reached.append(page.evaluate_handle("() => document.activeElement").get_property("id").json_value())
        if reached[-1] == "bandwidth-slider":
            break
    assert [name for name in reached if name in ("topology", "workload", "bandwidth", "bandwidth-slider")] == [
        "topology",
        "workload",
        "bandwidth",
        "bandwidth-slider",
    ]
    shown = page.locator("#verdict").inner_html()
    changed(page, lambda: keys.press("ArrowLeft"))
    assert page.locator("#bandwidth").input_value() == "80 Gbit/s"
    assert page.locator("#verdict").inner_html() != shown
    keys.press("Shift+Tab")
    keys.press("Control+a")
    changed(page, lambda: keys.type("2Gbit/s"))
    assert "bandwidth=2+Gbit" in page.url
    outlined = page.locator("#bandwidth").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outlined != "none"


def test_every_control_has_a_name_and_the_verdict_is_announced(page):
    for control in page.locator("select, textarea, input, button").all():
        name = control.evaluate(
            "element => element.getAttribute('aria-label') || element.labels?.[0]?.textContent || element.textContent"
        )
        assert name.strip(), control.get_attribute("id")
    assert page.locator("#verdict").get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_answer_first_and_nothing_is_wider_than_it(browser, address, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}?topology=thin-access")
    settled(page)
    assert page.locator("html").evaluate("element => element.scrollWidth") <= 390
    assert not page.locator("#bandwidth").is_visible()
    page.locator("#panel > summary").click()
    assert page.locator("#bandwidth").is_visible()
    assert "wall-clock" in page.locator("#brief").inner_text()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_breaks_no_rule_of_axe(browser, address, scheme, width):
    axe = pytest.importorskip("axe_playwright_python", reason="needs axe: pip install -e '.[browser]'")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{address}?topology=thin-access")
    settled(page)
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
    broken = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in broken] == []
    context.close()


def test_a_server_that_is_gone_is_told(browser, address):
    page = browser.new_page()
    page.goto(address)
    settled(page)
    page.route("**/answer?**", lambda route: route.abort())
    changed(page, lambda: page.fill("#bandwidth", "25 Gbit/s"))
    assert "does not answer" in page.locator("#stopped").inner_text()
    page.unroute("**/answer?**")
    changed(page, lambda: page.fill("#bandwidth", "26 Gbit/s"))
    assert page.locator("#stopped").inner_text() == ""
    page.close()
