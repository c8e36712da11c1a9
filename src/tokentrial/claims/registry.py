"""The registry of claims: ``documents/<id>/claims.yaml``, loaded, checked and bound to its checks and rules.

Whatever is wrong is one line with file and id. Loading compares the parameters of every check and rule with what it
takes, so that a mistake shows before anything is judged.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, get_args

from jsonschema import Draft202012Validator

from tokentrial import config, documents
from tokentrial.claims.catalogue import IN_WORDS, Check
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.parameters import Reported, bind
from tokentrial.claims.printed import Quantity
from tokentrial.claims.rules import RULES
from tokentrial.claims.verdict import KINDS, Each, Finding, combine
from tokentrial.errors import InputError

SEVERAL = "several"
"""The check whose parameters are a list of parts, each with its own check."""


@dataclass(frozen=True)
class Claim:
    """One entry. ``check`` is the name of its check or rule; ``call`` judges a claim with a check, and is None else.

    ``numbers`` counts the printed numbers that a check gets, ``decision`` is an empirical claim's rule in words,
    ``quotes`` the document's words by their place.
    """

    id: str
    document: str
    section: str
    kind: str
    paraphrase: str
    reported: Mapping[str, Any]
    check: str
    parameters: Mapping[str, Any]
    file: str
    source: str = "check"
    decision: str = ""
    call: Callable[[], Finding] | None = None
    numbers: int = 0
    quotes: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """File and id, with which an error line begins."""
        return f"{self.file}: {self.id}"


def load(inside: documents.Folders, schema_path: str | Path) -> list[Claim]:
    """All claims of the documents in these folders, in their order. Raises InputError with file and id."""
    folders, schema = documents.several(inside), config.load(schema_path)
    groups, places = documents.load(*folders), documents.places(*folders)
    known = [name for name in groups if name != documents.CROSS]
    files = {places[name] / documents.CLAIMS: group.claims for name, group in groups.items()}
    return [claim for file, ids in files.items() for claim in read_file(file, schema, ids, known)]


def read_file(path: Path, schema: Mapping[str, Any], known: Sequence[str], documents: Sequence[str]) -> list[Claim]:
    """The claims of one file in the order of the known ids: exactly those, each once."""
    content = config.load(path)
    _check(content, schema, "file", str(path))
    seen: dict[str, Claim] = {}
    for place, entry in enumerate(content["claims"]):
        name = entry.get("id", f"entry {place + 1}")
        where = f"{path}: {config.shown(name, text=str)}"
        _check_values(entry, where)
        if name in seen:
            raise InputError(f"{where}: the id is there twice")
        claim = read_entry(entry, schema, str(path), documents)
        if name not in known:
            raise InputError(
                f"{where}: {config.unknown_key(name, known)[:300]}".replace("unknown key", "no document has the id")
            )
        seen[name] = claim
    missing = [name for name in known if name not in seen]
    if missing:
        raise InputError(f"{path}: {missing[0]}: the entry is missing ({len(missing)} of {len(known)} ids have none)")
    return [seen[name] for name in known]


def read_entry(entry: Mapping[str, Any], schema: Mapping[str, Any], file: str, documents: Sequence[str]) -> Claim:
    """One entry as a claim, its check bound. Raises InputError with file and id."""
    where = f"{file}: {config.shown(entry.get('id', 'an entry without id'), text=str)}"
    _check_values(entry, where)
    kind = entry.get("kind")
    if kind not in KINDS:
        raise InputError(f"{where}: kind: found {config.shown(kind)}, expected one of {', '.join(KINDS)}")
    _check(entry, schema, "empirical" if kind == "empirical" else "checked", where)
    for name in entry["document"].split(" + "):
        if name not in documents:
            raise InputError(f"{where}: document: found {name!r}, expected one of {', '.join(documents)}")
    head = {key: entry[key] for key in ("id", "document", "section", "kind", "paraphrase", "reported", "parameters")}
    head |= {"file": file, "source": entry.get("source", "check"), "quotes": entry.get("quotes", {})}
    try:
        if kind == "empirical":
            bind(_named(entry["rule"], RULES, "rule"), entry["parameters"])
            return Claim(**head, check=entry["rule"], decision=_decision(entry))
        call = bound(entry["check"], entry["parameters"], entry["reported"])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Claim(**head, check=entry["check"], call=call, numbers=_numbers(call))


def _decision(entry: Mapping[str, Any]) -> str:
    """The rule in words: those of the rule itself, or the entry's where the rule has none. Raises InputError."""
    if (words := IN_WORDS.get(entry["rule"])) is None:
        if "decision" not in entry:
            raise InputError(f"key 'decision' is missing: the rule {entry['rule']} takes its words from the entry")
        return str(entry["decision"])
    if "decision" in entry:
        raise InputError(f"decision: found a text, expected none: the rule {entry['rule']} says what it decides on")
    return words(entry["parameters"])


