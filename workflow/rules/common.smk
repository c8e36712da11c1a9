# PURPOSE  Check the config and the documents, and turn the config into jobs; helper functions for all rules.
# INPUTS   config/config.yaml and its overlays, studies/<study>.yaml; documents/, folder in TOKENTRIAL_DOCUMENTS
# OUTPUTS  DATASETS, CONDITIONS, SCRIPTS, LANGUAGE_MODELS, CRAMMED, REAL_MODEL: id -> specification (no files)
# STEPS    merge the config over the studies' settings, check the result, list the jobs and the library modules of a job

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
from tokentrial.errors import InputError
from tokentrial.report import catalogue, catalogue_check
from tokentrial.run import shipped_run
from tokentrial.schema import study_files, validation
from tokentrial.studies import cramming, language_models, rates, real_model, small_models

folder_names.mend()

# Planning 10,000 conditions makes millions of objects that are needed until the end. With Python's default thresholds, a
# fifth of the time went into searching them for garbage.
gc.set_threshold(200_000, 50, 100)

try:
    if workflow.is_main_process:  # the processes of jobs read the same files
        for file in [*workflow.configfiles, *workflow.overwrite_configfiles]:
            settings.check_keys(file)
    if IS_MAIN:  # otherwise the command line belongs to the workflow that uses this one as a module
        called = workflow.config_settings
        config.update(settings.merge(config, settings.of_command_line(called.config_args, called.config)))
    STUDY_FILES = study_files.load(ROOT)
    config.update(study_files.completed(config, STUDY_FILES))
    validation.check(config, STUDY_FILES)
    NAMES = study_files.names(config, STUDY_FILES)  # of experiments and methods, by study
    documents.load(*DOCUMENT_FOLDERS)
    published.load(documents.printed_files(*DOCUMENT_FOLDERS))
    if workflow.is_main_process:
        catalogue_check.check(settings.judging(config))
    CORPUS = corpora.setting(config["corpus"])
    PLANNED = shipped_run.jobs(config, ROOT)
    SCRIPTS, CONDITIONS, DATASETS, LANGUAGE_MODELS, CRAMMED, REAL_MODEL, UNSEARCHED, DECLARED = PLANNED
    TWINS = language_models.twins(LANGUAGE_MODELS)
    CRAMMING_MODELS = {
        name: cramming.inputs(config, name, corpora.candidates(CORPUS), place=PLACE, absolute=not IS_HERE)
        for name in sorted({spec["model"] for spec in [*CRAMMED.values(), *REAL_MODEL.values()]})
    }
except InputError as error:
    sys.exit(f"error: {error}")


def parts(job):
    """Returns the study and the experiment of a job; for a released script only the study."""
    study, part, *_ = job.split("/")
    return [study] if part == "as-released" else [study, part]


JOBS = [*SCRIPTS, *CONDITIONS, *LANGUAGE_MODELS, *CRAMMED, *REAL_MODEL]
STUDIES = [study for study in catalogue.STUDIES if study in {job.partition("/")[0] for job in JOBS}]
STUDIES_AND_PARTS = sorted({part for job in JOBS for part in parts(job)})
TOKENS = sorted({spec["tokens"] for spec in LANGUAGE_MODELS.values()})


# The columns of results/conditions.parquet for every condition.
PLAN = shipped_run.plan(PLANNED, config)


wildcard_constraints:
    dataset=f"({'|'.join(small_models.STUDIES)})/[a-z0-9_/-]+",
    condition=f"({'|'.join(small_models.STUDIES)})/(?!as-released)[a-z0-9_/-]+",
    script=f"({'|'.join(small_models.STUDIES)})/as-released/[a-z-]+",
    tokens="[a-z0-9-]+",
    job=f"{language_models.STUDY}/[a-z0-9_/-]+",
    searched=f"{language_models.STUDY}/[a-z0-9_/-]+",
    crammed=f"{cramming.STUDY}/[a-z0-9_/-]+",
    encoded=f"{real_model.STUDY}/[a-z0-9-]+/[a-z0-9_-]+",
    fitted=f"{real_model.STUDY}/[a-z0-9-]+/[a-z0-9_-]+/[a-z0-9_-]+",
    model="[a-z0-9_-]+",


