"""Names of methods: plain ones, wrapped ones, and those of another library; and what is said about mistakes."""

from dataclasses import dataclass
from typing import Any

import pytest
from torch import Tensor

from balancers import Balancer, Draws, Evidence, Need, Stateless, create, register, registry
from balancers.contract import registration
from balancers.methods.gradnorm import GradNorm
from balancers.wrappers.wrappers import Every, Rescaled, Smoothed


def test_wrappers_stand_before_a_name_the_outermost_first() -> None:
    method = create("every:4:smoothed:0.9:rescaled:unit:gradnorm")
    assert method == Every(Smoothed(Rescaled(GradNorm(), "unit"), 0.9), 4)
    assert method.name == "every:4:smoothed:0.9:rescaled:unit:gradnorm"


def test_hyperparameters_go_to_the_method_inside() -> None:
    assert create("rescaled:mean:gradnorm", alpha=0.12) == Rescaled(GradNorm(alpha=0.12), "mean")
    balancer = Balancer("every:2:fixed", ["a", "b"], weights={"b": 3.0, "a": 1.0})
    assert balancer.weighting == Every(create("fixed", weights=(1.0, 3.0)), 2)


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("evry:4:pcgrad", {}, "no wrapper 'evry'; did you mean 'every'. There is: every, rescaled, smoothed, torchjd"),
        ("pcgrad:4", {}, "no wrapper 'pcgrad'"),
        ("every:4", {}, "expected every:STEPS:METHOD, got every:4"),
        ("every:pcgrad", {}, "expected every:STEPS:METHOD, got every:pcgrad"),
        ("every:4:", {}, "expected every:STEPS:METHOD"),
        ("every::pcgrad", {}, "expected every:STEPS:METHOD"),
        ("every:x:pcgrad", {}, "expected a whole number for every:STEPS:METHOD, got 'x'"),
        ("every:1.5:pcgrad", {}, "expected a whole number for every:STEPS:METHOD, got '1.5'"),
        ("smoothed:much:pcgrad", {}, "expected a number for smoothed:MOMENTUM:METHOD, got 'much'"),
        ("every:0:pcgrad", {}, "whole number of at least 1, got 0"),
        ("rescaled:max:pcgrad", {}, "a length out of mean, sum, unit, got 'max'"),
        ("every:4:smoothed:0.5:pcgard", {}, "no balancer 'pcgard'; did you mean 'pcgrad'"),
        ("every:4:gradnorm", {"alfa": 1.0}, "balancer 'gradnorm' has no hyperparameter 'alfa'; did you mean 'alpha'"),
        ("every:4:gradnorm", {"steps": 1}, "balancer 'gradnorm' has no hyperparameter 'steps'"),
        ("every:4:gradnorm", {"alpha": -1.0}, "expected a finite alpha"),
    ],
)
def test_a_mistake_is_named_with_what_there_is(name: str, hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(name, **hyperparameters)


def test_the_class_of_a_wrapped_method_is_that_of_the_method_inside() -> None:
    assert registry.get("every:4:smoothed:0.9:gradnorm") is GradNorm


def test_a_name_with_a_colon_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="no colon"):
        register("my:method")(GradNorm)


def test_needs_may_depend_on_hyperparameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "registered", dict(registration.registered))

    @register("sometimes-norms")
    @dataclass(frozen=True)
    class Sometimes(Stateless):
        norms: bool = False

        @property
        def needs(self) -> Need:
            return Need.GRAMIAN if self.norms else Need.LOSSES

        def weigh(self, evidence: Evidence, draws: Draws) -> Tensor:
            return evidence.norms if self.norms else evidence.losses

    assert create("sometimes-norms").needs == Need.LOSSES
    assert create("every:2:sometimes-norms", norms=True).needs == Need.LOSSES | Need.GRAMIAN
