# PURPOSE  Check the config and the documents and turn the config into jobs; helper functions for all rules.
# INPUTS   config/config.yaml and its overlays, studies/<study>.yaml; documents/
# OUTPUTS  DATASETS, CONDITIONS, SCRIPTS, LANGUAGE_MODELS, CRAMMED: id -> specification (no files)
# STEPS    lay the config over the studies' designs, check it, list the jobs, say on which library modules a job depends

import functools
import gc
import hashlib
import os
import re
import sys
from pathlib import Path

from tokentrial import clock, code_lists, documents, folder_names, fork_server, published, scheduling
from tokentrial import config as settings
from tokentrial.data import corpora
from tokentrial.data.spec import complete
from tokentrial.errors import InputError
from tokentrial.report import catalogue, catalogue_check
from tokentrial.run.conditions import planned
from tokentrial.schema import study_files, validation
from tokentrial.studies import cramming, language_models, small_models

folder_names.mend()

# A plan of 10,000 conditions makes millions of objects that live to its end: looking through them for garbage again and
# again took a fifth of its time.
gc.set_threshold(200_000, 50, 100)

try:
    if workflow.is_main_process:  # its jobs read the same files
        for file in [*workflow.configfiles, *workflow.overwrite_configfiles]:
            settings.check_keys(file)
    if IS_MAIN:  # what a workflow that uses this one as a module was called with is its own
        given = workflow.config_settings
        config.update(settings.merge(config, settings.of_command_line(given.config_args, given.config)))
    STUDY_FILES = study_files.load(ROOT)
    config.update(study_files.completed(config, STUDY_FILES))
    validation.check(config, STUDY_FILES)
    NAMES = study_files.names(config, STUDY_FILES)  # of experiments and methods, by study
    documents.load(ROOT / "documents")
    published.load(documents.printed_files(ROOT / "documents"))
    if workflow.is_main_process:
        catalogue_check.check(settings.judging(config))
    CORPUS = corpora.setting(config["corpus"])
    DATASETS = small_models.datasets(config)
    for name, dataset in DATASETS.items():
        dataset["source"] = complete(dataset["source"], where=f"config: {name}")
    CONDITIONS = small_models.conditions(config)
    SCRIPTS = small_models.scripts(config)
    LANGUAGE_MODELS = language_models.jobs(config)
    TWINS = language_models.twins(LANGUAGE_MODELS)
    CRAMMED = cramming.jobs(config)
    CRAMMING_MODELS = {
        name: cramming.inputs(config, name, corpora.candidates(CORPUS), place=PLACE, absolute=not IS_HERE)
        for name in sorted({spec["model"] for spec in CRAMMED.values()})
    }
except InputError as error:
    sys.exit(f"error: {error}")


def parts(job):
    """The study and the experiment of a job; released scripts belong to a study alone."""
    study, part, *_ = job.split("/")
    return [study] if part == "as-released" else [study, part]


JOBS = [*SCRIPTS, *CONDITIONS, *LANGUAGE_MODELS, *CRAMMED]
STUDIES = [study for study in catalogue.STUDIES if study in {job.partition("/")[0] for job in JOBS}]
STUDIES_AND_PARTS = sorted({part for job in JOBS for part in parts(job)})
TOKENS = sorted({spec["tokens"] for spec in LANGUAGE_MODELS.values()})


# What every condition is: the columns of results/conditions.parquet.
PLAN = planned(
    SCRIPTS,
    CONDITIONS,
    DATASETS,
    LANGUAGE_MODELS,
    {name: tokens["tokenizer"] for name, tokens in config["language_models"]["tokens"].items()},
    CRAMMED,
)


wildcard_constraints:
    dataset=f"({'|'.join(small_models.STUDIES)})/[a-z0-9_/-]+",
    condition=f"({'|'.join(small_models.STUDIES)})/(?!as-released)[a-z0-9_/-]+",
    script=f"({'|'.join(small_models.STUDIES)})/as-released/[a-z-]+",
    tokens="[a-z0-9-]+",
    job=f"{language_models.STUDY}/[a-z0-9_/-]+",
    crammed=f"{cramming.STUDY}/[a-z0-9_/-]+",
    model="[a-z0-9_-]+",


