"""The page in a real browser: nothing is loaded, nothing overlaps, and what can be pressed does what it says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from benchmarks.records.record import FRONT, Record
from benchmarks.records.store import Store
from benchmarks.reporting.page import NAME, write_report
from tests.benchmarks import browsing, synthetic
from tests.benchmarks.browsing import PATIENCE, Browser, choose, column, heading, ready, region, resize, traces
from tests.benchmarks.explained import ask

pytestmark = pytest.mark.skipif(browsing.BROWSER is None or browsing.DRIVER is None, reason=browsing.MISSING)

SUITES = ("plane", "reviews")
ROWS = (*synthetic.ROWS, "analytic-uncertainty", "cagrad", "dwa", "famo", "graddrop", "imtl-g", "mgda", "nash-mtl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "standard"
    store = Store(path)
    for record in [*synthetic.records(SUITES, ROWS), *front()]:
        store.write(record)
    ask(path, synthetic.protocol(SUITES, ROWS, tuned="pcgrad"))
    write_report(path)
    return path


def front() -> list[Record]:
    """Fixed weights on the plane: what is lost on one task is won on the other."""
    tasks, metrics = ("L1", "L2"), list(synthetic.PROBLEMS["plane"].metrics)
    ends = [(-17.0 - k, -17.0 + 1.5 * k) for k in range(-2, 3)]
    return [
        synthetic.record(
            synthetic.cell("plane", FRONT, tasks, 0, balancer="fixed", trial=trial),
            dict.fromkeys(tasks, metrics),
            {task: {"loss": value} for task, value in zip(tasks, values, strict=True)},
        )
        for trial, values in enumerate(ends)
    ]


@pytest.fixture(scope="module")
def browser(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing.opened(folder / NAME, tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_the_page_loads_without_errors_and_without_any_request(browser: Browser) -> None:
    ready(browser)
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url[:5] for url in asked if not url.startswith("data:image/")] == ["file:"]


def test_a_heading_sorts_by_its_numbers_and_says_so(browser: Browser) -> None:
    table = region(browser, "over all suites")
    button = heading(table, "mean Δ")
    for pressed, kind in ((1, "descending"), (2, "ascending")):
        button.send_keys(Keys.ENTER)
        values = [float(cell.replace("−", "-")) for cell in column(table, "mean Δ")]
        assert values == sorted(values, reverse=pressed == 1)
        assert button.find_element(By.XPATH, "..").get_attribute("aria-sort") == kind
    heading(table, "row").click()
    assert column(table, "row") == sorted(ROWS)


def test_a_search_and_the_reference_filter_rows(browser: Browser) -> None:
    table = region(browser, "over all suites")
    search = table.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("mtl, CAGRAD")
    assert sorted(column(table, "row")) == ["cagrad", "imtl-g", "nash-mtl"]
    assert table.find_element(By.TAG_NAME, "output").text == f"3 of {len(ROWS)} methods"
    search.send_keys(Keys.CONTROL + "a", Keys.DELETE)
    beats = table.find_element(By.CSS_SELECTOR, ".beats")
    before = dict(zip(column(table, "row"), column(table, "mean Δ"), strict=True))
    deltas = {row: float(value.replace("−", "-")) for row, value in before.items()}
    assert set(deltas) == set(ROWS)
    beats.click()
    assert set(column(table, "row")) == {row for row, delta in deltas.items() if delta >= deltas["pcgrad"]}
    beats.click()
    assert set(column(table, "row")) == set(ROWS)


def test_columns_can_be_hidden(browser: Browser) -> None:
    table = region(browser, "over all suites")
    table.find_element(By.CSS_SELECTOR, ".columns summary").click()
    box = table.find_element(By.XPATH, ".//label[contains(., 'plane')]/input")
    box.click()
    assert not heading(table, "plane").is_displayed()
    assert heading(table, "reviews").is_displayed()
    box.click()
    assert heading(table, "plane").is_displayed()
    table.find_element(By.CSS_SELECTOR, ".columns summary").click()


def test_the_explorer_shows_what_is_chosen(browser: Browser) -> None:
    ready(browser)
    choose(browser, "curves-suite", "reviews")
    choose(browser, "curves-measure", "validation metric")
    choose(browser, "curves-choice", "domain: accuracy ↑")
    (run,) = (r for r in synthetic.records(["reviews"], ROWS) if r.cell.row == "pcgrad")
    drawn = traces(browser)
    assert drawn["pcgrad"]["x"] == run.curves.step
    assert drawn["pcgrad"]["y"] == pytest.approx(run.curves.validation["domain"]["accuracy"], rel=1e-3)
    assert len(drawn) == 11, "single-task and the ten rows that are told apart"
    choose(browser, "curves-measure", "share of pairs in conflict")
    cosines = run.curves.cosines.values()
    expected = [sum(value < 0 for value in values) / 3 for values in zip(*cosines, strict=True)]
    assert traces(browser)["pcgrad"]["y"] == pytest.approx(expected, abs=1e-3)


def test_rows_of_the_explorer_are_chosen_one_by_one_or_together(browser: Browser) -> None:
    ready(browser)
    choose(browser, "curves-suite", "plane")
    choose(browser, "curves-measure", "training loss")
    browser.find_element(By.CSS_SELECTOR, "[data-rows=none]").click()
    assert traces(browser) == {}
    browser.find_element(By.XPATH, "//div[@id='curves-rows']/label[contains(., 'mgda')]/input").send_keys(Keys.SPACE)
    assert list(traces(browser)) == ["mgda"]
    browser.find_element(By.CSS_SELECTOR, "[data-rows=all]").click()
    assert set(traces(browser)) == {"single-task", *ROWS}
    browser.find_element(By.CSS_SELECTOR, "[data-rows=shown]").click()
    assert len(traces(browser)) == 11


@pytest.mark.parametrize(
    ("plot", "marks"), [("curves-plot", ".scatterlayer .points path"), ("cost-plot", ".points path")]
)
def test_pointing_at_a_mark_names_its_row(browser: Browser, plot: str, marks: str) -> None:
    ready(browser)
    browser.execute_script(
        f"document.getElementById('{plot}').scrollIntoView({{block: 'center', behavior: 'instant'}})"
    )
    mark = browser.find_elements(By.CSS_SELECTOR, f"#{plot} {marks}")[-1]
    ActionChains(browser).move_to_element(mark).perform()
    text = WebDriverWait(browser, PATIENCE).until(
        lambda driver: driver.execute_script(f"return document.querySelector('#{plot} .hovertext')?.textContent")
    )
    assert any(row in text for row in ("single-task", *ROWS))


def test_the_picture_stands_in_where_the_interactive_chart_cannot(browser: Browser) -> None:
    ready(browser)
    still = browser.find_element(By.CSS_SELECTOR, ".still")
    chart = browser.find_element(By.ID, "cost-explorer")
    assert not still.is_displayed()
    browser.execute_script("arguments[0].classList.add('failed')", chart)
    assert still.is_displayed()
    browser.execute_script("arguments[0].classList.remove('failed'); arguments[0].hidden = true", chart)
    assert still.is_displayed()
    browser.execute_script("arguments[0].hidden = false", chart)


def test_buttons_of_charts_need_no_network(browser: Browser) -> None:
    ready(browser)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#curves-plot .modebar-btn")
    names = [str(button.get_attribute("data-title")) for button in buttons]
    assert len(names) == 4
    assert not [name for name in names if "loud" in name or "share" in name.lower()]


@pytest.mark.parametrize("width", [400, browsing.WIDE])
def test_nothing_is_wider_than_the_screen_and_nothing_overlaps(browser: Browser, width: int) -> None:
    ready(browser)
    try:
        resize(browser, width)
        WebDriverWait(browser, PATIENCE).until(
            lambda driver: driver.execute_script(
                "return document.querySelector('#curves-plot .main-svg').clientWidth < innerWidth"
            )
        )
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(browsing.OVERLAPS) == []
    finally:
        resize(browser, browsing.WIDE)


@pytest.mark.parametrize(("scheme", "least"), [("dark", 3.0), ("light", 2.0)])
def test_letters_and_lines_stand_out_on_light_and_dark_paper(browser: Browser, scheme: str, least: float) -> None:
    """The lightest colour of the palette has a contrast of 2.2 to white; all colours of a dark page have 3."""
    ready(browser)
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    try:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        waiting = WebDriverWait(browser, PATIENCE)
        waiting.until(lambda driver: min(driver.execute_script(browsing.CONTRAST)[0]) > 4.5, "letters on the paper")
        _, lines = browser.execute_script(browsing.CONTRAST)
        assert len(lines) >= 11
        assert min(lines) > least
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_prints_with_pictures_and_without_controls(browser: Browser) -> None:
    folded = "return document.querySelectorAll('main details:not([open])').length"
    before = browser.execute_script(folded)
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Subtype /Image") + pdf.count(b"/Subtype/Image") > 0
    assert browser.execute_script(folded) == before
    try:
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
        assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        shown = (
            "return [...document.querySelectorAll('.tools, .interactive, nav')].filter(e => e.checkVisibility()).length"
        )
        assert browser.execute_script(shown) == 0
        assert browser.execute_script("return document.querySelector('.still img').checkVisibility()")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
