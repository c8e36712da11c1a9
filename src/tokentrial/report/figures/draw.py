"""Figures by their names in the catalogue: read the tables they need, draw them, write their files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tokentrial.errors import InputError
from tokentrial.report.figures import bespoke, learned_encoding, style, wikitext2
from tokentrial.report.figures.sources import Sources

FIGURES = {
    "learned_encoding": learned_encoding.FIGURES,
    "wikitext2": wikitext2.FIGURES,
    "bespoke": bespoke.FIGURES,
}


def write_figures(
    paths: Iterable[str],
    *,
    runs: str,
    arms: str,
    summary: str,
    statistics: str,
    published: Mapping[str, str],
    confidence: float,
    cells: str = "[]",
) -> None:
    """Write every path: its stem names the figure, its suffix the format; the other arguments are where the data are.

    published: study -> what its documents print; cells: see tables.rows.load. Raises InputError for an unknown figure,
    a table that cannot be read, or results with nothing to show.
    """
    known = {
        name: (draw, Sources(study, runs, arms, summary, statistics, file, confidence, cells))
        for study, file in published.items()
        for name, draw in FIGURES[study].items()
    }
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(Path(path).stem, []).append(path)
    for name, targets in files.items():
        if name not in known:
            raise InputError(f"figure '{name}' is unknown; expected one of {', '.join(known)}")
        print(f"drawing {name}", flush=True)
        draw, sources = known[name]
        style.save(draw(sources), targets)
