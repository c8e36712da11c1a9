"""A claim's numbers in words: what it reports and what was recomputed, with intervals beside their values."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokentrial.report.site.names import Names

NAMED_PART = re.compile(r"^(\d+)\.(?=\D)")
SCOPE = re.compile(r"^(.*?) \((.*)\)$")
# Key of a recomputed or reported number -> what it is called. The others are named by their words.
LABELS = {
    "p_holm": "p (Holm)",
    "p_tost": "p of equivalence (TOST)",
    "p_value": "p",
    "n": "n",
    "d": "Cohen's d",
    "minimal_detectable": "smallest detectable difference",
    "cells": "conditions compared",
    "vacuous": "conditions in which nothing was learned",
    "saturated": "conditions in which both arms reach the best possible",
    "too_small": "too small to matter",
    "shown": "comparison shown",
    "replicated_at": "comparison replicated",
    "mean": "mean",
    "other_mean": "mean of the other arm",
    "smallest_margin": "smallest margin of equivalence",
    "needed": "needed for the claim",
    "found": "found in the document",
    "missing": "not found in the document",
    "differs": "what differs between the conditions",
    "released_shows": "released code shows the effect",
    "original_d": "printed Cohen's d",
    "original_n": "printed n",
    "original_difference": "printed difference",
    "prediction": "prediction interval",
    "in_prediction_interval": "inside the prediction interval",
    "original_in_interval": "printed difference inside this run's interval",
    "d33": "effect that the original had 33 % power to detect (d)",
    "telescopes_high": "upper end for the small-telescopes test",
    "too_small_for_original": "too small for the original to have seen",
    "bayes_factor": "replication Bayes factor",
    "sceptical_p": "sceptical p",
    "t_test": "p of the t test",
    "sign_test": "p of the sign test",
    "ae": "autoencoder",
    "ae_sd": "autoencoder, standard deviation",
    "trad": "traditional",
    "pct": "per cent",
    "pm": "plus or minus",
    "v": "vocabulary",
    "m": "parameters",
    "params": "parameters",
    "bp": "base pairs",
    "sd_trad": "traditional, standard deviation",
    "sd_learned": "learned, standard deviation",
    "learned_sd": "learned, standard deviation",
    "traditional_sd": "traditional, standard deviation",
    "autoencoder_sd": "autoencoder, standard deviation",
}


OUTCOMES = ("confirmed", "too_small", "refuted", "inconclusive", "vacuous", "saturated", "released_shows")
"""Numbers of conditions; none is said by leaving it out."""


class Fact(dict[str, str]):
    """name, value, and href where the value has a page."""


def facts(numbers: Mapping[str, Any], names: Names, links: Mapping[str, tuple[str, str]]) -> list[Fact]:
    """Named values as text. A value with ``_low`` and ``_high`` beside it has its interval.

    links: comparison or condition -> its name for readers and its page.
    """
    values = _with_intervals(numbers)
    return [_fact(label(key), value, names, links) for key, value in values.items() if _says(key, value)]


def _says(key: str, value: Any) -> bool:
    return value not in ([], "", {}, None) and not (value == 0 and NAMED_PART.sub("", key) in OUTCOMES)


def label(key: str) -> str:
    """Returns ``p (Holm), part 2`` for ``2.p_holm``."""
    part = NAMED_PART.match(key)
    bare = NAMED_PART.sub("", key)
    scope = SCOPE.match(bare)
    head, where = (scope[1], f" ({scope[2]})") if scope else (bare, "")
    words = LABELS.get(head, head.replace("_", " "))
    return words + where + (f", part {part[1]}" if part else "")


def _with_intervals(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers, in which a value takes the ends of its interval along; ``low`` and ``high`` are the difference's."""
    values = dict(numbers)
    for key in numbers:
        part = NAMED_PART.match(key)
        prefix, bare = (part[0], key[part.end() :]) if part else ("", key)
        ends = [(f"{key}{sign}low", f"{key}{sign}high") for sign in ("_", " ")]
        ends += [(f"{prefix}low", f"{prefix}high")] if bare == "difference" else []
        for low, high in ends:
            if key in values and values.get(low) is not None and values.get(high) is not None:
                pair = f"[{shown(values.pop(low))}, {shown(values.pop(high))}]"
                values[key] = f"{shown(values[key])} {pair}"
    for key in numbers:
        low, high = f"{key[:-4]}_low", f"{key[:-4]}_high"
        if key.endswith("_low") and low in values and high in values:
            values[key[:-4]] = f"{shown(values.pop(low))} to {shown(values.pop(high))}"
    return values


def _fact(name: str, value: Any, names: Names, links: Mapping[str, tuple[str, str]]) -> Fact:
    if isinstance(value, str) and value in links:
        words, href = links[value]
        return Fact(name=name, value=words, href=href)
    if isinstance(value, list):
        value = [links[each][0] if isinstance(each, str) and each in links else each for each in value]
    return Fact(name=name, value=names.readable(shown(value)), href="")


def shown(value: Any) -> str:
    """A value of a JSON column in at most six digits; text as it was printed."""
    if isinstance(value, Mapping):
        return "; ".join(f"{label(str(name))}: {shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}" if abs(value) >= 1e4 else str(int(value)).replace("-", "−")
        text = f"{value:,.1f}" if 1e5 <= abs(value) < 1e15 else f"{value:.4g}"
        return text.replace("e-0", "e-").replace("-", "−")
    return str(value)


def comparisons(text: str) -> Iterator[str]:
    """The ids of comparisons in a JSON column."""
    yield from map(str, json.loads(text))
