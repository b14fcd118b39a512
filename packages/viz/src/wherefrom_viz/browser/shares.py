"""How the scores of a picture are divided between the blocks of its inputs."""

from __future__ import annotations

import numpy as np

from wherefrom_viz.describe.description import Description


def shares_of_sections(picture: Description) -> list[tuple[str, float]]:
    """Title of each block of inputs, and its share of all scores' magnitude."""
    total = float(np.abs(picture.scores).sum())
    return [
        (title, float(np.abs(picture.scores[rows]).sum()) / total if total else 0.0)
        for title, rows in picture.sections()
    ]
