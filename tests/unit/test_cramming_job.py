"""A cramming job: its rows and costs, what a kill does, and the input that it refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cramming_models as models
import numpy as np
import pandas as pd
import pytest
from corpus_record import recorded

from tokentrial import results
from tokentrial.cramming import engine
from tokentrial.cramming.job import run_cramming
from tokentrial.cramming.texts import KINDS
from tokentrial.errors import InputError

Spec = dict[str, Any]
BASE = "cramming/length/tiny"
TUNED = {
    "learning_rate": 0.3, "relative": True, "schedule": "cosine", "betas": [0.9, 0.99], "weight_decay": 0.0,
    "steps": 12, "patience": None,
}  # fmt: skip
SPEC: Spec = {
    "study": "cramming", "condition": BASE, "design": "length", "model": "tiny",
    "kinds": ["text-test", "random-tokens"], "lengths": [3, 6], "vectors": [1, 2], "per_vector": False, "texts": 5,
    "arms": {"tuned": TUNED, "paper": TUNED | {"relative": False, "schedule": "constant", "patience": 4}},
    "controls": ["random-vector", "prefix", "shared"], "search": False, "predict_first": False, "seed": 42,
    "device": "cpu",
    "precision": "float32", "compile": False,
}  # fmt: skip
CONTROLS = ("control.random-vector", "control.prefix", "control.shared")
TEXT_METRICS = {
    "accuracy", "accuracy_without", "cross_entropy", "cross_entropy_without", "greedy_exact", "greedy_prefix", "steps",
    "solved_step",
}  # fmt: skip

# A child that saves every ``every`` steps of all cells together and kills itself at step ``kill``.
CHILD = """
import json, os, signal, sys
from tokentrial.cramming import engine, job
from tokentrial.training import runner

arguments, every, kill = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
taken = 0
step = engine.Cramming.step

def counted(self):
    global taken
    taken += 1
    if taken == kill:
        os.kill(os.getpid(), signal.SIGKILL)
    step(self)

