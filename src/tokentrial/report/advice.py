"""What a practitioner should do, each piece of advice with the comparisons that it follows from.

A piece of advice appears only if the run's own intervals support it; otherwise the comparison is shown as undecided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tokentrial.report.formats import number
from tokentrial.report.language_model_names import FULL
from tokentrial.report.real_model_names import TRAINED_FULL, bits_a_number, start_of, text_name, trained_arms
from tokentrial.run.budget import equal_training
from tokentrial.run.columns import Condition
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
    """One piece of advice with its comparisons. condition: where they were made, and so where it holds."""

    text: str
    evidence: tuple[Evidence, ...]
    condition: str = ""


UNTRAINED = "One pretrained model, whose table came in eight bits, no retraining"
NEGLIGIBLE, COSTLY = 0.02, 0.1
"""Nats per token that a code costs at most, or at least, by its whole interval."""
USE = {False: "input", True: "tied"}
SAME_BITS = 0.2
"""Bits for each number by which two codes may differ and count as equally large."""
SHOWN = 8
"""The documents' own ratio."""
CODES = "learned_product_2"
CUT_AND_TRAINED = "learned_svd"
"""How the arms begin that are cut to one width by an SVD and then trained on text."""
ONE_WIDTH = ("svd", "autoencoder")
"""How the methods begin that store fewer dimensions, as many for each token."""


def advice(view: View) -> list[Advice]:
    """Returns the advice that this run's intervals support, the most useful first."""
    model = view.only("real_model")
    of_model = [*quantise(model), *cut(model), *by_frequency(model), *recover(model), *product(model)]
    trained = train(view.only("learned_encoding"), view.only("language_models"))
    return [*of_model, *trained, *widths(view.only("bespoke"))]


def inputs_and_tied(study: View) -> tuple[list[Condition], list[Condition]]:
    """The conditions of the pretrained model in which the input table alone is encoded, and those with the output."""
    every = [each for each in study.select() if FULL in study.arms_of(each.id)]
    return [each for each in every if not each.tied], [each for each in every if each.tied]


def costs(study: View, conditions: Sequence[Condition], arm: str) -> list[Evidence]:
    """An arm minus the full table, in each condition that has it."""
    return [
        Evidence(f"{text_name(each)}, {USE[bool(each.tied)]}:", apart=(each.id, arm, FULL))
        for each in conditions
        if arm in study.arms_of(each.id)
    ]


def ends(study: View, evidence: Sequence[Evidence]) -> list[tuple[float, float]]:
    """The intervals of comparisons on test data; a missing one bounds nothing."""
    rows = [study.difference_on("test", *each.apart) for each in evidence]
    return [
        (row["low"], row["high"]) if row and row["low"] is not None else (float("-inf"), float("inf")) for row in rows
    ]


def quantise(study: View) -> Iterator[Advice]:
    """Fewer bits before fewer dimensions, in a trained model: eight, four, and about two."""
    inputs, tied = inputs_and_tied(study)
    eight = costs(study, [*inputs, *tied], "int8")
    if eight and all(high < NEGLIGIBLE for _, high in ends(study, eight)):
        yield Advice("Store a trained model's token table in eight bits first.", tuple(eight), UNTRAINED)
    four, four_tied = costs(study, inputs, "int4"), costs(study, tied, "int4")
    if four and four_tied:
        above = min(low for low, _ in ends(study, four_tied)) > max(high for _, high in ends(study, four))
        if above:
            yield Advice(
                "Go down to four bits for an input table alone; a table that the output layer shares pays more.",
                (*four, *four_tied),
                UNTRAINED,
            )
    counted = all("pq_counted_2" in study.arms_of(each.id) for each in inputs)
    two_bits = "pq_counted_2" if counted else "pq_2"
    two, rivals = costs(study, inputs, two_bits), [as_large(study, each, two_bits) for each in inputs]
    against = [
        Evidence("minus the best code of fewer dimensions for all tokens:", apart=(each.id, two_bits, rival))
        for each, rival in zip(inputs, rivals, strict=True)
        if rival
    ]
    if two and len(against) == len(two) and all(high < 0 for _, high in ends(study, against)):
        paired = [each for pair in zip(two, against, strict=True) for each in pair]
        yield Advice(
            "At two bits, use product quantisation rather than fewer dimensions for all tokens; measure what it costs.",
            (*paired, *costs(study, tied, two_bits), *beside_widths(study, tied, two_bits)),
            UNTRAINED,
        )


