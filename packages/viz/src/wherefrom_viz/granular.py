"""Scores before aggregation: one matrix per layer, head or unit of width, with a slider for each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from attrs import frozen
from rich.console import Console
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom.results.measured import without_measures

from wherefrom_viz.console import console_for, render_console
from wherefrom_viz.describe.description import Shown, first_of, folded, strongest_first
from wherefrom_viz.describe.laid_out import axis_of, entries_between, laid_out
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.page import NOTEBOOK_BYTES, Precision, render_html, render_notebook

MOST_SLICES = 4096


@frozen(kw_only=True, eq=False)
class Slices:
    """One attribution cut along its inner dimensions, the last one fastest."""

    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    """Name and labels of each dimension."""
    attributions: tuple[Attribution, ...]
    """Two-dimensional, in the order of the labels' product."""


def render_granular(
    attributions: Shown,
    *,
    target: Literal["console", "notebook", "html"] = "console",
    slice_dims: Mapping[str, tuple[int, int]] | None = None,
    show_dim: str | None = None,
    lay_out: str | None = None,
    console: Console | None = None,
    most: int = 6,
    **options: Any,
) -> str | None:
    """Show raw scores slice by slice.

    Args:
        attributions: One example, or a result whose first example is taken.
        target: ``"html"`` and ``"notebook"`` give a page with a slider per dimension, in a notebook of as many slices
            as a cell may hold; ``"console"`` prints the slices of the largest L2 norm, in order, and of equal ones the
            first: large scores count for more than many small ones. Special tokens and templates are left out of it.
        slice_dims: Dimension to (start, end), end exclusive: what to keep of it.
        show_dim: Keep the slices of this dimension only; what is kept of the others is averaged, of width added up.
        lay_out: Show this dimension side by side instead: a column for each of its entries at each step. The others,
            if any, are cut. ``granularity`` then merges inputs alone.
        console: Where to print.
        most: Slices to print.
        **options: As for the renderer of ``target``.

    Raises:
        InputError: The scores have no inner dimension, or too many slices.
        SettingsError: There is no dimension of that name, or an option does not fit.
    """
    check_options(render_granular, locals())
    one, _ = first_of(attributions)
    kept = slice_dims or {}
    if lay_out is not None:
        ranges = dict(kept)
        for name in ranges:
            axis_of(one, name)
        one = laid_out(one, lay_out, ranges.pop(lay_out, None))
        options.setdefault("view", "matrix")
        if not one.dimensions:
            return _whole(one, target, console, options)
        kept = ranges
    cut = slices(one, kept, show_dim)
    whole: Any = list(cut.attributions)
    if target == "console":
        strongest = strongest_first(cut.attributions)[:most]
        console = console or console_for(options.get("color", "auto"))
        render_console([whole[i] for i in strongest], console, **options)
        if len(strongest) < len(whole):
            name, labels = next(one for one in cut.dimensions if len(one[1]) > 1)
            some = {**(slice_dims or {}), name: (_entry(labels[0]), _entry(labels[0]) + 1)}
            others = f"most={len(whole)} shows all, slice_dims={some} some of them."
            said = f"{len(strongest)} of {len(whole)} slices: those with the largest scores (L2 norm). {others}"
            console.print(said, highlight=False, markup=False)
        return None
    options.setdefault("view", "matrix")
    if target == "html":
        return render_html(whole, dimensions=cut.dimensions, **options)
    cut, precision = _for_notebook(cut)
    options.setdefault("precision", precision)
    left = f"<p>{_left_out(cut)}</p>" if len(cut.attributions) < len(whole) else ""
    return render_notebook(list(cut.attributions), dimensions=cut.dimensions, **options) + left


def _whole(one: Attribution, target: str, console: Console | None, options: dict[str, Any]) -> str | None:
    """Scores without inner dimensions, by the renderer of ``target``."""
    if target == "console":
        render_console(one, console, **options)
        return None
    return render_html(one, **options) if target == "html" else render_notebook(one, **options)


def _for_notebook(cut: Slices) -> tuple[Slices, Precision]:
    """As many slices as a notebook's cell may hold, and how precise their scores can be.

    Scores of display precision take about 2.4 bytes each, compact ones 1.1. What is too much even so is cut off the
    end of the longest dimension.
    """
    cells = max(1, cut.attributions[0].cells)
    if len(cut.attributions) * cells * 2.4 <= NOTEBOOK_BYTES:
        return cut, "display"
    while len(cut.attributions) > 1 and len(cut.attributions) * cells * 1.1 > NOTEBOOK_BYTES:
        cut = _shorter(cut)
    return cut, "compact"


