"""Runs: folders that grow, lose nothing, and are read one example at a time."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import FileFormatError, InputError, SettingsError, WherefromWarning
from wherefrom.files import Manifest, Run, RunWriter, create_run, fingerprint_of, load, open_run, write_run
from wherefrom.files.locks import RunLock
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance

from tests.core.made import attribution


def example(number: int) -> Attribution:
    return attribution(["x", " y"], ["<s>", " a", f" b{number}"], 1, seed=number, id=f"ex-{number}")


def filled(path: Path, count: int = 5, **settings: int) -> Path:
    create_run(path, Manifest(provenance=Provenance(seed=7), total=count, settings={"m": 1}))
    with RunWriter(path, **settings) as writer:
        writer.extend(example(number) for number in range(count))
    return path


def test_a_run_is_a_sequence_of_attributions(tmp_path: Path) -> None:
    run = open_run(filled(tmp_path / "run"))
    assert len(run) == 5
    assert run[3] == example(3)
    assert run[-1] == example(4)
    assert [one.id for one in run] == [f"ex-{number}" for number in range(5)]
    assert [one.id for one in run[1:4:2]] == ["ex-1", "ex-3"]
    assert run[1:4][1:][0] == example(2)
    assert run.find("ex-2") == example(2)
    assert run.provenance.seed == 7
    assert run.manifest.total == 5
    assert load(tmp_path / "run") == run.load()
    singly = [run[0], run[1:][0], run.find("ex-2"), *run]
    assert all(one.provenance == run.provenance == run.load()[0].provenance for one in singly)
    with pytest.raises(IndexError):
        run[5]
    with pytest.raises(InputError, match="no example 'none'"):
        run.find("none")


def test_summaries_are_filtered_without_reading_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(filled(tmp_path / "run"))
    one = run.summary(2)
    assert (one.id, one.method, one.inputs, one.steps, one.prompt, one.output) == ("ex-2", "made", 2, 2, "x y", "a b2")
    assert one.scores["entropy"] == pytest.approx(example(2).step_scores["entropy"].mean())
    with monkeypatch.context() as patched:
        patched.setattr("wherefrom.files.runs.decode_example", None)
        kept = run.filter(lambda summary: summary.output > "a b2")
    assert [one.id for one in kept] == ["ex-3", "ex-4"]
    assert [one.id for one in kept.filter(lambda summary: summary.id == "ex-4")] == ["ex-4"]


def test_writers_have_parts_of_their_own_and_readers_follow(tmp_path: Path) -> None:
    path = filled(tmp_path / "run", 2)
    run = open_run(path)
    with RunWriter(path, batch=1) as one, RunWriter(path, batch=1) as two:
        assert one.part != two.part
        one.append(example(10))
        assert run.refresh() == 1
        two.append(example(20))
        one.append(example(11))
        assert run.refresh() == 2
        assert run.refresh() == 0
    assert {one.id for one in run} == {"ex-0", "ex-1", "ex-10", "ex-11", "ex-20"}


def test_failures_are_recorded_and_resolved(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    with RunWriter(path) as writer:
        writer.append(example(1))
        writer.fail("ex-2", ValueError("too long"))
        writer.fail("ex-3", "skipped")
    run = open_run(path)
    assert len(run) == 1
    assert run.finished == {"ex-1"}
    assert run.failures == {"ex-2": "ValueError: too long", "ex-3": "skipped"}
    with RunWriter(path) as writer:
        writer.append(example(2))
    again = open_run(path)
    assert again.finished == {"ex-1", "ex-2"}
    assert again.failures == {"ex-3": "skipped"}
    assert [one.id for one in again] == ["ex-1", "ex-2"]


def test_every_failure_without_a_name_is_told(tmp_path: Path) -> None:
    with RunWriter(create_run(tmp_path / "run")) as writer:
        for name, why in ((None, "too long"), ("ex-1", "skipped"), (None, "no text")):
            writer.fail(name, why)
    assert open_run(tmp_path / "run").failures == {None: "too long; no text", "ex-1": "skipped"}


def test_summaries_are_asked_for_as_examples_are(tmp_path: Path) -> None:
    with RunWriter(filled(tmp_path / "run", 2)) as writer:
        writer.fail("ex-2", "skipped")
    filled(tmp_path / "all", 3)
    for run in (open_run(tmp_path / "run"), open_run(tmp_path / "all"), open_run(tmp_path / "all")[1:]):
        for index in range(-len(run), len(run)):
            assert run.summary(index).id == run[index].id == [one.id for one in run][index]
        for index in (-len(run) - 1, len(run)):
            with pytest.raises(IndexError, match="outside of a run of"):
                run.summary(index)


@pytest.mark.parametrize("refreshed", ["run", "subset"])
def test_a_subset_has_the_same_examples_when_parts_came_before_its_own(tmp_path: Path, refreshed: str) -> None:
    path = filled(tmp_path / "run", 1)
    part = next(path.glob("part-*.jsonl"))
    for file in (part, part.with_suffix(".index")):
        file.rename(path / f"part-00007-ffffff{file.suffix}")
    run = open_run(path)
    subset = run.filter(lambda summary: summary.id == "ex-0")
    filled(tmp_path / "other", 4)
    other = next((tmp_path / "other").glob("part-*.jsonl"))
    lines = other.read_bytes().splitlines(keepends=True)
    (path / "part-00000-000000.jsonl").write_bytes(b"".join([lines[0], *lines[2:]]))  # a part without the same example
    (run if refreshed == "run" else subset).refresh()
    assert [one.id for one in subset] == [one.id for one in subset.summaries] == ["ex-0"]
    names = [one.id for one in run]
    assert names == (["ex-1", "ex-2", "ex-3", "ex-0"] if refreshed == "run" else ["ex-0"])
    assert [one.id for one in run.summaries] == names


@pytest.mark.parametrize("wrong", [5, None, "out.json", {}, [1], "results"])
def test_what_is_no_example_is_refused_and_leaves_nothing(tmp_path: Path, wrong: Any) -> None:
    results = Attributions(sequence_attributions=(example(0), example(1)))
    wrong = results if wrong == "results" else wrong
    said = "holds several examples, and one is expected" if wrong is results else "is no result"
    with pytest.raises(InputError, match=said):
        write_run(tmp_path / "run", [wrong])
    assert not list(tmp_path.iterdir())
    with RunWriter(create_run(tmp_path / "run")) as writer, pytest.raises(InputError, match=said):
        writer.append(wrong)
    assert not len(open_run(tmp_path / "run"))


@pytest.mark.parametrize("wrong", [5, {}, {"settings": {}}, "manifest", Provenance()])
def test_what_is_no_manifest_is_refused_and_leaves_nothing(tmp_path: Path, wrong: Any) -> None:
    for write in (lambda: create_run(tmp_path / "run", wrong), lambda: write_run(tmp_path / "run", [], wrong)):
        with pytest.raises(InputError, match=r"is no Manifest\. Give wherefrom\.files\.Manifest"):
            write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [5, None, b"x", [], {}])
def test_what_is_no_folder_of_a_run_is_refused(wrong: Any) -> None:
    for use in (open_run, Run, RunWriter, create_run, lambda path: write_run(path, [])):
        with pytest.raises(SettingsError, match=r"path = .* does not fit"):
            use(wrong)


@pytest.mark.parametrize("wrong", [5, None, "ex-1", [True]])
def test_what_is_no_question_about_a_summary_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"keep = .* does not fit"):
        open_run(filled(tmp_path / "run")).filter(wrong)


def test_a_precision_that_is_none_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"scores_precision = 'float46'\. Choose one of float32, float16"):
        write_run(tmp_path / "run", [example(1)], scores_precision="float46")
    assert not (tmp_path / "run").exists()
    path = filled(tmp_path / "run", 1)
    before = sorted(path.iterdir())
    with pytest.raises(SettingsError, match="float46"):
        RunWriter(path, scores_precision="float46")
    assert sorted(path.iterdir()) == before


def moved(line: bytes, offset: int, length: int) -> bytes:
    """An index line that points elsewhere."""
    entry = json.loads(line)
    return json.dumps([entry[0] + offset, entry[1] + length, *entry[2:]]).encode() + b"\n"


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "nonsense", "stale", "wrong", "moved", "overlapping", "begins later", "gap"]
)
def test_the_index_can_always_be_made_again(tmp_path: Path, damage: str) -> None:
    path = filled(tmp_path / "run")
    (index,) = path.glob("*.index")
    data = index.read_bytes()
    lines = data.splitlines(keepends=True)
    if damage == "missing":
        index.unlink()
    else:
        index.write_bytes(
            {
                "cut": data[: len(lines[0]) + 9],
                "nonsense": b"\0\1 nonsense\n",
                "stale": b"".join(lines[:3]),
                "wrong": data.replace(b"[", b"[1", 1),
                "moved": b"".join([*lines[:-1], moved(lines[-1], 5, -5)]),
                "begins later": b"".join(lines[2:]),
                "gap": b"".join([*lines[:2], *lines[3:]]),
                "overlapping": b"".join([*lines[:2], moved(lines[2], -9, 9), *lines[3:]]),
            }[damage]
        )
    run = open_run(path)
    assert [one.id for one in run] == [f"ex-{number}" for number in range(5)]
    run.rebuild_index()
    assert index.read_bytes() == data
    assert run[4] == example(4)


def test_a_cut_off_line_is_reported_and_the_rest_is_there(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    (part,) = path.glob("part-*.jsonl")
    part.write_bytes(part.read_bytes()[:-30])
    with pytest.warns(WherefromWarning, match="cut off"):
        run = open_run(path)
    assert len(run) == 4
    assert run[3] == example(3)
    assert run.complaints == [f"{part.name}: the last line is cut off and was left out."]


def test_a_damaged_line_costs_that_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    (part,) = path.glob("part-*.jsonl")
    lines = part.read_bytes().splitlines(keepends=True)
    lines[2] = b"{damaged\n"
    part.write_bytes(b"".join(lines))
    (index,) = path.glob("*.index")
    index.unlink()
    with pytest.warns(WherefromWarning, match="damaged line"):
        run = open_run(path)
    assert [one.id for one in run] == ["ex-0", "ex-2", "ex-3", "ex-4"]


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file: object, bytes_at_once: int = 100) -> None:
        self.file = file
        self.bytes_at_once = bytes_at_once

    def write(self, data: memoryview) -> int:
        if len(data) <= self.bytes_at_once:
            raise OSError(28, "No space left on device")
        return int(self.file.write(data[: self.bytes_at_once]))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "run", 1)
    writer = RunWriter(path, batch=1)
    writer.append(example(1))
    real = writer._file
    writer._file = Full(real)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        writer.append(example(2))
    assert writer.part.read_bytes().endswith(b"}\n")
    writer._file = real
    writer.append(example(2))
    writer.close()
    assert [one.id for one in open_run(path)] == ["ex-0", "ex-1", "ex-2"]


def test_a_disk_that_was_full_for_the_index_costs_no_example(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    writer = RunWriter(path, batch=2)
    real = writer._index
    writer.extend([example(0), example(1)])
    writer._index = Full(real)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        writer.extend([example(2), example(3)])
    assert open_run(path).finished == {f"ex-{number}" for number in range(4)}
    writer._index = real
    writer.extend([example(4), example(5)])
    writer.close()
    assert writer.part.with_suffix(".index").read_bytes().count(b"\n") == 6
    run = open_run(path)
    assert [one.id for one in run] == [f"ex-{number}" for number in range(6)]
    assert run.check() == []


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")
def test_a_run_whose_folder_was_removed_is_told_at_its_next_batch(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    writer = RunWriter(path, batch=1)
    writer.append(example(0))
    shutil.rmtree(path)
    with pytest.raises(InputError, match="was removed while it was being written to"):
        writer.append(example(1))
    writer.close()


@pytest.mark.parametrize("ask", [lambda run: run[0], lambda run: run.refresh()])
def test_a_run_that_was_replaced_since_it_was_opened_is_told(tmp_path: Path, ask: Callable[[Run], object]) -> None:
    run = open_run(filled(tmp_path / "run"))
    write_run(tmp_path / "run", [example(9)], overwrite=True)
    with pytest.raises(FileFormatError, match="was replaced or removed"):
        ask(run)


def test_a_failure_to_write_the_index_is_told_once(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    writer = RunWriter(path, batch=1)
    writer._index = Full(writer._index, bytes_at_once=10_000)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        writer.append(example(0))
    writer.close()
    assert open_run(path).finished == {"ex-0"}


def test_what_is_flushed_survives_without_closing(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    writer = RunWriter(path, batch=2)
    writer.extend(example(number) for number in range(3))
    assert len(open_run(path)) == 2
    writer.close()
    assert len(open_run(path)) == 3


def test_runs_are_not_overwritten_unasked(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    with pytest.raises(InputError, match="holds a run already"):
        create_run(path)
    assert len(open_run(path)) == 5
    create_run(path, overwrite=True)
    assert len(open_run(path)) == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        create_run(tmp_path / "other")
    with pytest.raises(InputError, match="is no run"):
        open_run(tmp_path / "other")


def test_a_whole_run_replaces_another_when_it_is_written_and_not_before(tmp_path: Path) -> None:
    def breaking() -> Iterator[Attribution]:
        yield from (example(number) for number in range(20))
        raise OSError(28, "No space left on device")

    path = filled(tmp_path / "run")
    (path / "mine.txt").write_text("mine")
    before = {one.name: one.read_bytes() for one in path.iterdir()}
    with pytest.raises(OSError, match="No space"):
        write_run(path, breaking(), overwrite=True)
    assert {one.name: one.read_bytes() for one in path.iterdir()} == before
    with pytest.raises(OSError, match="No space"):
        write_run(tmp_path / "fresh", breaking())
    assert not (tmp_path / "fresh").exists()
    with pytest.raises(InputError, match="holds a run already"):
        write_run(path, [example(8)])
    with RunLock(path), pytest.raises(InputError, match="is writing to"):
        write_run(path, [example(8)], overwrite=True)
    (path / ".run.0123abcd.part").mkdir()  # of a process that was killed
    write_run(path, (one.replace(id=f"new {one.id}") for one in open_run(path)), Manifest(total=5), overwrite=True)
    assert [one.id for one in open_run(path)] == [f"new ex-{number}" for number in range(5)]
    assert {one.name.split("-")[0] for one in path.iterdir()} == {"manifest.json", "part", "mine.txt"}


@pytest.mark.parametrize("move", range(3))
def test_a_run_that_replaces_another_loses_nothing_wherever_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: int
) -> None:
    path, killed = filled(tmp_path / "run", 3), tmp_path / "killed"
    before = {one.name: one.read_bytes() for one in path.iterdir()}
    real, moves = os.replace, iter(range(9))

    def replace(old: Path, new: Path) -> None:
        if Path(new).parent == path and next(moves) == move:
            shutil.copytree(path, killed)  # what is there after a kill
            raise KeyboardInterrupt
        real(old, new)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_run(path, [example(number) for number in range(10, 15)], overwrite=True)
    assert {one.name: one.read_bytes() for one in path.iterdir()} == before
    assert {f"ex-{number}" for number in range(3)} <= open_run(killed).finished
    write_run(killed, [example(10)], overwrite=True)
    assert open_run(killed).finished == {"ex-10"}


def test_a_writer_takes_no_id_twice_and_another_may_do_an_example_again(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    nameless = example(4).replace(id=None)
    with RunWriter(path) as writer:
        writer.fail("ex-1", "once")
        writer.append(example(1))
        writer.extend([nameless, nameless])
        with pytest.raises(InputError, match="two examples with the id 'ex-1'"):
            writer.append(example(1))
    assert [one.id for one in open_run(path)] == ["ex-1", None, None]
    with RunWriter(path) as writer:
        writer.append(example(2).replace(id="ex-1"))
    with pytest.warns(WherefromWarning, match="again later"):
        assert open_run(path).find("ex-1").target == example(2).target
    with pytest.raises(InputError, match="two examples with the id"):
        write_run(tmp_path / "whole", [example(1), example(1)])
    assert not (tmp_path / "whole").exists()


def test_manifests_keep_what_they_do_not_know_and_refuse_newer_ones(tmp_path: Path) -> None:
    path = filled(tmp_path / "run")
    document = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**document, "weather": "rain"}))
    assert open_run(path).manifest.extra == {"weather": "rain"}
    (path / "manifest.json").write_text(json.dumps({**document, "version": "2.0"}))
    with pytest.raises(FileFormatError, match=r"version 2\.0"):
        open_run(path)
    (path / "manifest.json").write_text("[]")
    with pytest.raises(FileFormatError, match="manifest"):
        open_run(path)


def test_fingerprints_ignore_the_order_of_keys() -> None:
    assert fingerprint_of({"a": 1, "b": [2.5, None]}) == fingerprint_of({"b": [2.5, None], "a": 1})
    assert fingerprint_of({"a": 1}) != fingerprint_of({"a": 2})


def test_half_precision_runs(tmp_path: Path) -> None:
    path = create_run(tmp_path / "run")
    made = attribution(["x"] * 9, ["<s>", *"abcdefgh"], 1)
    with RunWriter(path, scores_precision="float16") as writer:
        writer.append(made)
    back = open_run(path)[0]
    np.testing.assert_array_equal(back.step_scores["entropy"], made.step_scores["entropy"])
    np.testing.assert_allclose(back.source_attributions, made.source_attributions, rtol=1e-3)
    assert not np.array_equal(back.source_attributions, made.source_attributions)


def test_a_large_index_is_read_in_blocks_and_on_request_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path / "run", 5)
    with RunWriter(path) as writer:
        writer.extend(example(number) for number in range(5, 9))
    monkeypatch.setattr("wherefrom.files.runs._BLOCK", 400)  # about two lines
    run = open_run(path, at_once=False)
    assert run.unread
    assert 0 < len(run) < 5
    assert [one.id for one in run] == [f"ex-{number}" for number in range(len(run))]
    before = len(run)
    assert run.refresh() == 9 - before
    assert not run.unread
    assert [one.id for one in run] == [f"ex-{number}" for number in range(9)]
    assert not open_run(path).unread
    assert open_run(path).summaries == run.summaries


def test_a_block_that_cannot_be_true_is_made_again_from_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path / "run", 6)
    (index,) = path.glob("*.index")
    lines = index.read_bytes().splitlines(keepends=True)
    wrong = json.loads(lines[4])
    wrong[0] += 7
    index.write_bytes(b"".join([*lines[:4], json.dumps(wrong).encode() + b"\n", lines[5]]))
    monkeypatch.setattr("wherefrom.files.runs._BLOCK", 400)
    run = open_run(path)
    assert [one.id for one in run] == [f"ex-{number}" for number in range(6)]
    assert run[4] == example(4)
    assert run.summary(0).context is not None
    assert run.summary(5).context is None


def test_a_reader_that_was_faster_than_the_index_takes_its_entries_later(tmp_path: Path) -> None:
    path = filled(tmp_path / "run", 2)
    (index,) = path.glob("*.index")
    whole = index.read_bytes()
    index.write_bytes(whole[: whole.index(b"\n") + 1 + 20])  # the second line is half written
    run = open_run(path)
    assert [one.context is None for one in run.summaries] == [False, True]
    with index.open("ab") as file:
        file.write(whole[whole.index(b"\n") + 1 + 20 :])
    assert run.refresh() == 0
    assert [one.context is None for one in run.summaries] == [False, False]
    assert run.summaries == open_run(path).summaries
