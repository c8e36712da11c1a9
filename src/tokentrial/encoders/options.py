"""What an encoder checks of its options in the config."""

from tokentrial.errors import InputError


def whole_number(encoder: str, option: str, found: object, low: int, high: int) -> int:
    """The option's value; raises InputError where it is not a whole number from ``low`` to ``high``."""
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise InputError(
            f"config: arms: {encoder} {option}: found {found!r}, expected a whole number from {low} to {high}"
        )
    return found
