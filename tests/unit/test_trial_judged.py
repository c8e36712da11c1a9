"""``tokentrial try``: the numbers are those of a run with an overlay, and the shipped rows are compared as shipped."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import Command, command  # noqa: F401
from own_encoders import ENCODER, TWO_STAGE, written

from tokentrial import config as settings
from tokentrial import encoders, results
from tokentrial.data.generate import generate
from tokentrial.errors import InputError
from tokentrial.report import single_page, trial_page
from tokentrial.schema import study_files
from tokentrial.statistics.intervals import t_interval
from tokentrial.studies import rates
from tokentrial.training.condition import train_condition
from tokentrial.trial import candidates, judged, places
from tokentrial.trial.judged import Judged
from tokentrial.trial.places import Place

ROOT = Path(__file__).parents[2]
CONDITION = "learned_encoding/compression/done-right/v100-ratio-8"
ROWS = 20
LOSS = "cross_entropy"


@pytest.fixture(scope="module")
def where() -> Place:
    return places.place("compression/v100")


@pytest.fixture(scope="module")
def result(where: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """An encoder with shared rows at one ratio."""
    mine = written(tmp_path_factory.mktemp("own"), ENCODER)
    sweep = candidates.sweep([f"rows={ROWS},100"])
    yield judged.judge(candidates.load(mine), where, sweep, [8])


def shipped(table: str, schema: object, condition: str = CONDITION) -> pd.DataFrame:
    frame: pd.DataFrame = results.read(ROOT / f"results/reference/{table}.parquet", schema).to_pandas()  # type: ignore[arg-type]
    return frame[frame["condition"] == condition]


def losses_of(runs: pd.DataFrame, arm: str) -> pd.Series:
    """Final test losses by seed of an arm that stands in one condition."""
    final = runs[runs["step"].isna() & (runs["metric"] == LOSS) & (runs["split"] == "test") & (runs["arm"] == arm)]
    return final.set_index("seed")["value"].sort_index()


def learned_at(ratio: int) -> tuple[float, pd.Series]:
    """Bits and losses of the shipped learned arm."""
    condition = CONDITION.replace("-8", f"-{ratio}")
    costs = shipped("arms", results.ARMS, condition).set_index("arm")
    return float(costs["bits_deployed"]["learned"]), losses_of(shipped("runs", results.RUNS, condition), "learned")


@pytest.mark.slow
def test_the_numbers_are_those_of_a_run_with_the_overlay(
    result: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder as a module of the library and the arm in an overlay, as docs/extending.md shows."""
    written(tmp_path, ENCODER, name="rows_of_mine.py")
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path)])
    arm = {"encoder": "rows_of_mine", "rows": ROWS}
    design = {"experiments": {"compression": {"done-right": {"arms+": ["mine"]}}}, "arms": {"mine": arm}}
    config = settings.merge(study_files.default(ROOT), {"learned_encoding": design})
    plan = rates.plan(config)
    searched = rates.applied(rates.read(ROOT / rates.FILE), plan, config["search"]["doublings"], lambda: plan)
    spec = searched.conditions[CONDITION]
    # the rates with which the search begins; the steps of the shipped learned arm
    training = {"learning_rates": [0.0075, 0.015, 0.03, 0.06, 0.12], "steps": spec["arms"]["learned"]["steps"]}
    spec = {**spec, "arms": {"mine": arm}, "training": {**spec["training"], **training}}
    data = plan.datasets[spec["dataset"]]
    [trained], _ = train_condition(spec, generate(data["source"], data["seed"], data["seeds"]))
    values = [row.value for row in trained.rows if (row.split, row.metric, row.step) == ("test", LOSS, None)]
    row = result.summary.set_index(["condition", "arm", "metric"]).loc[(CONDITION, f"SharedRows_rows_{ROWS}", LOSS)]
    assert len(values) == 10 and row["mean"] == np.mean(values)
    learned = shipped("runs", results.RUNS).query("arm == 'learned' and split == 'test' and metric == @LOSS")
    differences = learned[learned["step"].isna()].sort_values("seed")["value"].to_numpy() - np.array(values)
    pair = result.pairs.set_index(["arm_a", "arm_b", "metric"]).loc[("learned", f"SharedRows_rows_{ROWS}", LOSS)]
    assert pair["difference"] == pytest.approx(differences.mean(), abs=1e-12)
    assert (pair["t_low"], pair["t_high"]) == pytest.approx(tuple(t_interval(differences, 0.95)))


def test_comparisons_of_shipped_arms_are_the_shipped_ones(result: Judged) -> None:
    expected = shipped("statistics", results.STATISTICS).set_index("comparison")
    found = result.pairs.set_index("comparison").reindex(expected.index)
    for name in ("difference", "t_low", "t_high", "p_t", "margin"):
        np.testing.assert_allclose(found[name].astype(float), expected[name].astype(float), rtol=1e-9, atol=1e-12)


