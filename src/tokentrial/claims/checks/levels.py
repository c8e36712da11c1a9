"""Chance, floors and ceilings: values that say nothing was learned, and values that no model can reach."""

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from tokentrial.claims.catalogue import check
from tokentrial.claims.parameters import Count, Positive, Probability, expect_as_many
from tokentrial.claims.printed import percent
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT, Each, Finding, Value, failing, listed, verdict_of
from tokentrial.data.entropy import entropy
from tokentrial.data.markov import document_chain, stationary_distribution
from tokentrial.data.zipf import zipf_probabilities
from tokentrial.errors import InputError
from tokentrial.seeds import stream

CHAINS, SEED = 200, 0


@check(
    "Does every loss lie below chance, ln V, by at least a share of it?",
    source="chance: the cross-entropy of a uniform guess, ln V",
)
def learned(
    losses: Mapping[str, Sequence[Positive]],
    vocabularies: Mapping[str, Count],
    claim: Each,
    least_gain: float = 0.01,
) -> Finding:
    """losses: row -> losses in nats; vocabularies: row -> V. A loss within ``least_gain`` of ln V is that of a model
    that has learned nothing; a loss above it is worse than a uniform guess, or belongs to another V.
    """
    if set(losses) != set(vocabularies):
        raise InputError(f"parameters: losses has the rows {', '.join(losses)}, vocabularies {', '.join(vocabularies)}")
    pairs = [(name, loss) for name, row in losses.items() for loss in row]
    chance = {name: math.log(float(size.nominal)) for name, size in vocabularies.items()}
    gains = [1 - loss.value / chance[name] for name, loss in pairs]
    holds = [loss.interval.low <= chance[name] * (1 - least_gain) for name, loss in pairs]
    at_chance = sum(abs(gain) < least_gain for gain in gains)
    above = sum(gain <= -least_gain for gain in gains)
    implied = [math.exp(loss.value) for _, loss in pairs]
    recomputed = {"learned": sum(holds), "at_chance": at_chance, "above_chance": above, "largest_gain": max(gains)}
    sizes = sorted({int(size.nominal) for size in vocabularies.values()})
    levels = listed([f"ln {size} = {math.log(size):.3f}" for size in sizes])
    reason = (
        f"Of {len(pairs)} losses {sum(holds)} lie {least_gain:.0%} or more below chance ({levels}), {at_chance} at "
        f"chance and {above} above it; the losses are those of a uniform guess among {_span(implied)} tokens."
    )
    return Finding(verdict_of(holds, claim), recomputed, reason)


def _span(values: Sequence[float]) -> str:
    low, high = round(min(values)), round(max(values))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


@check(
    "Can the losses belong to the stated vocabulary, none of them above a uniform guess?",
    source="chance: the cross-entropy of a uniform guess, ln V",
)
def vocabulary_fits(losses: Sequence[Positive], vocabulary: Count, slack: float = 0.01) -> Finding:
    """``slack``: the share of ln V by which a loss may lie above it."""
    chance = math.log(float(vocabulary.nominal))
    holds = [loss.interval.low <= chance * (1 + slack) for loss in losses]
    implied = [math.exp(loss.value) for loss in losses]
    reason = (
        f"A uniform guess among {vocabulary.text} tokens costs {chance:.3f} nats; {sum(holds)} of {len(holds)} losses "
        f"are no worse, and they equal a guess among {_span(implied)} tokens."
    )
    return Finding(
        verdict_of(holds, "all"), {"fit": sum(holds), "losses": len(holds), "implied": float(np.mean(implied))}, reason
    )


