"""The report page in a real browser: sorting, filtering and comparing, without the network.

Needs the extra `browser` and a Chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from reporting import made_up_run
from synthetic import cell

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
    results = made_up_run(folder / "runs", methods, failed=("broken",)) / "results.csv"
    rows = pd.read_csv(results)
    psnr = rows[(rows["metric"] == "lpips") & (rows["subject"] == "transfer")]
    psnr = psnr.assign(metric="psnr", value=20.0, ci_low=19.0, ci_high=21.0, higher_is_better=True)
    pd.concat([rows, psnr]).to_csv(results, index=False)
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


CONTRAST = """(selector) => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const shown = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return rgb(colour)[3] === 0 ? shown(element.parentElement) : rgb(colour);
  };
  const light = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const part = colour[i] / 255;
    return sum + weight * (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const element = document.querySelector(selector);
  const both = [light(rgb(getComputedStyle(element).color)), light(shown(element))].sort((a, b) => b - a);
  return (both[0] + 0.05) / (both[1] + 0.05);
}"""
"""Contrast of an element's text against what is behind it, as WCAG 2 defines it."""
LEADERBOARD = "#leaderboard .table:first-of-type"


def test_a_column_sorts_up_and_down_and_floors_stay_below(page: Any) -> None:
    page.click(f"{LEADERBOARD} thead th:nth-child(3) button")
    assert names(page, LEADERBOARD) == ["drnet", "lord", "mlvae"]
    assert page.get_attribute(f"{LEADERBOARD} thead th:nth-child(3)", "aria-sort") == "ascending"
    page.click(f"{LEADERBOARD} thead th:nth-child(3) button")
    assert names(page, LEADERBOARD) == ["mlvae", "lord", "drnet"]
    assert page.is_visible(f"{LEADERBOARD} .references tr")


def tab(page: Any, name: str) -> None:
    page.click(f"[role=tab] >> text={name}")


def test_filters_leave_what_is_wanted(page: Any) -> None:
    tab(page, "Trainings")
    page.fill("#wanted", "Net")
    assert names(page, LEADERBOARD) == ["drnet"]
    assert names(page, "#cells") == ["drnet", "drnet"]
    captions = [row for row in page.query_selector_all(".pairs:not([hidden]) figcaption") if row.is_visible()]
    assert [row.inner_text() for row in captions] == ["content", "class", "true image", "drnet"]
    page.fill("#wanted", "")
    assert len(names(page, LEADERBOARD)) == 3


def test_groups_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    both = [cell(method=name, dataset=data) for data in ("squares", "circles") for name in ("lord", "drnet")]
    pd.concat(both).to_csv(tmp_path / "results.csv", index=False)
    page = browser.new_page()
    page.goto(write_report([tmp_path / "results.csv"], tmp_path).as_uri())
    page.select_option("#group", "circles, samples split, preset quick")
    shown = [
        part.get_attribute("data-group")
        for part in page.query_selector_all("[data-group]")
        if part.is_visible()
    ]
    assert {"circles, samples split, preset quick", ""} >= set(shown) != set()
    page.close()


def test_tabs_open_by_pointer_arrow_keys_and_links(page: Any) -> None:
    assert page.is_visible("#ranks")
    assert not page.is_visible("#cells")
    tab(page, "Trainings")
    assert page.is_visible("#cells")
    assert not page.is_visible("#ranks")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#images")
    assert page.evaluate("document.activeElement.id") == "tab-images"
    page.click("text=1 failed training")
    assert page.is_visible("#failures")


def test_a_definition_shows_on_hover_and_on_focus(page: Any) -> None:
    head = f"{LEADERBOARD} thead th:nth-child(3) button"
    assert not page.is_visible("#tip")
    page.hover(head)
    assert "Perceptual distance to the true image" in page.inner_text("#tip")
    page.mouse.move(0, 0)
    assert not page.is_visible("#tip")
    page.focus(head)
    assert page.is_visible("#tip")
    page.keyboard.press("Escape")
    assert not page.is_visible("#tip")
    described = page.get_attribute(head, "aria-describedby")
    assert "Perceptual distance" in page.text_content(f"#{described}")


def saved(page: Any, button: str) -> bytes:
    with page.expect_download() as waiting:
        page.click(button)
    return Path(waiting.value.path()).read_bytes()


def test_tables_are_saved_with_the_columns_that_are_shown(page: Any) -> None:
    text = saved(page, f"{LEADERBOARD} .tools >> text=CSV").decode()
    head, *rows = text.splitlines()
    assert head == "method,seeds,LPIPS,LPIPS_ci_low,LPIPS_ci_high,LPIPS_mark"
    assert [row.split(",")[0] for row in rows] == ["drnet", "lord", "mlvae", "floor: copy of B"]
    assert rows[1].startswith("lord,2,0.155,")
    latex = saved(page, f"{LEADERBOARD} .tools >> text=LaTeX").decode()
    assert r"\begin{tabular}{lrr}" in latex
    page.click(f"{LEADERBOARD} summary")
    page.uncheck(f"{LEADERBOARD} .tools label >> text=seeds")
    assert not page.is_visible(f"{LEADERBOARD} thead th:nth-child(2)")
    assert saved(page, f"{LEADERBOARD} .tools >> text=CSV").decode().splitlines()[2].startswith("lord,0.155,")
    fewer = saved(page, f"{LEADERBOARD} .tools >> text=LaTeX").decode()
    assert r"\begin{tabular}{lr}" in fewer
    (line,) = (line for line in fewer.splitlines() if line.strip().startswith("lord"))
    assert line.count(" & ") == 1
    assert line.endswith(r" \\")


