"""The cost of a step: every step that is timed does what it should, and the tables say what was measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from balancers import Balancer, Need, create, names
from benchmarks.studies.results import Origin
from benchmarks.studies.step_cost import measure, solvers, study
from benchmarks.studies.step_cost.aims import aims
from benchmarks.studies.step_cost.checks import Check, checks
from benchmarks.studies.step_cost.measure import DERIVED, MEASURED, Case, ModelPlan, cases
from benchmarks.studies.step_cost.models import MODELS, build
from benchmarks.studies.step_cost.operators import OperatorCount, operator_counts, operators_of
from benchmarks.studies.step_cost.peers import PEERS, VARIANTS, features_step, peer_step, shared_step
from benchmarks.studies.step_cost.results import StepCostResults
from benchmarks.studies.step_cost.solvers import SOLVERS, Solve
from benchmarks.studies.step_cost.steps import balanced_step, bound_step, places, plain_step, probe, sort_of
from benchmarks.studies.timing import Effort, alternate

NO_TIME = Effort(0.0, fewest=1, most=1)
METHODS = list(names())  # before other tests register theirs
PAIRS = [(name, place) for name in names() for place in places(create(name))]


@pytest.mark.parametrize(("method", "place"), PAIRS)
def test_every_method_can_be_timed_wherever_it_is_said_to_be(method: str, place: str) -> None:
    problem = build("mlp", 3)
    balanced_step(problem, Balancer(method, 3), place)()
    for parameter in problem.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")  # cvxpy, of TorchJD's Nash-MTL
@pytest.mark.parametrize("name", PEERS)
def test_every_peer_belongs_to_a_method_and_fills_the_same_gradients(name: str) -> None:
    assert name in names()
    for place in places(create(name)):
        problem = build("mlp", 5)
        step = peer_step(problem, PEERS[name](5), place, VARIANTS["default"])
        if step is not None:
            step()
            assert all(parameter.grad is not None for parameter in problem.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_torchjd_with_equal_weights_is_the_plain_step(variant: str) -> None:
    plain, theirs, at_features = (build("mlp", 3) for _ in range(3))
    plain_step(plain)()
    shared_step(theirs, measure.equal_weights(), VARIANTS[variant])()
    features_step(at_features, measure.equal_weights())()
    for want, got, other in zip(plain.parameters(), theirs.parameters(), at_features.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad)
        torch.testing.assert_close(other.grad, want.grad)


@pytest.mark.parametrize("method", names())
def test_the_probe_of_every_sort_is_the_plain_step(method: str) -> None:
    weighting = create(method)
    if Need.GRADIENTS in weighting.needs:
        pytest.skip("methods that look at the gradients themselves are measured in full")
    plain, probed = build("mlp", 3), build("mlp", 3)
    plain_step(plain)()
    balanced_step(probed, Balancer(probe(sort_of(weighting)), 3), "shared")()
    for want, got in zip(plain.parameters(), probed.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad)


def test_the_large_encoder_has_the_size_that_it_is_named_for() -> None:
    parts = MODELS["encoder-22m"]()
    assert round(sum(p.numel() for p in parts.encoder.parameters()) / 1e6) == 23
    assert parts.encoder(parts.inputs).shape == (16, parts.width)


def test_steps_take_turns_and_impossible_ones_are_left_out() -> None:
    log: list[str] = []

    def impossible() -> None:
        raise ValueError("no such case")

    steps = {"a": lambda: log.append("a"), "b": impossible, "c": lambda: log.append("c")}
    found = alternate(steps, lambda: log.append("-"), Effort(0.0, fewest=2, most=2))
    assert "".join(log) == "-a--c" + "-a-c" * 2
    assert list(found) == ["a", "c"]
    assert all(seconds >= 0 for seconds in found.values())


def test_a_step_is_measured_in_full_or_derived_from_what_is_around_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["pcgrad", "graddrop", "uncertainty", "modo"]
    monkeypatch.setitem(measure.PLANS, "mlp", ModelPlan(NO_TIME, NO_TIME, in_full=True))
    full = list(cases("mlp", 2, chosen))
    monkeypatch.setitem(measure.PLANS, "mlp", ModelPlan(NO_TIME, NO_TIME, gradients=1))
    found = list(cases("mlp", 2, chosen))
    assert {case.how for case in full} == {MEASURED}
    assert {case.method: case.how for case in found} == {
        "pcgrad": DERIVED,
        "graddrop": MEASURED,
        "uncertainty": DERIVED,
        "modo": DERIVED,
    }
    known = {(case.method, case.place) for case in found}
    assert known == {(case.method, case.place) for case in full} - {("graddrop", "shared")}
    for case in found:
        assert case.ours > 0
        assert case.how == MEASURED or 0 < case.weights < case.ours
        assert math.isnan(case.torchjd) == (not case.torchjd_how)
    compared = {(case.method, case.place) for case in found if case.torchjd_how}
    assert compared == {
        ("pcgrad", "shared"),
        ("pcgrad", "features"),
        ("graddrop", "features"),
        ("uncertainty", "shared"),
    }


def test_derived_times_are_checked_on_the_cheapest_the_median_and_the_dearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(measure.PLANS, "mlp", ModelPlan(NO_TIME, NO_TIME))
    weights = {"pcgrad": 3.0, "fixed": 1.0, "mgda": 5.0, "gls": 2.0, "upgrad": 4.0}
    made = [case(name, "shared", ours=2.0, weights=value) for name, value in weights.items()]
    assert [check.method for check in checks(made)] == ["fixed", "pcgrad", "mgda"]


def case(method: str, place: str, ours: float, *, weights: float = math.nan, torchjd: float = math.nan) -> Case:
    how = DERIVED if weights == weights else MEASURED  # noqa: PLR0124 - NaN is not equal to itself
    return Case("mlp", 3, method, place, 1.0, ours, how, weights, torchjd, "" if math.isnan(torchjd) else MEASURED)


def test_the_summary_counts_and_averages_ratios(tmp_path: Path) -> None:
    ratios = [
        case("a", "shared", 2.0, torchjd=1.0),  # twice as slow
        case("b", "shared", 1.0, torchjd=8.0),
        case("a", "features", 1.01, torchjd=1.0),  # a difference too small to count
        case("c", "shared", 3.0),
    ]
    solves = [Solve(next(iter(SOLVERS)), 2, kind, 1e-3) for kind in solvers.KINDS]
    counts = [OperatorCount("bert-12", 3, "a", "Gramian", 1000, 1100, 1500)]
    StepCostResults(ratios, solves, [Check("mlp", 3, "a", "shared", 2.0, 2.1)], counts).save(tmp_path)
    Origin("command", {"cores": "1"}).save(tmp_path)
    assert study.report(tmp_path) == tmp_path / "micro.md"
    text = (tmp_path / "micro.md").read_text(encoding="utf-8")
    assert text.endswith("Command: `command`.\nMachine: cores: 1\n")
    mean = (2 * 1 / 8 * 1.01) ** (1 / 3)
    assert f"| all | 3 | 67% | {mean:.2f} | 2.00: a, mlp, K=3, shared | 0.12: b, mlp, K=3, shared |" in text
    assert "| shared | 2 | 50% | 0.50 |" in text
    assert "| c | 3.00 |" in text
    assert "| mlp | 3 | a | shared | 2.00 | 2.10 |" in text
    assert "| a | Gramian | 1100 (1.10) | 1500 (1.50) |" in text
    assert (tmp_path / "micro.csv").read_text(encoding="utf-8").count("\n") == 1 + len(ratios)
    assert (tmp_path / "solvers.csv").exists()


def large(method: str, place: str, tasks: int, ours: float) -> Case:
    return Case("encoder-22m", tasks, method, place, 1.0, ours, DERIVED, 0.01, math.nan, "", bound=float(tasks))


def counted(method: str, tasks: int, kind: str, ours: int) -> OperatorCount:
    return OperatorCount("bert-12", tasks, method, kind, 1000, ours, None)


def test_every_aim_is_judged_by_its_worst_case() -> None:
    upgrad, cagrad, mgda = (next(name for name in SOLVERS if f"({m})" in name) for m in ("UPGrad", "CAGrad", "MGDA"))
    results = StepCostResults(
        cases=[
            large("pcgrad", "shared", 40, 41.0),
            large("mgda", "shared", 11, 11.99),
            large("mgda", "features", 11, 99.0),
            large("graddrop", "shared", 11, 99.0),
            case("uncertainty", "shared", 1.0 + 5e-5, torchjd=1.0),
            case("famo", "shared", 1.5, torchjd=4.0),
        ],
        solves=[
            Solve(mgda, 11, "dependent", 1.1e-4),
            Solve(mgda, 11, "stationary", 1.9e-4),
            Solve(cagrad, 3, "independent", 1.9e-4),
            Solve(upgrad, 40, "stationary", 9e-3),
            Solve(upgrad, 100, "independent", 6e-2),
            Solve(mgda, 100, "independent", 9.0),
        ],
        checks=[Check("lenet", 3, "a", "shared", 1.1, 1.0)],
        operators=[
            counted("mgda", 3, "Gramian", 1139),
            counted("pcgrad", 10, "Gramian", 1141),
            counted("graddrop", 3, "gradients", 9999),
            counted("uncertainty", 3, "losses", 1030),
            counted("famo", 3, "losses", 1300),
        ],
    )
    gramian, losses, overhead, solving, cases_no_slower, mean, exact, accuracy = aims(results)
    assert gramian.endswith("and 40 more*: missed (`pcgrad`, bert-12, K=10: 1141 beside 1000).")
    assert losses.endswith("than a plain step*: met (`uncertainty`, bert-12, K=3: 30 more).")
    assert overhead.endswith("at most 60 µs more than a plain step*: met (`uncertainty`, K=3: 50 µs).")
    assert "missed (3 of 5 in time; " in solving
    assert f"{mgda}, K=11, dependent: 0.11 of 0.1 ms; {upgrad}, K=100, independent: 60 of 50 ms)." in solving
    assert "met (in 100.0% of 2; at most 1.00 times (`uncertainty`, mlp, K=3, shared))." in cases_no_slower
    assert mean.endswith("at most 0.80 in the geometric mean*: met (0.61).")
    assert exact.endswith("K backward passes*: missed (`mgda`, K=11: 1.09).")
    assert "by up to 10%" in accuracy


def test_aims_without_measurements_are_not_judged() -> None:
    assert aims(StepCostResults([], [], [], [])) == []


def test_operators_are_counted_without_views() -> None:
    x = torch.ones(2, 3)

    def step() -> None:
        (x.t().reshape(-1)[:2] + 1).sum()  # to put a transposed tensor in line is a copy

    assert operators_of(step) == 3
    assert operators_of(lambda: x.view(3, 2).t()) == 0


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")  # cvxpy, of TorchJD's Nash-MTL
@pytest.mark.parametrize("tasks", [2, 3])
def test_every_method_has_its_operators_beside_its_bound(tasks: int) -> None:
    counts = {count.method: count for count in operator_counts("two-layer", tasks, METHODS)}
    problem = build("two-layer", tasks)
    plain, bound = operators_of(plain_step(problem)), operators_of(bound_step(problem))
    assert list(counts) == METHODS
    for name, count in counts.items():
        assert count.bound == (plain if count.looks_at == "losses" else bound), name
        assert count.ours > count.bound, name
        assert (count.torchjd is None) or count.torchjd > 0
    assert counts["pcgrad"].torchjd is not None
    assert {counts[name].looks_at for name in ("pcgrad", "graddrop", "modo")} == {
        "Gramian",
        "gradients",
        "three batches",
    }


def test_stationary_gradients_cancel() -> None:
    rows = solvers._gradients(5, "stationary")
    assert rows.shape == (5, 10)
    assert rows.sum(0).abs().max() < 1e-12
    assert torch.linalg.matrix_rank(solvers._gradients(6, "dependent")) == 3
