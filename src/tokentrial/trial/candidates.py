"""The encoder to try: its class, from a file or a module, and the options to try it with."""

import importlib
import importlib.util
import itertools
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from torch import nn

from tokentrial.config import nearest
from tokentrial.encoders.base import Encoder
from tokentrial.errors import InputError
from tokentrial.trial.adapter import ModuleEncoder

ENCODER = "tried"
"""The name under which the class is an encoder of this process: config, jobs and statistics use it like any other."""
MOST = 64
"""Most combinations of options."""
LONGEST = 300  # characters of an error of somebody else's code


@dataclass(frozen=True)
class Candidate:
    """A class to try. where: as it was named, for messages; file: of its code, None for a module without one."""

    where: str
    name: str
    kind: type[Encoder]
    file: str | None

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Raises InputError, one line with the place in the candidate's own file, for any error of its code."""
        with told(f"{self.where}: {what}", self.file):
            yield


@contextmanager
def told(where: str, file: str | None) -> Iterator[None]:
    """Raises InputError for any error of code that somebody else wrote. file: where its last line is looked for."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(where.partition(": ")[0]) else f"{where}: {text}") from None
    except Exception as error:
        frames = [one for one in traceback.extract_tb(error.__traceback__) if file and same(one.filename, file)]
        place = f" (line {frames[-1].lineno})" if frames else ""
        reason = " ".join(str(error).split())[:LONGEST]
        said = "".join(letter if letter.isprintable() else "?" for letter in reason)
        raise InputError(f"{where}: found {type(error).__name__}: {said}{place}, expected none") from None


def same(one: str, other: str) -> bool:
    """Whether two names are of one file."""
    return Path(one).resolve() == Path(other).resolve()


def load(where: str) -> Candidate:
    """Returns the class of ``my.py``, ``my.py:Class`` or ``package.module:Class``, registered as an encoder.

    A file without a class's name has one subclass of Encoder or of torch.nn.Module. Raises InputError for a file or
    module that cannot be read or imported, and for a name that is no such class.
    """
    source, colon, wanted = where.partition(":")
    path = Path(source)
    is_file = source.endswith(".py") or path.exists()
    module = _of_file(path) if is_file else _of_name(source)
    kind = _chosen(module, source, wanted if colon else None)
    encoder = kind if issubclass(kind, Encoder) else type(kind.__name__, (ModuleEncoder,), {"kind": kind})
    registered = type(kind.__name__, (encoder,), {"__module__": f"tokentrial.encoders.{ENCODER}"})
    holder = ModuleType(registered.__module__, f"The encoder of {where}, for this process.")
    holder.__spec__ = ModuleSpec(registered.__module__, None)
    vars(holder)[kind.__name__] = registered
    sys.modules[registered.__module__] = holder
    return Candidate(where, re.sub(r"\W", "_", kind.__name__).strip("_") or "Encoder", registered, module.__file__)


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: not found, expected a Python file with an encoder")
    spec = importlib.util.spec_from_file_location(f"tokentrial_tried_{re.sub(r'[^0-9a-zA-Z]', '_', path.stem)}", path)
    loader = None if spec is None else spec.loader
    if spec is None or loader is None:
        raise InputError(f"{path}: found no Python file, expected one that ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))  # for modules beside it
    _run(str(path), str(path), partial(loader.exec_module, module))
    module.__file__ = str(path)
    return module


def _of_name(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    found: list[ModuleType] = []
    _run(name, None, lambda: found.append(importlib.import_module(name)))
    return found[0]


def _run(where: str, file: str | None, body: Any) -> None:
    """Runs an import; raises InputError in one line for whatever it raises."""
    try:
        body()
    except ModuleNotFoundError as error:
        missing = f"needs the module '{error.name}', which is not installed"
        raise InputError(f"{where}: {missing if error.name != where else 'found no such file or module'}") from None
    except SyntaxError as error:
        raise InputError(f"{where}: line {error.lineno}: {error.msg}, expected Python") from None
    except SystemExit as error:
        raise InputError(f"{where}: ends the process ({error.code}) when it is imported, expected classes") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: cannot be read: {error}") from None
    except Exception as error:
        with told(f"{where}: import", file):
            raise error


def _chosen(module: ModuleType, source: str, wanted: str | None) -> type[Any]:
    classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Encoder | nn.Module)
    }
    if wanted is not None:
        if wanted not in classes:
            some = ", ".join(name for name in classes if not name.startswith("_")) or "none"
            found = f"found no encoder '{wanted}'; {nearest(wanted, classes)}its classes: {some}"
            raise InputError(f"{source}: {found}; expected a subclass of Encoder or torch.nn.Module")
        return classes[wanted]
    here = {name: value for name, value in classes.items() if value.__module__ == module.__name__}
    encoders = {name: value for name, value in here.items() if issubclass(value, Encoder)} or here
    if len(encoders) != 1:
        some = ", ".join(encoders) or "no subclass of Encoder or torch.nn.Module"
        raise InputError(f"{source}: found {some}, expected one, or a name as in {source}:Class")
    return next(iter(encoders.values()))


def sweep(entries: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the options of every combination of ``name=value,value`` entries; one empty entry without any.

    Values are read as YAML scalars: 2, 0.5, true, text. Raises InputError for an entry that is none.
    """
    values: dict[str, list[Any]] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not equals or not name.isidentifier() or not text:
            raise InputError(f"--set: found '{entry}', expected option=value or option=value,value")
        if name in values:
            raise InputError(f"--set: found '{name}' twice, expected {name}=value,value")
        values[name] = [_scalar(entry, part) for part in text.split(",")]
    combined = [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]
    if len(combined) > MOST:
        raise InputError(f"--set: found {len(combined)} combinations of options, expected at most {MOST}")
    return combined


def _scalar(entry: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if not isinstance(value, str | int | float):
        raise InputError(f"--set: found '{entry}', expected numbers, true, false or text, with commas between them")
    return value


def size_of(options: Mapping[str, Any]) -> str:
    """Returns the part of an arm's name that tells its options: ``rank_2``."""
    return "_".join(re.sub(r"[^A-Za-z0-9]+", "_", f"{name}_{value}").strip("_") for name, value in options.items())
