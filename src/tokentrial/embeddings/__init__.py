"""The studies' encoders as modules that take the place of torch.nn.Embedding in a model of your own.

    model.embed = FactorisedEmbedding.from_embedding(model.embed, width=64)

The arithmetic is that of :mod:`tokentrial.encoders`; nothing is built twice. See docs/embeddings.md.
"""

from tokentrial.embeddings.bands import AdaptiveEmbedding, BespokeEmbedding
from tokentrial.embeddings.modules import (
    EncodedEmbedding,
    FactorisedEmbedding,
    HashEmbedding,
    LearnedEmbedding,
    LowRankEmbedding,
    ProductQuantisedEmbedding,
    QuantisedEmbedding,
    QuotientRemainderEmbedding,
)

__all__ = [
    "AdaptiveEmbedding",
    "BespokeEmbedding",
    "EncodedEmbedding",
    "FactorisedEmbedding",
    "HashEmbedding",
    "LearnedEmbedding",
    "LowRankEmbedding",
    "ProductQuantisedEmbedding",
    "QuantisedEmbedding",
    "QuotientRemainderEmbedding",
]
