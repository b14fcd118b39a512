"""Build the page's script and style with esbuild, after a change to ``wherefrom_viz/page``; commit what it makes.

    npm install --no-save --prefix tools esbuild@0.28.2
    uv run python tools/build_page.py

``--check`` builds to nowhere and says whether the committed build is the same.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from wherefrom_viz.page import bundle

PAGE = Path(bundle.__file__).parent
VERSION = "0.28.2"
OWN = (
    "across", "active", "addSpan", "allowed", "alone", "announce", "app", "asTable", "blocks", "breaks", "bringIn",
    "cardLines", "cell", "choose", "chosen", "clipped", "colour", "cols", "columns", "contrasts", "crossed", "cycle",
    "down", "drawExample", "drawing", "drawLegend", "element", "extent", "first", "fitting", "flows", "glyph",
    "groups", "heights", "help", "hits", "hover", "incomplete", "intensity", "legend", "lines", "live", "longest",
    "lost", "methodOf", "nameField", "nameSpan", "neighbour", "numbers", "others", "output", "overview", "paint",
    "painter", "paintFlows", "pair", "pane", "panel", "partner", "partners", "picked", "picture", "pinLine",
    "pinnedAmong", "place", "point", "positions", "preview", "readAddress", "redraw", "remember", "removeSpans",
    "render", "reveal", "root", "says", "scaleName", "scene", "scenes", "score", "scores", "scrollBack", "seen",
    "selection", "setFont", "setSpans", "shownRange", "side", "signed", "signs", "sliders", "sorter", "spaced",
    "spanBar", "spans", "state", "stepMerge", "stepRow", "stepScores", "strip", "stripes", "surface", "swapped",
    "tabKey", "table", "tabNames", "tabs", "thumbs", "toggleExports", "tokens", "trouble", "update", "view",
    "viewOptions", "views", "visible", "widening", "wordsOf", "written",
)  # fmt: skip
"""Names of our objects' members that esbuild shortens. None may be the browser's, nor in what a page carries.
Where they name a part of a file they are written in quotes, which esbuild keeps."""
LOCAL = Path(__file__).parent / "node_modules" / ".bin" / "esbuild"


def esbuild() -> str | None:
    """The program, if it is installed in the version that builds."""
    found = str(LOCAL) if LOCAL.exists() else shutil.which("esbuild")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return found if version == VERSION else None


def build(program: str) -> dict[str, str]:
    """File name to content of everything that is built."""
    made = {"fingerprint": bundle.fingerprint() + "\n"}
    for source in (*(PAGE / "scripts" / f"{boot}.js" for boot in bundle.BOOTS), PAGE / "style.css"):
        command = [
            program,
            str(source),
            "--bundle",
            "--minify",
            "--charset=utf8",
            "--target=es2022,chrome100,firefox100",
        ]
        kind = ["--format=iife", f"--mangle-props=^({'|'.join(OWN)})$"] if source.suffix == ".js" else []
        done = subprocess.run([*command, *kind], capture_output=True, text=True, check=True)
        made[source.name] = done.stdout
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the committed build is fresh")
    arguments = parser.parse_args()
    program = esbuild()
    if program is None:
        print(
            f"esbuild {VERSION} is not installed. Install it with: "
            f"npm install --no-save --prefix tools esbuild@{VERSION}"
        )
        return 1
    folder = PAGE / "built"
    made = build(program)
    if arguments.check:
        stale = [name for name, text in made.items() if (folder / name).read_text("utf-8") != text]
        print(f"not fresh: {', '.join(stale)}" if stale else "fresh")
        return 1 if stale else 0
    folder.mkdir(exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(
        f"built {', '.join(made)} in {folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
