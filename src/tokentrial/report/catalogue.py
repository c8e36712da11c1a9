"""The tables and figures of the report: study -> name -> title.

A title has ``{corpus}`` where it names the run's real text; the functions below fill that in. While the workflow is
planned the text is not known, so without a name titles say "real text".
"""

from collections.abc import Iterable

from tokentrial import checkout, documents
from tokentrial.real_text import UNNAMED

# In the order of the report's chapters.
STUDIES = {
    "learned_encoding": "Learned encodings of synthetic data",
    "language_models": "Learned encodings of {corpus}",
    "bespoke": "Bespoke token dimensions",
    "cramming": "Cramming texts into one vector",
}

OF_REAL_TEXT = ("language_models", "cramming")
"""Studies whose numbers depend on the run's real text."""

STUDY_TITLES = {
    "markov": "Markov chains (000)",
    "compression": "Compression ratios (001)",
    "vocabulary": "Vocabulary sizes (001)",
    "complexity": "Types of data (001)",
    "baselines": "Autoencoder variants (001)",
    "signal": "Signal (001, 002)",
    "transformer": "{corpus}, Transformer (002)",
    "transformer-narrow": "{corpus}, Transformer, narrow body (002)",
    "transformer-tied": "{corpus}, Transformer, tied (002)",
    "lstm": "{corpus}, LSTM (002)",
    "lstm-tied": "{corpus}, LSTM, tied (002)",
    "mask": "{corpus}, missing mask (002)",
    "released": "{corpus} as released (002)",
    "bespoke": "Bespoke on {corpus} (003)",
    "initial": "Initial test (003)",
    "scaling": "Corpus sizes (003)",
    "efficiency": "Efficient layouts (003)",
    "converged": "Trained to convergence (003)",
    "capacity": "Capacity of one vector (004)",
    "uncertainty": "Entropy or length (004)",
    "vectors": "Number of vectors (004)",
    "settings": "The paper's optimiser (004)",
    "controls": "Controls of cramming (004)",
}

HEADLINE = {"headline": "What the fair arms say"}

# What the claims' tables are about; a claim about several documents is one across documents.
DOCUMENTS = {
    name: "Across documents" if name == documents.CROSS else f"Document {name}"
    for name in documents.names(checkout.ROOT / "documents")
}
VERDICT_TABLES = {
    "verdict-matrix": "Claims by kind, document and verdict",
    "verdict-findings": "The most consequential findings",
    "verdict-rules": "The decision rules of the empirical claims, and when they were fixed",
    "verdict-replications": "Replication statistics of the empirical claims",
    **{f"verdicts-{name}": f"{title}: every claim and its verdict" for name, title in DOCUMENTS.items()},
}
VERDICT_FIGURES = {"verdict-matrix": "Every claim by document, kind and verdict"}

TABLES = {
    "learned_encoding": {
        "doc000-accuracy": "Document 000, Table 3.2: held-out accuracy, published and measured",
        "doc000-parameters": "Document 000, Table 3.3: parameter counts, published and built",
        "doc001-summary": "Document 001, Section 5.1: 16 of 17 significant, published and measured",
        "doc001-compression": "Document 001, Table 5.2: loss by compression ratio, published and measured",
        "doc001-vocabulary": "Document 001, Table 5.3: loss by vocabulary size, published and measured",
        "doc001-complexity": "Document 001, Table 5.4: loss by type of data, published and measured",
        "doc001-baselines": "Document 001, Section 4.3: the learned encoding against three autoencoders",
        "doc002-proof-of-concept": "Document 002: the proof of concept, published and measured",
        "signal": "Documents 001 and 002: whether the signal comes from relationships between tokens",
        "levels": "Every arm done right: held-out loss and accuracy with floor and ceiling",
        "comparisons": "Every comparison done right: learned encoding minus the other arm",
        "power": "What n seeds can find",
        "costs": "Parameters by role, numbers trained, bits deployed",
    },
    "language_models": {
        "language-models-main": "Document 002: learned against autoencoder on {corpus}",
        "language-models-mask": "What the missing mask does on {corpus}",
        "language-models-arms": "Every arm on {corpus} done right",
        "language-models-comparisons": "The documents' encodings minus every other arm on {corpus}",
        "language-models-dominance": "Methods at equal bits on {corpus}, and the non-dominated front",
        "language-models-anchor": "Published perplexities beside the scale of this run on {corpus}",
    },
    "bespoke": {
        "bespoke-primary": "Document 003, primary results: published beside measured",
        "bespoke-decomposition": "Where the released loss ratio comes from",
        "bespoke-efficiency": "Document 003, parameter efficiency: published and built",
        "bespoke-scores": "Document 003, confidence intervals: what they are, and what was measured",
        "bespoke-trend": "Whether the benefit grows with the corpus",
        "bespoke-levels": "Every arm of document 003 done right: held-out loss and accuracy, parameters and bits",
        "bespoke-comparisons": "Every comparison of document 003 done right: bespoke widths minus the other arm",
    },
    "cramming": {
        "cramming-decisions": "Document 004: its claims, decided by rules fixed before the run",
        "cramming-criteria": "The criteria behind those decisions",
        "cramming-models": "Document 004, Table 1: capacity and gains of one vector, published and measured",
        "cramming-kinds": "Capacity and gains by kind of text",
        "cramming-entropy": "Entropy or length: H(LM) against H(LM+mem), and what tells solved texts",
        "cramming-vectors": "Document 004: capacity and gains by number of vectors, published and measured",
        "cramming-settings": "The paper's optimiser beside the tuned one",
        "cramming-controls": "Controls of cramming",
        "cramming-lengths": "Every length: accuracy, exact decoding, entropy",
        "cramming-published": "Document 004: published numbers computed again from those behind them",
    },
}

