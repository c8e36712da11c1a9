"""The rules of the house, where a text or a syntax tree can tell: sizes, directives, thin scripts."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def relative(paths: list[Path]) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


SOURCES = relative(list((ROOT / "src").rglob("*.py")))
SCRIPTS = relative(list((ROOT / "workflow/scripts").glob("*.py")))
RULE_FILES = relative(list((ROOT / "workflow/rules").glob("*.smk")))
LIMITS = {
    "Snakefile": 60,
    **dict.fromkeys(SCRIPTS, 40),
    **dict.fromkeys(RULE_FILES, 199),
    **dict.fromkeys(SOURCES, 400),
}

# Rules that say something about files that are there: without outputs, they run whenever they are asked for.
CHECKS = {"compare_reference", "verify"}


@pytest.mark.parametrize("name", LIMITS)
def test_files_are_short(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= LIMITS[name]


@pytest.mark.parametrize("name", SOURCES)
def test_functions_are_short(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 50, f"{name}:{node.lineno} {node.name}"


def without_encoding(text: str) -> list[int]:
    """The lines of a program that read or write text in the encoding of whoever runs it; ruff sees only some."""
    lines = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        modes = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        as_text = not any(set(mode) <= set("rwaxb+t") and "b" in mode for mode in modes)
        if (
            (name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute))
            or (name in ("open", "fdopen") and as_text and (owner, name) != ("os", "open"))
            or (owner == "subprocess" and any(keyword.arg == "text" for keyword in node.keywords))
        ):
            lines.append(node.lineno)
    return lines


def test_text_without_an_encoding_is_seen() -> None:
    for line in ("p.read_text()", "f(x).write_text(y)", "open(p)", 'p.open("w")', "subprocess.run(c, text=True)"):
        assert without_encoding(line), line
    for line in ("p.read_text(encoding='utf-8')", 'open(p, "rb")', "os.open(p, os.O_RDONLY)", "shown(x, text=str)"):
        assert not without_encoding(line), line


@pytest.mark.parametrize("name", [*SOURCES, *SCRIPTS, *relative(list((ROOT / "benchmarks").glob("*.py")))])
def test_files_are_read_and_written_with_an_encoding(name: str) -> None:
    assert without_encoding((ROOT / name).read_text()) == []


@pytest.mark.parametrize("name", [*SOURCES, *SCRIPTS])
def test_modules_say_what_they_are(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not text or ast.get_docstring(ast.parse(text))


def test_nothing_is_left_to_do() -> None:
    """In any file that is tracked, or would be."""
    command = ["git", "grep", "--untracked", "-I", "-n", "-w", "TO" + "DO"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")  # 1: looked, and found nothing


# Rules


def test_rule_files_open_with_their_summary() -> None:
    for name in RULE_FILES:
        lines = [line for line in (ROOT / name).read_text().splitlines() if line.startswith("# ")]
        assert [line.split()[1] for line in lines[:4]] == ["PURPOSE", "INPUTS", "OUTPUTS", "STEPS"], name


def test_every_rule_file_is_included_once() -> None:
    included = re.findall(r'^include: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert sorted(included) == RULE_FILES
    assert included[:2] == ["workflow/rules/places.smk", "workflow/rules/common.smk"]


@pytest.mark.parametrize("name", ["Snakefile", *RULE_FILES])
def test_directives_that_no_rule_has(name: str) -> None:
    """retries multiply on a cluster and belong in profiles; run: starts a whole Snakemake."""
    assert re.findall(r"^\s*(retries|run|shell)\s*:", (ROOT / name).read_text(), re.MULTILINE) == []


def test_rules_that_do_something_say_so(workflow: dict[str, Any]) -> None:
    working = {name: rule for name, rule in workflow["rules"].items() if rule["script"]}
    assert len(working) >= 9
    for name, rule in working.items():
        stem = Path(rule["script"]).stem  # rule and script share their name; a variant of a rule has one before it
        assert name == stem or name.endswith(f"_{stem}")
        assert rule["log"], name
        assert rule["message"], name
        assert rule["named"] or name in CHECKS, name  # outputs by name
        assert rule["code"] is None or rule["code"], name
        assert set(rule["wildcards"]) <= set(workflow["constraints"]), name
        logged = {wildcard for log in rule["log"] for wildcard in re.findall(r"{(\w+)", log)}
        assert logged == set(rule["wildcards"]), name  # no two jobs share a log
    assert all(
        path.startswith(("results/", "logs/")) for rule in working.values() for path in rule["outputs"] + rule["log"]
    )


@pytest.mark.parametrize("name", ["train", "released", "released_bespoke", "language_model", "full_language_model"])
def test_training_rules_are_measured_and_sized(name: str, workflow: dict[str, Any]) -> None:
    rule = workflow["rules"][name]
    assert rule["benchmark"]
    assert {"mem_mb", "runtime"} <= set(rule["resources"])


def test_other_rules_only_collect(workflow: dict[str, Any]) -> None:
    for name, rule in workflow["rules"].items():
        if not rule["script"]:
            assert rule["outputs"] == [], name


def test_every_study_can_be_asked_for(workflow: dict[str, Any], shipped: dict[str, Any]) -> None:
    """By the name of a study or of an experiment: the target asks for its jobs, all of them and no other."""
    jobs: dict[str, set[str]] = {}
    for study in workflow["STUDIES"]:
        jobs[study] = set()
        for experiment in shipped[study]["experiments"]:
            jobs.setdefault(experiment, set())
    for job in workflow["JOBS"]:
        study, experiment, *_ = job.split("/")
        for name in {study, experiment} - {"as-released"}:
            jobs[name].add(f"results/runs/{job}.parquet")
    targets = {name.removeprefix("study_"): rule for name, rule in workflow["rules"].items() if "study_" in name}
    assert targets.keys() == jobs.keys()
    for name, rule in targets.items():
        assert set(rule["jobs"]) == jobs[name], name
        assert rule["jobs"], name
        assert len(set(rule["jobs"])) == len(rule["jobs"])


def test_every_job_is_collected_once(workflow: dict[str, Any]) -> None:
    found = [job for name in workflow["STUDIES"] for job in workflow["rules"][f"study_{name}"]["jobs"]]
    # an experiment that is named like a study is asked for with it, so a job may be in two targets, never in none
    assert set(found) == set(workflow["rules"]["collect"]["jobs"])
    assert len(workflow["rules"]["collect"]["jobs"]) == len(workflow["JOBS"])


def test_an_arm_waits_for_the_full_model_of_its_own_condition(workflow: dict[str, Any]) -> None:
    """Or for that of the condition in which the same one is trained; only the full arm's rule writes models."""
    waiting = {job: path for job, path in workflow["trained"].items() if path}
    assert waiting
    for job, path in waiting.items():
        condition = job.rpartition("/")[0]
        full = workflow["TWINS"].get(f"{condition}/full", f"{condition}/full")
        assert path == f"results/models/{full}.safetensors", job
        assert full in workflow["language_code"], job  # somebody makes it
        assert full not in workflow["TWINS"], job
    rules = workflow["rules"].items()
    writers = {name for name, rule in rules if any(out.startswith("results/models/{job") for out in rule["outputs"])}
    assert writers == {"full_language_model"}