def _shorter(cut: Slices) -> Slices:
    """The first half of the longest dimension."""
    sizes = [len(labels) for _, labels in cut.dimensions]
    longest = sizes.index(max(sizes))
    kept = (sizes[longest] + 1) // 2
    places = itertools.product(*(range(size) for size in sizes))
    pairs = zip(places, cut.attributions, strict=True)
    return Slices(
        dimensions=tuple(
            (name, labels[:kept] if place == longest else labels) for place, (name, labels) in enumerate(cut.dimensions)
        ),
        attributions=tuple(one for place, one in pairs if place[longest] < kept),
    )


def _left_out(cut: Slices) -> str:
    shown = ", ".join(f"{labels[0]} to {_entry(labels[-1])}" for _, labels in cut.dimensions)
    name, labels = max(cut.dimensions, key=lambda dimension: len(dimension[1]))
    after = _entry(labels[-1]) + 1
    return (
        f"A cell holds no more than {escape(shown)}. <code>show_granular(slice_dims="
        f"{{{escape(repr(name))}: ({after}, {after + len(labels)})}})</code> shows others; "
        "<code>show_granular(display=False, return_html=True)</code> gives a page with all."
    )


def _entry(label: str) -> int:
    """Which entry of its dimension a label names."""
    return int(label.rsplit(" ", 1)[-1])


def slices(
    attribution: Attribution, slice_dims: Mapping[str, tuple[int, int]] | None = None, show_dim: str | None = None
) -> Slices:
    """Cut an attribution along its inner dimensions; see `render_granular`."""
    names = attribution.dimensions
    if not names:
        raise InputError(
            "These scores have one number per cell already: there is nothing to cut. "
            "Use show(), or attribute again without aggregating."
        )
    for name in [*(slice_dims or {}), *([show_dim] if show_dim else [])]:
        axis_of(attribution, name)
    chosen: dict[str, range] = {}
    for name in names:
        size = _present(attribution)[0][1].shape[axis_of(attribution, name)]
        chosen[name] = entries_between(name, size, (slice_dims or {}).get(name))
        if show_dim is not None and name != show_dim:
            attribution = folded(attribution, name, chosen.pop(name) if name in (slice_dims or {}) else None)
    present = dict(_present(attribution))
    kept = attribution.dimensions
    for axis, name in enumerate(kept, start=2):
        present = {key: np.take(value, chosen[name], axis=axis) for key, value in present.items()}
    labels = [tuple(f"{name} {index}" for index in chosen[name]) for name in kept]
    count = int(np.prod([len(label) for label in labels]))
    if count > MOST_SLICES:
        raise InputError(
            f"That is {count} slices; a page holds {MOST_SLICES}. "
            f"Keep fewer with slice_dims={{{kept[-1]!r}: (0, 16)}} or show_dim={kept[0]!r}."
        )
    shape = tuple(len(label) for label in labels)
    kept_of_all = without_measures(attribution, {})
    cut = [
        attribution.replace(
            **{key: _at(value, place) for key, value in present.items()},
            dimensions=(),
            default_aggregation=(),
            **kept_of_all,
            id=" · ".join([*([attribution.id] if attribution.id else []), *_names(labels, place)]),
        )
        for place in itertools.product(*(range(size) for size in shape))
    ]
    return Slices(dimensions=tuple(zip(kept, labels, strict=True)), attributions=tuple(cut))


def _present(attribution: Attribution) -> list[tuple[str, npt.NDArray[Any]]]:
    """The scores that there are, by name."""
    names = [f"{side}_attributions" for side in attribution.scored_sides]
    return [(name, getattr(attribution, name)) for name in names]


def _at(values: npt.NDArray[Any], place: tuple[Any, ...]) -> npt.NDArray[Any]:
    """The slice of ``values`` at ``place`` of its inner dimensions."""
    for index in reversed(place):
        values = values[..., index]
    return values


def _names(labels: Sequence[tuple[str, ...]], place: tuple[int, ...]) -> list[str]:
    return [names[index] for names, index in zip(labels, place, strict=True)]
