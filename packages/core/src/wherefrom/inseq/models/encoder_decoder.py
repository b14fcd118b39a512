"""Encoder-decoder models, where inseq has them."""

from wherefrom.inseq.models.formatters import EncoderDecoderInputFormatter as EncoderDecoderInputFormatter
from wherefrom.inseq.models.huggingface_model import EncoderDecoderAttributionModel as EncoderDecoderAttributionModel
