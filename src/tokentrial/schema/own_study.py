"""A study of one's own, in one file: ``tokentrial run study.yaml`` (docs/study.md).

The models check what the file itself says. What its arms, body, training and models mean is checked as a part of the
config that is made of the file (tokentrial.own_study).
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema.base import CONTRADICTION, Flag, Name, Ratios, Section, Seeds, Text, Width, contradiction, key
from tokentrial.schema.cramming import Lengths, Texts
from tokentrial.schema.declared import Role

Pair = Annotated[list[Text], Field(min_length=2, max_length=2)]
ClaimId = Annotated[Text, Field(pattern="^[A-Za-z0-9][A-Za-z0-9-]*$", max_length=40)]


class OwnArm(Section):
    """What an arm of the file has beside its encoder's options, the keys of training ``epochs`` and ``body``."""

    ratios: Ratios = key("Ratios of this arm alone, of the table's full width to the arm's.", None)
    name: Text = key("Name for readers; if missing, that of the arm.", None)
    role: Role = key(
        "own: comparisons start from it; if missing, that of the arm in studies/language_models.yaml, or own.", None
    )


ARM_KEYS = tuple(OwnArm.model_fields)
Model = TypeVar("Model", bound=Section)


class OwnCramming(Section):
    """Texts of the corpus in one vector of a language model that is trained on it."""

    lengths: Lengths = key("Tokens of a text.")
    texts: Texts = key("Texts of every length.", 8)
    train: dict[Text, Any] = key("Keys of the model's training, such as width, layers, epochs and learning_rate.", None)


class OwnClaim(Section):
    """A claim about the study, decided by a rule."""

    id: ClaimId = key("What it is called; if missing, its number.", None)
    says: Annotated[Text, Field(min_length=1)] = key("The claim in one line.")
    rule: Text = key("A rule of docs/claims.md.")
    pairs: Annotated[list[Pair], Field(min_length=1)] = key(
        "Arms to compare, the first with the second: [learned-8, full]. Short for the parameter cells.", None
    )
    parameters: dict[Text, Any] = key(
        "The other parameters of the rule. If missing, metric is cross_entropy and seeds that of the study.", None
    )


class OwnStudy(Section):
    """A study of one's own. Paths are seen from the folder of the file."""

    title: Annotated[Text, Field(min_length=1)] = key("Title of the page; if missing, it is made of the corpus.", None)
    corpus: Annotated[Text, Field(min_length=1)] = key(
        "A folder of texts, a file, a pattern such as letters/*.md, or wikitext-2 or sotu (docs/corpora.md)."
    )
    tokenizer: Text | dict[Text, int] = key(
        "word, bpe, {word: most types}, {bpe: types}, or the path of a tokenizer.json."
    )
    body: Text | dict[Text, Any] = key(
        "The layers between the input vectors and the output layer: transformer, lstm, or keys of one of them that "
        "differ, with its kind.",
        "transformer",
    )
    width: Width = key("Numbers per token before compression.", 64)
    tied: Flag = key("Whether the output layer is the input table.", False)
    seeds: Seeds = key("Paired replicates of every arm.")
    training: dict[Text, Any] = key(
        "Keys of language_models.training that differ: learning_rates, epochs, batch_size, length, ...; if missing, "
        "the whole text once.",
        None,
    )
    arms: Annotated[dict[Name, dict[Text, Any] | None], Field(min_length=1)] = key(
        "Name of an arm -> its encoder and options, and name, role and ratios. Without an encoder, the arm of this "
        "name in studies/language_models.yaml."
    )
    cramming: OwnCramming = key("Texts of the corpus in one vector of a model that is trained on it.", None)
    claims: list[OwnClaim] = key("Claims about the study, each with the rule that decides it.", None)

    @model_validator(mode="after")
    def _tokenizer_has_one_size(self) -> "OwnStudy":
        if isinstance(self.tokenizer, dict) and (
            len(self.tokenizer) != 1 or not {"word", "bpe"} >= set(self.tokenizer)
        ):
            found = ", ".join(self.tokenizer) or "nothing"
            raise contradiction(f"found the keys {found}, expected {{bpe: types}} or {{word: types}}", "tokenizer")
        return self


def read(content: Mapping[str, Any], where: str) -> OwnStudy:
    """Returns the study of a file's content. Raises InputError with one line that names ``where`` and the key."""
    config.check_values(content, where, key=None)
    study = _validated(OwnStudy, content, where)
    for name, arm in study.arms.items():
        _validated(OwnArm, {key: (arm or {})[key] for key in ARM_KEYS if key in (arm or {})}, f"{where}: arms.{name}")
    return study


def _validated(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    try:
        return model.model_validate(config.whole(content))
    except ValidationError as error:
        # a mistyped key comes first, since it explains a missing one; contradictions come last
        order = {"extra_forbidden": 0, CONTRADICTION: 2}
        first = min(error.errors(), key=lambda each: order.get(each["type"], 1))
        raise InputError(f"{where}: {_line(first)}") from None


def _line(error: Mapping[str, Any]) -> str:
    """Returns the key, the found value and the expected value of pydantic's error."""
    place = [part + 1 if isinstance(part, int) else part for part in error["loc"]]  # entries are counted from 1
    if place[:1] in (["tokenizer"], ["body"]):  # a text or a mapping: pydantic says of each why it is none
        place = place[:1]
    if error["type"] == CONTRADICTION:
        return f"{'.'.join(map(str, [*place, *error['ctx']['place']]))}: {error['msg']}"
    if place and place[-1] == KEY:
        keys = ".".join(map(str, place[:-2]))
        return f"{keys}: found the key {config.shown(place[-2])}, expected {error['msg'].partition(' should ')[2]}"
    keys = ".".join(map(str, place[:-1] if error["type"] in ("extra_forbidden", "missing") else place))
    before = f"{keys}: " if keys else ""
    if error["type"] == "extra_forbidden":
        return before + config.unknown_key(place[-1], list(_fields(place)))
    if error["type"] == "missing":
        return f"{before}key '{place[-1]}' is missing"
    expected = str(error["msg"]).partition(" should ")[2].removeprefix("be ") or str(error["msg"])
    return f"{before}found {config.shown(error['input'])}, expected {expected}"


KEY = "[key]"  # the last part of an error's place, if the error is in a key that the user chose


def _fields(place: list[int | str]) -> Mapping[str, Any]:
    sections: dict[int | str, type[Section]] = {"cramming": OwnCramming, "claims": OwnClaim}
    return (sections.get(place[0], OwnStudy) if len(place) > 1 else OwnStudy).model_fields
