"""All packages have one version, from one place."""

from __future__ import annotations

import shutil
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tools.packages import DISTRIBUTIONS
from tools.versions import ROOT, current, places, set_everywhere


def test_every_place_has_the_version_of_the_one_place() -> None:
    assert len(places()) >= 18
    assert set(places().values()) == {current()}
    assert {metadata.version(name) for name in ("wherefrom", "wherefrom-viz", "wherefrom-cli")} == {current()}


def test_setting_it_reaches_every_place(tmp_path: Path) -> None:
    for place in {name.rpartition(":")[0] for name in places()}:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    set_everywhere("7.8.9rc1", tmp_path)
    assert set(places(tmp_path).values()) == {"7.8.9rc1"}
    assert len(places(tmp_path)) == len(places())
    for path in tmp_path.rglob("pyproject.toml"):
        tomllib.loads(path.read_text("utf-8"))
        assert current() not in path.read_text("utf-8").replace(">=0.1", "")


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0\.2\.0rc1"):
        set_everywhere("next", tmp_path)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "packages").glob("*/pyproject.toml")), ids=lambda path: path.parent.name
)
def test_what_packages_need_is_bounded_below(path: Path) -> None:
    """And parts of ours are held to the same version."""
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    needed = [
        *project["dependencies"],
        *(one for extra in project.get("optional-dependencies", {}).values() for one in extra),
    ]
    for requirement in needed:
        if requirement.startswith("wherefrom[") and project["name"] == "wherefrom":
            continue
        bound = f"=={current()}" if requirement.startswith("wherefrom") else ">="
        assert bound in requirement, f"{path}: {requirement}"
    assert project["name"] in DISTRIBUTIONS


def test_every_package_has_the_licence() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    for path in (ROOT / "packages").glob("*/pyproject.toml"):
        assert (path.parent / "LICENSE").read_text("utf-8") == licence, path.parent
