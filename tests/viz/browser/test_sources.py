from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Static
from wherefrom.errors import FileFormatError, InputError
from wherefrom.files import RunWriter, save_inseq
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.ordering import sorted_keys
from wherefrom_viz.browser.sources import Library, open_source
from wherefrom_viz.browser.sources.loaded import LoadedSource

from tests.viz.browser.conftest import browser_at, settled, shown
from tests.viz.conftest import PROVENANCE


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.jsonl", "a.jsonl.gz", "a.msgpack", "a.json.zst"])
def test_opens_every_file_of_ours(everyone: Attributions, tmp_path: Path, name: str) -> None:
    everyone.save(tmp_path / name)
    source = open_source(tmp_path / name)
    assert [source.summary(k).id for k in range(len(source))] == [one.id for one in everyone]
    assert source.load(1) == everyone[1]
    assert source.provenance(1).model == {"name": "demo:lm"}
    assert source.complaints == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.msgpack"])
@pytest.mark.parametrize("format", ["json", "jsonl", "msgpack"])
def test_files_are_told_by_content_whatever_they_are_called(
    everyone: Attributions, tmp_path: Path, name: str, format: str
) -> None:
    (tmp_path / name).write_bytes(everyone.to_bytes(format))
    source = open_source(tmp_path / name)
    assert [source.summary(place).id for place in range(len(source))] == [one.id for one in everyone]


def test_every_line_was_made_as_the_header_before_it_says(everyone: Attributions, tmp_path: Path) -> None:
    other = everyone.replace(provenance=Provenance(seed=7))
    (tmp_path / "a.jsonl").write_bytes(everyone.to_bytes("jsonl") + other.to_bytes("jsonl"))
    library = Library([open_source(tmp_path / "a.jsonl")])
    assert [library.provenance(key) for key in range(len(library))] == [PROVENANCE] * 4 + [other.provenance] * 4


def test_opens_inseq_files(hospital: Attribution, tmp_path: Path) -> None:
    save_inseq(hospital.aggregate(), tmp_path / "old.json")
    source = open_source(tmp_path / "old.json")
    assert source.summary(0).output.endswith("hospital.")


def test_summaries_are_those_of_a_run(write_run: Callable[..., Path], everyone: Attributions) -> None:
    source = open_source(write_run(2))
    again = LoadedSource(Attributions(sequence_attributions=(source.load(0), source.load(1))))
    for place in (0, 1):
        a, b = source.summary(place), again.summary(place)
        assert (a.id, a.method, a.inputs, a.steps, a.prompt, a.output) == (
            b.id, b.method, b.inputs, b.steps, b.prompt, b.output,
        )  # fmt: skip
        assert a.scores == pytest.approx(b.scores)


def test_damaged_lines_and_tail_are_complaints(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    everyone.save(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"{damaged\n", *lines[3:], lines[1][:50]]))
    source = open_source(path)
    assert len(source) == 4
    assert source.load(3).id == everyone[3].id
    first, tail = source.complaints
    assert "damaged line" in first
    assert "cut off" in tail
    with path.open("ab") as file:
        file.write(lines[1][50:])
    assert source.refresh() == 1
    assert source.complaints == [first]