FIGURES = {
    "learned_encoding": {
        "loss-by-ratio": "Held-out loss by compression ratio, with chance, unigram and floor",
        "accuracy-by-ratio": "Held-out accuracy by compression ratio, with chance and the Bayes optimum",
        "loss-by-vocabulary": "Held-out loss by vocabulary size and by type of data, with chance, unigram and floor",
        "forest": "Learned encoding minus autoencoder, with the equivalence band",
        "learning-curves": "Validation loss during training",
        "seeds": "Every seed of the released scripts and of the fair arms",
        "power": "Minimal detectable effect against the number of seeds",
        "parameters": "Held-out loss against numbers trained and bits deployed",
    },
    "language_models": {
        "language-models-pareto": "Memory against quality on {corpus}: bits deployed, numbers trained and test loss",
        "language-models-ratio": "Learned minus autoencoder on {corpus} by ratio, with a narrow and with a fixed body",
        "language-models-curves": "Validation loss of the language models of {corpus} during training",
        "language-models-mask": "What the missing mask does on {corpus}, beside models that cannot see the next token",
    },
    "bespoke": {
        "bespoke-seeds": "The released loss ratio over seeds, and where the published value lies",
        "bespoke-steps": "The released loss ratio against optimiser steps, by corpus size",
        "bespoke-attribution": "Where the released loss ratio comes from",
        "bespoke-corpus": "Bespoke minus controls against corpus size",
        "bespoke-bands": "Held-out loss by frequency band: bespoke widths minus uniform ones",
        "bespoke-parameters": "Held-out loss against parameters, with all controls",
        "bespoke-curves": "Validation loss during training, with entropy lines",
    },
    "cramming": {
        "cramming-accuracy": "Accuracy and exact recovery against length, with both capacities",
        "cramming-uncertainty": "What one vector leaves of a text's entropy, by kind of text",
        "cramming-gains": "Information gain and longest text by kind of text",
        "cramming-scaling": "Length and information gain against the number of vectors",
        "cramming-bound": "Token gain against the theoretical bound, published and measured",
        "cramming-curves": "Cross-entropy and accuracy while a vector is optimised",
    },
}


def titled(template: str, corpus: str = UNNAMED) -> str:
    """A title with the name of the run's real text."""
    return template.replace("{corpus}", corpus)


def tables_of(studies: Iterable[str], corpus: str = UNNAMED) -> dict[str, str]:
    """Name -> title of the first page's table and those of the studies that the config has."""
    titles = HEADLINE | {name: title for study in studies for name, title in TABLES[study].items()}
    return {name: titled(title, corpus) for name, title in titles.items()}


def figures_of(studies: Iterable[str], corpus: str = UNNAMED) -> dict[str, str]:
    """Name -> title of the figures of the studies that the config has."""
    return {name: titled(title, corpus) for study in studies for name, title in FIGURES[study].items()}


def table_title(name: str, corpus: str = UNNAMED) -> str:
    """The title of a table of any study, or of the verdicts."""
    return (VERDICT_TABLES | tables_of(STUDIES, corpus))[name]


def study_title(study: str, corpus: str = UNNAMED) -> str:
    """The title of a study's chapter; the name of a study that is in no catalogue."""
    return titled(STUDIES.get(study, study), corpus)


def sub_study_title(name: str, corpus: str = UNNAMED) -> str:
    """The title of a sub-study; the name of one that is in no catalogue."""
    return titled(STUDY_TITLES.get(name, name), corpus)
