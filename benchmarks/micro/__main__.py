"""Turn the measurements of pytest-benchmark into a table of ratios: ``python -m benchmarks.micro FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import torch

from benchmarks.environment import describe

RAW = "raw.json"  # written by pytest-benchmark; not kept


def ratios(raw: dict) -> pd.DataFrame:
    """Median seconds of every case, and its ratio to the plain steps that took turns with it."""
    rows = [case["extra_info"] | {"seconds": case["stats"]["median"]} for case in raw["benchmarks"]]
    return pd.DataFrame(rows, columns=["model", "tasks", "method", "place", "seconds", "ratio"])


def as_markdown(frame: pd.DataFrame, machine: dict[str, str]) -> str:
    """Ratios as one table: a row per method and place, a column per model and number of tasks."""
    table = frame.pivot_table(index=["method", "place"], columns=["model", "tasks"], values="ratio", sort=False)
    columns = [f"{model}, K={tasks}" for model, tasks in table.columns]
    lines = [
        "# Cost of one balanced step",
        "",
        "Median time of forward and backward pass as a ratio to `losses.sum().backward()`; both steps in alternation.",
        "",
        "| method | measured at | " + " | ".join(columns) + " |",
        "| --- | --- |" + " ---: |" * len(columns),
    ]
    for (method, place), values in table.iterrows():  # pyright: ignore[reportGeneralTypeIssues]
        lines.append(f"| {method} | {place} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    facts = "; ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    return "\n".join([*lines, "", "Command: `make micro`.", f"Machine: {facts}", ""])


def main(folder: Path) -> None:
    """Replace the raw measurements in ``folder`` by ``micro.csv`` and ``micro.md``."""
    raw = folder / RAW
    frame = ratios(json.loads(raw.read_text()))
    frame.to_csv(folder / "micro.csv", index=False, float_format="%.6g")
    text = as_markdown(frame, describe(torch.device("cpu")))
    (folder / "micro.md").write_text(text)
    raw.unlink()
    sys.stdout.write(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
