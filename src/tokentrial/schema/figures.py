"""The figures that a study's file declares: the keys of each kind.

What draws a kind is registered in report.figures under the same name.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from tokentrial.config import nearest
from tokentrial.schema.base import Flag, Number, Section, Text, Whole, key

FAULT = "figure"
"""The kind of a fault that says its own key, what was found and what was expected."""
Select = dict[Text, Text | Whole | Flag | list[Text] | list[Whole]]
Metric = Literal["cross_entropy", "accuracy", "bits_per_byte"]
Pair = tuple[Number, Number]
Color = Literal["blue", "vermillion", "green", "orange", "sky", "purple", "black", "grey", "ink", "dim", "pale", "band"]


class Mark(Section):
    """How something is drawn, and what a legend calls it."""

    label: Text = key("In the legend.", "")
    color: Color = key("Of line and marker.")
    marker: Text = key("As matplotlib has it; without one, a line alone.", None)
    size: Number = key("Of the marker, in points.", 4.0)
    line: Number = key("Width of a line through the marker, in points.", None)
    dashes: list[Number] = key("Lengths of the line's dashes and gaps, in its widths.", None)
    face: Literal["white", "none"] = key("Of an open marker.", None)
    fill: Number = key("Opacity of a patch, which is neither line nor marker.", None)


class Layout(Section):
    """Sizes of a grid of panels, in cm."""

    height: Number = key("Of a panel.", 4.3)
    gap: Pair = key("Between columns and between rows.", (2.6, 1.5))
    sides: Pair = key("Left and right of all panels.", (1.25, 1.35))
    top: Number = key("Above them.", 0.6)
    foot: Number = key("Between them and the legend.", 1.2)
    columns: Whole = key("Panels in a row.", 2)
    fill: Flag = key("Fewer panels than columns are wider.", False)
    legend_columns: Whole = key("Of a legend that takes one line.", None)
    repeat: Literal["x", "y"] = key("The axis whose label every panel has.", None)


class Figure(Section):
    """What a figure is called, and what draws it."""

    title: Text = key("In the report and in the site.")
    legend: Text = key("In the report, after the title.", None)
    caption: Text = key("In Snakemake's own report.")
    kind: Text = key("What draws it.")
    absent: Text = key(
        "In place of a figure without anything to show; without it, a general sentence and a line of the log.", None
    )


class Filtered(Figure):
    """A figure of some conditions."""

    select: Select = key("Columns of results/conditions.parquet -> values; a list is in the order of panels.")
    otherwise: Select = key("The same, for a run that has none of these conditions.", None)


class Grid(Figure):
    """A figure of a grid of panels."""

    layout: Layout = key("Of its panels.", Layout())


class Levels(Filtered, Grid):
    """Levels of all arms against a column in which conditions differ."""

    metric: Metric
    x: Text = key("A column of numbers.")
    panels: list[Text] = key("Columns; a panel for each combination of their values.")
    x_label: Text
    y_label: Text
    bounds: dict[Text, Text] = key("Bound -> its name, where that is another one.", {})
    printed: dict[Text, Text] = key("Experiment -> a printed table, whose values are shown, too.", {})


class Panel(Section):
    """Of one experiment."""

    width: Number = key("In cm.")
    x: Text = key("A column of numbers; without one, conditions stand side by side.", None)
    x_label: Text = key("Of the axis.", None)


class SideBySide(Filtered):
    """Levels of all arms, condition by condition."""

    metric: Metric
    y_label: Text
    experiments: dict[Text, Panel] = key("Experiment -> its panel.")


class Curves(Filtered, Grid):
    """Validation loss during training."""

    y_label: Text
    panel_title: Literal["what varies", "corpus", "body and way"]
    limits: Literal["below chance", "later", "lowest"] = key("Of the losses.")
    bounds: dict[Text, Text] = key("Bound -> its name.")
    inside: Flag = key("Bounds are those of validation text, named inside of the panel.", False)
    same: Text = key("The name of bounds that are equal.", None)
    arms: list[Text] = key("Methods, of which a condition needs the first; without it, all that see their input.", None)
    ratio: Whole = key("Arms at the ratio nearest to it, and those without one.", None)
    on_top: Text = key("The method that is drawn above the others.", None)
    markers: Literal["none", "each", "chosen"] = key("At each step, or at the one whose weights are reported.", "none")
    first: dict[Text, list[Text]] = key("Experiment -> conditions that are shown before others.", {})
    most: Whole = key("Panels.", None)
    bits: Flag = key("A second axis in bits per byte.", False)
    band: Number = key("Opacity of the interval.", 0.18)
    x_room: Number = key("The end of the axis, in lengths of the longest curve.", 1.02)


class Front(Filtered, Grid):
    """Losses against costs, a line per method through its sizes."""

    costs: dict[Text, Text] = key("Column of results/arms.parquet -> label.")


class Shares(Front):
    """The share of what the input can give, against costs."""

    arms: list[Text]
    rows: dict[Text, Literal["ordered", "largest", "hardest"]] = key("Experiment -> those of its conditions shown.")


class LevelsByCost(Filtered, Grid):
    """Losses against a cost, every arm by itself."""

    cost: Text = key("A column of results/arms.parquet.")
    x_label: Text
    methods: list[Text] = key("In the order of the legend.", [])
    hollow: list[Text] = key("Layouts that are drawn with open markers.", [])


class LossesByBits(Filtered, Grid):
    """Losses of a pretrained model against sizes of its token table, a row of panels for each, and the front."""

    sizes: dict[Literal["bits", "bytes", "bytes_zstd", "bytes_entropy"], Text] = key("Size -> label; bytes are MiB.")
    y_label: Text
    beside: Number = key("Width of the legend beside the panels, in cm.")
    without: list[Text] = key("Families that are not drawn, and not on the front.", [])


class Differences(Filtered, Grid):
    """Arms minus another one at their ratio, against the ratio."""

    arms: dict[Text, Text] = key("Method -> what its panel says beside the way; empty for the body.")
    other: Text = key("A method.")
    looks: list[Mark] = key("Of the conditions, in turn.")
    y_label: Text


class Bands(Filtered, Grid):
    """Arms minus the standard one, by frequency band."""

    arms: list[Text] = key("Methods from left to right.")
    y_label: Text
    methods: list[Text] = key("In the order of the legend.", [])
    hollow: list[Text] = key("Layouts that are drawn with open markers.", [])


class ByCorpus(Filtered):
    """Bespoke minus other arms, against the size of the corpus; the margin is that of the selected conditions."""

    y_label: Text
    hollow: list[Text] = key("Layouts that are drawn with open markers.", [])


class Forest(Filtered):
    """An arm minus others, a row per condition."""

    arm: Text
    other: Text = key("What it is compared with.")
    beside: dict[Text, Number] = key("Other arms, paler -> how far below the row.", {})
    x_label: Text


class Factors(Figure):
    """What the released ratio consists of."""

    parts: dict[Text, Text] = key("Part of the decomposition -> its heading.")
    x_label: Text


class Masked(Filtered):
    """Losses with and without a mask, against the unigram."""

    samples: list[Mark] = key("Of the legend.")
    x_label: Text


class Script(Section):
    """A released script."""

    title: Text
    metric: Text
    y_label: Text
    above_chance: Flag = key("Values are distances from chance.", False)
    printed: dict[Text, Text] = key("What varies in it -> the printed table.", {})
    baseline: Text = key("The arm of the printed autoencoder.", "autoencoder")
    below: Number = key("Room for names below the panel, in cm.", 1.6)
    beside: Text = key("The script that it shares a row with.", None)


class Seeds(Filtered):
    """Every seed of released scripts and of a pair of fair arms."""

    scripts: dict[Text, Script]
    arms: list[Text] = key("Of scripts.")
    varied: dict[Text, Text] = key("What varies within a script -> its name.")
    pair: Annotated[list[Text], Field(min_length=2, max_length=2)] = key("Arms of the selected conditions.")
    fair_title: Text


class Ratios(Figure):
    """Every seed of the released loss ratios."""

    samples: list[Mark] = key("Of the legend.")
    x_label: Text


class ByStep(Grid):
    """The released loss ratios by number of steps."""

    samples: list[Mark] = key("Of the legend.")


class Power(Filtered):
    """What a number of seeds finds."""

    other: Text = key("The arm that the comparisons are with.")


class ByLength(Grid):
    """Measures of crammed texts by their length."""

    measures: dict[Text, Mark]
    samples: list[Mark] = key("Of the legend, after the measures.")
    most: Whole = key("Panels.")


class Gains(Figure):
    """Gains and lengths by kind of text."""

    kinds: dict[Text, Mark] = key("Kind of text -> how it is drawn.")
    samples: list[Mark] = key("Of the legend, after the kinds.")
    most: Whole = key("Models.", 4)


class Entropy(Gains, Grid):
    """The entropy of every text with and without its vector."""


class Scaling(Figure):
    """Lengths and gains by number of vectors."""

    kinds: dict[Text, Mark] = key("Kind of text -> what it is called.")
    looks: list[Mark] = key("Of the models; further ones are not shown.")


class Bound(Figure):
    """Gains against what a vector could hold."""

    families: dict[Text, Mark] = key("Family of models -> how it is drawn.")
    kin: dict[Text, Text] = key("A model's name up to its first hyphen -> its family, where these differ.")
    samples: list[Mark] = key("Of the legend, after the families; {texts}: how many there are.")


class CurvesOfTexts(Grid):
    """Losses and accuracies while vectors are optimised."""

    dashes: dict[Text, list[Number]] = key("Settings in the order of the legend -> dashes of their lines.")
    samples: list[Mark] = key("Of the legend, after the settings.")
    most: Whole = key("Lengths.")


class Verdicts(Figure):
    """Claims by document, kind and verdict."""


class Calibration(Figure):
    """Planted errors that the checks see, and true statements that they flag."""

    finders: dict[Text, Number] = key("Another program -> its published share of errors found.", {})


class Sensitivity(Figure):
    """Every verdict by margins, metrics, baselines, and mean or median."""


class ImpliedP(Figure):
    """p values that printed rows imply, under each reading of their spreads."""

    tables: dict[Text, Text] = key("Printed table -> heading.")
    pair: list[Text] = key("Columns: mean, spread, mean, spread.")
    p: Text = key("The column of the printed p.")
    x_label: Text


class Margins(Filtered):
    """An arm minus others, a row per condition, beside several margins."""

    arm: Text
    others: dict[Text, Text] = key("Arm that it is compared with -> its name.")
    margins: list[Number] = key("In per cent of the distance from chance to the best possible loss.")
    x_label: Text


KINDS: dict[str, type[Figure]] = {
    "levels": Levels,
    "levels side by side": SideBySide,
    "levels by cost": LevelsByCost,
    "losses by bits": LossesByBits,
    "curves": Curves,
    "shares by cost": Shares,
    "front": Front,
    "differences": Differences,
    "differences by frequency": Bands,
    "differences by corpus": ByCorpus,
    "forest": Forest,
    "factors": Factors,
    "mask": Masked,
    "seeds": Seeds,
    "ratios of seeds": Ratios,
    "ratios by step": ByStep,
    "power": Power,
    "measures by length": ByLength,
    "entropy of texts": Entropy,
    "gains by kind of text": Gains,
    "lengths by vectors": Scaling,
    "gain against bound": Bound,
    "curves of texts": CurvesOfTexts,
    "verdicts": Verdicts,
    "calibration": Calibration,
    "sensitivity": Sensitivity,
    "implied p": ImpliedP,
    "margins": Margins,
}


def figure(entry: Any) -> Figure:
    """Returns an entry as the model of its kind. Raises an error of the kind `FAULT`."""
    if isinstance(entry, Figure):
        return entry
    if not isinstance(entry, Mapping):
        raise _fault((), f"found {entry!r}, expected: a valid dictionary")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = "not given, " if kind is None else f"found {kind!r}, {nearest(str(kind), KINDS)}"
        raise _fault(("kind",), f"{said}expected one of {', '.join(KINDS)}")
    try:
        return KINDS[kind].model_validate(entry)
    except ValidationError as error:
        # a mistyped key first: it explains one that is not given
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        place, said = first["loc"], first["msg"].removeprefix("Input should be ")
        if first["type"] == "extra_forbidden":
            known = _keys(KINDS[kind], place[:-1])
            text = f"unknown key; {nearest(str(place[-1]), known)}expected one of {', '.join(known)}"
        elif first["type"] == "missing":
            text = "not given, expected it"
        else:
            text = f"found {first['input']!r}, expected: {said}"
        raise _fault(place, text) from None


def _fault(place: tuple[int | str, ...], text: str) -> PydanticCustomError:
    where = "".join(f".{step}" for step in place)
    return PydanticCustomError(FAULT, "{where}: {text}", {"where": where, "text": text})


def _keys(model: Any, place: tuple[int | str, ...]) -> Mapping[str, Any]:
    """The keys of the section at a place in a model."""
    for step in place:  # of a section, or of a list or mapping of sections
        model = model.model_fields[step].annotation if hasattr(model, "model_fields") else get_args(model)[-1]
    fields: Mapping[str, Any] = model.model_fields
    return fields


Figures = dict[Text, Annotated[Any, PlainValidator(figure)]]
