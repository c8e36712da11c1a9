"""The language-model job on a small generated text: rows, costs, choices, trained models of other arms, bad input."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from corpus_record import recorded
from safetensors.torch import load_file
from torch import Tensor

from tokentrial.data.tokenise import prepare, read_tokens
from tokentrial.encoders.base import gather
from tokentrial.encoders.learned import Learned
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training.language_job import run_language_model

Spec = dict[str, Any]
FILES = ("train", "validation", "test", "vocabulary", "reference")
WORDS = 24
SPEC: Spec = {
    "study": "language_models", "condition": "language_models/transformer/done-right/small", "arm": "full",
    "encoder": {"encoder": "full"}, "width": 16, "full_width": 16, "body_width": 16,
    "body": {
        "kind": "transformer", "layers": 1, "heads": 2, "feedforward": 16, "dropout": 0.1, "causal": True,
        "positions": True, "norm_first": True,
    },
    "tied": False, "bias": True, "initial_scale": 0.1, "seed": 42, "seeds": 2, "device": "cpu", "precision": "float32",
    "training": {
        "optimiser": "adam", "learning_rates": [0.01], "epochs": 2, "fraction": 1.0, "held_out_fraction": 1.0,
        "batch_size": 4, "length": 10, "order": "blocks", "clip": 0.5, "schedule": "linear", "evaluations": 4,
        "select": "best",
    },
    "reference": False,
}  # fmt: skip
LEARNED: Spec = {"arm": "learned-4", "encoder": {"encoder": "learned"}, "width": 4}
INT8: Spec = {"arm": "int8", "encoder": {"encoder": "quantised", "bits": 8}}

Run = Callable[..., tuple[pd.DataFrame, pd.Series]]


def spec_of(**changes: Any) -> Spec:
    training = SPEC["training"] | changes.pop("training", {})
    return SPEC | changes | {"training": training}


def text(seed: int, lines: int) -> str:
    """Lines of words w0 to w22 in which the next word is mostly the next number."""
    rng = stream(seed, "words")
    made, word = [], 0
    for _ in range(lines):
        row = []
        for _ in range(9):
            word = int((word + 1 + (rng.random() < 0.2) * rng.integers(5)) % (WORDS - 1))
            row.append(f"w{word}")
        made.append(" ".join(row))
    return "\n".join(made) + "\n"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The five files of a small text."""
    folder = tmp_path_factory.mktemp("language")
    for seed, (split, lines) in enumerate({"train": 100, "validation": 30, "test": 40}.items()):
        (folder / f"{split}.txt").write_text(text(seed, lines))
    out = {name: str(folder / f"{name}.parquet") for name in FILES}
    paths = {split: folder / f"{split}.txt" for split in ("train", "validation", "test")}
    prepare(paths, recorded(paths), "word", None, out)
    return out


@pytest.fixture
def run(tmp_path: Path, data: dict[str, str]) -> Run:
    """Run a spec; gives (rows, the arm's cost). Each call has its own folder, named by ``to``."""

    def go(spec: Spec, to: str = "a", **options: Any) -> tuple[pd.DataFrame, pd.Series]:
        folder = tmp_path / to
        files = {name: str(folder / f"{name}.parquet") for name in ("runs", "arms")}
        arguments = (
            {"data": data, "code": [], "trained": None, "checkpoints": str(folder / "checkpoints")} | files | options
        )
        run_language_model(json.dumps(spec, sort_keys=True), **arguments)
        return pd.read_parquet(files["runs"]), pd.read_parquet(files["arms"]).iloc[0]

    return go


def final(rows: pd.DataFrame, metric: str = "cross_entropy", split: str = "test") -> list[float]:
    chosen = rows[(rows.metric == metric) & (rows.split == split) & rows.step.isna() & ~rows.arm.str.startswith("ref")]
    return [float(value) for value in chosen.sort_values("seed").value]


def test_it_learns_and_says_all_it_should(run: Run) -> None:
    rows, cost = run(spec_of(reference=True))
    unigram = rows[(rows.arm == "reference.unigram") & (rows.split == "test") & (rows.metric == "cross_entropy")]
    assert list(unigram.seed) == [0, 1]
    assert all(loss < unigram.value.iloc[0] - 1 for loss in final(rows))
    assert set(rows.metric) == {"cross_entropy", "bits_per_byte", "accuracy", "chosen_step", "learning_rate"}
    assert set(rows.split) == {"train", "validation", "test"}
    curve = rows[rows.step.notna()]
    steps = 999 // 10 // 4 * 2
    assert sorted(set(curve.step)) == [0, 12, 24, 36, steps]
    for seed, best in enumerate(final(rows, split="validation")):
        assert best == curve[curve.seed == seed].value.min()
    assert cost.steps == steps
    assert final(rows, "learning_rate", "validation") == [0.01, 0.01]