engine.Cramming.step = counted
runner.Runner.due = lambda self: taken % every == 0
job.run_cramming(**arguments)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def folder(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that says something: easy texts are solved within a few steps, others are not."""
    return models.write(tmp_path_factory.mktemp("model") / "tiny", models.trained(files, 120), files)


def arguments(spec: Spec, model: str, files: dict[str, str], out: Path, **changes: Any) -> dict[str, Any]:
    made = {"spec": json.dumps(spec, sort_keys=True), "model": model, "text": files, "record": recorded(files)}
    return (
        made
        | {name: str(out / f"{name}.parquet") for name in ("runs", "arms")}
        | {"code": [], "checkpoints": str(out / "kept")}
        | changes
    )


@pytest.fixture(scope="module")
def done(files: dict[str, str], folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done")
    run_cramming(**arguments(SPEC, folder, files, out))
    return out


@pytest.fixture(scope="module")
def rows(done: Path) -> pd.DataFrame:
    results.read(done / "runs.parquet", results.RUNS)
    return pd.read_parquet(done / "runs.parquet")


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per text, metrics as columns."""
    final = rows[rows["step"].isna() & (rows["arm"] != "model")]
    keys = ["condition", "arm", "seed", "split"]
    assert not final.duplicated([*keys, "metric"]).any()
    return final.pivot(index=keys, columns="metric", values="value").reset_index()


def cells(texts: pd.DataFrame, arm: str) -> set[tuple[str, int]]:
    """(condition, text) of an arm."""
    own = texts[texts["arm"] == arm]
    return set(zip(own["condition"], own["seed"], strict=True))


# Rows and costs


def test_every_text_of_every_cell_has_its_rows(rows: pd.DataFrame) -> None:
    texts = wide(rows)
    assert set(rows[rows["arm"] != "model"]["metric"]) == TEXT_METRICS
    places = [f"{BASE}/{kind}/n-{n}-m-{m}" for kind in SPEC["kinds"] for n in (3, 6) for m in (1, 2)]
    everything = {(place, text) for place in places for text in range(5)}
    for arm in ("tuned", "paper", "control.random-vector"):
        assert cells(texts, arm) == everything
    assert cells(texts, "control.prefix") == {(place, text) for place, text in everything if place.endswith("m-1")}
    assert cells(texts, "control.shared") == {(place, text) for place, text in everything if text < 4}
    assert (texts["split"] == texts["condition"].str.split("/").str[3]).all()


def test_values_are_what_they_are_called(rows: pd.DataFrame) -> None:
    texts = wide(rows)
    predicted = texts["condition"].str.extract(r"n-(\d+)")[0].astype(int) - 1
    assert (texts["accuracy"] * predicted).round(6).mod(1).eq(0).all() and texts["accuracy"].between(0, 1).all()
    assert ((texts["greedy_prefix"] == predicted) == (texts["greedy_exact"] == 1)).all()
    optimised = texts[~texts["arm"].isin(CONTROLS)]
    solved = optimised["accuracy"] == 1
    assert 0 < solved.sum() < len(solved)
    assert (optimised["solved_step"].notna() == solved).all()
    assert (optimised["greedy_exact"] == 1).eq(solved).all()  # teacher-forced without an error is exact
    assert (optimised.loc[solved, "solved_step"] == optimised.loc[solved, "steps"]).all()
    assert optimised["steps"].between(1, 12).all()
    assert (optimised.loc[~solved & (optimised["arm"] == "tuned"), "steps"] == 12).all()
    assert (optimised[optimised["arm"] == "paper"]["steps"] < 12).any()  # patience 4
    measured = texts[texts["arm"].isin(CONTROLS[:2])]
    assert (measured["steps"] == 0).all() and measured["solved_step"].isna().all()


def test_the_optimised_vector_beats_the_random_one_it_started_as(rows: pd.DataFrame) -> None:
    texts = wide(rows).set_index(["condition", "seed"])
    tuned, start = (texts[texts["arm"] == arm] for arm in ("tuned", "control.random-vector"))
    assert (tuned["cross_entropy"] < start["cross_entropy"] + 1e-6).all()
    assert (start["cross_entropy"] - tuned["cross_entropy"]).mean() > 0.1
    assert (tuned["cross_entropy_without"] == start["cross_entropy_without"]).all()


def test_learning_curves(rows: pd.DataFrame) -> None:
    curve = rows[rows["step"].notna()]
    assert set(curve["metric"]) == {"accuracy", "cross_entropy"} and set(curve["seed"]) == {0, 1, 2, 3}
    assert set(curve["step"]) == {1, 2, 5, 10}
    first = curve[(curve["step"] == 1) & (curve["metric"] == "cross_entropy") & (curve["arm"] == "tuned")]
    start = wide(rows)
    start = start[start["arm"] == "control.random-vector"].set_index(["condition", "seed"])["cross_entropy"]
    found = first.set_index(["condition", "seed"])["value"]
    np.testing.assert_allclose(found, start.reindex(found.index), rtol=1e-4)
    # a pair starts from its first text's vector
    shared = curve[(curve["step"] == 1) & (curve["metric"] == "cross_entropy") & (curve["arm"] == "control.shared")]
    found = shared[shared["seed"].isin([0, 2])].set_index(["condition", "seed"])["value"]
    assert len(found) == 2 * 8
    np.testing.assert_allclose(found, start.reindex(found.index), rtol=1e-4)


def test_the_models_facts(rows: pd.DataFrame) -> None:
    facts = rows[(rows["arm"] == "model") & (rows["condition"] == BASE)].set_index("metric")
    assert set(facts["split"]) == {"model"} and set(facts["seed"]) == {0} and facts["step"].isna().all()
    value = facts["value"]
    assert (value["width"], value["layers"], value["vocab_size"], value["context"]) == (32, 2, models.VOCAB_SIZE, 64)
    assert value["bound"] == pytest.approx(16 * 32 / np.log2(models.VOCAB_SIZE))
    assert 0 < value["validation_cross_entropy"] < np.log(models.VOCAB_SIZE) and 0 < value["table_sd"] < 1
    assert facts.loc["test_cross_entropy", "unit"] == "nats" and facts.loc["bound", "unit"] == "tokens"


def test_costs(done: Path, rows: pd.DataFrame) -> None:
    results.read(done / "arms.parquet", results.ARMS)
    costs = pd.read_parquet(done / "arms.parquet")
    assert set(zip(costs["condition"], costs["arm"], strict=True)) == set(
        zip(rows["condition"], rows["arm"], strict=True)
    )
    assert not costs.duplicated(["condition", "arm"]).any()
    tuned = costs[costs["arm"] == "tuned"]
    assert (tuned["params_trained"] == tuned["condition"].str.extract(r"m-(\d+)")[0].astype(int) * 32).all()
    assert (tuned["seeds"] == 5).all() and (tuned["steps"] <= 12).all() and (tuned["tokens_per_second"] > 0).all()
    assert set(costs[costs["arm"] == "control.shared"]["seeds"]) == {4}


def test_lengths_per_vector(files: dict[str, str], folder: str, tmp_path: Path) -> None:
    spec = SPEC | {"per_vector": True, "controls": [], "arms": {"tuned": TUNED | {"steps": 1}}, "kinds": ["repeated"]}
    run_cramming(**arguments(spec, folder, files, tmp_path))
    found = set(pd.read_parquet(tmp_path / "runs.parquet")["condition"]) - {BASE}
    assert found == {f"{BASE}/repeated/n-{n}-m-{m}" for n, m in ((3, 1), (6, 1), (6, 2), (12, 2))}


@pytest.fixture(scope="module")
def searched(files: dict[str, str], folder: str, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("searched")
    spec = SPEC | {"search": True, "controls": [], "arms": {"tuned": TUNED}, "lengths": [3, 12], "texts": 8}
    run_cramming(**arguments(spec, folder, files, out))
    return results.read(out / "runs.parquet", results.RUNS).to_pandas()


OF_DESIGN, OF_SEARCH = ("accuracy", "greedy_exact"), ("search_accuracy", "search_exact")


def solved_lengths(rows: pd.DataFrame) -> dict[tuple[str, int, int], dict[int, bool]]:
    """(kind, vectors, text) -> length -> solved, of the design's lengths and those of the search."""
    final = rows[rows["step"].isna() & (rows["arm"] == "tuned")]
    table = final.pivot_table(index=["condition", "seed"], columns="metric", values="value")
    tried: dict[tuple[str, int, int], dict[int, bool]] = {}
    for (condition, text), row in table.iterrows():
        _, _, _, kind, place = str(condition).split("/")
        _, length, _, vectors = place.split("-")
        of_search = not np.isnan(row.get("search_exact", np.nan))
        accuracy, exact = (row[name] for name in (OF_SEARCH if of_search else OF_DESIGN))
        tried.setdefault((kind, int(vectors), int(text)), {})[int(length)] = bool(accuracy == 1 and exact == 1)
    return tried


def test_the_search_ends_at_a_length_whose_successor_fails(searched: pd.DataFrame) -> None:
    """Each text's capacity is known to one token, unless it never fails."""
    tried = solved_lengths(searched)
    assert len(tried) == 2 * 2 * 8
    for lengths in tried.values():
        failed = [length for length, solved in lengths.items() if not solved]
        if failed:
            assert lengths.get(min(failed) - 1, min(failed) == 2)
        else:
            assert max(lengths) == 24  # twice the longest
    beyond = [lengths for lengths in tried.values() if any(n not in (3, 12) and ok for n, ok in lengths.items())]
    assert len(beyond) > 3  # searches that have added something


def test_lengths_of_the_search_are_no_rows_of_the_design(searched: pd.DataFrame) -> None:
    lengths = searched["condition"].str.extract(r"n-(\d+)-")[0].astype(float)
    of_search = searched["metric"].str.startswith("search_")
    assert set(lengths[~of_search].dropna()) == {3, 12}
    assert not set(lengths[of_search]) & {3, 12}
    assert not searched[of_search].duplicated(["condition", "arm", "seed", "metric"]).any()


def test_every_text_has_its_digest_and_no_fact_has_one(rows: pd.DataFrame, searched: pd.DataFrame) -> None:
    for made in (rows, searched):
        about_models = made["arm"] == "model"
        assert made.loc[about_models, "text"].isna().all() and made.loc[~about_models, "text"].notna().all()
        assert (
            made.groupby(["split", "seed"])["text"].nunique()
            == (made.groupby(["split", "seed"])["arm"].first() != "model")
        ).all()
    both = pd.concat([rows, searched])
    assert (both.dropna(subset="text").groupby(["split", "seed"])["text"].nunique() == 1).all()


def test_a_killed_search_goes_on_and_changes_no_bit(
    searched: pd.DataFrame, files: dict[str, str], folder: str, tmp_path: Path
) -> None:
    spec = SPEC | {"search": True, "controls": [], "arms": {"tuned": TUNED}, "lengths": [3, 12], "texts": 8}
    made = arguments(spec, folder, files, tmp_path)
    killed(made, every=1, kill=80)
    run_cramming(**made)
    again = results.read(tmp_path / "runs.parquet", results.RUNS).to_pandas()
    pd.testing.assert_frame_equal(again, searched, check_exact=True)


def test_every_kind_and_predicting_the_first_token(files: dict[str, str], folder: str, tmp_path: Path) -> None:
    spec = SPEC | {"kinds": list(KINDS), "predict_first": True, "lengths": [4], "vectors": [1]}
    run_cramming(**arguments(spec, folder, files, tmp_path))
    texts = wide(pd.read_parquet(tmp_path / "runs.parquet"))
    assert set(texts["split"]) == set(KINDS)
    assert (texts["accuracy"] * 4).round(6).mod(1).eq(0).all()
    assert texts["cross_entropy"].notna().all()


def test_a_prefix_that_does_not_fit_is_null(files: dict[str, str], folder: str, tmp_path: Path) -> None:
    spec = SPEC | {"lengths": [40], "vectors": [1], "controls": ["prefix"], "arms": {"tuned": TUNED | {"steps": 1}}}
    run_cramming(**arguments(spec, folder, files, tmp_path))
    texts = wide(pd.read_parquet(tmp_path / "runs.parquet"))
    prefix = texts[texts["arm"] == "control.prefix"]
    assert prefix[["accuracy", "cross_entropy", "greedy_exact", "greedy_prefix"]].isna().all(axis=None)
    assert prefix["cross_entropy_without"].notna().all()


# A kill


def same(first: Path, second: Path) -> None:
    """Equal in every value and bit, but for what says when and how fast."""
    runs = [pd.read_parquet(out / "runs.parquet") for out in (first, second)]
    pd.testing.assert_frame_equal(*runs, check_exact=True)
    timed = [*results.TIMED, "git_commit"]
    arms = [pd.read_parquet(out / "arms.parquet").drop(columns=timed) for out in (first, second)]
    pd.testing.assert_frame_equal(*arms)


def killed(made: dict[str, Any], every: int, kill: int) -> None:
    command = [sys.executable, "-c", CHILD, json.dumps(made), str(every), str(kill)]
    process = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr


def test_a_killed_job_goes_on_and_changes_no_bit(
    done: Path, files: dict[str, str], folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last steps before the kill are lost and done again."""
    made = arguments(SPEC, folder, files, tmp_path)
    killed(made, every=5, kill=54)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["state.safetensors"]
    run_cramming(**made)
    assert "goes on from step" in capfd.readouterr().err
    same(done, tmp_path)
    assert not (tmp_path / "kept").exists()


@pytest.mark.slow
def test_a_job_killed_from_outside_at_any_moment(
    done: Path, files: dict[str, str], folder: str, tmp_path: Path
) -> None:
    """The checkpoint is rewritten after every step, so that a kill may fall into the writing itself."""
    made, state = arguments(SPEC, folder, files, tmp_path), tmp_path / "kept/state.safetensors"
    for wait in (0.013,):
        before = state.stat().st_mtime_ns if state.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(made), "1", "-1"], stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 300
        while not (state.exists() and state.stat().st_mtime_ns > before) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(wait)
        process.kill()
        process.wait(timeout=60)
    run_cramming(**made)
    same(done, tmp_path)


def test_how_often_it_saves_changes_nothing(done: Path, files: dict[str, str], folder: str, tmp_path: Path) -> None:
    run_cramming(**arguments(SPEC, folder, files, tmp_path, checkpoint_seconds=0.0))
    same(done, tmp_path)


def interrupted(work: engine.Cramming, step: int, *_: Any) -> None:
    if step == 3:
        raise KeyboardInterrupt


def test_a_checkpoint_of_another_config_is_refused_and_kept(
    files: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(engine.Cramming, "_log", interrupted)
        run_cramming(**arguments(SPEC, folder, files, tmp_path, checkpoint_seconds=0.0))
    other = SPEC | {"arms": SPEC["arms"] | {"tuned": TUNED | {"learning_rate": 0.2}}}
    with pytest.raises(InputError, match=r"state\.safetensors: checkpoint of another config"):
        run_cramming(**arguments(other, folder, files, tmp_path))
    assert (tmp_path / "kept/state.safetensors").is_file()


# Input that cannot be used, refused before any step


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lengths": [3, 64]}, "found a text of 64 tokens and 1 vectors, expected at most 63 tokens"),
        ({"lengths": [0]}, "found an empty text of 0 tokens"),
        ({"lengths": [1]}, "found 1, expected at least 2"),
        ({"vectors": [0]}, "vectors: found 0, expected at least 1"),
        ({"vectors": [4]}, "vectors: found 4 for a text of 3 tokens, expected at most 3"),
        ({"kinds": ["poems"]}, "kinds: found 'poems', expected one of text-test"),
        ({"controls": ["placebo"]}, "controls: found 'placebo', expected one of random-vector"),
        ({"texts": 1}, "texts: found 1, expected at least 2"),
        ({"texts": 500}, "different paragraphs with 512 words from there on, expected at least 500"),
        ({"precision": "float8"}, "precision: found 'float8'"),
        ({"device": "tpu"}, "device: found 'tpu'"),
        ({"arms": {}}, "found no kinds, arms"),
        ({"arms": {"tuned": TUNED | {"schedule": "linear"}}}, "schedule: found 'linear'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_optimised(
    files: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: Spec, said: str
) -> None:
    monkeypatch.setattr(engine.Cramming, "step", lambda self: pytest.fail("optimised"))
    with pytest.raises(InputError) as caught:
        run_cramming(**arguments(SPEC | changes, folder, files, tmp_path))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not any(tmp_path.rglob("*"))
