"""Grammars, tokenizers and training of the demo models ``demo:lm`` and ``demo:mt``."""
