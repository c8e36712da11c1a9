"""Checks of an encoder's options in the config."""

from tokentrial.errors import InputError


def whole_number(encoder: str, option: str, value: object, low: int, high: int) -> int:
    """Returns the option's value; raises InputError unless it is a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(
            f"config: arms: {encoder} {option}: found {value!r}, expected a whole number from {low} to {high}"
        )
    return value
