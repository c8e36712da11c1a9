"""Verdicts as a project that claims-cli and reproducible-science check: ``repro.yaml`` and the two files that it pins.

``verdicts.md`` has a paragraph for every verdict, ``recomputed.json`` each number that was computed from printed ones.
The manifest lists every claim with two kinds of evidence:

    quote    the verdict's own sentence, in verdicts.md
    metric   the printed number beside the recomputed one. The tolerance is half the width of both intervals, so that
             ``claims verify`` finds a match if and only if the intervals meet

A claim's text begins with its verdict, since the other program compares bytes and numbers: what it calls a match is not
support of the claim.

What is lost: the rule of an empirical claim and its comparisons, checks whose answer is no number beside a printed one
(counts, orders, GRIM), one-sided numbers (``p < 0.05``), and the difference between a number that is wrong and one
whose digits were cut off (both are a mismatch).
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tokentrial import results
from tokentrial.claims.evidence import opened
from tokentrial.claims.printed import Quantity, parse
from tokentrial.errors import InputError
from tokentrial.publish.works import Works, named

MANIFEST, VERDICTS, RECOMPUTED = "repro.yaml", "verdicts.md", "recomputed.json"
ENDS = {"low", "high"}
"""What a check of one number recomputes (claims.checks.arithmetic.compared)."""
RESULT = "result"
"""The parameter of such a check that is the printed number."""
SLACK = 1e-9
"""Share of a tolerance added to it, since the ends of intervals are written with 12 digits."""


def write(folder: Path, verdicts: pd.DataFrame, works: Works) -> None:
    """Writes the three files, the manifest last. verdicts: rows of claims.verdict.VERDICTS; works: their documents.

    Raises InputError for a folder that cannot be written.
    """
    rows = [opened(row) for row in verdicts.to_dict("records")]
    title = "; ".join(dict.fromkeys(work.title for row in rows for work in named(str(row["document"]), works)))
    numbers = {str(row["id"]): {"middle": middle} for row in rows for middle, _, _ in _numbers(row)}
    files = {VERDICTS: _text(title, rows), RECOMPUTED: json.dumps(numbers, indent=1) + "\n"}
    artifacts = [
        {"id": Path(name).stem, "path": name, "digest": {"algorithm": "sha256", "value": _sha256(text)}}
        for name, text in files.items()
    ]
    manifest = {"artifacts": artifacts, "claims": [_claim(row) for row in rows]}
    files[MANIFEST] = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=110)
    for name, text in files.items():
        with results.whole_file(folder / name) as file:
            file.write(text.encode())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sentence(row: Mapping[str, Any]) -> str:
    """Returns the verdict of a claim and its reason on one line."""
    return re.sub(r"\s+", " ", f"{row['id']} is {row['verdict']}: {row['reason']}").strip()


def _text(title: str, rows: list[dict[str, Any]]) -> str:
    return "\n\n".join([f"# Verdicts: {title}", *map(_sentence, rows)]) + "\n"


def _claim(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an entry of the manifest."""
    evidence: list[dict[str, Any]] = [{"kind": "quote", "artifact": Path(VERDICTS).stem, "text": _sentence(row)}]
    for _, printed, tolerance in _numbers(row):
        percent = printed.text.endswith("%")
        scale = 100 if percent else 1
        number = {"kind": "metric", "artifact": Path(RECOMPUTED).stem, "name": "recomputed"}
        number |= {"pointer": f"/{row['id']}/middle", "reported": _decimal(printed.nominal * scale)}
        number |= {"mode": "absolute", "tolerance": f"{tolerance * scale * (1 + SLACK) + SLACK**2:.12g}"}
        evidence.append(number | ({"conversion": "percent"} if percent else {}))
    where = " ".join(filter(None, (row["document"], row["section"])))
    text = f"[{row['verdict']}] {row['paraphrase']}"
    return {"id": row["id"], "text": text, "where": where, "evidence": evidence}


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[float, Quantity, float]]:
    """Yields the middle of what was recomputed, the printed number, and how far they may be apart; or nothing."""
    recomputed, name = row["recomputed"], row["parameters"].get(RESULT)
    if not isinstance(recomputed, Mapping) or set(recomputed) != ENDS:
        return
    text = row["reported"].get(name, name) if isinstance(name, str) else name
    text = text["value"] if isinstance(text, Mapping) else text
    try:
        printed = parse(str(text))
        low, high = (float(recomputed[end]) for end in ("low", "high"))
    except InputError:
        return
    half = float(printed.interval.high - printed.interval.low) / 2
    if math.isfinite(half) and math.isfinite(low) and math.isfinite(high):
        yield (low + high) / 2, printed, half + (high - low) / 2


def _decimal(value: Fraction | float) -> str:
    """Returns an exact number with the digits that it was printed with, as far as a float can hold them."""
    return f"{float(value):.15g}"
