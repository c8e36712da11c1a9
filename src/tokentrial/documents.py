"""The documents on trial: everything about one document is in its folder, ``documents/<id>/``.

``document.yaml`` describes the document, ``claims.yaml`` lists its claims (see claims.registry), ``printed.yaml`` has
its printed tables (see published), if it prints any, and ``answers.yaml`` names its main claims (see report.answers).
The folder ``cross``, if there is one, has the claims about several documents.

The environment variable `VARIABLE` names a folder of documents of one's own, outside the checkout. They stand beside
the shipped ones: wherever documents are asked for, all folders are looked into.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tokentrial import config
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError

VARIABLE = "TOKENTRIAL_DOCUMENTS"
FOLDER = "documents"
CROSS = "cross"
"""The folder of claims about several documents."""
DOCUMENT, CLAIMS, PRINTED, ANSWERS = "document.yaml", "claims.yaml", "printed.yaml", "answers.yaml"
NAME = re.compile(r"(?!all$)[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
"""The name of a document's folder; ``all`` is that of the row of totals in tables and figures."""
NAMES = "up to 40 letters, digits, - and _ that begin with a letter or digit, and not 'all'"

Text = Annotated[str, Field(min_length=1)]
Folders = str | Path | Sequence[str | Path]
"""One folder of documents, or several."""


class Group(BaseModel):
    """Claims that belong together. ids: without the prefix, in the order of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Text
    prefix: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*$")]
    ids: Annotated[list[Text], Field(min_length=1)]

    @property
    def claims(self) -> list[str]:
        """The full ids of the claims."""
        return [f"{self.prefix}-{each}" for each in self.ids]


class Document(Group):
    """One document. file: the name of the text with its claims; sha256: the text's checksum.

    conclusion: how the concluding section is cited in a document that numbers its sections (``§6``); empty for others.
    """

    file: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    conclusion: str = ""


def folders(root: Path = ROOT, own: Path | None = None) -> list[Path]:
    """Returns the folders of documents: that of the checkout ``root``, and one's own, if there is one.

    own: the folder of one's own, by default that in `VARIABLE`. Raises InputError if there is no such folder.
    """
    shipped, own = root / FOLDER, own or Path(os.environ.get(VARIABLE, "") or root / FOLDER)
    if own == shipped or (own.is_dir() and shipped.is_dir() and shipped.samefile(own)):
        return [shipped]
    if not own.is_dir():
        raise InputError(f"{VARIABLE}: found {own}, expected a folder with a folder for each document")
    return [shipped, own.resolve()]


def folders_of(files: Iterable[str | Path]) -> list[Path]:
    """Returns the folders of documents with these files, such as ``documents/000/claims.yaml``, each once."""
    return list(dict.fromkeys(Path(file).parents[1] for file in files))


def several(inside: Folders) -> list[Path]:
    """Returns the folders as a list."""
    return [Path(inside)] if isinstance(inside, str | Path) else [Path(folder) for folder in inside]


def places(*inside: Path) -> dict[str, Path]:
    """Returns the name of each document in these folders, sorted, ``cross`` last, with its own folder.

    Other folders are ignored. Raises InputError for a document that is there twice.
    """
    found: dict[str, Path] = {}
    for folder in inside:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if not path.is_dir() or not NAME.fullmatch(path.name):
                continue
            if path.name in found:
                raise InputError(f"{path}: found the document twice, {found[path.name]} is the other; rename one")
            found[path.name] = path
    return dict(sorted(found.items(), key=lambda entry: (entry[0] == CROSS, entry[0])))


def names(*inside: Path) -> list[str]:
    """Returns the names of the documents in these folders (see `places`)."""
    return list(places(*inside))


def printed_files(*inside: Path) -> list[Path]:
    """Returns the files of printed tables, in the order of the documents."""
    files = [folder / PRINTED for folder in places(*inside).values()]
    return [file for file in files if file.is_file()]


def load(*inside: Path) -> dict[str, Group]:
    """Returns name -> document of these folders, in the order of ``names``.

    Raises InputError for a folder that is no document, a document without description or claims or twice, a missing or
    malformed entry of a file, and a claim's id that occurs twice.
    """
    known = places(*inside)
    if not known:
        raise InputError(f"{inside[0]}: found no document, expected a folder for each, such as 000")
    for folder in inside:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.is_dir() and path.name not in known and not path.name.startswith("."):
                raise InputError(f"{path}: found a folder {config.shown(path.name)}, expected {NAMES}")
    for folder in known.values():
        for file in (DOCUMENT, CLAIMS):
            if not (folder / file).is_file():
                raise InputError(f"{folder}: found no {file}, expected {DOCUMENT} and {CLAIMS}")
    documents = {name: read(folder / DOCUMENT) for name, folder in known.items()}
    owners: dict[str, str] = {}
    for name, group in documents.items():
        for claim in group.claims:
            if claim in owners:
                first, second = (known[each] / DOCUMENT for each in (owners[claim], name))
                raise InputError(f"{second}: ids: found {claim}, which {first} has, too; expected it once")
            owners[claim] = name
    return documents


def read(file: Path) -> Group:
    """Returns the content of a document's file; ``cross`` has no text. Raises InputError that names file and key."""
    content = config.load(file)
    config.check_values(content, str(file), key=None)
    model = Group if file.parent.name == CROSS else Document
    try:
        group = model.model_validate(content)
    except ValidationError as error:
        # a mistyped key comes first, since it explains a missing key
        errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise InputError(f"{file}: {_line(errors[0], list(model.model_fields))}") from None
    repeated = [name for name, count in Counter(group.ids).items() if count > 1]
    if repeated:
        raise InputError(f"{file}: ids: found {config.shown(repeated[0])} twice, expected it once")
    return group


def _line(error: Mapping[str, Any], known: list[str]) -> str:
    """Returns key, found value and expected value in one line."""
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return config.unknown_key(where, known)
    if error["type"] == "missing":
        return f"key '{where}' is missing, expected {', '.join(known)}"
    expected = error["msg"].partition(" should ")[2]  # Input should be ..., String should have ...
    return f"{where}: found {config.shown(error['input'])}, expected it to {expected}"
