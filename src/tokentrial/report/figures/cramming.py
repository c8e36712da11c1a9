"""The figures of the cramming study."""

from collections.abc import Callable

from matplotlib.figure import Figure

from tokentrial.report.figures import cramming_curves, cramming_entropy, cramming_lengths, cramming_scaling
from tokentrial.report.figures.cramming_data import Crammed
from tokentrial.report.figures.sources import Sources


def of(sources: Sources) -> Crammed:
    """The study's measures, and the texts behind them."""
    return Crammed(sources.measures, sources.runs, sources.confidence, sources.predict_first)


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "cramming-accuracy": lambda s: cramming_lengths.accuracy(of(s)),
    "cramming-uncertainty": lambda s: cramming_entropy.uncertainty(of(s)),
    "cramming-gains": lambda s: cramming_entropy.gains(of(s)),
    "cramming-scaling": lambda s: cramming_scaling.scaling(of(s), s.documents),
    "cramming-bound": lambda s: cramming_scaling.bound(of(s), s.documents),
    "cramming-curves": lambda s: cramming_curves.curves(of(s)),
}
