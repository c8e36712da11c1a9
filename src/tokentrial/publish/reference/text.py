"""The result of a comparison with the reference run, as Markdown that is also readable in a terminal."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokentrial.publish.reference.rows import Record
from tokentrial.report import catalogue

Lines = Iterator[str]

ROWS_SHOWN = 5
"""Number of listed rows that one run lacks or has twice."""
NUMBERS_SHOWN = 8
"""Number of listed numbers that decide a verdict; the JSON file has all."""
DECIDING = ("difference", "low", "high", "p_holm", "p_tost", "margin", "n")
"""Deciding numbers that are listed first, in this order."""
ENTRIES_SHOWN = 5
"""Number of shown entries of a list among these numbers."""
COUNTS = ("other_specification", "only_run", "only_reference", "repeated_run", "repeated_reference")
"""Counts of rows that are not compared."""
ENTRIES = {
    "entries": "other rules, parameters or numbers in the entries of",
    "only_run": "claims of this run alone:",
    "only_reference": "claims of the reference run alone:",
}
"""Differences of two registries, in words before the ids of the claims."""
COMMIT = 12
PARAPHRASE = 100


def as_text(comparison: Record) -> str:
    """Returns the whole text; comparison: the result of comparison.compare."""
    parts = (headline, provenance, rows, differences, derived, decisions, verdicts)
    return "\n".join(line for part in parts for line in part(comparison)) + "\n"


def headline(comparison: Record) -> Lines:
    """Yields the answer, and whether the runs can be compared row by row."""
    judged = comparison["verdicts"]
    yield "# This run beside the reference run\n"
    count = len(judged["differ"])
    if count:
        yield f"**{count} of {judged['both']} verdicts {'differs' if count == 1 else 'differ'}**, listed at the end."
    else:
        yield f"**All {judged['both']} verdicts are those of the reference run.**"
    states = comparison["config"]["studies"].values()
    total, same = sum(sum(state.values()) for state in states), sum(state["same"] for state in states)
    if comparison["config"]["same"]:
        yield f"The config is the same: all {total} conditions have the reference run's specification and seeds, and"
        yield "both runs were judged by the same margins and settings.\n"
    yield from _judged(comparison["config"]["judged"])
    if comparison["config"]["same"]:
        return
    if comparison["config"]["trained"]:
        yield f"All {total} conditions have the reference run's specification and seeds.\n"
        return
    yield f"The config or the text is another: {same} of {total} conditions have the reference run's specification and"
    yield "seeds, and its text. Rows of the others are not expected to be equal and are not compared, and verdicts may"
    yield "differ for that reason: this is no failure.\n"


def _judged(judged: Record) -> Lines:
    """Yields by what the two runs were judged differently; nothing if they were judged alike."""
    parts = [f"{name} {pair(**both)}" for name, both in judged["settings"].items()]
    count = judged["margins"]
    parts += [f"the margin of {count:,} comparison{'s' * (count > 1)}"] if count else []
    for name, words in ENTRIES.items():
        ids = judged[name]
        more = f" and {len(ids) - ENTRIES_SHOWN:,} more" if len(ids) > ENTRIES_SHOWN else ""
        parts += [f"{words} {', '.join(ids[:ENTRIES_SHOWN])}{more}"] if ids else []
    if parts:
        yield f"**The two runs were judged differently**: {'; '.join(parts)}. A verdict that differs for that reason"
        yield "is no failure.\n"


def provenance(comparison: Record) -> Lines:
    """Yields the provenance of both runs, which does not count as a difference."""
    run, reference = comparison["made"]["run"], comparison["made"]["reference"]
    for name, title in (("corpus", "text"), ("device", "device"), ("versions", "versions"), ("git_commit", "code")):
        yield _beside(title, *("; ".join(_short(value, name) for value in side[name]) for side in (run, reference)))
    seeds = (
        ", ".join(f"{study} {_list(count)}" for study, count in side["seeds"].items()) for side in (run, reference)
    )
    yield _beside("seeds of an arm", *seeds)


def _short(value: str, name: str) -> str:
    commit, dash, rest = value.partition("-")
    return commit[:COMMIT] + dash + rest if name == "git_commit" else value


def _beside(title: str, run: str, reference: str) -> str:
    return f"- {title}: {run}" + ("" if run == reference else f"; reference run: {reference}")


def _words(name: str) -> str:
    words = {"identical": "bit-identical", "other_specification": "of another specification"}
    words |= {"only_run": "only in this run", "only_reference": "only in the reference run"}
    words |= {"repeated_run": "more than once in this run", "repeated_reference": "more than once in the reference run"}
    return words.get(name, name)


def _list(values: Sequence[Any]) -> str:
    return "/".join(map(str, values)) or "none"


def rows(comparison: Record) -> Lines:
    """Yields the counts of rows of results/runs.parquet by study."""
    yield "\n## Measured values\n"
    names = ("identical", "differing", *COUNTS[:3])
    yield f"| study | {' | '.join(_words(name) for name in names)} | more than once |"
    yield "|---|" + "---:|" * (len(names) + 1)
    for study, count in comparison["runs"].items():
        twice = count["repeated_run"] + count["repeated_reference"]
        cells = [f"{number:,}" for number in (*(count[name] for name in names), twice)]
        yield f"| {catalogue.study_title(study)} | {' | '.join(cells)} |"
    table = comparison["tables"]["runs"]
    if comparison["config"]["same"]:
        yield from _unusual("Only in this run", table["only_run"], table["only_run_first"])
        yield from _unusual("Only in the reference run", table["only_reference"], table["only_reference_first"])
    yield from _unusual("More than once in this run", table["repeated_run"], table["repeated_run_first"])
    yield from _unusual(
        "More than once in the reference", table["repeated_reference"], table["repeated_reference_first"]
    )


def _unusual(title: str, count: int, first: Sequence[Record]) -> Lines:
    if count:
        shown = "; ".join(where(row) for row in first[:ROWS_SHOWN])
        left = count - min(len(first), ROWS_SHOWN)
        yield f"\n{title}: {shown}{f'; and {left:,} more' if left else ''}."


def where(row: Record) -> str:
    """Returns a row's key in words: ``learned_encoding/signal/done-right/ordered, learned, seed 3, test, step 500``."""
    known = ("study", "run", "reference", "difference", "relative", "unit", *(("metric",) if "unit" in row else ()))
    parts = []
    for name, value in row.items():
        if name in known:
            continue
        if value is None:
            parts += ["final"] if name == "step" else []
        else:
            parts.append(f"{name} {value}" if name in ("seed", "step", "vectors", "length", "number") else str(value))
    return ", ".join(parts)


