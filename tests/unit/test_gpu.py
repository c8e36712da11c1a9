"""Every study's jobs on a real GPU: they run, agree with the CPU, repeat themselves bit by bit and survive a kill.

Skipped where there is no GPU. Tolerances: float32 products are exact on both (no TF32), so a short run differs by the
order of sums alone; the few steps of Adam here make about 1e-6 of it, and 1e-3 nats leave room for other processors.
"""

import json
import math
from pathlib import Path
from typing import Any

import cramming_models as models
import pandas as pd
import pytest
import test_cramming_job as cramming
import test_training_language_resume as language
import torch
from corpus_record import recorded
from test_training_language_resume import data  # noqa: F401 (a fixture)

from tokentrial import provenance
from tokentrial.cramming import engine
from tokentrial.cramming.job import run_cramming
from tokentrial.cramming.pretraining import pretrain
from tokentrial.models.language import Lstm
from tokentrial.training import device, devices, language_loop
from tokentrial.training.condition import train_condition
from tokentrial.training.language_job import run_language_model
from tokentrial.training.language_model import PRECISIONS

NATS = 1e-3
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: torch.cuda.is_available() is false")
Spec = dict[str, Any]
KEY = ["arm", "seed", "split", "step", "metric"]


def losses(rows: pd.DataFrame) -> pd.Series:
    """Cross-entropies by what they are of; not accuracies, which a tie may turn."""
    kept = rows[rows["metric"].str.startswith("cross_entropy")].fillna({"step": -1})
    key = [*KEY, "condition"] if "condition" in kept else KEY
    return kept.set_index(key)["value"].sort_index()


def assert_close(found: pd.DataFrame, expected: pd.DataFrame, tolerance: float = NATS) -> None:
    """The same rows, and losses in nats that agree."""
    assert len(found) == len(expected) > 0
    pd.testing.assert_series_equal(losses(found), losses(expected), rtol=0, atol=tolerance)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


class Stop(Exception):
    """Ends a job from within, as a kill would: nothing of it remains but its checkpoint."""


