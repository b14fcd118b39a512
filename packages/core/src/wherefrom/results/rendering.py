"""From a result to something to look at, without knowing who draws it.

Renderers are found by name, in the registry `RENDERERS` and in the entry-point group
``wherefrom.renderers``; the package ``wherefrom-viz`` brings ``console``, ``rich``, ``text``, ``html``,
``notebook``, ``svg``, ``png``,
``markdown``, ``latex`` and the ``granular`` views. A renderer is a function of one result and named options.
The verbs below are what `wherefrom.Attribution` and `wherefrom.Attributions` call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from wherefrom._registry import Registry
from wherefrom.errors import MissingDependencyError
from wherefrom.files.wire.bytes import refuse_existing, write_whole
from wherefrom.results.aggregation import AggregatorLike
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.given import several_results
from wherefrom.results.publishing import public
from wherefrom.results.showing import aggregated_for_view, options_known

Shown: TypeAlias = "AttributionData | AttributionsData[Any] | Drawable"
"""What can be drawn."""


class Renderer(Protocol):
    """Draws one result; what it returns depends on its name (text, bytes, a renderable, nothing)."""

    def __call__(self, attributions: Shown, /, **options: Any) -> Any: ...


RENDERERS: Registry[Renderer] = Registry("renderer", group="wherefrom.renderers")

BUNDLED = frozenset(
    {"console", "rich", "text", "html", "notebook", "svg", "png", "pdf", "markdown", "latex", "granular"}
)
"""Names that ``wherefrom-viz`` brings."""
DRAWN: Mapping[str, str] = {
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".md": "markdown",
    ".tex": "latex",
    ".txt": "text",
}
"""Ending of a file's name to the renderer of what goes in."""
COLOURED = (".html", ".svg", ".png", ".pdf", ".tex")
"""Those whose renderers take a palette."""


def render(attributions: Shown, name: str, **options: Any) -> Any:
    """Draw ``attributions`` with the renderer called ``name``.

    Args:
        attributions: What is drawn.
        name: Of a registered renderer.
        **options: The renderer's own. ``public=True`` draws a copy without paths, ``without=[...]`` leaves out more;
            see `wherefrom.results.publishing.public`.

    Raises:
        MissingDependencyError: The renderer is one of ``wherefrom-viz``, which is not installed.
        UnknownNameError: No renderer has that name.
    """
    if name in BUNDLED and name not in RENDERERS:
        raise MissingDependencyError(
            f"Drawing a result as {name!r} needs the package wherefrom-viz, which is not installed. "
            "Install it with: pip install wherefrom-viz"
        )
    draw = RENDERERS.get(name)
    without = options.pop("without", ())
    if options.pop("public", False) or without:
        assert isinstance(attributions, AttributionData | AttributionsData)
        attributions = public(attributions, without)
    with options_known(options, f"Drawing as {name!r}", given=("target",)):
        return draw(attributions, **options)


def list_renderers() -> list[str]:
    """Names of all renderers, sorted."""
    return list(RENDERERS)


def show_attributions(
    attributions: Shown,
    min_val: float | None = None,
    max_val: float | None = None,
    display: bool = True,
    return_html: bool = False,
    view: str = "auto",
    aggregator: AggregatorLike = None,
    do_aggregation: bool = True,
    **options: Any,
) -> str | None:
    """Show a result: as a page in a notebook, as coloured text elsewhere.

    Args:
        attributions: One example or several. Raw scores are aggregated by the method's default.
        min_val: Lower end of the colour range; None follows the scores.
        max_val: Upper end of the colour range.
        display: Print or display it. False only returns.
        return_html: Return a page of its own as text.
        view: ``"auto"``, ``"matrix"``, ``"read"``, ``"topk"``, ``"steps"`` or ``"trace"``.
        aggregator: Aggregate so before drawing, as for `aggregate`, with its settings among the options
            (``show(aggregator="sum", normalize=False)``); None: by the method's default.
        do_aggregation: False draws scores as they are; inner dimensions one matrix after the other.
        **options: Passed to the renderer: ``granularity``, ``merge``, ``normalize``, ``palette``, ...

    Returns:
        The page, if ``return_html``.
    """
    attributions, options = aggregated_for_view(attributions, aggregator, do_aggregation, options)
    if not do_aggregation and has_dimensions(attributions):
        return show_granular(attributions, display, return_html, **options)
    options = {"min_val": min_val, "max_val": max_val, "view": view, **options}
    if display and in_notebook():
        _display(render(attributions, "notebook", **options))
    elif display:
        render(attributions, "console", **options)
    return _page(attributions, "html", display, return_html, **options)


