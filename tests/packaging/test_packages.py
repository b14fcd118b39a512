"""Wheels and source distributions from a clean clone, installed as strangers would: alone, together, in part."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.packages import DISTRIBUTIONS, SCENES, PackagingError, Scene, build, faults, play

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("packages"))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_archives_have_what_strangers_need(archives: Path, distribution: str) -> None:
    assert not faults(archives, distribution)


def test_an_archive_that_lacks_something_is_seen(archives: Path, tmp_path: Path) -> None:
    for path in archives.glob("wherefrom_viz-*"):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / path.name, "w") as less:
                for name in whole.namelist():
                    if not name.endswith(("py.typed", "LICENSE")):
                        less.writestr(name, whole.read(name))
        else:
            with tarfile.open(path) as packed, tarfile.open(tmp_path / path.name, "w:gz") as fewer:
                for member in packed.getmembers():
                    if not member.name.endswith("README.md"):
                        fewer.addfile(member, packed.extractfile(member) if member.isfile() else None)
    said = "; ".join(faults(tmp_path, "wherefrom-viz"))
    assert "py.typed" in said
    assert "licenses/LICENSE" in said
    assert "no README.md" in said


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_plays(archives: Path, tmp_path: Path, scene: str) -> None:
    play(SCENES[scene], archives, tmp_path)


def test_a_scene_that_fails_is_seen(archives: Path, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="No module named 'wherefrom_viz'"):
        play(Scene(("wherefrom",), "import wherefrom_viz"), archives, tmp_path)
