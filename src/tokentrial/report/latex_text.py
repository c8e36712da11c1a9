r"""Text as LaTeX sets it: its signs, the width of its lines, and the places where a long word may break.

Every sign is one that pdfLaTeX and LuaLaTeX have in their default fonts, without a package. A sign that those fonts
lack is shown as its code point, ``U+4E2D``: one engine would stop there, the other would leave it out.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

LONGEST = 9.0
"""The widest piece of a word that stays whole in a column of running text, in em (see width)."""
_WORD = 5.0
"""Words up to this width have no place to break."""
_BREAK = re.compile(r"(?<=[_/:;=,.)\]|-])(?=[^\W\d])")
_NEGATIVE = re.compile(r"(?<![\w)\]%-])-(?=\.?\d)|(?<=\d[eE])-(?=\d)")

# Each word is a sign and how LaTeX writes it; those of mathematics are names of its commands.
_MATHS = """
αalpha βbeta γgamma δdelta εvarepsilon ζzeta ηeta θtheta ιiota κkappa λlambda μmu νnu ξxi πpi ρrho ςvarsigma σsigma
τtau υupsilon φvarphi χchi ψpsi ωomega ϕphi ϵepsilon ϑvartheta
ΓGamma ΔDelta ΘTheta ΛLambda ΞXi ΠPi ΣSigma ΥUpsilon ΦPhi ΨPsi ΩOmega
±pm ∓mp ×times ·cdot ⋅cdot ÷div ∗ast ∘circ ≤le ≥ge ≠ne ≈approx ≡equiv ∼sim ≃simeq ∝propto ≪ll ≫gg «ll »gg
←gets →to ↑uparrow ↓downarrow ↔leftrightarrow ↦mapsto ⇐Leftarrow ⇒Rightarrow ⇔Leftrightarrow
∂partial ∇nabla ∞infty √surd ∀forall ∃exists ∅emptyset ∈in ∉notin ∪cup ∩cap ⊂subset ⊆subseteq ⊕oplus ⊗otimes
∧wedge ∨vee ¬neg •bullet ℓell ⟨langle ⟩rangle ‖Vert ∑Sigma ∏Pi
"""
_TEXTS = r"""
&\& %\% $\$ #\# _\_ {\{ }\} \\textbackslash{} ~\textasciitilde{} ^\textasciicircum{} `\`{} [{[} ]{]} *{*}
"{\ttfamily\char34} −$-$ <$<$ >$>$ |$|$ ‹$<$ ›$>$ °$^\circ$ ′$'$ ″$''$
‐- ‑\mbox{-} –-- —--- ―--- …\dots{} ‘` ’' “`` ”'' ‚, „,{}, €EUR §\S{} ¶\P{} †\dag{} ‡\ddag{} ©\copyright{} £\pounds{}
¡!` ¿?` æ\ae{} Æ\AE{} œ\oe{} Œ\OE{} ß\ss{} ø\o{} Ø\O{} ł\l{} Ł\L{} ı\i{} ȷ\j{} οo
ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΧX
"""
_SPACES = {
    "\u00a0": "~",
    "\u2002": r"\enspace{}",
    "\u2003": r"\quad{}",
    "\u2007": "~",
    "\u200b": r"\allowbreak{}",
    "\u2060": r"\nobreak{}",
    "\u00ad": r"\-",
    "\u3000": r"\quad{}",
    **dict.fromkeys("\u2009\u200a\u202f", r"\,"),
    **dict.fromkeys("\t\n\r", " "),
    **dict.fromkeys("\u200c\u200d\u200e\u200f\ufeff", ""),
}
_SIGNS = {
    **{word[0]: rf"$\{word[1:]}$" for word in _MATHS.split()},
    **{word[0]: word[1:] for word in _TEXTS.split()},
    **_SPACES,
}
_MARKS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327\u0331"
_ACCENTS = dict(zip(_MARKS, "`'^~=u.\"rHvdcb", strict=True))
_DOTLESS = {"i": r"\i", "j": r"\j"}
_CEDILLA, _WITH_CEDILLA = "\u0327", "CcGgKkLlNnRrSsTt"
"""LuaLaTeX's font has no cedilla, but these letters with theirs."""

