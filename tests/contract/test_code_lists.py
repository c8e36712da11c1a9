"""Honesty of ``code=``: each rule lists the library modules that its job imports, so an edit reruns what it touches."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tokentrial.studies import learned_encoding
from tokentrial.training import condition

# Imported by jobs but in no list: they change no number, and an edit of one of them must not retrain everything.
NO_NUMBERS = {
    "errors": "the exception class alone",
    "job": "sends output to the log",
    "provenance": "versions and names of machines, in columns that say where a number was made",
    "studies/results": "puts rows and provenance into the two files of a job",
}
# Imported by one script beside what it uses.
ONLY_IMPORTED = {
    "train": {
        **dict.fromkeys(("data/entropy", "data/markov", "data/zipf"), "make data; the job reads what rule data made"),
        **dict.fromkeys(("data/spec", "data/patterns"), "check the specification of the data that rule data made"),
    },
    "wikitext2": dict.fromkeys(
        ("data/markov", "data/zipf", "data/patterns", "data/spec"), "belong to levels of synthetic sources"
    ),
}
SCRIPTS = ("data", "wikitext2", "train", "released", "collect", "statistics", "tables", "figures", "report")


@pytest.fixture(scope="module")
def source(root: Path) -> Path:
    return root / "src/tokentrial"


def file_of(source: Path, module: str) -> Path | None:
    """The file of ``tokentrial.a.b``, or None where that is a name inside a module."""
    base = source.parent.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imported(source: Path, path: Path) -> set[str]:
    """Modules of the library that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "tokentrial" and file_of(source, name)}


def closure(source: Path, start: Iterable[str]) -> set[str]:
    """All modules that importing these imports, their packages included."""
    seen: set[str] = set()
    waiting = set(start)
    while waiting:
        module = waiting.pop()
        seen.add(module)
        path = file_of(source, module)
        assert path is not None, module
        parts = module.split(".")
        packages = {".".join(parts[:depth]) for depth in range(1, len(parts))}
        waiting |= (imported(source, path) | packages) - seen
    return seen


def has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring and a version."""
    for statement in ast.parse(path.read_text()).body:
        text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        version = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__"
        if not text and not version:
            return True
    return False


def files(source: Path, modules: Iterable[str]) -> set[str]:
    """The modules that hold code, as the rules name them: ``data/spec``."""
    paths = [path for module in modules if (path := file_of(source, module)) is not None and has_code(path)]
    return {path.relative_to(source).with_suffix("").as_posix() for path in paths}


def listed(root: Path, code: list[str]) -> set[str]:
    for path in code:
        assert (root / path).is_file(), f"{path} is listed but not there"
    assert len(code) == len(set(code)), f"listed twice: {sorted(path for path in code if code.count(path) > 1)}"
    return {path.removeprefix("src/tokentrial/").removesuffix(".py") for path in code}


def script_modules(root: Path, script: str) -> set[str]:
    return imported(root / "src/tokentrial", root / f"workflow/scripts/{script}.py")


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name != "train"])
def test_a_rule_lists_what_its_script_imports(script: str, root: Path, source: Path, workflow: dict[str, Any]) -> None:
    needed = files(source, closure(source, script_modules(root, script)))
    needed -= {*NO_NUMBERS, *ONLY_IMPORTED.get(script, {})}
    if script == "report":  # it prints provenance: there an edit does change the result
        needed.add("provenance")
    rules = {name: rule for name, rule in workflow["rules"].items() if rule["script"] == f"../scripts/{script}.py"}
    assert script in rules
    for name, rule in rules.items():
        assert listed(root, rule["code"]) == needed, name


def test_every_script_is_checked(root: Path) -> None:
    assert sorted(path.stem for path in (root / "workflow/scripts").glob("*.py")) == sorted(SCRIPTS)


def encoders_loaded(spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch, data_of: Any) -> set[str]:
    """The encoders that training a condition's arms loads; found by training them for one step."""
    loaded: set[str] = set()
    plain = condition.load

    def load(name: str) -> Any:
        loaded.add(name)
        return plain(name)

    arms = {
        name: {**options, **({"reconstruction_steps": 1} if options["encoder"] == "autoencoder" else {})}
        for name, options in spec["arms"].items()
    }
    targets = "all" if spec["head"] == "token_mlp" else "last"
    short = {**spec["training"], "steps": 1, "evaluations": 1, "batch_size": 2}
    data = data_of(seeds=1, targets=targets, train=4, validation=2, test=2)
    with monkeypatch.context() as patch:
        patch.setattr(condition, "load", load)
        condition.train_condition({**spec, "vocab_size": 12, "seeds": 1, "training": short, "arms": arms}, data)
    return loaded


