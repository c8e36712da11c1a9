"""What the plan reads from an encoder's text is what the class says when it is imported."""

import inspect
import pkgutil
from pathlib import Path

import pytest

from tokentrial import encoder_source, encoders
from tokentrial.encoders.base import Encoder, Parameters, instance, load
from tokentrial.errors import InputError
from tokentrial.studies import language_models, small_models

OWN = """
class Rows(Encoder):
    after_training = True

    def __init__(self, vocab_size, width, full_width, rows, *, kind="plain", deep) -> None: ...

    def initialise(self, context):
        return {}, {"table": context.trained_table()}
"""
FILES = [name for _, name, _ in pkgutil.iter_modules(encoders.__path__)]


def shipped() -> list[str]:
    """The modules of the package that define an encoder."""
    return [name for name in FILES if f"class {name.title().replace('_', '')}(Encoder)" in _text(name)]


def _text(name: str) -> str:
    return (Path(encoders.__path__[0]) / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped())
def test_the_text_says_what_the_class_says(name: str) -> None:
    source, kind = encoder_source.read(name), load(name)
    given = list(inspect.signature(kind).parameters.values())[3:]
    if any(one.kind is one.VAR_KEYWORD for one in given):
        assert source.options is None
    else:
        assert source.options == tuple(one.name for one in given)
        assert source.required == tuple(one.name for one in given if one.default is one.empty)
    assert source.after_training == kind.after_training
    assert source.uses_table == (name in language_models.FROM_FULL)


def test_all_kinds_of_options_are_read() -> None:
    assert encoder_source.of_text(OWN) == (("rows", "kind", "deep"), ("rows", "deep"), True, True)
    assert encoder_source.of_text("class A(Encoder):\n    x = 1\n") == ((), (), False, False)
    assert encoder_source.of_text("class A(Learned):\n    x = 1\n").options is None
    assert encoder_source.of_text("class A(\n") == encoder_source.Source()


def test_an_own_two_stage_encoder_starts_from_the_full_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_source, "read", lambda name: encoder_source.of_text(OWN if name == "rows" else ""))
    assert small_models.encoder_modules({"arms": {"mine": {"encoder": "rows"}}}) == ["encoders/full", "encoders/rows"]
    assert small_models.encoder_modules({"arms": {"mine": {"encoder": "learned"}}}) == ["encoders/learned"]
    assert language_models.needs_full({"encoder": {"encoder": "rows"}}) and language_models.keeps_body("rows")
    assert not language_models.needs_full({"encoder": {"encoder": "learned"}})


class Broken(Encoder):
    """Its own code raises a TypeError; and it lacks a method of the interface."""

    def __init__(self, vocab_size: int, width: int, full_width: int, rows: int = 1) -> None:
        super().__init__(vocab_size, width, full_width)
        len(rows)  # type: ignore[arg-type]

    def initialise(self, context: object) -> tuple[Parameters, Parameters]:
        return {}, {}


class Complete(Broken):
    def forward(self, parameters: Parameters, ids: object) -> None:  # type: ignore[override]
        return None

    def parameter_counts(self) -> dict[str, int]:
        return {}


def test_an_error_in_an_encoders_own_code_is_not_called_an_option() -> None:
    with pytest.raises(TypeError, match=r"object of type 'int' has no len"):
        instance("arm", Complete, 4, 2, 4, {"rows": 2})
    with pytest.raises(InputError, match=r"^arm has no such option: row; expected one of rows$"):
        instance("arm", Complete, 4, 2, 4, {"row": 2})
    with pytest.raises(InputError, match=r"^arm does not define forward, parameter_counts; "):
        instance("arm", Broken, 4, 2, 4, {})
