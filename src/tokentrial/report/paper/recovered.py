"""What training recovers: codes of a pretrained model's table before and after training on text."""

import pandas as pd

from tokentrial.report import catalogue
from tokentrial.report.formats import MISSING
from tokentrial.report.language_model_names import FULL
from tokentrial.report.paper.context import Paper, listed, plain, table, tall
from tokentrial.report.real_model_names import TRAINED, TRAINED_FULL, USES, start_of, text_name, trained_arms
from tokentrial.run import methods
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS

STUDY = "real_model"
UNSEEN, SEEDS = "unseen", "seeds"  # a metric and a split of real_model.training_job
HEADER = [
    "Code", "Bits", "Text", "Before", "After", "sd", "Minus full", "Minus full, trained alike", "Unseen, %", "Tokens",
    "Seconds",
]  # fmt: skip
COLUMNS = "(1fr, auto, auto, auto, auto, auto, 2.7cm, 2.7cm, auto, auto, auto)"


def conditions(paper: Paper) -> list[Condition]:
    """Those with arms that are trained on text, input tables first."""
    view = paper.of(STUDY)
    return sorted((each for each in view.select() if trained_arms(view, each)), key=lambda each: bool(each.tied))


def recovered(paper: Paper) -> str:
    """The table of every trained arm on every text, before and after; empty in a run that trains none."""
    view, found = paper.of(STUDY), conditions(paper)
    if not found:
        return ""
    arms = list(dict.fromkeys(arm for each in found for arm in trained_arms(view, each)))
    rows = [cells for arm in arms for cells in _rows(paper, arm, [each for each in found if _has(paper, each, arm)])]
    seeds = sorted({int(view.cost(each.id, arm)["seeds"]) for each in found for arm in trained_arms(view, each)})
    number = " to ".join(paper.count(each, "training seeds") for each in dict.fromkeys((seeds[0], seeds[-1])))
    caption = (
        "What training recovers: codes that are trained on text with all layers frozen. Losses in nats per token, "
        f"means over held-out documents and {number} training seeds. Before: the "
        "code that training starts from, which is the SVD weighted by counts, the autoencoder, product codes or the "
        "table itself; a random start has none. sd: of the mean loss over training seeds. Differences: paired over "
        f"documents, with {paper.confidence} intervals. Unseen: held-out tokens that training never showed; their own "
        "codes stay those of the start. Tokens: read in training. Seconds: of a processor, for one seed."
        f"{_absent(paper, arms)}"
    )
    return table(COLUMNS, HEADER, rows, caption, "recovered", "(left, right, left, " + "right, " * 8 + ")")


def _has(paper: Paper, condition: Condition, arm: str) -> bool:
    return arm in paper.of(STUDY).arms_of(condition.id)


def _rows(paper: Paper, arm: str, found: list[Condition]) -> list[list[str]]:
    """A row for each text; what does not depend on the text stands in the first one."""
    view, rows = paper.of(STUDY), []
    for each in found:
        start = start_of(view, each, arm)
        rows.append(
            [
                plain(text_name(each)) + (f", {USES[True]}" if each.tied else ""),
                paper.measured(each.id, start, decimals=2) if start else MISSING,
                paper.measured(each.id, arm, decimals=2),
                paper.measured(each.id, arm, part="sd", split=SEEDS),
                paper.apart(each.id, arm, FULL, decimals=2),
                MISSING if arm == TRAINED_FULL else paper.apart(each.id, arm, TRAINED_FULL, decimals=2),
                paper.measured(each.id, arm, UNSEEN, split=SEEDS, decimals=0, scale=100),
            ]
        )
    cost, at = view.cost(found[0].id, arm), f"arms › {found[0].id}|{arm}"
    bits = paper.number(cost["bits_deployed"] / cost["parameters_embedding"], f"{at} › bits", 2)
    facts = [paper.number(cost[name], f"{at} › {name}", 0) for name in ("tokens_seen", "encode_seconds")]
    before, behind = [plain(view.arm_name(STUDY, arm)), bits], facts
    rows[0] = [*(tall(cell, len(found)) for cell in before), *rows[0], *(tall(cell, len(found)) for cell in behind)]
    return rows


def _absent(paper: Paper, arms: list[str]) -> str:
    """``Not run: learned from the SVD 2:1.``; empty if every arm of the reference design was run."""
    missing = [arm for arm in TRAINED if arm not in arms]
    if not missing:
        return ""
    named = methods.table(catalogue.studies(), pd.DataFrame({"study": STUDY, "arm": missing})).set_index("arm")["name"]
    return f" Not run: {listed([plain(named[arm]) for arm in missing])}."


def said(paper: Paper) -> str:
    """One arm's way from its start to the full table, in a sentence, or that this run trains none."""
    view, found = paper.of(STUDY), conditions(paper)
    if not found:
        return "What training recovers is not known from this run, which trains no code on text."
    each = found[0]
    arms = [arm for arm in trained_arms(view, each) if arm != TRAINED_FULL]
    arm = next((arm for arm in ("learned_svd-8", *arms) if arm in arms), None)
    if arm is None:
        return ""
    start, name = start_of(view, each, arm), plain(view.arm_name(STUDY, arm))
    before = f"starts {paper.apart(each.id, start, FULL, LOSS)} nats above the full table and " if start else ""
    alike = (
        f", and {paper.apart(each.id, arm, TRAINED_FULL)} from the full table trained alike"
        if _has(paper, each, TRAINED_FULL)
        else ""
    )
    return (
        f"@recovered asks what training recovers with the layers frozen. On {plain(text_name(each))}, the code {name} "
        f"{before}ends {paper.apart(each.id, arm, FULL)} nats from it{alike}."
    )
