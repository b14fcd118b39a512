"""The command ``attribute-dataset``."""

from wherefrom.inseq.commands.attribute_dataset.attribute_dataset import AttributeDatasetCommand

__all__ = ["AttributeDatasetCommand"]
