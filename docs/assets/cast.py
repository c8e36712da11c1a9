"""Records commands in a terminal and draws what it showed as an animated SVG, which needs no script and no player.

``python docs/assets/cast.py smoke audit`` runs the commands of these sessions, in minutes, and writes
``docs/assets/<session>.svg``. Everything below a prompt is what the commands wrote, but for the path of the checkout,
which is shown as ``~/tokentrial``. Waiting is cut by showing a long session faster, and the title says how much. A
reader who asks for no motion sees one frame.
"""

import codecs
import fcntl
import itertools
import math
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CELL, LINE, PAD, BAR = 8.0, 17, 14, 30  # px: a letter's width, a line, the margin, the title bar
HOME = "~/tokentrial"
PROMPT = "\x1b[32m$\x1b[0m "
STEP = 0.5
"""Seconds between two frames of a session that is shown faster than it was."""
READ, END = 2.5, 6.0
"""Seconds for which a command's last screen stays, and the session's."""
QUIET = 0.02
"""Seconds without output after which a screen is whole."""
TAB = 8
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()][0-9A-Za-z]|\x1b[=>78]")
PART = re.compile(r"\x1b(?:\[[0-9;?]*|[()])?$")
COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
LIGHT = dict(
    zip(COLORS, ("#1e1d1a", "#a32626", "#1d6b3c", "#7d5a00", "#1f5c86", "#86307d", "#0b6b6b", "#5f5b53"), strict=True)
)
DARK = dict(
    zip(COLORS, ("#e4e1da", "#f29388", "#7fd19b", "#e2bd62", "#86bfe8", "#e59add", "#7fd6d6", "#aaa69d"), strict=True)
)
SIGNS = {
    "━": "lr",
    "─": "lr",
    "│": "ud",
    "┃": "ud",
    "╇": "lrud",
    "┼": "lrud",
    "╭": "rd",
    "╮": "ld",
    "╰": "ru",
    "╯": "lu",
}
"""Signs of lines -> the sides of the cell that they touch."""
WORDS = re.compile(rf"[{''.join(SIGNS)}]+|[^ {''.join(SIGNS)}]+(?: [^ {''.join(SIGNS)}]+)*")
"""Signs of lines, or words with one space between them."""
MOVES = {"l": "h-4", "r": "h4", "u": "v-8.5", "d": "v8.5"}


class Command(NamedTuple):
    """A line of a session. typed: as a reader types it; run: what is run, by a shell in the session's folder."""

    typed: str
    run: str


class Session(NamedTuple):
    """Commands in a terminal.

    columns, rows: of the terminal; seconds: in which the output is shown, at most; inside: in the checkout's own
    folder, not in an empty one.
    """

    title: str
    commands: Sequence[Command]
    columns: int
    rows: int
    seconds: float
    inside: bool = False


# -o: .venv is there already. CORES: of the machine that recorded.
SESSIONS = {
    "smoke": Session(
        "make smoke: all steps of make report at the smallest scale",
        [Command("make smoke", "make -o .venv/installed smoke"), Command("ls results", "ls results")],
        100,
        34,
        30,
        inside=True,
    ),
    "audit": Session(
        "tokentrial audit: a made-up paper with planted errors",
        [
            Command("tokentrial audit --example > paper.yaml", "tokentrial audit --example > paper.yaml"),
            Command("tail -n 9 paper.yaml", "tail -n 9 paper.yaml"),
            Command("tokentrial audit paper.yaml", "tokentrial audit paper.yaml"),
        ],
        116,
        34,
        60,
    ),
}


# The terminal


class Cell(NamedTuple):
    """A letter and its classes."""

    letter: str = " "
    look: str = ""


Screen = tuple[tuple[Cell, ...], ...]
BLANK = Cell()


