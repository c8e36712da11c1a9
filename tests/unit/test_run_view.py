"""Asking a run for its results: conditions by their columns, and of each its arms, levels, pairs, curves and costs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import views

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report.catalogue import STUDIES
from tokentrial.run.view import SCHEMAS, View, records

STUDY = "learned_encoding"
FAIR = [f"{STUDY}/compression/done-right/v20-ratio-{ratio}" for ratio in (2, 8)]
DESCRIBED = f"{STUDY}/compression/as-described/ratio-8"
RELEASED = f"{STUDY}/as-released/focused-scaling/compression-8"
TEXT = "language_models/transformer/done-right/bpe"


def run(condition: str, arm: str, *values: float, split: str = "test", **columns: Any) -> list[dict[str, Any]]:
    """Rows of results.RUNS, a seed per value, the highest seed first."""
    row = {"condition": condition, "arm": arm, "split": split, "step": None, "metric": "cross_entropy", "unit": "nats"}
    return [row | {"seed": seed, "value": value} | columns for seed, value in reversed([*enumerate(values)])]


RUNS = [
    *run(FAIR[0], "learned", 1.0, 1.2),
    *run(FAIR[0], "learned", 9.0, split="train"),
    *run(FAIR[0], "learned", 0.5, 0.7, metric="accuracy"),
    *run(FAIR[0], "learned", 0.1, metric="cross_entropy_high"),
    *run(FAIR[0], "learned", 3.0, 4.0, split="validation", step=0),
    *run(FAIR[0], "learned", 2.0, None, split="validation", step=10),
    *run(FAIR[0], "reference.chance", 3.0),
    *run(FAIR[1], "learned", 1.5),
    *run(FAIR[1], "autoencoder", 1.6, 1.7),
    *run(DESCRIBED, "learned", 2.5),
    *run(DESCRIBED, "learned", 2.9, split="validation", step=5),
    *run(RELEASED, "learned", 4.0, 4.1, split="train"),
    *run(RELEASED, "traditional", 5.0, split="train"),
    *run(RELEASED, "traditional", 4.5),
    *run(RELEASED, "learned", 4.8, split="train", step=20),
    *run(RELEASED, "learned", 4.9, split="train", step=3),
    *run(TEXT, "learned-8", 6.0),
    *run(TEXT, "pq_16", 6.5),
]


@pytest.fixture(scope="module")
def view() -> View:
    level = {"condition": FAIR[0], "arm": "learned", "metric": "cross_entropy", "n": 2, "mean": 1.1, "floor": None}
    pair = {"condition": FAIR[1], "arm_a": "learned", "arm_b": "autoencoder", "metric": "cross_entropy"}
    others = [{"arm_b": "pca"}, {"metric": "accuracy"}, {"condition": FAIR[0]}]
    return views.view(
        runs=pd.DataFrame(RUNS).astype({"step": "Int32", "value": "float64"}),
        summary=pd.DataFrame([level, level | {"metric": "accuracy", "mean": 0.6, "floor": 0.9}]),
        statistics=pd.DataFrame([pair | {"difference": -k / 10} | other for k, other in enumerate([{}, *others])]),
    )


def names(view: View, **columns: Any) -> list[str]:
    return [each.id for each in view.select(**columns)]


def test_conditions_are_selected_by_their_columns_in_the_configs_order(view: View) -> None:
    assert names(view) == [RELEASED, DESCRIBED, *FAIR, TEXT]
    assert names(view, way="done-right") == [*FAIR, TEXT]
    assert names(view, way="done-right", study=STUDY) == FAIR
    assert names(view, experiment="compression") == [DESCRIBED, *FAIR]
    assert names(view, experiment=["compression", "transformer"], way=("done-right",)) == [*FAIR, TEXT]
    assert names(view, ratio=8, way="done-right") == [FAIR[1]]
    assert names(view, ratio=None, study=STUDY) == [RELEASED]
    assert names(view, experiment="none") == names(view, way="done-right", experiment="none") == []
    with pytest.raises(InputError, match="conditions: found the column 'raito', expected one of"):
        view.select(raito=8)


def test_a_condition_says_all_that_is_known_of_it(view: View) -> None:
    fair = view.condition(FAIR[1])
    said = (fair.ratio, fair.width, fair.data, fair.varied, fair.tokens, fair.fresh)
    assert said == (8, 4, "v20", "data ratio", None, False)
    assert isinstance(fair.ratio, int)
    with pytest.raises(KeyError):
        view.condition("none")
    assert view.experiments() == [(STUDY, "compression"), ("language_models", "transformer")]
    assert list(view.of_way("as-released")) == [RELEASED]


def test_arms_are_what_their_studies_say(view: View) -> None:
    assert view.arms_of(FAIR[1]) == ["learned", "autoencoder", "pca"] and view.arms_of("none") == []
    assert view.method("language_models", "learned-8").ratio == 8
    assert view.arm_name("language_models", "pq_16") == "product quantised (pq_16)"
    assert view.arm_name("language_models", "not_there") == "not there"
    with pytest.raises(KeyError):
        view.method(STUDY, "learned-8")  # of the other study


def test_levels_and_pairs_are_looked_up(view: View) -> None:
    assert view.level(FAIR[0], "learned")["mean"] == 1.1 and view.level(FAIR[0], "learned")["floor"] is None
    assert view.level(FAIR[0], "learned", "accuracy")["floor"] == 0.9
    assert view.level(FAIR[0], "full") == {}
    assert view.pair(FAIR[1], "learned", "autoencoder")["difference"] == 0
    assert view.pair(FAIR[1], "learned", "autoencoder", "accuracy")["difference"] == -0.2
    assert view.pair(FAIR[1], "autoencoder", "learned") == {}
    assert [row["difference"] for row in view.pairs(FAIR[1])] == [0, -0.1, -0.2]


def test_values_are_the_final_ones_by_seed(view: View) -> None:
    assert view.values(FAIR[0], "learned").to_dict() == {0: 1.0, 1: 1.2}
    assert list(view.values(FAIR[0], "learned").index) == [0, 1]
    assert view.values(FAIR[0], "learned", first=1).to_dict() == {0: 1.0}
    assert view.values(FAIR[0], "learned", "accuracy").to_dict() == {0: 0.5, 1: 0.7}
    assert view.values(FAIR[0], "learned", "cross_entropy_high").to_dict() == {0: 0.1}
    assert view.values(RELEASED, "learned").to_dict() == {0: 4.0, 1: 4.1}  # nothing was held out
    assert view.values(RELEASED, "traditional").to_dict() == {0: 4.5}
    assert view.values(FAIR[0], "full").empty
    assert view.values_on("train", FAIR[0], "learned").to_dict() == {0: 9.0}
    assert view.values_on("validation", FAIR[0], "learned").empty


def test_differences_on_a_split_are_paired_by_seed(view: View) -> None:
    """On test text they are those of the statistics."""
    shipped = View.read(views.shipped(), 0.95)
    [*_, condition] = shipped.select(study=STUDY, experiment="compression", way="done-right")
    pair = shipped.pair(condition.id, "learned", "autoencoder")
    expected = {"n": pair["n"], "mean": pair["difference"], "low": pair["t_low"], "high": pair["t_high"]}
    assert shipped.difference_on("test", condition.id, "learned", "autoencoder") == pytest.approx(expected)
    assert view.difference_on("train", FAIR[0], "learned", "learned") == {"n": 1, "mean": 0, "low": None, "high": None}
    assert view.difference_on("test", FAIR[0], "learned", "not_there") == {}


def test_curves_are_losses_by_step_and_seed(view: View) -> None:
    curve = view.curve(FAIR[0], "learned")
    assert curve.index.tolist() == [0, 10] and curve.columns.tolist() == [0, 1]
    assert curve[0].tolist() == [3.0, 2.0] and curve[1].isna().tolist() == [False, True]
    assert view.curve(FAIR[1], "learned").empty and view.curve(RELEASED, "learned").empty


def test_released_scripts_have_values_as_reported_and_at_steps(view: View) -> None:
    assert view.series(RELEASED, "learned").to_dict() == {0: 4.0, 1: 4.1}
    assert view.series(RELEASED, "traditional").to_dict() == {0: 4.5}  # test data before training data
    assert view.series(RELEASED, "learned", step=20).to_dict() == {0: 4.8}
    assert view.steps(RELEASED, "learned") == [3, 20]
    assert view.series(FAIR[0], "learned").empty and view.steps(FAIR[0], "learned") == []


def test_costs_have_the_sum_of_a_small_models_parameters() -> None:
    roles = ("embedding", "encoder", "decoder", "head")
    small, large = dict(zip(roles, (1, 2, 3, 4), strict=True)), dict(zip(roles, (1, 2, 3, None), strict=True))
    rows = [
        {"condition": FAIR[0], "arm": arm, **{f"parameters_{role}": n for role, n in counts.items()}}
        for arm, counts in (("learned", small), ("full", large))
    ]
    view = views.view(arms=pd.DataFrame(rows))
    assert view.cost(FAIR[0], "learned")["total"] == 10
    assert view.cost(FAIR[0], "full")["total"] is None  # not counted is not zero
    assert view.cost(FAIR[0], "pca") == {}


def test_a_studys_view_has_its_own_rows_alone(view: View) -> None:
    text = view.only("language_models")
    assert names(text) == [TEXT] and set(text.runs["study"]) == set(text.methods["study"]) == {"language_models"}
    assert text.values(FAIR[0], "learned").empty and not text.values(TEXT, "pq_16").empty
    assert (text.confidence, text.margin_share) == (view.confidence, view.margin_share)
    assert view.alpha == pytest.approx(0.05)


def test_a_view_is_read_from_files_and_a_bad_one_is_named(tmp_path: Path, view: View) -> None:
    paths = {name: str(tmp_path / f"{name}.parquet") for name in (*views.TABLES, "conditions", "methods")}
    for name, path in paths.items():
        frame = getattr(view, name).reindex(columns=SCHEMAS[name].names)
        results.write(path, results.table(views.typed(frame, SCHEMAS[name]), SCHEMAS[name]))
    read = View.read(paths, 0.9, 0.1)
    assert (read.confidence, read.margin_share, read.measures) == (0.9, 0.1, None)
    assert read.select() == view.select()
    for arm in ("learned", "autoencoder"):
        assert read.method(STUDY, arm) == view.method(STUDY, arm)
        pd.testing.assert_series_equal(read.values(FAIR[1], arm), view.values(FAIR[1], arm), check_index_type=False)
    Path(paths["conditions"]).write_bytes(Path(paths["methods"]).read_bytes())
    with pytest.raises(InputError, match=r"conditions\.parquet: columns are"):
        View.read(paths, 0.9)
    Path(paths["conditions"]).unlink()
    with pytest.raises(InputError, match=r"conditions\.parquet: not found"):
        View.read(paths, 0.9)


def test_the_shipped_run_is_read() -> None:
    """The title of the text is the whole run's, whatever study asks."""
    folder = views.ROOT / "results/reference"
    names = {name: name for name in (*views.TABLES, "conditions", "methods")}
    names |= {"measures": "cramming", "decisions": "cramming_decisions"}
    view = View.read({name: str(folder / f"{file}.parquet") for name, file in names.items()}, 0.95)
    assert {each.study for each in view.select()} == set(STUDIES)
    assert view.only("bespoke").corpus == view.corpus == "WikiText-2"
    for _, row in view.arms.iterrows():
        assert view.method(row["study"], row["arm"]).arm == row["arm"]
        assert view.condition(row["condition"]).study == row["study"]


def test_missing_values_are_none_and_whole_numbers_stay_whole() -> None:
    frame = pd.DataFrame({"study": ["a", None], "ratio": [8.0, None], "epochs": [2.0, None]})
    one, two = records(frame, pa.schema([SCHEMAS["conditions"].field(name) for name in frame]))
    assert one == {"study": "a", "ratio": 8, "epochs": 2.0} and isinstance(one["ratio"], int)
    assert two == {"study": None, "ratio": None, "epochs": None}
