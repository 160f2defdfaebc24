"""Every block of code and every command in the documents is run, or checked as far as a test can."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.protocols import files
from benchmarks.protocols.expand import expand
from benchmarks.running.reproduce import find
from tests.documentation import shell
from tests.documentation.blocks import DOCUMENTS, ROOT, Block, fenced, inline_commands, saved_files

BLOCKS = [block for document in DOCUMENTS for block in fenced(document)]
COMMANDS = [block for document in DOCUMENTS for block in inline_commands(document)]
BENCHMARKS = [
    words[3:]
    for block in BLOCKS
    if block.language == "sh"
    for words in shell.commands(block.text)
    if words[1:3] == ["-m", "benchmarks"]
]


def calls_of(*names: str) -> list[list[str]]:
    """The arguments of all documented calls of some commands of the benchmark."""
    return [arguments for arguments in BENCHMARKS if arguments[0] in names]


def check_shell(block: Block, folder: Path) -> None:
    for words in shell.commands(block.text):
        shell.check(words)


def check_python(block: Block, folder: Path) -> None:
    for name, text in saved_files().items():
        (folder / name).write_text(text, encoding="utf-8")
    program = folder / "block.py"
    program.write_text(block.text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def completed(fragment: str) -> str:
    """A protocol that a fragment of one is a part of."""
    tables = {
        "defaults": "[defaults]\nseeds = 1\noptimizer = 'adam'\nlearning_rates = [1e-3]\nbatch_size = 10\n"
        "epochs = 1\nevaluations = 1",
        "suites": "[suites.plane]",
        "methods": "[methods.fixed]",
    }
    keys = tomllib.loads(fragment)
    head = "" if "name" in keys else "name = 'fragment'\ndescription = 'of a document'"
    return "\n".join([head, fragment, *(text for table, text in tables.items() if table not in keys)])


def check_toml(block: Block, folder: Path) -> None:
    if "project" in tomllib.loads(block.text):
        assert "balancers" in tomllib.loads(block.text)["project"]["entry-points"]
        return
    path = folder / "block.toml"
    path.write_text(completed(block.text), encoding="utf-8")
    assert expand(files.read(path))


def parameters_after(program: str) -> Tensor:
    """The parameters that a training loop of the README ends with."""
    torch.manual_seed(0)
    encoder, heads = nn.Linear(6, 8), nn.ModuleDict({"left": nn.Linear(8, 3), "right": nn.Linear(8, 3)})
    parameters = [*encoder.parameters(), *heads.parameters()]
    names = {
        "encoder": encoder,
        "heads": heads,
        "loss": nn.functional.cross_entropy,
        "optimizer": torch.optim.SGD(parameters, lr=0.1),
        "batches": [(torch.randn(16, 6), {task: torch.randint(3, (16,)) for task in heads}) for _ in range(3)],
    }
    exec(compile(program, "README.md", "exec"), names)
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


def check_diff(block: Block, folder: Path) -> None:
    """Both sides run; with equal weights in the place of the method, they are the same training."""
    lines = block.text.splitlines()
    plain, balanced = ("\n".join(line[1:] for line in lines if line[:1] in ("", " ", side)) for side in "-+")
    assert not torch.equal(parameters_after(plain), parameters_after(balanced))
    equal = parameters_after(balanced.replace('"pcgrad"', '"fixed"'))
    torch.testing.assert_close(parameters_after(plain), equal)


CHECKS: dict[str, Callable[[Block, Path], None]] = {
    "sh": check_shell,
    "python": check_python,
    "toml": check_toml,
    "diff": check_diff,
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_every_block_of_code_is_checked(block: Block, tmp_path: Path) -> None:
    if block.language not in CHECKS:
        pytest.fail(f"{block.place}: no check covers blocks of {block.language or 'no language'!r}")
    try:
        CHECKS[block.language](block, tmp_path)
    except Exception as error:
        error.add_note(f"in the block at {block.place}")
        raise


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.place)
def test_every_command_in_running_text_exists(block: Block, tmp_path: Path) -> None:
    check_shell(block, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rm -rf results", "no check covers the program 'rm'"),
        ("make bunch", "no target 'bunch'"),
        ("make bench SUITE=multimnist", "no variable 'SUITE'"),
        ("make bench SUITES=multimist", "multimist"),
        ("python -m benchmarks compere a b", "no command 'compere'"),
        ("python -m benchmarks run --suites multimist", "multimist"),
        ("python -m benchmarks run --protocol standart", "standart"),
        ("python docs/recipes/gone.py", "no file"),
        ("python -m tests.gone", "no module"),
        ("pip install numpy", "no check covers the package"),
    ],
)
def test_a_command_that_cannot_run_is_noticed(text: str, message: str) -> None:
    (words,) = shell.commands(text)
    with pytest.raises(ValueError, match=message):
        shell.check(words)


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        shell.check(["python", "-m", "benchmarks", "list", "--plugins", "a.py"])


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with our results and the examples that readers save, and with somebody else's results beside it."""
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "theirs").mkdir()
    (own / "results").symlink_to(ROOT / "results")
    for name, text in saved_files().items():
        (own / name).write_text(text, encoding="utf-8")
    (tmp_path / "theirs" / "quick").symlink_to(ROOT / "results" / "quick")
    monkeypatch.chdir(own)
    return own


@pytest.mark.parametrize("arguments", calls_of("list", "compare", "export"), ids=" ".join)
def test_commands_that_only_read_run_as_they_stand(arguments: list[str], workplace: Path) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    if arguments[0] == "export":
        assert (workplace / arguments[2]).is_file()


@pytest.mark.parametrize("arguments", calls_of("check"), ids=" ".join)
def test_the_examples_pass_the_checks_as_they_stand(arguments: list[str], workplace: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("arguments", calls_of("reproduce"), ids=" ".join)
def test_the_run_that_is_to_be_reproduced_exists(arguments: list[str], workplace: Path) -> None:
    _, values = shell.parsed(arguments)
    assert find(values["record"], values["results"]).status == "done"