@dataclass
class Terminal:
    """A screen that understands what Rich and Snakemake write: colours, moves of the cursor, erased lines."""

    columns: int
    rows: int
    x: int = 0
    y: int = 0
    rest: str = ""
    look: dict[str, str] = field(default_factory=dict)
    lines: list[list[Cell]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = [[BLANK] * self.columns for _ in range(self.rows)]

    def write(self, text: str) -> None:
        """Shows what a program wrote; a sequence that is not whole yet waits for its end."""
        text = self.rest + text
        part = PART.search(text)
        whole, self.rest = (text[: part.start()], part[0]) if part else (text, "")
        at = 0
        for match in SEQUENCE.finditer(whole):
            self._letters(whole[at : match.start()])
            if match[2]:
                self._control(match[1].lstrip("?"), match[2])
            at = match.end()
        self._letters(whole[at:])

    def screen(self) -> Screen:
        """What it shows now."""
        return tuple(map(tuple, self.lines))

    def _letters(self, text: str) -> None:
        for letter in text:
            if letter == "\r":
                self.x = 0
            elif letter == "\n":
                self._feed()
            elif letter == "\t":
                self.x = min(self.x // TAB * TAB + TAB, self.columns - 1)
            elif letter >= " ":
                if self.x == self.columns:
                    self.x = 0
                    self._feed()
                self.lines[self.y][self.x] = Cell(letter, " ".join(dict.fromkeys(self.look.values())))
                self.x += 1

    def _feed(self) -> None:
        if self.y == self.rows - 1:
            self.lines = [*self.lines[1:], [BLANK] * self.columns]
        else:
            self.y += 1

    def _control(self, given: str, letter: str) -> None:
        numbers = [int(part or 0) for part in given.split(";")]
        first = numbers[0] or 1
        if letter == "m":
            self._style(numbers)
        elif letter in "AB":
            self.y = min(max(self.y + (first if letter == "B" else -first), 0), self.rows - 1)
        elif letter in "CD":
            self.x = min(max(self.x + (first if letter == "C" else -first), 0), self.columns - 1)
        elif letter == "H":
            self.y, self.x = min(first, self.rows) - 1, (numbers[1] or 1) - 1 if len(numbers) > 1 else 0
        elif letter == "K":
            ends = {0: (self.x, self.columns), 1: (0, self.x + 1), 2: (0, self.columns)}[numbers[0]]
            self.lines[self.y][slice(*ends)] = [BLANK] * (ends[1] - ends[0])
        elif letter == "J" and numbers[0] == 2:
            self.__post_init__()

    def _style(self, numbers: Sequence[int]) -> None:
        """Colours of the first sixteen, bold and dim; one of the other colours is drawn as dim."""
        if numbers[:2] in ([38, 5], [38, 2]):
            self.look["colour"] = "dim"
            return
        for number in numbers:
            if number == 0:
                self.look = {}
            elif number in (1, 2):
                self.look[str(number)] = "bold" if number == 1 else "dim"
            elif number == 22:
                self.look = {key: look for key, look in self.look.items() if key not in "12"}
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self.look["colour"] = COLORS[number % 10]
            elif number == 39:
                self.look.pop("colour", None)


# The recording


class Written(NamedTuple):
    """What the k-th command wrote, and when, in seconds since it began."""

    command: int
    at: float
    text: str


class Frame(NamedTuple):
    """A screen and for how many seconds it is shown."""

    seconds: float
    screen: Screen


def record(session: Session, folder: Path) -> list[Written]:
    """Runs the commands of a session, each in a terminal. Raises SystemExit if one fails."""
    return [
        Written(k, at, text)
        for k, command in enumerate(session.commands)
        for at, text in output(command.run, folder, session.columns, session.rows)
    ]


def output(command: str, folder: Path, columns: int, rows: int) -> Iterator[tuple[float, str]]:
    """Yields what a command writes to a terminal, with the seconds since it began; at its end an empty text."""
    child, descriptor = pty.fork()
    if child == 0:
        os.chdir(folder)
        path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
        size = {"COLUMNS": str(columns), "LINES": str(rows)}
        environment = {**os.environ, **size, "TERM": "xterm-256color", "PATH": path}
        os.execvpe("bash", ["bash", "-c", f"sleep .1; {command}"], environment)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    decode, start = codecs.getincrementaldecoder("utf-8")(), time.monotonic()
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the terminal is closed
            data = b""
        yield time.monotonic() - start, decode.decode(data).replace(str(ROOT), HOME)
        if not data:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise SystemExit(f"{command}: exit code {status}")


def frames(session: Session, written: Sequence[Written]) -> tuple[list[Frame], float, int]:
    """Returns what is shown, how long the commands took, and how many times as fast their output is shown."""
    ends = {each.command: each.at for each in written}
    took = sum(ends.values())
    speed = max(1, math.ceil(took / session.seconds))
    terminal, shown = Terminal(session.columns, session.rows), list[Frame]()
    for k, command in enumerate(session.commands):
        terminal.write(PROMPT)
        shown.append(Frame(0.6, terminal.screen()))
        for word in re.findall(r"\S+\s*", command.typed):
            terminal.write(word)
            shown.append(Frame(0.25, terminal.screen()))
        terminal.write("\r\n")
        mine = [each for each in written if each.command == k]
        shown += _played(terminal, mine, speed)
        shown.append(Frame(READ if any(each.text for each in mine) else 0.0, terminal.screen()))
    return [*_merged(shown), Frame(END, terminal.screen())], took, speed


def _played(terminal: Terminal, written: Sequence[Written], speed: int) -> Iterator[Frame]:
    """The screens of a command's output, one for every step of time."""
    step = STEP if speed > 1 else STEP / 4
    pending, last = list(written), 0.0
    for k in range(1, math.ceil(pending[-1].at / speed / step) + 1):
        while pending and (pending[0].at <= k * step * speed or pending[0].at - last < QUIET):
            last = pending[0].at
            terminal.write(pending.pop(0).text)
        yield Frame(step, terminal.screen())


def _merged(shown: Sequence[Frame]) -> Iterator[Frame]:
    """Equal screens that follow each other are one frame."""
    for screen, group in itertools.groupby(shown, key=lambda frame: frame.screen):
        yield Frame(sum(frame.seconds for frame in group), screen)


# The picture


def svg(title: str, shown: Sequence[Frame]) -> str:
    """Returns frames as one SVG: a strip of all, moved behind a window; without motion, the fullest frame stays."""
    rows, columns = len(shown[0].screen), len(shown[0].screen[0])
    width, height = round(columns * CELL) + 2 * PAD, rows * LINE + 2 * PAD + BAR
    known: dict[tuple[Cell, ...], int] = {}
    strip = []
    for k, frame in enumerate(shown):
        used = [(y, known.setdefault(line, len(known))) for y, line in enumerate(frame.screen) if set(line) != {BLANK}]
        uses = "".join(f'<use href="#l{line}" y="{y * LINE}"/>' for y, line in used)
        strip.append(f'<g transform="translate({k * width})">{uses}</g>')
    lines = [f'<g id="l{number}">{"".join(_line(line))}</g>' for line, number in known.items()]
    full = max(range(len(shown)), key=lambda k: (sum(cell != BLANK for line in shown[k].screen for cell in line), k))
    total = sum(frame.seconds for frame in shown)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            ' role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_style(shown, width, full, total)}</style>",
            f"<defs>{''.join(lines)}</defs>",
            f'<rect class="paper" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            f'<text class="dim" x="{PAD}" y="{BAR - 10}">{escape(title)}</text>',
            f'<path class="rule" d="M0 {BAR}H{width}"/>',
            f'<svg x="{PAD}" y="{BAR + PAD}" width="{width - 2 * PAD}" height="{rows * LINE}">',
            f'<g class="strip" transform="translate({-full * width})">',
            *strip,
            "</g></svg></svg>\n",
        ]
    )


