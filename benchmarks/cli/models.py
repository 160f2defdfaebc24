"""Commands on trained models: predict and finetune."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from benchmarks.cli.options import Data, ModelFolder, Plugins, app, load_plugins, out, plain_errors, require_folder

if TYPE_CHECKING:
    from benchmarks.records.record import Scalars


@app.command()
def predict(
    folder: ModelFolder,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    output: Annotated[Path | None, typer.Option(help="CSV file for outputs and targets of every example.")] = None,
    example: Annotated[
        str, typer.Option("--input", help="One input: a text, or the file of an image, a wav or a table.")
    ] = "",
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """Evaluate a saved model on a split of its suite and write its predictions, or print its answers to one input."""
    with plain_errors():
        from benchmarks.training import saved_models  # noqa: PLC0415
        from benchmarks.training.measuring.evaluate import evaluate  # noqa: PLC0415

        load_plugins(plugin)
        require_folder(data)
        if example:
            if output is not None:
                raise ValueError(
                    "--output writes predictions of a split, --input prints answers to one input: omit one"
                )
            out.print(_answers(saved_models.answer(folder, example, data)))
            return
        saved, splits = saved_models.load_with_data(folder, data)
        examples = saved_models.split_of(splits, split)
        out.print(_metrics({split: evaluate(saved.model, saved.tasks, examples)}))
        if output is not None:
            saved_models.write_predictions(output, saved_models.outputs_of(saved.model, examples.inputs), examples)
            out.print(f"Predictions: {output}", soft_wrap=True, highlight=False)


@app.command()
def finetune(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    folder: ModelFolder,
    task: Annotated[str, typer.Option(help="Task to fine-tune on.")],
    output: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.")],
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    learning_rate: Annotated[float, typer.Option(min=0)] = 1e-4,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    head_only: Annotated[
        bool, typer.Option("--head-only", help="Train the head only; the shared encoder stays the same.")
    ] = False,
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """Fine-tune a saved model on one task, and save the result."""
    with plain_errors():
        from benchmarks.training import finetune as finetuning  # noqa: PLC0415

        load_plugins(plugin)
        how = finetuning.Finetuning(epochs, learning_rate, batch_size, head_only)
        change = finetuning.finetune(folder, output, task, how, data)
        out.print(_metrics({"before": change.before, "after": change.after}))
        out.print(f"Model: {output}", soft_wrap=True, highlight=False)


def _answers(answers: Mapping[str, str]) -> Table:
    table = Table("task", "answer")
    for task, text in answers.items():
        table.add_row(task, escape(text))
    return table


def _metrics(columns: dict[str, Scalars]) -> Table:
    """A table of metrics, one column for each entry."""
    table = Table("task", "metric", *columns)
    first = next(iter(columns.values()))
    for task, metrics in first.items():
        for metric in metrics:
            table.add_row(task, metric, *(f"{scores[task][metric]:.6g}" for scores in columns.values()))
    return table
