"""One file: load whatever it is, save by the suffix of its name."""

from __future__ import annotations

from pathlib import Path

from wherefrom.context import ContextAttribution, as_attributions, is_context_file
from wherefrom.files.runs import open_run
from wherefrom.files.wire.bytes import file_named
from wherefrom.files.wire.documents import write_inseq
from wherefrom.files.wire.limits import check_max_bytes
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.given import require_result
from wherefrom.settings import check_call


def load(path: str | Path, *, max_bytes: int | None = None) -> Attributions:
    """The attributions in a file, or all of a run's; see `Attributions.load`, and `open_run` for large runs.

    A context attribution (`wherefrom.context`) comes back with its contexts as the prompt.

    Args:
        max_bytes: How much memory the file, or each example of a run, may ask for; None: 256 MB and a hundred times
            its size.
    """
    check_call(load, locals())
    check_max_bytes(max_bytes)
    path = file_named(path)
    if path.is_dir():
        return open_run(path, max_bytes=max_bytes).load()
    if path.is_file() and is_context_file(path):
        return as_attributions(ContextAttribution.load(path, max_bytes=max_bytes))
    return Attributions.load(path, max_bytes=max_bytes)


def save(
    result: Attribution | Attributions,
    path: str | Path,
    *,
    overwrite: bool = False,
    scores_precision: str = "float32",
) -> None:
    """Write one attribution or several to a file; see `Attributions.save`."""
    if isinstance(result, Attribution):
        result = Attributions(sequence_attributions=(result,))
    require_result(result, several=True)
    result.save(path, overwrite, scores_precision=scores_precision)


def save_inseq(
    result: Attribution | Attributions, path: str | Path, *, overwrite: bool = False, compress: bool = False
) -> None:
    """Write a file that inseq 0.7.1 loads (``FeatureAttributionOutput.load``) and shows.

    Args:
        compress: Compress with gzip, as inseq's own ``compress=True``; its ``load`` then needs ``decompress=True``.

    Raises:
        InputError: The file is there and ``overwrite`` is false, or inseq has no class for the dimensions.
    """
    if isinstance(result, Attribution):
        result = Attributions(sequence_attributions=(result,))
    require_result(result, several=True)
    write_inseq(result, path, overwrite=overwrite, compressed=compress)
