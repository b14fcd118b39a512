"""How the registered methods did in the bench: measured once on two pretrained models, shipped with the package.

``benchmarks/which_method.py`` makes the file from the bench's raw numbers, together with ``docs/which-method.md``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

FILE = "standings.json"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One method's place."""

    method: str
    """Identifier."""
    spec: str
    """The settings that did best, see `wherefrom.evaluation.bench.specs`."""
    rank: int
    """Among all methods with these settings; 1 is the best."""
    mean_rank: float
    """Mean of the places by area between perturbation curves, over models and ways of removal, short prompts."""
    better_than_recency: bool
    """Is it better than "the last tokens first" on every model, whichever way tokens are removed, on average?"""


@cache
def standings() -> dict[str, Standing]:
    """Identifier to standing, best first; methods that were not measured are missing."""
    text = files("wherefrom.evaluation.bench").joinpath(FILE).read_bytes()
    return {one.method: one for one in msgspec.json.decode(text, type=list[Standing])}
