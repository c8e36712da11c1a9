"""An audit of a paper: its printed numbers and claims in one file, judged by the checks alone, without any run.

The file has a title and a list of entries as in ``documents/<id>/claims.yaml`` (docs/claims.md); an audit needs fewer
keys: ``check`` and ``parameters``. It may also have tables as the paper prints them, whose cells the entries name, and
the paper's text, in which every number and place must then occur. A Markdown file is such a text with its tables; the
claims are a block of YAML in it. The folder of a document of the project is audited as it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import config, documents
from tokentrial.checkout import ROOT
from tokentrial.claims import registry, tables, verdicts
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.registry import Claim
from tokentrial.claims.tables import Tables
from tokentrial.claims.verdict import OF_CHECKS
from tokentrial.errors import InputError

SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
KEYS = ("title", "text", "tables", "claims")
YAML, MARKDOWN = (".yaml", ".yml"), (".md", ".markdown")
KIND = "internal"
"""The kind of an entry that names none: agreement within the paper."""
BLOCK = re.compile(r"^```ya?ml\s*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Audit:
    """A judged paper. verdicts: a row for each claim that a check decides; unjudged: claims that need a run."""

    file: str
    title: str
    verdicts: pd.DataFrame
    unjudged: list[Claim]


def audit(path: str | Path) -> Audit:
    """Judges the claims of a paper. Raises InputError with file, entry and key for whatever is wrong with the file."""
    title, claims = read(Path(path))
    judged = verdicts.judge(claims, None)
    return Audit(str(path), title, judged, [claim for claim in claims if claim.call is None])


def read(path: Path) -> tuple[str, list[Claim]]:
    """Returns the title and the claims of a file, or of a document's folder."""
    schema = config.load(SCHEMA)
    if path.is_dir():
        group = documents.read(_required(path / documents.DOCUMENT))
        known = [name for name in documents.names(path.parent) if name != documents.CROSS]
        file = _required(path / documents.CLAIMS)
        return group.title, registry.read_file(file, schema, group.claims, known or [path.name])
    if path.suffix.lower() not in (*YAML, *MARKDOWN):
        expected = f"a file {', '.join((*YAML, *MARKDOWN))} or a document's folder"
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected {expected}")
    content, printed, text = _content(path)
    return str(content.get("title") or path.stem), list(_claims(path, content["claims"], schema, printed, text))


def _required(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: not found, expected a document's folder with {documents.DOCUMENT} and its claims")
    return path


def _content(path: Path) -> tuple[Mapping[str, Any], Tables, str | None]:
    """Returns the keys of a file, its tables by name, and the paper's text if there is one."""
    text: str | None = None
    if path.suffix.lower() in MARKDOWN:
        text = _text(path)
        blocks = [block for block in BLOCK.findall(text) if re.search(r"^claims:", block, re.MULTILINE)]
        if len(blocks) != 1:
            raise InputError(f"{path}: found {len(blocks)} blocks of YAML with the key claims, expected one")
        content = config.loads(blocks[0], path)
        text = text.replace(blocks[0], "")
    else:
        content = config.load(path)
    for key in content:
        if key not in KEYS:
            raise InputError(f"{path}: {config.unknown_key(str(key), KEYS)}")
    if not isinstance(content.get("claims"), list) or not content["claims"]:
        raise InputError(f"{path}: claims: found {config.shown(content.get('claims'))}, expected a list of entries")
    printed = tables.of_text(text, str(path)) if text else tables.of_mapping(content.get("tables", {}), str(path))
    if text is None and content.get("text") is not None:
        text = _text(path.parent / str(content["text"]))
    return content, printed, text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: found bytes that are no UTF-8 ({error.reason}), expected text") from None


def _claims(
    path: Path, entries: Sequence[Any], schema: Mapping[str, Any], printed: Tables, text: str | None
) -> Iterator[Claim]:
    """Yields the claims of a file, their numbers taken from its tables and looked up in the text."""
    seen = set()
    name = path.stem if documents.NAME.fullmatch(path.stem) else "paper"
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise InputError(f"{path}: claims[{number}]: found {config.shown(entry)}, expected keys and values")
        whole = completed(entry, number, name)
        where = f"{path}: {config.shown(whole['id'], text=str)}"
        for key, placed in (("reported", False), ("parameters", True)):
            whole[key] = tables.filled(whole[key], printed, f"{where}: {key}", placed)
        claim = registry.read_entry(whole, schema, str(path), str(whole["document"]).split(" + "))
        if claim.id in seen:
            raise InputError(f"{where}: the id is there twice")
        seen.add(claim.id)
        if text is not None:
            _look_up(claim, text, where)
        yield claim


def completed(entry: Mapping[str, Any], number: int, document: str) -> dict[str, Any]:
    """Returns an entry with all keys of a registry's entry; number: its place, from 1."""
    check = entry.get("check", "")
    question = CHECKS.questions.get(check, "") if isinstance(check, str) else ""
    defaults = {"id": f"C-{number}", "document": document, "section": "", "kind": KIND, "reported": {}}
    return {**defaults, "paraphrase": question or "Several parts", "parameters": {}, **entry}


def _look_up(claim: Claim, text: str, where: str) -> None:
    """Raises InputError for a printed number or a place that the paper's text does not have."""
    plain = _plain(text)
    for place in filter(None, re.split(r";|,| vs ", claim.section)):
        if _plain(place).strip().lower() not in plain.lower():
            raise InputError(f"{where}: section: found {place.strip()!r}, which the text does not have")
    for name, value in _printed(claim.reported, "reported"):
        _find(value, plain, f"{where}: {name}")
    for name, value in _printed(claim.parameters, "parameters", only_placed=True):
        _find(value, plain, f"{where}: {name}")


def _find(value: str, plain: str, where: str) -> None:
    number = _plain(value).removesuffix("%").strip()
    whole = rf"(?<![\d.,]){re.escape(number.lstrip('+'))}(?!\d|[.,]\d)"  # 0.08 is no part of 0.083, nor 12 of 512
    if any(letter.isdigit() for letter in number) and not re.search(whole, plain):
        raise InputError(f"{where}: found {value!r}, which the text does not have")


def _plain(text: str) -> str:
    """A text with one kind of minus sign and of space."""
    return re.sub(r"\s+", " ", text.replace("−", "-").replace("–", "-"))


def _printed(value: Any, place: str, only_placed: bool = False) -> Iterator[tuple[str, str]]:
    """Yields the place and the text of every printed number; of parameters only of those with a place of their own."""
    if isinstance(value, Mapping):
        if only_placed and set(value) == {"value", "where"}:
            yield place, str(value["value"])
            return
        for key, entry in value.items():
            yield from _printed(entry, f"{place}.{key}", only_placed)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _printed(entry, f"{place}[{index}]", only_placed)
    elif isinstance(value, str) and not only_placed:
        yield place, value


def counts(judged: pd.DataFrame) -> dict[str, int]:
    """Verdict -> how many claims have it, in the order of the words."""
    sizes = judged["verdict"].value_counts()
    return {word: int(sizes[word]) for word in OF_CHECKS if word in sizes}