def bound(check: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Callable[[], Finding]:
    """The check with its parameters, ready to call. Every reported value must be used, or it could be anything."""
    reported = Reported(values, set())
    call = _several(parameters, reported) if check == SEVERAL else _one(check, parameters, reported)
    unused = [name for name in values if name not in reported.used]
    if unused:
        raise InputError(f"reported: {unused[0]} is used by no parameter of the check {check}")
    return call


def _one(check: Any, parameters: Mapping[str, Any], reported: Reported) -> Callable[[], Finding]:
    function = _named(check, CHECKS, "check")
    return partial(function, **bind(function, parameters, reported))


def _named(name: Any, known: Mapping[str, Check], what: str) -> Check:
    if not isinstance(name, str) or name not in known:
        raise InputError(f"{what}: {config.unknown_key(name, list(known))}")
    return known[name]


def _several(parameters: Mapping[str, Any], reported: Reported) -> Callable[[], Finding]:
    """A claim with several parts: the verdict of `combine`; the reasons in one sentence."""
    parts = parameters.get("parts")
    claim: Any = parameters.get("claim")
    if set(parameters) != {"claim", "parts"} or not isinstance(parts, list) or len(parts) < 2:
        raise InputError("parameters: expected the keys claim and parts, a list of at least 2 checks")
    if claim not in get_args(Each):
        raise InputError(f"parameters: claim: {config.unknown_key(claim, list(get_args(Each)))}")
    calls = []
    for place, part in enumerate(parts):
        if (
            not isinstance(part, Mapping)
            or set(part) != {"check", "parameters"}
            or not isinstance(part["parameters"], Mapping)
        ):
            raise InputError(f"parameters: parts[{place}]: expected the keys check and parameters")
        try:
            calls.append(_one(part["check"], part["parameters"], reported))
        except InputError as error:
            raise InputError(f"parameters: parts[{place}]: {error}") from None
    return partial(_judge_parts, calls, claim)


def _judge_parts(calls: Sequence[Callable[[], Finding]], claim: Each) -> Finding:
    findings = [call() for call in calls]
    recomputed = {
        f"{place}.{name}": value for place, found in enumerate(findings, 1) for name, value in found.recomputed.items()
    }
    reasons = [found.reason.removesuffix(".") for found in findings]
    reason = "; ".join([reasons[0], *(_lower(text) for text in reasons[1:])]) + "."
    return Finding(combine([found.verdict for found in findings], claim), recomputed, reason)


def _numbers(value: Any) -> int:
    """How many printed numbers or settings a bound check holds."""
    if isinstance(value, Quantity):
        return 1
    if isinstance(value, partial):
        return _numbers((*value.args, *value.keywords.values()))
    entries = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(_numbers(entry) for entry in entries)


def _lower(text: str) -> str:
    """The text with a small first letter, unless its first word is more than a capitalised word (a name, a number)."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def check_texts(texts: str | Path, inside: documents.Folders) -> int:
    """Compares the documents' texts in the folder ``texts`` with their checksums; returns how many were compared.

    The folder need not have the text of every document. Raises InputError if it has none, and for a text that cannot be
    read or that is no longer the text from which the claims were taken.
    """
    compared, names = 0, list[str]()
    folders = documents.several(inside)
    for name, document in documents.load(*folders).items():
        if not isinstance(document, documents.Document):
            continue
        path = Path(texts) / document.file
        names.append(document.file)
        if not path.exists():
            continue
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: document {name} cannot be read: {error.strerror}") from None
        if found != document.sha256:
            expected = f"{documents.places(*folders)[name] / documents.DOCUMENT} expects {document.sha256[:12]}"
            raise InputError(f"{path}: document {name} has changed: its checksum is {found[:12]}, {expected}")
        compared += 1
    if not compared:
        raise InputError(f"{texts}: found the text of no document, expected at least one of {', '.join(names)}")
    return compared


def _check_values(content: Mapping[str, Any], where: str) -> None:
    """The first value that is none: text that cannot be printed, a number that is not finite, a key that is no text."""
    config.check_values(content, where, key=None)


def _check(content: Any, schema: Mapping[str, Any], part: str, where: str) -> None:
    """The first thing wrong with a value by a closed part of the schema, as one line."""
    validator = Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]})
    errors = sorted(validator.iter_errors(content), key=lambda error: list(map(str, error.path)))
    if errors:
        message = config.describe(config.deepest(errors[0])).removeprefix("config").removeprefix(": ")
        raise InputError(f"{where}: {message}")
