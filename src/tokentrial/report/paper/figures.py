"""The paper's figures: which it shows, with captions that say what to see and texts for readers who do not see them."""

from collections.abc import Sequence
from typing import NamedTuple

from tokentrial.report.catalogue import VERDICTS


class Shown(NamedTuple):
    """A figure. study: the one without which it is not drawn."""

    name: str
    study: str
    alt: str
    caption: str


FIGURES = {
    "implied_p": Shown(
        "implied-p",
        VERDICTS,
        "For each printed pair of means, ranges of implied p values under three readings of the spread, and the "
        "printed p values, over a band that shades the significant ones.",
        "The _p_ values that the comparison paper's tables imply (ranges: all numbers that round to the printed "
        "ones) and those that it prints (circles). It counts #said[16 of 17] conditions as significant.",
    ),
    "forest_margins": Shown(
        "forest-margins",
        "learned_encoding",
        "Differences between the learned table and two autoencoders with intervals, by condition, in per cent of "
        "the distance from chance to the best possible loss, over shaded margins.",
        "Which autoencoder decides: intervals over paired seeds. Left of the line the learned table is better. "
        "Shades: margins of #said[1, 2, 5 and 10] %, so that the reader can choose another one than ours.",
    ),
    "pareto": Shown(
        "language-models-pareto",
        "language_models",
        "Test loss against bits deployed, a panel per body and a line per method, named at its end.",
        "Memory against quality on real text: means over seeds, with intervals as bars. A method is worth its "
        "bits only where its line runs below all others. Bits are those of the input table and, untied, of the output "
        "layer; the band is the margin around the full table.",
    ),
    "released_ratios": Shown(
        "bespoke-seeds",
        "bespoke",
        "Loss ratios of the released scripts over seeds with medians and central ranges, and the published values.",
        "One seed is no result: the ratio of the losses that the released script reports for its last batch, over "
        "seeds, beside that of the same models' losses on fresh text, and the published value with the percentage of "
        "seeds below it.",
    ),
    "attribution": Shown(
        "bespoke-attribution",
        "bespoke",
        "Factors of the released loss ratio with intervals: metric, extra linear layer, width by frequency, "
        "learning rate, steps.",
        "What the _24 times_ consist of: the reported ratio is the product of _its parts_. A factor below one favours "
        "the bespoke table.",
    ),
    "bound": Shown(
        "cramming-bound",
        "cramming",
        "Token gain against the theoretical bound for this run's models and published ones on logarithmic axes, "
        "with lines at three shares of the bound.",
        "How much of a vector is used: our small models (filled, on the run's text) and the published ones @cramming "
        "(open, on PG-19) against what _d_ numbers of #said[16] bits could tell apart. Bars: intervals over texts.",
    ),
    "sensitivity": Shown(
        "sensitivity",
        VERDICTS,
        "A line per empirical claim and a column per margin, in blocks for metric, median and baseline; the sign "
        "is the verdict.",
        "Verdicts by margin, metric, mean or median, and baseline, for each empirical claim whose rule has such a "
        "choice. A line of one sign does not depend on our choices; blank: the rule has no such choice, or the rows "
        "lack it.",
    ),
    "real_model_front": Shown(
        "real-model-front",
        "real_model",
        "Held-out loss of the pretrained model on two texts against the size of its encoded input table: in the upper "
        "panels bits for each number, in the lower ones bytes with an entropy coder. A line per family of codes, grey "
        "steps for the front, and a dashed line for the full table.",
        "Loss of the pretrained model against the size of its encoded input table, by count and with an entropy coder, "
        "with the front of codes that no other shown one beats in both. Controls of widths and bits by frequency, and "
        "the encoded table in the output layer, are in the run's tables.",
    ),
}


def figure_values(studies: Sequence[str]) -> dict[str, str]:
    """Placeholders of all figures; empty for a figure of a study that did not run."""
    return {
        f"figure.{key}": f'#plot("{each.name}", "{each.alt}", [{each.caption}])'
        if each.study in (VERDICTS, *studies)
        else ""
        for key, each in FIGURES.items()
    }
