"""A large run as a folder of static files: the page's app, which fetches what is looked at.

``index.html`` holds the app and the first example as a table, ``examples/N.bin`` blocks of examples, ``list/N.bin``
parts of the list. Any web server that serves files will do; a browser that opens ``index.html`` from a disk may not
fetch, and says so. Examples are read, packed and let go one block after the other, so that memory does not grow with
their number.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from wherefrom.errors import InputError
from wherefrom.files import Run
from wherefrom.files.drafts import draft_in
from wherefrom.files.locks import LOCK
from wherefrom.files.wire.bytes import write_whole
from wherefrom.results.aggregation import AggregatorLike
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.publishing import public_provenance, without_paths
from wherefrom.settings import require_folder

from wherefrom_viz.colours import palette_named
from wherefrom_viz.describe.description import describe
from wherefrom_viz.page import bundle
from wherefrom_viz.page.document import json_data, opened, started
from wherefrom_viz.page.meta import Opening, meta_of
from wherefrom_viz.page.packing import FINE_CELLS, Packer, block_size, deflated_bytes
from wherefrom_viz.page.quantisation import Precision
from wherefrom_viz.page.static_table import static_style, static_table
from wherefrom_viz.page.titles import Titles, titles_for

LIST_LINES = 5_000
"""Lines in a part of the list: some 200 kB, so that the first ones are there at once."""
LIST_LETTERS = 1_000_000
"""Letters from which a part has fewer lines, as where texts are long: some 400 kB."""
EXAMPLES, LIST, INDEX = "examples", "list", "index.html"
_DRAFT = re.compile(r"\.site\.[0-9a-f]{8}\.part")


@frozen
class _Facts:
    """What must be known of all examples before the first is packed."""

    cells: int
    """Of the largest."""
    fine: bool
    """Are they few enough for five digits of each score?"""
    titles: Titles


def save_site(
    results: Run | Attributions,
    folder: str | Path,
    *,
    precision: Precision = "display",
    aggregators: Sequence[AggregatorLike] = (),
    public: bool = False,
    without: Sequence[str] = (),
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **opening: Any,
) -> Path:
    """Write a site, and return its folder.

    Args:
        results: A run, of which one example at a time is read, or results at hand. Damaged examples of a run are left
            out with a warning, as `Run.load` leaves them out.
        folder: Where; it is made. A site that is replaced stays until all of the new one is written beside it.
        precision: ``"display"`` (three digits, five of few scores), ``"compact"`` (8 bit) or ``"exact"`` (float32).
        aggregators: Applied to each example, one after the other; none: the method's default.
        public: Leave out paths and the time of day; see `wherefrom.results.publishing.public`.
        without: What is left out besides.
        overwrite: Replace a site that is there.
        progress: Told how many examples are packed, and of how many.
        **opening: How it opens, as for `render_html`: ``title``, ``view``, ``granularity``, ``merge``, ``normalize``,
            ``palette``, ``theme``, ``intensity``, ``share_scale``.

    Raises:
        InputError: There are no examples; there is something in the folder, and it is no site, or ``overwrite`` is
            not set; or another process writes a site there.
        SettingsError: A precision, a view, a palette, units or a name in ``without`` are unknown. What was there stays.
    """
    chosen = Opening(**opening)
    results = results.undamaged() if isinstance(results, Run) else results
    if not len(results):
        raise InputError("There are no examples to make a site of.")
    made = public_provenance(results.provenance, without) if public or without else results.provenance

    def example(place: int) -> tuple[Attribution, Provenance]:
        one = results[place]
        for aggregator in aggregators:
            one = one.aggregate(aggregator)
        return (one.public(without) if public or without else one), made

    facts, count = _facts(results, cleaned=public or bool(without)), len(results)
    packer = Packer(precision=precision, titles=facts.titles, fine=facts.fine)
    first = example(0)
    table = _first_table(chosen, first, facts.titles)
    style = f"{bundle.style()}\n{static_style(palette_named(chosen.palette))}"
    folder = Path(folder)
    size = block_size(facts.cells)
    with draft_in(folder, "site", lambda: _refuse_occupied(folder, overwrite)) as draft:
        for name in (EXAMPLES, LIST):
            (draft / name).mkdir(parents=True)
        parts, content = _ListParts(draft / LIST), hashlib.sha256()
        for number, start in enumerate(range(0, count, size)):
            block, found = packer.block([example(place) for place in range(start, min(start + size, count))], start)
            (draft / EXAMPLES / f"{number}.bin").write_bytes(block)
            content.update(block)
            parts.add(found)
            if progress is not None:
                progress(min(start + size, count), count)
        parts.close()
        meta = meta_of(
            chosen,
            id=content.hexdigest()[:12],
            count=count,
            block_size=size,
            bound=packer.shared_bound,
            subtitle=packer.subtitle,
            first=first,
        )
        meta["site"] = {"examples": EXAMPLES, "list": LIST, "parts": parts.count}
        head = opened(chosen.title, style, fetches=True)
        index = f"{head}{table}{json_data('meta', meta)}{started()}</body>\n</html>\n"
        write_whole(draft / INDEX, [index.encode()], overwrite=False)
        _put(draft, folder)
    return folder


@define
class _ListParts:
    """Writes the list of examples in parts."""

    folder: Path
    count: int = 0
    """Parts written."""
    lines: list[list[Any]] = field(factory=list)
    """Those of the next part."""
    letters: int = 0
    """What they hold."""

    def add(self, lines: Sequence[list[Any]]) -> None:
        """Take in more lines, and write the parts they fill."""
        for line in lines:
            self.lines.append(line)
            self.letters += sum(len(one) for one in line if isinstance(one, str))
            if len(self.lines) >= LIST_LINES or self.letters >= LIST_LETTERS:
                self.close()

    def close(self) -> None:
        """Write what there is as a part."""
        if self.lines:
            (self.folder / f"{self.count}.bin").write_bytes(deflated_bytes(self.lines))
            self.count, self.lines, self.letters = self.count + 1, [], 0


def _facts(results: Run | Attributions, *, cleaned: bool) -> _Facts:
    """What is known of all examples.

    Args:
        cleaned: Are examples called by ids without paths, as in public copies? These may be alike where ids are not.
    """
    if isinstance(results, Run):
        cells, names = [], []
        for summary in map(results.summary, range(len(results))):
            # tokens of the source and of the target, a start and an end token included
            cells.append((summary.inputs + summary.steps + 2) * summary.steps)
            names.append((summary.id, summary.method, ""))
    else:
        cells, names = [one.cells for one in results], [(one.id, one.method, "") for one in results]
    if cleaned:
        names = [(without_paths(name, names=True), method, model) for name, method, model in names]
    return _Facts(max(cells, default=1), sum(cells) <= FINE_CELLS, titles_for(names))


def _refuse_occupied(folder: Path, overwrite: bool) -> None:
    """May a site be put there? What is not ours is never removed."""
    require_folder("folder", folder)
    inside = {one.name for one in folder.iterdir()} if folder.is_dir() else set()
    there = {name for name in inside - {LOCK} if not _DRAFT.fullmatch(name)}
    unfinished = INDEX not in there and _is_unfinished(folder, there)
    ours = unfinished or (INDEX in there and (folder / EXAMPLES).is_dir())
    if there and not (overwrite and ours):
        hint = "it is no site of ours"
        if INDEX in there:
            hint = "overwrite=True replaces a site"
        elif unfinished:
            hint = "a site that was not finished; overwrite=True begins it again"
        raise InputError(f"There is something in {str(folder)!r} ({hint}). Name a folder that is new or empty.")


def _put(draft: Path, folder: Path) -> None:
    """The site in ``draft`` in the place of that in ``folder``, which is as it was where that fails."""
    old = draft / "old"
    old.mkdir()
    try:
        for name in (INDEX, EXAMPLES, LIST):  # a site without its index is one that is not finished
            if (folder / name).exists():
                os.replace(folder / name, old / name)
        for name in (EXAMPLES, LIST, INDEX):
            os.replace(draft / name, folder / name)
    except BaseException:
        for name in (EXAMPLES, LIST, INDEX):
            if (folder / name).exists() and not (draft / name).exists():
                os.replace(folder / name, draft / name)
            if (old / name).exists():
                os.replace(old / name, folder / name)
        raise


def _is_unfinished(folder: Path, there: set[str]) -> bool:
    """Is this what a site leaves behind whose writing was interrupted: its folders with nothing but numbered parts?"""
    folders = [folder / name for name in there & {EXAMPLES, LIST}]
    if not folders or not all(one.is_dir() for one in folders):
        return False
    return all(part.suffix == ".bin" and part.stem.isdecimal() for one in folders for part in one.iterdir())


def _first_table(opening: Opening, first: tuple[Attribution, Provenance], titles: Titles) -> str:
    one, made = first
    return static_table(
        describe(
            one,
            made,
            granularity=opening.granularity,
            merge=opening.merge,
            normalize=opening.normalize,
            title=titles.title(one, made, 0),
        ),
        more=titles.count - 1,
    )
