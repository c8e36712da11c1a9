"""The run's figures, drawn for the page's theme: a figure's SVG has one palette, which gets a second one for the dark.

A figure is an image of its own, so ids in two figures cannot meet and nothing in them runs. Its style sheet follows the
colour scheme of the page that shows it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokentrial.errors import InputError

# Colour of the figures (report.figures.style, and the five of a colour map) -> colour on a dark page.
DARK = {
    "#ffffff": "#15171a",
    "#000000": "#f2efe8",
    "#222222": "#e4e1da",
    "#6e6e6e": "#a5a198",
    "#7a7a7a": "#b3aea4",
    "#c9c9c9": "#4a4e55",
    "#ededed": "#25292e",
    "#f5f5f5": "#1d2024",
    "#0072b2": "#5fb0e6",
    "#d55e00": "#f08a4b",
    "#009e73": "#3fc79d",
    "#e69f00": "#f0b43c",
    "#56b4e9": "#8fd0f7",
    "#cc79a7": "#e3a0c4",
    "#440154": "#c08ad6",
    "#433e85": "#8f8bd6",
    "#2e6f8e": "#5fa5c7",
}
SIZE = re.compile(rb'<svg[^>]*\bviewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
# What no reader sees in an SVG of Matplotlib: digits after the second, turns by nothing, comments, indents.
UNSEEN = (
    (re.compile(rb"(?<=\d\.\d\d)\d+(?=[ \n\",)])"), b""),
    (re.compile(rb' transform="rotate\(-?0 [^"]*\)"'), b""),
    (re.compile(rb"<!--.*?-->\s*", re.DOTALL), b""),
    (re.compile(rb"\n +"), b"\n"),
)
STYLE_END = re.compile(rb"</style>|(?=</svg>\s*$)")


def themed(drawing: bytes) -> bytes:
    """Returns an SVG that is drawn in other colours on a dark page; its default colour, black, is text."""
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark} !important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    default = 'svg{fill:#e4e1da}text:not([style*="fill: #"]){fill:#e4e1da}'
    for pattern, instead in UNSEEN:
        drawing = pattern.sub(instead, drawing)
    sheet = f"<style>@media (prefers-color-scheme: dark){{{default}{rules}}}</style>".encode()
    match = STYLE_END.search(drawing)
    if match is None:
        raise InputError("found no end of an SVG")
    at = match.end()
    return drawing[:at] + sheet + drawing[at:]


def size(name: str, drawing: bytes) -> tuple[int, int]:
    """Returns width and height in px. Raises InputError for a file that is no SVG with a viewBox."""
    found = SIZE.search(drawing)
    if found is None:
        raise InputError(f"figure {name}: found no SVG with a viewBox")
    return round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)  # a point is 4/3 px


def entries(
    drawings: Mapping[str, bytes],
    described: Mapping[str, tuple[str, str, str, str]],
    claims: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The figures for the template: name, title, caption, part, size, the claims that they decide, and what they show.

    drawings: name -> SVG; described: name -> part, title, caption and what was found; claims: see claims.entry.
    """
    rows = []
    for name, drawing in drawings.items():
        width, height = size(name, drawing)
        part, title, caption, found = described.get(name, ("Further figures", name.replace("-", " "), "", ""))
        mine = [
            claim for claim in claims if any(each["href"] == f"figures.html#figure-{name}" for each in claim["sources"])
        ]
        rows.append(
            {
                "name": name,
                "part": part,
                "title": title,
                "caption": caption,
                "width": width,
                "height": height,
                "claims": [{"id": claim["id"], "verdict": claim["verdict"]} for claim in mine],
                "alt": alt(title, found or caption, mine),
            }
        )
    return rows


def alt(title: str, found: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """Returns what a figure shows and what was found: the verdicts that it decides, else those of its study."""
    finding = " ".join(f"{claim['id']} {claim['verdict'].lower()}: {claim['reason']}" for claim in claims[:3])
    return " ".join(part for part in (f"{title}.", finding or found) if part)
