"""First page, claims and methods (workflow/report/paper/summary.typ, claims.typ, methods.typ)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial import documents
from tokentrial.claims import verdict as words
from tokentrial.documents import CROSS
from tokentrial.provenance import git_commit
from tokentrial.report import catalogue
from tokentrial.report.advice import Advice, one_width
from tokentrial.report.answers import Answer
from tokentrial.report.comparisons import relative_steps
from tokentrial.report.learning_rates import source_words
from tokentrial.report.paper import card
from tokentrial.report.paper.context import COUNTED, Paper, Values, interval, listed, plain, steps_said, table
from tokentrial.report.real_model_names import text_name
from tokentrial.report.scale import scale_values, spread, text_said, trained_once
from tokentrial.report.verdicts import EMPIRICAL, group, read


def summary(paper: Paper, answers: Sequence[Answer], pieces: Sequence[Advice], facts: Values) -> Values:
    """Every placeholder of the first page; pieces: of advice; facts: those of the run, see `run_facts`."""
    every = paper.verdicts[paper.verdicts["kind"] != words.AUDIT]
    checked, empirical = every[every["kind"] != EMPIRICAL], every[every["kind"] == EMPIRICAL]
    sizes, groups = checked["verdict"].value_counts(), documents.load(*documents.folders())
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
                ("unchecked", words.NOT_CHECKABLE),
            )
        },
        "claims.outcomes": outcomes(paper, empirical),
        "stats.confidence": f"{100 * paper.config['statistics']['confidence']:g}",
        "scale.trained": trained_words(paper),
        "abstract.findings": findings(paper),
        "abstract.advice": " ".join(plain(piece.text) for piece in pieces[:3]),
        "card.rows": card.rows(paper, answers, {name: each.title for name, each in groups.items()}),
        "card.note": "#super[†] A rule that does not count as fixed before the run."
        if any(row.unfrozen for row in answers)
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


def trained_words(paper: Paper) -> str:
    """``11,093 trained models, 2,011 crammed texts and 84 encoded tables``: what the run made."""
    once = trained_once(paper.view.arms)
    encoded = once["study"] == "real_model"
    crammed = once["study"] == "cramming"
    made = {
        "trained model": once[~encoded & ~crammed],
        "crammed text": once[crammed],
        "encoded table": once[encoded],
    }
    return listed([paper.amount(int(rows["seeds"].sum()), noun) for noun, rows in made.items() if len(rows)])


def findings(paper: Paper) -> str:
    """The abstract's results, of those studies that the run has."""
    return " ".join([*synthetic(paper), *text(paper), *widths(paper), *codes(paper), *crammed(paper)])


def synthetic(paper: Paper) -> Iterator[str]:
    """Learned against both autoencoders at the documents' ratio, on a synthetic source."""
    view = paper.of("learned_encoding")
    for each in view.select(experiment="compression", way="done-right", vocab_size=100, ratio=8):
        frozen, tuned = (view.pair(each.id, "learned", arm) for arm in ("autoencoder", "autoencoder_finetuned"))
        if frozen and tuned:
            margin = paper.number(frozen["margin"], f"statistics › {frozen['comparison']} › margin")
            inside = (
                f", both inside the margin of {margin}"
                if frozen["equivalent"] and tuned["equivalent"]
                else f", at a margin of {margin}"
            )
            nearer = abs(tuned["difference"]) < abs(frozen["difference"]) / 2 and paper.better(frozen)
            size = paper.count(each.vocab_size or 0, "tokens of the synthetic source that the abstract names")
            yield (
                f"On a synthetic source (_V_ = {size}, 8:1) the learned table minus a frozen "
                f"autoencoder is {paper.difference(frozen, n=False)}, and minus a fine-tuned one "
                f"{paper.difference(tuned, unit=False)}{inside}"
                + (": what difference there is comes from training the codes with the task." if nearer else ".")
            )


