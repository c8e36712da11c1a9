"""The study of a real language model's token table: from the config to its jobs.

The job ``real_model/<experiment>/<model>`` covers all arms that are not trained on text, with all texts and uses. A
trained arm takes minutes a seed, so it has a job of its own, ``real_model/<experiment>/<model>/<arm>``, which continues
from checkpoints. Each text and use is a condition in the results: ``real_model/<experiment>/<model>/<text>-<use>``.
Imported while the workflow is planned: standard library only.
"""

from collections.abc import Mapping
from typing import Any

from tokentrial.studies import cramming

STUDY = "real_model"
FULL = "full"
TRAINED = ("learned", "learned_product", "learned_table")  # codes whose numbers are trained on text

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
            arms = {arm: study["arms"][arm] for arm in experiment["arms"]}
            trained = [arm for arm, options in arms.items() if options["code"] in TRAINED]
            of_job = {condition: [arm for arm in arms if arm not in trained]}
            of_job |= {f"{condition}/{arm}": [FULL, arm] for arm in trained}
            for job, some in of_job.items():
                specs[job] = {
                    "study": STUDY,
                    "condition": condition,
                    "design": name,
                    "model": model,
                    "arms": [[arm, arms[arm]] for arm in some],
                    **{key: study[key] for key in ("documents", "tokens", "counted_tokens")},
                    "seed": config["seed"],
                    "device": config["device"],
                }
    return specs


def trained_arm(job: str, spec: Mapping[str, Any]) -> str | None:
    """Returns the arm of a job that trains one, or None for the job of all other arms."""
    return None if job == spec["condition"] else job.removeprefix(f"{spec['condition']}/")
