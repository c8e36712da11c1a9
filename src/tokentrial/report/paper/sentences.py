"""House rules of sentences that stand in Python: what makes the paper's text and its advice may not have other numbers
than those of a run, of a document, or in words up to nine.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokentrial.report.paper.lint import AMERICAN, KNOWN, MINUS, NUMBER

VALUE = "\x00"
"""Stands for a value that is filled in."""
SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
PLACE = re.compile(r" › |^\x00: ")
"""The place of a number's rows, which the paper does not print."""
RANGE = re.compile(r"[\d\x00] ?- ?[\d\x00]|(?<![\w\x00-])-[\d\x00]")
LARGE = re.compile(
    r"\b(ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundreds?|thousands?|millions?)\b"
)
NAMES = re.compile(r"\b00\d\b|\b\d+:1\b|Apache 2\.0|WikiText-2|PG-19|\b[\d.]+(?:fr|cm)\b")
"""What has digits and is no number of anything: documents, ratios that name arms, a licence, widths of columns."""
TEXTS = {"plain", "listed", "sentence", "text_name", "verdict_cell", "interval"}
"""Functions of other modules that return words; numbers in these have their source, or are part of a name."""
OF_NUMBERS = {"sum", "mean", "median", "max", "min", "nunique", "item", "get"}
"""Methods that return numbers, as far as the paper's modules call them."""
COMPUTED = {"len", "int", "float", "round", "sum", "abs", "max", "min"}
COUNTS = {"n", "count", "length", "width", "ratio", "steps", "seeds", "vocab_size"}
"""Attributes that are numbers."""
CHECKERS = ("lint.py", "sentences.py", "trace.py")
"""Modules of the paper's folder whose sentences are those of errors."""


def modules(report: Path) -> list[Path]:
    """Returns the modules with sentences of the paper. report: the folder of the package report."""
    paper = [path for path in sorted((report / "paper").glob("*.py")) if path.name not in CHECKERS]
    return [*paper, report / "advice.py", report / "answers.py"]


def faults(files: Sequence[Path]) -> list[str]:
    """Returns the faults of all sentences in modules, as ``file:line: what``."""
    lines = []
    for file in files:
        for line, fault in _of_module(ast.parse(file.read_text(encoding="utf-8"))):
            lines.append(f"{file.name}:{line}: {fault}")
    return lines


def _of_module(tree: ast.Module) -> Iterator[tuple[int, str]]:
    quiet = _silent(tree)
    local = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
        words = Words(numbers=_numbers(scope), local=local)
        for node in _inside(scope):
            if id(node) in quiet or not isinstance(node, ast.JoinedStr | ast.Constant):
                continue
            text = _text(node)
            if text is None or not SENTENCE.search(text) or PLACE.search(text):
                continue
            yield from ((node.lineno, fault) for fault in _faults(text))
            for value in _bare(node) if isinstance(node, ast.JoinedStr) else ():
                if value.format_spec is not None or not words.are(value.value):
                    shown = ast.unparse(value.value)
                    yield value.lineno, f"found {{{shown}}}, expected a number with its source (Paper.number or .count)"


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module or function, without those of functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _inside(child)


def _silent(tree: ast.Module) -> set[int]:
    """Strings that the paper does not print: docstrings, parts of other strings, and what errors say."""
    quiet: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            quiet.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            quiet |= {id(part) for part in node.values}
            specs = [part.format_spec for part in node.values if isinstance(part, ast.FormattedValue)]
            quiet |= {id(inner) for spec in specs if spec is not None for inner in ast.walk(spec)}
        elif isinstance(node, ast.Raise):
            quiet |= {id(inner) for inner in ast.walk(node)}
    return quiet


def _text(node: ast.JoinedStr | ast.Constant) -> str | None:
    """The text of a string with `VALUE` for every value in it; None for another constant."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    parts = [part.value if isinstance(part, ast.Constant) else VALUE for part in node.values]
    return "".join(map(str, parts))


def _faults(text: str) -> Iterator[str]:
    plain = NAMES.sub("", KNOWN.sub("", text))
    if "+-" in plain:
        yield "found +-, expected ±"
    for match in RANGE.findall(plain):
        yield f"found {match.replace(VALUE, '{}')!r} with a hyphen, expected a minus, 'to' or an en dash"
    for number in NUMBER.findall(RANGE.sub("", MINUS.sub("", plain))):
        words = ", or a word up to nine" if number.strip(".,").isdigit() and len(number.strip(".,")) == 1 else ""
        yield f"found the number {number}, expected one with its source or #said[...]{words}"
    for match in LARGE.finditer(plain):
        yield f"found {match[0]!r}, expected digits with their source or #said[...]"
    for match in AMERICAN.finditer(plain):
        yield f"found {match[0]}, expected British spelling"


def _numbers(scope: ast.AST) -> set[str]:
    """Names that a function gives to numbers which it computes itself."""
    return {
        target.id
        for node in _inside(scope)
        if isinstance(node, ast.Assign) and _computed(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _computed(value: ast.expr) -> bool:
    """Whether an expression is a number without a source."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in COMPUTED
    if isinstance(value, ast.BinOp):
        return not isinstance(value.op, ast.Add) or _computed(value.left) or _computed(value.right)
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float)


def _bare(node: ast.JoinedStr) -> Iterator[ast.FormattedValue]:
    """The values of a string without those that #said marks as printed by a document."""
    before = ""
    for part in node.values:
        if isinstance(part, ast.FormattedValue) and not before.endswith("#said["):
            yield part
        before = str(part.value) if isinstance(part, ast.Constant) else ""


@dataclass(frozen=True)
class Words:
    """Which values in a sentence are words, as those that `Paper` returns are, and no bare numbers.

    numbers: names of numbers; local: functions of the module, whose own sentences are looked at.
    """

    numbers: set[str]
    local: set[str]

    def are(self, value: ast.expr) -> bool:
        """Whether an expression is a word or a sentence, as far as its form says."""
        if isinstance(value, ast.IfExp):
            return self.are(value.body) and self.are(value.orelse)
        if isinstance(value, ast.BoolOp):
            return all(self.are(each) for each in value.values)
        if isinstance(value, ast.Name):
            return value.id not in self.numbers
        if isinstance(value, ast.Attribute):
            return value.attr not in COUNTS
        if isinstance(value, ast.Subscript):  # what a row or a config has under a name may be a number
            return not (isinstance(value.slice, ast.Constant) and isinstance(value.slice.value, str))
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            return value.func.attr not in OF_NUMBERS
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return value.func.id in TEXTS | self.local
        return not _computed(value)
