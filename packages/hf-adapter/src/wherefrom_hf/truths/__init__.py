"""Known answers of transformers models, for `wherefrom.evaluation.verify`."""

from wherefrom_hf.truths.induction import INDUCTION
from wherefrom_hf.truths.planted import PLANTED_LM, PLANTED_MT

__all__ = ["INDUCTION", "PLANTED_LM", "PLANTED_MT"]
