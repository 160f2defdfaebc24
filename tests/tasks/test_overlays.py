"""What suites of two overlapping images share: answers for one's own image, and that their model learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tasks import registry
from tasks.multimnist import MultiMnist
from tasks.overlays import Overlays
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
