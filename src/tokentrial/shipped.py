"""Recognises the shipped configs, and configs that train the same models as the shipped run."""

from collections.abc import Iterator, Mapping
from typing import Any

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.provenance import digest

# Digests of the shipped configs (config.canonical): an edited config has another digest.
DEFAULT = "0447c80ea13c"
NAMES = {
    DEFAULT: ("the default run", "Every experiment at the scale that two cores finish in minutes."),
    "ce30c98e3f65": (
        "a smoke run",
        "*It shows that the pipeline works; its seeds and steps are too few to conclude from.*",
    ),
    "90732b4eb61b": ("the reference run", "Ten seeds of everything that a rule asks for, three of the rest."),
    "c37243b6b38f": ("the full run", "All seeds, data and steps of the paper config."),
}
# Digest of the settings of training (config.training) that made the rows of the shipped run.
SHIPPED_TRAINING = "e0496e907ecd"
JUDGED_ANEW = (
    "the reference run, judged by settings of its own",
    "Its models are those of the reference run; its statistics or margins are not, and are printed at the end.",
)
OWN = ("a run with its own config", "It is none of the shipped configs; its settings are printed at the end.")
ABSENT = "nothing"


def scale_name(config: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the name of a config's scale and a sentence about it for readers."""
    other = JUDGED_ANEW if trains_as_shipped(config) else OWN
    return NAMES.get(digest(settings.canonical(config)), other)


def is_default(config: Mapping[str, Any]) -> bool:
    """Whether this is the default config, by whose statistics and margins the shipped run was judged."""
    return digest(settings.canonical(config)) == DEFAULT


def trains_as_shipped(config: Mapping[str, Any]) -> bool:
    """Whether this config has the settings of training of the shipped run; other settings may differ."""
    return digest(settings.canonical(_training(config))) == SHIPPED_TRAINING


def trains_alike(config: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configs train the same models."""
    return next(differences(_training(config), _training(other), ()), None) is None


def check_training(config: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raises InputError for a config that would train other models than those of the shipped run.

    expected: the config of that run, or the default one. The line names the first setting that differs from it; if none
    differs, that config itself was edited.
    """
    if trains_as_shipped(config):
        return
    free = " and ".join(".".join(keys) for keys in settings.JUDGING)
    why = f"the shipped rows are trained, and only {free} can change without training"
    for key, value, other in differences(_training(config), _training(expected), ()):
        raise InputError(f"config: {key}: found {settings.shown(value)}, expected {settings.shown(other)}: {why}")
    where = "studies/ or config/"
    raise InputError(f"{where}: found edited settings of training, expected those of the shipped run: {why}")


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run's training: without the names of methods, for readers, and the search of rates."""
    trained = settings.training(config)
    trained.pop("search", None)
    for section in trained.values():
        if isinstance(section, dict):
            section.pop("methods", None)
    return trained


def differences(value: Any, expected: Any, place: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """Yields key, value and expected value of every setting that differs."""
    if isinstance(value, Mapping) and isinstance(expected, Mapping):
        for key in [*value, *(key for key in expected if key not in value)]:
            yield from differences(value.get(key, ABSENT), expected.get(key, ABSENT), (*place, key))
    elif settings.canonical(value) != settings.canonical(expected):
        yield ".".join(place), value, expected
