"""The answer card of the first page: a claim a row, with both verdicts and the numbers that decide the second."""

from collections.abc import Sequence

from tokentrial.claims import verdict as words
from tokentrial.report import comparisons
from tokentrial.report.answers import Answer, Measured
from tokentrial.report.figures import marks
from tokentrial.report.language_model_names import LEARNED_TWICE, peer
from tokentrial.report.paper.context import Paper, interval, plain, steps_said
from tokentrial.report.verdicts import MARKS
from tokentrial.run.budget import equal_training
from tokentrial.run.view import Row, View

COLORS = {
    words.CONSISTENT: "#1b6e3c",
    words.CONFIRMED: "#1b6e3c",
    words.INCONSISTENT: "#a8321e",
    words.REFUTED: "#a8321e",
    words.ARTEFACT: "#7b2d8e",
}
OTHER = "#555555"
SHOWN = {words.INCONCLUSIVE: "open"}
"""Words of a verdict where space is short; others are in lower case."""
CITED = {
    "000": "tradeoff",
    "001": "outperforms",
    "002": "repository",
    "003": "bespoke",
    "004": "cramming",
}
"""Document -> its key in references.bib."""
FROZEN, TUNED = "autoencoder", "autoencoder_finetuned"
NATS = " nats"
COLUMNS = 6


def rows(paper: Paper, card: Sequence[Answer], titles: dict[str, str]) -> str:
    """The card as Typst rows, those of a document below its title. titles: document -> title."""
    lines, document = [], ""
    for row in card:
        if row.document != document:
            document = row.document
            cited = f" @{CITED[document]}" if document in CITED else ""
            head = f"#said[{plain(document)}] _{plain(titles.get(document, document))}_{cited}"
            lines.append(f"thin, table.cell(colspan: {COLUMNS})[{head}]")
        measured = [*described(paper, row), *_held(paper, row)]
        dagger = "#super[†]" if row.unfrozen else ""
        cells = (
            plain(row.statement),
            verdict_cell(row.printed, row.printed_share),
            verdict_cell(row.run, row.run_share or row.why_open or _where(paper, row)) + (dagger if row.run else ""),
            "; ".join(measured) or "–",
            plain(row.margin),
            "" if row.n is None else f"{row.n}",
        )
        lines.append(", ".join(f"[{cell}]" for cell in cells))
    return ",\n    ".join(lines)


def described(paper: Paper, row: Answer) -> list[str]:
    """The numbers behind the second verdict, with their condition; for text, at equal training too."""
    pair = comparisons.comparison(paper.view, row.comparison)
    if not pair:
        return [f"{plain(each.words)}: {_estimate(paper, each)}" for each in row.measured]
    if both := baselines(paper, pair):
        return [_against_both(paper, *both)]
    view, [one] = paper.of(pair["study"]), row.measured
    unit = " (accuracy)" if one.metric == "accuracy" and "accuracy" not in one.words else ""
    said = f"{plain(one.words)}{unit}, {plain(_condition(view, pair['condition']))}: {_estimate(paper, one)}"
    return [said + (_training(paper, view, pair) if pair["study"] == "language_models" else "")]


def _held(paper: Paper, row: Answer) -> list[str]:
    """In how many of its conditions a claim holds."""
    if row.conditions is None:
        return []
    held, decided = (paper.claim(row.measured[0].claim, f"conditions_{name}", 0) for name in ("held", "decided"))
    return [f"{held} of {decided} hold"]


def _where(paper: Paper, row: Answer) -> str:
    """Where an artefact shows: in the released code, or against a baseline that is kept frozen."""
    if row.run != words.ARTEFACT:
        return ""
    pair = comparisons.comparison(paper.view, row.comparison)
    return "frozen baseline" if pair and baselines(paper, pair) else "released code"


def baselines(paper: Paper, pair: Row) -> tuple[Row, Row] | None:
    """The comparisons with the frozen and the fine-tuned autoencoder, if the verdict rests on both and they differ."""
    if not pair["arm_b"].startswith(TUNED):
        return None
    frozen = paper.of(pair["study"]).pair(pair["condition"], pair["arm_a"], pair["arm_b"].replace(TUNED, FROZEN, 1))
    return (frozen, pair) if frozen and paper.better(frozen) and not paper.better(pair) else None


def _against_both(paper: Paper, frozen: Row, tuned: Row) -> str:
    how = "inside the margin" if frozen["equivalent"] else "holds"
    where = plain(_condition(paper.of(frozen["study"]), frozen["condition"]))
    first, second = (" ".join(paper.parts(each)) for each in (frozen, tuned))
    return f"{where}: {how} against the frozen autoencoder, {first}, not the fine-tuned one, {second}"


def _training(paper: Paper, view: View, pair: Row) -> str:
    """With how many steps on the text beside the other arm; if not as many, the same comparison with more of them."""
    if equal_training(view, pair["condition"], pair["arm_a"], pair["arm_b"]):
        return " (as many steps)"
    few = steps_said(comparisons.relative_steps(view, pair["condition"], pair["arm_a"], pair["arm_b"]))
    twin = peer(view, view.condition(pair["condition"]), pair["arm_a"], LEARNED_TWICE)
    more = view.pair(pair["condition"], twin, pair["arm_b"]) if twin else {}
    if not more:
        return f" ({few})"
    many = steps_said(comparisons.relative_steps(view, pair["condition"], more["arm_a"], more["arm_b"]))
    return f" ({few}), {' '.join(paper.parts(more))} ({many})"


def _condition(view: View, name: str) -> str:
    """``V = 100, 8:1``; ``Transformer, WikiText-2``; ``Scaling, Markov chain, 20.4K tokens``."""
    condition = view.condition(name)
    if condition.study == "language_models":
        return f"{condition.body}, {view.corpus}"
    return marks.corpus(condition) if condition.study == "bespoke" else marks.in_words(condition)


def _estimate(paper: Paper, each: Measured) -> str:
    value, *ends = (paper.claim(each.claim, key, each.decimals, signed=each.signed and k == 0)
                    for k, key in enumerate(each.keys) if each.values[k] is not None)  # fmt: skip
    unit = "" if each.unit in ("", NATS) else each.unit
    return " ".join([value, *([interval(*ends)] if len(ends) == len(("low", "high")) else [])]) + unit


def verdict_cell(verdict: str, share: str) -> str:
    """A verdict with its sign and colour, which repeats the word; a dash if nothing is asked."""
    if not verdict:
        return "–"
    shown = SHOWN.get(verdict, verdict.lower())
    tail = f" \\ ({share})" if share else ""
    return f'#text(fill: rgb("{COLORS.get(verdict, OTHER)}"))[{MARKS[verdict]} {shown}{tail}]'
