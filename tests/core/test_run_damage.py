"""What happens to a run on bad disks, under two writers, and in the hands of somebody else."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from wherefrom.errors import FileFormatError, InputError, WherefromWarning
from wherefrom.files import RunWriter, create_run, open_run
from wherefrom.files.locks import LOCK, RunLock

from tests.core.test_runs import example, filled

COUNT = 6


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "run", COUNT)


def part_of(folder: Path) -> Path:
    (part,) = folder.glob("part-*.jsonl")
    return part


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def flip_a_score(folder: Path, row: int) -> None:
    """One bit of the scores' base64 becomes another letter: still a valid line, other numbers."""
    one = open_run(folder).summary(row)
    part = part_of(folder)
    line = part.read_bytes()[one.offset : one.offset + one.length]
    place = one.offset + line.rindex(b'"', 0, line.rindex(b'"step_scores"') - 3) - 6
    byte = part.read_bytes()[place : place + 1]
    overwrite(part, place, b"A" if byte != b"A" else b"B")


class TestDamage:
    def test_zeros_behind_a_whole_index_are_noticed_on_reading_and_cost_one_example(self, run_folder: Path) -> None:
        one = open_run(run_folder).summary(3)
        overwrite(part_of(run_folder), one.offset + one.length // 2, bytes(40))
        run = open_run(run_folder)
        with pytest.raises(FileFormatError, match="checksum"):
            run[3]
        with pytest.warns(WherefromWarning, match="left out"):
            loaded = run.load()
        assert [one.id for one in loaded] == ["ex-0", "ex-1", "ex-2", "ex-4", "ex-5"]

    def test_a_flipped_bit_is_not_read_as_another_number(self, run_folder: Path) -> None:
        flip_a_score(run_folder, 2)
        with pytest.raises(FileFormatError, match="checksum"):
            open_run(run_folder)[2]

    @pytest.mark.parametrize("row", range(COUNT))
    def test_what_is_damaged_is_not_finished_after_a_repair_and_can_be_done_again(
        self, run_folder: Path, row: int
    ) -> None:
        flip_a_score(run_folder, row)
        run = open_run(run_folder)
        assert any(f"ex-{row}" in text for text in run.repair())
        everything = {f"ex-{number}" for number in range(COUNT)}
        assert run.finished == everything - {f"ex-{row}"}
        again = open_run(run_folder)  # also the next reader believes it no more
        assert again.finished == everything - {f"ex-{row}"}
        assert again.failures == {}
        assert again.complaints == []
        with RunWriter(run_folder) as writer:
            writer.append(example(row))
        whole = open_run(run_folder)
        assert {one.id: one for one in whole} == {f"ex-{number}": example(number) for number in range(COUNT)}
        assert whole.complaints == []

    def test_a_repair_of_a_sound_run_changes_nothing(self, run_folder: Path) -> None:
        before = {path: path.read_bytes() for path in run_folder.iterdir()}
        assert open_run(run_folder).repair() == []
        assert {path: path.read_bytes() for path in run_folder.iterdir()} == before

    @pytest.mark.filterwarnings("ignore:.*cut off")
    def test_a_repair_ends_complaints_about_a_line_that_was_cut_off(self, run_folder: Path) -> None:
        part = part_of(run_folder)
        part.write_bytes(part.read_bytes()[:-30])
        open_run(run_folder).repair()
        assert open_run(run_folder).complaints == []
        assert len(open_run(run_folder)) == COUNT - 1

    def test_rebuilding_the_index_does_not_bless_damage(self, run_folder: Path) -> None:
        flip_a_score(run_folder, 1)
        run = open_run(run_folder)
        run.rebuild_index()
        assert "ex-1" not in open_run(run_folder).finished

    def test_a_slice_forgets_what_is_damaged_too(self, run_folder: Path) -> None:
        flip_a_score(run_folder, 1)
        run = open_run(run_folder)[:3]
        run.check()
        assert [one.id for one in run] == ["ex-0", "ex-2"]

    def test_an_index_without_checksums_is_read_and_gets_them(self, run_folder: Path) -> None:
        (index,) = run_folder.glob("*.index")
        entries = [json.loads(line) for line in index.read_bytes().split(b"\n") if line]
        index.write_bytes(b"".join(json.dumps(entry[:-1]).encode() + b"\n" for entry in entries))
        run = open_run(run_folder)
        assert [one.crc for one in run.summaries] == [None] * COUNT
        assert run.repair() == []
        assert [one.crc for one in open_run(run_folder).summaries] == [entry[-1] for entry in entries]

    @pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
    def test_any_damage_costs_what_it_hits_and_no_more(self, tmp_path: Path) -> None:
        """A law: bytes overwritten anywhere cost at most the examples whose lines they touch."""
        chance = random.Random(0)
        for trial in range(60):
            folder = filled(tmp_path / str(trial), COUNT)
            part, summaries = part_of(folder), open_run(folder).summaries
            first = chance.randrange(part.stat().st_size)
            length = chance.choice([1, 1, 3, 40, 400])
            noise = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)
            noise = noise[: part.stat().st_size - first]
            before = part.read_bytes()
            overwrite(part, first, noise)
            if part.read_bytes() == before:
                continue
            end = first + len(noise)
            hit = {one.id for one in summaries if one.offset <= end and first < one.offset + one.length}
            touched = {one.id for one in summaries if one.offset < end and first < one.offset + one.length}
            run = open_run(folder)
            run.repair()
            everything = {f"ex-{number}" for number in range(COUNT)}
            assert run.finished >= everything - hit, (trial, first, length)
            assert not run.finished & touched, (trial, first, length)
            for one in run:
                assert one.id is not None
                assert one == example(int(one.id[3:])), trial


