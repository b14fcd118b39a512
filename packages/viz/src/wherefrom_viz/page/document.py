"""Attributions as one interactive HTML page, or as the output of a notebook cell. No network, no framework."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any, get_args

from attrs import frozen
from wherefrom.errors import InputError
from wherefrom.results.pairs import DETAIL

from wherefrom_viz.colours import Palette, Theme, palette_named
from wherefrom_viz.describe.description import (
    Description,
    Normalization,
    Shown,
    aggregated,
    describe_one_of,
    examples_of,
    partition_of,
    strongest_first,
)
from wherefrom_viz.describe.options import check_name, check_options
from wherefrom_viz.describe.running_text import WrapAfter
from wherefrom_viz.describe.spans import Spans, check_places, with_spans
from wherefrom_viz.describe.units import Level, Merge
from wherefrom_viz.page import bundle
from wherefrom_viz.page.folded_output import FOLDED_STYLE, folded_outputs
from wherefrom_viz.page.meta import TITLE, Opening, meta_of, units_of
from wherefrom_viz.page.packing import Packed, deflated, pack, plain_json
from wherefrom_viz.page.pair_list import pair_lists
from wherefrom_viz.page.pairs import pairs_of
from wherefrom_viz.page.quantisation import Precision
from wherefrom_viz.page.static_table import static_multiples, static_style, static_table
from wherefrom_viz.page.trace import TRACE_STYLE, trace_sections

NOTEBOOK_EXAMPLES = 20
"""A notebook stores its outputs, so a cell shows at most so many examples on its own."""
NOTEBOOK_BYTES = 1_000_000
_SMALL_MULTIPLES = 6
"""Slices in the table that stands where scripts do not run."""


@frozen(kw_only=True)
class Page:
    """A page in its parts, before they are put in their places."""

    meta: dict[str, Any]
    packed: Packed
    pairs: str
    """What is known of two examples side by side; nothing if there is one."""
    fallback: str
    interacting: str
    """Tables of the pairs that interact; nothing if there are none."""
    style: str
    traces: str
    """Tables of traced examples; nothing if there are none."""
    folded: str
    """Outputs whose tokens unfold; nothing unless lines or shades were asked for."""


def render_html(attributions: Shown, **options: Any) -> str:
    """One self-contained page: reading view, matrix, steps and comparison of all examples.

    Args:
        attributions: One example, one result, or several to compare.
        **options: As for `page_parts`.

    Returns:
        A whole HTML document. It loads nothing; its content security policy forbids it to.
    """
    return assembled(page_parts(attributions, **options))


def assembled(page: Page) -> str:
    """The parts in their places: a whole document."""
    first, *rest = [_data(f"block-{number}", block) for number, block in enumerate(page.packed.blocks)] or [""]
    pieces = [
        opened(page.meta["title"], page.style),
        page.fallback,
        json_data("meta", page.meta),
        first,
        # the script stands right after the first block, so that a large page is usable before it is all read
        started(),
        page.folded,
        page.interacting,
        page.traces,
        '<div class="wf-rest" hidden>\n',
        *([_data("pairs", page.pairs)] if page.pairs else []),
        _data("index", page.packed.index),
        *rest,
        "</div>\n</body>\n</html>\n",
    ]
    return "".join(pieces)


def opened(title: str, style: str, *, fetches: bool = False) -> str:
    """A document up to what its mount holds.

    Args:
        title: Of the document.
        style: All of it; the policy allows no other.
        fetches: May the script fetch from the page's own server? Else it may fetch nothing.
    """
    connect = "connect-src 'self'; " if fetches else ""
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src blob: data:; "
        f"{connect}script-src '{_digest(bundle.script('boot_page'))}'; style-src '{_digest(style)}'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        '<body class="wf-body">\n<div class="wf-mount">\n'
    )


def started() -> str:
    """The end of the mount, and the script that the policy of `opened` allows."""
    return f"</div>\n<script>{bundle.script('boot_page')}</script>\n"


def render_notebook(attributions: Shown, **options: Any) -> str:
    """The same as a fragment for a notebook cell: self-contained, in a shadow root, and capped in size.

    Args:
        attributions: What to show.
        **options: As for `render_html`.
    """
    examples = examples_of(attributions)
    if options.get("dimensions"):  # slices of one result belong together: a slider leads to each of them
        shown, page = len(examples), page_parts(attributions, **options)
    else:
        shown, page = _within_budget(attributions, len(examples), options)
    rest = (
        f'<p>{shown} of {len(examples)} examples are shown here. <code>save_html("page.html")</code> writes all.</p>'
        if shown < len(examples)
        else ""
    )
    return assembled_cell(page, rest)


def assembled_cell(page: Page, rest: str = "") -> str:
    """The parts as a notebook's cell holds them, and ``rest`` below."""
    code = f"const WHEREFROM_ID = {json.dumps(page.meta['id'])};\n{bundle.script('boot_notebook')}"
    return "".join(
        [
            f'<div class="wf-mount" data-id="{page.meta["id"]}">\n<style>{page.style}</style>\n',
            page.fallback,
            json_data("meta", page.meta),
            *(_data(f"block-{number}", block) for number, block in enumerate(page.packed.blocks)),
            *([_data("pairs", page.pairs)] if page.pairs else []),
            _data("index", page.packed.index),
            f"</div>\n{page.folded}{page.traces}{page.interacting}{rest}<script>(() => {{\n{code}\n}})();</script>\n",
        ]
    )


