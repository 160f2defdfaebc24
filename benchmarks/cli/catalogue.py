"""Lists of balancers, suites and protocols, and the tables of methods in README.md and docs/methods.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from balancers import Weighting, methods, names, reference, registry
from balancers.naming.suggest import nearest
from balancers.torchjd import names as from_torchjd
from balancers.wrappers.notation import TORCHJD, spelling
from balancers.wrappers.wrappers import WRAPPERS
from benchmarks.cli import method_facts as facts
from benchmarks.protocols import files as protocols
from tasks import registry as suites

BEGIN, END = "<!-- methods -->", "<!-- end of methods -->"  # around the short table, in README.md
FULL_BEGIN, FULL_END = "<!-- methods in full -->", "<!-- end of methods in full -->"  # around the long one, in docs/
HEAD = ("method", "idea", "needs", "paper")
FULL_HEAD = ("method", "idea", "needs", "passes", "properties", "paper")
LEGEND_HEAD = ("sign", "meaning")


def tables(what: str | None = None) -> Iterator[Table]:
    """The tables of ``what``, or all of them.

    Raises:
        ValueError: there is no such list.
    """
    makers: dict[str, Callable[[], Iterable[Table]]] = {
        "balancers": lambda: (_balancers(), _notations()),
        "suites": lambda: (_suites(),),
        "protocols": lambda: (_protocols(),),
    }
    if what is not None and what not in makers:
        raise ValueError(f"there is no list of {what!r}{nearest(what, makers)}")
    for name, make in makers.items():
        if what in (None, name):
            yield from make()


def _balancers() -> Table:
    table = Table("balancer", "", title="Balancers", box=SIMPLE_HEAD)
    for name in names():
        table.add_row(name, escape("\n".join(_lines(registry.get(name)))), end_section=True)
    return table


def _lines(method: type[Weighting]) -> Iterator[str]:
    yield f"{facts.purpose(method)}."
    default = facts.with_defaults(method)
    if default is not None:
        also = ["random"] * default.stochastic + ["losses must have a lower bound"] * default.positive_losses
        yield "; ".join(
            [f"needs: {facts.needs(default)}", f"passes: {facts.passes(default)}", f"heads: {default.heads}", *also]
        )
        yield f"promises: {facts.promises(default)}"
    yield f"hyperparameters: {facts.hyperparameters(method)}"
    yield reference(method) or "no reference"


def _notations() -> Table:
    """The notations before a balancer's name."""
    table = Table("notation", "", title="Wrappers, and methods of TorchJD", box=SIMPLE_HEAD)
    for wrapper in WRAPPERS.values():
        about = [f"{facts.summary(wrapper)}.", reference(wrapper)]
        table.add_row(spelling(wrapper), escape("\n".join(filter(None, about))), end_section=True)
    classes = ", ".join(from_torchjd.names()) or f"TorchJD is not installed: {from_torchjd.INSTALL}"
    about = f"A class of the library TorchJD; the parameters of the class are hyperparameters.\n{classes}"
    table.add_row(f"{TORCHJD}:CLASS", escape(about), end_section=True)
    table.add_row("for example", "every:4:smoothed:0.9:pcgrad\nHyperparameters belong to the innermost method.")
    return table


def _suites() -> Table:
    table = Table("suite", "tasks", "description", title="Suites")
    for name in suites.names():
        suite = suites.create(name)
        table.add_row(name, ", ".join(task.name for task in suite.tasks), suite.summary)
    return table


def _protocols() -> Table:
    table = Table("protocol", "suites", "methods", "description", title="Protocols")
    for name in protocols.available():
        asked = protocols.read(protocols.find(name))
        table.add_row(name, ", ".join(asked.suites), ", ".join(asked.methods), asked.description)
    return table


def markdown() -> str:
    """The methods of this package as a short Markdown table: what each does, what it needs, where it is from."""
    return _table(HEAD, map(_short_cells, _own_methods()))


def markdown_in_full() -> str:
    """The methods of this package as a Markdown table with all facts about them, and a legend."""
    legend = _table(LEGEND_HEAD, facts.LEGEND)
    return f"{_table(FULL_HEAD, map(_full_cells, _own_methods()))}\n\n{legend}"


def _own_methods() -> list[Weighting]:
    """The methods of this package with their defaults, by name."""
    classes = [method for method in map(registry.get, names()) if method.__module__.startswith(f"{methods.__name__}.")]
    return [method for method in map(facts.with_defaults, classes) if method is not None]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [columns, ["---"] * len(columns), *rows])


def _short_cells(method: Weighting) -> list[str]:
    described = type(method)
    return [f"`{method.name}`", facts.purpose(described), facts.kinds(method), facts.paper(described)]


def _full_cells(method: Weighting) -> list[str]:
    described = type(method)
    measured = [facts.needs(method), facts.passes(method), ", ".join(facts.properties(method))]
    return [f"`{method.name}`", facts.purpose(described), *measured, facts.paper(described)]


def renew(document: Path) -> None:
    """Bring the tables of methods in a document up to date: what stands between their two comments is replaced.

    Raises:
        ValueError: the file cannot be read, or it has the comments of neither table.
    """
    try:
        text = document.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{document} cannot be read ({error.strerror})") from error
    renewed = None
    for begin, end, table in ((BEGIN, END, markdown), (FULL_BEGIN, FULL_END, markdown_in_full)):
        before, opening, rest = (renewed or text).partition(begin)
        _, closing, after = rest.partition(end)
        if opening and closing:
            renewed = f"{before}{begin}\n\n{table()}\n\n{end}{after}"
    if renewed is None:
        raise ValueError(
            f"{document} lacks the comments {BEGIN} and {END}, or {FULL_BEGIN} and {FULL_END}, between which a table "
            f"of methods stands"
        )
    document.write_text(renewed, encoding="utf-8")
