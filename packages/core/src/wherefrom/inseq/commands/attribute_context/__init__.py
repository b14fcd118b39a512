"""The command ``attribute-context``."""

from wherefrom.inseq.commands.attribute_context.attribute_context import AttributeContextCommand
from wherefrom.inseq.commands.attribute_context.attribute_context_args import AttributeContextArgs
from wherefrom.inseq.commands.attribute_context.attribute_context_helpers import AttributeContextOutput, CCIOutput

__all__ = ["AttributeContextArgs", "AttributeContextCommand", "AttributeContextOutput", "CCIOutput"]