class TestIdsCountOnce:
    def test_a_line_that_is_there_twice_counts_once_with_a_word(self, run_folder: Path) -> None:
        part = part_of(run_folder)
        one = open_run(run_folder).summary(2)
        data = part.read_bytes()
        part.write_bytes(data + data[one.offset : one.offset + one.length])
        with pytest.warns(WherefromWarning, match="'ex-2' is there again later"):
            run = open_run(run_folder)
        assert sorted(str(one.id) for one in run) == [f"ex-{number}" for number in range(COUNT)]

    def test_two_parts_with_the_same_examples_count_once(self, run_folder: Path) -> None:
        with RunWriter(run_folder) as writer:
            writer.extend(example(number) for number in range(COUNT))
        with pytest.warns(WherefromWarning, match="again later"):
            run = open_run(run_folder)
        assert len(run) == len(run.load()) == COUNT
        run.repair()
        assert open_run(run_folder).complaints == []

    def test_examples_without_a_name_all_count(self, tmp_path: Path) -> None:
        create_run(tmp_path / "run")
        with RunWriter(tmp_path / "run") as writer:
            writer.extend(example(number).replace(id=None) for number in range(3))
        assert len(open_run(tmp_path / "run")) == 3


class TestLock:
    def test_one_writer_at_a_time(self, tmp_path: Path) -> None:
        with RunLock(tmp_path), pytest.raises(InputError, match=rf"Process {os.getpid()} on .* is writing"):
            RunLock(tmp_path).acquire()
        assert list(tmp_path.iterdir()) == []
        RunLock(tmp_path).acquire().release()

    def test_what_a_killed_process_left_is_taken_over(self, tmp_path: Path) -> None:
        code = "import os, sys; from wherefrom.files.locks import RunLock; RunLock(sys.argv[1]).acquire(); os._exit(9)"
        assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
        assert json.loads((tmp_path / LOCK).read_text())["host"] == socket.gethostname()
        with RunLock(tmp_path):
            assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()

    def test_another_machines_lock_is_not_taken_over(self, tmp_path: Path) -> None:
        (tmp_path / LOCK).write_text(json.dumps({"host": "elsewhere", "pid": 7, "boot": "another"}))
        with pytest.raises(InputError, match=r"Process 7 on elsewhere.*remove .*\.lock"):
            RunLock(tmp_path).acquire()
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == 7

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
    def test_a_lock_that_says_nothing_is_taken_over(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / LOCK).write_bytes(content)
        RunLock(tmp_path).acquire().release()

    def test_a_disk_that_is_full_leaves_no_lock(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            with pytest.raises(OSError, match="No space"):
                RunLock(tmp_path).acquire()
        assert list(tmp_path.iterdir()) == []
        RunLock(tmp_path).acquire().release()

    def test_a_link_in_its_place_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("mine")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / LOCK).symlink_to(tmp_path / "precious")
        with pytest.raises(OSError, match=r"symbolic links|exists"):
            RunLock(tmp_path / "run").acquire()
        assert (tmp_path / "precious").read_text() == "mine"


class TestForeignFolders:
    def test_a_part_that_is_a_link_is_left_out(self, run_folder: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("user:password\n" * 25)
        (run_folder / "part-00009-x.jsonl").symlink_to(secret)
        with pytest.warns(WherefromWarning, match=r"part-00009-x\.jsonl is no file of this folder"):
            run = open_run(run_folder)
        assert len(run) == COUNT
        assert len(run.complaints) == 1

    def test_a_pipe_is_no_part(self, run_folder: Path) -> None:
        os.mkfifo(run_folder / "part-00009-x.jsonl")
        with pytest.warns(WherefromWarning, match="no file of this folder"):
            assert len(open_run(run_folder)) == COUNT

    def test_a_manifest_that_is_a_link_is_refused(self, run_folder: Path, tmp_path: Path) -> None:
        (run_folder / "manifest.json").rename(tmp_path / "elsewhere.json")
        (run_folder / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
        with pytest.raises(FileFormatError, match="symbolic link"):
            open_run(run_folder)

    def test_an_index_that_is_a_link_is_not_read(self, run_folder: Path, tmp_path: Path) -> None:
        (index,) = run_folder.glob("*.index")
        index.rename(tmp_path / "elsewhere")
        index.symlink_to(tmp_path / "elsewhere")
        run = open_run(run_folder)
        assert len(run) == COUNT
        assert run.summary(0).context is None  # made from the part


def test_drafts_of_a_start_that_was_killed_are_ours(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".manifest.json.0123abcd.part").write_text("{")
    (folder / LOCK).write_text("")
    create_run(folder)
    assert sorted(path.name for path in folder.iterdir()) == [LOCK, "manifest.json"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".notes.part").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        create_run(tmp_path / "other")


def test_folders_are_put_on_disk_with_what_is_new_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{file}"))
        real(file)

    if not Path("/proc/self/fd").exists():
        pytest.skip("only where /proc names open files")
    monkeypatch.setattr(os, "fsync", fsync)
    create_run(tmp_path / "run")
    assert str(tmp_path) in synced
    assert str(tmp_path / "run") in synced
    synced.clear()
    with RunWriter(tmp_path / "run") as writer:
        assert str(tmp_path / "run") in synced
        writer.append(example(0))
        writer.flush()
    assert {Path(name).suffix for name in synced} == {"", ".jsonl", ".index"}
