"""The report's page in a real browser: on a phone, a desktop and paper.

Needs Chromium and its driver (Debian: chromium, chromium-driver). Where they are not there the tests are skipped, or
fail with L2KIT_BROWSER=required.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import real_report as sample
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from waiting import eventually

from toolkit.gas.render import to_html
from toolkit.gas.render.text import MARKS, written

PHONE, DESKTOP = (360, 740), (1280, 900)
PAPER, PAPER_ACROSS = (703, 1_031), (1_032, 702)  # CSS pixels of an A4 page between its margins, upright and across
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # small in containers
    "--no-first-run",
)

CHARTS = """
return [...document.querySelectorAll('figure svg')].map(svg => {
  const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width
  return {
    left: box.left, right: box.right, width: box.width, height: box.height,
    texts: [...svg.querySelectorAll('text')].map(text => {
      const {left, right, top, bottom} = text.getBoundingClientRect()
      const size = parseFloat(getComputedStyle(text).fontSize) * scale
      return {text: text.textContent, size, left, right, top: top - box.top, bottom: bottom - box.top}
    }),
  }
})
"""
TABLES = """
return [...document.querySelectorAll('table')].map(table => ({
  caption: table.caption.textContent,
  scopes: [...table.querySelectorAll('th')].map(cell => cell.scope),
  rows: [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => {
    const copy = cell.cloneNode(true)
    copy.querySelectorAll('sup, .hidden').forEach(each => each.remove())
    return copy.textContent
  })),
}))
"""
CLIPPED = """
return [...document.querySelectorAll(arguments[0])].filter(section => {
  const table = section.querySelector('table').getBoundingClientRect()
  const cells = [...section.querySelectorAll('th, td')]
  return table.right > innerWidth + 1 || cells.some(cell => cell.scrollWidth > cell.clientWidth + 1)
}).map(section => section.id)
"""


@dataclass
class Browser:
    """A Chromium that has the page open."""

    driver: webdriver.Chrome

    def show(self, size: tuple[int, int], *, dark: bool = False, media: str = "") -> None:
        width, height = size
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.command("Emulation.setDeviceMetricsOverride", **screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.driver.execute_script("scrollTo(0, 0)")

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.driver.execute_cdp_cmd(name, arguments)
        return found

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What it has logged since it was asked last."""
        found: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return found

    def picture(self) -> Image.Image:
        data = self.command("Page.captureScreenshot", format="png")["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(sample.document()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Browser]:
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        missing = "Chromium or its driver is not installed (Debian: chromium, chromium-driver)"
        if os.environ.get("L2KIT_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)  # who works on something else needs no browser; .ci/run installs and requires one
    with tempfile.TemporaryDirectory(prefix="l2kit-browser-") as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # all that it writes is in the folder, also what it keeps beside its profile
        environment = {
            **os.environ,
            "HOME": folder,
            "TMPDIR": folder,
            "XDG_CONFIG_HOME": folder,
            "XDG_CACHE_HOME": folder,
        }
        running = webdriver.Chrome(options=options, service=Service(driver, env=environment))
        try:
            running.get(page.as_uri())
            yield Browser(running)
        finally:
            running.quit()
            assert eventually(lambda: not _processes_with(folder)), _processes_with(folder)


def _processes_with(text: str) -> list[str]:
    """Command lines of running processes that name this (Linux)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has ended
            continue
        if text in command:
            found.append(command)
    return found


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def screen(request: pytest.FixtureRequest, browser: Browser) -> tuple[int, int]:
    size: tuple[int, int] = request.param
    browser.show(size)
    return size


def test_page_is_no_wider_than_the_screen(browser: Browser, screen: tuple[int, int]) -> None:
    assert browser.run("return innerWidth") == screen[0]
    assert browser.run("return document.documentElement.scrollWidth") <= screen[0]


def test_every_chart_is_whole_and_its_text_can_be_read(browser: Browser, screen: tuple[int, int]) -> None:
    charts = browser.run(CHARTS)
    assert len(charts) == 4
    for chart in charts:
        assert chart["width"] > 250
        assert chart["height"] > 200
        assert chart["left"] >= 0
        assert chart["right"] <= screen[0]
        assert chart["texts"]
        for text in chart["texts"]:
            assert text["size"] >= 9, text
            assert chart["left"] - 1 <= text["left"] <= text["right"] <= chart["right"] + 1, text
            assert -1 <= text["top"] <= text["bottom"] <= chart["height"] + 1, text


def test_no_text_of_a_chart_lies_on_another(browser: Browser, screen: tuple[int, int]) -> None:
    for chart in browser.run(CHARTS):
        texts = chart["texts"]
        for number, one in enumerate(texts):
            for other in texts[number + 1 :]:
                apart = one["right"] <= other["left"] + 1 or other["right"] <= one["left"] + 1
                # a line's box is taller than its letters
                above = one["bottom"] <= other["top"] + 4 or other["bottom"] <= one["top"] + 4
                assert apart or above, (one["text"], other["text"])


def test_page_reports_no_error_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.log("performance")  # of what the browser showed first
    browser.driver.get(page.as_uri())
    errors = [entry["message"] for entry in browser.log("browser")]
    assert not errors
    messages = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert asked == {page.as_uri()}


def test_page_runs_no_script_of_its_own(browser: Browser) -> None:
    browser.run("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)")
    assert browser.run("return window.ran") is None
    refused = [entry["message"] for entry in browser.log("browser")]
    assert any("Content Security Policy" in message for message in refused)
    browser.driver.refresh()


def test_tables_show_every_figure_with_its_mark(browser: Browser) -> None:
    browser.show(DESKTOP)
    tables = browser.run(TABLES)
    sheets = [written(sheet) for sheet in sample.document().sheets]
    assert [table["caption"] for table in tables] == [sheet.title for sheet in sheets]
    for table, sheet in zip(tables, sheets, strict=True):
        assert table["rows"] == [[cell.marked for cell in row] for row in sheet.rows]
        assert "col" in table["scopes"]
    marks = {cell[:1] for table in tables for row in table["rows"] for cell in row}
    assert set(MARKS.values()) - {""} <= marks


def test_wide_table_scrolls_in_its_box_and_its_first_column_stays(browser: Browser, screen: tuple[int, int]) -> None:
    before, after, seen = browser.run(
        """
        const box = document.querySelector('.wide .box'), name = box.querySelector('tbody th')
        const before = name.getBoundingClientRect().left
        box.scrollLeft = 200
        const after = name.getBoundingClientRect().left, seen = box.scrollLeft
        box.scrollLeft = 0
        return [before, after, seen]
        """
    )
    assert seen == 200
    assert before == pytest.approx(after, abs=1)


def test_reference_leads_to_its_source_even_where_the_list_is_closed(browser: Browser) -> None:
    browser.show(PHONE)
    target, shown = browser.run(
        """
        const link = document.querySelector('sup a'), list = document.querySelector('details')
        list.open = false
        link.click()
        const source = document.querySelector(link.getAttribute('href'))
        return [source.textContent, list.open && source.getBoundingClientRect().height > 0]
        """
    )
    assert target.startswith(("measured: ", "derived: ", "modelled: "))
    assert shown


@pytest.mark.parametrize(("paper", "which"), [(PAPER, ".sheet:not(.wide)"), (PAPER_ACROSS, ".wide")])
def test_no_table_is_cut_on_paper(browser: Browser, paper: tuple[int, int], which: str) -> None:
    browser.show(paper, media="print")
    assert browser.run("return document.querySelectorAll(arguments[0]).length", which) > 0
    assert browser.run(CLIPPED, which) == []


def test_paper_has_upright_pages_and_pages_across(browser: Browser) -> None:
    browser.show(DESKTOP)
    printed = base64.b64decode(browser.command("Page.printToPDF", preferCSSPageSize=True)["data"])
    boxes = re.findall(rb"/MediaBox \[0 0 (\d+)[\d.]* (\d+)", printed)
    across = [box for box in boxes if int(box[0]) > int(box[1])]
    assert len(boxes) == len(re.findall(rb"/Type /Page\b", printed))
    assert 5 <= len(boxes) <= 40
    assert 1 <= len(across) < len(boxes)


def test_page_is_light_or_dark_as_the_reader_likes(browser: Browser) -> None:
    means = {}
    for size in (PHONE, DESKTOP):
        for dark in (False, True):
            browser.show(size, dark=dark)
            picture = browser.picture()
            assert picture.size == size
            assert len(picture.getcolors(1 << 24) or []) > 100, "blank"
            grey = picture.convert("L").histogram()
            means[size, dark] = sum(value * count for value, count in enumerate(grey)) / sum(grey)
        assert means[size, False] > 200
        assert means[size, True] < 80


def test_page_on_paper_is_light_even_where_the_reader_likes_dark(browser: Browser) -> None:
    browser.show(DESKTOP, dark=True, media="print")
    ink = browser.run("return getComputedStyle(document.body).color")
    browser.show(DESKTOP)
    assert ink == browser.run("return getComputedStyle(document.body).color")
