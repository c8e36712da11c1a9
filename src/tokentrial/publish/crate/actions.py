"""The history of a run, as entities of a Provenance Run Crate 0.5: tools, steps, parameters and actions.

Each job has one CreateAction with its inputs, outputs and times, and, if they were measured, CPU time and memory. Each
rule has one tool (SoftwareApplication), one step (HowToStep) and one ControlAction. The run has one CreateAction, and
Snakemake one OrganizeAction.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import quote

from rocrate.model import ContextEntity  # type: ignore[import-untyped]

from tokentrial import __version__
from tokentrial.publish.crate import jobs
from tokentrial.publish.crate.jobs import Job

RUN, ENGINE_RUN, ENGINE, RUNNER, CONFIG = "#run", "#engine-run", "#snakemake", "#runner", "#config"
COMPLETED = "http://schema.org/CompletedActionStatus"
# Fields of Snakemake's benchmark -> unit.
UNITS = {"cpu_time": "http://qudt.org/vocab/unit/SEC", "max_rss": "http://qudt.org/vocab/unit/MebiBYTE"}
# Parameter of the workflow -> the file that realises it.
OUTPUTS = {
    "report": "results/report.pdf",
    "verdicts": "results/verdicts.json",
    "measurements": "results/runs.parquet",
    "arms": "results/arms.parquet",
    "comparisons": "results/statistics.parquet",
}

Reference = dict[str, str]
Entity = dict[str, Any]


class Run(NamedTuple):
    """A finished run and the entities that its files already have."""

    finished: Sequence[Job]
    final: Sequence[str]
    provenance: Mapping[str, Any]  # see record.describe
    ids: Mapping[str, str]  # path -> @id
    text: Sequence[str]  # @ids of the files of the run's real text


def engine_version() -> str:
    """Returns Snakemake's version."""
    return version("snakemake")


def add(crate: Any, run: Run) -> list[str]:
    """Adds tools, steps, parameters and actions to a crate that has its files; returns the @ids of all actions."""
    engine = {"@type": "SoftwareApplication", "name": "Snakemake", "softwareVersion": engine_version()}
    _add(crate, ENGINE, {**engine, "url": "https://snakemake.readthedocs.io"})
    nobody = "Whoever ran the workflow; the run does not record names."
    _add(crate, RUNNER, {"@type": "Organization", "name": "Not recorded", "description": nobody})
    _add_input(crate, run)
    crate.mainEntity["output"] = _refer(_add_outputs(crate, run))
    if not run.finished:
        return []
    controls = _add_steps(crate, run)
    job_actions = [_add_job(crate, run, job) for job in run.finished]
    return [_add_run(crate, run), _add_engine_run(crate, controls), *controls, *job_actions]


def _add(crate: Any, name: str, properties: Entity) -> str:
    """Adds a contextual entity and returns its @id."""
    crate.add(ContextEntity(crate, name, properties=properties))
    return name


def _refer(names: Iterable[str]) -> list[Reference] | Reference:
    """Returns references to entities; a single reference is no list, as in RO-Crate's compact form."""
    references = [{"@id": name} for name in names]
    return references[0] if len(references) == 1 else references


def _files(run: Run, paths: Iterable[str]) -> list[str]:
    """Returns the @ids of data files; code belongs to the tool."""
    return [run.ids[path] for path in paths if path in run.ids and not path.startswith("src/")]


def job_id(job: Job) -> str:
    """Returns the @id of a job's action."""
    return f"#job/{quote(job.name)}"


def _add_input(crate: Any, run: Run) -> None:
    """Adds the merged config as the workflow's input, by its checksum, since the file with the config is an output."""
    config = run.provenance["config"]
    properties = {
        "@type": "PropertyValue",
        "name": "config",
        "value": config["canonical_sha256"],
        "description": f"SHA-256 of the merged config in canonical form; {config['file']} holds the config.",
        "exampleOfWork": {"@id": "#parameter/config"},
    }
    _add(crate, CONFIG, properties)
    parameter = {"@type": "FormalParameter", "name": "config", "additionalType": "PropertyValue"}
    _add(crate, "#parameter/config", {**parameter, "workExample": {"@id": CONFIG}})
    crate.mainEntity["input"] = _refer(["#parameter/config"])


