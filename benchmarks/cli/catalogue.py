"""Lists of balancers, suites and protocols, and the table of methods in README.md."""

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

BEGIN, END = "<!-- methods -->", "<!-- end of methods -->"  # around the table in README.md
HEAD = ("method", "idea", "needs", "passes", "properties", "paper")


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
    known = ", ".join(from_torchjd.names()) or f"TorchJD is not installed: {from_torchjd.INSTALL}"
    about = f"A class of the library TorchJD; the parameters of the class are hyperparameters.\n{known}"
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
    """The methods of this package as a Markdown table, with a table of its signs."""
    own = [method for method in map(registry.get, names()) if method.__module__.startswith(f"{methods.__name__}.")]
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, own)]
    signs = [("sign", "meaning"), ("---", "---"), *facts.LEGEND]
    return "\n\n".join("\n".join("| " + " | ".join(line) + " |" for line in table) for table in (lines, signs))


def _cells(method: type[Weighting]) -> list[str]:
    default = facts.with_defaults(method)
    assert default is not None, "every method of this package has defaults"
    described = [
        facts.purpose(method),
        facts.needs(default),
        facts.passes(default),
        ", ".join(facts.properties(default)),
    ]
    return [f"`{method.name}`", *described, facts.paper(method)]


def renew(document: Path) -> None:
    """Replace the table of methods between the two comments in ``document``.

    Raises:
        ValueError: the file cannot be read, or the two comments are not in it.
    """
    try:
        before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    except OSError as error:
        raise ValueError(f"{document} cannot be read ({error.strerror})") from error
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{document} lacks the comments {BEGIN} and {END}; write them around the place of the table of methods"
        )
    document.write_text(f"{before}{begin}\n\n{markdown()}\n\n{end}{after}", encoding="utf-8")
