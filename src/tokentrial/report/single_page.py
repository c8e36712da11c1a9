"""Pages that stand alone: one HTML file with its figures inside, without script, network or any other file."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from tokentrial.checkout import ROOT
from tokentrial.report.figures import style

FOLDER = Path("workflow/report")


def html(template: str, values: Mapping[str, Any], figures: Mapping[str, Figure], root: Path = ROOT) -> str:
    """Returns a template of ``FOLDER``, filled; every text is escaped. figures: name -> the image with this name."""
    loader = jinja2.FileSystemLoader(root / FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    images = {name: uri(each) for name, each in figures.items()}
    return environment.get_template(template).render({**values, **images}) + "\n"


def uri(drawn: Figure) -> str:
    """Returns a figure as the address of an image that is in the page."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg(drawn)).decode()}"


def svg(drawn: Figure) -> bytes:
    """Returns a figure's SVG."""
    file = io.BytesIO()
    with style.applied():
        drawn.savefig(file, format="svg", metadata=style.METADATA["svg"])
    return file.getvalue()
