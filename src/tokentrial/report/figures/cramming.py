"""The figures of the cramming study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.cramming.cells import Cells
from tokentrial.report.figures import cramming_curves, cramming_entropy, cramming_lengths, cramming_scaling
from tokentrial.report.figures.sources import Sources


def texts(sources: Sources) -> Cells:
    """The measurements behind the measures, one value per text."""
    view = sources.view
    return Cells(view.runs, view.conditions, view.methods, predict_first=sources.predict_first)


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "cramming-accuracy": lambda s: cramming_lengths.accuracy(s.view),
    "cramming-uncertainty": lambda s: cramming_entropy.uncertainty(s.view, texts(s)),
    "cramming-gains": lambda s: cramming_entropy.gains(s.view),
    "cramming-scaling": lambda s: cramming_scaling.scaling(s.view, s.documents),
    "cramming-bound": lambda s: cramming_scaling.bound(s.view, s.documents),
    "cramming-curves": lambda s: cramming_curves.curves(s.view, texts(s)),
}
