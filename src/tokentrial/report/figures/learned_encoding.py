"""The figures of the learned-encoding study."""

from collections.abc import Callable, Iterable

from matplotlib.figure import Figure

from tokentrial.report.figures.by_ratio import Published, accuracy_by_ratio, loss_by_ratio
from tokentrial.report.figures.by_vocabulary import loss_by_vocabulary
from tokentrial.report.figures.documents import Point, published_points, stated_runs
from tokentrial.report.figures.forest import forest
from tokentrial.report.figures.learning_curves import learning_curves
from tokentrial.report.figures.parameters import parameters
from tokentrial.report.figures.power import power
from tokentrial.report.figures.seeds import seeds
from tokentrial.report.figures.sources import Sources
from tokentrial.statistics.tables import final_values


def markov_points(points: Iterable[Point]) -> list[Published]:
    """Document 000's accuracies, as points of the sub-study that runs its experiment right."""
    return [
        Published("markov", point.arm, float(point.cell.rpartition("-")[2]), point.value)
        for point in points
        if point.cell.startswith("corrected/ratio-")
    ]


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "loss-by-ratio": lambda s: loss_by_ratio(s.summary),
    "accuracy-by-ratio": lambda s: accuracy_by_ratio(s.summary, markov_points(published_points(s.documents))),
    "loss-by-vocabulary": lambda s: loss_by_vocabulary(s.summary),
    "forest": lambda s: forest(s.statistics),
    "learning-curves": lambda s: learning_curves(s.runs, s.summary, s.confidence),
    "seeds": lambda s: seeds(final_values(s.runs), published_points(s.documents)),
    "power": lambda s: power(s.statistics, stated_runs(s.documents), s.confidence),
    "parameters": lambda s: parameters(s.summary, s.arms),
}
