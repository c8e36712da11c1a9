"""A finished run as a Workflow Run RO-Crate: one zip with the workflow, its results, and which job made which file.

Profiles: Provenance Run Crate 0.5, which includes Workflow Run Crate 0.5, Process Run Crate 0.5 and Workflow RO-Crate
1.0, on RO-Crate 1.1. The crate holds the code, the config, the collected tables, figures, verdicts and the report.
Their inputs (data, rows of single jobs, trained models) are referred to by name, size and SHA-256: the rows are in the
collected tables, data can be drawn again from the seeds, and the real text is not ours to publish.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity  # type: ignore[import-untyped]
from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

from tokentrial import __version__, documents, results
from tokentrial.claims.evidence import read
from tokentrial.data import corpora
from tokentrial.publish import nanopublications
from tokentrial.publish.crate import actions, files, jobs
from tokentrial.publish.crate.files import Project
from tokentrial.publish.crate.jobs import Job
from tokentrial.publish.works import of_documents

TERMS = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
LICENSE = "https://spdx.org/licenses/MIT"
# Folders whose job outputs are in the crate.
INCLUDED = {"results", "results/figures", "results/tables"}
CONFIG, REPORT = "results/config.yaml", "results/report.pdf"
VERDICTS, NANOPUBLICATIONS = "results/verdicts.parquet", "results/verdicts.nanopub.jsonld"
WITHHELD = "Not in the crate, since it names a folder of the machine or of its user."
ABSENT = "Not in the crate: an intermediate file of the run."
TEXT = "text/plain"  # for all other files: rules, Typst, rst, lock
FORMATS = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".safetensors": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
}


def write_crate(
    project: Project, config: Mapping[str, Any], provenance: Mapping[str, Any], final: Sequence[str], output: str | Path
) -> None:
    """Writes the crate of a finished run as a zip, whole or not at all.

    config: the merged config; provenance: see record.describe; final: the names of the run's final files and of
    ``results/provenance.json``.
    """
    finished = jobs.finished(project, final)
    everything = _candidates(project, finished, final)
    withheld = _withheld(project, config, everything)
    included = sorted(set(everything) - set(withheld))
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    _add_workflow(crate, project, provenance)
    ids = _add_files(crate, project, included)
    ids |= _add_references(crate, project, finished, withheld, ids)
    text = _add_text(crate, provenance["data"]["corpus"]) if provenance["data"]["corpus"] else []
    action_ids = actions.add(crate, actions.Run(finished, final, provenance, ids, text))
    if VERDICTS in included:
        _add_nanopublications(crate, project, provenance["run"]["ended"])
    _describe(crate, provenance, withheld, action_ids)
    with results.whole_file(output) as file:
        for chunk in crate.stream_zip():
            file.write(chunk)


def _candidates(project: Project, finished: Sequence[Job], final: Sequence[str]) -> list[str]:
    """Returns the files that belong in the crate: sources, other inputs made by no job, final and collected results."""
    outputs = {path for job in finished for path in job.outputs} | set(final)
    read = {path for job in finished for path in job.inputs} - outputs
    inside = [path for path in read if files.public(path) == path and not path.startswith("results/")]
    shown = [path for path in outputs if str(PurePosixPath(path).parent) in INCLUDED]
    return sorted({name for path in (*files.SOURCES, *inside, *shown) for name in files.below(project, path)})


def _withheld(project: Project, config: Mapping[str, Any], paths: Iterable[str]) -> list[str]:
    """Returns files that reveal the machine or its user; the report is withheld with the config that it prints."""
    private = files.markers(project, config)
    checked = [path for path in paths if path.startswith(("config/", "results/"))]
    revealing = [path for path in checked if files.gives_away(project.file(path), private)]
    return [*revealing, REPORT] if CONFIG in revealing and REPORT in checked and REPORT not in revealing else revealing


def _facts(project: Project, path: str) -> dict[str, Any]:
    suffix = PurePosixPath(path).suffix
    return {
        "name": path,
        "sha256": files.sha256(project.file(path)),
        "contentSize": str(project.file(path).stat().st_size),
        "encodingFormat": FORMATS.get(suffix, TEXT),
    }


def _add_workflow(crate: Any, project: Project, provenance: Mapping[str, Any]) -> None:
    """Adds the Snakefile as main workflow; rules, steps and parameters are added with the actions."""
    crate.add_workflow(
        project.file(files.WORKFLOW),
        files.WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=actions.engine_version(),
        properties={
            **_facts(project, files.WORKFLOW),
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "tokentrial",
            "version": f"{__version__}, commit {provenance['code']['git_commit']}",
            "license": {"@id": LICENSE},
        },
    )


def _add_files(crate: Any, project: Project, included: Iterable[str]) -> dict[str, str]:
    """Adds files to the crate and returns their @ids by path."""
    ids = {files.WORKFLOW: files.WORKFLOW}
    for path in included:
        if path != files.WORKFLOW:
            kind = ["File", "SoftwareSourceCode"] if path.startswith("workflow/scripts/") else "File"
            properties = {"@type": kind, **_facts(project, path)}
            if kind != "File":
                properties["version"] = __version__
            if path == "README.md":
                properties["about"] = {"@id": "./"}
            ids[path] = crate.add_file(project.file(path), path, properties=properties).id
    return ids


def _add_references(
    crate: Any, project: Project, finished: Iterable[Job], withheld: Sequence[str], ids: Mapping[str, str]
) -> dict[str, str]:
    """Adds entities for files that jobs read or made but the crate lacks; returns their @ids by path."""
    touched = {path for job in finished for path in (*job.inputs, *job.outputs)} | set(withheld)
    added = {}
    for path in sorted(touched - set(ids)):
        if path.startswith("src/"):
            continue  # a module that is gone; a remark tells that the job's code differed
        name = files.public(path)
        facts = _facts(project, path) if project.file(path).is_file() else {"name": name}
        text = WITHHELD if path in withheld else ABSENT
        properties = {"@type": "CreativeWork", **facts, "name": name, "description": text}
        added[path] = crate.add(ContextEntity(crate, f"#file/{quote(name)}", properties=properties)).id
    return added


def _add_text(crate: Any, text: Mapping[str, Any]) -> list[str]:
    """Adds the splits of the run's text (see record.text), by address or by name and checksum; returns their @ids."""
    ids = []
    for split, part in text["splits"].items():
        properties = {
            "name": f"{text['title']}, {split}",
            "sha256": part["sha256"],
            "contentSize": str(part["bytes"]),
            "encodingFormat": TEXT,
            "description": f"Not in the crate: {text.get('from', 'a text that is not published')}.",
        }
        properties |= {"license": text["license"]} if "license" in text else {}
        if text["name"] == corpora.WIKITEXT2:
            ids.append(crate.add_file(text["urls"][split], properties=properties).id)
            continue
        properties |= {"@type": "CreativeWork"} | ({"isBasedOn": text["identifier"]} if "identifier" in text else {})
        ids.append(crate.add(ContextEntity(crate, f"#text/{split}", properties=properties)).id)
    return ids


