"""Context reliance: which context made which words.

Source: Sarti et al. (2024), https://arxiv.org/abs/2310.01188.
"""

from typing import TYPE_CHECKING

from wherefrom._late import late
from wherefrom.context.as_attributions import as_attributions
from wherefrom.context.results import (
    ContextAttribution,
    ContextPart,
    CueAttribution,
    SentenceSupport,
    is_context_file,
)

if TYPE_CHECKING:
    from wherefrom.context.attributing import UNITS, attribute_context
    from wherefrom.context.chats import PLACEMENTS
    from wherefrom.context.documents import Document
    from wherefrom.context.outputs import STRATEGIES, Asks

__all__ = [
    "PLACEMENTS",
    "STRATEGIES",
    "UNITS",
    "Asks",
    "ContextAttribution",
    "ContextPart",
    "CueAttribution",
    "Document",
    "SentenceSupport",
    "as_attributions",
    "attribute_context",
    "is_context_file",
]

_LATE = {
    "PLACEMENTS": "wherefrom.context.chats",
    "STRATEGIES": "wherefrom.context.outputs",
    "UNITS": "wherefrom.context.attributing",
    "Asks": "wherefrom.context.outputs",
    "Document": "wherefrom.context.documents",
    "attribute_context": "wherefrom.context.attributing",
}
"""What asks a model. Results are read without it."""

__getattr__ = late(__name__, _LATE)
