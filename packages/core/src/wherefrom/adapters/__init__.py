"""What an adapter must satisfy: one Protocol per capability, the model's card, and the rows that are run.

Core knows no framework. It describes each pass as a `Row`, hands many rows over together, and the adapter pads, chunks,
reuses prefixes and sends the answers back in order, for all steps at once, as arrays of its own framework, one row at a
time so that memory stays bounded. Each Protocol is usable alone: a remote model that can only score tokens is a full
citizen for perturbation methods. Everything here stands on `wherefrom.text` alone.
"""

from wherefrom.adapters.attention import GivesAttention, RowAttention
from wherefrom.adapters.card import ModelCard
from wherefrom.adapters.combined import (
    AttendingModel,
    DifferentiableModel,
    EmbeddingModel,
    LayeredModel,
    ScoringModel,
)
from wherefrom.adapters.documents import PlacesDocuments
from wherefrom.adapters.embedding import Embeds, ReadsPadding
from wherefrom.adapters.encoding import Encoding, Side
from wherefrom.adapters.fingerprint import GivesFingerprint, model_fingerprint
from wherefrom.adapters.framework import WrapsFramework
from wherefrom.adapters.gradients import BoundsGradients, GivesGradients, RowGradients
from wherefrom.adapters.hiding import HidesPositions
from wherefrom.adapters.inside import Inside
from wherefrom.adapters.moving import Moves
from wherefrom.adapters.predicting import PredictsSteps, RowPrediction
from wherefrom.adapters.randomising import RandomisesWeights
from wherefrom.adapters.rehearsing import Rehearsal, Rehearses
from wherefrom.adapters.reserving import Reserves
from wherefrom.adapters.row_function import RowFunction
from wherefrom.adapters.rows import Row
from wherefrom.adapters.sequence_model import SequenceModel
from wherefrom.adapters.weights import FindsBadWeights

__all__ = [
    "AttendingModel",
    "BoundsGradients",
    "DifferentiableModel",
    "EmbeddingModel",
    "Embeds",
    "Encoding",
    "FindsBadWeights",
    "GivesAttention",
    "GivesFingerprint",
    "GivesGradients",
    "HidesPositions",
    "Inside",
    "LayeredModel",
    "ModelCard",
    "Moves",
    "PlacesDocuments",
    "PredictsSteps",
    "RandomisesWeights",
    "ReadsPadding",
    "Rehearsal",
    "Rehearses",
    "Reserves",
    "Row",
    "RowAttention",
    "RowFunction",
    "RowGradients",
    "RowPrediction",
    "ScoringModel",
    "SequenceModel",
    "Side",
    "WrapsFramework",
    "model_fingerprint",
]