def stop_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, count: int) -> None:
    """Let a method raise Stop at its ``count``-th call."""
    plain, calls = getattr(owner, name), [0]

    def counted(self: Any, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == count:
            raise Stop
        return plain(self, *arguments)

    monkeypatch.setattr(owner, name, counted)


# The device


def test_a_job_has_one_device_and_names_it() -> None:
    first, again = device.prepare({"device": "cuda"}), device.prepare({"device": "cuda"})
    assert first == again and first.index == torch.cuda.current_device()
    assert provenance.device_name("cuda") == torch.cuda.get_device_properties(first).name
    assert len(devices.names()) == torch.cuda.device_count() and devices.names()[first.index] in devices._held


def test_products_are_in_float32() -> None:
    """With TF32 a product of 1,024 numbers of order one would be off by about 1e-3 of their sum's size."""
    target = device.prepare({"device": "cuda"})
    left, right = torch.randn(64, 1024, dtype=torch.float64), torch.randn(1024, 64, dtype=torch.float64)
    found = (left.float().to(target) @ right.float().to(target)).cpu().double()
    assert float((found - left @ right).abs().max()) < 1e-3
    lstm = torch.nn.LSTM(256, 256, batch_first=True)
    inputs = torch.randn(4, 8, 256)
    expected = lstm.double()(inputs.double())[0]
    on_gpu = lstm.float().to(target)(inputs.to(target))[0].cpu().double()
    assert float((on_gpu - expected).abs().max()) < 1e-5


# Small models: learned encoding, bespoke


def condition_rows(spec: Spec, dataset: Any) -> pd.DataFrame:
    trained, _ = train_condition(spec, dataset)
    return pd.DataFrame([row for arm in trained for row in arm.rows])


def all_arms(shipped: Spec, study: str) -> Spec:
    """Every arm of a study, with a short first stage."""
    short = {"reconstruction_steps": 20}
    chosen = shipped[study]["arms"].items()
    return {name: arm | (short if arm["encoder"] == "autoencoder" else {}) for name, arm in chosen}


@pytest.mark.parametrize("study", ["learned_encoding", "bespoke"])
@pytest.mark.parametrize(("head", "batch_size"), [("token_mlp", 16), ("token_mlp", None), ("window_mlp", 16)])
def test_small_models(study: str, head: str, batch_size: int | None, shipped: Spec, spec_of: Any, data_of: Any) -> None:
    """All arms of a study; frequency bands are measured too."""
    sizes = {"vocab_size": 200, "full_width": 128} if study == "bespoke" else {}
    training = {"steps": 5, "evaluations": 2, "batch_size": batch_size}
    spec = spec_of(arms=all_arms(shipped, study), head=head, training=training, bands=True, **sizes)
    source = {"train": 400, "vocab_size": spec["vocab_size"], "targets": "last" if head == "window_mlp" else "all"}
    on_cpu = condition_rows(spec, data_of(**source))
    on_gpu = condition_rows(spec | {"device": "cuda"}, data_of(**source))
    assert_close(on_gpu, on_cpu)
    assert_same(condition_rows(spec | {"device": "cuda"}, data_of(**source)), on_gpu)


# Language models


LSTM = {"body": language.LSTM, "training": language.STREAMS}
KINDS: dict[str, Spec] = {"transformer": {}, "tied": {"tied": True}, "lstm": LSTM}
WITHOUT_DROPOUT = 0.0


def language_rows(spec: Spec, files: dict[str, str], out: Path, trained: str | None = None) -> pd.DataFrame:
    out.mkdir(exist_ok=True)
    paths = {name: str(out / name) for name in ("checkpoints", "runs", "arms", "models")}
    text = json.dumps(spec, sort_keys=True)
    run_language_model(spec=text, data=files, code=[], trained=trained, checkpoint_seconds=0.0, **paths)
    return pd.read_parquet(out / "runs")


def language_spec(kind: str, dropout: float = 0.2, **changes: Any) -> Spec:
    made = language.spec_of(**(KINDS[kind] | changes))
    return made | {"body": made["body"] | {"dropout": dropout}}


@pytest.mark.parametrize("kind", list(KINDS))
def test_language_models_agree_with_the_cpu(kind: str, data: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    """Without dropout, whose masks each kind of device draws for itself."""
    spec = language_spec(kind, WITHOUT_DROPOUT)
    on_cpu = language_rows(spec, data, tmp_path / "cpu")
    on_gpu = language_rows(spec | {"device": "cuda"}, data, tmp_path / "gpu")
    assert_close(on_gpu, on_cpu, 5e-3)  # 24 steps at a rate of 0.01
    cost = pd.read_parquet(tmp_path / "gpu/arms").iloc[0]
    assert cost["device"] == torch.cuda.get_device_name() and 0 < cost["peak_memory_mib"] < 4096


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_language_model_repeats_itself_and_survives_a_kill(
    kind: str,
    precision: str,
    data: dict[str, str],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With dropout, between an LSTM's layers too; stopped in the middle of the second seed."""
    spec = language_spec(kind, device="cuda", precision=precision)
    whole = language_rows(spec, data, tmp_path / "whole")
    assert whole["value"].notna().all()
    assert_same(language_rows(spec, data, tmp_path / "again"), whole)
    with monkeypatch.context() as patch:
        stop_at(patch, language_loop.Run, "_step", language.STEPS * 2 + 17)
        with pytest.raises(Stop):
            language_rows(spec, data, tmp_path / "stopped")
    torch.manual_seed(1)  # a new process would not have the old one's generators
    assert_same(language_rows(spec, data, tmp_path / "stopped"), whole)


@pytest.mark.parametrize(
    "encoder",
    [
        {"encoder": "svd"},
        {"encoder": "quantised", "bits": 8},
        {"encoder": "product_quantised", "groups": 4, "centroids": 8},
        {"encoder": "pca"},
        {"encoder": "autoencoder", "reconstruction_steps": 20},
        {"encoder": "autoencoder_released"},
        {"encoder": "hashed", "buckets": 8},
        {"encoder": "quotient_remainder", "buckets": 5},
    ],
)
def test_encoders_of_language_models(encoder: Spec, data: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    """Those that start from the trained full model, and those that no small model has."""
    found = {}
    for place in ("cpu", "cuda"):
        own = {"device": place}
        language_rows(language_spec("transformer", WITHOUT_DROPOUT, **own), data, tmp_path / f"full-{place}")
        spec = language_spec("transformer", WITHOUT_DROPOUT, arm="small", encoder=encoder, width=4, **own)
        wide = encoder["encoder"] in ("quantised", "product_quantised", "hashed", "quotient_remainder")
        spec |= {"width": 16} if wide else {}
        trained = str(tmp_path / f"full-{place}/models")
        found[place] = language_rows(spec, data, tmp_path / f"small-{place}", trained)
    assert_close(found["cuda"], found["cpu"], 1e-2)  # k-means and rounding pass a small difference on as a larger one


def test_dropout_between_the_layers_of_an_lstm_is_torchs_own() -> None:
    """The same generator state gives the same masks, whatever was drawn before; cuDNN's own would go on instead."""
    target = device.prepare({"device": "cuda"})
    body = Lstm(16, 2, 16, 0.5).to(target).train()
    vectors = torch.randn(4, 6, 16, device=target)
    state = torch.cuda.get_rng_state()
    first = body(vectors)[0]
    body(vectors)
    torch.cuda.set_rng_state(state)
    assert torch.equal(body(vectors)[0], first)
    body.eval()
    torch.testing.assert_close(body(vectors)[0], body.layer_by_layer(vectors)[0], rtol=0, atol=1e-5)


# Cramming


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module", params=["trained", *models.ARCHITECTURES])
def folder(request: Any, files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    trained = request.param == "trained"
    made = models.trained(files, 120) if trained else models.untrained(request.param, files, scale=2.0)
    return models.write(tmp_path_factory.mktemp("model") / "tiny", made, files)


def cramming_rows(spec: Spec, folder: str, files: dict[str, str], out: Path) -> pd.DataFrame:
    out.mkdir(exist_ok=True)
    run_cramming(**cramming.arguments(spec, folder, files, out, checkpoint_seconds=0.0))
    return pd.read_parquet(cramming.arguments(spec, folder, files, out)["runs"])


def test_cramming(folder: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels that nothing optimises agree with the CPU; a run repeats itself and goes on where it was stopped."""
    # random tokens: a model's own samples and the texts before them may turn on the last bit of a score
    spec = cramming.SPEC | {"kinds": ["random-tokens"]}
    cuda = spec | {"device": "cuda"}
    on_cpu = cramming_rows(spec, folder, files, tmp_path / "cpu")
    on_gpu = cramming_rows(cuda, folder, files, tmp_path / "gpu")
    fixed = ["control.random-vector", "control.prefix", "model"]
    assert_close(*(rows[rows["arm"].isin(fixed)] for rows in (on_gpu, on_cpu)))
    first_step = [rows[(rows["step"] == 1)] for rows in (on_gpu, on_cpu)]
    assert_close(*first_step)  # the same initial vectors
    assert_same(cramming_rows(cuda, folder, files, tmp_path / "again"), on_gpu)
    with monkeypatch.context() as patch:
        stop_at(patch, engine.Cramming, "step", 30)
        with pytest.raises(Stop):
            cramming_rows(cuda, folder, files, tmp_path / "stopped")
    assert_same(cramming_rows(cuda, folder, files, tmp_path / "stopped"), on_gpu)


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"compile": True}])
def test_cramming_as_the_config_offers_it(
    changes: Spec, files: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("offered")
    model = models.write(out / "model", models.trained(files, 120), files)
    spec = cramming.SPEC | {"device": "cuda", "lengths": [4], "vectors": [1]} | changes
    found = cramming_rows(spec, model, files, out / "once")
    assert_same(cramming_rows(spec, model, files, out / "again"), found)
    plain = cramming_rows(spec | {"precision": "float32", "compile": False}, model, files, out / "plain")
    arm = [rows[rows["arm"] == "control.random-vector"] for rows in (found, plain)]
    assert_close(*arm, 0.05 if "precision" in changes else NATS)


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_pretraining(architecture: str, files: dict[str, str], tmp_path: Path) -> None:
    """The same initial weights and batches on both: losses agree, and a repeated run writes the same bytes."""
    training = language.SPEC["training"] | {"learning_rates": [0.003], "epochs": 1, "batch_size": 8, "length": 16}
    shape = {"architecture": architecture, "width": 16, "layers": 2, "context": 64}
    spec = {"name": "small", "shape": shape, "training": training | {"fraction": 0.5}, "vocab_size": 280, "seed": 42}
    records = {}
    for name, place in {"cpu": "cpu", "gpu": "cuda", "again": "cuda"}.items():
        text = json.dumps(spec | {"device": place}, sort_keys=True)
        pretrain(text, files, recorded(files), [], str(tmp_path / "checkpoints"), tmp_path / name)
        records[name] = json.loads((tmp_path / name / "training.json").read_text())
    for split, loss in records["cpu"]["cross_entropy"].items():
        assert math.isclose(records["gpu"]["cross_entropy"][split], loss, abs_tol=5e-3)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("gpu", "again")]
    assert weights[0] == weights[1]
