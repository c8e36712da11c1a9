"""Columns of the cramming study's two tables, results/cramming.parquet and results/cramming_decisions.parquet."""

import pyarrow as pa

# One row per measure; estimate, low and high are null where they are not defined, and the note says why.
MEASURES = pa.schema(
    [
        pa.field("measure", pa.string(), nullable=False),
        pa.field("design", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("kind", pa.string()),  # null: of a model; 'all': over kinds
        pa.field("vectors", pa.int32()),  # null: over numbers of vectors
        pa.field("length", pa.int32()),  # null: over lengths
        pa.field("arm", pa.string(), nullable=False),
        pa.field("estimate", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
    ]
)

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive at this scale"
VERDICT, ALL = "verdict", "all"  # the quantity of a row that judges a claim; the model of one for all together

# One row per criterion of a claim, and one of quantity 'verdict'.
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
        pa.field("outcome", pa.string(), nullable=False),  # empty for what is reported beside a rule
        pa.field("reason", pa.string(), nullable=False),
    ]
)
