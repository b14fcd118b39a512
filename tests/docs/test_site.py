"""The documentation builds as a site, every warning an error; what is generated says what it is generated from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wherefrom
from markdown_it import MarkdownIt
from wherefrom.evaluation.contract import METRICS
from wherefrom_cli.catalogue import KINDS

from tests.needed import needed
from tools.site import architecture, catalogue, schema
from tools.versions import ROOT


def test_everything_with_a_name_has_a_page() -> None:
    made = catalogue.pages()
    for kind, registry in {**KINDS, "metrics": METRICS}.items():
        for name in registry:
            assert f"# {name}\n" in made[f"catalogue/{kind}-{name}.md"]
            assert f"({kind}-{name}.md)" in made["catalogue/index.md"]
    assert "faithfulness rank" in made["catalogue/methods-occlusion.md"]
    assert "@misc{zeiler2014" in made["catalogue/methods-occlusion.md"]
    assert "arxiv.org/abs/1901.09392" in made["catalogue/metrics-infidelity.md"]


def read(text: str) -> list[list[str]]:
    """The cells of a page's tables as a reader of Markdown takes them, row by row, marks of literals left out."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows and token.level >= 3:
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def test_settings_are_told_as_they_are() -> None:
    pages = catalogue.pages()
    for one in catalogue.entries():
        rows = read(pages[f"catalogue/{one.kind}-{one.name}.md"].partition("## Settings")[2].partition("\n## ")[0])
        assert rows[1:] == [list(setting) for setting in one.settings], one.name


def test_no_cell_of_the_catalogue_is_cut_short() -> None:
    cells = {row[0]: row[1] for row in read(catalogue.pages()["catalogue/index.md"]) if row[0]}
    for one in catalogue.entries():
        first = one.text.partition("\n\n")[0].replace("`", "").replace("\n", " ")
        assert cells[one.name] == first, one.name


def test_the_schema_holds_for_files_and_refuses_others() -> None:
    jsonschema = needed("jsonschema", "notebooks")
    checker = jsonschema.Draft202012Validator(schema.schema())
    saved = json.loads((ROOT / "tests" / "data" / "files" / "version-1.0.json").read_text("utf-8"))
    checker.validate(saved)
    del saved["examples"][0]["target"]
    assert not checker.is_valid(saved)


def test_imports_are_drawn_from_above_to_below() -> None:
    rows = architecture.floors(architecture.packages())
    assert rows[0] == [wherefrom.__name__]
    assert "wherefrom_cli" in rows[-1]
    with pytest.raises(ValueError, match="circle among a, b"):
        architecture.floors({"a": {"b"}, "b": {"a"}})


def test_packages_are_found_whatever_folder_the_repository_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named after the project, as a clone is, or as one of its packages."""
    for name in (wherefrom.__name__, "wherefrom_viz"):
        module = tmp_path / name / "packages" / "cli" / "src" / "wherefrom_cli" / "one.py"
        module.parent.mkdir(parents=True)
        module.write_text("import wherefrom_hf.adapter\n", "utf-8")
        monkeypatch.setattr(architecture, "ROOT", tmp_path / name)
        found = architecture.packages()
        assert found["wherefrom_cli"] == {"wherefrom_hf"}
        assert not any(found[other] for other in found if other != "wherefrom_cli")


@pytest.mark.heavy
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    needed("sphinx", "docs")
    from tools.site.__main__ import build

    assert build(tmp_path / "site") == 0
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "start.html" in page
    assert 'src="http' not in page
