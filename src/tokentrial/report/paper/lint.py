"""House rules of the paper: what its prose may not have, and what no page may look like."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tokentrial.report.template import PLACEHOLDER

AMERICAN = re.compile(
    r"\b(color|behavior|favor|center|analyz|optimiz|summariz|generaliz|quantiz|normaliz|tokeniz(?!er)|artifact|labeled)\w*",
    re.IGNORECASE,
)
MINUS = re.compile(r"(?<![\w-])-\d[\d.]*")
NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*")
KNOWN = re.compile(
    r"#said\[[^\]]*\]|#n\([^)]*\)\[[^\]]*\]|#raw\([^)]*\)|#?[a-z-]+\([^()]*\)|@[\w-]+|<[\w-]+>|`[^`]*`|SmolLM2-135M\S*|SHA-256"
)
"""What may have digits: numbers of documents and of the run, code, references and names."""
CODE = ("#", "//", "table.", "columns", "align", "inset", "rule", "ends", "caption")
"""Beginnings of lines that are no prose."""
SMALLEST, BLANK = 7.5, 0.4


def prose(folder: Path) -> list[str]:
    """Returns the faults of the sections in a folder, as ``file:line: what``: numbers that no row and no document has,
    hyphens for a minus, ``+-``, American spelling.
    """
    faults = []
    for file in sorted(folder.glob("*.typ")):
        for place, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if not line.lstrip().startswith(
                ("#", "//", "table.", "columns", "align", "inset", "rule", "ends", "caption")
            ):
                faults += [f"{file.name}:{place}: {fault}" for fault in _faults(line)]
    return faults


def _faults(line: str) -> Iterator[str]:
    text = KNOWN.sub("", PLACEHOLDER.sub("", line))
    if "+-" in text:
        yield "found +-, expected ±"
        return
    for found in MINUS.findall(text):
        yield f"found {found} with a hyphen, expected a minus"
        return
    for found in NUMBER.findall(text):
        yield f"found the number {found}, expected a placeholder or #said[...]"
    for match in AMERICAN.finditer(text):
        yield f"found {match[0]}, expected British spelling"


def pages(pdf: Path, images: list[bytes]) -> list[str]:
    """Returns the faults of the pages: type below `SMALLEST` points, text outside of the margins, pages that are more
    than `BLANK` empty below their last line (the last one may be), a file without tags.

    images: the pages as PNG at any size.
    """
    from matplotlib import image
    from pypdf import PdfReader

    reader = PdfReader(pdf)
    faults = [] if "/StructTreeRoot" in reader.root_object else ["the file has no tags"]
    for place, page in enumerate(reader.pages, 1):
        sizes: dict[float, str] = {}

        def visit(text: str, outer: Any, matrix: Any, _font: Any, size: float, sizes: dict[float, str] = sizes) -> None:
            if text.strip():
                scale = abs((outer[0] or outer[1]) * (matrix[0] or matrix[1]))  # of a figure, too
                sizes.setdefault(round(size * scale, 2), text.strip())

        page.extract_text(visitor_text=visit)
        for size, text in sizes.items():
            if 0 < size < SMALLEST - 0.05:
                faults.append(f"page {place}: found type of {size:g} points ({text[:30]!r}), expected {SMALLEST:g}")
    for place, page_image in enumerate(images[:-1], 1):
        gray = 255 * image.imread(io.BytesIO(page_image), format="png")[..., :3].mean(axis=-1)
        body = gray[: int(0.93 * len(gray))]  # without the page's number
        inked = np.flatnonzero((body < 200).any(axis=1))
        empty = 1.0 if inked.size == 0 else 1 - (inked[-1] + 1) / len(body)
        if empty > BLANK:
            faults.append(f"page {place}: {100 * empty:.0f} % of it is empty, expected at most {100 * BLANK:.0f} %")
    return faults
