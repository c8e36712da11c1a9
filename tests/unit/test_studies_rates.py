"""Searched rates: from the config to the search's jobs, into a file, and from the file into a run's conditions."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.seeds import of_search
from tokentrial.studies import rates

NAME = "learned_encoding/signal"
TEXT = "language_models/transformer/done-right"
TRIED = [
    {"steps": 800, "rates": [0.01, 0.03, 0.09], "losses": [2.0, 1.5, None]},
    {"steps": 1600, "rates": [0.03, 0.06, 0.12], "losses": [1.3, 1.2, 1.4]},
]
CHOICE = {"rate": 0.06, "steps": 1600, "inside": True, "converged": True, "tried": TRIED}
Tree = dict[str, Any]


def changed(shipped: Tree, overlay: Tree) -> rates.Plan:
    return rates.plan(settings.merge(shipped, overlay))


def written(shipped: Tree, folder: Path, name: str = NAME, choice: Tree = CHOICE) -> Path:
    """The file that a search of one experiment writes, with the same choice for all arms."""
    jobs = rates.jobs({**shipped, "search": {**shipped["search"], "only": [name]}}, rates.plan(shipped))
    choices = {}
    for place, (condition, spec) in enumerate(jobs.items()):
        choices[condition] = str(folder / f"{place}.json")
        Path(choices[condition]).write_text(json.dumps(dict.fromkeys(spec["arms"], choice)))
    path = folder / "rates.json"
    rates.write(str(path), jobs, choices, str(path), "0123abc")
    return path


def test_by_default_every_fair_condition_is_searched_on_seeds_of_its_own(shipped: Tree) -> None:
    plan = rates.plan(shipped)
    jobs = rates.jobs(shipped, plan)
    fair = {name for name, spec in plan.conditions.items() if spec["way"] == "done-right"}
    texts = {spec["condition"] for spec in plan.language_models.values() if spec["way"] == "done-right"}
    assert set(jobs) == fair | texts and fair and texts
    for name, spec in jobs.items():
        assert spec["seed"] == of_search(shipped["seed"]) and spec["limits"]["rates"] >= 4
        if name in fair:
            assert spec["seeds"] == shipped["search"]["seeds"] and spec["source"]["vocab_size"] == spec["vocab_size"]
        else:
            assert spec["seeds"] == shipped["search"]["language_model_seeds"]


def test_the_arms_of_a_language_model_that_are_trained_are_searched(shipped: Tree) -> None:
    """Each with the specification of its job, on the search's seeds; codes of a trained table have no rate."""
    plan = rates.plan(shipped)
    spec = rates.jobs(shipped, plan)[f"{TEXT}/bpe"]
    jobs = {job["arm"]: job for job in plan.language_models.values() if job["condition"] == f"{TEXT}/bpe"}
    assert set(jobs) - set(spec["arms"]) == {arm for arm in jobs if arm.startswith(("svd", "int", "pq"))}
    for arm, job in spec["arms"].items():
        assert job == {**jobs[arm], "seed": spec["seed"], "seeds": spec["seeds"]}


def test_an_unknown_experiment_is_one_line(shipped: Tree) -> None:
    config = {**shipped, "search": {**shipped["search"], "only": ["learned_encoding/signl"]}}
    with pytest.raises(InputError, match=r"^config: search.only: unknown key 'learned_encoding/signl'.*signal'"):
        rates.jobs(config, rates.plan(config))


def test_without_a_file_every_arm_trains_as_the_study_says(shipped: Tree, tmp_path: Path) -> None:
    plan = rates.plan(shipped)
    applied = rates.applied(rates.read(tmp_path / "none.json"), plan, 3, lambda: plan)
    assert applied == (plan.conditions, plan.language_models, [])


