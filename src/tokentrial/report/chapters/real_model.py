"""Values of the chapter on a pretrained model's token table (workflow/report/real_model.typ)."""

from collections.abc import Iterator, Mapping
from typing import Any

from tokentrial.published import PublishedTable
from tokentrial.report.formats import number, with_interval
from tokentrial.report.language_model_names import FULL, front_arms
from tokentrial.report.real_model_names import against, bits_a_number, text_name, title
from tokentrial.report.template import escape
from tokentrial.run.columns import Condition
from tokentrial.run.finals import AGREEMENT, BANDS
from tokentrial.run.view import View

Values = dict[str, str]
NOTHING = "- This run has none of it."
PLAIN = "int"  # the family of the simplest code, against which all others are set
SAID = {"better": "beat", "worse": "are beaten by", "crossing": "cross", "not shown": "are not shown to differ from"}
CONTROLS = {"bands": "bands_", "bit_bands": "bit_bands_"}
"""An own arm -> how the names of its controls begin."""


def values(view: View, config: Mapping[str, Any], printed: Mapping[str, PublishedTable]) -> Values:
    """Every placeholder of the chapter; view: the study's results alone."""
    study = config["real_model"]
    return {
        **{f"protocol.{key}": f"{study[key]:,}" for key in ("documents", "tokens", "counted_tokens")},
        "protocol.models": escape(", ".join(dict.fromkeys(each.model or "" for each in view.select())) or "none"),
        "protocol.texts": escape(" and ".join(dict.fromkeys(text_name(each) for each in view.select())) or "none"),
        "found.losses": listed(loss_words(view)),
        "found.dominance": listed(dominance_words(view)),
        "found.bands": listed(band_words(view)),
        "found.payers": listed(payer_words(view)),
        "found.front": listed(front_words(view)),
    }


def listed(sentences: Iterator[str]) -> str:
    """Sentences as a Typst list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences) or NOTHING


def loss_words(view: View) -> Iterator[str]:
    """The full table's loss, and by how much each encoding's is above it, the smallest difference first."""
    for condition in view.select():
        full = view.level_on("test", condition.id, FULL)
        if not full:
            continue
        apart = {
            arm: view.difference_on("test", condition.id, arm, FULL)
            for arm in view.arms_of(condition.id)
            if arm != FULL
        }
        parts = [
            f"{view.arm_name(condition.study, arm)} {_interval(row)}"
            for arm, row in sorted(apart.items(), key=lambda pair: pair[1]["mean"])
        ]
        level = _interval(full, signed=False)
        yield f"{title(condition)} (n = {full['n']}): full table {level} nats; above it: {', '.join(parts)}."


def _interval(
    row: Mapping[str, Any], names: tuple[str, str, str] = ("mean", "low", "high"), signed: bool = True
) -> str:
    """``+0.024 [+0.020, +0.028]``."""
    value, low, high = (row[name] for name in names)
    return with_interval(value, low, high, signed, decimals=3).replace("\n", " ")


def dominance_words(view: View) -> Iterator[str]:
    """What integers of one scale a row are shown to do to every other method at equal bits."""
    for condition in view.select():
        names = {
            view.method(condition.study, arm).family: view.method(condition.study, arm).family_name
            for arm in view.arms_of(condition.id)
        }
        verdicts = {other: compared.verdict for other, compared in against(view, condition, PLAIN)}
        parts = []
        for verdict, words in SAID.items():
            others = [names[other] for other, of_other in verdicts.items() if of_other == verdict]
            parts += [f"{words} {', '.join(others)}"] if others else []
        if parts:
            yield f"{title(condition)}: integers {'; '.join(parts)}."


def band_words(view: View) -> Iterator[str]:
    """Widths and bits by frequency minus their controls at the same budget."""
    for condition in view.select():
        for arm, start in CONTROLS.items():
            for other in view.arms_of(condition.id):
                row = view.pair(condition.id, arm, other) if other.startswith(start) else {}
                if row:
                    words = " minus ".join(view.arm_name(condition.study, each) for each in (arm, other))
                    bits = ", ".join(number(bits_a_number(view, condition, each), 2) for each in (arm, other))
                    apart = _interval(row, ("difference", "t_low", "t_high"))
                    yield f"{title(condition)}: {words} {apart} nats ({bits} bits a number)."


def payer_words(view: View) -> Iterator[str]:
    """Losses of own arms minus the full table's by the frequency of the input token."""
    for condition in view.select():
        for arm in CONTROLS:
            rows = {band: _at(view, condition, arm, band) for band in BANDS}
            parts = [f"{band.rpartition('_')[2]} {_interval(row)}" for band, row in rows.items() if row]
            if parts:
                name = view.arm_name(condition.study, arm)
                yield f"{title(condition)}, {name} minus full table by the input token's frequency: {', '.join(parts)}."


def _at(view: View, condition: Condition, arm: str, metric: str) -> Mapping[str, Any]:
    row = view.difference_on("test", condition.id, arm, FULL, metric)
    return row if row and row["low"] is not None else {}


def front_words(view: View) -> Iterator[str]:
    """The arms that no other beats in both bits and mean loss, with the agreement of their predictions."""
    for condition in view.select():
        parts = []
        for arm in front_arms(view, condition):
            agreement = view.level_on("test", condition.id, arm, AGREEMENT)
            share = f", agrees at {100 * agreement['mean']:.0f} %" if agreement and arm != FULL else ""
            bits = number(bits_a_number(view, condition, arm), 2)
            parts.append(f"{view.arm_name(condition.study, arm)} ({bits} bits{share})")
        if parts:
            yield f"{title(condition)}, from the smallest: {', '.join(parts)}."
