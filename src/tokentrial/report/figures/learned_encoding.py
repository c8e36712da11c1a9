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


def markov_points(points: Iterable[Point]) -> list[Published]:
    """Document 000's accuracies, as points of the experiment that runs its own right."""
    return [
        Published("markov", point.arm, float(point.value), point.mean)
        for point in points
        if (point.script, point.varied) == ("corrected", "ratio")
    ]


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "loss-by-ratio": lambda s: loss_by_ratio(s.view),
    "accuracy-by-ratio": lambda s: accuracy_by_ratio(s.view, markov_points(published_points(s.documents))),
    "loss-by-vocabulary": lambda s: loss_by_vocabulary(s.view),
    "forest": lambda s: forest(s.view),
    "learning-curves": lambda s: learning_curves(s.view),
    "seeds": lambda s: seeds(s.view, published_points(s.documents)),
    "power": lambda s: power(s.view, stated_runs(s.documents)),
    "parameters": lambda s: parameters(s.view),
}