@check(
    "Is no loss below what a next-token predictor of an unseen token of an iid Zipf corpus can reach?",
    source="Shannon (1948): entropy bounds the expected loss",
)
def entropy_floor(
    losses: Mapping[str, Sequence[Positive]], sources: Mapping[str, Sequence[float]], alpha: float = 0.05
) -> Finding:
    """sources: row -> (V, exponent, tokens averaged in one loss). The floor is the entropy; a mean over m tokens varies
    by sd(-ln p) / sqrt(m) around it. One value below it beyond chance (normal, Bonferroni over all values) refutes.
    """
    if set(losses) != set(sources):
        raise InputError(f"parameters: losses has the rows {', '.join(losses)}, sources {', '.join(sources)}")
    pairs = [(name, loss) for name, row in losses.items() for loss in row]
    floors = {name: zipf_floor(int(source[0]), source[1]) for name, source in sources.items()}
    below = []
    for name, loss in pairs:
        floor, sd = floors[name]
        p = float(stats.norm.cdf((float(loss.interval.high) - floor) * math.sqrt(sources[name][2]) / sd))
        if p < alpha / len(pairs):
            below.append(f"{loss.text} ({name}, floor {floor:.2f})")
    holds = not below
    reason = f"{len(below)} of {len(pairs)} losses lie below the entropy of their corpus by more than sampling allows"
    reason += "." if holds else f": {listed(below)}; no next-token predictor reaches them."
    recomputed: dict[str, Value] = {
        "below": len(below),
        "losses": len(pairs),
        "floors": sorted({floor for floor, _ in floors.values()}),
    }
    return Finding(CONSISTENT if holds else INCONSISTENT, recomputed, reason)


@check(
    "Is each loss no higher than the entropy of its iid Zipf corpus, which the tokens' frequencies alone reach?",
    source="Shannon (1948): entropy bounds the expected loss",
)
def entropy_reached(losses: Sequence[Positive], corpora: Sequence[Sequence[float]]) -> Finding:
    """corpora: as the sources of `entropy_floor`, one for each loss. A model with a higher loss is no better than one
    that knows the frequencies and sees no context; the reason says by how much a mean over so few tokens varies.
    """
    expect_as_many(losses=losses, corpora=corpora)
    floors = [zipf_floor(int(corpus[0]), corpus[1]) for corpus in corpora]
    holds = [float(loss.interval.low) <= floor for loss, (floor, _) in zip(losses, floors, strict=True)]
    above = [
        f"{loss.text} against {floor:.2f} (a mean over {corpus[2]:g} tokens varies by {sd / math.sqrt(corpus[2]):.2f})"
        for (loss, corpus, (floor, sd)) in failing(zip(losses, corpora, floors, strict=True), holds)
    ]
    reason = f"{len(above)} of {len(holds)} losses are above the entropy of their corpus"
    reason += f": {listed(above)}." if above else "."
    recomputed: dict[str, Value] = {"above": len(above), "losses": len(holds), "entropy": [h for h, _ in floors]}
    return Finding(verdict_of(holds, "all"), recomputed, reason)


def zipf_floor(vocabulary: int, exponent: float) -> tuple[float, float]:
    """Entropy in nats of a Zipf law, and the standard deviation of -ln p."""
    p = zipf_probabilities(vocabulary, exponent)
    h = entropy(p)
    return h, math.sqrt(float(np.sum(p * (np.log(p) + h) ** 2)))


@functools.cache
def chain_ceiling(vocabulary: int) -> float:
    """Mean accuracy of the Bayes predictor of document 000's chains, which knows the chain and sees the last token.

    Over `CHAINS` chains of the released generator in their stationary law (protocols A6).
    """
    best = []
    for draw in range(CHAINS):
        chain = document_chain(vocabulary, stream(SEED, "claims", "ceiling", draw))
        best.append(float(np.sum(stationary_distribution(chain) * chain.max(axis=1))))
    return float(np.mean(best))


@check(
    "Is no accuracy above what the best predictor of document 000's chains reaches, beyond sampling?",
    source="the Bayes predictor of the chain; exact binomial tail",
)
def accuracy_ceiling(accuracies: Sequence[Probability], vocabulary: int, answers: int, alpha: float = 0.05) -> Finding:
    """answers: right or wrong answers behind one accuracy. A value is impossible if a binomial with the ceiling's
    probability is so large with p < alpha / number of values. One refutes.
    """
    ceiling = chain_ceiling(vocabulary)
    level = alpha / len(accuracies)
    impossible = [
        a.text for a in accuracies if stats.binom.sf(math.ceil(a.interval.low * answers) - 1, answers, ceiling) < level
    ]
    above = sum(a.value > ceiling for a in accuracies)
    reason = (
        f"The best predictor of such data is right in {percent(ceiling)} of cases; {above} of {len(accuracies)} "
        f"accuracies are above, {len(impossible)} by more than the sampling of {answers} answers allows"
    )
    reason += f" ({listed(impossible)})." if impossible else "."
    recomputed = {"ceiling": ceiling, "above": above, "impossible": len(impossible)}
    return Finding(INCONSISTENT if impossible else CONSISTENT, recomputed, reason)