def test_each_language_model_has_one_rule(workflow: dict[str, Any]) -> None:
    """The full arm and the others are told apart by their names, in the pattern that Snakemake matches files with."""
    for job in workflow["language_code"]:
        found = []
        for name in ("language_model", "full_language_model"):
            [runs] = [out for out in workflow["rules"][name]["outputs"] if out.startswith("results/runs/")]
            pattern = re.sub(r"{job,(.+)}", r"(\1)", runs)
            found += [name] if re.fullmatch(pattern, f"results/runs/{job}.parquet") else []
        assert found == ["full_language_model" if job.endswith("/full") else "language_model"], job
        [runs] = [out for out in workflow["rules"]["twin_language_model"]["outputs"] if "/runs/" in out]
        pattern = re.sub(r"{job,(.+)}", r"(\1)", runs)  # which goes before the others, by ruleorder
        assert bool(re.fullmatch(pattern, f"results/runs/{job}.parquet")) == (job in workflow["TWINS"]), job


# Scripts


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_thin(name: str) -> None:
    """One docstring, imports of the library, one logged call or job; the config reaches them through params."""
    text = (ROOT / name).read_text()
    tree = ast.parse(text)
    assert "snakemake.config" not in text
    assert ("with logged(snakemake.log[0]):" in text) != (text.count("\nrun(\n    snakemake.log[0],\n") == 1)
    for node in ast.walk(tree):
        assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.Try), name
        if isinstance(node, ast.ImportFrom):
            assert str(node.module).split(".")[0] in {"tokentrial", *sys.stdlib_module_names}, name
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names, name
