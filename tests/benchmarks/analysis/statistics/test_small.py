"""The factor that few runs widen an interval by, and degrees of freedom."""

import numpy as np
import pytest

from benchmarks.analysis.statistics.small import freedom, widening


def test_widening_is_that_of_its_docstring() -> None:
    assert widening(5, 1, 4, 0.95) == pytest.approx(1.58, abs=0.005)
    assert widening(10, 1, 9, 0.95) == pytest.approx(1.22, abs=0.005)
    assert widening(10**7, 1, 10**7, 0.95) == pytest.approx(1)


def test_degrees_of_freedom_lie_between_those_of_one_group_and_of_all() -> None:
    group = np.arange(5.0)
    assert freedom([group]) == pytest.approx(4)
    assert freedom([group, group + 3, 9 - group]) == pytest.approx(12)
    assert freedom([group, 1e6 * group]) == pytest.approx(4)
    assert freedom([np.ones(5), np.zeros(7)]) == 10