def _style(shown: Sequence[Frame], width: int, full: int, total: float) -> str:
    """Colours of both schemes, and the motion for those who did not ask for none."""
    at, steps = 0.0, []
    for k, frame in enumerate(shown):
        steps.append(f"{100 * at / total:.3f}%{{transform:translateX({-k * width}px)}}")
        at += frame.seconds
    return (
        "text{font:13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
        f".bold{{font-weight:700}}.dim{{opacity:.65}}{_colors(LIGHT, '#fdfcf9', '#dedad0')}"
        f"@media (prefers-color-scheme:dark){{{_colors(DARK, '#15171a', '#34373c')}}}"
        f"@media (prefers-reduced-motion:no-preference){{.strip{{animation:strip {total:.2f}s step-end infinite}}"
        f"@keyframes strip{{{''.join(steps)}}}}}"
    )


def _colors(palette: Mapping[str, str], paper: str, rule: str) -> str:
    ink = palette["black"]
    named = "".join(f"text.{name}{{fill:{color}}}path.{name}{{stroke:{color}}}" for name, color in palette.items())
    return f"text{{fill:{ink}}}path{{stroke:{ink}}}{named}.paper{{fill:{paper};stroke:{rule}}}.rule{{stroke:{rule}}}"


def _line(line: Sequence[Cell]) -> Iterator[str]:
    """A line of the terminal: words with their places, so that letters of any width stay in their columns."""
    at = 0
    for look, cells in itertools.groupby(line, key=lambda cell: cell.look):
        text = "".join(cell.letter for cell in cells)
        shown = f' class="{look}"' if look else ""
        for match in WORDS.finditer(text):
            x = (at + match.start()) * CELL
            if match[0][0] in SIGNS:
                heavy = ' stroke-width="3"' if set(match[0]) == {"━"} else ""
                yield f'<path{shown}{heavy} d="{"".join(_sign(match[0], x))}"/>'
            else:
                long = f' textLength="{len(match[0]) * CELL:g}"' if len(match[0]) > 1 else ""
                yield f'<text{shown} x="{x:g}" y="13"{long}>{escape(match[0], quote=False)}</text>'
        at += len(text)


def _sign(signs: str, x: float) -> Iterator[str]:
    """The path of lines, from the middle of each cell to the sides that its sign touches."""
    for sign, same in itertools.groupby(signs):
        size, sides = len(list(same)) * CELL, SIGNS[sign]
        if sides == "lr":
            yield f"M{x:g} 8.5h{size:g}"
        else:
            for k in range(round(size / CELL)):
                middle = x + k * CELL + CELL / 2
                yield from (f"M{middle:g} 8.5{MOVES[side]}" for side in sides)
        x += size


def main(names: Sequence[str]) -> None:
    """Records and draws the sessions."""
    for name in names:
        session = SESSIONS[name]
        with tempfile.TemporaryDirectory() as empty:
            written = record(session, ROOT if session.inside else Path(empty))
        draw(name, session, written)


def draw(name: str, session: Session, written: Sequence[Written]) -> None:
    """Draws a session that was recorded."""
    shown, took, speed = frames(session, written)
    pace = f"{took // 60:.0f}:{took % 60:02.0f} min, shown {speed} times as fast" if speed > 1 else "at its own speed"
    file = Path(__file__).with_name(f"{name}.svg")
    drawing = svg(f"{session.title} ({pace})", shown)
    if str(ROOT) in drawing or str(Path.home()) in drawing:
        raise SystemExit(f"{name}: found a path of this machine, expected none")
    file.write_text(drawing, encoding="utf-8")
    print(f"{file.name}: {len(shown)} frames, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:] or list(SESSIONS))
