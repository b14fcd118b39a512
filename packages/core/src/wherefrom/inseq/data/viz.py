"""Views as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wherefrom.inseq.data.attribution import FeatureAttributionOutput, FeatureAttributionSequenceOutput


def _output(attributions: Any) -> FeatureAttributionOutput:
    if isinstance(attributions, FeatureAttributionOutput):
        return attributions
    several = [attributions] if isinstance(attributions, FeatureAttributionSequenceOutput) else list(attributions)
    return FeatureAttributionOutput(several)


def show_attributions(
    attributions: Any,
    min_val: float | None = None,
    max_val: float | None = None,
    display: bool = True,
    return_html: bool | None = False,
) -> Any:
    """Show results as they are, aggregated already."""
    return _output(attributions).show(min_val, max_val, display=display, return_html=return_html, do_aggregation=False)


def show_granular_attributions(
    attributions: Any,
    max_show_size: int = 20,
    min_val: float | None = None,
    max_val: float | None = None,
    show_dim: int | str | None = None,
    slice_dims: Mapping[int | str, tuple[int, int]] | None = None,
    display: bool = True,
    return_html: bool | None = False,
    return_figure: bool = False,
) -> Any:
    """Show results with their inner dimensions."""
    return _output(attributions).show_granular(
        min_val, max_val, max_show_size, show_dim, slice_dims, display, return_html, return_figure
    )


def show_token_attributions(
    attributions: Any,
    min_val: float | None = None,
    max_val: float | None = None,
    display: bool = True,
    return_html: bool | None = False,
    return_figure: bool = False,
    replace_char: dict[str, str] | None = None,
    wrap_after: int | str | Sequence[str] | None = None,
    step_score_highlight: str | None = None,
) -> Any:
    """Show outputs as running text."""
    return _output(attributions).show_tokens(
        min_val, max_val, display, return_html, return_figure, replace_char, wrap_after, step_score_highlight,
        do_aggregation=False,
    )  # fmt: skip
