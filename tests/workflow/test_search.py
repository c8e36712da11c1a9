"""The search of learning rates as a user runs it, and runs that train at its rates; every shipped scale is planned."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_project import ROOT, Project, copy_project, small_config

from tokentrial.studies import rates

pytestmark = pytest.mark.slow

NAME = "learned_encoding/signal"
CONDITION = f"{NAME}/done-right/ordered"
RUNS, ARMS = (f"results/{kind}/{CONDITION}.parquet" for kind in ("runs", "arms"))
ARMS_OF = ["learned", "one_hot", "random_frozen", "unigram"]


def tiny() -> dict[str, Any]:
    """The small config; the search has short limits."""
    config = small_config()
    limits = {"factor": 4, "rates": 4, "most_rates": 5, "doublings": 1}
    config["search"] = {"only": [NAME], "seeds": 2, "language_model_seeds": 1, **limits}
    return config


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the search of one experiment was run, and a condition at the rates that it chose."""
    project = copy_project(tmp_path_factory.mktemp("search"), tiny())
    said = project.build("search")
    assert f"Searching the learning rates of {CONDITION}" in said
    shutil.copy2(project.folder / "results/rates.json", project.folder / rates.FILE)
    project.build(RUNS)
    return project


def choices(project: Project) -> dict[str, Any]:
    content = json.loads((project.folder / rates.FILE).read_text())
    found: dict[str, Any] = content["experiments"][NAME]["conditions"][CONDITION]
    return found


def test_the_file_holds_every_arm_with_all_that_was_tried(searched: Project) -> None:
    content = json.loads((searched.folder / rates.FILE).read_text())
    assert list(content["experiments"]) == [NAME]
    entry = content["experiments"][NAME]
    assert set(entry["conditions"]) == {CONDITION, f"{NAME}/done-right/shuffled"} and entry["seeds"] == 2
    for choice in choices(searched).values():
        last = choice["tried"][-1]
        losses = [float("inf") if loss is None else loss for loss in last["losses"]]
        assert choice["rate"] == last["rates"][losses.index(min(losses))] and choice["steps"] == last["steps"]
        assert len(last["rates"]) >= 4 and choice["loss"] == min(losses)
    assert sorted(choices(searched)) == ARMS_OF


def test_the_run_trains_every_arm_at_its_one_rate_for_its_steps(searched: Project) -> None:
    runs = pd.read_parquet(searched.folder / RUNS)
    used = runs[runs["metric"] == "learning_rate"].groupby("arm")["value"].unique()
    arms = pd.read_parquet(searched.folder / ARMS).set_index("arm")
    for arm, choice in choices(searched).items():
        assert [f"{rate:.5g}" for rate in used[arm]] == [f"{choice['rate']:.5g}"]
        assert arms.loc[arm, "steps"] == choice["steps"]
    assert set(arms["rate_source"]) == {"search"} and set(arms["steps_before"]) == {0}
    assert (
        arms.loc["learned", "tokens_seen"] == choices(searched)["learned"]["steps"] * 40 * 3
    )  # 40 sequences of 3 inputs


def test_nothing_is_searched_or_trained_twice(searched: Project) -> None:
    assert "Nothing to be done" in searched.build(RUNS)
    assert "Nothing to be done" in searched.build("search")


def test_an_overlay_of_another_design_trains_as_it_says_and_the_run_says_so(searched: Project) -> None:
    done = searched.run("--dry-run", RUNS, "--config", "learned_encoding={hidden: 16}")
    assert done.returncode == 0
    [note] = [line for line in done.stderr.splitlines() if line.startswith("note: no searched learning rate")]
    assert f"{CONDITION}/learned" in note and "they take rates and steps of the config" in note


def test_rates_of_another_design_stop_a_run_with_one_line(searched: Project, tmp_path: Path) -> None:
    project = copy_project(tmp_path, tiny())
    shutil.copy2(searched.folder / rates.FILE, project.folder / rates.FILE)
    config = tiny()
    config["learned_encoding"]["hidden"] = 16
    kept = (project.folder / rates.FILE).read_bytes()
    project.write_config(config)
    (project.folder / rates.FILE).write_bytes(kept)
    line = project.refused("--dry-run", RUNS)
    assert (
        line.startswith(f"error: {rates.FILE}: {NAME}/done-right/") and "found a rate searched for the design" in line
    )


@pytest.mark.parametrize("overlay", ["reference.yaml", "paper.yaml", "smoke.yaml"])
def test_every_shipped_scale_is_planned(overlay: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    for folder in ("config", "studies"):
        shutil.copytree(ROOT / folder, project.folder / folder, dirs_exist_ok=True)
    done = project.run("--dry-run", "all", "--configfile", f"config/{overlay}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "learned_encoding/signal/done-right" in done.stdout + done.stderr
