"""LaTeX tables read back as text, and compiled by the engines that people have."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENGINES = ("pdflatex", "lualatex")
FILES = {"pdflatex": ("booktabs.sty", "pdflscape.sty"), "lualatex": ("luaotfload.sty", "lmroman10-regular.otf")}
MARK = "=== table "
# No engine says that a row is higher than its page: longtable lets it run over the end.
HIGH = r"""\makeatletter\let\output@of@longtable\LT@output\def\LT@output{\setbox0\vbox{\unvcopy255}%
\ifdim\ht0>\dimexpr\vsize+5pt\relax\typeout{Overfull page: \the\ht0}\fi\output@of@longtable}\makeatother"""
WRITTEN = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"{\ttfamily\char34}": '"',
    r"\`{}": "`",
    r"\dots{}": "…",
    r"\S{}": "§",
    r"$\cdot$": "·",
    r"$\pm$": "±",
    r"$\times$": "×",
    r"$\ge$": "≥",
    r"$\to$": "→",
    r"$-$": "-",
    "$<$": "<",
    "$>$": ">",
    "$|$": "|",
    "{[}": "[",
    "{]}": "]",
    "{*}": "*",
    "``": "“",
    "''": "”",
    "--": "–",
    r"\allowbreak{}": "",
    r"\newline ": " ",
    r" \\ ": " ",
    r"\end{tabular}": "",
    **{f"\\{letter}": letter for letter in "&%$#_{}"},
    "~": " ",
    "{}": "",
}
PATTERN = re.compile(r"\\begin\{tabular\}\[t\]\{@\{\}[lr]@\{\}\}|" + "|".join(map(re.escape, WRITTEN)))
BODY = re.compile(r"\\endlastfoot\n(.*?)\\end\{longtable\}", re.DOTALL)
FAULT = re.compile(r"^(?:Overfull|Missing character|! |LaTeX Error|Package \w+ Error).*", re.MULTILINE)


def plain(text: str) -> str:
    """What LaTeX shows, with one kind of minus and of space."""
    return same(PATTERN.sub(lambda match: WRITTEN.get(match[0], ""), text))


def same(text: str) -> str:
    """A text with one kind of minus and of space."""
    return " ".join(text.replace("−", "-").split())


def rows(tex: str) -> list[list[str]]:
    """The cells of every row of a table, behind the heading of its section if it has one."""
    read: list[list[str]] = []
    for body in BODY.findall(tex):
        heading: list[str] = []
        for line in body.splitlines():
            line = re.sub(r"^\\addlinespace(\[2pt\])? ", "", line)
            spanning = re.fullmatch(r"\\multicolumn\{\d+\}\{.*\}\{\\textbf\{(.*)\}\} \\\\\*", line)
            if spanning:
                heading = [plain(spanning[1])]
                continue
            row, end, comment = line.rpartition(r" \\")
            assert end, line
            cells = list(map(plain, row.split(" & ")))
            if comment:
                cells = [f"{a} {b}".strip() for a, b in zip(read.pop()[len(heading) :], cells, strict=True)]
            read.append([*heading, *cells])
    return read


def missing() -> list[str]:
    """What of TeX this machine lacks."""
    lacking = [engine for engine in ENGINES if shutil.which(engine) is None]
    for engine in set(ENGINES) - set(lacking):
        for file in FILES[engine]:
            command = ["kpsewhich", f"--progname={engine}", file]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                lacking.append(file)
    return lacking


def packages(table: str) -> set[str]:
    """The packages that a table names in its first line."""
    named = re.match(r"% needs the packages ([^;]*);", table)
    assert named, table[:200]
    return set(re.split(", | and ", named[1]))


def faults(folder: Path, engine: str, tables: Mapping[str, str]) -> dict[str, list[str]]:
    """Name -> what the engine complains of, for those tables that have any, on A4 pages with margins of 2.5 cm.

    All tables are in one document with the packages that they name, each in a group on pages of its own. The document
    is set again until the widths of its columns stay. What follows an error is not seen.
    """
    for place, table in enumerate(tables.values()):
        (folder / f"{place}.tex").write_text(table, encoding="utf-8")
    named = ",".join(sorted(set().union(*map(packages, tables.values()))))
    head = rf"\documentclass{{article}}\usepackage[a4paper,margin=2.5cm]{{geometry}}\usepackage{{{named}}}"
    parts = [rf"\typeout{{{MARK}{n}}}\begingroup\input{{{n}.tex}}\endgroup\clearpage" for n in range(len(tables))]
    lines = [head, HIGH, r"\begin{document}", *parts, rf"\typeout{{{MARK}{len(tables)}}}", r"\end{document}", ""]
    (folder / "main.tex").write_text("\n".join(lines), encoding="utf-8")
    command = [engine, "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "main.tex"]
    for _ in range(5):
        ran = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        log = (folder / "main.log").read_text(encoding="utf-8", errors="replace")
        if ran.returncode != 0 or "widths have changed" not in log:
            break
    before, *logs = log.split(f"\n{MARK}")
    seen = {name: FAULT.findall(text) for name, text in zip((*tables, "the end"), logs, strict=False)}
    seen["the head"] = FAULT.findall(before)
    if ran.returncode == 0:  # an error ends the document, so all were seen
        assert len(logs) == len(tables) + 1 and "widths have changed" not in log, log[-2000:]
    else:
        assert any(seen.values()), log[-2000:]
    return {name: lines for name, lines in seen.items() if lines}
