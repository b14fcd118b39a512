"""Context reliance: which context made which words.

Source: Sarti et al. (2024), https://arxiv.org/abs/2310.01188.
"""

from wherefrom.context.as_attributions import as_attributions
from wherefrom.context.attribute_context import UNITS, attribute_context
from wherefrom.context.documents import Document
from wherefrom.context.outputs import STRATEGIES, Asks
from wherefrom.context.results import (
    ContextAttribution,
    ContextPart,
    CueAttribution,
    SentenceSupport,
    is_context_file,
)

__all__ = [
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
