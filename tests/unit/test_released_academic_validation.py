"""The formula "experiment": against a direct run of the public code, its statistics also against scipy."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from tokentrial.released import academic_validation

# Written by a direct run of academic_validation_framework.py of the public code, commit f028f21, with Python 3.11.
WRITTEN = {
    "compression-2": (2.5350278160948565, 2.67475322453867, 3.848118881884206, 5.223861669254089),
    "vocabulary-5000": (2.6047337364513936, 2.7864391780293465, 5.004273370640398, 6.52106254500988),
    "complexity-semi_random": (3.004342534150851, 3.385656773428261, 10.501615564679238, 11.262637201446072),
    "baseline-deep": (2.604342534150851, 2.6880048066960542, 1.7666711328411115, 3.112430168904207),
    "architecture-very_deep": (2.465713098038862, 2.7163420553722664, 6.902467015864557, 9.226708279898736),
}


@pytest.fixture(scope="module")
def rows():
    return academic_validation.run()


@pytest.fixture(scope="module")
def table(rows):
    return academic_validation.statistics(rows).set_index("cell")


def test_overall_figures_are_those_the_script_prints(table):
    assert len(table) == 23
    assert table["significant"].sum() == 23
    assert round(table["effect_size"].mean(), 2) == 5.19
    assert round(table["relative_improvement"].mean(), 1) == 6.9


@pytest.mark.parametrize("cell", WRITTEN)
def test_statistics_equal_the_written_ones(table, cell):
    found = table.loc[cell, ["learned_mean", "traditional_mean", "effect_size", "relative_improvement"]]
    assert found.tolist() == pytest.approx(WRITTEN[cell], rel=1e-12)


def test_p_value_has_a_normal_tail(rows, table):
    assert table.at["baseline-deep", "p_value"] == pytest.approx(7.802175169802084e-05, rel=1e-9)
    deep = [row for row in rows if row.cell == "baseline-deep"]
    arms = [[row.value for row in deep if row.arm == arm] for arm in ("traditional", "learned")]
    welch = stats.ttest_ind(*arms, equal_var=False)
    assert table.at["baseline-deep", "p_value"] == pytest.approx(2 * stats.norm.sf(welch.statistic), rel=1e-9)
    assert welch.pvalue > table.at["baseline-deep", "p_value"]


def test_standard_deviations_are_the_same_in_every_condition_without_a_baseline(table):
    # The seed is set again before every condition, so they all see the same noise.
    same = table[~table.index.str.startswith("baseline-")]
    np.testing.assert_allclose(same["learned_sd"], same["learned_sd"].iloc[0], rtol=1e-12)
    np.testing.assert_allclose(same["traditional_sd"], same["traditional_sd"].iloc[0], rtol=1e-12)


def test_rows_are_the_formula_and_pythons_noise(rows):
    assert len(rows) == 23 * 10 * 2
    assert [row.seed for row in rows if (row.arm, row.cell) == ("learned", "compression-2")] == list(range(42, 52))
    python = random.Random(45)
    learned, traditional = (next(row.value for row in rows if row[:3] == ("baseline-sparse", arm, 45))
                            for arm in ("learned", "traditional"))  # fmt: skip
    assert learned == 2.5 + 0.05 * math.log(8) + 0.0001 * math.log(100) + python.gauss(0, 0.05)
    expected = 2.6 + 0.08 * math.log(8) + 0.0002 * math.log(100) + python.gauss(0, 0.05)
    assert traditional == expected - 0.05 + python.gauss(0, 0.03)
