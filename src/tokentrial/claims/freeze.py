"""Freezes the rules: ``python -m tokentrial.claims.freeze`` writes documents/rules.json and says what changed.

A run whose verdicts are to count as decided by older rules comes after the commit of this file, with the master seed
that is printed here.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokentrial import checkout
from tokentrial import config as settings
from tokentrial.claims import decisions, frozen, registry
from tokentrial.claims.frozen import Frozen, Judging
from tokentrial.claims.registry import Claim
from tokentrial.claims.rules import RULES
from tokentrial.schema import study_files
from tokentrial.studies import rates

CONFIG = "config/config.yaml"
OVERLAYS = ("config/reference.yaml", "config/paper.yaml")
"""Configs whose designs are frozen beside the default one."""


def rule_of(claim: Claim) -> dict[str, Any]:
    """What is frozen of an empirical claim: its rule, the rule's parameters, and the rule in words."""
    parameters = json.loads(settings.canonical(claim.parameters))
    return {"rule": claim.check, "parameters": parameters, "decision": claim.decision}


def fixed_by(rules: Frozen, judging: Judging) -> Callable[[Claim], tuple[str, str]]:
    """Says of an empirical claim when its rule was fixed, and why not before the run (see `frozen.fixed`)."""
    return lambda claim: frozen.fixed(rules, judging, claim.id, rule_of(claim))


def code(root: Path) -> dict[str, str]:
    """Rule -> digest of the code that decides by it."""
    modules = {name: rule.__module__ for name, rule in RULES.items()}
    return frozen.code(root, modules | {frozen.OF_CRAMMING: decisions.__name__})


def content(root: Path) -> dict[str, Any]:
    """The rules, margins, designs and code of the checkout as they are now."""
    claims = registry.load(root / "documents", root / "workflow/schemas/claims.schema.yaml")
    overlays = [name for name in OVERLAYS if (root / name).is_file()]
    configs = {CONFIG: study_files.default(root)} | {name: study_files.default(root, root / name) for name in overlays}
    return {
        "rules": {claim.id: rule_of(claim) for claim in claims if claim.call is None},
        "settings": settings.whole(settings.judging(configs[CONFIG])),
        "designs": {name: frozen.designs(config, _digest(root / rates.FILE)) for name, config in configs.items()},
        "code": code(root),
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two contents: ``rules: LE0-RQ``."""
    return [
        f"{part}: {name}"
        for part in new
        for name in dict.fromkeys([*old.get(part, {}), *new[part]])
        if old.get(part, {}).get(name) != new[part].get(name)
    ]


def freeze(root: Path) -> list[str]:
    """Writes the file, and returns what differs from the one before."""
    path, new = root / frozen.FILE, content(root)
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text = json.dumps(new, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    return differing(old, new)


if __name__ == "__main__":
    for line in freeze(checkout.ROOT):
        print(f"changed: {line}")
    now = frozen.read(checkout.ROOT / frozen.FILE)
    print(f"{frozen.FILE}: SHA-256 {now.digest}\nmaster seed of a run that these rules decide: {now.seed}")
