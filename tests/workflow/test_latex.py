"""The LaTeX tables: compiled by pdfLaTeX and LuaLaTeX without an error or a box that is too wide, with nothing lost."""

import bisect
import re
import shutil
from pathlib import Path

import latex_tables
import pandas as pd
import pytest
from latex_tables import ENGINES
from small_project import ROOT, copy_project

from tokentrial.report import catalogue, formats, latex_text
from tokentrial.report.formats import Section, Table
from tokentrial.report.site.tables import parsed
from tokentrial.schema import study_files

MISSING = latex_tables.missing()
tex = pytest.mark.skipif(bool(MISSING), reason=f"needs TeX, which lacks {', '.join(MISSING)}")

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?:e[-+]?\d+)?(?!\w)")  # and not 5.4x, the name of a test
# Tables with columns that readers see in another unit, or with an interval that the CSV leaves out.
CONVERTED = {
    "bespoke-decomposition": "ratios for their logarithms",
    "cramming-controls": "intervals of the tuned gain",
    "cramming-kinds": "intervals of the relative gain",
    "cramming-models": "medians and ratios",
    "doc002-proof-of-concept": "a ratio",
    "language-models-arms": "Mbit for bits, chance in a heading",
    "language-models-dominance": "Mbit for bits",
    "real-model-arms": "MiB for bytes",
}
WORDS = "a word-by-word description of what this row of the table is about"
INTERVAL = "+0.0315 [−0.0273,\u00a0+0.0357]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with every table of the shipped run, written by the workflow."""
    place = tmp_path_factory.mktemp("latex")
    project = copy_project(place, study_files.default(ROOT))
    shutil.copytree(ROOT / "results/reference", place / "results/reference")
    project.build("reference_tables")
    return place / "results/reference_tables"


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, str]:
    """Every table of the shipped run as LaTeX."""
    read = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tex"))}
    assert read.keys() == {*catalogue.verdict_tables(), *catalogue.tables_of(catalogue.STUDIES)}
    return read


@pytest.mark.slow
@tex
@pytest.mark.parametrize("engine", ENGINES)
def test_every_table_of_the_shipped_run_compiles_and_fits(engine: str, tables: dict[str, str], tmp_path: Path) -> None:
    assert latex_tables.faults(tmp_path, engine, tables) == {}


def rows_of(file: Path) -> list[str]:
    """The rows of a CSV below its head."""
    return file.read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.slow
def test_every_cell_of_the_shipped_run_is_in_its_table(folder: Path, tables: dict[str, str]) -> None:
    for name, text in tables.items():
        shown = parsed((folder / f"{name}.md").read_text(encoding="utf-8"), name)
        cells = [[latex_tables.same(cell) for cell in row] for grid in shown.grids for row in grid.rows]
        assert latex_tables.rows(text) == cells, name
        assert cells or not rows_of(folder / f"{name}.csv"), name  # the shipped run has not what every table shows


@pytest.mark.slow
def test_every_number_of_the_shipped_run_is_one_of_the_csv(folder: Path, tables: dict[str, str]) -> None:
    """Rounded to the digits that are shown, or a hundred times as large where percent are."""
    compared = 0
    for name in sorted(tables.keys() - CONVERTED.keys()):
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
        raw = [abs(float(each)) for each in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]
        raw = sorted({*raw, *(100 * each for each in raw)})
        for number in NUMBER.findall(" ".join(cell for row in latex_tables.rows(tables[name]) for cell in row)):
            mantissa, _, exponent = number.replace(",", "").partition("e")
            half = 0.5001 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
            value = float(number.replace(",", ""))
            nearest = bisect.bisect_left(raw, value - half)
            assert nearest < len(raw) and raw[nearest] <= value + half, (name, number)
            compared += 1
    assert compared > 10_000


@pytest.mark.slow
@tex
@pytest.mark.parametrize("engine", ENGINES)
def test_every_sign_compiles(engine: str, tmp_path: Path) -> None:
    """In cells that break and cells that do not, in headings, titles and notes; signs that no font has, too."""
    known = [*latex_text._SIGNS, *(chr(code) for code in range(0x20, 0x180)), *"ế½²₃™①中ðά🙂\u0007\U0001d6fc"]
    signs = [f"a{sign}b{sign}" for sign in dict.fromkeys(known) if sign not in "\n\r"]
    frame = pd.DataFrame({"Sign": signs, "Words": [f"{WORDS} {sign} {WORDS}" for sign in signs], "α ± %": signs})
    whole = " ".join(signs)
    table = Table("signs", whole, frame, (Section(whole, frame),), (whole,), "Part")
    assert latex_tables.faults(tmp_path, engine, {"signs": formats.to_latex(table)}) == {}


def wide(columns: int, words: int, long: int = 1) -> str:
    """A table of so many columns of words and of numbers, with a cell so many times as long as others, as LaTeX."""
    texts = {f"Text {place}": [WORDS, "short", "learned_encoding/markov/done-right/ratio-8"] for place in range(words)}
    numbers = {f"A long heading {place}": [INTERVAL, "0.1\n[0.0,\u00a00.2]", "–"] for place in range(columns)}
    frame = pd.DataFrame({"Way": ["plain", " ".join([WORDS] * long), "x" * 80], **texts, **numbers})
    heading = " ".join(["A heading that is wider than the table, or than the page"] * 4)
    return formats.to_latex(Table("wide", WORDS, frame, (Section(heading, frame),), (WORDS * 9,), "Part"))


@pytest.mark.slow
@tex
@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_of_any_width_fits(engine: str, tmp_path: Path) -> None:
    made = {
        f"{columns} and {words}": wide(columns, words) for columns in (0, 1, 3, 5, 8, 14, 40) for words in (0, 2, 7)
    }
    made |= {f"{words} and high": wide(2, words, 300) for words in (0, 2, 7)}
    assert {table.count(r"\begin{longtable}") > 1 for table in made.values()} == {True, False}
    assert {"pdflscape" in latex_tables.packages(table) for table in made.values()} == {True, False}
    assert latex_tables.faults(tmp_path, engine, made) == {}


@pytest.mark.slow
@tex
@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_is_seen_at_its_table(engine: str, tmp_path: Path) -> None:
    good = wide(1, 0)
    for word, fault in (("1" * 300, "Overfull"), (r"\undefined", "! "), (r"\rule{1pt}{30cm}", "Overfull")):
        bad = good.replace("plain", word)
        assert good != bad
        seen = latex_tables.faults(tmp_path, engine, {"good": good, "bad": bad})
        assert seen.keys() == {"bad"} and seen["bad"][0].startswith(fault), word
