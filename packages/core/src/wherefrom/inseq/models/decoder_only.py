"""Decoder-only models, where inseq has them."""

from wherefrom.inseq.models.formatters import DecoderOnlyInputFormatter as DecoderOnlyInputFormatter
from wherefrom.inseq.models.huggingface_model import DecoderOnlyAttributionModel as DecoderOnlyAttributionModel
