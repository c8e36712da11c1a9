"""Section on learned encodings of real text (workflow/report/paper/real_text.typ)."""

from collections.abc import Iterator

from tokentrial.real_text import UNNAMED
from tokentrial.report.comparisons import relative_steps
from tokentrial.report.headline import central
from tokentrial.report.language_model_names import (
    FULL,
    LEARNED_TWICE,
    conditions,
    equal_bits,
    family_names,
    masked_twins,
    of_method,
    peer,
    title,
    tokens_name,
)
from tokentrial.report.paper.context import COUNTED, Paper, Values, listed, plain, spanning, steps_said, table
from tokentrial.run.finals import LOSS
from tokentrial.run.view import Row, records

STUDY = "language_models"
SAID = {"better": "dominates", "worse": "is dominated by"}
UNMASKED = "learned_unmasked"
FEW = 5  # seeds below which an interval is wide


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {
        "real_text.lead": lead(paper),
        "real_text.table": differences(paper),
        "real_text.found": found(paper),
        "real_text.bits": bits(paper),
        "real_text.released": released(paper),
    }


def lead(paper: Paper) -> str:
    view = paper.of(STUDY)
    fair = conditions(view, "done-right")
    corpus = "a text without a name" if view.corpus == UNNAMED else plain(view.corpus)
    return (
        "The repository @repository claims that an encoding learned with the task keeps performance at 8:1 on real "
        "text and prints no result. "
        f"We train {paper.amount(len(fair), 'kind')} of language model on {corpus}, small by today's measure: "
        f"{'; '.join(plain(f'{each.body}, {tokens_name(each)}') for each in fair)}. "
        + ("@real-text has those with a learned table and an autoencoder of one size. " if compared(paper) else "")
        + "One "
        "body serves every ratio, with a lift from _d_#sub[c] to its width, and the autoencoder is trained on the "
        "table of the trained full model. So an autoencoder has had two stages of training on the text, and what a "
        "learned arm is worth depends on how many steps it has had beside these."
    )


def compared(paper: Paper) -> list[Row]:
    """The documents' encodings against the autoencoder at equal training; where no arm has had that, the learned arm
    of one stage, and the one that was trained for longest."""
    view, rows = paper.of(STUDY), []
    for row in records(central(view)):
        if view.method(STUDY, row["arm_b"]).ratio is None:
            continue
        rows.append(row)
        condition = view.condition(row["condition"])
        longer = peer(view, condition, row["arm_a"], LEARNED_TWICE)
        if not row["equal_training"] and longer not in (None, row["arm_a"]):
            rows += [pair for pair in [view.pair(condition.id, longer, row["arm_b"])] if pair]
    return rows


def steps(paper: Paper, row: Row) -> float | None:
    """The steps of a comparison's first arm over those of its second."""
    return relative_steps(paper.of(STUDY), row["condition"], row["arm_a"], row["arm_b"])


def differences(paper: Paper) -> str:
    view = paper.of(STUDY)
    rows = []
    for row in compared(paper):
        condition = view.condition(row["condition"])
        other = view.method(STUDY, row["arm_b"])
        full = view.pair(condition.id, row["arm_a"], FULL)
        rows.append(
            [
                plain(title(condition)),
                f"{other.ratio}:1",
                plain(view.arm_name(STUDY, row["arm_a"])),
                paper.level(view.level(condition.id, row["arm_a"]), decimals=3),
                *paper.parts(row),
                *paper.parts(full),
                f"{int(row['n'])}",
                paper.number(steps(paper, row), f"{COUNTED}: steps of {row['comparison']}", 1),
            ]
        )
    if not rows:
        return "This run has no language model with both arms."
    caption = (
        "The learned encoding on real text: held-out loss in nats per token, and differences with "
        f"{paper.confidence} intervals over paired seeds; below zero, the learned encoding is better. "
        "Steps: of the learned arm over those of the autoencoder, on text, all stages. The full table "
        "has the steps of one stage, so a learned arm with more of them may lie below it for this reason alone."
    )
    heads = (spanning("− autoencoder"), spanning("− full table"))
    header = ["Model", "Ratio", "Arm", "Loss", *heads, "_n_", "Steps"]
    return table(
        "(1fr, auto, auto, auto, auto, auto, auto, auto, auto, auto)",
        header,
        rows,
        caption,
        "real-text",
        "(left, left, left, right, right, right, right, right, right, right)",
    )


