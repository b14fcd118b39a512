"""How the scores of a description are divided between the blocks of its inputs."""

from __future__ import annotations

import numpy as np

from wherefrom_viz.describe.description import Description


def shares_of_sections(description: Description) -> list[tuple[str, float]]:
    """Title of each block of inputs, and its share of all scores' magnitude."""
    total = float(np.abs(description.scores).sum())
    return [
        (title, float(np.abs(description.scores[rows]).sum()) / total if total else 0.0)
        for title, rows in description.sections()
    ]
