"""The frozen rules: the file that shows which verdicts were reached by rules older than their data.

``documents/rules.json`` has each empirical claim's rule with its parameters, the margins, the designs of the shipped
configs, and a digest of the code of each rule. The master seed of a run that decides is made from the SHA-256 of this
file. So its data cannot be older than its rules: whoever edits a rule gets another seed, whose run is yet to be made.
Whether a rule was fixed before its run is computed here and never typed.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokentrial import checkout, code_lists
from tokentrial import config as settings
from tokentrial.errors import InputError

FILE = Path("documents/rules.json")
BEFORE, AFTER = "before the run", "after the run"
PACKAGES = ("claims", "statistics", "run", "cramming")
"""Packages whose code decides; the others read files or name things."""
OF_CRAMMING = "as_decided"
"""The rule that takes the decisions of the cramming study."""
APART = ("seed", "device")
"""Keys of a config that are no part of a design."""
SHARED = "shared"
"""The name, among designs, of the settings that no study has for itself."""


@dataclass(frozen=True)
class Frozen:
    """The content of the file. rules: id -> rule, parameters and words; settings: see `config.judging`; designs: config
    -> study -> digest; code: rule -> digest. Without the file, all are empty, and digest is the empty text.
    """

    digest: str
    rules: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    designs: Mapping[str, Mapping[str, str]]
    code: Mapping[str, str]

    @property
    def seed(self) -> int | None:
        """The master seed of a run that the rules decide: the first 32 bits of the digest."""
        return int(self.digest[:8], 16) if self.digest else None


@dataclass(frozen=True)
class Judging:
    """What a run was judged by: master seed, settings (`config.judging`), and digests of its designs and its code."""

    seed: int
    settings: Mapping[str, Any]
    designs: Mapping[str, str]
    code: Mapping[str, str]


def read(path: str | Path) -> Frozen:
    """The frozen rules. Raises InputError for a file that cannot be used; a missing one is an empty one."""
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Frozen("", {}, {}, {}, {})
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    expected = ("rules", "settings", "designs", "code")
    try:
        tree = json.loads(content)
        return Frozen(hashlib.sha256(content).hexdigest(), *(dict(tree[name]) for name in expected))
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: found no frozen rules, expected JSON with {', '.join(expected)}") from None


def provenance(frozen: Frozen, seed: int, root: Path) -> dict[str, Any]:
    """What a run's record says of the frozen rules. seed: the run's master seed; root: the checkout."""
    return {
        "file": FILE.as_posix(),
        "sha256": frozen.digest,
        "git_commit": checkout.commit_of(FILE, root),
        "seed": frozen.seed,
        "seed_of_run": seed,
        "data_are_younger": seed == frozen.seed,
    }


def fixed(frozen: Frozen, judging: Judging, claim: str, rule: Mapping[str, Any]) -> tuple[str, str]:
    """When an empirical claim's rule was fixed, `BEFORE` or `AFTER`, and why not before (empty if it was).

    rule: the entry's rule, parameters and words, as in the file.
    """
    if not frozen.digest:
        return AFTER, "there are no frozen rules"
    if claim not in frozen.rules:
        return AFTER, "the claim has no frozen rule"
    differing = [
        why
        for differs, why in (
            (settings.canonical(rule) != settings.canonical(frozen.rules[claim]), "its rule is not the frozen one"),
            (
                settings.canonical(judging.settings) != settings.canonical(frozen.settings),
                "the margins or the confidence are not the frozen ones",
            ),
            (
                judging.code.get(rule["rule"]) != frozen.code.get(rule["rule"]),
                "the code of its rule is not the frozen one",
            ),
            (not _planned(frozen, judging, rule), "the design of its experiments is of no frozen config"),
            (judging.seed != frozen.seed, f"the run's seed is {judging.seed}, not {frozen.seed} of the frozen rules"),
        )
        if differs
    ]
    return (AFTER, "; ".join(differing)) if differing else (BEFORE, "")


def _planned(frozen: Frozen, judging: Judging, rule: Mapping[str, Any]) -> bool:
    """Whether one of the frozen configs has the run's designs of all studies that the rule reads."""
    studies = {"cramming"} if rule["rule"] == OF_CRAMMING else set(_studies(rule["parameters"]))
    wanted = {name: judging.designs.get(name) for name in (*studies, SHARED) if name in judging.designs}
    return any(all(known.get(name) == digest for name, digest in wanted.items()) for known in frozen.designs.values())


def _studies(value: Any) -> Iterator[str]:
    """The studies that a rule's parameters name (``study: bespoke/scaling``), at any depth."""
    if isinstance(value, Mapping):
        if isinstance(value.get("study"), str):
            yield value["study"].partition("/")[0]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _studies(entry)


def designs(config: Mapping[str, Any], rates: str) -> dict[str, str]:
    """Study -> digest of what it trains, and that of the settings that all share; without margins and names.

    rates: a digest of the searched learning rates that a run takes, empty without any.
    """
    parts: dict[str, Any] = {SHARED: {"rates": rates}}
    for name, value in settings.training(config).items():
        if not isinstance(value, Mapping):
            parts[SHARED] |= {name: value} if name not in APART else {}
        elif "experiments" in value:
            parts[name] = {key: entry for key, entry in value.items() if key != "methods"}
    return {name: hashlib.sha256(settings.canonical(part).encode()).hexdigest() for name, part in parts.items()}


def code(root: Path, modules: Mapping[str, str]) -> dict[str, str]:
    """Rule -> digest of all code that decides by it; modules: rule -> module that registers it."""
    return {rule: _code_of(root, module) for rule, module in modules.items()}


def _code_of(root: Path, module: str) -> str:
    """The digest of a module and of all that it imports of the deciding packages, directly or not.

    A package's own file only lists its modules, so that it would make the code of one rule that of all.
    """
    files, reached, waiting = code_lists.modules(root), set[str](), [module]
    while waiting:
        name = waiting.pop()
        reached.add(files[name])
        for other in code_lists.imported(root, f"{code_lists.LIBRARY}/{files[name]}.py") & files.keys():
            apart = files[other].partition("/")[0] not in PACKAGES or files[other].endswith("__init__")
            if files[other] not in reached and not apart:
                waiting.append(other)
    texts = {name: (root / code_lists.LIBRARY / f"{name}.py").read_text(encoding="utf-8") for name in sorted(reached)}
    return hashlib.sha256("\n".join(f"{name}\n{meaning(text)}" for name, text in texts.items()).encode()).hexdigest()


def meaning(text: str) -> str:
    """The code of a module without comments, docstrings and layout, in a form that all versions of Python share."""
    return _shape(ast.parse(text))


def _shape(node: Any) -> str:
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list) and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            value = [part for part in value if not _is_docstring(part)]
        if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
            fields.append(f"{name}={_shape(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _is_docstring(part: ast.AST) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
