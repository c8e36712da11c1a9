"""LaTeX: text is shown as it is, and the columns of a table fit a page of A4."""

import re
import sys

import latex_tables
import pandas as pd
import pytest

from tokentrial.report import latex, latex_text
from tokentrial.report.latex_text import broken, escape, pieces, running, width

NAME = "learned_encoding/markov/done-right/ratio-8-mean-pool:accuracy:learned-autoencoder"
SENTENCE = "one of the words that a document says of itself"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of a_b & c#d {x}", r"50 \% of a\_b \& c\#d \{x\}"),
        (r"\input{a}~^$", r"\textbackslash{}input\{a\}\textasciitilde{}\textasciicircum{}\$"),
        ("−0.5 ± 0.1 × 2 · 3 ≥ 1 → ∞", r"$-$0.5 $\pm$ 0.1 $\times$ 2 $\cdot$ 3 $\ge$ 1 $\to$ $\infty$"),
        ("α, Ω, Α and µ", r"$\alpha$, $\Omega$, A and $\mu$"),
        ("a\u00a0b\u2009c\u202fd\u200be", r"a~b\,c\,d\allowbreak{}e"),
        ("“a” ‘b’ \"c\" 'd'", r"``a'' `b' {\ttfamily\char34}c{\ttfamily\char34} 'd'"),
        ("a–b — c…", r"a--b --- c\dots{}"),
        ("naïve Erdős, Łódź, straße", r"na\"{\i}ve Erd\H{o}s, \L{}\'{o}d\'{z}, stra\ss{}e"),
        (
            "x², H₂O, ½ and ﬁ",
            r"x\textsuperscript{2}, H\textsubscript{2}O, \textsuperscript{1}/\textsubscript{2} and fi",
        ),
        ("e\u0301", r"\'{e}"),
        ("中 \x07", r"\texttt{U+4E2D} \texttt{U+0007}"),
    ],
)
def test_signs(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-0.5", "$-$0.5"),
        ("from -.5 to [-3, (-2)", r"from $-$.5 to {[}$-$3, ($-$2)"),
        ("9.1e-08 and 2E-3", "9.1e$-$08 and 2E$-$3"),
        ("50-80 %, 50%-80%", r"50-80 \%, 50\%-80\%"),
        ("GPT-2, x-1, (a)-1, f_-1", r"GPT-2, x-1, (a)-1, f\_-1"),
        ("2024-01-05 - 3", "2024-01-05 - 3"),
    ],
)
def test_a_hyphen_before_a_number_is_its_minus(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize("text", ["a--b", "a---b", "''a''", "?`", "!“", ",,", "“‘a’”", "––", "-–"])
def test_signs_that_meet_stay_apart(text: str) -> None:
    shown = escape(text)
    for sign in text:
        written = escape(sign)
        assert shown.startswith(written)
        shown = shown.removeprefix(written).removeprefix("{}")
    assert shown == ""
    assert "{}" in escape(text)


def test_every_character_is_written_in_ascii() -> None:
    for code in (*range(0xD800), *range(0xE000, 0x11000), *range(0x1D400, 0x1D800), 0x1F642, sys.maxunicode):
        assert escape(chr(code)).isascii(), hex(code)


def test_running_text_breaks_in_long_names_alone() -> None:
    assert "".join(broken(NAME)) == NAME and len(broken(NAME)) > 8
    assert max(map(width, broken(NAME))) <= latex_text.LONGEST
    assert [len(broken(word)) for word in ("INCONCLUSIVE", "autoencoder", "16:1", "-0.00111", "[0.1,\u00a00.2]")] == [
        1
    ] * 5
    assert running("at 16:1\nof a_b") == r"at 16:1\newline of a\_b"
    assert running("4.602 ± 0.015") == r"4.602~$\pm$~0.015"
    assert list(pieces("a ± b, c")) == ["a\u00a0±\u00a0b,", "c"]
    assert latex_tables.plain(running(f"{NAME} {SENTENCE} {'x' * 99}")) == f"{NAME} {SENTENCE} {'x' * 99}"
    assert [len(piece) > 1 for piece in broken("x" * 99)] == [True] * len(broken("x" * 99))


def test_widths_grow_with_the_text() -> None:
    assert width("") == 0
    assert width("1" * 10) == pytest.approx(5)  # of 10 digits of half an em each
    assert width("é") == width("e") and width("中") > width("W")


def frame(rows: int = 3, **columns: str) -> pd.DataFrame:
    return pd.DataFrame({name.replace("_", " "): [cell] * rows for name, cell in columns.items()})


def written(shown: pd.DataFrame, heading: str = "", notes: str = "") -> str:
    text = latex.to_latex("some", "Title", [[(heading, shown)]], notes)
    assert latex_tables.rows(text) == [
        [*([heading] if heading else []), *(latex_tables.same(cell) for cell in row)] for row in shown.to_numpy()
    ]
    return text


def shares(text: str) -> list[float]:
    return [float(share) for share in re.findall(r"p\{([0-9.]+)\\linewidth\}", text.partition("\\caption")[0])]


def test_a_narrow_table_stays_as_it_is() -> None:
    text = written(frame(Arm="learned", n="10", Loss="0.1\n[0.0,\u00a00.2]"))
    assert text.startswith("% needs the packages array, booktabs and longtable; ")
    assert r"\begin{longtable}{@{}lrr@{}}" in text and r"\fontsize{8}{9.5}" in text
    assert shares(text) == [] and "landscape" not in text


def test_words_break_and_numbers_do_not() -> None:
    text = written(frame(Arm=SENTENCE, Way=f"{SENTENCE}, {SENTENCE}", Loss="0.0123 [0.0100,\u00a00.0150]", p="0.001"))
    assert len(shares(text)) == 2 and sum(shares(text)) < 1 and text.count("rr@{}}\n") == 1
    assert shares(text)[1] > shares(text)[0]


def test_a_heading_breaks_before_the_words_below_it() -> None:
    numbers = {f"A_very_long_heading_{place}": "0.1" for place in range(8)}
    text = written(frame(Arm="quotient and remainder", **numbers))
    assert shares(text) == []
    assert r"\begin{tabular}[t]{@{}r@{}}A very \\ long \\ heading" in text.replace("long heading", r"long \\ heading")


def test_intervals_break_before_a_page_is_turned() -> None:
    cells = {f"Loss_{place}": "0.0123\n[0.0100,\u00a00.0150]" for place in range(9)}
    text = written(frame(Arm="learned", **cells))
    assert "landscape" not in text and r"{[}0.0100, \\ 0.0150{]}" in text


def test_a_page_is_turned_before_columns_are_parted() -> None:
    text = written(frame(Arm="learned", **{f"Loss_{place}": "0.0123 [0.010, 0.015]" for place in range(7)}))
    assert "and pdflscape;" in text and text.count(r"\begin{landscape}") == text.count(r"\end{landscape}") == 1
    assert text.count(r"\begin{longtable}") == 1


def test_parts_of_columns_repeat_the_first_and_count_once() -> None:
    shown = frame(Arm="learned", **{f"Loss_{place}": f"{place}.0123 [0.010, 0.015]" for place in range(30)})
    text = latex.to_latex("some", "Title", [[("Part", shown)]], "")
    parts = text.count(r"\begin{longtable}")
    assert parts > 2 and text.count(r"\caption{") == 1 and text.count(r"\addtocounter{table}{-1}") == parts - 1
    cells = [row[2:] for row in latex_tables.rows(text)]
    assert [cell for row in cells[::3] for cell in row] == list(shown.iloc[0, 1:])
    assert {row[1] for row in latex_tables.rows(text)} == {"learned"}


def test_a_row_higher_than_a_page_goes_on_in_the_next() -> None:
    shown = frame(1, Arm="learned", Why=" ".join(f"word{place}" for place in range(4000)), n="3")
    assert written(shown).count(r" \\ % the row above, continued") > 1
    assert "continued" not in written(frame(Arm="learned", Why=SENTENCE * 9, n="3"))


def test_a_wide_heading_of_a_section_breaks() -> None:
    assert r"\multicolumn{2}{@{}l@{}}{\textbf{Part}}" in written(frame(Arm="learned", n="1000"), "Part")
    text = written(frame(Arm="learned", n="10"), SENTENCE)
    assert re.search(r"\\multicolumn\{2\}\{@\{\}>\{\\raggedright\\arraybackslash\}p\{0\.\d+\\linewidth\}", text)


def test_a_table_without_rows_has_its_heading() -> None:
    text = latex.to_latex("some", "Title", [[("", frame(0, Arm="", n=""))]], "A note.")
    assert "Arm & n" in text and latex_tables.rows(text) == []
    text = latex.to_latex("some", "Title", [], "A note.")
    assert r"\textbf{Title}" in text and "A note." in text and "longtable}" not in text


def test_the_same_table_is_written_in_the_same_way() -> None:
    shown = frame(Arm=SENTENCE, Way=NAME, Why=SENTENCE * 5, n="3")
    assert written(shown) == written(shown)
