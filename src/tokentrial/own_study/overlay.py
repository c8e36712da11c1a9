"""From a study's file to what the workflow runs: an overlay of the config, and its claims as a document's entries."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokentrial import config as settings
from tokentrial.claims.catalogue import IN_WORDS
from tokentrial.claims.parameters import bind, parameters_of
from tokentrial.claims.rules import RULES
from tokentrial.data import corpora
from tokentrial.errors import InputError
from tokentrial.schema import study_files, validation
from tokentrial.schema.declared import CORPUS, OWN
from tokentrial.schema.own_study import ARM_KEYS, OwnClaim, OwnStudy
from tokentrial.schema.study_files import LEFT_OUT, StudyFile

NAME = "study"
"""The experiment, the tokenisation, the body, the model and the document of a study of one's own."""
TEXT, CRAM = "language_models", "cramming"
WAY = "done-right"
TOKENIZER = "tokenizer.json"
"""The study's own tokenizer, in the folder of its run."""
PREFIX = "STUDY"
"""Begins the ids of the study's claims."""
WHOLE_TEXT = {"epochs": 1, "fraction": 1.0, "held_out_fraction": 1.0}
CRAMMED_BY = {"architecture": "llama", "width": 64, "layers": 2, "context": 512, "learning_rate": 0.004, "epochs": 3,
              "batch_size": 16, "length": 64}  # fmt: skip
"""The model that texts are crammed into, but for what the file says."""
CRAMMING_TYPES = 512
"""Types of its byte-level BPE."""
PLACES = {
    f"config: {TEXT}.experiments.{NAME}.{WAY}.single": "arms",
    f"config: {TEXT}.experiments.{NAME}.{WAY}.training": "training",
    f"config: {TEXT}.experiments.{NAME}.{WAY}.": "",
    f"config: {TEXT}.experiments.{NAME}.{WAY}: ": "",
    f"config: {TEXT}.bodies.{NAME}": "body",
    f"config: {TEXT}.tokens.{NAME}": "tokenizer",
    f"config: {TEXT}.arms": "arms",
    f"config: {TEXT}.methods": "arms",
    f"config: {CRAM}.models.{NAME}.train": "cramming.train",
    f"config: {CRAM}.experiments.capacity": "cramming",
    "config: ": "",
}
"""Where an error of the config is in the study's file, the longest beginning first."""

NAMED = {"full_width": "width", "single": "arms"}
"""Keys of the config as they are called in the study's file."""

Tree = dict[str, Any]


def corpus_of(study: OwnStudy, folder: Path) -> str:
    """Returns the corpus as the config names it: a known name, or an absolute path."""
    return study.corpus if study.corpus in corpora.TITLES else os.path.normpath((folder / study.corpus).absolute())


def tokenizer_file(study: OwnStudy, folder: Path) -> Path | None:
    """Returns the study's own tokenizer.json. Raises InputError if there is no such file."""
    given = study.tokenizer
    if not isinstance(given, str) or given in ("word", "bpe"):
        return None
    path = folder / given
    if not path.is_file():
        expected = "one of word, bpe, {bpe: types}, {word: types}, or the path of a tokenizer.json"
        raise InputError(f"tokenizer: {settings.shown(given)}: found no such file, expected {expected}")
    return path


def overlay(study: OwnStudy, corpus: str, files: Mapping[str, StudyFile]) -> Tree:
    """Returns the overlay: the study's language models and texts to cram on its corpus, and nothing of the project's.

    Raises InputError for a key that does not fit, as it stands in the file.
    """
    sections = {name: None for name in files if name not in (TEXT, CRAM)}
    made = {"seeds": study.seeds, "corpus": corpus, **sections, TEXT: _texts(study, files[TEXT])}
    return {**made, CRAM: _cramming(study, files[CRAM])}


def check(made: Mapping[str, Any], default: Mapping[str, Any], files: Mapping[str, StudyFile]) -> Tree:
    """Returns the whole config of an overlay. Raises InputError with the keys of the study's file.

    default: config/config.yaml.
    """
    whole = study_files.completed(settings.merge(default, made), files)
    try:
        validation.check(whole, files)
    except InputError as error:
        said = str(error)
        start = next((each for each in PLACES if said.startswith(each)), "")
        said = PLACES.get(start, "") + said.removeprefix(start)
        for name, own in NAMED.items():
            said = re.sub(rf"\b{name}\b", own, said)
        raise InputError(said) from None
    return whole


def _texts(study: OwnStudy, file: StudyFile) -> Tree:
    known, methods, arms, single = file.design["arms"], dict[str, Tree](), dict[str, Tree](), list[str]()
    for name, given in study.arms.items():
        entry = dict(given or {})
        own = {key: entry.pop(key) for key in ARM_KEYS if key in entry}
        if "encoder" not in entry:
            if name not in known:
                said = f"key 'encoder' is missing, and studies/{TEXT}.yaml has no arm of this name"
                raise InputError(f"arms.{name}: {said}; {settings.nearest(name, known)}expected {', '.join(known)}")
            entry = {**known[name], **entry}
        arms[name] = entry
        single += [f"{name}-{ratio}" for ratio in own["ratios"]] if own.get("ratios") else [name]
        of_method: Tree = {key: own[key] for key in ("name", "role") if key in own}
        new = "encoder" in (given or {}) and name not in file.names.methods
        if of_method or new:
            methods[name] = {**({"role": OWN} if new else {}), **of_method}
    body = {"kind": study.body} if isinstance(study.body, str) else study.body
    kind = body.get("kind", "transformer")
    if kind not in file.design["bodies"]:
        raise InputError(f"body: {settings.unknown_key(kind, ['transformer', 'lstm']).removeprefix('unknown key ')}")
    training = {**WHOLE_TEXT, **(study.training or {})}
    design = {
        "tokens": NAME, "body": NAME, "full_width": study.width, "narrow": False, "tied": study.tied,
        "initial_scale": 0.1, "seeds": study.seeds, "ratios": [], "arms": [], "single": single, "training": training,
    }  # fmt: skip
    experiments = dict.fromkeys(file.design["experiments"])
    return {
        "tokens": {NAME: _tokens(study)},
        "seeds": study.seeds,
        "bodies": {NAME: {**file.design["bodies"][kind], **body}},
        "arms": arms,
        **({"methods": methods} if methods else {}),
        "experiments": {**experiments, NAME: {"title": study.title or CORPUS, "body": kind, WAY: design}},
    }


