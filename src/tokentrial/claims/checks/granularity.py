"""GRIM and GRIMMER: which printed means and standard deviations counts of right answers can have."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from tokentrial.claims.catalogue import check
from tokentrial.claims.parameters import Count, Spread
from tokentrial.claims.printed import Quantity
from tokentrial.claims.verdict import Each, Finding, failing, listed, verdict_of
from tokentrial.statistics.granularity import grim, grimmer


@check(
    "Is each mean a whole number of right answers out of runs x examples (GRIM)?",
    source="GRIM: Brown and Heathers (2017)",
)
def attainable_means(means: Sequence[Quantity], runs: Count, examples: int, where: str, claim: Each) -> Finding:
    """where: what says how many examples."""
    n = int(runs.nominal) * examples
    holds = [grim(Fraction(mean.interval.low), Fraction(mean.interval.high), n) for mean in means]
    missed = [mean.text for mean in failing(means, holds)]
    reason = (
        f"{sum(holds)} of {len(holds)} means are attainable as k/{n} ({runs.text} runs of {examples} examples, {where})"
    )
    reason += f"; not {listed(missed)}." if missed else "."
    return Finding(verdict_of(holds, claim), {"attainable": sum(holds), "means": len(holds), "answers": n}, reason)


@check("Is each (mean, sd) that of so many whole numbers of right answers (GRIMMER)?", source="GRIMMER: Anaya (2016)")
def attainable_spreads(
    rows: Mapping[str, Sequence[Spread]], runs: Count, examples: int, where: str, claim: Each
) -> Finding:
    """A pair is possible if the sample's or the population's standard deviation is: documents rarely say which."""
    n = int(runs.nominal)
    holds = []
    for mean, sd in rows.values():
        ends = [(Fraction(q.interval.low) * examples, Fraction(q.interval.high) * examples) for q in (mean, sd)]
        holds.append(any(grimmer(ends[0], ends[1], n, ddof) for ddof in (1, 0)))
    missed = [f"{mean.text} +- {sd.text} ({name})" for name, (mean, sd) in failing(rows.items(), holds)]
    reason = (
        f"{sum(holds)} of {len(holds)} pairs of mean and standard deviation are possible for {n} runs of {examples} "
        f"examples ({where})"
    )
    reason += f"; not {listed(missed)}." if missed else "."
    return Finding(verdict_of(holds, claim), {"possible": sum(holds), "pairs": len(holds)}, reason)
