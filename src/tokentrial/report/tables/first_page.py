"""The first page's table: what the fair arms of every study say."""

import pandas as pd

from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MINUS, MISSING, Section, Table, number
from tokentrial.report.headline import headline
from tokentrial.run.view import View


def headline_table(view: View) -> Table:
    """report.headline as it is, with whole numbers plain and differences signed."""
    data = headline(view)
    shown = data.copy().astype(object)
    for name in data.columns:
        if pd.api.types.is_float_dtype(data[name]):
            shown[name] = [number(value, 3, signed=True) for value in data[name]]
        else:
            shown[name] = [str(value) for value in data[name]]
    if shown.empty:  # the config has none of the documents' comparisons
        shown = pd.DataFrame([dict.fromkeys(shown.columns, MISSING)])
    notes = (
        "Differences on held-out loss, nats per token: learned minus frozen autoencoder in documents 000 to 002, "
        f"bespoke minus uniform widths in document 003; below zero ({MINUS}) the documents' own encoding is better.",
    )
    return Table("headline", table_title("headline"), data, (Section("", shown),), notes)
