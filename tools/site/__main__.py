"""Build the site: ``uv run --group docs python -m tools.site [FOLDER]``; every warning is an error. It needs no network."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

from tools.site import architecture, catalogue, reference, schema
from tools.versions import ROOT, current

OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages that stand at the root, because people look for them there."""
_UP = re.compile(r"\]\(\.\./(CHANGELOG|CONTRIBUTING|SECURITY)\.md")
_DOWN = re.compile(r"\]\(docs/")
SETTINGS = f'''
project = "wherefrom"
author = copyright = "The wherefrom developers"
version = release = "{current()}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
default_role = "literal"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {{"undoc-members": False, "exclude-members": "__init__, __new__"}}
napoleon_use_ivar = True
python_maximum_signature_line_length = 100
html_theme = "furo"
html_title = "wherefrom {current()}"
html_extra_path = ["wherefrom.schema.json"]
myst_heading_anchors = 4
'''


def write_source(folder: Path) -> None:
    """Everything that Sphinx reads: the documents as they are, and what is generated."""
    shutil.copytree(ROOT / "docs", folder, dirs_exist_ok=True)
    for path in folder.glob("*.md"):
        path.write_text(_UP.sub(r"](\1.md", path.read_text("utf-8")), "utf-8")
    for name in OUTSIDE:
        (folder / name).write_text(_DOWN.sub("](", (ROOT / name).read_text("utf-8")), "utf-8")
    for made in (catalogue.pages(), reference.pages(), schema.pages(), architecture.pages()):
        for name, text in made.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    (folder / "conf.py").write_text(SETTINGS, "utf-8")


def build(folder: Path) -> int:
    """Build the site into ``folder``; 0 where nothing was wrong."""
    source = folder.with_name(f"{folder.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    write_source(source)
    return build_main(["-b", "html", "-W", "--keep-going", "-q", str(source), str(folder)])


def main(arguments: list[str]) -> int:
    """Build, and tell how long it took."""
    folder = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    begun = time.monotonic()
    failed = build(folder)
    print(f"{'failed' if failed else folder / 'index.html'} after {time.monotonic() - begun:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