for note in rates.told(UNSEARCHED) if workflow.is_main_process else ():
    print(f"note: {note}", file=sys.stderr)
if workflow.is_main_process and (note := corpora.kept(CORPUS, f"{RESULTS}/data/corpus/corpus.json")):
    print(f"note: {note}", file=sys.stderr)
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
    """Returns a specification as one string: a reordered config reruns nothing, but a changed value does."""
    return settings.canonical(spec)


def source(path):
    """Returns the path of a file of the checkout for Snakemake; path: relative to the checkout."""
    return f"{PLACE}{path}"


@functools.cache
def judged_again():
    """Returns the config by which the shipped rows are judged again; one that cannot is refused by reference_rows."""
    try:
        return shipped_run.judged_again(config, ROOT)
    except InputError:
        return config


# The record of the run's text; empty for a run without real text.
CORPUS_RECORD = "results/data/corpus/corpus.json" if LANGUAGE_MODELS or CRAMMED or REAL_MODEL else []


# The files with the titles of tables and figures.
TITLES = [source(file) for file in catalogue.FILES.values()]


def corpus_title():
    """Returns the title of the run's text; empty until the text is there."""
    try:
        return corpora.read_record(f"{PREFIX}{CORPUS_RECORD}" if CORPUS_RECORD else "none").title
    except InputError:  # no text yet, or a damaged file, which the rule that makes the file reports
        return ""


# Params of captions are made with ``input``, so that Snakemake keeps no record of them.
def corpus_caption(wildcards, input):
    """Returns the title of the run's text as reStructuredText."""
    return catalogue.plain(corpus_title())


def figure_captions(wildcards, input):
    """Returns figure -> caption as reStructuredText."""
    return catalogue.captions(STUDIES, corpus_title(), JUDGING)


@functools.cache
def code_of(script, *named):
    """Returns the library files that a script's result depends on; named: modules loaded by name (see code_lists)."""
    return [source(path) for path in code_lists.code_of(ROOT, script, *named)]


@functools.cache
def digest(*files):
    """Returns a digest of the content of files, named relative to the checkout; the text is empty for a missing file."""
    if len(files) != 1:
        parts = "\n".join(f"{file} {digest(file)}" for file in files)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
    path = ROOT / files[0]
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


# The files that describe the documents, those with their claims, and those with their printed tables.
DOCUMENTS, CLAIMS = ([f"{place}/{file}" for place in PLACES] for file in (documents.DOCUMENT, documents.CLAIMS))
ANSWERS = [f"{place}/{documents.ANSWERS}" for place in PLACES if (ROOT / place / documents.ANSWERS).is_file()]
OWN_DOCUMENTS = [path for path in DOCUMENTS if (ROOT / path).resolve().parents[1] != ROOT / documents.FOLDER]
PRINTED = [f"{place}/{documents.PRINTED}" for place in PLACES if (ROOT / place / documents.PRINTED).is_file()]

CHECKED = (*map(source, ("src/", "config/", "documents/", "studies/", "workflow/")), *(f"{place}/" for place in PLACES))


def content(name):
    """Returns a param with the digest of a rule's inputs in the checkout: an edit reruns the rule, whatever file times say.

    The param is a function of the wildcards only, since Snakemake does not compare params that are made with ``input``.
    It does not depend on the place of the checkout, nor on the rule's name in a workflow that uses this one as a module.
    """

    def of_job(wildcards):
        inputs = [item(wildcards) if callable(item) else item for item in getattr(rules, name).rule.input]
        files = [file for item in inputs for file in ([item] if isinstance(item, str) else item)]
        return digest(*[str(file).removeprefix(PLACE) for file in files if str(file).startswith(CHECKED)])

    return of_job


def trained_full_model(job):
    """Returns the trained full model from which an arm starts, or an empty list if it starts from none."""
    spec = LANGUAGE_MODELS[job]
    needed = language_models.needs_full(spec)
    full = f"{spec['condition']}/{language_models.FULL}"
    return f"results/models/{TWINS.get(full, full)}.safetensors" if needed else []
