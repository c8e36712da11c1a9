"""Code lists: each job depends on the library modules that it runs, so that an edit reruns what it touches."""

import ast
import functools
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tokentrial import code_lists
from tokentrial.data.corpora import Corpus, checksum
from tokentrial.encoders import base
from tokentrial.studies import language_models, rates, small_models
from tokentrial.training import condition

# Modules whose text is part of a result although code_lists.NOT_LISTED has them.
NAMED = {
    "report": {"provenance"},  # it prints the commit that judged
    "site": {"provenance"},  # the start page names the commit that judged
    "provenance": {"provenance"},  # it prints the versions, too
}
# Scripts whose jobs load encoders by name, checked job by job below.
BY_JOB = ("train", "language_model", "search_condition", "search_language_models")
SCRIPTS = sorted(path.stem for path in (Path(__file__).parents[2] / "workflow/scripts").glob("*.py"))


@pytest.fixture(scope="module")
def source(root: Path) -> Path:
    return root / "src/tokentrial"


def file_of(source: Path, module: str) -> Path | None:
    """The file of ``tokentrial.a.b``, or None where that is a name inside a module."""
    base = source.parent.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def run_by(node: ast.AST) -> tuple[str, list[str]] | None:
    """The full name of the function that ``run(log, name, ...)`` calls, and the names of its arguments."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "run" or len(node.args) != 2:
        return None
    name = node.args[1]
    if not isinstance(name, ast.Constant):
        return None
    return str(name.value), [str(keyword.arg) for keyword in node.keywords]


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@functools.cache
def imported(source: Path, path: Path) -> set[str]:
    """Modules of the library that a file imports, anywhere in it, or whose function it runs as a job."""
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {id(node) for block in filter(is_typing_only, ast.walk(tree)) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif (job := run_by(node)) is not None:
            names.add(job[0].rpartition(".")[0])
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


@functools.cache
def has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring."""
    body = ast.parse(path.read_text()).body
    return any(not isinstance(part, ast.Expr) or not isinstance(part.value, ast.Constant) for part in body)


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


def needed_by(root: Path, script: str, *more: str) -> set[str]:
    """What a job of this script depends on; ``more``: modules that it loads by name."""
    source = root / "src/tokentrial"
    needed = files(source, closure(source, script_modules(root, script) | set(more)))
    return needed - code_lists.NOT_LISTED.keys() | NAMED.get(script, set())


def assert_listed(listing: set[str], needed: set[str], who: str) -> None:
    """The code list of a rule or job is what it needs: says by name what is missing and what is too much."""
    missing, superfluous = sorted(needed - listing), sorted(listing - needed)
    assert (missing, superfluous) == ([], []), f"{who}: code lacks {missing}, and has {superfluous} for nothing"


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in BY_JOB])
def test_a_rule_lists_what_its_script_imports(script: str, root: Path, workflow: dict[str, Any]) -> None:
    rules = {name: rule for name, rule in workflow["rules"].items() if rule["script"] == f"../scripts/{script}.py"}
    assert rules
    for name, rule in rules.items():
        assert_listed(listed(root, rule["code"]), needed_by(root, script), f"rule {name}")


OF_RUN = {"depends", "keep"}  # arguments that job.run keeps for itself


def test_a_script_that_names_a_function_can_call_it(root: Path) -> None:
    """The name is a text, so neither an import nor the type checker sees a mistake in it."""
    jobs = 0
    for path in sorted((root / "workflow/scripts").glob("*.py")):
        for name, arguments in filter(None, map(run_by, ast.walk(ast.parse(path.read_text())))):
            module, _, function = name.rpartition(".")
            called = getattr(importlib.import_module(module), function)
            inspect.signature(called).bind(**dict.fromkeys(set(arguments) - OF_RUN))
            jobs += 1
    assert jobs >= 7


