"""One arm against another over a document's printed rows: better, significantly better, or as good as it."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from scipy import stats

from tokentrial.claims.catalogue import check
from tokentrial.claims.checks.effects import Rows, effect_interval, p_by_reading, p_interval
from tokentrial.claims.parameters import Better, Count, Probability, Runs, Share, expect_as_many
from tokentrial.claims.printed import Interval, Quantity, exact, percent, show
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, PARTLY, Finding, listed, verdict_of
from tokentrial.errors import InputError
from tokentrial.statistics.reported import READINGS, Reading, pooled_sd, standard_deviation_per_spread


class Comparison(NamedTuple):
    """Arm a against arm b in one row: by how much a's printed mean is better, and what its p can be."""

    gain: Interval
    nominal_gain: float
    p: Interval

    def significant(self, alpha: float) -> bool:
        """Whether a can be better with p < alpha for some values that round to the printed ones."""
        return self.gain.high > 0 and float(self.p.low) < alpha


def _compare(row: Sequence[Quantity], n: int, better: Better) -> Comparison:
    """A row with its +- as standard deviation: of all readings the one with the smallest p, in favour of the claim."""
    p = p_interval(effect_interval(row, n, "standard deviation"), n)
    mean_a, _, mean_b, _ = row
    gain = mean_a.interval - mean_b.interval
    nominal = float(mean_a.nominal - mean_b.nominal)
    return Comparison(gain, nominal, p) if better == "higher" else Comparison(-gain, -nominal, p)


@check(
    "Can arm a be significantly better than arm b in every row, by the printed means and +-?",
    source="Student (1908): t test of two independent samples",
)
def superior(rows: Rows, n: Runs, better: Better, alpha: float = 0.05) -> Finding:
    """One statement about all rows, which one row refutes. rows: name -> (mean a, +- a, mean b, +- b).

    A row counts if a can be better with p < alpha in a two-sided independent t test with n per arm, for some values
    that round to the printed ones and with the +- as standard deviation, the reading that gives the smallest p.
    """
    size = int(n.nominal)
    found = {name: _compare(row, size, better) for name, row in rows.items()}
    holds = [made.significant(alpha) for made in found.values()]
    won = sum(made.nominal_gain > 0 for made in found.values())
    lost = sum(made.nominal_gain < 0 for made in found.values())
    equal = len(holds) - won - lost
    name = min(found, key=lambda row: found[row].p.middle)
    recomputed = {
        "better": won,
        "worse": lost,
        "equal": equal,
        "significantly_better": sum(holds),
        "smallest_p": found[name].p.middle,
    }
    smallest = (
        f"{'p' if len(holds) == 1 else 'the smallest p of either direction'} is {show(found[name].p, 3)} ({name})"
    )
    reason = (
        f"Of {len(holds)} printed means {won} {'is' if won == 1 else 'are'} better, {lost} worse and {equal} equal; "
        f"with n = {size} per arm {sum(holds)} can be significantly better at {alpha}, {smallest}."
    )
    return Finding(verdict_of(holds, "all"), recomputed, reason)


@check("Are as many of the printed improvements above zero as claimed, or else all?")
def advantage_count(improvements: Sequence[Quantity], claimed: Count | None = None) -> Finding:
    """An improvement whose digits allow both signs is no advantage."""
    goal = len(improvements) if claimed is None else int(claimed.nominal)
    above = sum(value.interval.low > 0 for value in improvements)
    below = sum(value.interval.high < 0 for value in improvements)
    recomputed = {"above": above, "below": below, "claimed": goal}
    reason = (
        f"Of the {len(improvements)} printed improvements {above} are above and {below} below zero; {goal} are claimed."
    )
    return Finding(CONSISTENT if above == goal else INCONSISTENT, recomputed, reason)


@check(
    "Can arm a be significantly better in the printed share of all conditions?",
    source="Student (1908): t test of two independent samples",
)
def significant_share(
    share: Share,
    p_values: Sequence[Probability],
    rows: Rows,
    n: Runs,
    better: Better,
    unreported: int,
    claimed: Count | None = None,
    alpha: float = 0.05,
) -> Finding:
    """Conditions are those with a printed p, those with means and +- only (``rows``, as in `superior`) and
    ``unreported`` ones without any number, each of which could count. CONSISTENT if a possible number of them rounds to
    the printed share and is the ``claimed`` one, if there is one; PARTLY if only the share or the count is possible.
    """
    size = int(n.nominal)
    level = exact(alpha).low  # the decimal, so that a printed ">0.05" is not below 0.05
    printed = sum(p.interval.low < level for p in p_values)
    tested = sum(_compare(row, size, better).significant(alpha) for row in rows.values())
    of, most = len(p_values) + len(rows) + unreported, printed + tested + unreported
    surely = sum(p.interval.high < level for p in p_values)
    right = {k for k in range(of + 1) if share.interval.contains(Fraction(k, of))}
    holds = [any(surely <= k <= most for k in right)]
    if claimed is not None:
        holds += [surely <= claimed.nominal <= most, claimed.nominal in right]
    recomputed = {"printed": printed, "recomputed": tested, "unreported": unreported, "conditions": of, "most": most}
    stated = share.text if claimed is None else f"{share.text} ({claimed.text})"
    reason = (
        f"Of {of} conditions {len(p_values)} print a p, {printed} of them below {alpha}; {len(rows)} print means but "
        f"no test, {tested} of them significant when tested; {unreported} print no number: at most {most} of {of}, "
        f"{percent(Fraction(most, of))}, can be significant, against {stated}."
    )
    possible = any(holds[:2])
    return Finding(CONSISTENT if all(holds) else PARTLY if possible else INCONSISTENT, recomputed, reason)