def test_a_shorter_file_is_read_anew(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    everyone.save(path)
    source = open_source(path)
    everyone[:1].save(path, overwrite=True)
    library = Library([source])
    growth = library.refresh()
    assert (growth.new, growth.replaced) == (-3, True)
    assert library.summary(3).error == "gone"


def test_lines_in_place_of_others_are_read_anew_however_many(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    everyone[:2].save(path)
    for examples in ([1, 0], [2, 3, 0, 1], [2, 1, 0, 3]):
        library = Library([open_source(path)])
        other = everyone.at(examples)
        other.save(path, overwrite=True)
        with pytest.raises(FileFormatError, match="replaced by another file"):
            library.load(0)
        assert library.refresh().replaced is True
        assert library.refresh().replaced is False
        assert [library.summary(key).id for key in library.keys().tolist()] == [one.id for one in other]
        assert [library.load(key).id for key in library.keys().tolist()] == [one.id for one in other]
        assert library.complaints == ()


def test_lines_that_were_changed_where_they_are_are_read_anew(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    everyone.save(path)
    library = Library([open_source(path)])
    name = str(everyone[3].id)
    data = path.read_bytes()
    path.write_bytes(data.replace(f'"{name}"'.encode(), f'"{name[::-1]}"'.encode()))
    os.utime(path, (1, 1))
    assert library.refresh().replaced is True
    assert library.summary(3).id == library.load(3).id == name[::-1] != name


def test_a_document_is_read_again_when_it_changes(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    everyone[:2].save(path)
    library = Library([open_source(path)])
    assert library.refresh().replaced is False
    everyone.save(path, overwrite=True)
    growth = library.refresh()
    assert (growth.new, growth.replaced, len(library)) == (2, True, 4)


def test_run_grows_and_names_what_failed(write_run: Callable[..., Path], make: Callable[..., Attribution]) -> None:
    folder = write_run(3, total=10)
    library = Library([open_source(folder)])
    assert (len(library), library.total) == (3, 10)
    with RunWriter(folder, batch=1) as writer:
        writer.append(make(["a", "b"], 1, id="late"))
        writer.fail("broken", "too long")
    growth = library.refresh()
    assert growth.new >= 1
    assert library.summary(3).id == "late"
    assert any("broken failed: too long" in complaint for complaint in growth.complaints)


def test_damaged_line_of_a_run_is_a_complaint(write_run: Callable[..., Path]) -> None:
    folder = write_run(2)
    part = next(folder.glob("part-*.jsonl"))
    with part.open("ab") as file:
        file.write(b'{"half": ')
    source = open_source(folder)
    assert len(source) == 2
    assert any("cut off" in complaint for complaint in source.complaints)


def test_gone_files_are_complaints_and_keep_their_list(write_run: Callable[..., Path]) -> None:
    folder = write_run(2)
    library = Library([open_source(folder)])
    shutil.rmtree(folder)
    assert any("is gone" in complaint for complaint in library.refresh().complaints)
    assert library.title(1) == "case-1"
    with pytest.raises(FileFormatError, match="replaced or removed"):
        library.load(1)


def test_keys_stay_when_the_first_file_grows(write_run: Callable[..., Path], make: Callable[..., Attribution]) -> None:
    folder, other = write_run(2, "one"), write_run(3, "two")
    library = Library([open_source(folder), open_source(other)])
    assert library.keys().tolist() == [0, 2, 1, 3, 5]
    before = [library.source_name(key) + library.title(key) for key in (0, 2, 1, 3, 5)]
    with RunWriter(folder) as writer:
        writer.append(make(["a", "b"], 1, id="late"))
    library.refresh()
    assert [library.source_name(key) + library.title(key) for key in (0, 2, 1, 3, 5)] == before
    assert library.title(4) == "late"


def test_counterpart_is_the_same_text(hospital: Attribution, everyone: Attributions) -> None:
    other = hospital.replace(method="occlusion")
    again = hospital.replace(method="saliency", id=None)
    source = LoadedSource(
        Attributions(sequence_attributions=(everyone[1], hospital, again, other), provenance=PROVENANCE)
    )
    library = Library([source])
    assert library.counterpart(1) == 3
    assert library.counterpart(2) == 1
    assert library.counterpart(0) is None


def test_counterpart_of_another_text_is_the_one_of_its_name_in_another_file(make: Callable[..., Attribution]) -> None:
    def file(*examples: Attribution) -> LoadedSource:
        return LoadedSource(Attributions(sequence_attributions=examples, provenance=PROVENANCE))

    one, two = make(["a", "b"], 1, id="one"), make(["a", "c"], 1, id="two")
    library = Library([file(one, two), file(make(["x", "y"], 1, id="two"), make(["x", "z"], 1, id="one"))])
    keys = {(library.locate(key)[0] is library.sources[0], library.title(key)): key for key in library.keys().tolist()}
    assert library.counterpart(keys[True, "one"]) == keys[False, "one"]
    assert library.counterpart(keys[True, "two"]) == keys[False, "two"]
    unnamed = Library([file(one.replace(id=None), two.replace(id=None)), file(make(["x", "y"], 1, id=None))])
    first, second, other = unnamed.keys().tolist()
    assert unnamed.counterpart(other) == first
    assert unnamed.counterpart(second) is None, "nothing stands in its place"
    assert Library([file(one, two)]).counterpart(0) is None, "one file has no counterpart of another text"


def test_counterpart_is_what_compare_pairs(make: Callable[..., Attribution]) -> None:
    """Two outputs under one id in each of two files; a prompt that tokenizers space otherwise, with an id in one."""

    def file(*examples: Attribution) -> LoadedSource:
        return LoadedSource(Attributions(sequence_attributions=examples, provenance=PROVENANCE))

    def outputs(method: str) -> LoadedSource:
        return file(*(make(["the", " cat", word], 2, id="q1", method=method) for word in (" sat", " ran")))

    library = Library([outputs("saliency"), outputs("occlusion")])
    first, second, other, another = library.keys().tolist()
    assert [library.counterpart(key) for key in (first, second, other, another)] == [other, another, first, second]
    assert [library.summary(key).output for key in (first, other)] == ["sat", "sat"]
    spaced = Library([file(make(["The", "cat", " sat"], 2, id="q1")), file(make(["The", " cat", " sat"], 2))])
    assert spaced.counterpart(0) == 1
    long = " word" * 80
    cut = Library([file(make([long, "a"], 1, id="x")), file(make([" other", "a"], 1), make(["  " + long, "a"], 1))])
    assert cut.counterpart(0) == 3, "the same text, of which summaries have the beginning"


@pytest.mark.parametrize(
    "content, words",
    [(b"", "empty|no attribution|JSON"), (b"hello", "."), (b'{"format": "other"}', "."), (b"\x1f\x8b\x00", ".")],
)
def test_foreign_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    for name in ("a.json", "a.jsonl"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises((FileFormatError, InputError), match=words):
            open_source(tmp_path / name)


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at"):
        open_source(tmp_path / "missing.json")
    with pytest.raises(InputError, match="without a run"):
        open_source(tmp_path)


def test_lines_are_read_one_by_one(everyone: Attributions, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    everyone.save(path)
    source = open_source(path)
    scores, wanted = source.load(2).target_attributions, everyone[2].target_attributions
    assert scores is not None
    assert wanted is not None
    assert np.array_equal(scores, wanted)


async def test_a_run_shows_its_first_examples_before_the_index_is_read(
    write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(12, total=12)
    monkeypatch.setattr("wherefrom.files.runs._BLOCK", 500)
    seen: list[tuple[int, str]] = []
    follow = Browser._follow

    def spied(app: Browser) -> None:
        seen.append((len(app.session.library), str(app.screen.query_one("#title", Static).render())))
        follow(app)

    monkeypatch.setattr(Browser, "_follow", spied)
    app = browser_at(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await settled(pilot)
        assert 0 < seen[0][0] < 12
        assert "reading the index" in seen[0][1]
        assert "12 examples" in shown(pilot)
        assert "reading the index" not in shown(pilot)
        assert "case-11" in shown(pilot)


def test_the_order_of_the_files_is_one_file_after_the_other(everyone: Attributions) -> None:
    def of(count: int) -> LoadedSource:
        return LoadedSource(Attributions(sequence_attributions=everyone[:count].sequence_attributions))

    library = Library([of(3), of(1), of(2)])
    keys = library.keys()
    mixed = np.sort(keys)
    assert mixed.tolist() != keys.tolist()
    assert sorted_keys(library, mixed, "n", "", backwards=False).tolist() == keys.tolist()
    assert sorted_keys(library, mixed, "n", "", backwards=True).tolist() == keys[::-1].tolist()