def _tokens(study: OwnStudy) -> Tree:
    given = study.tokenizer
    if isinstance(given, dict):
        [(kind, size)] = given.items()
        return {"tokenizer": kind, "vocab_size": size}
    if given in ("word", "bpe"):
        return {"tokenizer": given, "vocab_size": 2048 if given == "bpe" else None}
    return {"tokenizer": "file", "vocab_size": None, "file": TOKENIZER}


def _cramming(study: OwnStudy, file: StudyFile) -> Tree | None:
    if study.cramming is None:
        return None
    others = {part: dict.fromkeys(file.design[part]) for part in LEFT_OUT if part in file.design}
    capacity = {
        "title": f"Capacity of one vector on {CORPUS}", "models": [NAME], "kinds": ["text-test"],
        "lengths": study.cramming.lengths, "vectors": [1], "per_vector": False, "arms": ["tuned"], "controls": [],
    }  # fmt: skip
    return {
        "texts": study.cramming.texts,
        "vocab_size": CRAMMING_TYPES,
        "training": {"held_out_fraction": 1.0},
        "models": {NAME: {"train": {**CRAMMED_BY, **(study.cramming.train or {})}}},
        "experiments": {**others["experiments"], "capacity": capacity},
    }


# Claims


def document(study: OwnStudy, content: bytes, title: str) -> tuple[Tree, Tree]:
    """Returns (document.yaml, claims.yaml) of the study's claims. content: of the study's file.

    Raises InputError for a rule, a parameter or an arm that there is not.
    """
    claims = [_claim(study, number, claim) for number, claim in enumerate(study.claims or [], 1)]
    ids = [claim.id or str(number) for number, claim in enumerate(study.claims or [], 1)]
    if repeated := [name for name in ids if ids.count(name) > 1]:
        raise InputError(f"claims: id: found '{repeated[0]}' twice, expected it once")
    described = {"title": title, "file": "study.yaml", "sha256": hashlib.sha256(content).hexdigest()}
    return {**described, "prefix": PREFIX, "ids": ids}, {"claims": claims}


def _claim(study: OwnStudy, number: int, claim: OwnClaim) -> Tree:
    where = f"claims.{claim.id or number}"
    if claim.rule not in RULES:
        raise InputError(f"{where}.rule: {settings.unknown_key(claim.rule, list(RULES)).removeprefix('unknown key ')}")
    function = RULES[claim.rule]
    taken = {each.name for each in parameters_of(function)}
    parameters = dict(claim.parameters or {})
    if claim.pairs is not None:
        if "cells" in parameters or "cells" not in taken:
            found = (
                "parameters.cells beside it" if "cells" in parameters else f"the rule {claim.rule}, which has no cells"
            )
            raise InputError(f"{where}.pairs: found {found}, expected one of the two")
        parameters["cells"] = [{"study": f"{TEXT}/{NAME}", "pairs": claim.pairs}]
    defaults = {"metric": "cross_entropy", "seeds": study.seeds}
    parameters = {**{name: value for name, value in defaults.items() if name in taken}, **parameters}
    try:
        bind(function, parameters)
        _check_measured(study, parameters)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    words = {} if claim.rule in IN_WORDS else {"decision": RULES.questions[claim.rule]}
    return {
        "id": f"{PREFIX}-{claim.id or number}", "document": NAME, "section": "claims", "kind": "empirical",
        "paraphrase": claim.says, "reported": {}, "rule": claim.rule, "parameters": parameters, **words,
    }  # fmt: skip


def _check_measured(study: OwnStudy, parameters: Mapping[str, Any]) -> None:
    """Raises InputError for an arm, a study or a decision that the study does not measure."""
    arms = [f"{name}-{ratio}" for name, given in study.arms.items() for ratio in (given or {}).get("ratios") or ()]
    arms += [name for name, given in study.arms.items() if not (given or {}).get("ratios")]
    studies = [f"{TEXT}/{NAME}", TEXT] + [CRAM] * (study.cramming is not None)
    cells = [cell for name in ("cells", "equal", "larger") for cell in parameters.get(name, ())]
    named = [name for cell in cells for pair in cell["pairs"] for name in pair]
    named += [parameters[name] for name in ("arm", "other", "blind") if name in parameters]
    named += list(parameters.get("others", ()))
    for place, names, known in (
        ("study", [each["study"] for each in (*cells, parameters) if "study" in each], studies),
        ("arm", named, arms),
    ):
        if missing := [name for name in names if name not in known]:
            said = f"{place}: found '{missing[0]}', which the study does not measure"
            raise InputError(f"{said}; {settings.nearest(missing[0], known)}expected one of {', '.join(known)}")
    if "claim" in parameters and study.cramming is None:
        raise InputError(
            f"claim: found '{parameters['claim']}', a decision of cramming; expected the key cramming, too"
        )
