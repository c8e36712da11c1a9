"""The released scripts of the bespoke-dimension study (document 003), with every seed as a separate run.

| script | module | document 003 |
|---|---|---|
| ``quick`` | :mod:`random_windows` | no number |
| ``initial`` | :mod:`initial` | "Initial" |
| ``scaling`` | :mod:`scaling` | "Scaling" 1K, 5K, 20K, 50K |
| ``optimized`` | :mod:`random_windows` | "Optimized" |
| ``ultra`` | :mod:`random_windows` | "Ultra-Efficient" |
| ``convergence`` | :mod:`convergence` | none: the author's later correction |

The scripts, except ``quick``, set no seed. So their runs are draws from a distribution, which is rebuilt here. All
choices that affect the numbers are kept: overlapping windows, losses of one training batch, tables over the whole
vocabulary, the order in which overlapping classes overwrite each other. Each cell ``<id>`` has a second condition,
``<id>-fresh``, in which the same models are measured on fresh text.

Source: protocols B1 to B6.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tokentrial.errors import InputError
from tokentrial.released.bespoke import convergence, initial, random_windows, scaling
from tokentrial.released.bespoke.arms import Report

SCRIPTS: dict[str, Callable[[Mapping[str, Any]], Report]] = {
    "initial": initial.run,
    "scaling": scaling.run,
    "convergence": convergence.run,
    **{name: partial(random_windows.run, script=script) for name, script in random_windows.SCRIPTS.items()},
}
OPTIONS = {
    "scaling": ("steps", "long_seeds", "attribution", "attribution_steps", "fast_rate"),
    "convergence": ("epochs",),
}


def run_script(spec: Mapping[str, Any]) -> Report:
    """Returns the rows and costs of a script.

    spec: ``condition``, ``script``, ``seed``, ``seeds``, ``fresh`` (windows of fresh text per seed) and the script's
    own options (see its ``run``). Raises InputError for an unknown script, and for a missing or unusable option.
    """
    name = spec["script"]
    if name not in SCRIPTS:
        raise InputError(f"released script '{name}': expected one of {', '.join(SCRIPTS)}")
    needed = ("seeds", "fresh", *OPTIONS.get(name, ()))
    for option in needed:
        if option not in spec:
            raise InputError(f"released script {name}: {option} is missing, expected {', '.join(needed)}")
    for option in ("seeds", "fresh", "epochs", "long_seeds", "attribution_steps"):
        if option in needed and not (isinstance(spec[option], int) and spec[option] >= 1):
            raise InputError(f"released script {name}: {option} is {spec[option]!r}, expected an integer of at least 1")
    wrong = [step for step in spec.get("steps", []) if not (isinstance(step, int) and step >= 1)]
    if wrong:
        raise InputError(f"released script {name}: steps: found {wrong[0]!r}, expected integers of at least 1")
    return SCRIPTS[name](spec)
