"""The page's script is built ahead; what is committed must be what its sources give."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from wherefrom_viz.page import bundle

TOOL = Path(__file__).parents[2] / "tools" / "build_page.py"
NODE = shutil.which("node")


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


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("boot", bundle.BOOTS)
def test_the_script_parses_and_cannot_end_its_element(boot: str, tmp_path: Path) -> None:
    code = bundle.script(boot)
    assert "</script" not in code.lower()
    (tmp_path / "bundle.js").write_text(code, encoding="utf-8")
    subprocess.run([str(NODE), "--check", str(tmp_path / "bundle.js")], check=True)
