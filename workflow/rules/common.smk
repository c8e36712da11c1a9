# PURPOSE  Check the config and turn it into conditions; helper functions for all rules.
# INPUTS   config/config.yaml and its overlays, workflow/schemas/config.schema.yaml
# OUTPUTS  DATASETS, CONDITIONS, SCRIPTS: id -> specification (no files)
# STEPS    validate the config, list the conditions, say which library modules a job uses

import os
import sys

from tokentrial import config as settings
from tokentrial.data.spec import complete
from tokentrial.errors import InputError
from tokentrial.studies import learned_encoding

try:
    settings.check(config, "workflow/schemas/config.schema.yaml")
    DATASETS = learned_encoding.datasets(config)
    for name, dataset in DATASETS.items():
        dataset["source"] = complete(dataset["source"], where=f"config: {name}")
    CONDITIONS = learned_encoding.conditions(config)
    SCRIPTS = learned_encoding.scripts(config)
except InputError as error:
    sys.exit(f"error: {error}")

JOBS = [*SCRIPTS, *CONDITIONS]
STUDIES = {name: [job for job in JOBS if name in job.split("/")] for name in learned_encoding.names(config)}


wildcard_constraints:
    dataset=f"{learned_encoding.STUDY}/[a-z0-9_/-]+",
    condition=f"{learned_encoding.STUDY}/(?!as-released)[a-z0-9_/-]+",
    script=f"{learned_encoding.STUDY}/as-released/[a-z-]+",


onstart:
    if os.path.isdir("results") and not os.access("results", os.W_OK):
        sys.exit("error: results: this folder cannot be written, expected a writable one")


def canonical(spec):
    """A specification as one string, so that a reordered config reruns nothing and a changed value does."""
    return settings.canonical(spec)


def modules(*names):
    """Library files of these names below src/tokentrial: the code that a rule's result depends on."""
    return [f"src/tokentrial/{name}.py" for name in names]


def training_code(condition):
    """The library files that a training job runs: the loop, its own task models and the encoders of its arms."""
    spec = CONDITIONS[condition]
    return modules(
        *learned_encoding.TRAINING_MODULES,
        *sorted({f"encoders/{arm['encoder']}" for arm in learned_encoding.arms_needed(spec)}),
    )
