"""Columns of the cramming study's two tables, results/cramming.parquet and results/cramming_decisions.parquet."""

import pyarrow as pa

# One row per measure; estimate, low and high are null if they are not defined, and the note states the reason.
# design: the name of the experiment.
MEASURES = pa.schema(
    [
        pa.field("measure", pa.string(), nullable=False),
        pa.field("design", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("kind", pa.string()),  # null: a fact of a model; 'all': over all kinds
        pa.field("vectors", pa.int32()),  # null: over all numbers of vectors
        pa.field("length", pa.int32()),  # null: over all lengths
        pa.field("arm", pa.string(), nullable=False),
        pa.field("estimate", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
    ]
)

VERDICT, ALL = "verdict", "all"  # the quantity of a row that judges a claim; the model of a row for all models

# One row per criterion of a claim, and one row with the quantity 'verdict', whose outcome is one of
# claims.verdict.OF_RULES; a criterion's is met, not met or undecided.
DECISIONS = pa.schema(
    [
        pa.field("claim", pa.string(), nullable=False),
        pa.field("design", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("estimate", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32()),
        pa.field("threshold", pa.string(), nullable=False),
        pa.field("met", pa.bool_()),
        pa.field("outcome", pa.string(), nullable=False),  # empty for a number that is reported beside a rule
        pa.field("reason", pa.string(), nullable=False),
    ]
)
