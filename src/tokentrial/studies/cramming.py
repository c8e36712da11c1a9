"""The cramming study (document 004): from the config to its jobs, one per experiment and language model.

A job is ``cramming/<design>/<model>`` and covers the design's kinds of text, lengths and numbers of vectors, each of
them a condition of its own in the results: ``cramming/<design>/<model>/<kind>/n-<tokens>-m-<vectors>``. Imported while
the workflow is planned: standard library only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial.errors import InputError

STUDY = "cramming"
SOURCES = ("train", "folder", "hub")  # where a model comes from
SHIPPED = Path("models")
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "training.json")

Spec = dict[str, Any]


def jobs(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Every job: ``cramming/<design>/<model>`` -> what to cram into what, complete and free of paths."""
    study = config[STUDY]
    specs: dict[str, Spec] = {}
    for name, design in study["experiments"].items():
        for model in design["models"]:
            condition = f"{STUDY}/{name}/{model}"
            specs[condition] = {
                "study": STUDY,
                "condition": condition,
                "design": name,
                "model": model,
                **{key: design[key] for key in ("kinds", "lengths", "vectors", "per_vector", "controls")},
                "arms": {arm: study["settings"][arm] for arm in design["arms"]},
                "texts": design.get("texts", study["texts"]),
                **{key: study[key] for key in ("predict_first", "precision", "compile")},
                "seed": config["seed"],
                "device": config["device"],
            }
    return specs


def source(config: Mapping[str, Any], name: str, corpora: Sequence[str]) -> str:
    """``train``, ``hub``, ``folder`` or ``shipped``: where a model comes from. corpora: see :func:`inputs`."""
    study = config[STUDY]
    model = study["models"][name]
    shipped = model.get("shipped", False) and corpora and not study["retrain"]
    return "shipped" if shipped else next(kind for kind in SOURCES if kind in model)


def recipes(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Language models that this pipeline trains: name -> specification of the training."""
    study = config[STUDY]
    return {
        name: {
            "name": name,
            "shape": {key: model["train"][key] for key in ("architecture", "width", "layers", "context")},
            "training": {
                **study["training"],
                **{key: model["train"][key] for key in ("epochs", "batch_size", "length")},
                "learning_rates": [model["train"]["learning_rate"]],
            },
            "vocab_size": study["vocab_size"],
            "seed": config["seed"],
            "device": config["device"],
        }
        for name, model in study["models"].items()
        if "train" in model
    }


def inputs(
    config: Mapping[str, Any], name: str, corpora: Sequence[str], place: str = "", absolute: bool = False
) -> list[str]:
    """The files that a model is read from, all in one folder; the folder itself for a model of the hub.

    corpora: those whose models are shipped, in models/<corpus>/<name>; none where the run has a text of its own. Which
    of them a run has is known once its text is there, so all are its inputs. place: what to put before the paths
    of shipped ones; absolute: whether a user's folder gets an absolute path. Raises InputError for a folder that is not
    there.
    """
    model = config[STUDY]["models"][name]
    kind = source(config, name, corpora)
    if kind == "hub":
        return [f"results/models/hub/{name}"]
    if kind == "train":
        return [f"results/models/{STUDY}/{name}/{file}" for file in FILES]
    if kind == "shipped":
        folders = [Path(place) / SHIPPED / corpus / name for corpus in corpora]
    else:
        folders = [(Path.cwd() if absolute else Path()) / model["folder"]]
    return [file for folder in folders for file in _files_of(folder, f"config: {STUDY}.models.{name}")]


def _files_of(folder: Path, where: str) -> list[str]:
    try:
        if not folder.is_dir():
            raise InputError(f"{where}: {folder}: no such folder, expected a language model")
        kept = [file for file in sorted(folder.iterdir()) if file.suffix in (".json", ".safetensors", ".txt", ".model")]
    except OSError as error:
        raise InputError(f"{where}: {str(folder)[:80]}: cannot be read: {error.strerror}") from None
    if not kept:
        raise InputError(f"{where}: {folder}: found none of the files of a language model")
    return [str(file) for file in kept]


def shapes(config: Mapping[str, Any]) -> dict[str, Spec]:
    """What the measures have to know of a model's entry: which architecture it has and whether it was trained."""
    return {
        name: {"train": {key: model["train"][key] for key in ("architecture", "epochs")}}
        for name, model in config[STUDY]["models"].items()
        if "train" in model
    }