def test_searched_arms_get_their_rate_and_steps_and_others_stay(shipped: Tree, tmp_path: Path) -> None:
    plan = rates.plan(shipped)
    specs, models, without = rates.applied(rates.read(written(shipped, tmp_path)), plan, 3, lambda: plan)
    assert without == [] and list(specs) == list(plan.conditions) and models == plan.language_models
    for name, spec in specs.items():
        if name.startswith(f"{NAME}/done-right"):
            for arm, options in spec["arms"].items():
                assert options == {**plan.conditions[name]["arms"][arm], "learning_rates": [0.06], "steps": 1600}
            table = {"learning_rates": [0.06], "steps": 1600}  # the one that others compress, as the arm that it is
            assert spec.get("full") == (table if spec["arms"].get("full") else None)
        else:
            assert spec == plan.conditions[name]


def test_searched_language_models_get_their_rate_and_keep_their_epochs(shipped: Tree, tmp_path: Path) -> None:
    plan = rates.plan(shipped)
    content = rates.read(written(shipped, tmp_path, TEXT.rpartition("/")[0]))
    specs, models, without = rates.applied(content, plan, 3, lambda: plan)
    assert without == [] and specs == plan.conditions and list(models) == list(plan.language_models)
    searched = rates.jobs(shipped, plan)[f"{TEXT}/bpe"]["arms"]
    for name, spec in models.items():
        declared = plan.language_models[name]
        if name.startswith(f"{TEXT}/") and spec["arm"] in searched:
            assert spec["training"] == {**declared["training"], "learning_rates": [0.06]}
            assert {**spec, "training": declared["training"]} == {**declared, "rates": "search"}
        else:
            assert spec == declared


def test_a_longer_training_takes_the_same_rates(shipped: Tree, tmp_path: Path) -> None:
    content, default = rates.read(written(shipped, tmp_path, TEXT.rpartition("/")[0])), rates.plan(shipped)
    plan = changed(shipped, {"language_models": {"training": {"done-right": {"fraction": 0.5, "epochs": 3}}}})
    models, without = rates.applied(content, plan, 3, lambda: default)[1:]
    assert without == [] and models[f"{TEXT}/bpe/full"]["training"]["epochs"] == 3
    assert models[f"{TEXT}/bpe/full"]["training"]["learning_rates"] == [0.06]


@pytest.mark.parametrize(
    ("overlay", "arms"),
    [
        ({"training": {"done-right": {"batch_size": 8}}}, "all"),
        ({"training": {"done-right": {"learning_rates": [0.5]}}}, "all"),
        ({"tokens": {"bpe": {"tokenizer": "bpe", "vocab_size": 999}}}, "all"),
        ({"arms": {"hash": {"encoder": "hashed", "buckets": 8}}}, "hash"),
    ],
)
def test_a_changed_language_model_has_no_searched_rate(overlay: Tree, arms: str, shipped: Tree, tmp_path: Path) -> None:
    content, default = rates.read(written(shipped, tmp_path, TEXT.rpartition("/")[0])), rates.plan(shipped)
    plan = changed(shipped, {"language_models": overlay})
    models, without = rates.applied(content, plan, 3, lambda: default)[1:]
    searched = rates.jobs(shipped, plan)[f"{TEXT}/bpe"]["arms"]
    assert set(without) == {f"{TEXT}/bpe/{arm}" for arm in searched if arms in ("all", arm)}
    assert [models[name] for name in without] == [plan.language_models[name] for name in without]


@pytest.mark.parametrize(
    ("doublings", "rate", "steps"), [(0, 0.03, 800), (1, 0.06, 1600), (3, 0.06, 1600)], ids=["none", "one", "all"]
)
def test_a_run_takes_the_best_rate_for_the_steps_that_it_affords(doublings: int, rate: float, steps: int) -> None:
    assert rates.chosen(CHOICE, doublings) == {"learning_rates": [rate], "steps": steps}