def _within_budget(attributions: Shown, count: int, options: dict[str, Any]) -> tuple[int, Page]:
    """As many examples as a cell may hold, at least one."""
    shown = min(count, NOTEBOOK_EXAMPLES)
    while True:
        page = page_parts(attributions, first=shown, **options)
        data = (*page.packed.blocks, page.packed.index, page.pairs, page.fallback)
        size = sum(map(len, data)) + len(bundle.script("boot_notebook"))
        if size <= NOTEBOOK_BYTES or shown <= 1:
            return shown, page
        shown //= 2


def page_parts(
    attributions: Shown,
    *,
    title: str = TITLE,
    view: str = "auto",
    precision: Precision = "display",
    granularity: Level = "token",
    merge: Merge = "sum",
    normalize: Normalization = "none",
    palette: str | Palette = "red-blue",
    theme: Theme | str = "auto",
    intensity: float = 1.0,
    share_scale: bool = False,
    min_val: float | None = None,
    max_val: float | None = None,
    spans: Spans = (),
    dimensions: Sequence[tuple[str, Sequence[str]]] = (),
    controls: bool = True,
    step: int | None = None,
    height: int | None = None,
    first: int | None = None,
    wrap_after: WrapAfter = None,
    highlight: str | None = None,
) -> Page:
    """The parts of a page.

    Args:
        attributions: What to show.
        title: Heading of the page.
        view: Where it opens: ``"read"``, ``"matrix"``, ``"steps"`` or ``"compare"``.
        precision: ``"display"`` (three digits), ``"compact"`` (8 bit) or ``"exact"`` (float32).
        granularity: Units it opens with.
        merge: How it merges scores over units at first.
        normalize: Normalisation it opens with.
        palette: Colours it opens with.
        theme: ``"auto"``, ``"light"`` or ``"dark"``.
        intensity: Factor on the strength of colours.
        share_scale: Open with one colour scale for all examples.
        min_val: Lower end of the colour range; None follows the scores.
        max_val: Upper end of the colour range.
        spans: Spans of tokens with names, for ``granularity="span"``; see `wherefrom_viz.describe.spans`.
        dimensions: Sliders over examples that are slices of one result: name and labels of each.
        controls: False leaves out heading, list, tabs and menus, as for a slide or a frame in another page; keys go on
            working.
        step: Output that is pinned when it opens, counted from 0 in tokens; the unit that it is in.
        height: Pixels it takes at most; what does not fit scrolls.
        first: Take only so many examples.
        wrap_after: Adds each output as text whose tokens unfold to their inputs, with lines that end after so many
            tokens, or after these texts (``".!?"``).
        highlight: Adds the same, shaded by the step score of this name.

    Raises:
        InputError: There is no such output in the first example, or no such height.
        SettingsError: A view, units, a palette or another name are unknown, or an option does not fit.
    """
    given = locals()
    opening = Opening(
        title=title,
        view=view,
        granularity=granularity,
        merge=merge,
        normalize=normalize,
        palette=palette,
        theme=theme,
        intensity=intensity,
        share_scale=share_scale,
    )
    check_name("precision", precision, get_args(Precision))
    check_options(page_parts, given)
    every = examples_of(attributions)
    check_places(spans, len(every))
    examples = [(with_spans(one, spans, place), made) for place, (one, made) in enumerate(every[:first])]
    packed = pack(examples, precision, (min_val, max_val))
    pairs = deflated(pairs_of([one for one, _ in examples], merge)) if len(examples) > 1 else ""
    state = json.dumps(opening.state())
    content = hashlib.sha256("".join([packed.index, pairs, *packed.blocks, state, str(step)]).encode()).hexdigest()

    titles = [packed.titles.title(one, made, place) for place, (one, made) in enumerate(examples)]

    def described(place: int) -> Description:
        return describe_one_of(
            examples,
            place,
            title=titles[place],
            granularity=granularity,
            merge=merge,
            normalize=normalize,
            min_val=min_val,
            max_val=max_val,
        )

    bound, units = packed.bound, units_of()
    if share_scale and units != units_of(granularity, merge, normalize):
        bound = max((described(place).scale.bound for place in range(len(examples))), default=1.0)
        units = units_of(granularity, merge, normalize)
    meta = meta_of(
        opening,
        id=content[:12],
        count=len(examples),
        block_size=packed.block_size,
        bound=bound,
        units=units,
        subtitle=packed.subtitle,
        first=examples[0] if examples else None,
        dimensions=dimensions,
    )
    # small multiples are drawn of tokens as they came, whatever the units and the scale of the page are
    meta.update(controls=controls, height=height, raw=packed.bound)
    if min_val is not None or max_val is not None:
        meta["range"] = [min_val, max_val]
    if step is not None:
        outputs = examples[0][0].attr_pos_end - examples[0][0].attr_pos_start if examples else 0
        if not 0 <= step < outputs:
            raise InputError(f"step={step}: the outputs of the first example are 0 to {outputs - 1}.")
        starts = partition_of(aggregated(examples[0][0])[0], granularity).columns
        unit = bisect_right(starts, step) - 1
        meta["defaults"]["tok"] = [unit, unit]
    fallback, interacting, folded = "<p>There are no examples.</p>", "", ""
    if examples:
        description = cache(described)
        interacting = pair_lists(
            [description(place) for place, (one, _) in enumerate(examples) if one.details.get(DETAIL)]
        )
        if wrap_after is not None or highlight is not None:
            folded = folded_outputs([description(place) for place in range(len(examples))], wrap_after, highlight)
        if dimensions:
            chosen_slices = sorted(strongest_first([one for one, _ in examples])[:_SMALL_MULTIPLES])
            fallback = static_multiples(
                [description(place) for place in chosen_slices], more=len(examples) - len(chosen_slices)
            )
        else:
            fallback = static_table(description(0), more=len(examples) - 1)
    traces = trace_sections([(title, one) for title, (one, _) in zip(titles, examples, strict=True)])
    style = "\n".join(
        [
            bundle.style(),
            static_style(palette_named(palette)),
            *([TRACE_STYLE] if traces else []),
            *([FOLDED_STYLE] if folded else []),
        ]
    )
    return Page(
        meta=meta,
        packed=packed,
        pairs=pairs,
        fallback=fallback,
        interacting=interacting,
        style=style,
        traces=traces,
        folded=folded,
    )


def _data(name: str, text: str) -> str:
    """A block of base-85 text: letters that mean nothing to HTML."""
    return f'<script type="text/plain" data-wf="{name}">{text}</script>\n'


def json_data(name: str, value: Any) -> str:
    """JSON in a script element. Everything that could end the element, or a line, is escaped."""
    text = plain_json(value, ascii_only=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" data-wf="{name}">{text}</script>\n'


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
