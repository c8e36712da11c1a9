"""What a practitioner should do, each piece of advice with the comparisons that it follows from.

A piece of advice appears only if the run's own intervals support it; otherwise the comparison is shown as undecided.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tokentrial.report.formats import number
from tokentrial.report.language_model_names import FULL
from tokentrial.report.real_model_names import text_name
from tokentrial.results import whole_file
from tokentrial.run.finals import LOSS
from tokentrial.run.view import Row, View


@dataclass(frozen=True)
class Evidence:
    """A comparison in words, with a row of results.STATISTICS, or condition, arm and other to compare on test data."""

    words: str
    row: Row = field(default_factory=dict)
    apart: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True)
class Advice:
    """One piece of advice with its comparisons."""

    text: str
    evidence: tuple[Evidence, ...]


def advice(view: View) -> list[Advice]:
    """Returns the advice that this run's intervals support, the most useful first."""
    return [*quantise(view), *by_frequency(view), *train(view), *widths(view)]


def quantise(view: View) -> Iterator[Advice]:
    """Fewer bits before fewer dimensions, in a trained model."""
    study = view.only("real_model")
    inputs = [each for each in study.select() if not each.tied and "full" in study.arms_of(each.id)]
    kept, dropped = [], []
    for each in inputs:
        arms = set(study.arms_of(each.id))
        if "int8" in arms:
            kept.append(Evidence(f"{text_name(each)}, eight bits minus full table:", apart=(each.id, "int8", FULL)))
        if "svd-2" in arms:
            dropped.append(
                Evidence(f"{text_name(each)}, half of the dimensions minus full table:", apart=(each.id, "svd-2", FULL))
            )
    ends = [study.difference_on("test", *each.apart) for each in kept]
    if ends and all(row and row["high"] is not None and row["high"] < 0.02 for row in ends):
        yield Advice("To shrink a trained model's token table, store it in eight bits first.", tuple(kept))
    ends = [study.difference_on("test", *each.apart) for each in dropped]
    if ends and all(row and row["low"] is not None and row["low"] > 0.1 for row in ends):
        yield Advice("Do not cut dimensions of a trained table without training on.", tuple(dropped))


def by_frequency(view: View) -> Iterator[Advice]:
    """Ranks by frequency, if dimensions of a trained table have to go."""
    study = view.only("real_model")
    rows = [study.pair(each.id, "bands", "bands_uniform") for each in study.select() if not each.tied]
    known = [row for row in rows if row]
    if known and all(row["t_high"] is not None and row["t_high"] < 0 for row in known):
        yield Advice(
            "If dimensions of a trained table have to go, take them from rare tokens.",
            tuple(
                Evidence(
                    f"{text_name(study.condition(row['condition']))}, ranks by frequency minus one rank of the same "
                    "budget:",
                    row,
                )
                for row in known
            ),
        )


def train(view: View) -> Iterator[Advice]:
    """Where codes start matters little if they are trained with the task."""
    study = view.only("learned_encoding")
    rows = []
    for each in study.select(experiment="vocabulary", way="done-right"):
        frozen, tuned = (study.pair(each.id, "learned", arm) for arm in ("autoencoder", "autoencoder_finetuned"))
        if frozen and tuned:
            rows.append((each, frozen, tuned))
    nearer = all(abs(tuned["difference"]) < abs(frozen["difference"]) / 2 for _, frozen, tuned in rows)
    if rows and nearer and all(frozen["t_high"] < 0 for _, frozen, _ in rows):
        _, frozen, tuned = max(rows, key=lambda row: row[0].vocab_size or 0)
        yield Advice(
            "Train the codes with the task. Whether they start at random or in an autoencoder matters much less.",
            (
                Evidence("with the largest vocabulary, learned minus frozen autoencoder:", frozen),
                Evidence("minus a fine-tuned one:", tuned),
            ),
        )


def widths(view: View) -> Iterator[Advice]:
    """No width by frequency where it gains nothing at equal parameters."""
    study = view.only("bespoke")
    rows = [
        study.pair(each.id, arm, arm.replace("bespoke", "budget", 1))
        for each in study.select(way="done-right")
        for arm in study.arms_of(each.id)
        if arm.startswith("bespoke-")
    ]
    known = [row for row in rows if row and row["metric"] == LOSS]
    if known and not any(row["t_high"] < -row["margin"] for row in known):
        worst = max(known, key=lambda row: abs(row["difference"]))
        yield Advice(
            "Do not expect widths by frequency to help a table that is trained from the start.",
            (Evidence("The largest difference of any layout from uniform widths of the same budget:", worst),),
        )


def markdown(pieces: list[Advice], view: View) -> str:
    """Returns the advice as a Markdown list with intervals and comparison ids."""
    lines = ["# What to do", ""]
    for piece in pieces:
        shown = []
        for each in piece.evidence:
            if each.row:
                value, low, high = (each.row[key] for key in ("difference", "t_low", "t_high"))
                source = f"`{each.row['comparison']}`"
                n = each.row["n"]
            else:
                row = view.difference_on("test", *each.apart)
                value, low, high, n = (row[key] for key in ("mean", "low", "high", "n"))
                source = f"`{each.apart[0]}`, {each.apart[1]} minus {each.apart[2]}"
            interval = f"[{number(low, 3)}, {number(high, 3)}]"
            shown.append(f"{each.words} {number(value, 3, signed=True)} nats {interval}, n = {n} ({source})")
        lines.append(f"- **{piece.text}** " + " ".join(f"{text};" for text in shown[:-1]) + f" {shown[-1]}.")
    if not pieces:
        lines.append("This run has no comparison that advice could follow from.")
    return "\n".join(lines) + "\n"


def write(path: str | Path, view: View) -> None:
    """Writes the advice as Markdown."""
    with whole_file(path) as file:
        file.write(markdown(advice(view), view).encode())