def beside_widths(study: View, conditions: Sequence[Condition], arm: str) -> list[Evidence]:
    """Product quantisation minus widths by frequency, in each condition that has both."""
    return [
        Evidence(
            f"{text_name(each)}, {USE[bool(each.tied)]}, minus widths by frequency:", apart=(each.id, arm, "bands")
        )
        for each in conditions
        if {arm, "bands"} <= set(study.arms_of(each.id))
    ]


def cut(study: View) -> Iterator[Advice]:
    """No fewer dimensions without training, if even the best code of one width is costly."""
    inputs, _ = inputs_and_tied(study)
    best = [(each, one_width(study, each)) for each in inputs]
    dropped = [
        Evidence(
            f"{text_name(each)}, the best such code ({study.arm_name('real_model', arm)}):", apart=(each.id, arm, FULL)
        )
        for each, arm in best
        if arm
    ]  # fmt: skip
    if dropped and all(low > COSTLY for low, _ in ends(study, dropped)):
        yield Advice("Do not cut the width of all tokens of a trained table.", tuple(dropped), UNTRAINED)


def one_width(study: View, condition: Condition) -> str | None:
    """The arm with the lowest loss of those with fewer dimensions, as many for each token, that no text trained."""
    arms = [
        arm
        for arm in study.arms_of(condition.id)
        if arm.startswith(ONE_WIDTH) and not study.cost(condition.id, arm).get("tokens_seen")
    ]
    known = {arm: row["mean"] for arm in arms if (row := study.difference_on("test", condition.id, arm, FULL))}
    return min(known, key=lambda arm: known[arm], default=None)


def as_large(study: View, condition: Condition, arm: str) -> str | None:
    """The same among the arms that have as many bits as another one."""
    bits = bits_a_number(study, condition, arm)
    known = {}
    for other in study.arms_of(condition.id):
        size, row = bits_a_number(study, condition, other), study.difference_on("test", condition.id, other, FULL)
        trained = study.cost(condition.id, other).get("tokens_seen")
        if other.startswith(ONE_WIDTH) and not trained and row and bits and size and abs(size - bits) <= SAME_BITS:
            known[other] = row["mean"]
    return min(known, key=lambda each: known[each], default=None)


def by_frequency(study: View) -> Iterator[Advice]:
    """Ranks by frequency, if dimensions of a trained table have to go."""
    inputs, _ = inputs_and_tied(study)
    pairs = [(each, study.pair(each.id, "bands", "bands_uniform")) for each in inputs]
    known = [(each, row) for each, row in pairs if row]
    if known and all(row["t_high"] is not None and row["t_high"] < 0 for _, row in known):
        evidence = []
        for each, row in known:
            evidence.append(Evidence(f"{text_name(each)}, minus one width of the same budget:", row))
            evidence += [
                Evidence("and still, minus the full table:", full)
                for full in [study.pair(each.id, "bands", FULL)]
                if full
            ]
        yield Advice("If dimensions have to go, take them from rare tokens.", tuple(evidence), UNTRAINED)


