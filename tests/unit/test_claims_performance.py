"""Better, significantly better or as good: hand-made rows, decisions against scipy's and statsmodels' tests."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from tokentrial.claims.checks.performance import (
    advantage_count,
    bonferroni_adjusted,
    performance_kept,
    significant_share,
    superior,
)
from tokentrial.claims.printed import parse, setting
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY
from tokentrial.errors import InputError

TEN = setting(10)
NULL = ("4.605", "0.022", "4.607", "0.022")
"""A row of document 001, Table 5.2: no difference to speak of."""


def printed(row):
    return tuple(parse(value) for value in row)


def exactly(mean_a, sd_a, mean_b, sd_b):
    return tuple(setting(value) for value in (mean_a, sd_a, mean_b, sd_b))


def sample(mean, sd, n, seed):
    """n numbers with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def test_superior_needs_every_row_better_and_significant():
    clear = printed(("4.500", "0.020", "4.600", "0.020"))
    assert superior({"a": clear}, TEN, "lower").verdict == CONSISTENT
    assert superior({"a": clear}, TEN, "higher").verdict == INCONSISTENT
    found = superior({"a": clear, "b": printed(NULL)}, TEN, "lower")
    assert found.verdict == INCONSISTENT
    assert (found.recomputed["better"], found.recomputed["significantly_better"]) == (2, 1)


@pytest.mark.parametrize(("gap", "expected"), [(0.0188, CONSISTENT), (0.0187, INCONSISTENT)])
def test_superior_decides_where_the_t_test_does(gap, expected):
    row = exactly(4.6 - gap, 0.02, 4.6, 0.02)
    p = stats.ttest_ind_from_stats(4.6 - gap, 0.02, 10, 4.6, 0.02, 10).pvalue
    assert (p < 0.05) == (expected == CONSISTENT)
    found = superior({"a": row}, TEN, "lower")
    assert found.verdict == expected
    assert found.recomputed["smallest_p"] == pytest.approx(p, rel=1e-9)


def test_superior_uses_the_digits_in_favour_of_the_claim():
    # 4.58 +- 0.02 against 4.60 +- 0.02 has p = 0.038; with whole hundredths a gap from 0.01 to 0.03 rounds to it
    assert superior({"a": printed(("4.58", "0.02", "4.60", "0.02"))}, TEN, "lower").verdict == CONSISTENT
    assert superior({"a": printed(("4.60", "0.02", "4.60", "0.02"))}, TEN, "lower").recomputed["equal"] == 1


def test_superior_names_a_row_that_is_not_four_numbers():
    with pytest.raises(InputError, match="expected mean, spread, mean, spread"):
        superior({"a": printed(NULL)[:3]}, TEN, "lower")


def test_advantages_are_counted_as_printed():
    table = [parse(value) for value in ("-0.11%", "0.003%", "-0.12%", "-0.02%", "0.06%")]
    found = advantage_count(table, setting(5))
    assert (found.verdict, found.recomputed["above"], found.recomputed["below"]) == (INCONSISTENT, 2, 3)
    assert advantage_count(table, setting(2)).verdict == CONSISTENT
    assert advantage_count(table, setting(1)).verdict == INCONSISTENT
    assert advantage_count(table).verdict == INCONSISTENT
    assert advantage_count(table[-1:]).verdict == CONSISTENT


def test_an_improvement_of_zero_is_no_advantage():
    assert advantage_count([parse("0.00%")]).verdict == INCONSISTENT


def share(text, p_values, claimed=None, unreported=3):
    rows = {"c": printed(NULL)}
    p = [parse(value) for value in p_values]
    return significant_share(parse(text), p, rows, TEN, "lower", unreported, claimed and setting(claimed))


def test_share_of_significant_conditions():
    null = ["0.452", "0.919"] + [">0.05"] * 5
    assert share("94.1%", null).verdict == INCONSISTENT
    found = share("27.3%", null)  # the three unreported ones of eleven
    assert (found.verdict, found.recomputed["most"], found.recomputed["conditions"]) == (CONSISTENT, 3, 11)
    assert share("36.4%", null).verdict == INCONSISTENT  # four of eleven
    assert share("36.4%", [*null[:-1], "0.049"]).verdict == CONSISTENT


def test_an_open_p_at_the_level_is_not_below_it():
    assert share("0%", [">0.05"], unreported=0).verdict == CONSISTENT
    assert share("50%", [">0.05"], unreported=0).verdict == INCONSISTENT
    assert share("50%", ["<0.05"], unreported=0).verdict == CONSISTENT