def test_other_seeds_take_the_same_rates(shipped: Tree, tmp_path: Path) -> None:
    content, default = rates.read(written(shipped, tmp_path)), rates.plan(shipped)
    specs, _, without = rates.applied(content, changed(shipped, {"seeds": 30, "seed": 7}), 3, lambda: default)
    assert without == [] and specs[f"{NAME}/done-right/ordered"]["arms"]["learned"]["steps"] == 1600


@pytest.mark.parametrize(
    ("overlay", "arms"),
    [
        ({"training": {"done-right": {"steps": 100}}}, "all"),
        ({"training": {"done-right": {"learning_rates": [0.5]}}}, "all"),
        ({"hidden": 16}, "all"),
        ({"experiments": {"signal": {"done-right": {"data": {"shuffled": {"train": 50}}}}}}, "shuffled"),
        ({"arms": {"one_hot": {"steps": 50}}}, "one_hot"),
        (
            {
                "arms": {"mine": {"encoder": "hashed", "buckets": 8}},
                "experiments": {"signal": {"done-right": {"arms+": ["mine"]}}},
            },
            "mine",
        ),
    ],
)
def test_what_an_overlay_changes_comes_before_the_file_and_is_told(
    overlay: Tree, arms: str, shipped: Tree, tmp_path: Path
) -> None:
    content, default = rates.read(written(shipped, tmp_path)), rates.plan(shipped)
    plan = changed(shipped, {"learned_encoding": overlay})
    specs, _, without = rates.applied(content, plan, 3, lambda: default)
    expected = [
        f"{name}/{arm}"
        for name, spec in plan.conditions.items()
        for arm in spec["arms"]
        if name.startswith(f"{NAME}/done-right") and (arms in ("all", arm) or name.endswith(arms))
    ]
    assert without == expected
    for each in expected:
        name, _, arm = each.rpartition("/")
        assert specs[name]["arms"][arm] == plan.conditions[name]["arms"][arm]
    [line] = rates.told(without)
    assert expected[0] in line and line.endswith("they take rates and steps of the config")


def test_a_file_for_another_design_is_refused(shipped: Tree, tmp_path: Path) -> None:
    content = rates.read(written(shipped, tmp_path))
    other = changed(shipped, {"learned_encoding": {"hidden": 16}})
    with pytest.raises(InputError, match=rf"rates.json: {NAME}/done-right/\w+: \w+: found .* as in stud"):
        rates.applied(content, other, 3, lambda: other)
    without = changed(shipped, {"learned_encoding": {"experiments": {"signal": {"done-right": {"arms": ["learned"]}}}}})
    with pytest.raises(InputError, match="expected no such arm"):
        rates.applied(content, without, 3, lambda: without)


def test_a_second_search_keeps_the_other_experiments(shipped: Tree, tmp_path: Path) -> None:
    written(shipped, tmp_path)
    tried = [{"steps": 500, "rates": [0.001, 0.002], "losses": [2.0, 1.0]}]
    content = rates.read(written(shipped, tmp_path, "bespoke/initial", {**CHOICE, "tried": tried}))
    assert set(content["experiments"]) == {NAME, "bespoke/initial"}
    specs, _, _ = rates.applied(content, rates.plan(shipped), 3, lambda: rates.plan(shipped))
    assert specs["bespoke/initial/done-right/chain"]["arms"]["standard"]["learning_rates"] == [0.002]
    assert specs[f"{NAME}/done-right/ordered"]["arms"]["full"]["learning_rates"] == [0.06]


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.06", "0.07"), ("{", ""), ('"sha256"', '"sha512"'), ("", "[]")],
    ids=["edited", "cut", "no", "no2"],
)
def test_a_file_that_is_not_as_written_is_one_line(old: str, new: str, shipped: Tree, tmp_path: Path) -> None:
    path = written(shipped, tmp_path)
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if old else new)
    with pytest.raises(InputError) as error:
        rates.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_the_kept_file_fits_the_shipped_studies(shipped: Tree, root: Path) -> None:
    plan = rates.plan(shipped)
    rates.check(rates.read(root / rates.FILE), plan)
