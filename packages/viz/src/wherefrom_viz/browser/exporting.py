"""Examples written to files: every format the library has, drawn as they are seen where they are drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from wherefrom.errors import InputError, nearest
from wherefrom.files import save_inseq
from wherefrom.files.wire.bytes import write_whole
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.merging import merge_attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.rendering import COLOURED, DRAWN, render
from wherefrom.results.stages import Stage
from wherefrom.results.tables import TABLES, save_dataset

from wherefrom_viz.browser.drawing import Drawing, merging, prepared
from wherefrom_viz.console import render_text
from wherefrom_viz.console.view import NO_TRACE
from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import describe, unit_starts_of_side
from wherefrom_viz.describe.trace import describe_trace

STORED = (".json", ".jsonl", ".msgpack", ".json.gz", ".jsonl.gz", ".msgpack.gz", ".json.zst", ".jsonl.zst")
"""The scores as they were stored, so that nothing is lost."""
INSEQ = (".inseq.json", ".inseq.json.gz")
DATASET = "/"
"""A folder, for the Hugging Face hub."""

ENDINGS = (*DRAWN, *TABLES, *STORED, *INSEQ)


def ending_of(name: str) -> str:
    """The ending of a file's name that says what to write.

    Raises:
        InputError: It says nothing.
    """
    if name.endswith(DATASET):
        return DATASET
    found = [ending for ending in ENDINGS if name.lower().endswith(ending)]
    if not found:
        suffix = Path(name).suffix
        raise InputError(
            f"{name!r} does not say what to write.{nearest(suffix, ENDINGS)} "
            f"End it in {' '.join([*DRAWN, *TABLES, '.json', '.jsonl', '.msgpack', '.inseq.json'])}, or in / for a "
            "data set."
        )
    return max(found, key=len)


def suggested_name(title: str) -> str:
    """A file name for an example or a run."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.")[:60] or "attributions"


def export(
    examples: Sequence[tuple[Attribution, Provenance]], path: str, drawing: Drawing, *, overwrite: bool = False
) -> Path:
    """Write examples to the file ``path``; its ending says how.

    Raises:
        InputError: The ending is unknown, or the file is there and ``overwrite`` is false; or examples that were made
            in different ways are to be stored as one result, as `wherefrom.results.merging.merge_attributions` refuses.
        MissingDependencyError: The format needs a package that is not installed.
        OSError: The file cannot be written.
    """
    ending = ending_of(path)
    target = Path(path).expanduser()
    results = by_provenance(examples)
    if ending in DRAWN:
        shown: Any = [_aggregated(one, drawing) for one in results]
        drawn = render(shown, DRAWN[ending], **options_of(drawing, ending))
        data = drawn if isinstance(drawn, bytes) else str(drawn).encode("utf-8", "backslashreplace")
        write_whole(target, [data], overwrite=overwrite)
        return target
    if ending in TABLES:  # which say nothing of how scores were made but the method, a line each
        tables = tuple(as_drawn(one, drawing) for one, _ in examples)
        Attributions(sequence_attributions=tables).save_table(target, overwrite)
        return target
    stored = merge_attributions(results) if len(results) > 1 else results[0]
    if ending == DATASET:
        shown = stored.replace(sequence_attributions=tuple(as_drawn(one, drawing) for one in stored))
        save_dataset(shown, target, overwrite=overwrite)
    elif ending in INSEQ:
        save_inseq(stored, target, overwrite=overwrite, compress=ending.endswith(".gz"))
    else:
        stored.save(target, overwrite)
    return target


def by_provenance(examples: Sequence[tuple[Attribution, Provenance]]) -> list[Attributions]:
    """Examples as results, in order: those made in one way that follow each other as one; at least one."""
    parts: list[tuple[Provenance, list[Attribution]]] = [] if examples else [(Provenance(), [])]
    for one, made in examples:
        if not parts or made != parts[-1][0]:
            parts.append((made, []))
        parts[-1][1].append(one)
    return [Attributions(sequence_attributions=tuple(ones), provenance=made) for made, ones in parts]


def options_of(drawing: Drawing, ending: str = "") -> dict[str, Any]:
    """Options of a renderer, so that it draws what the browser shows."""
    options: dict[str, Any] = {**merging(drawing)}
    if ending in COLOURED:
        options["palette"] = drawing.palette
    return options


def text_of(
    attribution: Attribution, provenance: Provenance, drawing: Drawing, view: str, columns: Sequence[int] | None = None
) -> str:
    """A view of an example as plain text, for the clipboard; ``columns`` are read as one, as they are shown."""
    if view == "trace" and describe_trace(attribution) is None:
        return f"{NO_TRACE}\n"
    (shown,) = by_provenance([(prepared(attribution, drawing), provenance)])
    return render_text(shown, view=view, steps=columns, together=True, **options_of(drawing))


def plain_text(renderable: RenderableType) -> str:
    """A renderable as plain text, a hundred columns wide."""
    console = Console(file=io.StringIO(), width=100, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(renderable, highlight=False, markup=False)
    return captured.get()


def as_drawn(attribution: Attribution, drawing: Drawing) -> Attribution:
    """A result whose tokens are the units that the browser shows, with their numbers, for tables. Its stages have the
    words of the description's pipeline."""
    one = prepared(attribution, drawing)
    shown = describe(one, **merging(drawing))
    scores = np.where(shown.finite, shown.scores, np.nan)
    starts = unit_starts_of_side(one, "target", one.target, drawing.granularity)
    first = sum(start < one.attr_pos_start for start in starts)
    changes: dict[str, Any] = {"target": units.merged_tokens(one.target, starts)}
    for side in shown.sides:
        changes[side.name] = tuple(unit.token for unit in shown.inputs[side.start : side.end])
        changes[f"{side.name}_attributions"] = scores[side.start : side.end]
    return one.replace(
        **changes,
        attr_pos_start=first,
        attr_pos_end=first + len(shown.steps),
        step_scores=shown.step_scores,
        sequence_scores={},
        segments=(),
        details={},
        dimensions=(),
        signed=shown.words.signed,
        aggregations=tuple(Stage(name=words) for words in shown.pipeline),
    )


def _aggregated(stored: Attributions, drawing: Drawing) -> Attributions:
    return stored.replace(sequence_attributions=tuple(prepared(one, drawing) for one in stored))
