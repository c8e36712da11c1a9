"""The tables and figures of the report: name -> title, and the sub-study they belong to. Standard library only."""

STUDY_TITLES = {
    "markov": "Markov chains (000)",
    "compression": "Compression ratios (001)",
    "vocabulary": "Vocabulary sizes (001)",
    "complexity": "Types of data (001)",
    "baselines": "Autoencoder variants (001)",
    "signal": "Signal (001, 002)",
}

TABLES = {
    "headline": "What the fair arms say",
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
}

FIGURES = {
    "loss-by-ratio": "Held-out loss by compression ratio, with chance, unigram and floor",
    "accuracy-by-ratio": "Held-out accuracy by compression ratio, with chance and the Bayes optimum",
    "loss-by-vocabulary": "Held-out loss by vocabulary size and by type of data, with chance, unigram and floor",
    "forest": "Learned encoding minus autoencoder, with the equivalence band",
    "learning-curves": "Validation loss during training",
    "seeds": "Every seed of the released scripts and of the fair arms",
    "power": "Minimal detectable effect against the number of seeds",
    "parameters": "Held-out loss against numbers trained and bits deployed",
}