def test_a_training_job_lists_what_it_imports(
    root: Path,
    source: Path,
    workflow: dict[str, Any],
    shipped: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    data_of: Any,
) -> None:
    specs = learned_encoding.conditions(shipped)
    assert set(workflow["training"]) == set(specs)
    loaded: dict[tuple[str, ...], set[str]] = {}
    for name, spec in specs.items():
        arms = tuple(spec["arms"])
        if arms not in loaded:
            loaded[arms] = encoders_loaded(spec, monkeypatch, data_of)
        modules = script_modules(root, "train") | {f"tokentrial.encoders.{encoder}" for encoder in loaded[arms]}
        needed = files(source, closure(source, modules)) - {*NO_NUMBERS, *ONLY_IMPORTED["train"]}
        assert listed(root, workflow["training"][name]) == needed, name
    assert len({frozenset(found) for found in loaded.values()}) > 1  # conditions do differ in what they need


JOB = """
import json, sys
called = set()
def profile(frame, event, argument):
    if event == "call" and frame.f_code.co_name != "<module>":
        called.add(frame.f_code.co_filename)
from tokentrial.training.job import run_condition
sys.setprofile(profile)
run_condition(*json.loads(sys.argv[1]))
sys.setprofile(None)
loaded = [name for name in sys.modules if name.split(".")[0] == "tokentrial"]
print(json.dumps([sorted(loaded), sorted(called)]))
"""


def test_a_real_training_job(tmp_path: Path, source: Path, shipped: dict[str, Any], spec_of: Any, data_of: Any) -> None:
    """What a process that trains every arm of the default config has in memory is what the imports say."""
    arms = {
        name: {**options, **({"reconstruction_steps": 2} if options["encoder"] == "autoencoder" else {})}
        for name, options in shipped["learned_encoding"]["arms"].items()
    }
    spec, data = spec_of(seeds=1, arms=arms, training={"steps": 2, "evaluations": 1}), data_of(seeds=1)
    data.to_parquet(tmp_path / "d.parquet", tmp_path / "r.parquet", name="d")
    paths = [str(tmp_path / name) for name in ("d.parquet", "r.parquet", "runs.parquet", "arms.parquet")]
    command = [sys.executable, "-c", JOB, json.dumps([json.dumps(spec), *paths])]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded, called = json.loads(ran.stdout.splitlines()[-1])
    start = {"tokentrial.training.job", *(f"tokentrial.encoders.{options['encoder']}" for options in arms.values())}
    assert set(loaded) == closure(source, start)
    # Of what is imported only, the parts that make data never run.
    run = {Path(path).relative_to(source).with_suffix("").as_posix() for path in called if path.startswith(str(source))}
    assert not run & {"data/entropy", "data/markov", "data/zipf"}
    listed_or_not = {*learned_encoding.TRAINING_MODULES, *NO_NUMBERS, *ONLY_IMPORTED["train"]}
    assert {name for name in run if not name.startswith("encoders/")} <= listed_or_not


@pytest.mark.parametrize("names", [learned_encoding.TRAINING_MODULES, learned_encoding.RELEASED_MODULES])
def test_listed_modules_exist(names: tuple[str, ...], source: Path) -> None:
    assert [name for name in names if not (source / f"{name}.py").is_file()] == []
    assert len(names) == len(set(names))