def found(paper: Paper) -> str:
    rows = compared(paper)
    if not rows:
        return "There is nothing to compare."
    groups: dict[float, list[Row]] = {}
    for row in rows:
        groups.setdefault(steps(paper, row) or 0.0, []).append(row)
    said = []
    for ratio, group in sorted(groups.items()):
        better, worse = sum(map(paper.better, group)), sum(map(paper.worse, group))
        equal = sum(bool(row["equivalent"]) for row in group)
        words = steps_said(ratio)
        said.append(
            f"with {words} significantly better in {paper.count(better, f'{words}, better')}, worse in "
            f"{paper.count(worse, f'{words}, worse')} and shown to be equivalent in "
            f"{paper.count(equal, f'{words}, equivalent')} of "
            f"{paper.count(len(group), f'comparisons with the autoencoder on real text, {words}')}"
        )
    text = f"Against the autoencoder (@real-text) the learned encoding is {'; '.join(said)}, after Holm's correction. "
    if 1.0 not in groups:
        longer = ", and the one that was to have them has had twice as many (`docs/language_models.md`)"
        text += f"No arm of this run has had as many steps as both stages{longer if 2.0 in groups else ''}. "
    text += "".join(tuned(paper))
    seeds = [int(row["n"]) for row in rows]
    if max(seeds) < FEW:
        text += (
            f"With {paper.count(min(seeds), 'fewest seeds of these')} seeds an interval is wide, and the rules of the "
            "claims ask for more before they decide, so most claims about real text stay open in this run. "
        )
    elif min(seeds) < FEW:
        text += (
            f"Rows with {paper.count(min(seeds), 'fewest seeds of these')} seeds have wide intervals and do not reach "
            "the number that rules ask for. "
        )
    return text


def tuned(paper: Paper) -> Iterator[str]:
    """Where training is equal, the comparison with the autoencoder whose codes are trained on; and where it is not."""
    view = paper.of(STUDY)
    for condition in conditions(view, "done-right"):
        for other in of_method(view, condition, "autoencoder_finetuned"):
            arms = [peer(view, condition, other, name) for name in (LEARNED_TWICE, "learned")]
            twice, once = (view.pair(condition.id, arm, other) if arm else {} for arm in arms)
            if twice and once:
                ratio = plain(f"{view.method(STUDY, other).ratio}:1")
                many, few = (steps_said(steps(paper, row)) for row in (twice, once))
                turns = once["difference"] > 0 > twice["difference"]
                yield (
                    f"Against a fine-tuned autoencoder at {ratio} ({plain(title(condition))}) it is "
                    f"{paper.difference(twice)} with {many}, and {paper.difference(once, n=False)} with {few}"
                    + (": the number of steps decides more than the way to the codes. " if turns else ". ")
                )


def bits(paper: Paper) -> str:
    """What is shown at equal bits, over the whole range that two methods share."""
    view, sentences = paper.of(STUDY), []
    for condition in conditions(view, "done-right"):
        names, pairs = family_names(view, condition), list(equal_bits(view, condition))
        # a model without a mask sees what it is asked for, and twice the epochs are no other method
        verdicts = {b: each.verdict for a, b, each in pairs if a == "learned" and not b.startswith("learned")}
        parts = []
        for outcome, words in SAID.items():
            others = [plain(names[b]) for b, verdict in verdicts.items() if verdict == outcome]
            parts += [f"{words} {listed(others)}"] if others else []
        if parts:
            sentences.append(f"{plain(title(condition))}: the learned table {listed(parts)}.")
    start = (
        "@figure-language-models-pareto shows loss against bits. One method _dominates_ another only if the interval "
        "of the difference excludes zero at every number of bits that both span. The learned table is here that of one "
        "stage, so it has had half the steps of codes that start from a trained table. "
    )
    return start + (" ".join(sentences) or "No method is shown to dominate another in this run.")


def released(paper: Paper) -> str:
    """What the missing mask does: in the fair design if it has the pair, else as released."""
    view = paper.of(STUDY)
    start = "The public code's language model has no causal mask: the token to be predicted is an input of the model. "
    for condition in conditions(view, "done-right"):
        for arm in of_method(view, condition, "learned"):
            pair = view.pair(condition.id, arm, peer(view, condition, arm, UNMASKED) or "")
            if pair:
                at = f"statistics › {pair['comparison']}"
                masked, open_ = (paper.number(pair[f"mean_{one}"], f"{at} › mean_{one}", 2) for one in ("a", "b"))
                return start + (
                    f"Trained with the care of the fair design, the same body has a loss of {open_} nats without a "
                    f"mask and of {masked} with one (with minus without: {paper.difference(pair)}). "
                    "A comparison of encodings in such a model says nothing about language models."
                )
    for condition in conditions(view, "as-released"):
        for arms in masked_twins(view, condition):
            levels = [view.level_on("test", condition.id, arm).get("mean") for arm in arms]
            shown = [
                paper.number(level, f"runs › {condition.id}|{arm}|{LOSS} › mean", 2)
                for level, arm in zip(levels, arms, strict=True)
            ]
            text = plain(tokens_name(condition))
            return f"{start}Its loss on {text} is {shown[0]} nats without a mask and {shown[1]} with one."
    return "This run does not include the released language model."
