"""Statistics of paired and independent seeds: pure functions of arrays; those that draw also take a numpy Generator.

All of them follow one rule. Malformed input (wrong shape, a value that is not finite, a margin or a confidence level
out of range) raises `InputError`. If well-formed data are too few or do not vary, a number that they leave undefined is
NaN; each docstring says when. `comparison.compare` turns these NaNs into None.

The names below can be imported from here: ``from tokentrial.statistics import grim, tost, hedges_g``. Each is loaded at
its first use, since scipy and statsmodels take a second and most modules of this package are imported alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokentrial.statistics.bayes import rope_probabilities
    from tokentrial.statistics.comparison import compare
    from tokentrial.statistics.granularity import grim, grimmer
    from tokentrial.statistics.hypothesis_tests import paired_t_test, sign_flip_test
    from tokentrial.statistics.intervals import bca_interval, t_interval
    from tokentrial.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
    from tokentrial.statistics.power import minimal_detectable_effect
    from tokentrial.statistics.replication import (
        Arm,
        difference_bayes_factor,
        original,
        prediction_interval,
        replication_bayes_factor,
        sceptical_p,
        small_telescopes,
        telescope_size,
        z_of_t,
    )
    from tokentrial.statistics.reported import implied_n, p_of_effect, p_of_t, welch
    from tokentrial.statistics.summaries import d33, hedges_g, tost

PLACES = {
    "bayes": ("rope_probabilities",),
    "comparison": ("compare",),
    "granularity": ("grim", "grimmer"),
    "hypothesis_tests": ("paired_t_test", "sign_flip_test"),
    "intervals": ("bca_interval", "t_interval"),
    "multiplicity": ("benjamini_hochberg", "benjamini_yekutieli", "holm"),
    "power": ("minimal_detectable_effect",),
    "replication": (
        *("Arm", "difference_bayes_factor", "original", "prediction_interval", "replication_bayes_factor"),
        *("sceptical_p", "small_telescopes", "telescope_size", "z_of_t"),
    ),
    "reported": ("implied_n", "p_of_effect", "p_of_t", "welch"),
    "summaries": ("d33", "hedges_g", "tost"),
}
"""Module -> its names that can be imported from the package."""
_MODULE_OF = {name: module for module, names in PLACES.items() for name in names}

__all__ = [  # noqa: RUF022 (by module)
    "rope_probabilities", "compare", "grim", "grimmer", "paired_t_test", "sign_flip_test", "bca_interval", "t_interval",
    "benjamini_hochberg", "benjamini_yekutieli", "holm", "minimal_detectable_effect", "Arm", "difference_bayes_factor",
    "original", "prediction_interval", "replication_bayes_factor", "sceptical_p", "small_telescopes", "telescope_size",
    "z_of_t", "implied_n", "p_of_effect", "p_of_t", "welch", "d33", "hedges_g", "tost",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
