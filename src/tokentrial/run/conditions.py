"""From the plan to a row of columns.CONDITIONS for every condition of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.errors import InputError
from tokentrial.run.columns import CONDITIONS
from tokentrial.schema.declared import CORPUS, Experiment, Study

Row = dict[str, Any]
FRESH = "-fresh"  # a released script's models, measured on text that they were not trained on


def planned(
    scripts: Mapping[str, Mapping[str, Any]],
    conditions: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    language_models: Mapping[str, Mapping[str, Any]],
    tokenizers: Mapping[str, str],
    crammed: Mapping[str, Mapping[str, Any]],
) -> list[Row]:
    """What the config says of every condition, in its order.

    scripts and crammed: jobs whose conditions are known only when they have run, and are named below the job; the other
    arguments: specifications by job (see studies), with the data sets of synthetic ones and the kinds of tokenizer.
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
    """One row per condition, whichever arm comes first."""
    rows: dict[str, Row] = {}
    for spec in specs:
        row = _of_language_model(spec, tokenizers)
        condition = rows.setdefault(row["condition"], row)
        condition["narrow"] |= row["narrow"]  # the full table's body is wide in any design
        condition["epochs"] = min(condition["epochs"], row["epochs"])  # an arm may train longer than the others
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
    """A row of columns.CONDITIONS for every condition that has rows, in the plan's order.

    plan: see :func:`planned`; studies: study -> its names; arms: rows of results.ARMS; corpus: title of the run's real
    text. Raises InputError for a condition that is none of the plan's.
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
    """A condition's name, then without its last part, and so on."""
    while name:
        yield name
        name = name.rpartition("/")[0]


def _below(job: Row, name: str) -> Row:
    """What the part of a condition's name below its job says; nothing where it has none."""
    if not name:
        return {}
    if job["study"] != "cramming":
        cell = name.removesuffix(FRESH)
        varied, _, value = cell.partition("-")
        return {"cell": cell, "varied": varied, "value": value, "fresh": name.endswith(FRESH)}
    kind, _, size = name.rpartition("/")
    _, length, _, vectors = size.split("-")  # n-<tokens>-m-<vectors>
    return {"kind": kind, "length": int(length), "vectors": int(vectors)}


def _titled(row: Row, study: Study | None, corpus: str) -> Row:
    """With the experiment's titles; those of one that is not declared are its name."""
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