def test_a_table_with_all_rows_is_the_learned_one_at_equal_bits(result: Judged) -> None:
    """With 100 rows for 100 tokens the encoder is the learned table, from other initial numbers."""
    content = trial_page.content(result)
    [arm] = [row for row in content["arms"] if row["options"] == {"rows": 100}]
    assert arm["table_bits"] == 32 * 100 * 4 and arm["bytes"] == 4 * 100 * 4 and arm["flag"] == "ok"
    assert 0 < arm["bytes_zstd"] <= arm["bytes"] + 64
    [learned] = [row for row in content["comparisons"] if row["method"] == "learned"]
    at = {size["bits"]: size for size in learned["sizes"]}[arm["bits"]]
    assert at["low"] < 0 < at["high"] and abs(at["difference"]) < 0.05
    assert [size["bits"] for size in learned["sizes"]] == sorted(row["bits"] for row in content["arms"])
    few = min(content["arms"], key=lambda row: row["bits"])
    bits, losses = zip(*(learned_at(ratio) for ratio in (32, 16)), strict=True)
    assert bits[0] < few["bits"] < bits[1]
    share = np.log2(few["bits"] / bits[0]) / np.log2(bits[1] / bits[0])
    own = losses_of(result.runs, few["arm"]) - (losses[0] * (1 - share) + losses[1] * share)
    at = {size["bits"]: size for size in learned["sizes"]}[few["bits"]]
    assert at["difference"] == pytest.approx(float(own.mean()), abs=1e-9)
    low, high = t_interval(own, 1 - 0.05 / 2)  # simultaneous, of two sizes
    assert (at["low"], at["high"]) == pytest.approx((low, high))
    assert low > 0  # with 20 rows, tokens that share a row are told apart by nothing
    assert re.search(r"; worse at some sizes than [^;]*\blearned;", content["verdict"]), content["verdict"]


def test_this_machine_is_compared_with_the_shipped_runs(result: Judged) -> None:
    assert 0 <= result.drift < 0.02
    assert ("last bit" if result.drift == 0 else f"{result.drift:.2g} nats") in trial_page.caveat(result)


def test_the_page_needs_no_other_file(result: Judged) -> None:
    page = trial_page.html(result)
    assert "<script" not in page and not re.search(r'(src|href)="(?!data:image/svg)', page) and "https:" not in page
    methods = trial_page.content(result)["comparisons"]
    assert f"SharedRows_rows_{ROWS}" in page and page.count("<tr>") == 2 + 2 + len(methods)
    assert trial_page.sentence(result) in page
    drawn = single_page.svg(trial_page.figure(result)).decode()
    assert "SharedRows" in drawn and "floor" in drawn and drawn == single_page.svg(trial_page.figure(result)).decode()


def test_flags_come_before_comparisons(result: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    own = result.summary["arm"].str.startswith("SharedRows")
    flagged = result.summary.assign(flag=result.summary["flag"].where(~own, "unigram"))
    monkeypatch.setattr(result, "summary", flagged)
    assert trial_page.sentence(result) == (
        "SharedRows is unigram: its loss is not below that of the best constant guess, so it makes no use of its input "
        "(2 of 2 arms)."
    )


def test_ratios_are_all_where_the_width_matters(where: Place, tmp_path: Path) -> None:
    own, two = candidates.load(written(tmp_path, ENCODER)), written(tmp_path, TWO_STAGE, name="two.py")
    assert judged.ratios_of(where, own, [{}], []) == [2, 4, 8, 16, 32]
    assert judged.ratios_of(where, own, [{}], [4, 4]) == [4]
    assert judged.ratios_of(where, candidates.load(two), [{}], []) == [8]


def test_a_two_stage_encoder_starts_from_the_trained_table(where: Place, tmp_path: Path) -> None:
    candidate = candidates.load(written(tmp_path, TWO_STAGE))
    arms = judged.arms_of(candidate, [{"bits": 8}])
    spec = rates.plan(judged.overlay(where, candidate, arms)).conditions[CONDITION]
    short = {**spec, "seeds": 2, "training": {**spec["training"], "steps": 40}}
    data = generate(where.source, spec["seed"], 2)
    own, full = (train_condition({**short, "arms": {name: spec["arms"][name]}}, data)[0][0] for name in (*arms, "full"))
    assert own.costs["starts_from"] == "full"
    losses = [
        [row.value for row in arm.rows if (row.split, row.metric, row.step) == ("test", LOSS, None)]
        for arm in (own, full)
    ]
    # its task model is trained again, on codes that are nearly the table
    np.testing.assert_allclose(losses[0], losses[1], atol=0.1)


def test_a_loss_that_is_nan_is_no_result(where: Place, tmp_path: Path) -> None:
    """The vectors are finite at first, as the checks see them, and NaN once the table has moved."""
    table = '(parameters["table"], ids % self.rows)'
    mine = written(tmp_path, ENCODER, ("self.rows, self.width) * context.initial_scale", "self.rows, self.width) * 0"),
                   (table, f"{table}.sqrt()"))  # fmt: skip
    candidate = candidates.load(mine)
    with pytest.raises(InputError, match=r"SharedRows at 8:1: found a loss that is NaN at step 40, expected "):
        judged.judge(candidate, where, [{}], [8])


def test_ctrl_c_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    mine = written(tmp_path, ENCODER)
    started = [sys.executable, "-m", "tokentrial", "try", mine, "--set", "rows=4,5,6,7,8,9,10,11"]
    started += ["--on", "compression/v100"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    process = subprocess.Popen(
        started,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job, which these tests may be, ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert re.fullmatch(r"5 conditions, about \d+ minutes of one core\n", process.stderr.readline())
    assert process.stderr.readline() == "SharedRows_rows_4 at 2:1: trains 10 seeds\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    lines = [line for line in err.splitlines() if ": trains " not in line]
    assert process.returncode == 130 and out == "" and lines == ["stopped: nothing was written"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != "") == ["mine.py"]


@pytest.mark.slow
def test_the_command_writes_a_page_and_json(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    said = command("try", written(tmp_path, ENCODER), "--ratios", "8", "--json", "--on", "compression/v100")
    assert said.code == 0, said.err
    content = json.loads(said.out)
    assert content["verdict"] in (tmp_path / "try-SharedRows.html").read_text()
    assert content["pairs"] and {row["arm"] for row in content["arms"]} == {"SharedRows"}
