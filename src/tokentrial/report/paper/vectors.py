"""What a crammed vector is: its true bits, the horizon of each text, and what it does to a text that follows."""

from collections.abc import Iterator

from tokentrial.cramming.cells import NATURAL, Block
from tokentrial.published import number as value_of
from tokentrial.report.cramming_names import AFTER, PROBED, horizons, kind_name, probed
from tokentrial.report.formats import MISSING
from tokentrial.report.paper.context import COUNTED, Paper, plain, table
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import AT_LEAST

STUDY = "cramming"
BITS = [
    "Model", "Text", "Tokens", "_n_", "Code, bits", "Vector, bits", "Code, bits a number", "Vector, bits a number",
    "Coordi-nates", "Their bits", "Next: after the vector", "after the text", "after nothing",
]  # fmt: skip
GROWTH = ["Model", "Width", "Text", "_n_", "Horizon, tokens", "Shortest to longest", "Of half of the texts"]


def bits(paper: Paper) -> str:
    """The table of solved texts' vectors; empty in a run that probed none."""
    view, rows = paper.of(STUDY), []
    for scope, length in probed(view):
        width, at = view.estimates.fact(scope.model, "width"), (paper, scope, length)
        rows.append(
            [
                plain(scope.model),
                plain(kind_name(scope.kind).partition(",")[0].removesuffix(" text")),
                f"{length}",
                f"{max(view.estimates.get(name, scope, length).n for name in (*PROBED, *AFTER))}",
                _ends(*at, "arithmetic_bits", 0),
                _ends(*at, "vector_bits", 0),
                MISSING if width is None else _value(*at, "arithmetic_bits", 2, 1 / width / (scope.vectors or 1)),
                _value(*at, "number_bits", 1),
                _ends(*at, "dimensions", 0),
                _ends(*at, "subspace_bits", 0),
                *(_ends(*at, name, 2) for name in AFTER),
            ]
        )
    if not rows:
        return ""
    rows += _published(paper)
    caption = (
        "What the vectors of solved texts are; only texts that a vector of this run says count. Means over _n_ texts "
        f"with {paper.confidence} bootstrap intervals. Code: an arithmetic code of the same tokens under the model. "
        "Vector: all of its numbers at the fewest bits with which greedy decoding still says the text. Coordinates: "
        "the fewest in a random basis in which training still solves the text. Next: loss of another text right "
        "after the vector, after the text itself and after nothing, in nats per token. Published: shortest and longest "
        "capacity, and the information gain for each number, which is at most what a code of the text would take."
    )
    columns = "(auto, 1.2cm, auto, auto, 1.2cm, 1.85cm, 1.35cm, 1.15cm, 1.2cm, 1.4cm, 1fr, 1fr, 1fr)"
    return table(columns, BITS, rows, caption, "vectorbits", "(left, left, " + "right, " * 11 + ")")


def _published(paper: Paper) -> Iterator[list[str]]:
    """A last row with the published models' capacities and bits, from the lowest to the highest."""
    models, derived = (paper.printed.get(name) for name in ("cramming-models", "cramming-bits"))
    if models is None or derived is None:
        return
    capacity, gained = (
        "–".join(f"#said[{end}]" for end in _extremes(values))
        for values in (
            [row["capacity"] for row in models.rows.values()],
            [row["bits"] for row in derived.rows.values()],
        )
    )
    name = f"{paper.count(len(models.rows), 'published models')} published"
    yield [name, "PG-19", capacity, "", MISSING, MISSING, gained, *[MISSING] * 6]


def _grown(view: View) -> list[Block]:
    """Those with a text whose horizon is known."""
    return [block for block in horizons(view) if (block.capacities[0] == block.capacities[0]).any()]


