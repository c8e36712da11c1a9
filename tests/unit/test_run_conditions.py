"""What the conditions of a run are: every column, from the config and the studies' files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import views

from tokentrial import real_text, results
from tokentrial.errors import InputError
from tokentrial.run import conditions, describe
from tokentrial.run.columns import CONDITIONS, METHODS, Condition
from tokentrial.run.view import records
from tokentrial.schema.declared import Study
from tokentrial.studies import language_models, small_models

SHIPPED = views.ROOT / "results/reference"
NAMES = {"study", "condition", "name", "experiment", "title", "short", "encodings", "baselines", "fresh"}
SMALL = {"varied", "data", "source", "train", "length", "vocab_size", "full_width", "width", "ratio", "head"}
LANGUAGE = {"tokens", "tokenizer", "body", "layers", "tied", "narrow", "full_width"}
LANGUAGE |= {"epochs", "fraction", "held_out_fraction"}


def shipped(study: str) -> Iterator[Condition]:
    """The conditions of the shipped run."""
    table = results.read(str(SHIPPED / "conditions.parquet"), CONDITIONS).to_pandas()
    return (Condition(**row) for row in records(table, CONDITIONS) if row["study"] == study)


def known(condition: Condition) -> set[str]:
    return {name for name in CONDITIONS.names if getattr(condition, name) is not None}


def test_the_shipped_arms_conditions_are_what_the_shipped_table_says() -> None:
    arms = results.read(str(SHIPPED / "arms.parquet"), results.ARMS).to_pandas()
    table = views.conditions(arms["condition"], corpus=real_text.title(arms))
    described = results.table(views.typed(table, CONDITIONS), CONDITIONS)
    assert described.equals(results.read(str(SHIPPED / "conditions.parquet"), CONDITIONS))


@pytest.mark.parametrize("study", ["learned_encoding", "bespoke"])
def test_small_models_are_what_their_specifications_say(study: str) -> None:
    config = views.shipped_config()
    specs, datasets = small_models.conditions_of(config, study), small_models.datasets(config)
    trained = [each for each in shipped(study) if each.way != "as-released"]
    assert [each.id for each in trained] == list(specs)
    for each in trained:
        spec, source = specs[each.id], datasets[specs[each.id]["dataset"]]["source"]
        assert known(each) == NAMES | SMALL | {"way"}, each.id
        assert each.id == f"{study}/{each.experiment}/{each.way}/{each.name}"
        assert spec["dataset"] == f"{study}/{each.experiment}/{each.way}/{each.data}"
        for column in ("vocab_size", "full_width", "width", "head"):
            assert getattr(each, column) == spec[column]
        assert (each.source, each.train, each.length) == (source["source"], source["train"], source["length"])
        assert each.ratio == each.full_width / each.width
        # the name is what varies
        words = {"data": each.data, "ratio": f"ratio-{each.ratio}", "head": each.head.replace("_", "-")}
        assert each.name == ("-".join(words[part] for part in each.varied.split()) or each.data)


@pytest.mark.parametrize("study", ["learned_encoding", "bespoke"])
def test_released_cells_are_taken_apart_into_what_varies_and_its_value(study: str) -> None:
    released = [each for each in shipped(study) if each.way == "as-released"]
    scripts = small_models.scripts(views.shipped_config())
    assert {f"{study}/as-released/{each.experiment}" for each in released} == {
        name for name in scripts if name.startswith(f"{study}/")
    }
    for each in released:
        script = f"{study}/as-released/{each.experiment}"
        cell = {"cell", "varied", "value"} if each.id != script else set()
        assert known(each) == NAMES | {"way"} | cell, each.id
        if cell:
            assert each.id == f"{script}/{each.cell}{'-fresh' if each.fresh else ''}"
            assert each.cell in (f"{each.varied}-{each.value}", each.varied)
    assert any(each.fresh for each in released) == (study == "bespoke")


def test_language_models_are_what_their_jobs_say() -> None:
    config = views.shipped_config()
    specs = list(language_models.jobs(config).values())
    for each in shipped("language_models"):
        jobs = [spec for spec in specs if spec["condition"] == each.id]
        design = config["language_models"]["experiments"][each.experiment][each.way]
        assert known(each) == NAMES | LANGUAGE | {"way"}, each.id
        assert each.id == f"language_models/{each.experiment}/{each.way}/{each.name}"
        for column in ("tokens", "full_width", "tied", "narrow"):
            assert getattr(each, column) == design[column], each.id
        assert each.tokenizer == config["language_models"]["tokens"][each.tokens]["tokenizer"]
        assert each.layers == config["language_models"]["bodies"][design["body"]]["layers"]
        training = {**config["language_models"]["training"][each.way], **design.get("training", {})}
        for column in ("epochs", "fraction", "held_out_fraction"):
            assert getattr(each, column) == training[column], each.id
        assert jobs


def test_crammed_texts_are_taken_apart() -> None:
    for each in shipped("cramming"):
        job = f"cramming/{each.experiment}/{each.model}"
        if each.id == job:  # facts of the model
            assert known(each) == NAMES | {"model"}
        else:
            assert known(each) == NAMES | {"model", "kind", "length", "vectors"}, each.id
            assert each.id == f"{job}/{each.kind}/n-{each.length}-m-{each.vectors}"


@pytest.mark.parametrize("study", views.studies())
def test_titles_and_the_question_are_the_studys(study: str) -> None:
    declared = views.shipped_names()[study]
    corpus = real_text.title(results.read(str(SHIPPED / "arms.parquet"), results.ARMS).to_pandas())
    for each in shipped(study):
        experiment = declared.experiments.get(each.experiment)
        if experiment is None:  # every experiment of the config is declared; a released script need not be
            assert each.way == "as-released" and each.tokens is None
            assert (each.title, each.short) == (each.experiment, each.experiment.replace("-", " "))
        else:
            assert each.title == experiment.title.replace("{corpus}", corpus)
        assert each.encodings.split() == declared.question.encodings
        assert each.baselines.split() == list(declared.baselines(each.experiment))


PLAN: list[dict[str, Any]] = [
    {"condition": "own/as-released/script", "experiment": "script", "way": "as-released", "of_job": True},
    {"condition": "own/late/done-right/a", "experiment": "late", "way": "done-right"},
    {"condition": "own/first-one/done-right/a", "experiment": "first-one", "way": "done-right"},
]
PLAN = [{"study": "own", **row} for row in PLAN]
OWN = {
    "title": "Mine",
    "real_text": True,
    "experiments": {"late": {"title": "On {corpus}", "short": "late one", "baselines": ["slow"]}},
    "question": {"encodings": ["quick"], "baselines": ["quick"]},
    "methods": {"quick": {"role": "own"}, "slow": {}},
}


def table(*names: str, studies: dict[str, Study]) -> list[dict[str, Any]]:
    return records(conditions.table(PLAN, studies, pd.DataFrame({"condition": names}), "R&D"), CONDITIONS)


def test_rows_are_in_the_plans_order_with_the_files_titles() -> None:
    names = ["own/first-one/done-right/a", "own/late/done-right/a", "own/as-released/script/size-8-fresh"]
    rows = table(*names, studies={"own": Study.model_validate(OWN)})
    columns = ("condition", "name", "title", "short", "encodings", "baselines", "cell", "varied", "value", "fresh")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (names[2], "size-8-fresh", "script", "script", "quick", "quick", "size-8", "size", "8", True),
        (names[1], "a", "On R&D", "late one", "quick", "slow", None, None, None, False),
        (names[0], "a", "first-one", "first one", "quick", "quick", None, None, None, False),
    ]


def test_a_study_without_a_file_asks_nothing_and_is_called_by_its_names() -> None:
    [row] = table("own/first-one/done-right/a", studies={})
    assert [row[name] for name in ("title", "short", "encodings", "baselines")] == ["first-one", "first one", "", ""]


@pytest.mark.parametrize("name", ["own/late/done-right/b", "own/late/done-right/a/c", "own", "other/x/done-right/a"])
def test_a_condition_that_the_config_does_not_plan_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"^arms: condition: found '{name}', expected one that the config plans$"):
        table("own/late/done-right/a", name, studies={})


def test_a_condition_is_the_same_whichever_of_its_arms_comes_first() -> None:
    """The full table's body is never narrow, and an arm may train longer."""
    spec = {"condition": "lm/a/done-right/bpe", "tokens": "bpe", "tied": False, "full_width": 8, "body": {"layers": 2}}
    training = {"epochs": 1, "fraction": 0.1, "held_out_fraction": 0.2}
    jobs = [
        {**spec, "body_width": 8, "training": training},
        {**spec, "body_width": 2, "training": training},
        {**spec, "body_width": 2, "training": {**training, "epochs": 2}},
    ]
    rows = [
        conditions.planned({}, {}, {}, {str(k): job for k, job in enumerate(order)}, {"bpe": "bpe"}, {})
        for order in (jobs, jobs[::-1])
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 1
    assert (rows[0][0]["narrow"], rows[0][0]["epochs"]) == (True, 1)


def test_both_tables_are_written_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    arms = pd.DataFrame({"study": "own", "condition": [PLAN[1]["condition"]] * 2, "arm": ["quick-8", "slow-8"]})
    arms = views.typed(arms.reindex(columns=results.ARMS.names), results.ARMS)
    results.write(tmp_path / "arms.parquet", results.table(arms, results.ARMS))
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("arms", "conditions", "methods")}
    describe.write(studies={"own": OWN}, plan=PLAN, **paths)
    assert results.read(paths["conditions"], CONDITIONS).to_pandas()["condition"].tolist() == [PLAN[1]["condition"]]
    methods = results.read(paths["methods"], METHODS).to_pandas()
    assert methods[["arm", "role", "ratio"]].to_numpy().tolist() == [["quick-8", "own", 8], ["slow-8", "control", 8]]
    Path(paths["arms"]).write_bytes(b"PAR1")
    with pytest.raises(InputError, match=rf"^{paths['arms']}: "):
        describe.write(studies={"own": OWN}, plan=PLAN, **paths)