def recover(study: View) -> Iterator[Advice]:
    """Training on text after a cut, if it regains a part of the loss at every size that was trained, and not all."""
    inputs, _ = inputs_and_tied(study)
    pairs = [
        (each, arm, start)
        for each in inputs
        for arm in trained_arms(study, each)
        if arm.startswith(CUT_AND_TRAINED) and (start := start_of(study, each, arm))
    ]
    gained = [
        Evidence("minus the code that training starts from:", apart=(each.id, arm, start)) for each, arm, start in pairs
    ]
    left = [
        Evidence(f"{study.arm_name('real_model', arm)}, {text_name(each)}:", apart=(each.id, arm, FULL))
        for each, arm, _ in pairs
    ]
    if not pairs or any(high >= 0 for _, high in ends(study, gained)):
        return
    if all(low > COSTLY for low, _ in ends(study, left)):
        shown = [
            both
            for (_, arm, _), *both in zip(pairs, left, gained, strict=True)
            if study.method("real_model", arm).ratio == SHOWN
        ]
        yield Advice(
            "Train a table that was cut on text; short training regains a part of the loss, not all of it.",
            tuple(part for both in shown for part in both),
            "One pretrained model, all layers frozen",
        )


def product(study: View) -> Iterator[Advice]:
    """Product codes that are trained on text, if that lowers the loss wherever they were trained."""
    inputs, _ = inputs_and_tied(study)
    arms = [(each, CODES) for each in inputs if {CODES, TRAINED_FULL} <= set(study.arms_of(each.id))]
    gained = [
        Evidence(f"{text_name(each)}, minus the codes that training starts from:", apart=(each.id, arm, start))
        for each, arm in arms
        if (start := start_of(study, each, arm))
    ]
    alike = [Evidence("minus the full table trained alike:", apart=(each.id, arm, TRAINED_FULL)) for each, arm in arms]
    if gained and len(gained) == len(alike) and all(high < 0 for _, high in ends(study, gained)):
        yield Advice(
            "If there is text, train the product codes on it, too: few tokens are enough to gain.",
            tuple(part for pair in zip(gained, alike, strict=True) for part in pair),
            "One pretrained model, all layers frozen",
        )


def train(study: View, texts: View) -> Iterator[Advice]:
    """Where codes start matters less than that they are trained with the task; on text, with how many steps."""
    rows = []
    for each in study.select(experiment="vocabulary", way="done-right"):
        frozen, tuned = (study.pair(each.id, "learned", arm) for arm in ("autoencoder", "autoencoder_finetuned"))
        if frozen and tuned:
            rows.append((each, frozen, tuned))
    nearer = all(abs(tuned["difference"]) < abs(frozen["difference"]) / 2 for _, frozen, tuned in rows)
    if rows and nearer and all(frozen["t_high"] < 0 for _, frozen, _ in rows):
        _, frozen, tuned = max(rows, key=lambda row: row[0].vocab_size or 0)
        text = list(on_text(texts))
        yield Advice(
            "Train the codes with the task. Whether they start at random or in an autoencoder matters much less.",
            (
                Evidence("with the largest vocabulary, learned minus frozen autoencoder:", frozen),
                Evidence("minus a fine-tuned one:", tuned),
                *text,
            ),
            "Small models; synthetic sources" + (", and text at equal steps" if text else ""),
        )


def on_text(study: View) -> Iterator[Evidence]:
    """The same on real text, where the learned table has had the steps of both stages of an autoencoder."""
    others = {"autoencoder-8": f"{study.corpus}, 8:1, minus frozen:", "autoencoder_finetuned-8": "minus fine-tuned:"}
    for each in study.select(experiment="transformer", way="done-right"):
        pairs = {said: study.pair(each.id, "learned_twice-8", other) for other, said in others.items()}
        if all(row and equal_training(study, each.id, row["arm_a"], row["arm_b"]) for row in pairs.values()):
            yield from (Evidence(said, row) for said, row in pairs.items())


def widths(study: View) -> Iterator[Advice]:
    """No width by frequency where it gains nothing at equal parameters."""
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
            (Evidence("the largest difference of any layout from uniform widths of the same budget:", worst),),
            "Small models, synthetic sources",
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
        where = f"({piece.condition}) " if piece.condition else ""
        lines.append(f"- **{piece.text}** {where}" + " ".join(f"{text};" for text in shown[:-1]) + f" {shown[-1]}.")
    if not pieces:
        lines.append("This run has no comparison that advice could follow from.")
    return "\n".join(lines) + "\n"
