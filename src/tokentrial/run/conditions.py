"""The plan of a run, and from the plan a row of columns.CONDITIONS for every condition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.errors import InputError
from tokentrial.run.columns import CONDITIONS
from tokentrial.schema.declared import CORPUS, Experiment, Study

Row = dict[str, Any]
FRESH = "-fresh"  # ends the name if a released script's models are measured on text on which they were not trained


def planned(
    scripts: Mapping[str, Mapping[str, Any]],
    conditions: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    language_models: Mapping[str, Mapping[str, Any]],
    tokenizers: Mapping[str, str],
    crammed: Mapping[str, Mapping[str, Any]],
) -> list[Row]:
    """Returns the columns of every condition that the config defines, in the config's order.

    scripts, crammed: specifications by job, also of encoded token tables; the conditions of such a job are known only
    after the job, and their names begin with the job's name. conditions, language_models: specifications by job (see
    studies); datasets: by name; tokenizers: tokenisation -> kind of tokenizer.
    """
    rows: list[Row] = [{**_script(job), "condition": job, "way": "as-released", "of_job": True} for job in scripts]
    rows += _of_small_models(conditions, datasets)
    rows += _of_language_models(language_models.values(), tokenizers)
    return rows + [
        {"study": spec["study"], "condition": job, "experiment": spec["design"], "model": spec["model"], "of_job": True}
        for job, spec in crammed.items()
    ]


def _script(job: str) -> Row:
    study, _, script = job.split("/")
    return {"study": study, "experiment": script}


def _named(name: str) -> Row:
    study, experiment, way, _ = name.split("/")
    return {"study": study, "condition": name, "experiment": experiment, "way": way}


def _of_small_models(
    conditions: Mapping[str, Mapping[str, Any]], datasets: Mapping[str, Mapping[str, Any]]
) -> list[Row]:
    rows: list[Row] = []
    experiments: dict[tuple[str, ...], list[Row]] = {}
    for name, spec in conditions.items():
        source = datasets[spec["dataset"]]["source"]
        row = {
            **_named(name),
            "data": spec["dataset"].rsplit("/", 1)[-1],
            **{key: source[key] for key in ("source", "train", "length")},
            **{key: spec[key] for key in ("vocab_size", "full_width", "width", "head")},
            "ratio": spec["full_width"] // spec["width"],
        }
        rows.append(row)
        experiments.setdefault((row["study"], row["experiment"], row["way"]), []).append(row)
    for others in experiments.values():
        varied = [name for name in ("data", "ratio", "head") if len({row[name] for row in others}) > 1]
        for row in others:
            row["varied"] = " ".join(varied)
    return rows


def _of_language_models(specs: Iterable[Mapping[str, Any]], tokenizers: Mapping[str, str]) -> list[Row]:
    """Returns one row per condition, in the order of the first arms."""
    rows: dict[str, Row] = {}
    for spec in specs:
        row = _of_language_model(spec, tokenizers)
        condition = rows.setdefault(row["condition"], row)
        condition["narrow"] |= row["narrow"]  # the body of the full table is never narrow
        condition["epochs"] = min(condition["epochs"], row["epochs"])  # an arm may train for more epochs
    return list(rows.values())


def _of_language_model(spec: Mapping[str, Any], tokenizers: Mapping[str, str]) -> Row:
    training = spec["training"]
    return {
        **_named(spec["condition"]),
        **{key: spec[key] for key in ("tokens", "tied", "full_width")},
        "tokenizer": tokenizers[spec["tokens"]],
        "layers": spec["body"]["layers"],
        "narrow": spec["body_width"] < spec["full_width"],
        **{key: training[key] for key in ("epochs", "fraction", "held_out_fraction")},
    }


def table(plan: Sequence[Row], studies: Mapping[str, Study], arms: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """Returns a row of columns.CONDITIONS for every condition that has arms, in the plan's order.

    plan: see :func:`planned`; studies: study -> its names; arms: rows of results.ARMS; corpus: title of the run's real
    text. Raises InputError for a condition that is not in the plan.
    """
    jobs = {row["condition"]: place for place, row in enumerate(plan)}
    rows: list[list[Row]] = [[] for _ in plan]
    for name in arms["condition"].unique():
        job = next((part for part in _parts(name) if part in jobs), None)
        below = "" if job is None else name[len(job) + 1 :]
        if job is None or (below and not plan[jobs[job]].get("of_job")):
            raise InputError(f"arms: condition: found '{name}', expected one that the config plans")
        rows[jobs[job]].append({**plan[jobs[job]], "condition": name, **_below(plan[jobs[job]], below)})
    described = [_titled(row, studies.get(row["study"]), corpus) for row in (row for some in rows for row in some)]
    return pd.DataFrame(described, columns=CONDITIONS.names)


def _parts(name: str) -> Iterator[str]:
    """Yields a condition's name, then the name without its last part, and so on."""
    while name:
        yield name
        name = name.rpartition("/")[0]


def _below(job: Row, name: str) -> Row:
    """Returns the columns in the part of a condition's name after its job; none if there is no such part."""
    if not name:
        return {}
    if job["study"] == "real_model":
        text, _, use = name.rpartition("-")  # <text>-<use>
        return {"data": text, "tied": use == "tied"}
    if job["study"] != "cramming":
        cell = name.removesuffix(FRESH)
        varied, _, value = cell.partition("-")
        return {"cell": cell, "varied": varied, "value": value, "fresh": name.endswith(FRESH)}
    kind, _, size = name.rpartition("/")
    _, length, _, vectors = size.split("-")  # n-<tokens>-m-<vectors>
    return {"kind": kind, "length": int(length), "vectors": int(vectors)}


def _titled(row: Row, study: Study | None, corpus: str) -> Row:
    """Returns a row with the experiment's titles; without a declaration, the title is the experiment's name."""
    name = row["experiment"]
    plain = name.replace("-", " ")
    declared = Experiment(title=name) if study is None else study.experiments.get(name, Experiment(title=name))
    titles = {"title": declared.title.replace(CORPUS, corpus), "short": declared.short or plain}
    titles |= {"encodings": "", "baselines": ""}
    if study is not None:
        titles |= {"encodings": " ".join(study.question.encodings), "baselines": " ".join(study.baselines(name))}
    if row.get("tokenizer") is not None:
        titles["body"] = declared.body or plain
    return {"fresh": False, **row, **titles, "name": row["condition"].rpartition("/")[2]}