def _add_outputs(crate: Any, run: Run) -> list[str]:
    """Adds the workflow's outputs whose file is in the crate, and returns their @ids."""
    added = []
    for name, path in OUTPUTS.items():
        file = crate.get(run.ids.get(path, ""))
        if file is None or "File" not in file.type:
            continue
        parameter = {"@type": "FormalParameter", "name": name, "additionalType": "File"}
        added.append(_add(crate, f"#parameter/{name}", {**parameter, "workExample": {"@id": file.id}}))
        file["exampleOfWork"] = {"@id": added[-1]}
    return added


def _add_steps(crate: Any, run: Run) -> list[str]:
    """Adds a tool, a step and the step's ControlAction for every rule; returns the @ids of the ControlActions."""
    rules = jobs.rules_in_order(run.finished)
    for position, rule in enumerate(rules, start=1):
        group = [job for job in run.finished if job.rule == rule]
        tool = {
            "@type": "SoftwareApplication",
            "name": rule,
            "description": f"Rule {rule} of the workflow.",
            "softwareVersion": __version__,
        }
        script = group[0].script
        _add(crate, f"#rule/{rule}", tool | ({"softwareRequirements": {"@id": script}} if script in run.ids else {}))
        step = {"@type": "HowToStep", "name": rule, "position": str(position)}
        _add(crate, f"#step/{rule}", {**step, "workExample": {"@id": f"#rule/{rule}"}})
        control = {
            "@type": "ControlAction",
            "name": f"All jobs of rule {rule}",
            "instrument": {"@id": f"#step/{rule}"},
            "object": _refer(map(job_id, group)),
            "actionStatus": COMPLETED,
        }
        _add(crate, f"#control/{rule}", control)
    crate.mainEntity["hasPart"] = _refer(f"#rule/{rule}" for rule in rules)
    crate.mainEntity["step"] = _refer(f"#step/{rule}" for rule in rules)
    return [f"#control/{rule}" for rule in rules]


def _add_job(crate: Any, run: Run, job: Job) -> str:
    from_text = run.text if any(path.startswith("results/data/corpus/") for path in job.outputs) else ()
    properties = {
        "@type": "CreateAction",
        "name": job.name,
        "description": f"A job of rule {job.rule}.",
        "instrument": {"@id": f"#rule/{job.rule}"},
        "object": _refer([CONFIG, *from_text, *_files(run, job.inputs)]),
        "result": _refer(_files(run, job.outputs)),
        "agent": {"@id": RUNNER},
        "startTime": jobs.instant(job.started),
        "endTime": jobs.instant(job.ended),
        "actionStatus": COMPLETED,
    }
    used = _add_usage(crate, job)
    return _add(crate, job_id(job), properties | ({"resourceUsage": _refer(used)} if used else {}))


def _add_usage(crate: Any, job: Job) -> list[str]:
    """Adds CPU seconds and peak memory, if they were measured, and returns their @ids."""
    added = []
    for field, value in {"cpu_time": job.cpu_seconds, "max_rss": job.peak_memory_mib}.items():
        if value is not None:
            used = {"@type": "PropertyValue", "name": field, "propertyID": field, "unitCode": UNITS[field]}
            added.append(_add(crate, f"#usage/{quote(job.name)}/{field}", {**used, "value": str(value)}))
    return added


def _add_run(crate: Any, run: Run) -> str:
    facts = run.provenance["run"]
    properties = {
        "@type": "CreateAction",
        "name": f"tokentrial: {facts['scale']}",
        "description": " ".join([f"{facts['jobs']} jobs, from the first to the last.", *run.provenance["remarks"]]),
        "instrument": {"@id": crate.mainEntity.id},
        "object": _refer([CONFIG, *run.text]),
        "result": _refer(_files(run, run.final)),
        "agent": {"@id": RUNNER},
        "startTime": jobs.instant(min(job.started for job in run.finished)),
        "endTime": jobs.instant(max(job.ended for job in run.finished)),
        "actionStatus": COMPLETED,
    }
    return _add(crate, RUN, properties)


def _add_engine_run(crate: Any, controls: Sequence[str]) -> str:
    properties = {
        "@type": "OrganizeAction",
        "name": "Snakemake's run",
        "instrument": {"@id": ENGINE},
        "object": _refer(controls),
        "result": {"@id": RUN},
        "agent": {"@id": RUNNER},
        "actionStatus": COMPLETED,
    }
    return _add(crate, ENGINE_RUN, properties)