def test_every_rule_with_code_has_its_content_as_a_param(workflow: dict[str, Any]) -> None:
    """So that an edit is seen where a clock that was set back makes it look older than the results."""
    working = {name for name, rule in workflow["rules"].items() if rule["script"]}
    assert working == {name for name, rule in workflow["rules"].items() if "code" in rule["inputs"]}
    assert sorted(name for name in working if "code" not in workflow["rules"][name]["params"]) == []


def test_every_script_has_its_rule(workflow: dict[str, Any]) -> None:
    assert {rule["script"] for rule in workflow["rules"].values()} - {None} == {f"../scripts/{n}.py" for n in SCRIPTS}
    by_job = {rule["script"] for rule in workflow["rules"].values() if rule["code"] is None and rule["script"]}
    assert by_job == {f"../scripts/{name}.py" for name in BY_JOB}  # no other rule escapes by computing its list


def test_nothing_is_left_out_for_nothing(root: Path, source: Path) -> None:
    """Each module that is in no list is imported by a script."""
    everything = set().union(*(files(source, closure(source, script_modules(root, script))) for script in SCRIPTS))
    assert sorted(code_lists.NOT_LISTED.keys() - everything) == []


TRAINING = ("train", "language_model", "cram", "pretrain", "released", "released_bespoke")
TRAINED_BY = ("adam", "cramming/", "data/", "encoders/", "models/", "training/", "released", "results", "seeds")
DRAWING = {"data/generate", "data/levels", "data/markov", "data/zipf"}


@pytest.mark.parametrize("script", TRAINING)
def test_no_training_depends_on_what_plans_it_or_follows_it(script: str, root: Path, workflow: dict[str, Any]) -> None:
    """Of all training jobs, those of the released scripts alone draw data; the others read what there is."""
    lists = {"train": workflow["training"], "language_model": workflow["language_code"]}.get(script)
    for code in lists.values() if lists else [workflow["rules"][script]["code"]]:
        names = listed(root, code)
        assert sorted(name for name in names if not name.startswith(TRAINED_BY)) == []
        assert not names & DRAWING or script.startswith("released")


def encoders_loaded(spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch, data_of: Any) -> set[str]:
    """The encoders that training a condition's arms loads; found by training them for one step."""
    loaded: set[str] = set()
    plain = base.load

    def load(name: str) -> Any:
        loaded.add(name)
        return plain(name)

    arms = {
        name: {**options, **({"reconstruction_steps": 1} if options["encoder"] == "autoencoder" else {})}
        for name, options in spec["arms"].items()
    }
    targets = "all" if spec["head"] == "token_mlp" else "last"
    short = {**spec["training"], "steps": 1, "evaluations": 1, "batch_size": 2}
    data = data_of(seeds=1, vocab_size=spec["vocab_size"], targets=targets, train=300, validation=2, test=2)
    with monkeypatch.context() as patch:
        patch.setattr(base, "load", load)
        condition.train_condition({**spec, "seeds": 1, "training": short, "arms": arms}, data)
    return loaded


def test_a_training_job_lists_what_it_imports(
    root: Path, workflow: dict[str, Any], shipped: dict[str, Any], monkeypatch: pytest.MonkeyPatch, data_of: Any
) -> None:
    specs = small_models.conditions(shipped)
    assert set(workflow["training"]) == set(specs)
    loaded: dict[tuple[str, ...], set[str]] = {}
    for name, spec in specs.items():
        arms = tuple(spec["arms"])
        if arms not in loaded:
            loaded[arms] = encoders_loaded(spec, monkeypatch, data_of)
        needed = needed_by(root, "train", *(f"tokentrial.encoders.{encoder}" for encoder in loaded[arms]))
        assert_listed(listed(root, workflow["training"][name]), needed, name)
    assert len({frozenset(found) for found in loaded.values()}) > 1  # conditions do differ in what they need