@check(
    "Can arm a's loss be shown to be within the margin of arm b's, by arms that have learned something?",
    source="TOST: Schuirmann (1987); chance is ln V",
)
def performance_kept(
    rows: Rows,
    n: Runs,
    vocabularies: Mapping[str, Count],
    margin: float,
    worse_only: bool = False,
    claimed: Count | None = None,
    least_gain: float = 0.01,
    alpha: float = 0.05,
) -> Finding:
    """margin: a share of b's loss (``worse_only``: not above it by more), in all rows or in ``claimed`` many.

    rows: name -> (mean loss a, +- a, mean loss b, +- b) in nats; vocabularies: name -> V. Two one-sided t tests
    (Schuirmann 1987) with n per arm and the +- as standard deviation; chance is ln V, see `levels.learned`. CONSISTENT
    if both hold, PARTLY if the losses are as close as claimed but some are no lower than chance, INCONSISTENT if they
    are not as close.
    """
    if set(rows) != set(vocabularies):
        raise InputError(f"parameters: rows has {', '.join(rows)}, vocabularies {', '.join(vocabularies)}")
    size = int(n.nominal)
    close = {
        reading: sum(_close(row, size, margin, worse_only, alpha, reading) for row in rows.values())
        for reading in READINGS[:2]
    }
    kept = close["standard deviation"]
    limits = {name: math.log(float(v.nominal)) * (1 - least_gain) for name, v in vocabularies.items()}
    below = sum(row[arm].interval.low <= limits[name] for name, row in rows.items() for arm in (0, 2))
    goal = len(rows) if claimed is None else int(claimed.nominal)
    recomputed = {"kept": kept, "kept_as_standard_error": close["standard error"], "claimed": goal, "learned": below}
    learned = "" if below == 2 * len(rows) else ", so that models which learned nothing would be as close"
    what = f"not to be above the other's by {margin:.0%}" if worse_only else f"to be within {margin:.0%} of the other's"
    reason = (
        f"With n = {size} per arm {kept} of {len(rows)} mean losses can be shown {what} with the +- as standard "
        f"deviation and {close['standard error']} as standard error, {goal} claimed; {below} of the {2 * len(rows)} "
        f"losses lie {least_gain:.0%} or more below chance{learned}."
    )
    if kept != goal:
        return Finding(INCONSISTENT, recomputed, reason)
    return Finding(CONSISTENT if below == 2 * len(rows) else PARTLY, recomputed, reason)


def _close(row: Sequence[Quantity], n: int, margin: float, worse_only: bool, alpha: float, reading: Reading) -> bool:
    """Whether the 1 - 2 alpha interval of a row's difference can lie inside the margin, a share of arm b's mean."""
    effect_interval(row, n, reading)  # raises for a row that is not mean, spread, mean, spread
    mean_a, spread_a, mean_b, spread_b = row
    least = [float(max(spread.interval.low, 0)) for spread in (spread_a, spread_b)]
    sd = pooled_sd(least[0], least[1]) * standard_deviation_per_spread(n, reading)
    room = margin * mean_b.value - float(stats.t.ppf(1 - alpha, 2 * n - 2)) * sd * math.sqrt(2 / n)
    loss = mean_a.interval - mean_b.interval
    return float(loss.low) < room and (worse_only or (room > 0 and float(loss.high) > -room))


@check("Is each printed p Bonferroni's: its row's own p times the number of rows, at most 1?", source="Dunn (1961)")
def bonferroni_adjusted(rows: Rows, p_values: Sequence[Probability], n: Runs) -> Finding:
    """A row agrees if this is so under some reading of its +-."""
    expect_as_many(rows=rows, p_values=p_values)
    size, tests = int(n.nominal), len(rows)
    by_row = zip(*p_by_reading(rows, size).values(), strict=True)
    adjusted = [[p.rising(lambda value: min(1.0, tests * value)) for p in row] for row in by_row]
    holds = [any(made.meets(p.interval) for made in row) for row, p in zip(adjusted, p_values, strict=True)]
    least = min(float(made.low) for row in adjusted for made in row)
    printed = listed([p.text for p in p_values])
    reason = (
        f"Corrected for {tests} tests each row's p is at least {show(least, 3)} under every reading of its +-; "
        f"{sum(holds)} of the {tests} printed p ({printed}) can be such."
    )
    return Finding(verdict_of(holds, "all"), {"adjusted": sum(holds), "rows": tests, "least": least}, reason)