def text(paper: Paper) -> Iterator[str]:
    """The same on real text, with more steps and with the learned table's single stage."""
    view = paper.of("language_models")
    for each in view.select(experiment="transformer", way="done-right"):
        fair, fair_tuned, single = (
            view.pair(each.id, arm, other)
            for arm, other in (
                ("learned_twice-8", "autoencoder-8"),
                ("learned_twice-8", "autoencoder_finetuned-8"),
                ("learned-8", "autoencoder-8"),
            )
        )
        if fair and fair_tuned and single:
            many, few = (
                steps_said(relative_steps(view, each.id, row["arm_a"], row["arm_b"])) for row in (fair, single)
            )
            yield (
                f"On {plain(view.corpus)} with {many} these differences are {paper.difference(fair, n=False)} and "
                f"{paper.difference(fair_tuned, unit=False)}; with {few}, the first is "
                f"{paper.difference(single, n=False, unit=False)}."
            )


def widths(paper: Paper) -> Iterator[str]:
    claim = "BT3-ROW-EMP-Scaling-20K"
    if paper.recomputed(claim).get("ratio") is not None:
        ends = interval(*(paper.claim(claim, f"ratio_{end}") for end in ("low", "high")))
        yield f"The loss ratio behind _24 times better_ is {paper.claim(claim, 'ratio')} {ends} in a fair run."


def codes(paper: Paper) -> Iterator[str]:
    """What the simplest codes cost a pretrained model, on every text and in both uses."""
    study = paper.of("real_model")
    by_use = {tied: [each for each in study.select() if bool(each.tied) == tied] for tied in (False, True)}
    texts = listed([plain(text_name(each)) for each in by_use[False]])

    def cost(arm: str, tied: bool) -> str:
        return listed([paper.apart(each.id, arm, "full") for each in by_use[tied]])

    if not all({"full", "int8", "int4"} <= set(study.arms_of(each.id)) for each in study.select()):
        return
    if by_use[False]:
        yield (
            f"In one pretrained model, eight bits for each number of the input table cost {cost('int8', False)} nats "
            f"({texts}) and four bits {cost('int4', False)}"
            + (f"; four bits cost {cost('int4', True)} if the output layer shares the table." if by_use[True] else ".")
        )
        best = [one_width(study, each) for each in by_use[False]]
        if all(best):
            shown = [paper.apart(each.id, str(arm), "full") for each, arm in zip(by_use[False], best, strict=True)]
            yield f"Without retraining, the best code of fewer dimensions for all tokens costs {listed(shown)}."


def crammed(paper: Paper) -> Iterator[str]:
    known = paper.recomputed("CR4-LINEAR")
    name = next((key for key in known if key.startswith("exponent") and not key.endswith(("low", "high"))), "")
    if name:
        ends = interval(*(paper.claim("CR4-LINEAR", f"{name} {end}", 2) for end in ("low", "high")))
        yield (
            "What crammed vectors hold grows with their number to the power "
            f"{paper.claim('CR4-LINEAR', name, 2)} {ends} in one small model."
        )


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
        "(auto, 1fr, auto, auto, auto)",
        header,
        rows,
        caption,
        "documents",
        "(left, left, right, right, right)",
        here=True,
    )


def methods(paper: Paper) -> Values:
    """Every placeholder of the section on methods."""
    statistics = paper.config["statistics"]
    nats = paper.config["language_models"]["margins"]["cross_entropy"]
    return {
        "stats.confidence": f"{100 * statistics['confidence']:g}",
        "stats.margin": f"{100 * statistics['equivalence_margin']:g}",
        "stats.margin_nats": f"{nats:g}",
        "stats.margin_perplexity": paper.number(
            100 * math.expm1(nats), f"{COUNTED}: perplexity that the margin on real text is, %", 0
        ),
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
        "of the fair design; none for codes that are not trained. Models: trained ones, but crammed texts for cramming "
        "and encoded tables for the pretrained model."
    )
    return table(
        "(1fr, auto, auto, auto, auto, auto, auto)",
        header,
        rows,
        caption,
        "studies",
        "(left, " + "right, " * 6 + ")",
        here=True,
    )
