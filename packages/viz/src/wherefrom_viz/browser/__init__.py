"""The terminal browser of saved attributions: list, reading view, matrix, steps, comparison, export."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherefrom.evaluation.records import Evaluation

__all__ = ["browse", "browse_evaluation"]


def browse(paths: str | Path | Sequence[str | Path] = ()) -> None:
    """Browse saved attributions in this terminal, until the user quits.

    Args:
        paths: Files of ours or of inseq, plain or compressed, and folders of runs, which may still grow. Several
            are listed together. None: a screen to choose one.

    Raises:
        SettingsError: The user's configuration file has a mistake in its ``[browser]`` table.
    """
    collecting = gc.isenabled()
    gc.disable()  # imports make a lot that stays: looking for rubbish in between is a tenth of their time
    try:
        from wherefrom_viz.browser.app import Browser  # textual takes its time: only when it is used
    finally:
        if collecting:
            gc.enable()
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    Browser([Path(path) for path in given]).run()


def browse_evaluation(evaluation: Evaluation) -> None:
    """Look through an evaluation in this terminal, until the user quits."""
    from wherefrom_viz.browser.evaluation import EvaluationBrowser  # textual, as above

    EvaluationBrowser(evaluation).run()
