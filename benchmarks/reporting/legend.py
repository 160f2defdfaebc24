"""The columns and signs of leaderboards with their meanings."""

from __future__ import annotations

from benchmarks.analysis.statistics import LEVEL, MIN_SEEDS
from benchmarks.reporting.blocks import Legend

BASIS = "All numbers are measured on the test split, at the selected checkpoint."


def legend(equal_weights: str) -> Legend:
    """Every column and sign with its meaning; ``equal_weights`` is the label of equal weights."""
    return (
        ("single-task", "one model per task, trained with the same budget and seeds as the methods"),
        ("equal weights", f"the sum of the losses; its label is {equal_weights}"),
        ("selected checkpoint", "the evaluation with the lowest mean error on the validation split"),
        ("↑, ↓", "higher is better, lower is better"),
        (
            "Δ taskwise",
            "difference to the single-task baseline of the same seed, in percent of the baseline's mean over seeds; "
            "positive is better; the mean within each task, then over tasks; a metric whose baseline is 0 is left out; "
            "where even a perfect value is negative, the percentage is relative to the perfect value",
        ),
        ("Δ metricwise", "the same difference; the mean over all metrics alike"),
        ("mean Δ", "mean of Δ taskwise over suites; – if a suite is missing"),
        ("last", "Δ taskwise at the last checkpoint"),
        (
            "same compute",
            "Δ taskwise when the method has used as much compute as equal weights use in all their steps; compute is "
            "counted in passes through the encoder",
        ),
        (
            "error ratio",
            "error divided by the error of single-task, geometric mean over tasks; the error is the distance to a "
            "perfect value; lower is better; – if single-task is almost perfect",
        ),
        ("hurt", "tasks whose primary metric is worse on average than single-task"),
        ("rank", "mean over tasks of the rank among methods by the primary metric; 1 is best"),
        (
            "cost",
            "time of a training step relative to equal weights; each time is divided by the time of a forward pass in "
            "the same run, so that the speed of the machine cancels; for single-task, the seconds of all its models "
            "divided by those of equal weights",
        ),
        ("lr", "learning rate chosen on validation; the lowest and the highest if seeds or tasks differ"),
        ("seeds", "finished runs / all runs; means are over finished runs"),
        ("± s (n)", "standard deviation s over n seeds"),
        ("[a, b]", f"{LEVEL:.0%} bootstrap interval of the mean over seeds; given from {MIN_SEEDS} seeds on"),
        ("–", "no value"),
    )
