"""A file that somebody names is never replaced unasked, and appears whole or not at all."""

from __future__ import annotations

import ast
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError
from wherefrom.evaluation.gold import Gold, save_gold
from wherefrom.evaluation.records import Evaluation
from wherefrom.files import save_inseq
from wherefrom.inseq.data.attribution import from_wherefrom
from wherefrom.methods.head_weights import HeadWeights
from wherefrom.methods.perturbation.ablation import AblationTable, ablate
from wherefrom.methods.perturbation.units import units_of
from wherefrom.results.attribution import Attributions

from tests.core.made import attribution
from tests.core.test_ablation import masks_for, setup
from tests.viz.test_context import made as context

ROOT = Path(__file__).parents[2]
ONE = attribution(["x", " y"], ["<s>", " a", " b"], 1, id="ex")
OUT = Attributions(sequence_attributions=(ONE,))
CONTEXT = context()
HEADS = HeadWeights(decoder=np.ones((1, 2)), model="m")


def table() -> AblationTable:
    model, asked = setup("decoder-only")
    units = units_of(asked, "word")
    return ablate(model, asked, units, masks_for(units, 2))


Writer = Callable[..., Any]
WRITERS: dict[str, tuple[str, Writer]] = {
    "save": (".json", OUT.save),
    "save_inseq": (".json", lambda path, **more: save_inseq(OUT, path, **more)),
    "save_table": (".csv", OUT.save_table),
    "save_html": (".html", OUT.save_html),
    "save_html of one": (".html", ONE.save_html),
    "to_svg": (".svg", OUT.to_svg),
    "to_png": (".png", OUT.to_png),
    "to_pdf": (".pdf", OUT.to_pdf),
    "a context": (".json", CONTEXT.save),
    "a context's page": (".html", CONTEXT.save_html),
    "an evaluation": (".json", Evaluation(measurements=()).save),
    "annotations": (
        ".jsonl",
        lambda path, overwrite=False: save_gold(path, [Gold(text="a", spans=())], overwrite=overwrite),
    ),
    "head weights": (".npz", HEADS.save),
    "an ablation table": (".npz", table().save),
    "as inseq does": (".json", from_wherefrom(OUT).save),
}
ELSEWHERE = {
    "cli/src/wherefrom_cli/commands/config.py": "a template, refused where a file is",
    "core/src/wherefrom/evaluation/bench/running.py": "goes on with a file of the same bench",
    "core/src/wherefrom/inseq": "inseq's own commands and functions, which replace",
    "core/src/wherefrom/methods/paths/word_paths.py": "a cache of our own",
    "viz/src/wherefrom_viz/browser/state_files.py": "what the browser remembers",
    "viz/src/wherefrom_viz/figures/sequence.py": "frames, refused where frames are",
    "viz/src/wherefrom_viz/page/site.py": "a site, refused where one is",
    "hf-adapter/src/wherefrom_hf/demo/pretrained.py": "a download",
}
"""Who writes files otherwise, and why."""


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_replaced_unasked(name: str, tmp_path: Path) -> None:
    ending, write = WRITERS[name]
    path = tmp_path / f"named{ending}"
    write(path)
    content = path.read_bytes()
    path.write_bytes(b"somebody's")
    with pytest.raises(InputError, match=r"is there already.*overwrite=True"):
        write(path)
    assert path.read_bytes() == b"somebody's"
    write(path, overwrite=True)
    assert len(path.read_bytes()) == len(content)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", WRITERS)
def test_a_name_that_cannot_be_a_file_is_refused(name: str, tmp_path: Path) -> None:
    ending, write = WRITERS[name]
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write(folder, overwrite=True)
    with pytest.raises(InputError, match=r"no folder .*nowhere.*Create it"):
        write(tmp_path / "nowhere" / f"named{ending}")


@pytest.mark.parametrize("name", WRITERS)
def test_an_error_names_the_file_that_was_asked_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ending, write = WRITERS[name]
    path, opened = tmp_path / f"named{ending}", Path.open

    def read_only(self: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if "r" not in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        return opened(self, mode, *more, **options)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(OSError, match="Read-only") as raised:
        write(path)
    assert raised.value.filename == str(path)


def test_nobody_else_writes_files() -> None:
    others = {
        (str(file.relative_to(ROOT / "packages")), call.lineno)
        for file in ROOT.glob("packages/*/src/**/*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"write_bytes", "write_text", "savez", "savez_compressed", "savefig"}
        and not _into_memory(call)
    }
    assert {place for place in others if not place[0].startswith(tuple(ELSEWHERE))} == set()


def _into_memory(call: ast.Call) -> bool:
    """``np.savez(file, ...)`` into a file in memory; ``layout.write_text(...)``, which is argparse's."""
    first = call.args[0] if call.args else None
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    return (isinstance(first, ast.Name) and first.id == "file") or (isinstance(of, ast.Name) and of.id == "layout")