def test_costs_count_every_part(run: Run) -> None:
    _, full = run(spec_of(seeds=1), "full")
    _, narrow = run(spec_of(seeds=1, **LEARNED), "narrow")
    _, tied = run(spec_of(seeds=1, tied=True, **LEARNED), "tied")
    head = WORDS * 16 + WORDS
    body = int(full.params_trained) - WORDS * 16 - head
    assert body > 0
    assert [full.parameters_embedding, full.parameters_encoder, full.parameters_head] == [WORDS * 16, 0, head]
    assert full.bits_deployed == 32 * (WORDS * 16 + head)
    lift = 4 * 16
    assert [narrow.parameters_embedding, narrow.parameters_encoder, narrow.parameters_head] == [WORDS * 4, lift, head]
    assert narrow.bits_deployed == 32 * (WORDS * 4 + lift + head)
    assert narrow.params_trained == WORDS * 4 + lift + body + head
    assert [tied.parameters_head, tied.bits_deployed] == [WORDS, 32 * (WORDS * 4 + lift + WORDS)]
    assert tied.params_trained == WORDS * 4 + lift + body + WORDS


def test_an_encoder_that_holds_more_than_it_declares_is_refused_before_training(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Learned, "bits_deployed", lambda self: 16 * self.vocab_size * self.width)
    with pytest.raises(InputError) as caught:
        run(spec_of(**LEARNED), models=str(tmp_path / "a.safetensors"))
    assert str(caught.value) == (
        "language_models/transformer/done-right/small: learned-4: encoder 'learned': found 3,072 bits a seed "
        "(table 3,072), expected at most the 1,536 that bits_deployed() declares"
    )
    assert "step" not in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_an_encoder_hides_while_it_is_trained_is_found_at_the_end(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forward(self: Learned, parameters: dict[str, Tensor], ids: Tensor) -> Tensor:
        self.looked_up = getattr(self, "looked_up", 0) + 1  # times
        return gather(parameters["table"], ids) * min(2, self.looked_up)

    monkeypatch.setattr(Learned, "forward", forward)
    with pytest.raises(InputError, match=r"learned-4: encoder 'learned': found other vectors; expected the trained"):
        run(spec_of(**LEARNED))
    assert "rate 0.01, step 48/48" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_reference_levels_are_those_of_the_measured_predictions(run: Run, data: dict[str, str]) -> None:
    rows, _ = run(spec_of(reference=True, training={"fraction": 0.6, "held_out_fraction": 0.5}))
    train = read_tokens(data["train"])[0][:600]
    for split, count in (("test", 200), ("validation", 150), ("train", 200)):
        tokens = train if split == "train" else read_tokens(data[split])[0]
        targets = tokens[1 : (count - 1) // 10 * 10 + 1]
        shares = np.bincount(targets, minlength=WORDS) / len(targets)
        entropy = -sum(p * math.log(p) for p in shares if p > 0)
        most_frequent = shares[np.bincount(train, minlength=WORDS).argmax()]
        expected = {
            ("reference.chance", "cross_entropy"): math.log(WORDS), ("reference.chance", "accuracy"): 1 / WORDS,
            ("reference.unigram", "cross_entropy"): entropy, ("reference.unigram", "accuracy"): most_frequent,
        }  # fmt: skip
        for (arm, metric), value in expected.items():
            found = rows[(rows.arm == arm) & (rows.metric == metric) & (rows.split == split)]
            assert found.value.tolist() == pytest.approx([value] * 2, rel=1e-12)


def test_each_seed_keeps_its_best_rate_whatever_their_order(run: Run) -> None:
    alone, _ = run(spec_of(), "alone")
    both, cost = run(spec_of(training={"learning_rates": [1e-6, 0.01]}), "both")
    turned, _ = run(spec_of(training={"learning_rates": [0.01, 1e-6]}), "turned")
    pd.testing.assert_frame_equal(alone, both)
    pd.testing.assert_frame_equal(alone, turned)
    assert cost.steps == 48


def test_a_rate_that_diverges_counts_as_infinitely_bad(run: Run) -> None:
    alone, _ = run(spec_of(), "alone")
    both, _ = run(spec_of(training={"learning_rates": [1e30, 0.01]}), "both")
    pd.testing.assert_frame_equal(alone, both)


def test_where_all_rates_diverge_the_values_are_null(run: Run, tmp_path: Path) -> None:
    models = str(tmp_path / "full.safetensors")
    rows, _ = run(spec_of(training={"learning_rates": [1e30]}), models=models)
    assert len(rows) == 2 * (3 * 3 + 2)
    assert rows.value.isna().all()
    # an arm that starts from it has nothing to start from
    rows, _ = run(spec_of(training={"learning_rates": [1e30]}, **INT8), "int8", trained=models)
    assert rows.value.isna().all()


def test_a_seed_does_not_depend_on_its_neighbours(run: Run) -> None:
    two, _ = run(spec_of(), "two")
    one, _ = run(spec_of(seeds=1), "one")
    pd.testing.assert_frame_equal(two[two.seed == 0].reset_index(drop=True), one)
    assert final(two)[0] != final(two)[1]


def test_select_last_reports_the_last_step(run: Run) -> None:
    rows, _ = run(spec_of(training={"select": "last", "learning_rates": [0.1]}))
    last = rows[rows.step == 48].sort_values("seed").value.tolist()
    assert final(rows, split="validation") == last
    assert final(rows, "chosen_step", "validation") == [48, 48]


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_streams_and_the_released_recipe_learn(run: Run, kind: str) -> None:
    body = SPEC["body"] if kind == "transformer" else {"kind": "lstm", "layers": 2, "dropout": 0.0}
    recipe = {
        "optimiser": "sgd", "learning_rates": [5.0], "schedule": "plateau", "clip": 0.25, "order": "streams",
        "epochs": 12,
    }  # fmt: skip
    rows, _ = run(spec_of(body=body, seeds=1, training=recipe))
    assert final(rows)[0] < 2.9  # ln 24 = 3.18
    assert set(rows.step.dropna()) == {24 * epoch for epoch in range(13)}


def test_arms_of_a_condition_start_from_the_same_body_and_output(run: Run, tmp_path: Path) -> None:
    """Step 0 can be chosen: at a rate of 1e-30 the weights are the initial ones."""
    still = {"learning_rates": [1e-30]}
    for name, arm in (("full", {}), ("learned", LEARNED)):
        run(spec_of(training=still, **arm), name, models=str(tmp_path / f"{name}.safetensors"))
    full, learned = (load_file(tmp_path / f"{name}.safetensors") for name in ("full", "learned"))
    shared = [name for name in full if "trainable" not in name]
    assert len(shared) > 10
    assert all(torch.equal(full[name], learned[name]) for name in shared)
    assert not torch.equal(full["0/weight"], full["1/weight"])


def test_a_code_made_after_training_keeps_all_but_the_table(run: Run, tmp_path: Path) -> None:
    models, coded = str(tmp_path / "full.safetensors"), str(tmp_path / "int8.safetensors")
    full, _ = run(spec_of(), "full", models=models)
    int8, cost = run(spec_of(**INT8), "int8", trained=models, models=coded)
    assert final(int8) == pytest.approx(final(full), abs=0.01)
    assert final(int8) != final(full)
    before, after = load_file(models), load_file(coded)
    kept = [name for name in before if "trainable" not in name]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert cost.steps == 0
    assert math.isnan(cost.tokens_per_second)
    assert cost.bits_deployed == WORDS * 16 * 8 + 32 * WORDS + 32 * (WORDS * 16 + WORDS)
    assert int8[int8.step.notna()].empty


@pytest.mark.parametrize("tied", [False, True])
def test_a_code_replaces_the_table_wherever_it_is_used(run: Run, tmp_path: Path, tied: bool) -> None:
    """An SVD of full rank changes nothing, one of rank 1 much; tied, it is stored once for input and output."""
    models = str(tmp_path / "full.safetensors")
    full, _ = run(spec_of(tied=tied), "full", models=models)
    losses = {}
    for rank in (16, 1):
        svd: Spec = {"arm": f"svd-{rank}", "encoder": {"encoder": "svd"}, "width": rank, "tied": tied}
        rows, cost = run(spec_of(**svd), f"svd-{rank}", trained=models)
        losses[rank] = final(rows)
        assert cost.bits_deployed == 32 * (rank * (WORDS + 16) + (0 if tied else WORDS * 16) + WORDS)
    assert losses[16] == pytest.approx(final(full), abs=1e-5)
    assert all(worse > loss + 0.1 for worse, loss in zip(losses[1], final(full), strict=True))


def test_a_two_stage_arm_starts_from_the_trained_table(run: Run, tmp_path: Path) -> None:
    models = str(tmp_path / "full.safetensors")
    run(spec_of(), "full", models=models)
    pca: Spec = {"arm": "pca-4", "encoder": {"encoder": "pca"}, "width": 4}
    rows, _ = run(spec_of(**pca), "pca", trained=models, models=str(tmp_path / "pca.safetensors"))
    assert all(loss < 2.9 for loss in final(rows))
    codes = load_file(tmp_path / "pca.safetensors")["1/frozen.table"][0].double()
    table = load_file(models)["1/trainable.table"][0].double()
    centred = torch.cat([codes, torch.ones(WORDS, 1, dtype=torch.float64)], 1)
    rebuilt = centred @ torch.linalg.lstsq(centred, table).solution
    spread = table - table.mean(0)
    assert (rebuilt - table).square().sum() < 0.9 * spread.square().sum()  # four directions of this very table


def test_a_trained_model_of_a_condition_that_differs_in_its_name_is_taken(run: Run, tmp_path: Path) -> None:
    models = str(tmp_path / "full.safetensors")
    run(spec_of(), "full", models=models)
    ours, _ = run(spec_of(**INT8), "ours", trained=models)
    theirs, _ = run(spec_of(**INT8, condition="language_models/other/done-right/small"), "theirs", trained=models)
    assert final(theirs) == final(ours)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"way": "as-described"}, "trained model of another condition, config or data"),
        ({"seeds": 3}, "trained model of another condition, config or data"),
        ({"body": SPEC["body"] | {"causal": False}}, "int8 keeps the full arm's body"),
    ],
)
def test_a_trained_model_of_something_else_is_refused(run: Run, tmp_path: Path, changes: Spec, message: str) -> None:
    models = str(tmp_path / "full.safetensors")
    run(spec_of(), "full", models=models)
    with pytest.raises(InputError, match=message) as caught:
        run(spec_of(**INT8, **changes), "int8", trained=models)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "int8").exists()


