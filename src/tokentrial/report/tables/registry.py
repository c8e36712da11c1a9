"""The functions that a study's file names in its tables, by what they give; each module registers its own."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable

Function = TypeVar("Function", bound=Callable[..., Any])
Row = dict[str, Any]
"""Raw values by column. Columns that begin with ``_`` are for readers alone. Of these, ``_section`` is the heading,
``_part`` names the columns in `DeclaredTable.parts`, ``_printed`` has texts that stand for columns, ``_cells`` texts of
all cells by heading, and ``_only`` says that a row is for the ``csv`` or the ``page`` alone."""


class Ask(NamedTuple):
    """What a table is made of; words: what the placeholders of its notes stand for, to which a kind may add."""

    where: str
    """File and key of its entry."""
    name: str
    entry: Any
    view: Any
    """A run.view.View; for the tables of the verdicts, those of all claims (see report.verdicts.read)."""
    printed: Mapping[str, PublishedTable]
    words: dict[str, str]


class Lookup(NamedTuple):
    """Values of a source that are computed when a column asks for them."""

    get: Callable[[str], Any]


class Registry(dict[str, Callable[..., Any]]):
    """Functions by the names that a file gives them; what: they are, in an error."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __call__(self, name: str) -> Callable[[Function], Function]:
        """Registers a function under a name."""

        def register(function: Function) -> Function:
            self[name] = function
            return function

        return register

    def named(self, name: str, where: str) -> Callable[..., Any]:
        """Returns the function of this name. Raises InputError that names the place, and the nearest name."""
        if name not in self:
            near = config.nearest(name, self)
            raise InputError(f"{where}: found {name!r}, {near}expected one of {', '.join(self)}")
        return self[name]


class Sources(Registry):
    """Functions of what a row is about that give values by key, with the keys that they have."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.keys_of: dict[str, Collection[str]] = {}

    def __call__(self, name: str, keys: Collection[str] = ()) -> Callable[[Function], Function]:
        """Registers a function under a name; keys: all that it has, or none if that depends on the run."""
        self.keys_of[name] = keys
        return super().__call__(name)

    def check(self, name: str, key: str, where: str) -> None:
        """Raises InputError that names the place, and the nearest key, for one that the source does not have."""
        if self.keys_of[name] and key not in self.keys_of[name]:
            near = config.nearest(key, self.keys_of[name])
            raise InputError(f"{where}: found '{name}.{key}', {near}expected one of {', '.join(self.keys_of[name])}")


kind = Registry("kind")
"""(ask) -> rows of a table."""
row_maker = Registry("row maker")
"""(line, rows) -> rows beside a printed one, see beside_printed.Line."""
added = Registry("quantity")
"""(line, condition, arm) -> columns that a measured row has beside its levels."""
order = Registry("order")
"""(view, condition) -> the arms of a condition."""
listing = Registry("list")
"""(view) -> what the rows of a table are about, see declared.Listing."""
heading = Registry("heading")
"""(view, condition) -> the heading of its section."""
line_heading = Registry("heading")
"""(line) -> the heading of a printed row's section."""
cell = Registry("format")
"""(row, of, options) -> the text of a cell."""
