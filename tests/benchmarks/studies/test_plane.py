"""The plane study: replicas that train together go where each would go alone."""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from balancers import Balancer, Draws, Evidence, Need, Stateless, Weighting, create, names
from benchmarks.studies.plane import results, study, table
from benchmarks.studies.plane.published import rows, statements
from benchmarks.studies.plane.results import PlaneResults
from benchmarks.studies.plane.train import LOWER_BOUNDS, Breakdown, Schedule, Trajectories, train
from benchmarks.studies.results import Origin
from tasks.suites.plane import STARTS, first_loss, pareto_front, second_loss

METHODS = names()  # now: other tests register methods that break
STEPS = 150
NOWHERE = Origin("command", {"cores": "1"})
TOGETHER = torch.tensor(STARTS, dtype=torch.float64)[[0, 2]]


def alone(method: str, start: Tensor, seed: int) -> Tensor:
    """The ordinary training loop, from one start."""
    point = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([point], lr=1e-3)
    balancer = Balancer(method, 2, seed=seed, lower_bounds=LOWER_BOUNDS.tolist())

    def losses() -> list[Tensor]:
        return [first_loss(point), second_loss(point)]

    for _ in range(STEPS):
        optimizer.zero_grad()
        others = [losses(), losses()] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
        balancer.backward(losses(), shared=[point], others=others)
        optimizer.step()
        balancer.after_step([loss.detach() for loss in losses()])
    return point.detach()


