"""Which texts of an entry are printed numbers, for the tests of the registry."""

from tokentrial.claims.printed import parse
from tokentrial.errors import InputError


def is_number(text: str) -> bool:
    try:
        parse(text)
    except InputError:
        return False
    return True
