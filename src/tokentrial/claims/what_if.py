"""What if: the verdicts of a finished run under other margins, settings, claims or rules, without training.

A setting is a key that acts on finished rows (config.JUDGING). A claim is changed by its margin, or by any value of its
parameters or reported numbers. The statistics, the decisions of the cramming study and the verdicts are made again by
the functions of the workflow's rules.
"""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tokentrial import config, documents, results
from tokentrial.checkout import ROOT
from tokentrial.claims import decisions, registry, verdicts
from tokentrial.claims.audit import SCHEMA
from tokentrial.claims.parameters import bind, parameters_of
from tokentrial.claims.registry import Claim
from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.verdict import Finding
from tokentrial.errors import InputError
from tokentrial.run.statistics import SETTINGS, write_statistics
from tokentrial.run.view import SCHEMAS
from tokentrial.schema import study_files, validation
from tokentrial.studies import cramming

Record = dict[str, Any]
MARGIN = "margin"
FILES = {"measures": "cramming", "decisions": "cramming_decisions"}
"""Table of a view -> stem of its file, where they differ."""
KINDS = ("absolute", "relative", "perplexity")
"""Kinds of a claim's own margin (claims.rules.contrasts.margin_of)."""
MARGINED = {"equivalence", "metric"}
"""Parameters of rules that compare arms of a metric, at the claim's own margin or at the run's."""
OF_DECISIONS = ("confidence", "resamples")
"""Settings that the decisions of the cramming study depend on."""
FEWEST = 100
"""The smallest number of resamples that the schema allows."""
STEPS = 8
"""Doublings and halvings of a margin among which a flip is looked for: factors from 1/256 to 256."""
DIGITS = 3
"""Significant digits of a margin at which a verdict flips."""


@dataclass(frozen=True)
class Flip:
    """A claim whose verdict changes. reason: that of the new verdict."""

    id: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class Limit:
    """The margin of a claim, and the nearest smaller and larger one at which its verdict becomes another one.

    margin: in the unit of ``of`` (the claim's own margin, or the run's setting); below, above: (margin, verdict) or
    None if no margin within the search flips the verdict.
    """

    id: str
    verdict: str
    of: str
    margin: float
    below: tuple[float, str] | None
    above: tuple[float, str] | None


class Scaled:
    """The results of a run with all margins of its comparisons multiplied by a factor."""

    def __init__(self, run: Results, factor: float) -> None:
        self._run, self._factor = run, factor
        self.compared: dict[tuple[str, ...], Any] = {}  # of its own, since comparisons keep the margin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def pair(self, *names: str) -> Record:
        """See View.pair."""
        row = self._run.pair(*names)
        return {**row, MARGIN: row[MARGIN] * self._factor} if row.get(MARGIN) else row


