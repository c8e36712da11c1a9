"""First page, claims and methods (workflow/report/paper/summary.typ, claims.typ, methods.typ)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial import documents
from tokentrial.claims import verdict as words
from tokentrial.documents import CROSS
from tokentrial.provenance import git_commit
from tokentrial.report import catalogue
from tokentrial.report.answers import Answer
from tokentrial.report.learning_rates import source_words
from tokentrial.report.paper.context import COUNTED, Paper, Values, listed, plain, table
from tokentrial.report.scale import scale_values, spread, text_said, trained_once
from tokentrial.report.verdicts import EMPIRICAL, MARKS, group, read

COLORS = {
    words.CONSISTENT: "#1b6e3c",
    words.CONFIRMED: "#1b6e3c",
    words.INCONSISTENT: "#a8321e",
    words.REFUTED: "#a8321e",
    words.ARTEFACT: "#a8321e",
}
OTHER = "#555555"
SHOWN = {words.INCONCLUSIVE: "open"}
"""Words of a verdict where space is short; others are in lower case."""


def summary(paper: Paper, card: Sequence[Answer], facts: Values) -> Values:
    """Every placeholder of the first page; facts: those of the run, see `run_facts`."""
    every = paper.verdicts[paper.verdicts["kind"] != words.AUDIT]
    checked, empirical = every[every["kind"] != EMPIRICAL], every[every["kind"] == EMPIRICAL]
    sizes = checked["verdict"].value_counts()
    return facts | {
        "claims.total": paper.count(len(every), "claims"),
        "claims.checked": paper.count(len(checked), "claims that are not empirical"),
        "claims.empirical": paper.count(len(empirical), "empirical claims"),
        **{
            f"claims.{name}": paper.count(int(sizes.get(verdict, 0)), f"claims {verdict}")
            for name, verdict in (
                ("consistent", words.CONSISTENT),
                ("partly", words.PARTLY),
                ("inconsistent", words.INCONSISTENT),
            )
        },
        "claims.outcomes": outcomes(paper, empirical),
        "abstract.findings": findings(paper),
        "card.rows": card_rows(card),
        "card.note": "#super[†] A rule that does not count as fixed before the run."
        if any(row.unfrozen for row in card)
        else "",
    }


def outcomes(paper: Paper, empirical: pd.DataFrame) -> str:
    """``two are confirmed, nine refuted ...``: the verdicts of the empirical claims."""
    said = {
        words.CONFIRMED: "confirmed",
        words.REFUTED: "refuted",
        words.ARTEFACT: "artefacts of the released code or of one baseline",
        words.TOO_SMALL: "too small to matter",
        words.INCONCLUSIVE: "still open at this scale",
        words.UNTESTABLE: "untestable here",
    }
    sizes = empirical["verdict"].value_counts()
    parts = [
        f"{paper.count(int(sizes[word]), f'empirical claims {word}')} are {text}"
        for word, text in said.items()
        if word in sizes
    ]
    return listed(parts) or "no empirical claim was examined"


def findings(paper: Paper) -> str:
    """The abstract's results, of those studies that the run has."""
    sentences = []
    view = paper.of("learned_encoding")
    for each in view.select(experiment="compression", way="done-right", vocab_size=100, ratio=8):
        shown = [view.pair(each.id, "learned", arm) for arm in ("autoencoder", "autoencoder_finetuned")]
        if all(shown):
            frozen, tuned = (paper.difference(row, n=False) for row in shown)
            text = (
                f"At 8:1 the learned table minus a frozen autoencoder is {frozen}, and minus a fine-tuned one {tuned}"
            )
            nearer = abs(shown[1]["difference"]) < abs(shown[0]["difference"]) / 2 and paper.better(shown[0])
            sentences.append(f"{text}: what helps is training the codes with the task." if nearer else f"{text}.")
    if paper.recomputed("BT3-ROW-EMP-Scaling-20K").get("ratio") is not None:
        claim = "BT3-ROW-EMP-Scaling-20K"
        low, high = (paper.claim(claim, f"ratio_{end}") for end in ("low", "high"))
        sentences.append(
            f"The loss ratio behind _24 times better_ is {paper.claim(claim, 'ratio')} ({low} to {high}) in a fair run."
        )
    sentences += list(codes(paper))
    if paper.recomputed("CR4-LINEAR"):
        exponent = next(
            (
                key
                for key in paper.recomputed("CR4-LINEAR")
                if key.startswith("exponent") and not key.endswith(("low", "high"))
            ),
            "",
        )
        if exponent:
            ends = " to ".join(paper.claim("CR4-LINEAR", f"{exponent} {end}", 2) for end in ("low", "high"))
            sentences.append(
                "What crammed vectors hold grows with their number to the power "
                f"{paper.claim('CR4-LINEAR', exponent, 2)} ({ends})."
            )
    return " ".join(sentences)