def test_the_claimed_count_is_compared_with_the_share():
    p = ["0.001"] * 16
    assert share("94.1%", p, claimed=16, unreported=0).verdict == CONSISTENT  # 16 of 17
    assert share("94.1%", p, claimed=15, unreported=0).verdict == PARTLY
    assert share("88.2%", p, claimed=16, unreported=0).verdict == PARTLY
    assert share("88.2%", p, claimed=15, unreported=0).verdict == INCONSISTENT  # 15 of 17, but 16 are significant
    assert share("94.1%", ["0.9"] * 16, claimed=16, unreported=3).verdict == INCONSISTENT
    assert share("94.1%", ["0.9"] * 16, claimed=3, unreported=3).verdict == PARTLY


def test_untested_rows_count_when_significant_in_the_claimed_direction():
    rows = {"a": printed(("4.500", "0.020", "4.600", "0.020"))}
    p = [parse("0.9")]
    assert significant_share(parse("50%"), p, rows, TEN, "lower", 0).verdict == CONSISTENT
    assert significant_share(parse("50%"), p, rows, TEN, "higher", 0).verdict == INCONSISTENT


def kept(row, vocabulary=1000, **more):
    return performance_kept({"a": row}, TEN, {"a": setting(vocabulary)}, 0.01, **more)


def test_performance_kept_by_models_that_learned():
    assert kept(printed(NULL)).verdict == CONSISTENT
    assert kept(printed(("4.700", "0.022", "4.607", "0.022"))).verdict == INCONSISTENT
    assert kept(printed(("4.500", "0.022", "4.607", "0.022"))).verdict == INCONSISTENT
    assert kept(printed(("4.500", "0.022", "4.607", "0.022")), worse_only=True).verdict == CONSISTENT


def test_performance_kept_at_chance_is_partly():
    found = kept(printed(NULL), vocabulary=100)  # ln 100 = 4.605
    assert (found.verdict, found.recomputed["learned"]) == (PARTLY, 0)
    assert kept(printed(("4.530", "0.022", "4.540", "0.022")), vocabulary=100).verdict == CONSISTENT


def test_performance_kept_counts_rows_and_both_readings():
    rows = {"a": printed(NULL), "b": printed(("4.700", "0.022", "4.607", "0.022"))}
    sizes = {"a": setting(1000), "b": setting(1000)}
    assert performance_kept(rows, TEN, sizes, 0.01, claimed=setting(1)).verdict == CONSISTENT
    assert performance_kept(rows, TEN, sizes, 0.01, claimed=setting(2)).verdict == INCONSISTENT
    found = kept(printed(("4.605", "0.022", "4.607", "0.025")))
    # t(0.95; 18) sqrt(2/10) sqrt(10) 0.0225 = 0.056 is wider than 1 % of 4.607
    assert (found.recomputed["kept"], found.recomputed["kept_as_standard_error"]) == (1, 0)
    with pytest.raises(InputError, match="rows has a, vocabularies b"):
        performance_kept({"a": printed(NULL)}, TEN, {"b": setting(20)}, 0.01)


@pytest.mark.parametrize("gap", [0.0, 0.01, -0.01, 0.02])
def test_performance_kept_is_statsmodels_tost(gap):
    row = exactly(4.6 + gap, 0.03, 4.6, 0.04)
    a, b = sample(4.6 + gap, 0.03, 10, 1), sample(4.6, 0.04, 10, 2)
    edge = abs(gap) + stats.t.ppf(0.95, 18) * math.sqrt((0.03**2 + 0.04**2) / 10)
    for margin, expected in ((edge * 1.001, CONSISTENT), (edge * 0.999, INCONSISTENT)):
        assert (ttost_ind(a, b, -margin, margin)[0] < 0.05) == (expected == CONSISTENT)
        assert performance_kept({"a": row}, TEN, {"a": setting(1000)}, margin / 4.6).verdict == expected


def test_bonferroni_multiplies_the_rows_own_p():
    row = exactly(4.58, 0.02, 4.6, 0.02)
    p = stats.ttest_ind_from_stats(4.58, 0.02, 10, 4.6, 0.02, 10).pvalue
    rows = {"a": row, "b": printed(NULL)}
    assert bonferroni_adjusted(rows, [parse(f"{2 * p:.3f}"), parse("1.000")], TEN).verdict == CONSISTENT
    assert bonferroni_adjusted(rows, [parse(f"{p:.3f}"), parse("1.000")], TEN).verdict == INCONSISTENT
    assert bonferroni_adjusted(rows, [parse(f"{2 * p:.3f}"), parse("0.919")], TEN).verdict == INCONSISTENT
    assert bonferroni_adjusted(rows, [parse(f"{p:.3f}"), parse("0.919")], TEN).verdict == INCONSISTENT
    with pytest.raises(InputError, match="2 rows and 1 p values"):
        bonferroni_adjusted(rows, [parse("1.000")], TEN)
