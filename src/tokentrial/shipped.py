"""Which shipped config a config is, and whether the shipped rows are what it would train."""

from collections.abc import Iterator, Mapping
from typing import Any

from tokentrial import config as settings
from tokentrial.errors import InputError
from tokentrial.provenance import digest

# Digests of the shipped configs (config.canonical), so that an edited one is not taken for the shipped one.
DEFAULT = "69f0fc944a2e"
NAMES = {
    DEFAULT: ("the default run", "Every experiment at the scale that two cores finish in minutes."),
    "24ca8934aae1": (
        "a smoke run",
        "*It shows that the pipeline works; its seeds and steps are too few to conclude from.*",
    ),
    "dbff5b57e5e4": ("the full run", "All seeds, data and steps of the paper config."),
}
# Digest of the default config's settings of training (config.training): the rows of the shipped run come from them.
DEFAULT_TRAINING = "ff3e4b957c3c"
JUDGED_ANEW = (
    "the default run, judged by settings of its own",
    "Its models are those of the default run; its statistics or margins are not, and are printed at the end.",
)
OWN = ("a run with its own config", "It is none of the shipped configs; its settings are printed at the end.")
ABSENT = "nothing"


def scale_name(config: Mapping[str, Any]) -> tuple[str, str]:
    """Which shipped config this is, and what a reader must know about it."""
    other = JUDGED_ANEW if trains_as_shipped(config) else OWN
    return NAMES.get(digest(settings.canonical(config)), other)


def is_shipped(config: Mapping[str, Any]) -> bool:
    """Whether this is one of the shipped configs, none of its settings changed."""
    return digest(settings.canonical(config)) in NAMES


def is_default(config: Mapping[str, Any]) -> bool:
    """Whether this is the default config, by which the shipped run was trained and judged."""
    return digest(settings.canonical(config)) == DEFAULT


def trains_as_shipped(config: Mapping[str, Any]) -> bool:
    """Whether this config has the default one's settings of training, whatever its rows are judged by."""
    return digest(settings.canonical(_training(config))) == DEFAULT_TRAINING


def check_training(config: Mapping[str, Any], default: Mapping[str, Any]) -> None:
    """Raises InputError for a config that would train other models than those of the shipped run.

    default: the default config. The line names the first setting that is not as in it; if there is none, the default
    itself was edited.
    """
    if trains_as_shipped(config):
        return
    free = " and ".join(".".join(keys) for keys in settings.JUDGING)
    why = f"the shipped rows are those of the default run, of which only {free} can change without training"
    for key, value, other in differences(_training(config), _training(default), ()):
        raise InputError(f"config: {key}: found {settings.shown(value)}, expected {settings.shown(other)}: {why}")
    where = "studies/ or config/config.yaml"
    raise InputError(f"{where}: found edited settings of training, expected those of the shipped run: {why}")


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of training alone; what an overlay says of methods is for readers and comparisons."""
    trained = settings.training(config)
    for section in trained.values():
        if isinstance(section, dict):
            section.pop("methods", None)
    return trained


def differences(found: Any, expected: Any, place: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and expected value of every setting that differs."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in [*found, *(key for key in expected if key not in found)]:
            yield from differences(found.get(key, ABSENT), expected.get(key, ABSENT), (*place, key))
    elif settings.canonical(found) != settings.canonical(expected):
        yield ".".join(place), found, expected