if workflow.is_main_process and (said := corpora.kept(CORPUS, f"{RESULTS}/data/corpus/corpus.json")):
    print(f"note: {said}", file=sys.stderr)
if workflow.is_main_process and clock.settle([*(ROOT / part for part in checkout.READ), RESULTS]):
    print("note: files from the future (was the clock set back?) were given times that have passed", file=sys.stderr)


onstart:
    if os.path.isdir(RESULTS) and not os.access(RESULTS, os.W_OK):
        sys.exit(f"error: {RESULTS}: this folder cannot be written, expected a writable one")
    if workflow.is_main_process:
        scheduling.drop_default_limit(getattr(workflow, "scheduler", None))
    if workflow.is_main_process and workflow.local_exec and config["device"] == "cpu":
        fork_server.start()


def canonical(spec):
    """A specification as one string, so that a reordered config reruns nothing and a changed value does."""
    return settings.canonical(spec)


def source(path):
    """A file of the checkout as Snakemake has to call it, from a path relative to the checkout."""
    return f"{PLACE}{path}"


# The record of the run's text; a run without real text has none.
CORPUS_RECORD = "results/data/corpus/corpus.json" if LANGUAGE_MODELS or CRAMMED else []


# What the rules read that call tables and figures by their titles.
TITLES = [source(file) for file in catalogue.FILES.values()]


def corpus_title():
    """The title of the run's text; empty until the text is there."""
    try:
        return corpora.read_record(f"{PREFIX}{CORPUS_RECORD}" if CORPUS_RECORD else "none").title
    except InputError:  # nothing to say yet, or a damaged file, which the rule that makes it reports
        return ""


# Params of captions are made with ``input``, so that Snakemake keeps no record of them.
def corpus_caption(wildcards, input):
    """The title of the run's text, as reStructuredText."""
    return catalogue.plain(corpus_title())


def figure_captions(wildcards, input):
    """Figure -> caption, as reStructuredText."""
    return catalogue.captions(STUDIES, corpus_title(), JUDGING)


@functools.cache
def code_of(script, *named):
    """The library files that a script's result depends on; named: modules that it loads by name (see code_lists)."""
    return [source(path) for path in code_lists.code_of(ROOT, script, *named)]


@functools.cache
def digest(*files):
    """Short digest of the content of files of the checkout, named relative to it; an absent one has none."""
    if len(files) != 1:
        parts = "\n".join(f"{file} {digest(file)}" for file in files)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
    path = ROOT / files[0]
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


# The files that say what the documents are, and what they print.
DOCUMENTS = [source(f"documents/{name}/{documents.DOCUMENT}") for name in catalogue.DOCUMENTS]
PRINTED = [source(file.relative_to(ROOT).as_posix()) for file in documents.printed_files(ROOT / "documents")]

CHECKED = tuple(source(folder) for folder in ("src/", "config/", "documents/", "studies/", "workflow/"))


def content(name):
    """A param that says what the inputs in the checkout hold, so that an edit of them is seen whatever the clock says.

    A function of the wildcards alone, since Snakemake leaves params that are made from its ``input`` out of account.
    The same wherever the checkout lies, and whatever a workflow that uses this one as a module calls the rule.
    """

    def of_job(wildcards):
        found = [item(wildcards) if callable(item) else item for item in getattr(rules, name).rule.input]
        files = [file for item in found for file in ([item] if isinstance(item, str) else item)]
        return digest(*[str(file).removeprefix(PLACE) for file in files if str(file).startswith(CHECKED)])

    return of_job


def trained_full_model(job):
    """The trained full model that an arm starts from, if it does."""
    spec = LANGUAGE_MODELS[job]
    needed = language_models.needs_full(spec)
    full = f"{spec['condition']}/{language_models.FULL}"
    return f"results/models/{TWINS.get(full, full)}.safetensors" if needed else []
