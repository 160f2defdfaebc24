"""The examples of the documentation run as they stand."""

import re
from pathlib import Path

import pytest
import torch

from balancers import Balancer, create, load_plugin
from balancers.conformance import check
from tests.balancers.network import small_network

ROOT = Path(__file__).parents[1]


def python_blocks(document: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "inverse_norm.py"
    path.write_text(python_blocks("CONTRIBUTING.md")[0])
    (name,) = load_plugin(path)
    return name


def test_the_readmes_training_loop_runs_and_its_checkpoint_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (loop,) = (block for block in python_blocks("README.md") if block.startswith("import torch"))
    monkeypatch.chdir(tmp_path)
    exec(compile(loop, "README.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out
    resumed = Balancer("gradnorm", tasks=["sum", "sign"], alpha=1.5)
    resumed.load_state_dict(torch.load("checkpoint.pt", weights_only=True)["balancer"])


def test_the_example_balancer_keeps_every_promise(example: str) -> None:
    assert [result for result in check(example) if not result.passed] == []


def test_the_example_balancer_gives_every_task_the_same_share(example: str) -> None:
    network = small_network(3)
    balancer = Balancer(create(example), 3)
    weights = balancer.backward(network.losses(), shared=network.encoder.parameters())
    shares = weights * balancer.evidence.norms
    torch.testing.assert_close(shares, shares[:1].expand(3), rtol=1e-5, atol=0)
