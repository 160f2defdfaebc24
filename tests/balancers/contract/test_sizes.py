"""Where states live: numbers per task on the CPU, what is as long as a gradient on the device of the gradients."""

import pytest
import torch

from balancers import Sizes, create, names
from balancers.step.state_axes import element_axes, width_axes

ELSEWHERE = torch.device("meta")


@pytest.mark.parametrize("batch", [(), (2,)])
def test_zeros_per_task_are_on_the_cpu_whatever_the_device_of_the_gradients(batch: tuple[int, ...]) -> None:
    sizes = Sizes(3, elements=5, batch=batch, device=ELSEWHERE)
    for zeros in (sizes.scalar(), sizes.per_task(), sizes.per_pair()):
        assert zeros.device.type == "cpu"
        assert zeros.dtype == torch.float64
    assert sizes.per_element().device == ELSEWHERE


@pytest.mark.parametrize("name", names())
def test_of_every_method_only_what_is_as_long_as_a_gradient_is_on_its_device(name: str) -> None:
    state = create(name).init(Sizes(3, elements=5, width=2, device=ELSEWHERE))
    long = {field for axes in (element_axes, width_axes) for field, numbers in axes(type(state)).items() if numbers}
    for field, value in zip(getattr(state, "_fields", ()), state, strict=True):
        assert value.device.type == ("meta" if field in long else "cpu"), field
