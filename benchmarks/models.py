"""Saved models as Python calls, at the address that programs know: `load`, `predict`, `answer` and what they return."""

from benchmarks.training.saved_models import (
    Card,
    Saved,
    answer,
    load,
    load_with_data,
    outputs_of,
    predict,
    read_card,
    restore,
    save,
    split_of,
    suite_of,
    write_predictions,
)

__all__ = [
    "Card",
    "Saved",
    "answer",
    "load",
    "load_with_data",
    "outputs_of",
    "predict",
    "read_card",
    "restore",
    "save",
    "split_of",
    "suite_of",
    "write_predictions",
]
