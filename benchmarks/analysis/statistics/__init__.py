"""Pure functions on arrays: how sure a number is, and what so few runs can show."""

from benchmarks.analysis.statistics.dominance import distance_to_front, dominated, nondominated
from benchmarks.analysis.statistics.estimates import LEVEL, MIN_SEEDS, Estimate, estimate, geometric_mean, interval
from benchmarks.analysis.statistics.hierarchical import MIN_SUITES, hierarchical
from benchmarks.analysis.statistics.hypervolume import Volume, hypervolume
from benchmarks.analysis.statistics.improvement import probability_of_improvement
from benchmarks.analysis.statistics.paired import Paired, paired
from benchmarks.analysis.statistics.power import power_of, smallest_detectable
from benchmarks.analysis.statistics.profiles import iqm, performance_profile
from benchmarks.analysis.statistics.rank_correlation import Stability, kendall, stability
from benchmarks.analysis.statistics.ranking import (
    Friedman,
    RankPower,
    critical_difference,
    friedman,
    has_power,
    mean_ranks,
    ranks,
)
from benchmarks.analysis.statistics.resampling import BOOTSTRAP_SEED, RESAMPLES
from benchmarks.analysis.statistics.significance import Combined, combined, holm, t_test
from benchmarks.analysis.statistics.trials import expected_best

__all__ = [
    "BOOTSTRAP_SEED",
    "LEVEL",
    "MIN_SEEDS",
    "MIN_SUITES",
    "RESAMPLES",
    "Combined",
    "Estimate",
    "Friedman",
    "Paired",
    "RankPower",
    "Stability",
    "Volume",
    "combined",
    "critical_difference",
    "distance_to_front",
    "dominated",
    "estimate",
    "expected_best",
    "friedman",
    "geometric_mean",
    "has_power",
    "hierarchical",
    "holm",
    "hypervolume",
    "interval",
    "iqm",
    "kendall",
    "mean_ranks",
    "nondominated",
    "paired",
    "performance_profile",
    "power_of",
    "probability_of_improvement",
    "ranks",
    "smallest_detectable",
    "stability",
    "t_test",
]
