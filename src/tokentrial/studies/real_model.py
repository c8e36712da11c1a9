"""The study of a real language model's token table: from the config to its jobs, one per experiment and model.

A job is ``real_model/<experiment>/<model>`` and covers all arms, texts and uses. Each text and use is a condition in
the results: ``real_model/<experiment>/<model>/<text>-<use>``. Imported while the workflow is planned: standard library
only.
"""

from collections.abc import Mapping
from typing import Any

from tokentrial.studies import cramming

STUDY = "real_model"

Spec = dict[str, Any]


def jobs(config: Mapping[str, Any]) -> dict[str, Spec]:
    """Returns job -> its complete specification, free of paths, of the models that are there.

    A model of a package that is not installed is left out, since the package is optional.
    """
    study = config[STUDY]
    specs: dict[str, Spec] = {}
    for name, experiment in study["experiments"].items():
        for model in experiment["models"]:
            package = config[cramming.STUDY]["models"][model].get("package")
            if package is not None and not cramming.is_installed(package):
                continue
            condition = f"{STUDY}/{name}/{model}"
            specs[condition] = {
                "study": STUDY,
                "condition": condition,
                "design": name,
                "model": model,
                "arms": [[arm, study["arms"][arm]] for arm in experiment["arms"]],
                **{key: study[key] for key in ("documents", "tokens", "counted_tokens")},
                "seed": config["seed"],
                "device": config["device"],
            }
    return specs