def differences(comparison: Record) -> Lines:
    """Yields the largest differences of each metric, for rows with the same specification in both runs."""
    if not comparison["largest"]:
        return
    yield "\n## Largest differences\n"
    for row in comparison["largest"]:
        title = f"{catalogue.study_title(row['study'])}, {row['metric']} ({row['unit']})"
        yield f"- {title}: {_change(row)}"


def _change(change: Record) -> str:
    """``3 differ; absolute at most 1e-07 (where: 2.8 -> 2.9); relative at most 4e-08 (...)``."""
    parts = [f"{change['differing']:,} {'differs' if change['differing'] == 1 else 'differ'}"]
    if "first" in change:
        first = change["first"]
        return f"{parts[0]}, first {where(first)}: {_shown(first['reference'])} -> {_shown(first['run'])}"
    if change["missing_in_one"]:
        parts.append(f"{change['missing_in_one']:,} null in one run alone")
    places: dict[str, list[str]] = {}
    for name, key in (("absolute", "difference"), ("relative", "relative")):
        row = change[name]
        if row is not None:
            size = row[key] if isinstance(row[key], str) else f"{row[key]:.3g}"
            place = f"{where(row)}: {pair(row['reference'], row['run'])}"
            places.setdefault(place, []).append(f"{name} at most {size}")
    parts += [f"{', '.join(sizes)} ({place})" for place, sizes in places.items()]
    return "; ".join(parts)


