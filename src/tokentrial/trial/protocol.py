"""What a try trains, in which order and for how long: the quick protocol, one condition, or all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokentrial.errors import InputError
from tokentrial.trial import full, judged, places, text
from tokentrial.trial.candidates import Candidate
from tokentrial.trial.judged import Judged
from tokentrial.trial.places import Place
from tokentrial.trial.text import TextPlace

Options = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Plan:
    """The work of a try. small: conditions with the ratios; texts: conditions with the combinations of options."""

    candidate: Candidate
    sweep: Options
    small: Sequence[tuple[Place, Sequence[int]]]
    texts: Sequence[tuple[TextPlace, Options]]

    @property
    def minutes(self) -> float:
        """Minutes of one core, by those of the shipped rows' machine."""
        small = sum(full.seconds(where, ratios, len(self.sweep)) for where, ratios in self.small)
        return (small + sum(where.seconds * len(some) for where, some in self.texts)) / 60

    @property
    def said(self) -> str:
        """The line before the start."""
        count = sum(len(ratios) for _, ratios in self.small) + len(self.texts)
        about = "a minute" if self.minutes < 1.5 else f"{self.minutes:.0f} minutes"
        return f"{count} condition{'s' * (count > 1)}, about {about} of one core"

    def run(self) -> tuple[list[Judged], list[str]]:
        """Trains and compares; returns the results, and what was left out and why.

        Raises InputError if nothing could be tried.
        """
        results = [judged.judge(self.candidate, where, self.sweep, ratios) for where, ratios in self.small]
        left_out: list[str] = []
        if self.texts:
            try:
                with text.tokens(self.texts[0][0].config) as files:
                    for where, some in self.texts:
                        results.append(text.judge(self.candidate, where, some, files))
                        if len(some) < len(self.sweep):
                            shown = f"{len(some)} of {len(self.sweep)} combinations of options"
                            left_out.append(f"{where.on}: {shown} were tried; --full tries all")
                        if where.seeds < (seeds := int(where.arms["seeds"].max())):
                            few = f"{seeds - where.seeds} of {seeds} seeds"
                            left_out.append(f"{where.on}: {few}; --on {where.on} and --full train all")
            except text.NoText as error:
                left_out.append(f"language models on WikiText-2, of which the shipped rows are: {error}")
                if not results:
                    raise InputError(str(error)) from None
        return results, left_out


def is_text(on: str) -> bool:
    """Whether a condition's name is that of a language model."""
    known = places.read_shipped().conditions
    rows = known[(known["study"] == text.STUDY) & (known["way"] == places.WAY)]
    return on in set(rows["experiment"] + "/" + rows["tokens"])


def plan(candidate: Candidate, sweep: Options, wanted: Sequence[int], on: str | None, every: bool) -> Plan:
    """Returns the plan of the quick protocol, of the one condition ``on``, or of all of them.

    wanted: the ratios for small models, where a condition has them; none: as many as the encoder's bits depend on.
    """
    small: list[tuple[Place, Sequence[int]]] = []
    texts: list[tuple[TextPlace, Options]] = []
    if on is None or not is_text(on):
        first = places.place(on or places.ON)
        small.append((first, judged.ratios_of(first, candidate, sweep, wanted)))
    if on is None or is_text(on):
        of_text, quick = text.place(on or places.TEXT), on is None and not every
        some = text.spread(sweep, text.MOST) if quick else list(sweep)
        texts.append((of_text.with_seeds(text.QUICK_SEEDS) if quick else of_text, some))
    if every:
        for where in full.small():
            chosen = [ratio for ratio in wanted if ratio in where.specs] or ([where.middle] if wanted else [])
            small.append((where, judged.ratios_of(where, candidate, sweep, chosen)))
        narrow_too = not candidate.kind.after_training
        texts += [(where, sweep) for where in full.texts() if narrow_too or not where.narrow]
    return Plan(candidate, sweep, small, texts)
