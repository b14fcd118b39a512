"""What an adapter must satisfy: one Protocol per capability, the model's card, and the rows that are run.

Core asks, an adapter answers for all steps at once. Everything here stands on `wherefrom.text` alone.
"""

from wherefrom.adapters.protocols import (
    Embeds,
    Encoding,
    FindsBadWeights,
    GivesAttention,
    GivesGradients,
    ModelCard,
    Moves,
    PredictsSteps,
    Reserves,
    Row,
    RowAttention,
    RowGradients,
    RowPrediction,
    SequenceModel,
    Side,
)

__all__ = [
    "Embeds",
    "Encoding",
    "FindsBadWeights",
    "GivesAttention",
    "GivesGradients",
    "ModelCard",
    "Moves",
    "PredictsSteps",
    "Reserves",
    "Row",
    "RowAttention",
    "RowGradients",
    "RowPrediction",
    "SequenceModel",
    "Side",
]
