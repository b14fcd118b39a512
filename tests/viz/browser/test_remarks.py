"""Tags and notes by key, the history of filters, the tabs of files, and jumping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input
from wherefrom.errors import FileFormatError, InputError
from wherefrom.files import Manifest, RunWriter, Summary, create_run
from wherefrom.results.attribution import Attributions
from wherefrom_viz.browser.history import History, history_file
from wherefrom_viz.browser.jumping import labels
from wherefrom_viz.browser.notes import Notes, Remark, digest_of, notes_file, tags_of
from wherefrom_viz.browser.places import find_places
from wherefrom_viz.browser.screens.detail import DetailScreen
from wherefrom_viz.browser.screens.jump import JumpScreen
from wherefrom_viz.browser.sources import Library, open_source
from wherefrom_viz.browser.widgets.example_list import ExampleList
from wherefrom_viz.browser.widgets.filter_bar import FilterInput

from tests.viz.browser.conftest import browser_at, browser_of, settled, shown
from tests.viz.conftest import everyone_result, hospital_example


def test_notes_are_kept_beside_a_file_and_inside_a_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert notes_file(tmp_path / "run") == tmp_path / "run" / "notes.json"
    assert notes_file(tmp_path / "a.json") == tmp_path / "a.json.notes.json"
    assert notes_file(None) is None


def test_two_sessions_keep_each_others_notes(tmp_path: Path) -> None:
    one, other = Notes(tmp_path / "notes.json"), Notes(tmp_path / "notes.json")
    texts = Summary(offset=0, length=0, prompt="He was", output="sick")
    one.put("a", Remark(tags=["wrong"]), texts)
    other.put("b", Remark(note="look"), texts)
    again = Notes(tmp_path / "notes.json")
    assert (again.on("a", texts), again.on("b", texts)) == (Remark(tags=["wrong"]), Remark(note="look"))
    again.put("a", Remark(), texts)
    held = json.loads((tmp_path / "notes.json").read_text())
    assert held == {"notes": {"b": {"note": "look", "about": digest_of(texts)}}}


def test_remarks_stay_with_the_texts_that_they_are_about(tmp_path: Path) -> None:
    one, two = hospital_example(), everyone_result()[1]
    assert one.target != two.target
    for names in ("1", None):
        place = tmp_path / f"{names}.json"
        Attributions(sequence_attributions=(one.replace(id=names),)).save(place)
        Library([open_source(place)]).put_remark(0, Remark(tags=["odd"], note="this one"))
        Attributions(sequence_attributions=(two.replace(id=names),)).save(place, overwrite=True)
        other = Library([open_source(place)])
        assert other.remark(0) == Remark()
        assert (other.summary(0).tags, other.load(0).annotations.get("note")) == ([], None)
        assert any("about other texts" in one for one in other.complaints)
        Attributions(sequence_attributions=(one.replace(id=names, method="occlusion"),)).save(place, overwrite=True)
        again = Library([open_source(place)])
        assert again.remark(0) == Remark(tags=["odd"], note="this one")
        assert again.complaints == ()


def test_remarks_that_do_not_say_what_they_are_about_are_shown(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"notes": {"a": {"note": "look"}}}')
    assert Notes(tmp_path / "notes.json").on("a", Summary(offset=0, length=0)) == Remark(note="look")


def test_what_are_no_notes_is_told_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"notes": [1]}')
    notes = Notes(tmp_path / "notes.json")
    assert "holds no notes" in notes.complaint
    with pytest.raises(FileFormatError, match="Move it away"):
        notes.put("a", Remark(note="x"), Summary(offset=0, length=0))
    assert (tmp_path / "notes.json").read_text() == '{"notes": [1]}'


def test_tags_are_parted_by_commas() -> None:
    assert tags_of(" wrong, look again,,wrong ") == ["wrong", "look again"]


async def test_an_example_is_tagged_noted_found_and_untagged(tmp_path: Path) -> None:
    tmp_path = tmp_path / "data"
    tmp_path.mkdir()
    everyone_result().save(tmp_path / "a.json")
    app = browser_at(tmp_path / "a.json")
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("T", *"wrong", "comma", *"odd", "enter")
        await settled(pilot)
        assert "wrong" in shown(pilot)
        await pilot.press("o", *"why", "enter")
        await settled(pilot)
        await pilot.press("f", *"tag:odd", "enter")
        await settled(pilot)
        assert len(app.screen.query_one(ExampleList).keys) == 1
        await pilot.press("enter")
        await settled(pilot)
        assert "[wrong, odd]" in shown(pilot)
        assert "“why”" in shown(pilot)
        await pilot.press("T")
        await settled(pilot)
        assert app.screen.query_one(Input).value == "wrong, odd"
        await pilot.press("ctrl+u", "enter")
        await settled(pilot)
        assert "[wrong" not in shown(pilot)
        await pilot.press("o", "escape")
        await settled(pilot)
        example = app.session.library.load(0)
        assert example.annotations["note"] == "why", "an export carries it"
        assert "tags" not in example.annotations
    held = json.loads((tmp_path / "a.json.notes.json").read_text())
    assert [one["note"] for one in held["notes"].values()] == ["why"]
    assert [place.path.name for place in find_places(tmp_path)] == ["a.json"]
    again = browser_at(tmp_path / "a.json")
    async with again.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("f", *"note:why", "enter")
        await settled(pilot)
        assert len(again.screen.query_one(ExampleList).keys) == 1


def test_an_example_whose_file_became_shorter_has_no_remark_and_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    everyone_result().save(path)
    library = Library([open_source(path)])
    library.put_remark(0, Remark(note="look"))
    gone = int(library.keys()[-1])
    Attributions(sequence_attributions=(everyone_result()[0],)).save(path, overwrite=True)
    library.refresh()
    assert library.remark(gone) == Remark()
    assert library.file_tags(gone) == []
    with pytest.raises(InputError, match="replaced"):
        library.put_remark(gone, Remark(note="lost"))
    assert library.remark(0) == Remark(note="look")


def test_examples_that_failed_are_not_finished(tmp_path: Path) -> None:
    folder = create_run(tmp_path / "run", Manifest(total=3))
    for _ in range(2):
        with RunWriter(folder) as writer:
            writer.append(hospital_example().replace(id="a"))
            writer.fail("b", "too long")
    (place,) = find_places(tmp_path)
    assert place.facts.endswith("1 of 3 so far")
    with RunWriter(folder) as writer:
        for name in ("b", "c"):
            writer.append(hospital_example().replace(id=name))
    (place,) = find_places(tmp_path)
    assert place.facts.endswith("3 of 3 finished")


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    everyone_result().save(tmp_path / "a.json")
    (tmp_path / "a.json.notes.json").mkdir()
    app = browser_at(tmp_path / "a.json")
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        assert "Notes cannot be read" in shown(pilot)
        await pilot.press("o", "x", "enter")
        await settled(pilot)
        assert any(note.title == "Not kept" for note in app._notifications)


async def test_arrows_go_through_filters_of_this_and_earlier_sessions() -> None:
    async with browser_of().run_test() as pilot:
        await settled(pilot)
        await pilot.press("f", *"len>1", "enter", "escape", "f", *"sick", "enter", "slash", *"word", "enter")
        await settled(pilot)
    async with browser_of().run_test() as pilot:
        await settled(pilot)
        await pilot.press("f", *"pr", "up")
        field = pilot.app.screen.query_one(FilterInput)
        assert field.value == "sick"
        await pilot.press("up")
        assert field.value == "len>1"
        await pilot.press("up")
        assert field.value == "len>1", "the first one stays"
        await pilot.press("down", "down")
        assert field.value == "pr", "what was being written comes back"
        await pilot.press("escape", "escape", "slash", "up")
        assert pilot.app.screen.query_one(FilterInput).value == "word", "searches have a history of their own"


async def test_what_was_searched_in_an_example_is_remembered_too() -> None:
    async with browser_of().run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("slash", *"sick", "enter", "escape", "slash", "up")
        assert pilot.app.screen.query_one(FilterInput).value == "sick"


def test_a_damaged_history_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    history_file().parent.mkdir(parents=True, exist_ok=True)
    history_file().write_text("[1")
    history = History("filter")
    assert history.step(-1, "typed") == "typed"
    history.add("len>1")
    assert history.step(-1, "") == "len>1"


async def test_files_are_tabs(tmp_path: Path) -> None:
    everyone_result().save(tmp_path / "many.json")
    Attributions(sequence_attributions=(hospital_example(),)).save(tmp_path / "one.json")
    app = browser_at(tmp_path / "many.json", tmp_path / "one.json")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        listing = app.screen.query_one(ExampleList)
        assert "all" in shown(pilot).splitlines()[1]
        both = len(listing.keys)
        await pilot.press("w")
        assert len(listing.keys) == both - 1
        await pilot.press("w")
        assert len(listing.keys) == 1
        assert app.session.library.source_name(int(listing.keys[0])) == "one.json"
        await pilot.press("w")
        assert len(listing.keys) == both
        await pilot.press("W")
        assert len(listing.keys) == 1
        line = shown(pilot).splitlines()[1]
        await pilot.click("#files", offset=(line.index("many.json") + 2, 0))
        await settled(pilot)
        assert len(listing.keys) == both - 1


async def test_one_file_has_no_tabs() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        assert not app.screen.query_one("#files").display
        await pilot.press("w")
        await settled(pilot)
        assert any("Only one file" in note.message for note in app._notifications)


async def test_letters_go_to_an_example_and_to_a_token() -> None:
    app = browser_of()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        listing = app.screen.query_one(ExampleList)
        await pilot.press("ctrl+o")
        await settled(pilot)
        assert isinstance(app.screen, JumpScreen)
        assert shown(pilot).splitlines()[listing.region.y + 3].startswith("d"), "a, s, d: the third line of the list"
        await pilot.press("d")
        await settled(pilot)
        assert listing.cursor == 2
        await pilot.press("home", "enter", "ctrl+o")
        await settled(pilot)
        assert isinstance(app.screen, JumpScreen)
        places = {label: (target.x, target.y) for label, target in app.screen.targets.items()}
        assert len(set(places.values())) == len(places)
        count = len(places)
        await pilot.press(*list(places)[-1])
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.looking.pinned == {app.screen.looking.column}
        assert app.screen.looking.column == len(app.screen.description.steps) - 1
        assert count > len(app.screen.description.steps), "inputs are there too"
        for away in ("escape", "7"):
            await pilot.press("ctrl+o", away)
            await settled(pilot)
            assert isinstance(app.screen, DetailScreen)


@pytest.mark.parametrize("count", [1, 26, 27, 300])
def test_labels_are_different_and_none_begins_another(count: int) -> None:
    found = labels(count)
    assert len(set(found)) == count
    assert len({len(label) for label in found}) == 1


def test_examples_of_one_id_have_remarks_of_their_own(tmp_path: Path) -> None:
    place = tmp_path / "a.jsonl"
    three = tuple(hospital_example().replace(id=name) for name in ("q1", "q1", "q2", "q1"))
    Attributions(sequence_attributions=three).save(place)
    library = Library([open_source(place)])
    library.put_remark(0, Remark(tags=["first"]))
    library.put_remark(3, Remark(note="third"))
    again = Library([open_source(place)])
    assert [again.remark(key) for key in range(4)] == [Remark(tags=["first"]), Remark(), Remark(), Remark(note="third")]
    assert [again.summary(key).tags for key in range(4)] == [["first"], [], [], []]
    assert set(json.loads((tmp_path / "a.jsonl.notes.json").read_text())["notes"]) == {"q1", "q1#3"}
