"""Honesty of ``code=``: each rule lists the library modules that its job imports, so an edit reruns what it touches."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tokentrial.data.corpora import Corpus, checksum
from tokentrial.studies import language_models, small_models
from tokentrial.training import condition

# Imported by jobs but in no list: they change no number, and an edit of one of them must not retrain everything.
NO_NUMBERS = {
    "checkout": "finds the code and its commit; the digests of the files are what a rerun depends on",
    "errors": "the exception class alone",
    "fork_server": "starts the processes of jobs",
    "job": "sends output to the log",
    "provenance": "versions and names of machines, in columns that say where a number was made",
    "rusage": "how much memory a process took, in a column that says what a job cost",
    "studies/results": "puts rows and provenance into the two files of a job",
}
# Imported by one script beside what it uses.
SYNTHETIC = dict.fromkeys(
    ("data/markov", "data/zipf", "data/patterns", "data/spec"), "belong to levels of synthetic sources"
)
ONLY_IMPORTED = {
    "train": {
        **dict.fromkeys(("data/entropy", "data/markov", "data/zipf"), "make data; the job reads what rule data made"),
        **dict.fromkeys(("data/spec", "data/patterns"), "check the specification of the data that rule data made"),
    },
    "prepare_corpus": SYNTHETIC,
    "cram": {"studies/cramming": "plans the jobs; this one asks it which of the shipped folders is the corpus's"},
    "pretrain": SYNTHETIC,
    "language_model": SYNTHETIC,
    "released_bespoke": {name: why for name, why in SYNTHETIC.items() if name != "data/zipf"},
}
# Scripts whose rules list their code by job, checked job by job below.
BY_JOB = ("train", "language_model")
SCRIPTS = (
    *("data", "prepare_corpus", "corpus", "released", "released_bespoke", "collect"),
    *("pretrain", "download_model", "cram", "cramming_measures", "verdicts", "claims_page"),
    *(
        "statistics",
        "tables",
        "figures",
        "report",
        "reference_rows",
        "compare_reference",
        "verify",
        "provenance",
        "crate",
        *BY_JOB,
    ),
    "twin_language_model",
)


ENCODERS = Path(__file__).parents[2] / "src/tokentrial/encoders"


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


def imported(source: Path, path: Path) -> set[str]:
    """Modules of the library that a file imports, anywhere in it, or whose function it runs as a job."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
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


def needed_by(root: Path, script: str, *more: str) -> set[str]:
    """What a job of this script depends on; ``more``: modules that it loads by name."""
    source = root / "src/tokentrial"
    needed = files(source, closure(source, script_modules(root, script) | set(more)))
    needed -= {*NO_NUMBERS, *ONLY_IMPORTED.get(script, {})}
    return needed | {"provenance"} if script == "report" else needed  # it prints provenance: an edit changes the result


def assert_listed(found: set[str], needed: set[str], who: str) -> None:
    """The code list of a rule or job is what it needs: says by name what is missing and what is too much."""
    missing, superfluous = sorted(needed - found), sorted(found - needed)
    assert (missing, superfluous) == ([], []), f"{who}: code lacks {missing}, and has {superfluous} for nothing"


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in BY_JOB])
def test_a_rule_lists_what_its_script_imports(script: str, root: Path, workflow: dict[str, Any]) -> None:
    rules = {name: rule for name, rule in workflow["rules"].items() if rule["script"] == f"../scripts/{script}.py"}
    assert rules
    for name, rule in rules.items():
        assert_listed(listed(root, rule["code"]), needed_by(root, script), f"rule {name}")


def test_a_script_that_names_a_function_can_call_it(root: Path) -> None:
    """The name is a text, so neither an import nor the type checker sees a mistake in it."""
    jobs = 0
    for path in sorted((root / "workflow/scripts").glob("*.py")):
        for name, arguments in filter(None, map(run_by, ast.walk(ast.parse(path.read_text())))):
            module, _, function = name.rpartition(".")
            inspect.signature(getattr(importlib.import_module(module), function)).bind(**dict.fromkeys(arguments))
            jobs += 1
    assert jobs >= 7


def test_every_rule_with_code_has_its_content_as_a_param(workflow: dict[str, Any]) -> None:
    """So that an edit is seen where a clock that was set back makes it look older than the results."""
    working = {name for name, rule in workflow["rules"].items() if rule["script"]}
    assert working == {name for name, rule in workflow["rules"].items() if "code" in rule["inputs"]}
    assert sorted(name for name in working if "code" not in workflow["rules"][name]["params"]) == []


