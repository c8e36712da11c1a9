"""What all pages share: the frame, the content security policy, and files with data that a script of a page reads."""

import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from tokentrial.errors import InputError

# Files beside the pages and nothing else: no address, no inline script or style, no evaluated text.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
MENU = (
    ("index.html", "Start"),
    ("claims.html", "Claims"),
    ("explorer.html", "Explorer"),
    ("tables.html", "Tables"),
    ("figures.html", "Figures"),
    ("provenance.html", "Provenance"),
)
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 120
"""Letters of a file's name."""


class Pages:
    """Writes the pages of one site into a folder."""

    def __init__(self, folder: Path, templates: Mapping[str, str], shared: Mapping[str, Any]) -> None:
        """folder: an existing one; templates: name -> text; shared: values that every page can use."""
        self.folder = folder
        self.environment = jinja2.Environment(
            loader=jinja2.DictLoader(dict(templates)),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["quoted"] = lambda text: quote(str(text), safe="")
        self.environment.globals |= {"policy": POLICY, "menu": MENU, **shared}

    def page(self, name: str, template: str, **values: Any) -> None:
        """Fills a template; name: the page's path in the site."""
        root = "../" * name.count("/")
        text = self.environment.get_template(template).render(root=root, here=name, **values)
        self.file(name, re.sub(r"\n\s*\n+", "\n", text))

    def data(self, name: str, content: Any) -> None:
        """Writes data as a script, the only form in which a page opened as a file may read another file.

        It holds deflated JSON in base64, a third of the JSON's size; site.js reads it.
        """
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
        self.file(f"data/{name}.js", f'(window.tokentrialData ??= {{}})[{json.dumps(name)}] = "{packed}";\n')

    def archive(self, name: str, files: Mapping[str, bytes]) -> None:
        """Writes a ZIP archive, the same bytes at any time; files: name in it -> content."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, content in files.items():
                archive.writestr(zipfile.ZipInfo(inside), content, zipfile.ZIP_DEFLATED, 9)
        self.file(name, target.getvalue())

    def file(self, name: str, content: str | bytes) -> None:
        """Writes a file of the site."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def file_names(keys: Sequence[str]) -> dict[str, str]:
    """Returns key -> the name of a file without its suffix, each another one, whatever the keys contain."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in dict.fromkeys(keys):
        base = UNSAFE.sub("-", key.replace("/", "."))[:LONGEST].strip(".-") or "page"
        name, count = base, 1
        while name.lower() in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name.lower())
        names[key] = name
    return names


def read(path: str | Path) -> bytes:
    """Returns the bytes of a file. Raises InputError that names a file that cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def slug(verdict: str) -> str:
    """A verdict in a URL and as a class name: ``too-small``."""
    return verdict.lower().replace(" ", "-")