def derived(comparison: Record) -> Lines:
    """Yields the state of the tables made from the rows."""
    yield "\n## Tables made from them\n"
    for name, table in comparison["tables"].items():
        if name in ("runs", "verdicts"):
            continue
        parts = [f"{table['identical']:,} rows bit-identical", f"{table['differing']:,} differing"]
        parts += [f"{table[key]:,} {_words(key)}" for key in COUNTS if table[key]]
        yield f"- {name}: {', '.join(parts)}"
        for column, change in table["columns"].items():
            yield f"  - {column}: {_change(change)}"


def decisions(comparison: Record) -> Lines:
    """Yields the comparisons and criteria whose decision changed."""
    yield "\n## Decisions\n"
    changed, criteria = comparison["decisions"], comparison["cramming_decisions"]
    if not changed and not criteria:
        yield "No comparison of both runs is decided otherwise: significance (Holm), equivalence, non-inferiority."
    for row in changed:
        turned = f"{row['column']} {_shown(row['reference'])} -> {_shown(row['run'])}"
        yield f"- {row['comparison']}: {turned}; {_numbers(row['numbers'])}"
    for row in criteria:
        name = f"{row['claim']}, {row['design']}, {row['model']}, {row['quantity']}"
        yield f"- {name}: {row['reference'] or 'none'} -> {row['run'] or 'none'}"
        yield f"  - reference: {row['reason_reference']}"
        yield f"  - this run: {row['reason_run']}"


def verdicts(comparison: Record) -> Lines:
    """Yields every verdict that differs, with its deciding numbers."""
    judged = comparison["verdicts"]
    yield "\n## Verdicts\n"
    for side, title in (("run", "this run"), ("reference", "the reference run")):
        if judged[f"only_{side}"]:
            yield f"Only in {title}: {', '.join(judged[f'only_{side}'])}.\n"
        if judged[f"repeated_{side}"]:
            yield f"More than once in {title}: {', '.join(judged[f'repeated_{side}'])}.\n"
    if not judged["differ"]:
        yield f"None of the {judged['both']} differs."
    for row in judged["differ"]:
        claim = textwrap.shorten(row["paraphrase"], PARAPHRASE, placeholder=" ...")
        yield f"- **{row['id']}** ({row['document']}) {claim}: {row['reference']} -> {row['run']}"
        if row["entry_changed"]:
            yield f"  - its entry in the registry is another one: {', '.join(row['entry_changed'])}"
        yield f"  - {_numbers(row['numbers']) or 'none of its numbers differs'}"
        if comparison["config"]["same"]:
            yield f"  - reference: {row['reason_reference']}"
        yield f"  - this run: {row['reason_run']}"


def _numbers(numbers: Mapping[str, Record]) -> str:
    """``difference -0.1 -> 0.2, n 10 -> 3; 2 more differ and 1 is in one run alone``: reference run -> this one."""
    both = [name for name, row in numbers.items() if row["run"] is not None and row["reference"] is not None]
    order = sorted(both, key=lambda name: DECIDING.index(name) if name in DECIDING else len(DECIDING))
    shown = [", ".join(f"{name} {pair(**numbers[name])}" for name in order[:NUMBERS_SHOWN])] if both else []
    left, alone = len(both) - NUMBERS_SHOWN, len(numbers) - len(both)
    rest = [f"{left} more {'differs' if left == 1 else 'differ'}"] if left > 0 else []
    rest += [f"{alone} of its numbers {'is' if alone == 1 else 'are'} in one run alone"] if alone else []
    return "; ".join([*shown, " and ".join(rest)] if rest else shown)


def pair(reference: Any, run: Any) -> str:
    """Returns both values with enough digits to tell them apart, or one value if they are equal."""
    if reference == run:
        return _shown(run)
    short = f"{_shown(reference)} -> {_shown(run)}"
    return f"{reference!r} -> {run!r}" if _shown(reference) == _shown(run) else short


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        left = len(value) - ENTRIES_SHOWN
        return f"[{', '.join(map(_shown, value[:ENTRIES_SHOWN]))}{f', and {left} more' if left > 0 else ''}]"
    return "''" if value == "" else str(value)
