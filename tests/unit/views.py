"""Views of rows that a test makes by hand: what their conditions and arms are comes from the shipped files."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import documents, published
from tokentrial.data.spec import complete
from tokentrial.real_text import UNNAMED
from tokentrial.report.figures import draw
from tokentrial.report.figures.registry import Sources
from tokentrial.run import conditions as conditions_
from tokentrial.run import methods as methods_
from tokentrial.run import shipped_run
from tokentrial.run.finals import BOUND
from tokentrial.run.view import SCHEMAS, View
from tokentrial.schema import study_files
from tokentrial.schema.declared import AnyTable, Study
from tokentrial.schema.figures import Figure
from tokentrial.studies import cramming, language_models, real_model, small_models

ROOT = Path(__file__).parents[2]
PRINTED = [str(file) for file in documents.printed_files(ROOT / "documents")]
TABLES = ("runs", "arms", "summary", "statistics")
Row = dict[str, Any]


def shipped() -> dict[str, str]:
    """The tables of the shipped run, as View.read takes them."""
    names = {"measures": "cramming", "decisions": "cramming_decisions"}
    return {name: str(ROOT / f"results/reference/{names.get(name, name)}.parquet") for name in SCHEMAS}


@cache
def shipped_config() -> dict[str, Any]:
    """The config of the shipped run."""
    return shipped_run.config_of(ROOT)


@cache
def shipped_names() -> dict[str, Study]:
    """The names of experiments and arms in the shipped run."""
    named = study_files.names(shipped_config(), study_files.load(ROOT))
    return {study: Study.model_validate(names) for study, names in named.items()}


@cache
def studies() -> dict[str, Study]:
    """What every shipped studies/<study>.yaml says."""
    return {study: file.names for study, file in study_files.load(ROOT).items()}


def tables() -> dict[str, dict[str, AnyTable]]:
    """Study -> the entries of its tables."""
    return {study: names.tables for study, names in studies().items()}


@cache
def figures() -> dict[str, Figure]:
    """The entries of all studies' figures, by name."""
    return {name: entry for study in studies().values() for name, entry in study.figures.items()}


def figure(name: str, of: View, changes: Mapping[str, Any] | None = None, **sources: Any) -> Any:
    """A shipped figure, drawn from a view; changes: keys of its entry; sources: fields of Sources."""
    entry = figures()[name].model_copy(update=dict(changes or {}))
    return draw.draw(name, entry, Sources(of, **({"printed": printed()} | sources)))


@cache
def printed() -> dict[str, published.PublishedTable]:
    """Every table that a document prints."""
    return published.load(PRINTED)


@cache
def plan() -> tuple[Row, ...]:
    """What the shipped run's config says of every condition: the rows of conditions.planned."""
    config = shipped_config()
    datasets = small_models.datasets(config)
    for name, dataset in datasets.items():
        dataset["source"] = complete(dataset["source"], where=name)
    tokenizers = {name: tokens["tokenizer"] for name, tokens in config["language_models"]["tokens"].items()}
    conditions, jobs = small_models.conditions(config), language_models.jobs(config)
    scripts, crammed = small_models.scripts(config), {**cramming.jobs(config), **real_model.jobs(config)}
    return tuple(conditions_.planned(scripts, conditions, datasets, jobs, tokenizers, crammed))


def conditions(
    names: Iterable[str], extra: Mapping[str, Mapping[str, Any]] | None = None, corpus: str = UNNAMED
) -> pd.DataFrame:
    """Rows of columns.CONDITIONS. One that the shipped config does not plan is what its name says.

    extra: name -> columns of conditions.planned that replace those of the plan.
    """
    unique = list(dict.fromkeys(names))
    known = {row["condition"]: row for row in plan()}
    parents = {name: [name.rsplit("/", k)[0] for k in range(name.count("/") + 1)] for name in unique}
    jobs = [next((part for part in parents[name] if part in known), None) for name in unique]
    unplanned = [name for name, job in zip(unique, jobs, strict=True) if job is None]
    known |= {row["condition"]: row for row in map(_by_name, unplanned)}
    for name, columns in (extra or {}).items():
        known[name] = {**known[name], **columns}
    return conditions_.table(list(known.values()), shipped_names(), pd.DataFrame({"condition": unique}), corpus)


def _by_name(name: str) -> Row:
    """The plan's row for study/experiment/way/cell, or for study/as-released/script and the cells below it."""
    study, experiment, way, *_ = [*name.split("/"), None, None]
    if experiment == "as-released":
        job = "/".join(name.split("/")[:3])
        return {"study": study, "condition": job, "experiment": way, "way": experiment, "of_job": True}
    return {"study": study, "condition": name, "experiment": experiment, "way": way}


def methods(arms: Iterable[str], study: str) -> pd.DataFrame:
    """Rows of columns.METHODS of one study's arms."""
    return methods_.table(shipped_names(), pd.DataFrame({"arm": list(arms)}).assign(study=study))


def view(extra: Mapping[str, Mapping[str, Any]] | None = None, **given: Any) -> View:
    """A view of the tables that are given, with what the conditions and arms in them are.

    extra: see :func:`conditions`; given: tables by their names, and other fields of View. Tables that are not given are
    empty, but ``arms`` has every arm of the others. Rows without ``study`` are of the study that their condition's name
    begins with.
    """
    for name in set(TABLES) & set(given):
        if "study" not in given[name]:
            given[name] = given[name].assign(study=given[name]["condition"].str.split("/").str[0])
    columns = [(given[name], column) for name in TABLES if name in given for column in ("arm", "arm_a", "arm_b")]
    keys = ["study", "condition", "arm"]
    parts = [rows[[*keys[:2], arm]].set_axis(keys, axis=1) for rows, arm in columns if arm in rows]
    arms = pd.concat([pd.DataFrame(columns=keys), *parts]).drop_duplicates()
    arms = arms[~arms["arm"].str.startswith(BOUND)]
    empty = {name: SCHEMAS[name].empty_table().to_pandas() for name in TABLES}
    given = {**empty, "arms": arms.reindex(columns=SCHEMAS["arms"].names), **given}
    names = pd.concat([given[name]["condition"] for name in TABLES])
    described = {
        "conditions": conditions(names, extra, given.get("corpus", UNNAMED)),
        "methods": methods_.table(shipped_names(), arms),
    }
    return View(**(described | given))


def typed(frame: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """The frame as results.table takes it: whole numbers stay whole, and what is required but missing is 0 or empty."""
    nothing = {pa.string(): "", pa.bool_(): False}
    required = {field.name: nothing.get(field.type, 0) for field in schema if not field.nullable}
    whole = {field.name: "Int64" for field in schema if pa.types.is_integer(field.type)}
    return frame.astype(object).fillna(required).astype(whole)