def test_an_arm_without_its_trained_model_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int8 needs the full arm's model: found no file"):
        run(spec_of(**INT8))
    with pytest.raises(InputError, match=r"absent\.safetensors: not found"):
        run(spec_of(**INT8), trained=str(tmp_path / "absent.safetensors"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cuda"}, "device: found 'cuda' but this machine has no usable GPU"),
        ({"device": "tpu"}, "device: found 'tpu', expected 'cpu' or 'cuda'"),
        ({"precision": "float8"}, "precision: found 'float8'"),
        ({"training": {"optimiser": "lion"}}, r"training\.optimiser: found 'lion', expected one of adam, sgd"),
        ({"training": {"momentum": 0.9}}, "training: .*momentum"),
        (
            {"training": {"held_out_fraction": 0.01}},
            r"validation\.parquet: found 3 tokens to use, expected at least 41",
        ),
        ({"training": {"fraction": 1.5}}, "share of 1.5"),
        ({"encoder": {"encoder": "learned", "colour": 1}}, "encoder 'learned' has no such option: colour; it has none"),
        ({"encoder": {"encoder": "nothing"}}, "encoder 'nothing' is unknown"),
    ],
)
def test_bad_keys_are_one_line_and_leave_nothing(run: Run, tmp_path: Path, changes: Spec, message: str) -> None:
    if changes.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match=message) as caught:
        run(spec_of(**changes))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_bits_per_byte_are_those_of_the_bytes_behind_the_predictions(run: Run, data: dict[str, str]) -> None:
    """The loss in bits over all measured predictions, by the bytes of text that the predicted tokens stand for."""
    rows, arms = run(spec_of(reference=True, training={"fraction": 0.6, "held_out_fraction": 0.5}))
    assert arms["corpus"] == "A text"
    rows = rows[rows["step"].isna()].set_index(["arm", "seed", "split", "metric"])["value"]
    losses = rows.xs("cross_entropy", level="metric")
    assert len(losses) == len(rows.xs("bits_per_byte", level="metric"))
    for split, count in (("test", 200), ("validation", 150), ("train", 200)):
        predicted = slice(1, (count - 1) // 10 * 10 + 1)
        size = read_tokens(data[split])[1][predicted].sum()
        for (arm, seed, _), loss in losses.xs(split, level="split", drop_level=False).items():
            bits = loss * ((count - 1) // 10 * 10) / math.log(2)
            assert rows[arm, seed, split, "bits_per_byte"] == pytest.approx(bits / size, rel=1e-12)


def test_files_of_two_corpora_are_refused(run: Run, data: dict[str, str], tmp_path: Path) -> None:
    paths = {split: tmp_path / f"{split}.txt" for split in ("train", "validation", "test")}
    for split, path in paths.items():
        path.write_bytes(Path(data[split]).with_suffix(".txt").read_bytes())
    other = {name: str(tmp_path / f"{name}.parquet") for name in FILES}
    prepare(paths, recorded(paths, title="Another text"), "word", None, other)
    with pytest.raises(InputError, match=r"train\.parquet: found splits of A text and Another text, expected one"):
        run(spec_of(), data=data | {"test": other["test"]})


def test_files_of_two_vocabularies_are_refused(run: Run, data: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        (folder / f"{split}.txt").write_text("a b c\n" * 100)
    other = {name: str(folder / f"{name}.parquet") for name in FILES}
    paths = {split: folder / f"{split}.txt" for split in ("train", "validation", "test")}
    prepare(paths, recorded(paths), "word", None, other)
    with pytest.raises(InputError, match=r"test\.parquet: found a vocabulary of 24, expected 4 as in"):
        run(spec_of(), data=other | {"test": data["test"]})