def codes(paper: Paper) -> Sequence[str]:
    """What the simplest codes cost a pretrained model."""
    inputs = [each for each in paper.of("real_model").select() if not each.tied]
    for each in inputs[:1]:
        arms = paper.view.arms_of(each.id)
        if {"full", "int8", "int4", "svd-2"} <= set(arms):
            eight, four, svd = (paper.apart(each.id, arm, "full") for arm in ("int8", "int4", "svd-2"))
            return [
                f"In a pretrained model, input vectors in eight bits cost {eight} nats and in four bits {four}, while "
                f"half of their dimensions, without retraining, cost {svd}."
            ]
    return []


def card_rows(card: Sequence[Answer]) -> str:
    """The answer card as Typst rows, with a line above each document and its name in the first row."""
    lines, document = [], ""
    for row in card:
        first = row.document != document
        if first and document:
            lines.append("thin")
        document = row.document
        dagger = "#super[†]" if row.unfrozen else ""
        cells = (
            f"#said[{plain(document)}]" if first else "",
            plain(row.statement),
            verdict_cell(row.printed, row.printed_share),
            verdict_cell(row.run, row.run_share) + (dagger if row.run else ""),
            plain(row.evidence) or "–",
        )
        lines.append(", ".join(f"[{cell}]" for cell in cells))
    return ",\n    ".join(lines)


def verdict_cell(verdict: str, share: str) -> str:
    """A verdict with its sign and colour, which repeats the word; a dash if nothing is asked."""
    if not verdict:
        return "–"
    shown = SHOWN.get(verdict, verdict.lower())
    tail = f" ({share})" if share else ""
    return f'#text(fill: rgb("{COLORS.get(verdict, OTHER)}"))[{MARKS[verdict]} {shown}{tail}]'


def run_facts(
    paper: Paper, config: Mapping[str, Any], corpus: Any, studies: Sequence[str], rules: Mapping[str, Any], shipped: str
) -> Values:
    """The run's scale, commit, text and rules; corpus: the text's record; shipped: how the shipped run differs."""
    scale = scale_values(paper.view.arms, len(paper.view.statistics), config)
    kept = ("name", "note", "models", "comparisons", "device", "minutes")
    said, commit = text_said(corpus, paper.view.corpus), git_commit()
    master = plain(scale["scale.master_seed"])
    younger = f"from whose first bits the master seed {master} is made, so that the data are younger than the rules"
    older = f"not of the master seed {master}, so that no rule counts as older than the data"
    return {
        **{f"scale.{name}": scale[f"scale.{name}"] for name in kept},
        "scale.commit": ", ".join(sorted(str(each)[:12] for each in paper.view.arms["git_commit"].unique())),
        "scale.judged": commit[:12] + commit[40:],
        "corpus.line": f"Text: {plain(said)}" if said else "",
        "scale.left_out": left_out(studies, config, paper.view.corpus),
        "rules.file": rules["file"],
        "rules.digest": rules["sha256"][:16] or "none",
        "rules.seed": younger if rules["data_are_younger"] else older,
        "shipped.line": shipped,
    }


def left_out(studies: Sequence[str], config: Mapping[str, Any], corpus: str) -> str:
    """The studies of the config that this paper has no rows of, if there are any."""
    missing = [study for study in catalogue.STUDIES if study not in studies and config[study]["experiments"]]
    titles = "; ".join(catalogue.study_title(study, corpus) for study in missing)
    return f"Left out: {plain(titles)}." if titles else ""


def beside_shipped(paper: Paper, shipped: str | None) -> str:
    """How many verdicts differ from those of the shipped run; shipped: their file, None for the shipped run itself."""
    if shipped is None:
        return ""
    both = paper.verdicts.merge(read(shipped), on="id", suffixes=("", "_shipped"))
    apart = both[both["verdict"] != both["verdict_shipped"]]
    every, other = (
        paper.count(len(rows), f"verdicts {what}") for rows, what in ((both, "of both runs"), (apart, "that differ"))
    )
    same = f"*Beside the shipped run.* Of {every} verdicts, {other} differ"
    if apart.empty:
        return f"{same}."
    return (
        f"{same}, since this run has other seeds, texts or sizes: "
        f"{plain(', '.join(apart['id'].head(8)))}{', …' if len(apart) > 8 else ''}."
    )


