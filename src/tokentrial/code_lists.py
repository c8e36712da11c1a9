"""The library modules that a job's result depends on, computed while the workflow is planned.

A rule names its script and the modules that the script loads by name. Its code is these files and all modules that they
import, directly or not. An import counts wherever it stands in a file, unless only a type checker reads it. Standard
library only.
"""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "tokentrial"
LIBRARY, SCRIPTS = "src/tokentrial", "workflow/scripts"  # in the checkout

# Imported by jobs but in no code list, unless a rule names them: an edit of one must not retrain everything.
NOT_LISTED = {
    "__init__": "names the version",
    "checkout": "finds the code and its commit; a rerun depends on the digests of the files",
    "errors": "defines exceptions",
    "fork_server": "starts the processes of jobs",
    "job": "sends output to the log and calls the function of the job",
    "pieces": "takes a finished job from a folder if all its digests agree",
    "provenance": "names versions and machines, in columns that say where a number was made",
    "rusage": "measures the memory of a process, in a column that says what a job cost",
    "training/writing": "puts rows and provenance into the two files of a job",
}

# A whole import statement on its own lines. A file with any other use of the word, as in prose, is parsed.
STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\w[\w.]*)[ \t]+)?import[ \t]+(\([^()]*\)|[\w., \t]+|\*)[ \t]*(?:#.*)?$", re.MULTILINE
)
WORD = re.compile(r"import\b")
TYPING_ONLY = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
# A string that names a module or a function: scripts name the functions of their jobs like this.
QUOTED = re.compile(rf"""{PACKAGE}(?<=["']{PACKAGE})(?:\.\w+)+(?=["'])""")


@cache
def code_of(root: Path, script: str, *named: str) -> tuple[str, ...]:
    """Returns the library files that the result of a script depends on, sorted and relative to the checkout ``root``.

    script: the name of a script of the workflow. named: modules below src/tokentrial that the script loads by name
    (``encoders/pca``), or whose text is part of its result although they are in NOT_LISTED.

    A file that cannot be read or parsed raises no error, since the library may be under edit; the job that imports the
    file reports the error. A missing named module is listed, so that Snakemake reports it.
    """
    files = modules(root)
    start = {name.replace("/", "."): name for name in named}
    reached = closure(root, {*imported(root, f"{SCRIPTS}/{script}.py"), *(f"{PACKAGE}.{name}" for name in start)})
    listed = {files[module] for module in reached if _has_code(root, files[module])} - NOT_LISTED.keys()
    listed |= {files.get(f"{PACKAGE}.{module}", name) for module, name in start.items()}
    return tuple(f"{LIBRARY}/{name}.py" for name in sorted(listed))


@cache
def modules(root: Path) -> dict[str, str]:
    """Returns the library's modules: ``tokentrial.data`` -> ``data/__init__``, its file below src/tokentrial."""
    library = root / LIBRARY
    files = {}
    for folder, _, names in os.walk(library):
        package = Path(folder).relative_to(library)
        for name in names:
            if name.endswith(".py"):
                parts = [PACKAGE, *package.parts, name.removesuffix(".py")]
                module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                files[module] = (package / name).with_suffix("").as_posix()
    return files


def closure(root: Path, start: Iterable[str]) -> set[str]:
    """Returns the library's modules in ``start``, all modules that they import, directly or not, and their packages."""
    files = modules(root)
    reached: set[str] = set()
    waiting = {module for module in start if module in files}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        package = module.rpartition(".")[0]
        waiting |= ({*imported(root, f"{LIBRARY}/{files[module]}.py"), package} & files.keys()) - reached
    return reached


@cache
def imported(root: Path, path: str) -> frozenset[str]:
    """Returns the full names of modules and of their contents that a file imports or quotes.

    Parsing the whole library takes a second. So if all imports of a file stand on their own lines, the file is only
    searched for these lines; a docstring's line that reads like an import counts, too. Any other file is parsed.
    """
    text = _text(root, path)
    names = {name for quoted in QUOTED.findall(text) for name in (quoted, quoted.rpartition(".")[0])}
    lines = STATEMENT.findall(text)
    tree = None
    if len(lines) != len(WORD.findall(text)) or "TYPE_CHECKING" in text:
        tree = _parsed(text)
    if tree is None:
        return frozenset(names.union(*(_names(*line) for line in lines if PACKAGE in line[0] or PACKAGE in line[1])))
    package = path.removeprefix("src/").split("/")[:-1]
    for statement in _imports(tree.body):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        else:
            above = package[: len(package) + 1 - statement.level] if statement.level else []
            origin = ".".join([*above, *filter(None, [statement.module])])
            names |= {origin, *(f"{origin}.{alias.name}" for alias in statement.names)}
    return frozenset(names)


def _names(origin: str, imports: str) -> set[str]:
    """Returns the names that a statement imports: ``origin`` and its contents, or modules if there is no origin."""
    parts = re.sub("#.*", "", imports).strip("()").split(",")
    names = {part.split()[0] for part in parts if part.strip()}
    return {origin, *(f"{origin}.{name}" for name in names)} if origin else names


def _imports(statements: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields the import statements among these and in their bodies, except those under ``if TYPE_CHECKING``."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        typing_only = isinstance(statement, ast.If) and ast.unparse(statement.test) in TYPING_ONLY
        for part in ("body", "handlers", "cases", "orelse", "finalbody"):
            if part != "body" or not typing_only:
                yield from _imports(getattr(statement, part, ()))


@cache
def _has_code(root: Path, name: str) -> bool:
    """Whether a file has more than a docstring. Only packages are checked: other modules exist for their code."""
    if not name.endswith("__init__"):
        return True
    tree = _parsed(_text(root, f"{LIBRARY}/{name}.py"))
    if tree is None:
        return True
    return any(not isinstance(part, ast.Expr) or not isinstance(part.value, ast.Constant) for part in tree.body)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):  # ValueError: null bytes, up to Python 3.11.3
        return None


def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
