"""What suites of two overlapping images share: answers for one's own image, and that their model learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from tasks import registry
from tasks.base import seeded, seeded_heads
from tasks.suites._overlays import Overlays
from tasks.suites.multimnist import MultiMnist
from tests.tasks.files import write_mnist


@pytest.fixture
def canvas() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (36, 36), dtype=np.uint8)


@pytest.mark.parametrize("name", ["multimnist", "multifashion"])
def test_an_image_becomes_the_canvas_that_training_sees(name: str, canvas: np.ndarray, tmp_path: Path) -> None:
    suite = registry.create(name)
    assert isinstance(suite, Overlays)
    Image.fromarray(canvas).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([canvas] * 3, -1)).save(tmp_path / "colour.png")
    image = suite.read(str(tmp_path / "grey.png"))["image"]
    assert image.shape == (1, 1, 36, 36)
    torch.testing.assert_close(
        image[0, 0] * suite.grey.deviation + suite.grey.mean, torch.from_numpy(canvas).float() / 255
    )
    assert torch.equal(image, suite.read(str(tmp_path / "colour.png"))["image"])
    _, outputs = suite.build(0, ["left", "right"])({"image": image})
    assert list(suite.answers("grey.png", outputs)) == ["left", "right"]


def test_answers_name_the_class_and_its_probability() -> None:
    logits = torch.zeros(1, 10)
    logits[0, 7] = 50
    assert registry.create("multimnist").answers("", {"left": logits}) == {"left": "7 (100%)"}
    assert registry.create("multifashion").answers("", {"right": logits}) == {"right": "sneaker (100%)"}


def test_what_is_no_canvas_is_refused(canvas: np.ndarray, tmp_path: Path) -> None:
    suite, file = MultiMnist(), tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"a.png cannot be read \(No such file"):
        suite.read(str(file))
    file.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"a.png is not an image"):
        suite.read(str(file))
    Image.fromarray(canvas[:28]).save(file)
    with pytest.raises(ValueError, match=r"has 36×28 pixels; expected 36×36"):
        suite.read(str(file))


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", ["multimnist", "multifashion"])
def test_the_usual_model_is_bit_for_bit_the_lenet_of_ten_channels(name: str) -> None:
    with seeded("init", 3):
        layers = {"first": nn.Conv2d(1, 10, 5), "second": nn.Conv2d(10, 20, 5), "last": nn.Linear(720, 50)}
    head = seeded_heads(3, ["left"], lambda _: nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)))["left"]
    model = registry.create(name).build(3, ["left"])
    expected = nn.ModuleDict(layers).state_dict()
    for part, values in ((model.encoder.state_dict(), expected), (model.heads["left"].state_dict(), head.state_dict())):
        assert list(part) == list(values)
        assert all(torch.equal(part[key], values[key]) for key in values)


def test_a_run_of_the_usual_width_is_the_one_that_it_was_before_there_were_others() -> None:
    cells = expand(read(find("quick")), Filters(suites=("multimnist",), balancers=("fixed",), seeds=1))
    assert next(cell.id for cell in cells if cell.row == "fixed") == "0d828409930dbe9f"  # as in results/quick


@pytest.mark.parametrize("name", ["multimnist", "multifashion"])
@pytest.mark.parametrize("width", [1, 5, 40])
def test_the_width_scales_every_layer_of_the_encoder_and_leaves_the_hidden_units_of_heads(
    name: str, width: int
) -> None:
    model = registry.create(name, width=width).build(0, ["left", "right"])
    features, outputs = model({"image": torch.zeros(2, 1, 36, 36)})
    assert features.shape == (2, 5 * width)
    assert outputs["right"].shape == (2, 10)
    assert parameters(model.encoder) == 26 * width + (25 * width + 1) * 2 * width + (72 * width + 1) * 5 * width
    assert parameters(model.heads["left"]) == (5 * width + 1) * 50 + 51 * 10


def test_an_encoder_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, not 0"):
        registry.create("multifashion", width=0)


def test_both_tasks_are_learnt(tmp_path: Path) -> None:
    write_mnist(tmp_path, list(range(10)) * 12, list(range(10)))
    suite = registry.create("multifashion", train_pairs=64, other_pairs=1)
    train = suite.load(tmp_path).train
    model = suite.build(0, ["left", "right"])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    history = []
    for _ in range(40):
        _, outputs = model(train.inputs)
        losses = torch.stack([task.loss(outputs[task.name], train.targets[task.name]) for task in suite.tasks])
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        history.append(losses.detach())
    assert (history[-1] < 0.5 * history[0]).all(), history[-1]
