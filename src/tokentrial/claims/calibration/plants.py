"""Errors as they happen in print: a digit, two digits exchanged, the decimal point, a sign, a count off by one.

A planted text is another number than the true one by more than the true one's own rounding. The operators know the kind
of a number and nothing of the checks.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from tokentrial.claims.calibration.readings import read
from tokentrial.claims.calibration.statements import COUNT, NUMBER, OPPOSITES, P_VALUE, SIGN, TOTAL, N

DIGITS = re.compile(r"[\d,]*\.?\d+")
Operator = Callable[[str, np.random.Generator], str]


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before the digits, the digits, and what stands behind them."""
    match = DIGITS.search(text)
    assert match is not None
    return text[: match.start()], match[0], text[match.end() :]


def _with(text: str, digits: str) -> str:
    before, old, after = _parts(text)
    return f"{before}{_grouped(digits) if ',' in old else digits}{after}"


def _grouped(digits: str) -> str:
    whole, point, rest = digits.partition(".")
    return f"{int(whole or 0):,}{point}{rest}"


def digit(text: str, rng: np.random.Generator) -> str:
    """One digit is another one."""
    digits = _parts(text)[1].replace(",", "")
    spots = [place for place, letter in enumerate(digits) if letter.isdigit()]
    place = int(rng.choice(spots))
    other = rng.choice([letter for letter in "0123456789" if letter != digits[place]])
    return _with(text, f"{digits[:place]}{other}{digits[place + 1 :]}")


def exchanged(text: str, rng: np.random.Generator) -> str:
    """Two neighbouring digits are exchanged; the same text if there are no two different ones."""
    digits = _parts(text)[1].replace(",", "")
    spots = [
        place
        for place in range(len(digits) - 1)
        if digits[place : place + 2].isdigit() and digits[place] != digits[place + 1]
    ]
    if not spots:
        return text
    place = int(rng.choice(spots))
    return _with(text, f"{digits[:place]}{digits[place + 1]}{digits[place]}{digits[place + 2 :]}")


def shifted(text: str, rng: np.random.Generator) -> str:
    """The decimal point is one place off."""
    digits = _parts(text)[1].replace(",", "")
    whole, point, rest = digits.partition(".")
    if rng.random() < 0.5:
        return _with(text, f"{whole}{rest[:1] or '0'}{point if rest[1:] else ''}{rest[1:]}".lstrip("0") or "0")
    return _with(text, f"{whole[:-1] or '0'}.{whole[-1:] or '0'}{rest}" if point or len(whole) > 1 else digits)


def nearby(text: str, rng: np.random.Generator) -> str:
    """Off by one to nine units of the last digit: an old value that was not updated."""
    digits = _parts(text)[1].replace(",", "")
    decimals = len(digits.partition(".")[2])
    units = int(rng.integers(1, 10)) * int(rng.choice([-1, 1]))
    return _with(text, f"{abs(float(digits) + units / 10**decimals):.{decimals}f}")


def off_by_few(text: str, rng: np.random.Generator) -> str:
    """A whole number off by one to three."""
    digits = _parts(text)[1].replace(",", "")
    if "." in digits:
        return text
    return _with(text, f"{max(0, int(digits) + int(rng.integers(1, 4)) * int(rng.choice([-1, 1])))}")


def other_n(text: str, rng: np.random.Generator) -> str:
    """Twice, half or ten times as many runs, or one to five more or fewer."""
    size = int(float(_parts(text)[1].replace(",", "")))
    chosen = [2 * size, size // 2, 10 * size, size + int(rng.integers(1, 6)), size - int(rng.integers(1, 6))]
    return _with(text, str(max(0, int(rng.choice(chosen)))))


def other_side(text: str, rng: np.random.Generator) -> str:
    """A p on the other side of .05 (significant or not), or with the other sign before it."""
    before, _, after = _parts(text)
    if before.strip() in ("<", ">") and rng.random() < 0.5:
        return f"{'>' if '<' in before else '<'}{_parts(text)[1]}{after}"
    p = rng.uniform(0.06, 0.9) if read(text).value < 0.05 else rng.uniform(0.001, 0.049)
    return f"{p:.3f}"


def sign(text: str, rng: np.random.Generator) -> str:
    """The other sign, or the other direction."""
    if text in OPPOSITES:
        return OPPOSITES[text]
    if text[0] in "-−":
        return f"+{text[1:]}"
    return f"-{text.removeprefix('+')}"


OPERATORS: dict[str, tuple[Operator, ...]] = {
    NUMBER: (digit, exchanged, shifted, nearby),
    TOTAL: (digit, exchanged, shifted, nearby),
    COUNT: (digit, exchanged, off_by_few),
    N: (other_n, off_by_few),
    P_VALUE: (digit, exchanged, shifted, other_side),
    SIGN: (sign,),
}


def is_error(text: str, planted: str) -> bool:
    """Whether a planted text is a number, or a word, that differs from the true one by more than its rounding."""
    if text in OPPOSITES:
        return planted != text
    try:
        old, new = read(text), read(planted)
    except ValueError:
        return False
    return not old.low <= new.value <= old.high


def planted(text: str, kind: str, most: int, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """At most so many different errors in a printed number: the name of the operator and the text."""
    seen = {text}
    operators = OPERATORS[kind]
    for index in rng.permutation(most * len(operators)):
        operator = operators[int(index) % len(operators)]
        made = operator(text, rng)
        if made not in seen and is_error(text, made):
            seen.add(made)
            yield operator.__name__, made
        if len(seen) > most:
            return


def coarser(text: str) -> str | None:
    """The number with a digit less, correctly rounded; None if the digits do not tell which way."""
    digits = _parts(text)[1].replace(",", "")
    decimals = len(digits.partition(".")[2])
    if decimals < 2 or digits.endswith("5"):
        return None
    return _with(text, f"{float(digits):.{decimals - 1}f}")


def rewritten(text: str) -> str | None:
    """The same number in another form: without a leading 0, without commas, a share in place of per cent."""
    before, digits, after = _parts(text)
    if "," in digits:
        return f"{before}{digits.replace(',', '')}{after}"
    if digits.startswith("0."):
        return f"{before}{digits[1:]}{after}"
    if after == "%" and "." in digits and not before:
        decimals = len(digits.partition(".")[2]) + 2
        return f"{float(digits) / 100:.{decimals}f}"
    return None