def test_a_search_lists_what_it_imports(root: Path, shipped: dict[str, Any]) -> None:
    """As a training job, whose named encoders are checked above: the search trains the same arms."""
    for name, spec in small_models.conditions(shipped).items():
        modules = small_models.encoder_modules(spec)
        listing = code_lists.code_of(root, "search_condition", *modules)
        encoders = (f"tokentrial.{module.replace('/', '.')}" for module in modules)
        assert_listed(listed(root, listing), needed_by(root, "search_condition", *encoders), name)


def test_a_search_of_language_models_lists_what_it_imports(root: Path, shipped: dict[str, Any]) -> None:
    searched = {name: spec for name, spec in rates.jobs(shipped, rates.plan(shipped)).items() if "tokens" in spec}
    assert searched
    for name, spec in searched.items():
        modules = language_models.encoder_modules(spec)
        listing = code_lists.code_of(root, "search_language_models", *modules)
        encoders = (f"tokentrial.{module.replace('/', '.')}" for module in modules)
        assert_listed(listed(root, listing), needed_by(root, "search_language_models", *encoders), name)


def test_a_language_model_lists_what_it_imports(root: Path, workflow: dict[str, Any], shipped: dict[str, Any]) -> None:
    """Per job: the loop, the bodies, and the arm's own encoder with what that imports; no other arm's."""
    specs = language_models.jobs(shipped)
    assert set(workflow["language_code"]) == set(specs)
    for job, spec in specs.items():
        needed = needed_by(root, "language_model", f"tokentrial.encoders.{spec['encoder']['encoder']}")
        assert_listed(listed(root, workflow["language_code"][job]), needed, job)


def test_an_encoders_edit_retrains_its_own_arms_alone(workflow: dict[str, Any], shipped: dict[str, Any]) -> None:
    """Which jobs list an encoder's module: exactly those that train it, or start from a table that it trains."""
    users: dict[str, set[str]] = {}
    for job, spec in language_models.jobs(shipped).items():
        users.setdefault(spec["encoder"]["encoder"], set()).add(job)
    for name, spec in small_models.conditions(shipped).items():
        compressed = any(language_models.needs_full({"encoder": options}) for options in spec["arms"].values())
        for encoder in {options["encoder"] for options in spec["arms"].values()} | ({"full"} if compressed else set()):
            users.setdefault(encoder, set()).add(name)
    lists = {**workflow["training"], **workflow["language_code"]}
    assert len(users) > 9
    for encoder, jobs in users.items():
        path = f"src/tokentrial/encoders/{encoder}.py"
        assert {job for job, code in lists.items() if path in code} == jobs, encoder
        assert jobs < lists.keys(), encoder


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


def ran_modules(source: Path, called: list[str]) -> set[str]:
    """The library modules of the files whose functions ran."""
    return {
        Path(path).relative_to(source).with_suffix("").as_posix() for path in called if path.startswith(str(source))
    }


