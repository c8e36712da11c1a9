"""The reference levels of a data set as rows beside the arms, so that every table and figure can show them."""

from collections.abc import Container

import pandas as pd

from tokentrial.results import Measurement

# arm -> quantities of data.generate for (cross-entropy, accuracy); {context} is the context that the task model sees.
LEVELS = {
    "reference.chance": ("chance", "accuracy_chance"),
    "reference.unigram": ("unigram", "accuracy_constant"),
    "reference.floor": ("floor_{context}", "accuracy_{context}"),
    "reference.oracle": ("oracle_{context}", "accuracy_oracle_{context}"),
    "reference.train_rule": ("loss_train_rule", "accuracy_train_rule"),
}


def reference_rows(reference: pd.DataFrame, context: str) -> list[Measurement]:
    """Returns test-split levels per replicate: chance, best constant, the source's floor, the source on this sample.

    reference: columns seed, split, quantity, value (data.generate). context: ``token`` for task models that see only
    the current token, ``history`` for those that see all earlier tokens. If the floor of the history has no closed
    form, the true source's loss and accuracy on the sampled text replace it; if these are missing, too (shuffled text),
    the levels of the token do.
    """
    test = reference[reference["split"] == "test"]
    values = {
        str(name): list(zip(group["seed"], group["value"], strict=True)) for name, group in test.groupby("quantity")
    }
    rows: list[Measurement] = []
    for arm, quantities in LEVELS.items():
        for metric, unit, template in zip(("cross_entropy", "accuracy"), ("nats", "fraction"), quantities, strict=True):
            name = first_known(template, context, values)
            if name is not None:
                rows += [Measurement(arm, int(k), "test", None, metric, float(v), unit) for k, v in values[name]]
    return rows


def first_known(template: str, context: str, values: Container[str]) -> str | None:
    """Returns the quantity for this context, or its nearest substitute, or None."""
    candidates = [template.format(context=context)]
    if "{context}" in template:
        on_sample = template.replace("floor_", "oracle_").replace("accuracy_{", "accuracy_oracle_{")
        candidates += [on_sample.format(context=context), template.format(context="token")]
    return next((name for name in candidates if name in values), None)