def _page(attributions: Shown, name: str, display: bool, return_html: bool, **options: Any) -> str | None:
    """The page, if it is wanted; where nothing else was drawn it is made all the same, which checks the options."""
    page = str(render(attributions, name, **options)) if return_html or not display else None
    return page if return_html else None


def has_dimensions(attributions: Any) -> bool:
    """Is there more than one number per cell?"""
    if isinstance(attributions, AttributionData):
        return bool(attributions.dimensions)
    return any(has_dimensions(one) for one in several_results(attributions))


def show_tokens(attributions: Shown, display: bool = True, return_html: bool = False, **options: Any) -> str | None:
    """Show the output as running text, each token with the inputs that made it.

    Args:
        attributions: The result.
        display: Print or display it. False only returns.
        return_html: Return a page of its own as text.
        **options: ``highlight="probability"`` shades the output by a step score; ``wrap_after=10`` ends lines after so
            many tokens, ``wrap_after=".!?"`` after these; others as for `show_attributions`.
    """
    return show_attributions(attributions, display=display, return_html=return_html, view="read", **options)


def show_granular(attributions: Shown, display: bool = True, return_html: bool = False, **options: Any) -> str | None:
    """Show scores that are not aggregated yet, one matrix per layer, head or unit of width.

    Args:
        attributions: The result, with its inner dimensions.
        display: Print or display it. False only returns.
        return_html: Return a page of its own, with a slider per dimension, as text.
        **options: ``slice_dims={"layer": (0, 4)}`` keeps a range; ``lay_out="layer"`` gives each layer a column beside
            the others; others as for `show_attributions`.

    Returns:
        The page, if ``return_html``.
    """
    if display:
        notebook = in_notebook()
        shown = render(attributions, "granular", target="notebook" if notebook else "console", **options)
        if notebook:
            _display(shown)
    return _page(attributions, "granular", display, return_html, target="html", **options)


def to_html(attributions: Shown, **options: Any) -> str:
    """The result as one self-contained interactive page."""
    return str(render(attributions, "html", **options))


def save_html(attributions: Shown, path: str | Path, *, overwrite: bool = False, **options: Any) -> Path:
    """Write `to_html` to ``path`` and return it.

    Raises:
        InputError: The file is there and ``overwrite`` is false.
    """
    _kept(attributions, "html", path, overwrite, options)
    return Path(path)


def to_text(attributions: Shown, **options: Any) -> str:
    """The console view as plain text without colour."""
    return str(render(attributions, "text", **options))