def test_a_real_training_job(tmp_path: Path, source: Path, shipped: dict[str, Any], spec_of: Any, data_of: Any) -> None:
    """What a process that trains every arm of the default config has in memory is what the imports say."""
    arms = {
        f"{study}_{name}": {**options, **({"reconstruction_steps": 2} if options["encoder"] == "autoencoder" else {})}
        for study in small_models.STUDIES
        for name, options in shipped[study]["arms"].items()
    }
    sizes = {"vocab_size": 200, "full_width": 128}  # as the bespoke layouts need
    spec = spec_of(seeds=1, arms=arms, training={"steps": 2, "evaluations": 1}, **sizes)
    data = data_of(seeds=1, vocab_size=200, train=600)
    data.to_parquet(tmp_path / "d.parquet", tmp_path / "r.parquet", name="d")
    paths = [str(tmp_path / name) for name in ("d.parquet", "r.parquet", "runs.parquet", "arms.parquet")]
    inputs = [json.dumps(spec), *paths[:2], [], str(tmp_path / "checkpoints"), *paths[2:]]
    command = [sys.executable, "-c", JOB, json.dumps(inputs)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded, called = json.loads(ran.stdout.splitlines()[-1])
    start = {"tokentrial.training.job", *(f"tokentrial.encoders.{options['encoder']}" for options in arms.values())}
    assert set(loaded) == closure(source, start)
    names = {f"encoders/{options['encoder']}" for options in arms.values()}
    code = listed(source.parents[1], list(code_lists.code_of(source.parents[1], "train", *names)))
    assert sorted(ran_modules(source, called) - code - code_lists.NOT_LISTED.keys()) == []


LANGUAGE_JOB = """
import json, sys
from tokentrial.data import tokenise
from tokentrial.training.language_job import run_language_model
called = set()
def profile(frame, event, argument):
    if event == "call" and frame.f_code.co_name != "<module>":
        called.add(frame.f_code.co_filename)
jobs, waiting, data, folder = json.loads(sys.argv[1])
texts = {name: f"{folder}/{name}.txt" for name in ("train", "validation", "test")}
tokenise.prepare(texts, f"{folder}/corpus.json", "bpe", 300, data)
sys.setprofile(profile)
for number, spec in enumerate(jobs):
    run_language_model(
        spec=json.dumps(spec, sort_keys=True),
        data=data,
        code=[],
        trained=f"{folder}/full.safetensors" if waiting[number] else None,
        checkpoints=f"{folder}/checkpoints{number}",
        runs=f"{folder}/runs{number}.parquet",
        arms=f"{folder}/arms{number}.parquet",
        models=None if number else f"{folder}/full.safetensors",
    )
sys.setprofile(None)
loaded = [name for name in sys.modules if name.split(".")[0] == "tokentrial"]
print(json.dumps([sorted(loaded), sorted(called)]))
"""


def language_specs(shipped: dict[str, Any]) -> list[dict[str, Any]]:
    """One small job for every encoder that the language_models study has, the full arm's first."""
    study = shipped["language_models"]
    arms: dict[str, str] = {}
    for name, options in study["arms"].items():
        if "blocks" not in options:  # sizes that fit the shipped vocabulary alone
            arms.setdefault(options["encoder"], name)
    design = {
        "tokens": "bpe",
        "body": "transformer",
        "full_width": 64,
        "narrow": False,
        "tied": False,
        "initial_scale": 0.1,
        "ratios": [8],
        "seeds": 1,
        "single": ["full"],
        "arms": [name for encoder, name in arms.items() if encoder != "full"],
        "training": {"fraction": 1.0, "held_out_fraction": 1.0, "batch_size": 4, "length": 8, "evaluations": 1},
    }
    return list(
        language_models.jobs(
            {**shipped, "language_models": {**study, "experiments": {"all": {"done-right": design}}}}
        ).values()
    )


def test_real_language_model_jobs(tmp_path: Path, source: Path, shipped: dict[str, Any]) -> None:
    """What a process that trains every encoder's arm has in memory and runs is what the jobs list."""
    for name, lines in {"train": 50, "validation": 12, "test": 12}.items():
        words = [f" {' '.join(f'word{(line * 7 + k) % 400}' for k in range(12))} \n" for line in range(lines)]
        (tmp_path / f"{name}.txt").write_text("".join(words))
    files_of = ("train", "validation", "test", "vocabulary", "reference")
    data = {name: str(tmp_path / f"{name}.parquet") for name in files_of}
    sizes = {name: {"sha256": checksum((tmp_path / f"{name}.txt").read_bytes())} for name in files_of[:3]}
    corpus = Corpus("own", "A text", "own", None, None, True, sizes)
    (tmp_path / "corpus.json").write_text(json.dumps(corpus._asdict()))
    specs = language_specs(shipped)
    waiting = [language_models.needs_full(spec) for spec in specs]
    assert not waiting[0] and any(waiting)
    command = [sys.executable, "-c", LANGUAGE_JOB, json.dumps([specs, waiting, data, str(tmp_path)])]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded, called = json.loads(ran.stdout.splitlines()[-1])
    encoders = {spec["encoder"]["encoder"] for spec in specs}
    start = {"tokentrial.training.language_job", *(f"tokentrial.encoders.{name}" for name in encoders)}
    assert set(loaded) == closure(source, start)
    names = {f"encoders/{name}" for name in encoders}
    code = listed(source.parents[1], list(code_lists.code_of(source.parents[1], "language_model", *names)))
    assert sorted(ran_modules(source, called) - code - code_lists.NOT_LISTED.keys()) == []


LOADED = """
import importlib, json, os, sys
import matplotlib.figure, pandas, scipy.stats, torch, transformers
for script, names in json.loads(sys.argv[1]).items():
    if not os.fork():  # a process of its own, with the libraries that take long to load
        for name in names:
            importlib.import_module(name)
        print(json.dumps([script, sorted(name for name in sys.modules if name.split(".")[0] == "tokentrial")]))
        sys.stdout.flush()
        os._exit(0)
    assert os.wait()[1] == 0, script
"""


def test_what_a_process_has_in_memory_is_listed(root: Path, source: Path) -> None:
    """For every script: what Python itself loads with the modules that the script names."""
    names = {script: sorted(script_modules(root, script)) for script in SCRIPTS}
    command = [sys.executable, "-c", LOADED, json.dumps(names)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded = dict(map(json.loads, ran.stdout.splitlines()))
    assert sorted(loaded) == SCRIPTS
    for script, everything in loaded.items():
        code = listed(root, list(code_lists.code_of(root, script)))
        assert sorted(files(source, everything) - code - code_lists.NOT_LISTED.keys()) == [], script


# How imports are read


def test_every_file_is_read_as_the_parser_reads_it(root: Path, source: Path) -> None:
    paths = sorted([*source.rglob("*.py"), *(root / "workflow/scripts").glob("*.py")])
    assert len(paths) > 250
    for path in paths:
        names = code_lists.imported(root, path.relative_to(root).as_posix()) | {"tokentrial"}
        assert {name for name in names if file_of(source, name)} == imported(source, path) | {"tokentrial"}, path


def test_few_files_are_parsed(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To parse all of them would add a second to every plan."""
    parsed: list[str] = []
    monkeypatch.setattr(code_lists, "_parsed", parsed.append)
    paths = sorted(source.rglob("*.py"))
    for path in paths:
        code_lists.imported.__wrapped__(root, path.relative_to(root).as_posix())
    assert 0 < len(parsed) < 0.05 * len(paths)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small library: ``data`` is a package without code, ``kinds`` one with; ``a`` and ``b`` import each other."""
    library = {
        "__init__": '__version__ = "1"',
        "a": "from tokentrial import b",
        "b": "import tokentrial.a",
        "alone": "",
        "data/__init__": '"""Data."""',
        "data/spec": "x = 1",
        "kinds/__init__": "from tokentrial import a",
        "kinds/one": "from . import other\nfrom ..data.spec import x",
        "kinds/other": "",
        "errors": "",
    }
    for name, text in library.items():
        path = tmp_path / f"src/tokentrial/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def code_of(checkout: Path, text: str, *named: str) -> set[str]:
    """The modules of a script of this text."""
    path = checkout / "workflow/scripts/job.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    code = code_lists.code_of(checkout, "job", *named)
    assert list(code) == sorted(set(code))
    return {name.removeprefix("src/tokentrial/").removesuffix(".py") for name in code}


CYCLE = {"a", "b"}
KINDS = CYCLE | {"kinds/__init__"}


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import tokentrial.data.spec", {"data/spec"}),
        ("import os, tokentrial.data.spec as s  # for x", {"data/spec"}),
        ("import os; import tokentrial.data.spec", {"data/spec"}),
        ("from tokentrial.data import spec", {"data/spec"}),
        ("from tokentrial.data import spec as s, nothing", {"data/spec"}),
        ("from tokentrial.data.spec import *", {"data/spec"}),
        ("from tokentrial.data import (\n    nothing,  # here (or there)\n    spec,\n)", {"data/spec"}),
        ("from tokentrial import (\n    data,  # not a, alone\n    b as alone,\n)", CYCLE),
        ("from tokentrial.data import \\\n    spec", {"data/spec"}),
        ("from tokentrial import data, alone", {"alone"}),
        ("if x: from tokentrial.data import spec", {"data/spec"}),
        ("def f():\n    from tokentrial.data import spec", {"data/spec"}),
        ("class A:\n    def f(self):\n        x = 1; import tokentrial.data.spec", {"data/spec"}),
        ("try:\n    x = 1\nexcept E: import tokentrial.alone\nelse: import tokentrial.a", {"alone"} | CYCLE),
        ("try: x = 1\nfinally: import tokentrial.alone", {"alone"}),
        ("match x:\n    case 1: import tokentrial.alone", {"alone"}),
        ("with x:\n    for y in x: import tokentrial.alone", {"alone"}),
        ("run(log, 'tokentrial.data.spec.draw', x=1)", {"data/spec"}),
        ('import_module("tokentrial.data.spec")', {"data/spec"}),
        ("import tokentrial.b", CYCLE),
        ("import tokentrial.kinds", KINDS),
        ("from tokentrial.kinds import other", KINDS | {"kinds/other"}),
        ("from tokentrial.kinds.one import x", KINDS | {"kinds/one", "kinds/other", "data/spec"}),
        ("from tokentrial import __version__, errors, alone", {"alone"}),
        ("if TYPE_CHECKING:\n    import tokentrial.a\nelse:\n    import tokentrial.alone", {"alone"}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import tokentrial.a", set()),
        ("if not TYPE_CHECKING:\n    import tokentrial.a", CYCLE),
        ("x = 'import tokentrial.a'", set()),
        ('"""Neither an import of\nimport tokentrial.a nor another."""', set()),
        ("from tokentrial import nothing\nimport tokentrialist.a", set()),
        ("import tokentrial.alone\nx = (", {"alone"}),
        ("import tokentrial.alone\nimport = 3", {"alone"}),
        ("import tokentrial.alone\n\0 import", {"alone"}),
    ],
)
def test_what_a_text_imports(text: str, modules: set[str], checkout: Path) -> None:
    assert code_of(checkout, text) == modules


def test_a_module_that_is_named_is_listed_with_what_it_imports(checkout: Path) -> None:
    assert code_of(checkout, "import tokentrial.errors", "kinds/other", "errors") == KINDS | {"kinds/other", "errors"}
    package = code_lists.code_of(checkout, "job", "kinds")
    assert package == tuple(f"src/tokentrial/{name}.py" for name in sorted(KINDS))


def test_a_named_module_that_is_missing_is_listed_for_snakemake_to_miss(checkout: Path) -> None:
    assert code_of(checkout, "import tokentrial.alone", "kinds/nothing") == {"alone", "kinds/nothing"}


def test_a_file_that_cannot_be_read_stops_no_plan(checkout: Path) -> None:
    (checkout / "src/tokentrial/alone.py").write_bytes(b"import tokentrial.data.spec\nx = '\xff'")
    (checkout / "src/tokentrial/kinds/__init__.py").write_text("def f(:")
    (checkout / "src/tokentrial/kinds/one.py").unlink()
    (checkout / "src/tokentrial/kinds/one.py").symlink_to("nowhere.py")
    modules = {"alone", "data/spec", "kinds/__init__", "kinds/one"}
    assert code_of(checkout, "import tokentrial.kinds.one\nimport tokentrial.alone") == modules
    assert code_lists.code_of(checkout, "nowhere") == ()