def growth(paper: Paper) -> str:
    """The table of horizons, to which texts grew token by token; empty in a run without a progressive arm."""
    view, rows = paper.of(STUDY), []
    for block in _grown(view):
        scope = Scope(*block.key)
        lower, upper = block.capacities
        known = lower == lower
        what = f"horizon of {scope.model}, {scope.kind}"
        ends = {"shortest": lower[known].min(), "longest": lower[known].max()}
        shortest, longest = (paper.number(end, f"{COUNTED}: {name} {what}", 0) for name, end in ends.items())
        open_end = "≥ " if upper[known][lower[known].argmax()] > lower[known].max() else ""
        rows.append(
            [
                plain(scope.model),
                paper.number(view.estimates.fact(scope.model, "width"), f"{COUNTED}: width of {scope.model}", 0),
                plain(kind_name(scope.kind)),
                f"{int(known.sum())}",
                _ends(paper, scope, None, "capacity_mean", 1, wide=True),
                f"{shortest} to {open_end}{longest}",
                _ends(paper, scope, None, "capacity_half", 0, wide=True),
            ]
        )
    if not rows:
        return ""
    rows += _published_capacities(paper)
    caption = (
        "How far each text gets if it grows by one token from its own last solution, until the first failure, with "
        f"{paper.confidence} bootstrap intervals over texts. Of half of the texts: the longest length that at least "
        "half of them reach. Below: the published models with the smallest and the largest capacity, on a grid of "
        "lengths."
    )
    return table(
        "(auto, auto, auto, auto, 1fr, 1fr, 1fr)",
        GROWTH,
        rows,
        caption,
        "horizons",
        "(left, right, left, " + "right, " * 4 + ")",
    )


def _published_capacities(paper: Paper) -> Iterator[list[str]]:
    """The published models with the smallest and the largest capacity."""
    models = paper.printed.get("cramming-models")
    every = {} if models is None else {row["capacity"]: row for row in models.rows.values()}
    for capacity in _extremes(list(every)) if every else ():
        row = every[capacity]
        width, reached = (f"#said[{row[name]}]" for name in ("width", "capacity"))
        yield [plain(row["label"]), width, "PG-19", MISSING, reached, MISSING, MISSING]


def _extremes(values: list[str]) -> tuple[str, str]:
    return min(values, key=value_of), max(values, key=value_of)


def _value(
    paper: Paper,
    scope: Scope,
    length: int | None,
    measure: str,
    decimals: int,
    scale: float = 1,
    part: str = "estimate",
) -> str:
    """A measure of a scope, or an end of its interval, with its place."""
    known = paper.of(STUDY).estimates.get(measure, scope, length)
    value = {"estimate": known.value, "low": known.low, "high": known.high}[part]
    of = "|".join(map(str, (measure, *scope, *([] if length is None else [length]))))
    factor = "" if scale == 1 else f" × {scale!r}"
    return paper.number(None if value is None else scale * value, f"cramming › {of} › {part}{factor}", decimals)


def _ends(paper: Paper, scope: Scope, length: int | None, measure: str, decimals: int, *, wide: bool = False) -> str:
    """A measure with its interval, in a line of its own unless the column is wide."""
    known = paper.of(STUDY).estimates.get(measure, scope, length)
    value, low, high = (
        _value(paper, scope, length, measure, decimals, part=part) for part in ("estimate", "low", "high")
    )
    value = f"≥ {value}" if known.note.startswith(AT_LEAST) else value
    if known.low is None or known.high is None:
        return value
    return f"{value} ({low} to {high})" if wide else f"{value} \\ ({low}–{high})"


def said(paper: Paper) -> str:
    """The vectors of each model's longest solved natural texts, in sentences; empty in a run that probed none."""
    longest: dict[str, tuple[int, Scope]] = {}
    for scope, length in probed(paper.of(STUDY)):
        if scope.kind == NATURAL:
            longest[scope.model] = max((length, scope), longest.get(scope.model, (0, scope)))
    parts = []
    for length, scope in longest.values():
        at, tokens = (paper, scope, length), paper.count(length, f"tokens of a text of {scope.model}")
        parts.append(
            f"On average, a vector of {plain(scope.model)} that says {tokens} tokens takes "
            f"{_value(*at, 'vector_bits', 0)} bits at the fewest, an arithmetic code under the same model "
            f"{_value(*at, 'arithmetic_bits', 0)}; a text that follows costs {_value(*at, AFTER[0], 2)} nats a token "
            f"after the vector, {_value(*at, AFTER[1], 2)} after the text itself and {_value(*at, AFTER[2], 2)} after "
            "nothing."
        )
    parts += ["@vectorbits has all lengths."] if parts else []
    parts += ["@horizons shows how far each text grows from its own last solution."] if _grown(paper.of(STUDY)) else []
    return " ".join(parts)