def test_every_script_is_checked(root: Path, workflow: dict[str, Any]) -> None:
    assert sorted(path.stem for path in (root / "workflow/scripts").glob("*.py")) == sorted(SCRIPTS)
    by_job = {rule["script"] for rule in workflow["rules"].values() if rule["code"] is None}
    assert by_job == {f"../scripts/{name}.py" for name in BY_JOB}  # no rule escapes by computing its list


def test_nothing_is_excused_for_nothing(root: Path, source: Path) -> None:
    """Each excuse is for a module that the script does import."""
    for script, excused in ONLY_IMPORTED.items():
        everything = files(source, closure(source, script_modules(root, script)))
        assert sorted(set(excused) - everything) == [], script


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
    data = data_of(seeds=1, vocab_size=spec["vocab_size"], targets=targets, train=300, validation=2, test=2)
    with monkeypatch.context() as patch:
        patch.setattr(condition, "load", load)
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


def test_a_language_model_lists_what_it_imports(root: Path, workflow: dict[str, Any], shipped: dict[str, Any]) -> None:
    """Per job: the loop, the bodies, and the arm's own encoder with what that imports; no other arm's."""
    specs = language_models.jobs(shipped)
    assert set(workflow["language_code"]) == set(specs)
    for job, spec in specs.items():
        needed = needed_by(root, "language_model", f"tokentrial.encoders.{spec['encoder']['encoder']}")
        assert_listed(listed(root, workflow["language_code"][job]), needed, job)


def test_an_encoders_edit_retrains_its_own_arms_alone(workflow: dict[str, Any], shipped: dict[str, Any]) -> None:
    """Which jobs list an encoder's module: exactly those that train it."""
    specs = language_models.jobs(shipped)
    for encoder in {spec["encoder"]["encoder"] for spec in specs.values()}:
        path = f"src/tokentrial/encoders/{encoder}.py"
        listing = {job for job, code in workflow["language_code"].items() if path in code}
        assert listing == {job for job, spec in specs.items() if spec["encoder"]["encoder"] == encoder}, encoder


@pytest.mark.parametrize(
    "encoder", sorted(path.stem for path in ENCODERS.glob("[a-z]*.py") if "(Encoder):" in path.read_text())
)
def test_what_an_encoder_imports_is_listed_with_it(encoder: str, source: Path) -> None:
    """The planner cannot import an encoder, so it has its imports from the package by name."""
    everything = files(source, closure(source, {f"tokentrial.encoders.{encoder}"}))
    package = {name for name in everything if name.startswith("encoders/")}
    spec = {"encoder": {"encoder": encoder}, "arms": {"arm": {"encoder": encoder, "table": "random"}}}
    for found in (language_models.encoder_modules(spec), small_models.encoder_modules(spec)):
        assert_listed({*found, "encoders/base"} & {*package, *found}, package, f"IMPORTED[{encoder!r}]")


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
    # Of what is imported only, the parts that make data never run.
    run = ran_modules(source, called)
    assert not run & {"data/entropy", "data/markov", "data/zipf"}
    listed_or_not = {*small_models.TRAINING_MODULES, *NO_NUMBERS, *ONLY_IMPORTED["train"]}
    assert sorted({name for name in run if not name.startswith("encoders/")} - listed_or_not) == []


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
            {**shipped, "language_models": {**study, "studies": {"all": {"done-right": design}}}}
        ).values()
    )


def test_real_language_model_jobs(tmp_path: Path, source: Path, shipped: dict[str, Any]) -> None:
    """What a process that trains every encoder's arm has in memory and runs is what the jobs list."""
    for name, lines in {"train": 150, "validation": 30, "test": 30}.items():
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
    run = ran_modules(source, called)
    assert sorted(run & set(ONLY_IMPORTED["language_model"])) == []
    extra = {name for name in run if not name.startswith("encoders/")}
    assert sorted(extra - {*language_models.JOB_MODULES, *NO_NUMBERS}) == []


@pytest.mark.parametrize(
    "names",
    [
        small_models.TRAINING_MODULES,
        small_models.RELEASED_MODULES,
        small_models.RELEASED_BESPOKE_MODULES,
        language_models.JOB_MODULES,
    ],
)
def test_listed_modules_exist(names: tuple[str, ...], source: Path) -> None:
    assert [name for name in names if not (source / f"{name}.py").is_file()] == []
    assert len(names) == len(set(names))
