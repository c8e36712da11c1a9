"""A user's mistakes: one clear line that names file and key, a non-zero exit, finished results left whole."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_project import Project

DONE = "results/runs/learned_encoding/signal/done-right/ordered.parquet"


def signal(config: dict[str, Any]) -> dict[str, Any]:
    design: dict[str, Any] = config["learned_encoding"]["experiments"]["signal"]["done-right"]
    return design


def set_key(path: str, value: object) -> Any:
    """A change of the config: the value at a dotted path below the signal experiment."""

    def change(config: dict[str, Any]) -> None:
        place = signal(config)
        *parents, last = path.split(".")
        for key in parents:
            place = place[key]
        place[last] = value

    return change


def mistyped(config: dict[str, Any]) -> None:
    config["statistics"]["equivalance_margin"] = config["statistics"].pop("equivalence_margin")


def no_seeds(config: dict[str, Any]) -> None:
    config["seeds"] = 0


def unknown_encoder(config: dict[str, Any]) -> None:
    config["learned_encoding"]["arms"]["learned"]["encoder"] = "lerned"


def language_model(**changes: Any) -> Any:
    """The small config has no language model: one is added, with these keys."""
    design = {"tokens": "bpe", "body": "lstm", "full_width": 64, "narrow": False, "tied": False}
    design |= {"initial_scale": 0.1, "ratios": [2], "arms": ["learned"], "single": ["full"]}
    experiments = {"lstm": {"done-right": {**design, **changes}}}
    return lambda config: config["language_models"].update(experiments=experiments)


MISTAKES: dict[str, tuple[Any, list[str]]] = {
    "mistyped key": (mistyped, ["statistics", "equivalance_margin", "did you mean 'equivalence_margin'"]),
    "ratio that does not divide": (set_key("ratios", [3]), ["signal", "3 does not divide full_width 8"]),
    "vocabulary below the data's": (
        set_key(
            "data.ordered",
            {
                "source": "patterns",
                "kind": "proof_of_concept",
                "variant": "released",
                "vocab_size": 10,
                "length": 8,
                "train": 10,
                "validation": 10,
                "test": 10,
            },
        ),
        ["signal/done-right/ordered", "vocab_size", "found 10", "at least 18"],
    ),
    "negative size": (set_key("data.ordered.train", -5), ["data.ordered.train", "found -5", "at least 1"]),
    "zero seeds": (no_seeds, ["seeds", "found 0", "at least 1"]),
    "unknown encoder": (unknown_encoder, ["arms.learned", "lerned"]),
    "unknown arm": (set_key("arms", ["learned", "autoencodr"]), ["signal", "autoencodr"]),
    "unknown head": (set_key("heads", ["mean_pol"]), ["heads", "mean_pol"]),
    "unknown experiment": (
        lambda config: config["bespoke"]["experiments"].update(markov={}),
        ["config: bespoke.experiments: unknown key 'markov'", "expected one of initial"],
    ),
    "unknown script": (
        lambda config: config["bespoke"]["scripts"].update(optimised={"seeds": 1}),
        ["studies/bespoke.yaml: scripts: unknown key 'optimised'", "did you mean 'optimized'"],
    ),
    "mistyped key of the second schema": (
        lambda config: config["language_models"]["training"]["done-right"].update(epoch=3),
        ["studies/language_models.yaml: training.done-right: unknown key 'epoch'", "did you mean 'epochs'"],
    ),
    "language model whose ratio does not divide": (
        language_model(ratios=[3]),
        ["studies/language_models.yaml: experiments.lstm.done-right: ratios: 3 does not divide full_width 64"],
    ),
    "language model without its full arm": (
        language_model(arms=["svd"], single=[]),
        ["studies/language_models.yaml: experiments.lstm.done-right: single: 'full' is missing", "'svd'"],
    ),
    "language model of an unknown body": (
        language_model(body="gru"),
        [
            "studies/language_models.yaml: experiments.lstm.done-right: body: 'gru' is unknown",
            "expected one of transformer",
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_config_is_one_line(finished: Project, name: str) -> None:
    change, expected = MISTAKES[name]
    before = (finished.folder / DONE).read_bytes()
    config = finished.config()
    change(config)
    finished.write_config(config)
    line = finished.refused("all")
    for part in expected:
        assert part in line
    assert (finished.folder / DONE).read_bytes() == before


def test_an_option_that_the_encoder_lacks(project: Project) -> None:
    config = project.config()
    config["learned_encoding"]["arms"]["learned"]["wdth"] = 3
    project.write_config(config)
    line = project.refused("study_signal")
    assert "studies/learned_encoding.yaml: arms.learned: unknown key 'wdth'" in line


@pytest.mark.parametrize("damage", ["truncated", "garbled"])
def test_a_damaged_parquet_is_named(finished: Project, damage: str) -> None:
    path = finished.folder / DONE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else b"PAR1" + bytes(len(whole)))
    other = path.with_name("shuffled.parquet")
    before = other.read_bytes()
    line = finished.refused("results/runs.parquet")
    assert DONE in line
    assert "set aside as ordered.parquet.damaged, the same command makes it anew" in line
    assert other.read_bytes() == before
    finished.build("results/runs.parquet")
    assert path.read_bytes() == whole


def test_language_models_with_a_wrong_checksum(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "wikitext"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"wiki.{split}.tokens").write_text(" not the corpus \n")
    line = project.refused("tokens", TOKENTRIAL_WIKITEXT2=str(folder))
    assert "wiki.train.tokens" in line
    assert "SHA-256" in line
    assert not list(project.folder.glob("results/data/corpus/**/*.parquet"))


def test_a_named_corpus_without_network_names_both_ways_out(project: Project) -> None:
    config = project.config()
    config["corpus"] = "wikitext-2"
    project.write_config(config)
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    line = project.refused("tokens", TOKENTRIAL_WIKITEXT2="", **nowhere)
    for part in ("TOKENTRIAL_WIKITEXT2", "config key 'corpus'", "network"):
        assert part in line


def test_a_read_only_results_folder(project: Project) -> None:
    results = project.folder / "results"
    results.mkdir()
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "study_signal"]
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "src")}
    if os.geteuid() == 0:  # a mode bit does not stop root, a read-only mount does
        mount = "mount --bind results results && mount -o remount,ro,bind results && "
        assert shutil.which("unshare"), "util-linux's unshare is needed to mount a folder read-only as root"
        command = ["unshare", "--mount", "sh", "-c", mount + " ".join(command)]
    else:
        results.chmod(0o555)
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("error: ")]
    assert lines == ["error: results: this folder cannot be written, expected a writable one"]
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(results.iterdir())
