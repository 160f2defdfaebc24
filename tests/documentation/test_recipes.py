"""The recipes in docs/recipes run, and print what they promise."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation.blocks import ROOT

RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.py"))
# One starts processes, and one would list the plug-ins of other tests.
IN_A_PROCESS_OF_THEIR_OWN = ("data_parallel", "list_methods")
LONGEST = 60

# What each recipe must print: a regular expression.
PROMISED = {
    "absent_tasks": r"left out of the mapping: tensor\(\[0\.\d+, 0\.0000, 0\.\d+\]\)\n.*True\n.*0\.0000\]\)",
    "at_features": r"mgda .* encoder passes: 1\n.*nash-mtl .* encoder passes: 1\nmoco: moco remembers gradients",
    "best_fixed_weights": r"gradnorm-regression-2\n(.*\n)+gradnorm-regression-10\n",
    "bfloat16": r"output: torch.bfloat16 weights: torch.float32 gradient: torch.float32",
    "checkpoint": r"the next weights are equal: True",
    "compiled_encoder": r"gradients arrived: True",
    "data_parallel": r"both processes agree: True",
    "fixed_weights": r"weights: tensor\(\[1\.0000, 0\.3000\]\)",
    "heads": r"own .*: 1\.5156\nweighted .*: 0\.1516",
    "last_shared_layer": r"at all shared parameters: .*\n.*at the last shared layer: .*\n.*as well: True",
    "lean_memory": r"both ways agree: True",
    "list_methods": r"43 methods: aligned-mtl, .*\n.*CAGrad\(c=0\.4.*GRAMIAN(.*\n)+.*c: how far",
    "losses_after_step": r"step 0 weights .*\nstep 49 weights",
    "lower_bounds": r"without a bound: scale-invariant needs losses of at least 0.*\nweights with a bound",
    "more_batches": r"sum: 1\.0",
    "plain_loop": r"0 \{'sum': 8.*\n(.*\n)+99 \{'sum': 0\.0",
    "primary_task": r"step 0 weights tensor\(\[1\., 0\.\]\)\nstep 49 weights",
    "rotations": r"the two views differ: True\na rotation keeps lengths: True",
    "scores": r"epoch 0 scores \{'sum': \d+, 'product': -\d+\}\n(.*\n)*epoch 2 scores \{'sum': \d+, 'product': \d+\}",
    "torchjd_class": r"torchjd:UPGrad \[1\.8, 0\.65\]\nupgrad \[1\.8, 0\.65\]",
    "watch_gradients": r"losses: .*\nnorms: .*\ncosines: tensor\(\[\[1\.0000",
    "wrappers": r"every:4:nash-mtl .*: 1\nsmoothed:.*: 4\nrescaled:.*: 4\nevery:2:.*: 2\nlength of the update: 1\.0",
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_and_prints_what_it_promises(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if path.stem in IN_A_PROCESS_OF_THEIR_OWN:
        command = [sys.executable, "-W", "error", str(path)]
        ran = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        printed = ran.stdout
    else:
        runpy.run_path(str(path), run_name="__main__")
        printed = capsys.readouterr().out
    assert re.search(PROMISED[path.stem], printed), printed


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_explained_and_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text)), "what does it show?"
    assert f"(recipes/{path.name})" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
