"""Protocols: what is refused and how it is said, and the cells that they expand into."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from balancers import names, register
from balancers.contract import registration
from balancers.contract.weighting import Place
from balancers.methods.fixed import Fixed
from balancers.registry import get
from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import Protocol, available, find, read
from benchmarks.records.record import SINGLE_TASK
from tests.benchmarks.tiny_suite import PROTOCOL, protocol, registered


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with registered("tiny", "tiny-two"):
        yield


def refusal(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"protocol mine\.toml") as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize("name", available())
def test_the_protocols_that_come_along_expand(name: str) -> None:
    found = read(find(name))
    cells = expand(found)
    assert found.name == name
    assert {cell.table for cell in cells} == set(found.suites)
    assert {cell.row.partition(" (")[0] for cell in cells} == {SINGLE_TASK, *found.methods}  # of axes without the value
    assert len({cell.id for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("batch_size = 10", "batchsize = 10", "unknown key 'batchsize' in [defaults]; did you mean 'batch_size'?"),
        ("[suites.tiny]", "[suites.tiny]\nstep = 3", "unknown key 'step' in [suites.tiny]; did you mean 'steps'?"),
        ("[methods.pcgrad]", "[methods.pcgrad]\nhead = 'own'", "unknown key 'head' in [methods.pcgrad]; did you"),
        ("cost_reference", "cost_referense", "unknown key 'cost_referense' at the top; did you mean 'cost_reference'"),
        ("[suites.tiny]", "[suites.tiny.methods.pcgard]", "[suites.tiny.methods.pcgard] names a method that the"),
        ('cost_reference = "fixed"', 'cost_reference = "fixd"', "did you mean 'fixed'?"),
    ],
)
def test_an_unknown_name_is_refused_with_its_place_and_the_nearest(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert expected in refusal(tmp_path, PROTOCOL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("batch_size = 10", "batch_size = 0", "batch_size = 0 in [defaults]: it should be greater than or equal to 1"),
        ("batch_size = 10", "batch_size = '10'", "batch_size = '10' in [defaults]: it should be a valid integer"),
        ("[1e-2]", "[1e-2, -1.0]", "learning_rates[1] = -1.0 in [defaults]: it should be greater than 0"),
        ("[1e-2]", "[inf]", "learning_rates[0] = inf in [defaults]: it should be a finite number"),
        ("[1e-2]", "[]", "learning_rates = [] in [defaults]"),
        ('"adam"', '"adm"', "optimizer = 'adm' in [defaults]: it should be 'adam' or 'sgd'"),
        ("[methods.pcgrad]", '[methods."../pcgrad"]', "the name '../pcgrad' in [methods] may hold"),
        ('name = "tiny"', "", "key 'name' is missing at the top"),
        ("steps = 12", "", "suite 'tiny' needs exactly one of 'steps' and 'epochs'"),
        ("steps = 12", "steps = 12\nepochs = 2", "suite 'tiny' needs exactly one of 'steps' and 'epochs'"),
        ("seeds = 2", "", "suite 'tiny' has no value for 'seeds'"),
        ("seeds = 2", "seeds = = 2", "is not TOML"),
        ("steps = 12", "epochs = 3\nhalve_at = [0]", "halve_at[0] = 0 in [defaults]: it should be greater than or"),
        ("steps = 12", "epochs = 3\nhalve_at = [1.5]", "halve_at[0] = 1.5 in [defaults]: it should be a valid integer"),
        ("steps = 12", "epochs = 3\nhalve_at = 2", "halve_at = 2 in [defaults]: it should be a valid list"),
        ("steps = 12", "epochs = 3\nhalve_at = [2, 1]", "suite 'tiny': halve_at = [2, 1] should ascend"),
        ("steps = 12", "epochs = 3\nhalve_at = [1, 1]", "suite 'tiny': halve_at = [1, 1] should ascend"),
        ("steps = 12", "epochs = 3\nhalve_at = [3]", "halve_at = [3] should stay below the suite's 3 epochs"),
        ("steps = 12", "steps = 12\nhalve_at = [1]", "halve_at = [1] counts epochs, but the suite counts steps"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, expected: str) -> None:
    message = refusal(tmp_path, PROTOCOL.replace(old, new))
    assert expected in message
    assert "pydantic" not in message


def test_a_suite_may_count_in_epochs_where_the_default_counts_in_steps() -> None:
    settings = protocol(suites={"tiny": {"epochs": 3}}).settings("tiny")
    assert (settings.steps, settings.epochs) == (None, 3)


def test_the_learning_rate_is_halved_where_the_suite_says_or_else_the_defaults() -> None:
    defaults = {**tomllib.loads(PROTOCOL)["defaults"], "epochs": 9, "halve_at": [3, 6]}
    del defaults["steps"]
    own = {"tiny": {}, "tiny-two": {"halve_at": [5]}}
    found = expand(protocol(defaults=defaults, suites=own))
    assert {(cell.suite, cell.halve_at) for cell in found} == {("tiny", (3, 6)), ("tiny-two", (5,))}
    assert {cell.tasks for cell in found if cell.row == SINGLE_TASK} == {("height",), ("side",)}
    for cell in found:
        assert type(cell).model_validate_json(cell.model_dump_json()) == cell
    assert protocol(defaults=defaults, suites={"tiny": {"halve_at": [], "steps": 4}}).settings("tiny").halve_at == ()
    with pytest.raises(ValueError, match=r"give 'epochs' instead, or halve_at = \[\]"):
        protocol(defaults=defaults, suites={"tiny": {"steps": 4}})


def test_a_run_whose_learning_rate_is_never_halved_is_the_run_that_it_was_before() -> None:
    plain, never, once = (
        expand(protocol(suites={"tiny": {"epochs": 3, **more}})) for more in ({}, {"halve_at": []}, {"halve_at": [2]})
    )
    assert [cell.id for cell in plain] == [cell.id for cell in never]
    assert not {cell.id for cell in plain} & {cell.id for cell in once}


def test_an_unknown_protocol_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no protocol 'quik'; did you mean 'quick'"):
        find("quik")


def test_a_missing_protocol_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nowhere/x.toml is not a file"):
        find("nowhere/x.toml")


def test_seed_0_of_everything_comes_first_and_baselines_before_methods() -> None:
    cells = expand(protocol())
    rows = [(cell.seed, cell.row, cell.tasks) for cell in cells]
    both = ("height", "side")
    first = [
        (0, SINGLE_TASK, ("height",)),
        (0, SINGLE_TASK, ("side",)),
        (0, "fixed", both),
        (0, "gradnorm", both),
        (0, "pcgrad", both),
    ]
    assert rows == first + [(1, row, tasks) for _, row, tasks in first]


def test_learning_rates_are_crossed_for_baselines_and_methods_alike() -> None:
    cells = expand(protocol(suites={"tiny": {"learning_rates": [1e-3, 1e-2], "seeds": 1}}))
    assert len(cells) == 2 * (2 + 3)
    assert {cell.learning_rate for cell in cells if cell.row == SINGLE_TASK} == {1e-3, 1e-2}


def test_cells_hold_the_facts_and_defaults_of_their_method() -> None:
    cell = next(cell for cell in expand(protocol()) if cell.row == "gradnorm")
    assert (cell.place, cell.heads) == ("last", "weighted")
    assert cell.hyperparameters["alpha"] == 1.5


def test_a_method_whose_version_is_raised_gives_other_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    before = expand(protocol())
    monkeypatch.setattr(get("pcgrad"), "version", 2)
    after = expand(protocol())
    changed = {old.row for old, new in zip(before, after, strict=True) if old.id != new.id}
    assert changed == {"pcgrad"}


def test_a_protocol_may_override_place_heads_and_per_suite_hyperparameters() -> None:
    methods = {"fixed": {}, "mine": {"balancer": "gradnorm", "place": "shared", "heads": "own"}}
    found = protocol(methods=methods, suites={"tiny": {"methods": {"mine": {"alpha": 0.12}}}, "tiny-two": {}})
    cells = {cell.suite: cell for cell in expand(found) if cell.row == "mine"}
    assert {(cell.balancer, cell.place, cell.heads) for cell in cells.values()} == {("gradnorm", "shared", "own")}
    assert {name: cell.hyperparameters["alpha"] for name, cell in cells.items()} == {"tiny": 0.12, "tiny-two": 1.5}


def test_weights_by_task_name_are_put_into_the_order_of_the_tasks() -> None:
    methods = {"fixed": {"hyperparameters": {"weights": {"side": 2.0, "height": 0.5}}}}
    cell = next(cell for cell in expand(protocol(methods=methods)) if cell.row == "fixed")
    assert cell.hyperparameters == {"weights": [0.5, 2.0]}


def test_a_cell_equals_the_one_read_back_from_json() -> None:
    for cell in expand(protocol()):
        assert type(cell).model_validate_json(cell.model_dump_json()) == cell


def test_filters_choose_methods_suites_and_seeds() -> None:
    both = protocol(suites={"tiny": {}, "tiny-two": {}})
    cells = expand(both, Filters(balancers=("pcgrad",), suites=("tiny-two",), seeds=3))
    assert {cell.row for cell in cells} == {SINGLE_TASK, "fixed", "pcgrad"}
    assert {cell.suite for cell in cells} == {"tiny-two"}
    assert {cell.seed for cell in cells} == {0, 1, 2}


def test_a_filter_may_name_methods_and_suites_that_the_protocol_lacks() -> None:
    cells = expand(protocol(), Filters(balancers=("uncertainty",), suites=("tiny-two",)))
    assert {cell.row for cell in cells} == {SINGLE_TASK, "fixed", "uncertainty"}
    assert {cell.suite for cell in cells} == {"tiny-two"}


def test_a_filter_by_balancer_finds_all_labels_that_use_it() -> None:
    found = protocol(
        methods={"fixed": {}, "a": {"balancer": "pcgrad"}, "b": {"balancer": "pcgrad", "heads": "weighted"}}
    )
    assert {cell.row for cell in expand(found, Filters(balancers=("pcgrad",)))} == {SINGLE_TASK, "fixed", "a", "b"}


def test_a_filter_may_name_wrapped_methods_and_those_of_another_library() -> None:
    wanted = ("every:4:gradnorm", "torchjd:UPGrad")
    cells = {cell.row: cell for cell in expand(protocol(), Filters(balancers=wanted))}
    assert set(cells) == {SINGLE_TASK, "fixed", *wanted}
    wrapped = cells["every:4:gradnorm"]
    assert (wrapped.balancer, wrapped.place, wrapped.heads) == ("every:4:gradnorm", "last", "weighted")
    assert wrapped.hyperparameters == {"alpha": 1.5, "learning_rate": 0.025}
    assert cells["torchjd:UPGrad"].balancer_version == "1+0.18.0"
    for cell in cells.values():
        assert type(cell).model_validate_json(cell.model_dump_json()) == cell


def test_a_label_may_stand_for_a_wrapped_method_with_hyperparameters() -> None:
    methods = {"fixed": {}, "rare": {"balancer": "every:4:gradnorm", "hyperparameters": {"alpha": 0.5}}}
    found = protocol(methods=methods, suites={"tiny": {"methods": {"rare": {"learning_rate": 0.1}}}})
    cell = next(cell for cell in expand(found, Filters(balancers=("every:4:gradnorm",))) if cell.row == "rare")
    assert cell.hyperparameters == {"alpha": 0.5, "learning_rate": 0.1}


def test_all_stands_for_every_registered_method_and_every_label_that_uses_one() -> None:
    found = protocol(methods={"fixed": {}, "mine": {"balancer": "pcgrad", "heads": "weighted"}})
    rows = {cell.row for cell in expand(found, Filters(balancers=("all",)))}
    assert rows == {SINGLE_TASK, "mine", *names()} - {"pcgrad"}


def test_facts_are_read_from_the_method_with_its_hyperparameters() -> None:
    @dataclass(frozen=True)
    class Choosy(Fixed):
        at: Literal["shared", "last"] = "shared"

        @property
        def place(self) -> Place:
            return self.at

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "registered", dict(registration.registered))
        register("choosy")(Choosy)
        methods = {"fixed": {}, "choosy": {}, "far": {"balancer": "choosy", "hyperparameters": {"at": "last"}}}
        places = {cell.row: cell.place for cell in expand(protocol(methods=methods))}
    assert (places["choosy"], places["far"]) == ("shared", "last")


def test_one_suite_may_stand_in_a_protocol_several_times_with_several_options() -> None:
    found = protocol(suites={"narrow": {"suite": "tiny", "options": {"width": 2}}, "tiny": {}})
    cells = expand(found)
    assert {(cell.problem, cell.suite, cell.suite_options.get("width")) for cell in cells} == {
        ("narrow", "tiny", 2),
        ("tiny", "tiny", None),
    }
    assert {cell.problem for cell in expand(found, Filters(suites=("narrow",)))} == {"narrow"}
    assert {cell.problem for cell in expand(found, Filters(suites=("tiny",)))} == {"narrow", "tiny"}
    plain = next(cell for cell in cells if cell.problem == "tiny")
    assert plain.id == next(cell for cell in expand(protocol()) if cell.row == plain.row).id, "as before there were any"


def test_gradients_are_not_looked_at_where_examples_of_different_tasks_cannot_meet() -> None:
    apart: dict[str, object] = {"suites": {"tiny": {"options": {"label_fraction": {"side": 0.5}}}}}
    (cell,) = {
        cell.place for cell in expand(protocol(methods={"fixed": {}, "imtl": {}}, **apart)) if cell.row == "imtl"
    }
    assert cell == "shared", "its paper's place is the representation"
    assert {
        c.place for c in expand(protocol(methods={"fixed": {}, "rotograd": {}}, **apart)) if c.row == "rotograd"
    } == {"features"}, "which it rotates"
    with pytest.raises(ValueError, match="gradients never meet there; choose 'shared' or 'last'"):
        expand(protocol(methods={"fixed": {}, "pcgrad": {"place": "features"}}, **apart))


def test_the_baselines_can_run_alone() -> None:
    assert {cell.row for cell in expand(protocol(), Filters(balancers=(SINGLE_TASK,)))} == {SINGLE_TASK}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(balancers=("pcgard",)), "did you mean 'pcgrad'"),
        (Filters(balancers=("every:4:pcgard",)), "did you mean 'pcgrad'"),
        (Filters(balancers=("evry:4:pcgrad",)), "did you mean 'every'"),
        (Filters(balancers=("torchjd:Upgrad",)), "did you mean 'UPGrad'"),
        (Filters(balancers=("torchjd:CAGrad",)), "method 'torchjd:CAGrad' with hyperparameters .*argument: 'c'"),
        (Filters(suites=("multimnst",)), "multimnist"),
    ],
)
def test_an_unknown_name_in_a_filter_is_refused_with_the_nearest(filters: Filters, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        expand(protocol(), filters)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"methods": {"fixed": {}, "pcgard": {}}}, "did you mean 'pcgrad'"),
        ({"suites": {"tinny": {}}}, "tiny"),
        ({"suites": {"tiny": {"options": {"widht": 3}}}}, "width"),
        ({"methods": {"fixed": {}, "gradnorm": {"hyperparameters": {"alfa": 1.0}}}}, "did you mean 'alpha'"),
        ({"methods": {"fixed": {}, "gradnorm": {"hyperparameters": {"seed": 1}}}}, "no hyperparameter 'seed'"),
        ({"methods": {"fixed": {}, "gradnorm": {"hyperparameters": {"alpha": -1.0}}}}, "method 'gradnorm' with"),
        ({"methods": {"fixed": {}, "gradnorm": {"hyperparameters": {"alpha": "high"}}}}, "method 'gradnorm' with"),
        ({"methods": {"fixed": {"hyperparameters": {"weights": [1.0]}}}}, "1 weights were given for 2 tasks"),
    ],
)
def test_mistakes_in_names_and_values_show_at_expansion(changes: dict[str, object], expected: str) -> None:
    found: Protocol = protocol(**changes)
    with pytest.raises(ValueError, match=expected):
        expand(found)