@pytest.fixture(scope="module")
def together() -> dict[str, Tensor]:
    found = train([create(name) for name in METHODS], TOGETHER, Schedule(STEPS))
    assert not found.breakdowns
    return dict(zip(METHODS, found.points[-1], strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_replicas_go_where_the_ordinary_loop_goes_alone(method: str, together: dict[str, Tensor]) -> None:
    for seed, (start, end) in enumerate(zip(TOGETHER, together[method], strict=True)):
        torch.testing.assert_close(end, alone(method, start, seed), rtol=0, atol=1e-9)


class OnLosses(Stateless):
    name = "test"
    needs = Need.LOSSES


@dataclass(frozen=True)
class Breaks(OnLosses):
    """Where the first loss is above a limit there is no weight; the whole method raises if it is below another."""

    above: float = float("inf")
    below: float = -float("inf")

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        if (seen.losses[..., :1] < self.below).any():
            raise ValueError("too low")
        return torch.where(seen.losses[..., :1] > self.above, torch.nan, 1.0).expand_as(seen.losses)


def test_a_replica_that_breaks_stays_where_it_was_and_the_others_go_on() -> None:
    starts = torch.tensor(STARTS, dtype=torch.float64)
    bounded = first_loss(starts) - LOWER_BOUNDS[0]
    limit = float(bounded.sort().values[-2:].mean())  # only the start with the largest loss is above it
    worst = int(bounded.argmax())
    methods: list[Weighting] = [Breaks(above=limit), Breaks(), Breaks(below=1e9)]
    found = train(methods, starts, Schedule(20, every=10))
    assert found.steps == [0, 10, 20]
    assert found.breakdowns[0, worst] == (1, "the update is not finite")
    assert {key for key in found.breakdowns if key[0] != 2} == {(0, worst)}
    assert found.breakdowns[2, 0] == (1, "ValueError: too low")
    torch.testing.assert_close(found.points[:, 0, worst], starts[worst].expand(3, 2))
    others = [i for i in range(len(starts)) if i != worst]
    torch.testing.assert_close(found.points[:, 0, others], found.points[:, 1, others])
    torch.testing.assert_close(found.points[-1, 2], starts)
    assert found.points.isfinite().all()


def test_progress_is_told_after_every_step() -> None:
    seen: list[int] = []
    train([create("fixed")], TOGETHER, Schedule(7), seen.append)
    assert seen == list(range(1, 8))


def made() -> PlaneResults:
    """Two rows from two starts: one ends on the front twice, the other once and breaks once."""
    front = pareto_front()
    far = torch.tensor([0.0, 0.0], dtype=torch.float64)
    paths = [[far, front[350], front[350]], [far, far, front[700]], [far, front[0], front[0]], [front[0], far, far]]
    points = torch.stack([torch.stack(path) for path in paths], 1).reshape(3, 2, 2, 2)
    found = Trajectories([0, 10, 20], points, {(1, 1): Breakdown(7, "it broke")})
    return results.with_ends(["both", "one"], torch.tensor(STARTS, dtype=torch.float64)[:2], found)


def test_an_end_counts_if_it_is_on_the_front_and_from_when_on_it_stays_is_known() -> None:
    ends = made().ends
    assert [end.on_front for end in ends["both"]] == [True, True]
    assert [end.reached for end in ends["both"]] == [10.0, 20.0]
    assert [end.on_front for end in ends["one"]] == [True, False]
    assert math.isnan(ends["one"][1].reached)  # it began there, and left
    assert ends["one"][1].failed == "step 7: it broke"
    assert ends["both"][1].first == pytest.approx(float(first_loss(pareto_front()[700])))


def test_rows_are_ordered_by_how_many_reach_the_front() -> None:
    found = made()
    assert results.order(found) == ["both", "one"]
    assert [results.score(found, row) for row in ("both", "one")] == ["2/2", "1/2"]
    assert results.imbalance(found, "both") == pytest.approx(3.5)  # in the middle, and at the end


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    found = made()
    results.save(found, tmp_path)
    again = results.load(tmp_path)
    assert table.as_markdown(again, Schedule(20), NOWHERE) == table.as_markdown(found, Schedule(20), NOWHERE)
    torch.testing.assert_close(again.points.double(), found.points)
    with pytest.raises(ValueError, match="benchmarks plane"):
        results.load(tmp_path / "nowhere")


def test_the_table_says_where_runs_ended() -> None:
    text = table.as_markdown(made(), Schedule(20), NOWHERE)
    assert "| both | 2/2 | +0.0 | +7.0 | 3.5 | 15 |  |" in text
    assert "| one | 1/2 | −7.0 | ✗ | 7.0 | 10 |  |" in text
    assert "- one from start 2 broke in step 7: it broke" in text


def test_what_papers_print_is_of_rows_that_exist() -> None:
    every = rows(METHODS)
    assert list(rows(["fixed"])) == ["fixed"]
    variant = [row for row in every if row not in METHODS]
    assert variant
    assert all(statements(row) for row in variant)
    cited = {row for row in every if statements(row)}
    assert {"fixed", "mgda"} <= cited


def test_the_study_writes_table_chart_and_what_they_are_made_from(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    path = study.run(["fixed", "mgda"], 40, tmp_path, console)
    assert path == tmp_path / "plane.md"
    assert "| mgda | 0/5 |" in path.read_text(encoding="utf-8")
    names_of = {file.name for file in tmp_path.iterdir()}
    assert names_of == {
        "plane.md",
        "plane.csv",
        "environment.json",
        "trajectories.npz",
        "trajectories.png",
        "trajectories.svg",
    }
    assert "[20/40] about" in console.file.getvalue()  # pyright: ignore
    before = path.read_text(encoding="utf-8")
    study.report(tmp_path)
    assert path.read_text(encoding="utf-8") == before
    study.run(["pcgrad", "mgda"], 40, tmp_path, console)  # one more, and one again
    assert list(results.load(tmp_path).ends) == ["fixed", "pcgrad", "mgda"]
    study.run(["pcgrad"], 20, tmp_path, console)  # results of another length are not kept beside it
    assert list(results.load(tmp_path).ends) == ["pcgrad"]


def test_rows_of_two_runs_are_put_together_with_their_trajectories() -> None:
    old = made()
    both = old._replace(ends={"other": old.ends["both"], "both": old.ends["one"]})
    found = results.merge(old, both)
    assert list(found.ends) == ["one", "other", "both"]
    torch.testing.assert_close(found.points[:, 0], old.points[:, 1])
    torch.testing.assert_close(found.points[:, 1:], both.points)
