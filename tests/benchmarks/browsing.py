"""A real browser for tests of the page: how it is started, and how to look at what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
MISSING = "no Chromium with its driver; on Debian: apt-get install chromium chromium-driver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",  # what is scrolled to is there at once
)
WIDE = 1400  # pixels
PATIENCE = 20  # seconds for the interactive charts to come

Browser = webdriver.Chrome


@contextmanager
def opened(page: Path, profile: Path) -> Iterator[Browser]:
    """A browser with the page, which writes down errors and requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        resize(found, WIDE)
        found.get("about:blank")
        found.get_log("performance")  # of the page that a browser starts with
        found.get(page.as_uri())
        yield found
    finally:
        found.quit()


def resize(browser: Browser, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def ready(browser: Browser) -> Browser:
    """The page once its interactive charts are there."""
    WebDriverWait(browser, PATIENCE).until(lambda driver: driver.execute_script(DRAWN), "interactive charts")
    return browser


def region(browser: Browser, label: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f".table:has([aria-label='Table {label}'])")


def column(table: WebElement, heading: str) -> list[str]:
    """The visible cells under a heading, from top to bottom."""
    heads = [cell.get_attribute("textContent") for cell in table.find_elements(By.CSS_SELECTOR, "thead th")]
    place = heads.index(heading) + 1
    cells = table.find_elements(By.CSS_SELECTOR, f"tbody tr:not([hidden]) > :nth-child({place})")
    return [str(cell.get_attribute("textContent")).strip() for cell in cells]


def heading(table: WebElement, name: str) -> WebElement:
    return table.find_element(By.XPATH, f".//th[button[text()='{name}']]/button")


def choose(browser: Browser, element: str, name: str) -> None:
    Select(browser.find_element(By.ID, element)).select_by_visible_text(name)


def traces(browser: Browser) -> dict[str, Any]:
    """The lines that are drawn, by row."""
    found = browser.execute_script(
        "return document.getElementById('curves-plot').data.filter(t => t.name).map(t => [t.name, {x: t.x, y: t.y}])"
    )
    return dict(found)


# Scrolls to the last chart, and says whether all are drawn.
DRAWN = """
document.getElementById("curves-plot").scrollIntoView({block: "center"});
return document.querySelectorAll("#cost-plot .plot-container, #curves-plot .plot-container").length === 2;
"""

# Pairs of visible texts and controls that overlap, and those that leave the screen.
OVERLAPS = """
const kinds = "h1, h2, h3, p, li, dt, dd, pre, summary, img, figcaption, select, input, .scroll, .plot, .rows, button";
const boxes = [...document.querySelectorAll(kinds)].map((element) => [element, element.getBoundingClientRect()])
  .filter(([element, box]) => box.width && box.height && element.checkVisibility())
  .filter(([element]) => !element.closest(".choices, svg, thead, .wide img"));  // what scrolls by itself
const name = (element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`;
const found = [];
for (const [k, [a, one]] of boxes.entries()) {
  if (one.left < -1 || one.right > innerWidth + 1) found.push(`outside: ${name(a)}`);
  for (const [b, other] of boxes.slice(k + 1)) {
    if (a.contains(b) || b.contains(a)) continue;
    const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (wide > 1 && high > 1) found.push(`${name(a)} and ${name(b)}`);
  }
}
return found;
"""

# Contrast to the paper of the letters and of the lines of the explorer.
CONTRAST = """
const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => linear(part / 255))
  .reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0);
const paper = light(getComputedStyle(document.body).backgroundColor);
const contrast = (color) => (Math.max(light(color), paper) + 0.05) / (Math.min(light(color), paper) + 0.05);
const colors = (what, kind) => [...document.querySelectorAll(what)].map((element) => getComputedStyle(element)[kind]);
return [
  colors("#curves-plot .xtitle, #curves-plot .xtick text", "fill").map(contrast),
  colors("#curves-plot .lines path.js-line", "stroke").map(contrast),
];
"""
