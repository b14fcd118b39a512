"""States between blocks: in memory, in a file, or a few of them."""

from __future__ import annotations

import os
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from wherefrom.errors import SettingsError
from wherefrom_hf.running import gradients, kept_states
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.kept_states import Keeping, keeping

from tests.hf_adapter.architectures import rows_for
from tests.hf_adapter.test_gradients import asked, close, plainly
from tests.hf_adapter.test_long_inputs import tight

HOST = torch.device("cpu")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that counts as one on a disk with 1,000 bytes free, and the only one."""
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kept_states, "_ELSEWHERE", str(tmp_path / "none"))
    monkeypatch.setattr(kept_states, "_MOUNTS", mounts(tmp_path, f"disk {tmp_path.resolve()} ext4 rw"))
    monkeypatch.setattr(kept_states.shutil, "disk_usage", lambda folder: usage(1000))
    return tmp_path


def mounts(folder: Path, *lines: str) -> Path:
    made = folder.parent / f"{folder.name}-mounts"
    made.write_text("\n".join(["disk / ext4 rw 0 0", "nobody knows what this is", *lines]) + "\n")
    return made


def test_states_stay_in_memory_where_they_fit(disk: Path) -> None:
    assert keeping(10, 40, 1000, HOST) == Keeping()
    assert keeping(10, 41, 1000, HOST) == Keeping(folder=str(disk))


def test_every_few_are_kept_where_no_disk_has_room(disk: Path) -> None:
    assert keeping(10, 50, 1000, HOST) == Keeping(folder=str(disk))
    assert keeping(10, 51, 1000, HOST) == Keeping(stride=4)
    assert keeping(10, 50, 1000, torch.device("cuda")) == Keeping(stride=4), "of a card's states none are written"


def test_a_system_without_a_folder_for_temporary_files(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert keeping(10, 50, 1000, HOST) == Keeping(stride=4)


def test_memory_is_no_disk(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = disk / "inner"
    inner.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(inner))
    monkeypatch.setattr(kept_states, "_MOUNTS", mounts(disk, f"none {disk.resolve()} tmpfs rw"))
    assert keeping(10, 50, 1000, HOST) == Keeping(stride=4)
    monkeypatch.setattr(
        kept_states, "_MOUNTS", mounts(disk, f"none {disk.resolve()} tmpfs rw", f"d {inner.resolve()} xfs rw")
    )
    assert keeping(10, 50, 1000, HOST) == Keeping(folder=str(inner))
    monkeypatch.setattr(kept_states, "_MOUNTS", disk / "no system of this kind")
    assert keeping(10, 50, 1000, HOST) == Keeping(folder=str(inner))


def test_another_folder_is_taken_where_the_first_is_memory(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = disk.parent / f"{disk.name}-other"
    other.mkdir()
    monkeypatch.setattr(kept_states, "_ELSEWHERE", str(other))
    monkeypatch.setattr(kept_states, "_MOUNTS", mounts(disk, f"none {disk.resolve()} tmpfs rw"))
    assert keeping(10, 50, 1000, HOST) == Keeping(folder=str(other))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("written", [False, True])
def test_what_is_kept_comes_back(dtype: torch.dtype, written: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    states = [torch.randn(2, 7 + block, 3).to(dtype).transpose(0, 1) for block in range(4)]
    with Keeping(folder=str(tmp_path) if written else None).opened() as kept:
        for block, state in enumerate(states):
            kept.keep(block, state)
        assert kept.nbytes == (0 if written else sum(state.nbytes for state in states))
        for block in (3, 1, 0, 2):
            assert torch.equal(kept.take(block), states[block])
        with pytest.raises(KeyError):
            kept.take(2)


def test_every_few_are_kept() -> None:
    with Keeping(stride=3).opened() as kept:
        for block in range(7):
            kept.keep(block, torch.full((1,), float(block)))
        assert [float(kept.take(block)) for block in (0, 3, 6)] == [0, 3, 6]
        assert kept.nbytes == 0


def test_nothing_stays_on_the_disk(tmp_path: Path) -> None:
    with Keeping(folder=str(tmp_path)).opened() as kept:
        kept.keep(0, torch.zeros(100))
    assert not list(tmp_path.iterdir())
    assert kept._file is not None
    assert kept._file.closed


def test_a_file_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    with (
        pytest.raises(SettingsError, match=r"gone.*No such file.*TMPDIR.*memory_limit"),
        Keeping(folder=str(missing)).opened(),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_an_error_with_a_way_out() -> None:
    kept = kept_states.KeptStates(1, open("/dev/full", "r+b", buffering=0), "/somewhere")  # noqa: SIM115
    with kept._file, pytest.raises(SettingsError, match=r"/somewhere.*No space left.*Make room there"):  # type: ignore[union-attr]
        kept.keep(0, torch.zeros(100_000))


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_gradients_through_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state is written once and read once, and the file is gone before the answer comes."""
    predictor = tight(name, monkeypatch)
    monkeypatch.setattr(gradients, "keeping", lambda *_: Keeping(folder=str(tmp_path)))
    differentiator = Differentiator(predictor)
    blocks = differentiator._structure.blocks
    assert blocks is not None
    written: list[int] = []
    keep = kept_states.KeptStates.keep
    monkeypatch.setattr(
        kept_states.KeptStates, "keep", lambda kept, block, state: written.append(block) or keep(kept, block, state)
    )
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    row = asked(rows_for(name)[0])
    (answer,) = differentiator.gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])
    assert written == list(range(len(blocks.members)))
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
