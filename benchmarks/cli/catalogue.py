"""Lists of what there is: balancers, suites and protocols; and the table of methods in README.md."""

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
from benchmarks.protocols import files as protocol
from tasks import registry as suites

BEGIN, END = "<!-- methods -->", "<!-- end of methods -->"  # around the table in README.md
HEAD = ("method", "what it does", "needs", "passes", "properties", "paper")


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
    found = facts.with_defaults(method)
    if found is not None:
        also = ["random"] * found.stochastic + ["losses must have a lower bound"] * found.positive_losses
        yield "; ".join(
            [f"needs: {facts.needs(found)}", f"passes: {facts.passes(found)}", f"heads: {found.heads}", *also]
        )
        yield f"promises: {facts.promises(found)}"
    yield f"hyperparameters: {facts.hyperparameters(method)}"
    yield reference(method) or "no reference"


def _notations() -> Table:
    """What may stand before a name."""
    table = Table("notation", "", title="Around a balancer, and from elsewhere", box=SIMPLE_HEAD)
    for wrapper in WRAPPERS.values():
        about = [f"{facts.summary(wrapper)}.", reference(wrapper)]
        table.add_row(spelling(wrapper), escape("\n".join(filter(None, about))), end_section=True)
    known = ", ".join(from_torchjd.names()) or f"it is not installed here: {from_torchjd.INSTALL}"
    about = f"A class of the library TorchJD; its parameters are the hyperparameters.\n{known}"
    table.add_row(f"{TORCHJD}:CLASS", escape(about), end_section=True)
    table.add_row("for example", "every:4:smoothed:0.9:pcgrad\nHyperparameters go to the method inside.")
    return table


def _suites() -> Table:
    table = Table("suite", "tasks", "what it is", title="Suites")
    for name in suites.names():
        suite = suites.create(name)
        table.add_row(name, ", ".join(task.name for task in suite.tasks), suite.summary)
    return table


def _protocols() -> Table:
    table = Table("protocol", "suites", "methods", "what it is", title="Protocols")
    for name in protocol.available():
        found = protocol.read(protocol.find(name))
        table.add_row(name, ", ".join(found.suites), ", ".join(found.methods), found.description)
    return table


def markdown() -> str:
    """The methods of this package as a Markdown table, with what its signs mean."""
    own = [found for found in map(registry.get, names()) if found.__module__.startswith(f"{methods.__name__}.")]
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, own)]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", facts.LEGEND])


def _cells(method: type[Weighting]) -> list[str]:
    found = facts.with_defaults(method)
    assert found is not None, "every method of this package has defaults"
    described = [facts.purpose(method), facts.needs(found), facts.passes(found), ", ".join(facts.properties(found))]
    return [f"`{method.name}`", *described, facts.paper(method)]


def renew(document: Path) -> None:
    """Replace what stands between the two comments in ``document`` by today's table of methods.

    Raises:
        ValueError: the file cannot be read, or the two comments are not in it.
    """
    try:
        before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    except OSError as error:
        raise ValueError(f"{document} cannot be read ({error.strerror})") from error
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} lacks the comments {BEGIN} and {END}, between which the table of methods stands")
    document.write_text(f"{before}{begin}\n\n{markdown()}\n\n{end}{after}", encoding="utf-8")