class Dispute:
    """A finished run and its claims, judged by other settings or other entries.

    folder: of the run; its settings are those that it recorded, or the default config's for a run that did not.
    """

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.folder = folder
        self.config = study_files.default(root)
        recorded = results.metadata(results.read(folder / "statistics.parquet", results.STATISTICS)).get(SETTINGS)
        if recorded:
            self._take(json.loads(recorded))
        self.files = study_files.load(root)
        self.claims = {claim.id: claim for claim in registry.load(documents.folders(root), SCHEMA)}
        self.run = self._read(self.config)

    def _take(self, recorded: Mapping[str, Any]) -> None:
        settings = dict(recorded)
        self.config["language_models"]["margins"] = settings.pop("margins")["language_models"]
        self.config["statistics"] = settings

    def _read(self, settings: Mapping[str, Any], again: Path | None = None) -> Results:
        """Reads a run's tables; again: a folder with those that were made anew."""
        paths = {}
        for name in SCHEMAS:
            file = f"{FILES.get(name, name)}.parquet"
            place = again / file if again is not None and (again / file).is_file() else self.folder / file
            if not place.is_file():
                raise InputError(f"{place}: not found, expected the tables of a finished run")
            paths[name] = str(place)
        return cast(Results, Results.read(paths, settings["statistics"]["confidence"]))

    def judged(self, claims: Sequence[Claim], run: Any = None) -> dict[str, Finding]:
        """Returns id -> finding."""
        return {claim.id: verdicts.finding(claim, self.run if run is None else run) for claim in claims}

    def flips(self, settings: Sequence[str], changes: Sequence[str]) -> list[Flip]:
        """Returns the claims whose verdicts differ under these settings and changes, in the order of the report.

        settings: ``statistics.equivalence_margin=.2``; changes: ``LE0-RQ.margin=.001``. Raises InputError that names
        the setting, claim or parameter that cannot be used.
        """
        other = dict(self.claims)
        for change in changes:
            claim = self.changed(change, other)
            other[claim.id] = claim
        run = self.judged_by(settings) if settings else self.run
        decided = [name for name, claim in other.items() if claim is not self.claims[name]]
        if settings:
            decided = [name for name, claim in other.items() if name in decided or claim.call is None]
        return self._differing(decided, other, run)

    def flips_by(self, runs: Path) -> tuple[int, list[Flip]]:
        """Returns how many empirical claims there are, and those whose verdicts differ by other measurements.

        runs: a file as runs.parquet, with the same conditions and arms; all else is that of the run.
        """
        names = [name for name, claim in self.claims.items() if claim.call is None]
        with tempfile.TemporaryDirectory() as name:
            again = Path(name)
            self._make(again, self.config, runs)
            (again / "runs.parquet").symlink_to(runs.resolve())
            return len(names), self._differing(names, self.claims, self._read(self.config, again))

    def _differing(self, names: Sequence[str], other: Mapping[str, Claim], run: Results) -> list[Flip]:
        """Returns those of the named claims whose verdicts are others for other entries and another run."""
        before, after = (
            self.judged([self.claims[name] for name in names]),
            self.judged([other[name] for name in names], run),
        )
        return [
            Flip(name, before[name].verdict, after[name].verdict, after[name].reason)
            for name in names
            if before[name].verdict != after[name].verdict
        ]

    def judged_by(self, settings: Sequence[str]) -> Results:
        """Returns the run's results with statistics and decisions made by other settings."""
        other = with_settings(self.config, settings, self.files)
        with tempfile.TemporaryDirectory() as name:
            again = Path(name)
            self._make(again, other)
            return self._read(other, again)

    def _make(self, folder: Path, other: Mapping[str, Any], runs: Path | None = None) -> None:
        """Makes statistics and decisions by other settings, or by measurements of another file than the run's."""
        inputs: Record = {name: str(self.folder / f"{name}.parquet") for name in ("runs", "conditions", "methods")}
        inputs["runs"] = str(runs or self.folder / "runs.parquet")
        judging, seed = config.judging(other), other["seed"]
        outputs: Record = {name: str(folder / f"{name}.parquet") for name in ("summary", "statistics")}
        # Rules read no bootstrap of a comparison, which would take most of the time.
        write_statistics(**inputs, **outputs, settings={**judging, "resamples": FEWEST}, seed=seed)
        if runs is None and all(judging[key] == self.config["statistics"][key] for key in OF_DECISIONS):
            return
        decisions.write(
            **inputs,
            **{name: str(folder / f"{stem}.parquet") for name, stem in FILES.items()},
            settings=cramming.deciding(other),
            seed=seed,
            published=[str(path) for path in documents.printed_files(*documents.folders())],
        )

    def changed(self, change: str, claims: Mapping[str, Claim]) -> Claim:
        """Returns a claim with one change: ``ID.margin=.001``, ``ID.parameters.seeds=5``, ``ID.reported.n=5``."""
        place, _, text = change.partition("=")
        name, *keys = place.strip().split(".")
        where = f"--claim {change}"
        if not text or not keys:
            raise InputError(f"{where}: expected ID.margin=NUMBER, ID.parameters.NAME=VALUE or ID.reported.NAME=VALUE")
        if name not in claims:
            raise InputError(f"{where}: {config.unknown_key(name, list(claims))[:300]}".replace("unknown key", "claim"))
        claim, value = claims[name], value_of(text, where)
        try:
            if keys == [MARGIN]:
                return _entry(claim, {**claim.parameters, "equivalence": _margin(claim, value)}, claim.reported)
            if keys[0] in ("parameters", "reported") and len(keys) > 1:
                part = deepcopy(dict(getattr(claim, keys[0])))
                _put(part, keys[1:], text.strip() if keys[0] == "reported" else value)
                parts = {"parameters": claim.parameters, "reported": claim.reported} | {keys[0]: part}
                return _entry(claim, parts["parameters"], parts["reported"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        raise InputError(f"{where}: found {'.'.join(keys)!r}, expected margin, parameters.NAME or reported.NAME")

    def limits(self, only: Sequence[str] = ()) -> list[Limit]:
        """Returns the margins at which claims flip, for every empirical claim (or those named) with a margin."""
        return [limit for name in only or self.claims if (limit := self.limit(self.claims[name])) is not None]

    def limit(self, claim: Claim) -> Limit | None:
        """Returns the margins nearest to a claim's at which its verdict flips; None for a claim without a margin."""
        if claim.call is not None or not MARGINED & {entry.name for entry in parameters_of(RULES[claim.check])}:
            return None
        equivalence = claim.parameters.get("equivalence") or {}
        kind = next((key for key in KINDS if key in equivalence), None)
        of, margin = (kind, float(equivalence[kind])) if kind else self._setting(claim)

        def verdict(factor: float) -> str:
            if kind is None:
                return verdicts.finding(claim, cast(Results, Scaled(self.run, factor))).verdict
            scaled = {key: value * factor for key, value in equivalence.items()}
            changed = replace(claim, parameters={**claim.parameters, "equivalence": scaled})
            return verdicts.finding(changed, self.run).verdict

        now = verdict(1.0)
        ends = [_flip(verdict, now, direction) for direction in (-1, 1)]
        below, above = ((_rounded(margin * end[0]), end[1]) if end else None for end in ends)
        return Limit(claim.id, now, of, margin, below, above)

    def _setting(self, claim: Claim) -> tuple[str, float]:
        """Returns the setting that is the margin of a claim without one of its own, and its value."""
        margins, metric = self.config["language_models"]["margins"], claim.parameters.get("metric")
        if metric in margins and "language_models" in json.dumps(claim.parameters):
            return f"language_models.margins.{metric}", float(margins[metric])
        return "statistics.equivalence_margin", float(self.config["statistics"]["equivalence_margin"])


def _flip(verdict: Any, now: str, direction: int) -> tuple[float, str] | None:
    """Returns the factor nearest to 1 with another verdict, in one direction, and that verdict."""
    same, other = 1.0, None
    for step in range(1, STEPS + 1):
        factor = 2.0 ** (direction * step)
        if (word := verdict(factor)) != now:
            other = (factor, word)
            break
        same = factor
    if other is None:
        return None
    while abs(math.log(other[0] / same)) > 10.0**-DIGITS / 2:
        middle = math.sqrt(other[0] * same)
        word = verdict(middle)
        same, other = (middle, other) if word == now else (same, (middle, word))
    return other


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _margin(claim: Claim, value: Any) -> Record:
    """Returns a claim's own margin with another value, of the kind that it has; absolute for a claim without.

    ``least`` changes in the same proportion, or a smaller share would change nothing.
    """
    if claim.call is not None:
        raise InputError(f"{claim.id} is decided by the check {claim.check}, which has no margin; change a parameter")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InputError(f"margin: found {config.shown(value)}, expected a number above 0")
    equivalence = dict(claim.parameters.get("equivalence") or {})
    kind = next((key for key in KINDS if key in equivalence), None)
    if kind is None:
        return {"absolute": float(value)}
    return {key: each * value / equivalence[kind] for key, each in equivalence.items()} | {kind: float(value)}


def _entry(claim: Claim, parameters: Mapping[str, Any], reported: Mapping[str, Any]) -> Claim:
    """Returns a claim with other parameters or numbers, compared with what its check or rule takes."""
    if claim.call is None:
        bind(RULES[claim.check], parameters)
        return replace(claim, parameters=parameters, reported=reported)
    call = registry.bound(claim.check, parameters, reported)
    return replace(claim, parameters=parameters, reported=reported, call=call)


def _put(part: Record, keys: Sequence[str], value: Any) -> None:
    """Sets one value of an entry, which may lie in mappings and lists."""
    inner: Any = part
    for key in keys[:-1]:
        inner = _inside(inner, key)
    if isinstance(inner, list):
        _inside(inner, keys[-1])
        inner[int(keys[-1])] = value
    elif isinstance(inner, dict):
        inner[keys[-1]] = value
    else:
        raise InputError(
            f"{'.'.join(keys)}: found {config.shown(inner)} above {keys[-1]}, expected a mapping or a list"
        )


def _inside(value: Any, key: str) -> Any:
    known = (
        list(value)
        if isinstance(value, dict)
        else [str(k) for k in range(len(value))]
        if isinstance(value, list)
        else []
    )
    if key not in known:
        raise InputError(f"found {key!r}, expected one of {', '.join(map(str, known)) or 'no key'}")
    return value[key] if isinstance(value, dict) else value[int(key)]


def value_of(text: str, where: str) -> Any:
    """Returns a value as YAML reads it; ``.2`` is a number, too."""
    return config.loads(f"value: {text.strip()}\n", where)["value"]


def with_settings(base: Mapping[str, Any], settings: Sequence[str], files: Any) -> Record:
    """Returns the config with other settings. Raises InputError for one that trains, or that the schema refuses."""
    merged = deepcopy(dict(base))
    for setting in settings:
        place, _, text = setting.partition("=")
        keys = place.strip().split(".")
        if not text or not any(tuple(keys[: len(free)]) == free and len(keys) > len(free) for free in config.JUDGING):
            free = " or ".join(f"{'.'.join(keys)}.NAME=VALUE" for keys in config.JUDGING)
            raise InputError(f"--set {setting}: expected {free}: all other settings train other models")
        merged = config.merge(merged, _nested(keys, value_of(text, f"--set {setting}")))
    validation.check(merged, files)
    return merged


def _nested(keys: Sequence[str], value: Any) -> Record:
    return {keys[0]: value if len(keys) == 1 else _nested(keys[1:], value)}


def words(limit: Limit) -> Iterator[str]:
    """Yields a sentence for each side on which a verdict flips."""
    for side, end in (("below", limit.below), ("above", limit.above)):
        if end is not None:
            yield f"{end[1]} {side} {end[0]:g}"