# Widths of the roman type of Computer Modern at 10 points, in em, rounded up into classes.
_WIDTHS = {
    letter: width
    for width, letters in (
        (0.0, "\u200b\u2060\ufeff\u00ad"),
        (0.28, "ijl.,:;'!|‘’‚"),
        (0.34, " \u00a0f-‐‑_"),
        (0.40, "rstI()[]{}\\`"),
        (0.45, "cez"),
        (0.50, 'ago0123456789/*–$"“”„°·?^~'),
        (0.56, "bdhknpquvxySJ"),
        (0.72, "wBCEFLPTZ§"),
        (0.79, "ADGHKNOQRUVXY&+=<>−±×÷"),
        (0.84, "m#@%"),
        (1.03, "MW—…"),
    )
    for letter in letters
}
_UNKNOWN, _CODE_POINT = 1.03, 3.3


def escape(text: str) -> str:
    """Returns LaTeX that shows the text as it is; a hyphen before a number is its minus sign."""
    made = ""
    for sign in map(_sign, _negative(text)):
        # Two signs that meet must not become one: a dash of two hyphens, a quote of two apostrophes.
        meets = sign[:1] in ("-", "'", ",", "`") and (made[-1:] == sign[:1] or (sign[0] == "`" and made[-1:] in "?!"))
        made += f"{{}}{sign}" if made and meets else sign
    return made


def running(text: str) -> str:
    """Returns the same for a column whose lines break: long words have places to break, numbers have none."""
    lines = []
    for line in _negative(text).replace(" ± ", "\u00a0±\u00a0").split("\n"):
        lines.append(" ".join(r"\allowbreak{}".join(map(escape, broken(word))) for word in line.split(" ")))
    return r"\newline ".join(lines)


def pieces(text: str) -> Iterator[str]:
    """Yields what stays on one line of such a column."""
    for word in re.split("[ \n]", text.replace(" ± ", "\u00a0±\u00a0")):
        yield from broken(word)


def broken(word: str) -> list[str]:
    """The pieces of a word, in order; most words are one."""
    parts = _BREAK.split(word) if width(word) > _WORD else [word]
    return [piece for part in parts for piece in ([part] if width(part) <= LONGEST else _chopped(part))]


def _chopped(part: str) -> Iterator[str]:
    """Pieces of a name that has no better place to break."""
    piece = ""
    for letter in part:
        if piece and width(piece + letter) > LONGEST:
            yield piece
            piece = ""
        piece += letter
    yield piece


def width(text: str) -> float:
    """Returns the width of a line in em of Computer Modern at 10 points, at least that of either engine."""
    return sum(map(_width, text))


@cache
def _width(letter: str) -> float:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    plain = unicodedata.normalize("NFD", letter)[0]
    return _WIDTHS.get(plain, _CODE_POINT if _sign(letter) == _code_point(letter) else _UNKNOWN)


def _negative(text: str) -> str:
    return _NEGATIVE.sub("−", unicodedata.normalize("NFC", text))


@cache
def _sign(letter: str) -> str:
    """Returns the LaTeX of one character."""
    if letter in _SIGNS:
        return _SIGNS[letter]
    if letter in _ACCENTS and letter != _CEDILLA:
        return rf"\{_ACCENTS[letter]}{{}}"
    kind, codes = _decomposed(letter)
    if kind in ("<super>", "<sub>"):
        return rf"\text{kind[1:-1]}script{{{''.join(map(_sign, codes))}}}"
    if kind == "<fraction>":
        above, below = codes.split("\u2044")
        return rf"\textsuperscript{{{above}}}/\textsubscript{{{below}}}"
    if kind:  # a variant of other signs, as a ligature is
        return "".join(map(_sign, codes))
    if len(codes) == 2 and codes[1] in _ACCENTS and (codes[1] != _CEDILLA or codes[0] in _WITH_CEDILLA):
        plain = _DOTLESS.get(codes[0], _sign(codes[0]))
        return _code_point(letter) if plain == _code_point(codes[0]) else rf"\{_ACCENTS[codes[1]]}{{{plain}}}"
    return letter if letter.isascii() and letter.isprintable() else _code_point(letter)


def _decomposed(letter: str) -> tuple[str, str]:
    """What Unicode says a character is made of, and in what way; both empty for most."""
    kind, *codes = ["", *unicodedata.decomposition(letter).split()]
    if codes and codes[0].startswith("<"):
        kind = codes.pop(0)
    return kind, "".join(chr(int(code, 16)) for code in codes)


def _code_point(letter: str) -> str:
    return rf"\texttt{{U+{ord(letter):04X}}}"
