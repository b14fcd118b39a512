"""The method that is used where none is named.

Decided by measurement, see ``docs/which-method.md``: on pretrained models removing one unit after the other finds what
an answer hangs on better than naming the last tokens, random guesses, and every gradient of the embeddings. It costs a
forward pass per unit; `wherefrom.methods.perturbation.units.MANY` bounds how many these are unless asked for more.
"""

from __future__ import annotations

DEFAULT_METHOD = "occlusion"
