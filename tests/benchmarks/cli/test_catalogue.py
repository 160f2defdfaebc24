"""What is said about methods: in lists, and in the table of README.md."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from torch import Tensor

from balancers import Claim, Draws, Evidence, Need, Stateless, create, names, register, registry
from balancers.contract import registration
from balancers.wrappers.wrappers import WRAPPERS
from benchmarks.cli import catalogue
from benchmarks.cli import method_facts as facts

README = Path(__file__).parents[3] / "README.md"
WIDTH = 100
RENEW = "run: .venv/bin/python -m benchmarks list balancers --into README.md"


def shown(what: str) -> str:
    console = Console(file=io.StringIO(), width=WIDTH)
    with console.capture() as capture:
        for table in catalogue.tables(what):
            console.print(table)
    return capture.get()


def test_the_readmes_table_is_todays() -> None:
    _, _, rest = README.read_text(encoding="utf-8").partition(catalogue.BEGIN)
    table, end, _ = rest.partition(catalogue.END)
    assert end
    assert table.strip() == catalogue.markdown(), RENEW


def test_renewing_a_document_changes_what_stands_between_the_comments_alone(tmp_path: Path) -> None:
    document = tmp_path / "text.md"
    document.write_text(f"before\n{catalogue.BEGIN}\nold\n{catalogue.END}\nafter\n", encoding="utf-8")
    catalogue.renew(document)
    once = document.read_text(encoding="utf-8")
    assert once.startswith(f"before\n{catalogue.BEGIN}\n\n| method |")
    assert once.endswith(f"\n\n{catalogue.END}\nafter\n")
    catalogue.renew(document)
    assert document.read_text(encoding="utf-8") == once
    document.write_text("no comments", encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.md lacks the comments"):
        catalogue.renew(document)
    with pytest.raises(ValueError, match="cannot be read"):
        catalogue.renew(tmp_path / "nowhere.md")


def test_the_list_fits_a_hundred_columns_and_names_every_method_wrapper_and_hyperparameter() -> None:
    text = shown("balancers")
    assert max(map(len, text.splitlines())) <= WIDTH
    firsts = {line.split()[0] for line in text.splitlines() if line.strip()}
    assert {*names(), *map(catalogue.spelling, WRAPPERS.values()), "torchjd:CLASS"} <= firsts
    assert "alpha=1.5, learning_rate=0.025" in text
    assert "needs: losses, gramian at the last shared layer; passes: 1 and K short" in " ".join(text.split())
    assert "UPGradWeighting" in text


@pytest.mark.parametrize("name", names())
def test_every_method_says_in_words_what_it_does_and_where_it_is_from(name: str) -> None:
    method = registry.get(name)
    assert 10 < len(facts.purpose(method)) < 120
    assert facts.paper(method)


@pytest.mark.parametrize(
    ("name", "needs", "passes", "properties"),
    [
        ("fixed", "losses", "1", None),
        ("pcgrad", "gramian", "K", ["w ≥ 0", "degree 1", "random", "own heads"]),
        ("gradnorm", "losses, gramian at the last shared layer", "1 and K short", None),
        ("torchjd:FAMO", "losses, losses after", "1 and a forward", ["random"]),
        ("torchjd:MoDoWeighting", "cross gramian", "3K", ["random", "own heads"]),
        ("rescaled:unit:uncertainty", "losses, gramian", "K", ["w ≥ 0", "any order", "ℓ ≥ 0"]),
    ],
)
def test_facts_in_words(name: str, needs: str, passes: str, properties: list[str] | None) -> None:
    method = create(name)
    assert facts.needs(method) == needs
    assert facts.passes(method) == passes
    assert properties is None or list(facts.properties(method)) == properties


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Yu et al., Gradient Surgery for Multi-Task Learning, NeurIPS 2020, Algorithm 1.", "Yu et al., NeurIPS 2020"),
        ("Kendall, Gal and Cipolla, Scene Geometry and Semantics, CVPR 2018.", "Kendall et al., CVPR 2018"),
        ("Ban and Ji, Fair Resources, ICML 2024; as in Quinton and Rey, 2024.", "Ban and Ji, ICML 2024"),
        ("Désidéri, Descent and its algorithms, Comptes Rendus 2012.", "Désidéri, Comptes Rendus 2012"),
        ("the sum; as a baseline in Kurin et al., In Defense, NeurIPS 2022.", "Kurin et al., NeurIPS 2022"),
        ("Lin et al., Dual-Balancing, arXiv 2308.12029.", "Lin et al., arXiv 2308.12029"),
        ("an example, in CONTRIBUTING.md.", ""),
    ],
)
def test_a_reference_is_shortened_to_authors_and_venue(reference: str, expected: str) -> None:
    class Method(Stateless):
        pass

    Method.__doc__ = f"A method.\n\nReference: {reference}\n"
    assert facts.paper(Method) == expected


def test_a_method_that_needs_hyperparameters_is_listed_without_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.names()
    monkeypatch.setattr(registration, "registered", dict(registration.registered))

    @register("needy")
    @dataclass(frozen=True)
    class Needy(Stateless):
        """A method that must be told something."""

        told: float

        needs = Need.LOSSES
        claims = frozenset({Claim.NON_NEGATIVE})

        def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
            return seen.losses * self.told

    text = shown("balancers")
    assert "must be told" not in facts.promises(Needy(1.0))
    assert "hyperparameters: told\n" in "\n".join(line.strip() for line in text.splitlines())
    assert "`needy`" not in catalogue.markdown()
