"""Nothing that is read can run: no pickle, no evaluated text, no YAML tags, no remote code. Exceptions have reasons."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORBIDDEN = re.compile(
    r"torch\.load\(|\bpickle|\bshelve\b|\bmarshal\b|joblib|np\.load\(|allow_pickle|weights_only=False|(?<![\w.])eval\("
    r"|(?<![\w.])exec\(|(?<![\w.])compile\(|__import__|yaml\.(full_|unsafe_)?load(_all)?\(|UnsafeLoader|FullLoader"
    r"|os\.system|shell=True|trust_remote_code=True|subprocess\.\w+\(|import_module\(|read_pickle|\.hub\.load"
)
# file -> what is found there, and why it is safe
ALLOWED = {
    "src/tokentrial/encoders/base.py": {"import_module("},  # a module of this package, by a name the schema restricts
    # the fork server itself, and libraries by names written there
    "src/tokentrial/fork_server.py": {"import_module(", "subprocess.Popen("},
    "src/tokentrial/job.py": {"import_module("},  # modules of this package, as named by the workflow's scripts
    "src/tokentrial/statistics/__init__.py": {"import_module("},  # modules of this package, by names written there
    # the encoder whose file or module the user names on the command line, to be run
    "src/tokentrial/trial/candidates.py": {"import_module("},
    "src/tokentrial/checkout.py": {"subprocess.run("},  # git with fixed arguments
    "src/tokentrial/publish/machine.py": {"subprocess.run("},  # nvidia-smi with fixed arguments
    # Snakemake with the checkout's Snakefile; its targets are jobs of the default config's plan
    "src/tokentrial/publish/spot_check.py": {"subprocess.Popen("},
}


def uses(text: str) -> set[str]:
    code = "\n".join(line.partition("#")[0] for line in re.sub(r'""".*?"""', "", text, flags=re.DOTALL).splitlines())
    return {match[0] for match in FORBIDDEN.finditer(code)} - {"pickle" if "import pickle" not in code else ""}


def test_no_source_file_runs_what_it_reads() -> None:
    files = [
        *ROOT.glob("src/**/*.py"),
        *ROOT.glob("workflow/**/*.py"),
        *ROOT.glob("workflow/rules/*.smk"),
        ROOT / "Snakefile",
    ]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): uses(path.read_text()) for path in files}
    assert {name: parts for name, parts in found.items() if parts} == ALLOWED


def test_what_is_forbidden_is_found() -> None:
    for line in ("torch.load(x)", "import pickle", "eval(x)", "yaml.load(x)", "yaml.unsafe_load(x)", "np.load(x)"):
        assert uses(line), line
    for line in ("model.eval()", "yaml.safe_load(x)", "re.compile(x)", "# pickle", "torch.compile(x)"):
        assert not uses(line), line


def test_models_are_read_without_code_of_their_own() -> None:
    text = (ROOT / "src/tokentrial/cramming/folders.py").read_text()
    calls = re.findall(r"from_pretrained\((.*?)\)\n", text, flags=re.DOTALL)
    assert len(calls) == 2 and all("trust_remote_code=False" in call for call in calls)
    assert "use_safetensors=True" in calls[0]