def _add_nanopublications(crate: Any, project: Project, created: str | None) -> None:
    """Adds the verdicts as nanopublications, which no job of the run made. created: when the run ended."""
    works = of_documents(documents.load(*documents.folders(project.code)))
    text = nanopublications.to_json(read(project.file(VERDICTS).parent), works, created)
    properties = {
        "name": NANOPUBLICATIONS,
        "description": "The verdicts as nanopublications, to be signed and published by whoever stands for them.",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "contentSize": str(len(text.encode())),
        "encodingFormat": "application/ld+json",
        "isBasedOn": {"@id": VERDICTS},
    }
    crate.add_file(BytesIO(text.encode()), NANOPUBLICATIONS, properties=properties)


def _describe(crate: Any, provenance: Mapping[str, Any], withheld: Sequence[str], action_ids: Sequence[str]) -> None:
    """Describes the crate in its root entity: its content, its profiles, and the remarks that a reader must know."""
    for url, (name, version) in PROFILES.items():
        properties = {"@type": "CreativeWork", "name": name, "version": version}
        crate.add(ContextEntity(crate, url, properties=properties))
    crate.add(ContextEntity(crate, LICENSE, properties={"@type": "CreativeWork", "name": "MIT License"}))
    root, run = crate.root_dataset, provenance["run"]
    left = [f"Left out, since they name folders of the machine: {', '.join(withheld)}."] if withheld else []
    text = [
        f"Claims about compressed token encodings, put on trial: {run['scale']} of {run['jobs']} jobs.",
        "results/provenance.json lists every file's SHA-256, the versions and the hardware.",
        *(provenance["remarks"] or ["All rows come from one commit and the config in this crate."]),
        *left,
    ]
    root["name"] = f"tokentrial: {run['scale']}"
    root["description"] = " ".join(text)
    root["license"] = {"@id": LICENSE}
    root["conformsTo"] = [{"@id": url} for url in PROFILES]
    root["mentions"] = [{"@id": name} for name in action_ids]
    if run["ended"]:
        root["datePublished"] = run["ended"]
