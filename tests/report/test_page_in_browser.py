"""The report page in a real browser: sorting, filtering and comparing, without the network.

Needs the extra `browser` and a Chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reporting import made_up_run

from lordbench.report.page.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium was not found"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # Without its sandbox it also runs as root, as in containers; the page is our own.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    methods = {"lord": 0.15, "drnet": 0.1, "mlvae": 0.2}
    made_up_run(folder / "runs", methods, failed=("broken",))
    return write_report([folder / "runs"], folder)


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The page; afterwards there must be no errors and no requests."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("requestfailed", lambda request: errors.append(request.url))
    opened.on(
        "request",
        lambda request: None if request.url.startswith(("data:", "file:")) else errors.append(request.url),
    )
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert errors == []


def names(page: Any, table: str) -> list[str]:
    rows = page.query_selector_all(f"{table} tbody:first-of-type tr")
    return [row.get_attribute("data-name") for row in rows if row.is_visible()]


LEADERBOARD = "#leaderboard .table:first-of-type"


def test_a_column_sorts_up_and_down_and_floors_stay_below(page: Any) -> None:
    page.click(f"{LEADERBOARD} thead th:nth-child(3) button")
    assert names(page, LEADERBOARD) == ["drnet", "lord", "mlvae"]
    assert page.get_attribute(f"{LEADERBOARD} thead th:nth-child(3)", "aria-sort") == "ascending"
    page.click(f"{LEADERBOARD} thead th:nth-child(3) button")
    assert names(page, LEADERBOARD) == ["mlvae", "lord", "drnet"]
    assert page.is_visible(f"{LEADERBOARD} .references tr")


def test_filters_leave_what_is_wanted(page: Any) -> None:
    page.fill("#wanted", "Net")
    assert names(page, LEADERBOARD) == ["drnet"]
    assert names(page, "#cells") == ["drnet", "drnet"]
    page.fill("#wanted", "")
    assert len(names(page, LEADERBOARD)) == 3
    page.select_option("#group", "mean ranks, preset quick")
    assert not page.is_visible(LEADERBOARD)
    assert page.is_visible("#ranks .table")


def test_a_number_opens_its_cells_and_a_cell_its_settings(page: Any) -> None:
    page.click(f"{LEADERBOARD} tr[data-name=lord] a")
    opened = page.inner_text("dialog")
    assert "content-transfer/encoded/transfer/lpips" in opened
    assert "mean over 2 seeds" in opened
    assert "0.15" in opened
    assert "0.16" in opened
    page.click("dialog >> text=seed 1")
    cell = page.inner_text("dialog")
    assert "Cell lord-1" in cell
    assert "noise" in cell
    assert "leakage/encoded/class from content/probe_best.normalized" in cell
    page.keyboard.press("Escape")
    assert not page.is_visible("dialog")


def test_a_pair_is_marked_in_every_strip_and_shown_large(page: Any) -> None:
    shown = page.query_selector("#comparison-0")
    shown.query_selector(".strip[data-name=lord] img").scroll_into_view_if_needed()
    box = shown.query_selector(".strip[data-name=lord] img").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    assert (shown.get_attribute("data-line"), shown.get_attribute("data-column")) == ("1", "2")
    captions = [figure.inner_text() for figure in shown.query_selector_all(".chosen figure")]
    assert captions == ["content", "class", "true images", "drnet", "lord", "mlvae"]
    frames = [
        frame.evaluate("f => [f.style.left, f.style.top]") for frame in shown.query_selector_all(".frame")
    ]
    assert frames == [["50%", "0%"], ["0%", "33.3333%"], *[["50%", "33.3333%"]] * 4]
    shown.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert (shown.get_attribute("data-line"), shown.get_attribute("data-column")) == ("0", "3")


def test_images_are_decoded_and_another_comparison_can_be_chosen(page: Any) -> None:
    widths = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
    assert all(complete and width > 0 for complete, width in widths)
    page.select_option("#comparison", "1")
    assert page.is_visible("#comparison-1")
    assert not page.is_visible("#comparison-0")


def test_a_telephone_scrolls_tables_but_not_the_page(browser: Any, file: Path) -> None:
    narrow = browser.new_page(viewport={"width": 360, "height": 700})
    narrow.goto(file.as_uri())
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    narrow.close()


def test_paper_shows_the_tables_without_the_controls(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.is_visible(LEADERBOARD)
    assert not page.is_visible("#filter")
    assert not page.is_visible(".chosen")