def to_svg(attributions: Shown, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> str:
    """The result as a figure; written to ``path`` if given.

    Raises:
        InputError: The file is there and ``overwrite`` is false.
    """
    return str(_kept(attributions, "svg", path, overwrite, options))


def to_png(attributions: Shown, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> bytes:
    """The figure as pixels; written to ``path`` if given, as by `to_svg`."""
    return cast(bytes, _kept(attributions, "png", path, overwrite, options))


def to_pdf(attributions: Shown, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> bytes:
    """The figure as PDF; written to ``path`` if given, as by `to_svg`."""
    return cast(bytes, _kept(attributions, "pdf", path, overwrite, options))


def _kept(attributions: Shown, name: str, path: str | Path | None, overwrite: bool, options: dict[str, Any]) -> Any:
    """What a renderer draws, written to ``path`` if given."""
    if path is not None:
        refuse_existing(path, overwrite)
    drawn = render(attributions, name, **options)
    if path is not None:
        content = drawn if isinstance(drawn, bytes) else str(drawn).encode()
        write_whole(path, [content], overwrite=overwrite)
    return drawn


def to_markdown(attributions: Shown, **options: Any) -> str:
    """The result as a Markdown table."""
    return str(render(attributions, "markdown", **options))


def to_latex(attributions: Shown, **options: Any) -> str:
    """The result as a LaTeX table with coloured cells."""
    return str(render(attributions, "latex", **options))


def mimebundle(attributions: Shown, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """What a notebook shows for a result at the end of a cell. No side effects.

    Without ``wherefrom-viz`` there is only a line of text.
    """
    bundle = {"text/plain": summary(attributions)}
    if "notebook" in RENDERERS:
        bundle["text/html"] = str(render(attributions, "notebook"))
    return {
        kind: text
        for kind, text in bundle.items()
        if (not include or kind in include) and (not exclude or kind not in exclude)
    }


def summary(attributions: Shown) -> str:
    """One line on what a result holds."""
    examples: tuple[AttributionData, ...]
    if isinstance(attributions, AttributionsData):
        examples = tuple(attributions.sequence_attributions)
    else:
        assert isinstance(attributions, AttributionData)
        examples = (attributions,)
    methods = ", ".join(sorted({one.method for one in examples if one.method})) or "unknown method"
    steps = sum(len(one.steps) for one in examples)
    count = "1 example" if len(examples) == 1 else f"{len(examples)} examples"
    return f"{type(attributions).__name__}: {count}, {steps} explained tokens, {methods}"


def rich_console(attributions: Shown, console: Any, options: Any) -> Iterator[Any]:
    """What ``rich.print(result)`` draws."""
    yield render(attributions, "rich")


def in_notebook() -> bool:
    """Does this run in a kernel that displays HTML?"""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and shell.has_trait("kernel")


def _display(html: str) -> None:
    # a notebook's kernel has IPython loaded already; nobody else comes here
    sys.modules["IPython.display"].display_html(html, raw=True)


class Drawable:
    """The verbs above as methods, for results."""

    __slots__ = ()

    def show(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        display: bool = True,
        return_html: bool = False,
        view: str = "auto",
        aggregator: AggregatorLike = None,
        do_aggregation: bool = True,
        **options: Any,
    ) -> str | None:
        """Show it: a page in a notebook, coloured text elsewhere; see `show_attributions`."""
        return show_attributions(
            self, min_val, max_val, display, return_html, view, aggregator, do_aggregation, **options
        )

    def show_tokens(self, display: bool = True, return_html: bool = False, **options: Any) -> str | None:
        """Show the output as running text; see `wherefrom.results.rendering.show_tokens`."""
        return show_tokens(self, display, return_html, **options)

    def show_granular(self, display: bool = True, return_html: bool = False, **options: Any) -> str | None:
        """Show one matrix per layer, head or unit of width; see `wherefrom.results.rendering.show_granular`."""
        return show_granular(self, display, return_html, **options)

    def to_html(self, **options: Any) -> str:
        """One self-contained interactive page."""
        return to_html(self, **options)

    def save_html(self, path: str | Path, *, overwrite: bool = False, **options: Any) -> Path:
        """Write `to_html` to ``path``, if nothing is there or ``overwrite`` is true."""
        return save_html(self, path, overwrite=overwrite, **options)

    def to_text(self, **options: Any) -> str:
        """The console view as plain text."""
        return to_text(self, **options)

    def to_svg(self, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> str:
        """A figure; written to ``path`` if given."""
        return to_svg(self, path, overwrite=overwrite, **options)

    def to_png(self, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> bytes:
        """The figure as pixels; written to ``path`` if given."""
        return to_png(self, path, overwrite=overwrite, **options)

    def to_pdf(self, path: str | Path | None = None, *, overwrite: bool = False, **options: Any) -> bytes:
        """The figure as PDF; written to ``path`` if given."""
        return to_pdf(self, path, overwrite=overwrite, **options)

    def to_markdown(self, **options: Any) -> str:
        """A Markdown table."""
        return to_markdown(self, **options)

    def to_latex(self, **options: Any) -> str:
        """A LaTeX table with coloured cells."""
        return to_latex(self, **options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        return rich_console(self, console, options)
