"""The page holds everything, needs nothing else, and says what is known."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape
from PIL import Image

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.results import read_results
from benchmarks.analysis.statistics import estimate
from benchmarks.records.store import Store
from benchmarks.reporting import findings, headline
from benchmarks.reporting.findings import options
from benchmarks.reporting.page import pictures, write_report
from benchmarks.reporting.page.suite_sections import sections
from tests.benchmarks import synthetic
from tests.benchmarks.explained import ask
from tests.benchmarks.reporting.findings import made

SUITES = ("multimnist", "reviews")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "quick"
    store = Store(path)
    for record in synthetic.records(SUITES):
        store.write(record)
    (path / "skipped.json").write_text('{"speech": "no <network>"}')
    ask(path, synthetic.protocol(SUITES))
    (path / "environment.json").write_text('{"processor": "two cores"}')
    write_report(path)
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def without_pictures(page: str) -> str:
    """The page without what is packed in letters: pictures, the library and the data of interactive charts."""
    text = re.sub(r"data:image/[\w+]+;base64,[\w+/=]+", "", page)
    return re.sub(r'(<script type="application/gzip"[^>]*>)[\w+/=]*', r"\1", text)


def test_the_page_shows_every_row_suite_failure_and_setting(page: str) -> None:
    text = without_pictures(page)
    for word in (*synthetic.ROWS, *SUITES, "single-task", "No space left on device", "speech", "two cores"):
        assert word in text
    assert "make bench PROTOCOL=quick" in text
    assert "a protocol" in text


def test_a_suites_setting_says_when_the_learning_rate_is_halved(tmp_path: Path) -> None:
    for halve_at, said in (((), "9 epochs, batch"), ((3,), "halved after epoch 3,"), ((3, 6), "after epochs 3 and 6,")):
        folder = tmp_path / str(len(halve_at))
        for record in made.baselines(steps=None, epochs=9, halve_at=halve_at):
            Store(folder).write(record)
        (section,) = sections(read_results(folder), [], {})
        assert said in section.setting
        assert ("halved" in section.setting) == bool(halve_at)


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    text = without_pictures(page)
    assert "http" not in text
    assert all(source.startswith("data:") or not source for source in re.findall(r'src="([^"]*)"', page))
    assert "<link" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_text_from_records_is_escaped(page: str) -> None:
    assert "no &lt;network&gt;" in page


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_tag_is_closed(page: str) -> None:
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []


def test_tables_and_charts_are_written_beside_the_page(folder: Path) -> None:
    for name in ("leaderboard.md", "leaderboard.csv", "charts/overview.svg", "charts/reviews-tasks.png"):
        assert (folder / name).is_file()


def test_every_picture_has_a_text_for_those_who_cannot_see_it(page: str) -> None:
    text = without_pictures(page)
    assert text.count("<img") == text.count('alt="') == 4 + 5 * len(SUITES)


def test_pictures_keep_their_place_before_they_appear(folder: Path, page: str) -> None:
    assert page.count("<img") == len(re.findall(r' alt="[^"]*" width="\d+" height="\d+">', page))
    for kind in ("png", "svg"):
        found = pictures.picture(folder / "charts" / f"overview.{kind}", "title", "caption")
        with Image.open(folder / "charts" / "overview.png") as drawn:
            assert found.width / found.height == pytest.approx(drawn.width / drawn.height, rel=0.01)


def test_every_link_within_the_page_has_its_place(page: str) -> None:
    text = without_pictures(page)
    links, places = re.findall(r'href="#([^"]+)"', text), re.findall(r'id="([^"]+)"', text)
    assert set(links) <= set(places)
    assert len(places) == len(set(places))


def test_sections_come_in_the_order_in_which_people_ask(page: str) -> None:
    text = without_pictures(page)
    order = [
        "leaderboard",
        "map",
        "cost",
        "suite-multimnist",
        "suite-reviews",
        "training",
        "trust",
        "failures",
        "setting",
    ]
    places = [text.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)


def test_findings_are_on_the_page_with_their_tables(folder: Path, page: str) -> None:
    blocks = findings.blocks(read_results(folder, titled=True))
    assert blocks
    for block in blocks:
        assert f'id="finding-{block.anchor}"' in page
        assert str(escape(block.title)) in page
        assert all(str(escape(sentence)) in page for sentence in block.sentences)
        if block.table:
            assert f'aria-label="Table {escape(block.title)!s}"' in page


def test_what_an_option_changes_has_a_section_with_its_table_and_chart(tmp_path: Path, page: str) -> None:
    points = {1: {"fixed": [(4, -2)], "other": [(-1, 8)]}, 8: {"fixed": [(2, 2)], "other": [(1, 3)]}}
    for record in made.along(points):
        Store(tmp_path).write(record)
    text = without_pictures(write_report(tmp_path).read_text(encoding="utf-8"))
    section = text.split('<section id="options">')[1].split("</section>")[0]
    (block,) = options.blocks(read_results(tmp_path, titled=True))
    assert f'<h3 id="finding-{block.anchor}">{block.title}</h3>' in section
    assert all(str(escape(sentence)) in section for sentence in block.sentences)
    assert section.count("<table>") == section.count("<img") == 1
    assert text.index('id="options"') < text.index('id="suite-at-1"')
    assert '<a href="#options">' in text
    assert 'id="options"' not in page, "of a study without series"


def test_rows_that_beat_the_reference_are_marked(folder: Path, page: str) -> None:
    found = read_results(folder, titled=True)
    table = without_pictures(page).split('aria-label="Table over all suites"')[1].split("</table>")[0]
    marked = {re.sub("<.*?>", "", row).split()[0] for row in re.findall(r"<tr data-beats>(.*?)</tr>", table, re.DOTALL)}
    delta = {row.row: row.delta_taskwise.mean for row in found.aggregates.overall}
    assert found.reference == "equal-weights"
    assert marked == {row for row, value in delta.items() if value >= delta["equal-weights"]}


def test_the_answer_comes_first_and_warns_of_few_seeds(page: str) -> None:
    text = without_pictures(page)
    assert text.index("better than single-task") < text.index("Smoke run") < text.index("<table")


def test_nothing_is_called_the_best_on_few_seeds() -> None:
    few, many = (" ".join(headline.sentences(aggregate(synthetic.records([s])))) for s in ("reviews", "plane"))
    assert "has the highest mean Δ" not in few
    assert "has the highest mean Δ" in many


@pytest.mark.parametrize(
    "records",
    [
        synthetic.records(["reviews"], ["pcgrad"], baselines=False),
        [synthetic.record(r.cell, {}, None, reason="out of memory") for r in synthetic.records(["reviews"], ["fixed"])],
    ],
    ids=["no baselines", "all failed"],
)
def test_partial_results_give_a_page_that_says_so(records: list, tmp_path: Path) -> None:
    for record in records:
        Store(tmp_path).write(record)
    assert "Nothing can be compared yet" in write_report(tmp_path).read_text(encoding="utf-8")


def test_an_empty_folder_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="make bench"):
        write_report(tmp_path)


def test_a_verdict_is_sure_only_where_the_interval_is_above_zero() -> None:
    few, many, mixed = estimate([1.0] * 4), estimate([1.0, 1.1, 0.9, 1.2, 1.0]), estimate([-9.0, 9, 9, 9, -9])
    assert headline.verdict([few, many, mixed, estimate([])]) == headline.Verdict(better=3, clearly=1, of=3)


def test_a_gain_without_an_interval_above_zero_is_called_uncertain() -> None:
    few, many = (" ".join(headline.sentences(aggregate(synthetic.records([s])))) for s in ("reviews", "plane"))
    assert "No gain is certain" in few
    assert "No gain is certain" not in many


def test_nobody_is_praised_when_no_method_beats_the_baselines() -> None:
    sentences = headline.sentences(aggregate(synthetic.records(["plane"], ["fixed"])))
    assert "no method is better than single-task" in sentences[0]
    assert "fixed beats single-task on 0 of 1 suite" in sentences[2]