def test_other_metrics_are_columns_that_can_be_shown(page: Any) -> None:
    head, box = f"{LEADERBOARD} thead th:nth-child(4)", f"{LEADERBOARD} .tools label >> text=PSNR"
    assert not page.is_visible(head)
    page.click(f"{LEADERBOARD} summary")
    assert not page.is_checked(box)
    page.check(box)
    assert page.inner_text(head) == "PSNR\u00a0↑"
    assert page.is_visible(f"{LEADERBOARD} tbody tr:first-child td:nth-child(4)")
    text = saved(page, f"{LEADERBOARD} .tools >> text=CSV").decode()
    assert text.startswith("method,seeds,LPIPS,LPIPS_ci_low,LPIPS_ci_high,LPIPS_mark,PSNR,PSNR_ci_low")


@pytest.mark.parametrize("place", ["#pictures .pairs:not([hidden])", "#headline", "#tradeoff"])
def test_pictures_and_figures_are_saved_as_png(page: Any, place: str) -> None:
    with Image.open(io.BytesIO(saved(page, f"{place} .tools >> text=PNG"))) as picture:
        assert picture.format == "PNG"
        assert picture.width > 700
        colours = picture.convert("RGB").getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 20


def test_it_opens_without_javascript(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    for part in ("#pictures", "#headline svg", "#ranks", "#cells", "#definitions"):
        assert page.is_visible(part), part
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_both_colour_schemes(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    for selector in ("body", ".note", ".references th", "td.best", "nav a", ".card dt"):
        assert page.evaluate(CONTRAST, selector) > 4.5, selector


@pytest.mark.parametrize("width", [1400, 1024])
def test_the_table_of_trainings_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tab(page, "Trainings")
    scroll = page.query_selector("#cells .scroll")
    assert scroll.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_a_number_opens_its_cells_and_a_cell_its_settings(page: Any) -> None:
    page.click(f"{LEADERBOARD} tr[data-name=lord] a")
    opened = page.inner_text("dialog")
    assert page.inner_text("dialog h2") == "LPIPS of lord"
    assert "content-transfer/encoded/transfer/lpips" in opened
    assert "mean over 2 seeds" in opened
    assert "\t0.150\t0.130 to 0.170\t" in opened
    assert "\t0.160\t0.140 to 0.180\t" in opened
    page.click("dialog >> text=seed 1")
    cell = page.inner_text("dialog")
    assert "Cell lord-1" in cell
    assert "noise" in cell
    assert "peak memory, MiB" in cell
    assert "_mib" not in cell
    assert "leakage/encoded/class from content/probe_best.normalized" in cell
    page.keyboard.press("Escape")
    assert not page.is_visible("dialog")


def test_a_pair_is_marked_in_every_strip_and_shown_large(page: Any) -> None:
    tab(page, "All images")
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
    page.select_option("#selection", "worst")
    shown = [pairs.get_attribute("data-title") for pairs in page.query_selector_all(".pairs:not([hidden])")]
    assert shown == [
        "worst pairs, transfers with encoded codes; squares, samples split, preset quick, seed 1"
    ]
    tab(page, "All images")
    assert page.is_visible("#comparison-1")
    assert not page.is_visible("#comparison-0")


def test_a_telephone_scrolls_tables_but_not_the_page(browser: Any, file: Path) -> None:
    narrow = browser.new_page(viewport={"width": 360, "height": 700})
    narrow.goto(file.as_uri())
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    assert narrow.is_visible("#headline .narrow")
    assert not narrow.is_visible("#headline .wide")
    narrow.close()


@pytest.mark.parametrize(("width", "media"), [(360, "screen"), (700, "print")])
def test_words_in_heads_of_tables_are_not_cut(page: Any, width: int, media: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media=media)
    cut = """heads => heads.filter(head => {
      const range = document.createRange(), text = head.firstChild;
      return [...text.textContent.matchAll(/\\p{L}+/gu)].some(word => {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1;
      });
    }).map(head => head.textContent)"""
    # The longest title, in a table as narrow as can be.
    page.eval_on_selector(
        f"{LEADERBOARD} thead th:nth-child(3) button", "b => b.textContent = 'informativeness'"
    )
    page.eval_on_selector(f"{LEADERBOARD} table", "table => table.style.width = '50px'")
    assert page.eval_on_selector_all("#leaderboard thead button", cut) == []


def test_paper_shows_the_tables_without_the_controls(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.is_visible(LEADERBOARD)
    assert not page.is_visible("#filter")
    assert not page.is_visible(".chosen")
    for part in ("#ranks", "#cells", "#definitions"):
        assert page.is_visible(part)
