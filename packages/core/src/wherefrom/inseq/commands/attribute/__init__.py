"""The command ``attribute``."""

from wherefrom.inseq.commands.attribute.attribute import AttributeCommand, aggregate_attribution_scores
from wherefrom.inseq.commands.attribute.attribute_args import (
    AttributeBaseArgs,
    AttributeExtendedArgs,
    AttributeWithInputsArgs,
)

__all__ = [
    "AttributeBaseArgs",
    "AttributeCommand",
    "AttributeExtendedArgs",
    "AttributeWithInputsArgs",
    "aggregate_attribution_scores",
]
