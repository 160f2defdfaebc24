"""The file ``leaderboard.csv``: all results of a folder, one line per suite, row, task and metric."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from benchmarks.analysis.summaries import Aggregates


class LeaderboardLine(NamedTuple):
    """One line of ``leaderboard.csv``; ``relative`` and the deltas are in percent."""

    suite: str
    row: str
    task: str
    metric: str
    primary: bool
    mean: float
    sd: float
    low: float
    high: float
    last: float
    done: int
    total: int
    single_task: float
    difference: float
    relative: float
    delta_metricwise: float
    delta_taskwise: float
    delta_equal_compute: float
    cost: float
    lowest_learning_rate: float
    highest_learning_rate: float


def frame(aggregates: Aggregates) -> pd.DataFrame:
    """One line per suite, row, task and metric, with the columns of `LeaderboardLine`."""
    lines = [
        LeaderboardLine(
            suite=suite.name,
            row=row.row,
            task=metric.task,
            metric=metric.fact.name,
            primary=metric.primary,
            mean=metric.best.mean,
            sd=metric.best.sd,
            low=metric.best.low,
            high=metric.best.high,
            last=metric.last.mean,
            done=metric.best.count,
            total=row.total,
            single_task=metric.single_task,
            difference=metric.difference,
            relative=metric.relative,
            delta_metricwise=row.delta_metricwise.mean,
            delta_taskwise=row.delta_taskwise.mean,
            delta_equal_compute=row.delta_equal_compute.mean,
            cost=row.cost,
            lowest_learning_rate=min(metric.learning_rates, default=math.nan),
            highest_learning_rate=max(metric.learning_rates, default=math.nan),
        )
        for suite in aggregates.suites
        for row in suite.rows
        for metric in row.metrics
    ]
    return pd.DataFrame(lines, columns=list(LeaderboardLine._fields))
