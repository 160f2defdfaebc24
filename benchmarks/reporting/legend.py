"""What the columns of leaderboards mean."""

from __future__ import annotations

from benchmarks.analysis.statistics import LEVEL, MIN_SEEDS

LEGEND = (
    (
        "Δ taskwise, Δ metricwise",
        "difference to the single-task baselines of the same seed in percent of their mean, signed so that more is "
        "better: the mean within each task and then over tasks, and the mean over all metrics. Where even a perfect "
        "value is negative, the percentage is of that value; a metric whose baseline is 0 is left out.",
    ),
    ("last", "Δ taskwise at the end of training instead of the state chosen on validation."),
    (
        "same compute",
        "Δ taskwise after the steps that a method can take with the compute of all steps of equal weights, counted in "
        "passes through the encoder; single-task models have theirs.",
    ),
    (
        "error ratio",
        "geometric mean over tasks of the mean distance to a perfect value, relative to single-task; less is better. "
        "None where single-task is next to perfect.",
    ),
    ("hurt", "tasks that are worse than single-task on average."),
    ("rank", "mean over tasks of the rank by primary metric among the multi-task rows; 1 is best."),
    (
        "cost",
        "time of a training step relative to equal weights, each in forward passes of its own run (the same for "
        "all methods), so that a machine's changing speed cancels; of single-task in seconds, its models added up.",
    ),
    ("lr", "learning rate, chosen on validation; the lowest and the highest where seeds differ."),
    ("seeds", "finished runs of all runs; means are over the finished ones."),
    (
        "± and [ ]",
        f"standard deviation over seeds, with the number of seeds behind it; {LEVEL:.0%} bootstrap interval of the "
        f"mean over seeds, given from {MIN_SEEDS} seeds on.",
    ),
)
