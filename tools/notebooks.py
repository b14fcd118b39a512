"""Run the notebooks of ``examples/`` and keep what they print.

``uv run --group notebooks python -m tools.notebooks [NAME ...]`` runs them, all or some, each in a kernel of its own,
and writes their outputs into them: what was printed, and pictures. Pages and messages of libraries are left out, so
that a notebook stays small and a second run changes nothing.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from tools.versions import ROOT

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
PRETRAINED = frozenset({"citations"})
"""Those that ask SmolLM2."""
SECONDS = 300
"""For one cell."""
_NUMBER = re.compile(r"\d+(?:\.(?P<fraction>\d+))?")


def read(path: Path) -> Any:
    """A notebook as nbformat reads it, checked against its schema."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def execute(path: Path) -> Any:
    """The notebook, run from its first cell to its last in a new kernel, with the outputs that are kept."""
    from nbclient import NotebookClient

    notebook = read(path)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in code_cells(notebook):
        cell["outputs"] = list(_kept(cell["outputs"]))
        cell["execution_count"] = None
        cell["metadata"] = {}
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    """Cells with code, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _kept(outputs: list[Any]) -> Iterator[Any]:
    """What was printed, as one output, and the pictures."""
    text = "".join(one["text"] for one in outputs if one["output_type"] == "stream" and one["name"] == "stdout")
    if text:
        yield nbformat.v4.new_output("stream", name="stdout", text=text)
    for one in outputs:
        picture = one.get("data", {}).get("image/svg+xml")
        if picture:
            yield nbformat.v4.new_output("display_data", data={"image/svg+xml": picture})


def printed(notebook: Any) -> list[str]:
    """What each code cell printed, as it is stored."""
    return ["".join(one["text"] for one in cell["outputs"] if "text" in one) for cell in code_cells(notebook)]


def printed_here(path: Path) -> list[str]:
    """What each code cell prints when it is run in this process, without a kernel."""
    names: dict[str, object] = {"__name__": "__main__"}
    said = []
    for number, cell in enumerate(code_cells(read(path)), start=1):
        with contextlib.redirect_stdout(io.StringIO()) as caught:
            exec(compile(cell["source"], f"{path.name}, code cell {number}", "exec"), names)
        said.append(caught.getvalue())
    return said


def differences(stored: list[str], came: list[str]) -> list[str]:
    """Cells whose text is another. Numbers may differ by two units of their last place, as processors do."""
    found = []
    for number, (old, new) in enumerate(zip(stored, came, strict=True), start=1):
        same = _NUMBER.sub("#", old).split() == _NUMBER.sub("#", new).split()
        pairs = zip(_NUMBER.finditer(old), _NUMBER.finditer(new), strict=False)
        if not same or any(abs(float(a[0]) - float(b[0])) > _tolerance(a) for a, b in pairs):
            found.append(f"code cell {number} printed\n{new}where the notebook shows\n{old}")
    return found


def _tolerance(number: re.Match[str]) -> float:
    return 2.01 * 10.0 ** -len(number["fraction"] or "") if number["fraction"] else 0.0


def main(arguments: list[str]) -> int:
    """Run and write."""
    for path in NOTEBOOKS:
        if not arguments or path.stem in arguments:
            begun = time.monotonic()
            nbformat.write(execute(path), path)
            print(f"{path.name}: {time.monotonic() - begun:.0f} s, {path.stat().st_size / 1024:.0f} KB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