def claims(paper: Paper) -> Values:
    """Every placeholder of the section on what was claimed."""
    audits = int((paper.verdicts["kind"] == words.AUDIT).sum())
    empirical = paper.verdicts[paper.verdicts["kind"] == EMPIRICAL]
    before = int((empirical["unfrozen"] == "").sum())
    total = paper.count(len(empirical), "empirical claims")
    if before == len(empirical) and before:
        rules = (
            f"The rules of all {total} empirical claims were frozen in a file before the data existed: the file's "
            "digest makes the master seed of every random number."
        )
    else:
        fixed = paper.count(before, "empirical claims with a rule fixed before the run")
        rules = (
            f"The rules of {fixed} of the {total} empirical claims count as frozen before the data existed; the "
            "others are marked wherever their verdict appears."
        )
    return {
        "claims.audit": paper.count(audits, "audit findings"),
        "claims.documents_table": documents_table(paper),
        "rules.sentence": rules,
    }


def documents_table(paper: Paper) -> str:
    groups = documents.load(*documents.folders())
    rows = []
    claims_of = paper.verdicts.assign(document=paper.verdicts["document"].map(group))
    for name, each in groups.items():
        mine = claims_of[claims_of["document"] == name]
        audits = int((mine["kind"] == words.AUDIT).sum())
        empirical = int((mine["kind"] == EMPIRICAL).sum())
        rest = len(mine) - audits - empirical
        title = "Claims about several documents" if name == CROSS else each.title
        numbers = [paper.number(size, f"{COUNTED}: claims of {name}, {what}", 0)
                   for size, what in ((rest, "by checks"), (empirical, "by rules"), (audits, "audit"))]  # fmt: skip
        rows.append(["–" if name == CROSS else f"#said[{plain(name)}]", plain(title), *numbers])
    header = ["Id", "Title", "By checks", "By the runs", "Audit findings"]
    caption = (
        "The documents, with their claims decided from the text and by the runs, and this project's own audit findings."
    )
    return table(
        "(auto, 1fr, auto, auto, auto)", header, rows, caption, "documents", "(left, left, right, right, right)"
    )


def methods(paper: Paper) -> Values:
    """Every placeholder of the section on methods."""
    statistics = paper.config["statistics"]
    return {
        "stats.confidence": f"{100 * statistics['confidence']:g}",
        "stats.margin": f"{100 * statistics['equivalence_margin']:g}",
        "stats.margin_nats": f"{paper.config['language_models']['margins']['cross_entropy']:g}",
        "methods.rates": plain(source_words(paper.view)) if len(paper.view.arms) else "",
        "methods.table": studies_table(paper),
    }


def studies_table(paper: Paper) -> str:
    """Per study: conditions, seeds, steps, models, core minutes."""
    rows = []
    for study in paper.view.arms["study"].unique():
        mine = paper.of(study)
        trained = trained_once(mine.arms)
        released = mine.arms["condition"].isin(mine.of_way("as-released"))
        fair = mine.arms[mine.arms["condition"].isin(mine.of_way("done-right"))]
        seeds = mine.summary.loc[mine.summary["condition"].isin(fair["condition"]), "n"]
        if fair.empty:  # cramming and the pretrained model have no ways: their seeds are texts and documents
            fair = mine.arms
            seeds = mine.summary["n"] if len(mine.summary) else fair["seeds"]
        rows.append(
            [
                plain(catalogue.study_title(study, paper.view.corpus)),
                f"{mine.arms.loc[~released, 'condition'].nunique():,}",
                f"{mine.arms.loc[released, 'condition'].nunique():,}",
                spread(seeds),
                spread(fair["steps"].dropna()),
                f"{int(trained['seeds'].sum()):,}",
                f"{trained['wall_seconds'].sum() / 60:.0f}",
            ]
        )
    header = ["Study", "Conditions", "As released", "Seeds", "Steps", "Models", "Core minutes"]
    caption = (
        "What was run. Seeds: of the fair design; texts for cramming, documents for the pretrained model. Steps: "
        "of the fair design; none for codes that are not trained."
    )
    return table(
        "(1fr, auto, auto, auto, auto, auto, auto)", header, rows, caption, "studies", "(left, " + "right, " * 6 + ")"
    )
