"""The page's script is built ahead; what is committed must be what its sources give."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import zlib
from pathlib import Path

import pytest
from wherefrom.results.attribution import Attributions
from wherefrom_viz import render_html
from wherefrom_viz.context import render_context_html
from wherefrom_viz.page import bundle, unpack
from wherefrom_viz.page.packing import from_base85

from tests.needed import NODE, needs_node
from tests.viz.test_context import made as context_result

TOOL = Path(__file__).parents[2] / "tools" / "build_page.py"


def builder() -> object:
    spec = importlib.util.spec_from_file_location("build_page", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_build_is_of_these_sources() -> None:
    assert bundle.built_from() == bundle.fingerprint(), "run tools/build_page.py and commit what it makes"


def test_another_source_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle.fingerprint()
    read = bundle._text
    monkeypatch.setattr(bundle, "_text", lambda file: read(file) + (" " if file.name == "app.js" else ""))
    assert bundle.fingerprint() != before


def test_the_build_is_what_esbuild_makes() -> None:
    tool = builder()
    program = tool.esbuild()  # type: ignore[attr-defined]
    if program is None:
        pytest.skip("esbuild is not installed in the version that builds")
    made = tool.build(program)  # type: ignore[attr-defined]
    folder = Path(bundle.__file__).parent / "built"
    assert {name: (folder / name).read_text("utf-8") for name in made} == made


def carried(page: str) -> set[str]:
    """Names of everything that a page's data says."""
    found: set[str] = set()

    def read(value: object) -> None:
        if isinstance(value, dict):
            found.update(value)
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            read(one)

    for name, data in re.findall(r'data-wf="([\w-]+)">(.*?)</script>', page):
        text = data if name == "meta" else zlib.decompress(from_base85(data))
        read(json.loads(text) if not name.startswith("block") else [header for header, _ in unpack(data)])
    return found


def test_no_shortened_name_is_one_that_a_page_carries(everyone: Attributions) -> None:
    pages = [
        render_html(everyone),
        render_html([everyone[0], everyone[0]], dimensions=[("layer", ["1", "2"])]),
        render_context_html(context_result()),
    ]
    found = set().union(*map(carried, pages))
    assert {"bound", "sides", "agreement", "cues", "palettes", "labels"} <= found
    assert not found & set(builder().OWN)  # type: ignore[attr-defined]


@needs_node
@pytest.mark.parametrize("boot", bundle.BOOTS)
def test_the_script_parses_and_cannot_end_its_element(boot: str, tmp_path: Path) -> None:
    code = bundle.script(boot)
    assert "</script" not in code.lower()
    (tmp_path / "bundle.js").write_text(code, encoding="utf-8")
    subprocess.run([NODE, "--check", str(tmp_path / "bundle.js")], check=True)


def test_no_shortened_name_is_one_that_the_document_keeps() -> None:
    scripts = "".join(file.read_text("utf-8") for file in (Path(bundle.__file__).parent / "scripts").glob("*.js"))
    kept = set(re.findall(r"\bdataset\.(\w+)", scripts))
    assert {"sign", "drawn"} <= kept
    assert not kept & set(builder().OWN)  # type: ignore[attr-defined]
