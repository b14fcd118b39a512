"""A run as a folder of static files: what is written, and what a reader has of it from a web server and from a disk."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import InputError, WherefromError, WherefromWarning
from wherefrom.files import Manifest, RunWriter, create_run, open_run
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import save_site
from wherefrom_viz.page import site

from tests import axe
from tests.needed import needed
from tests.viz.conftest import PROVENANCE, causal

needed("playwright", "extras")
from playwright.sync_api import Browser, Page  # noqa: E402


def example(place: int) -> Attribution:
    return causal(["What", " is", f" number{place}", "?", " It", f" is{place}"], 4, {(2, 1): 0.5}, id=f"q{place}")


def run_of(folder: Path, count: int) -> Path:
    with RunWriter(create_run(folder, Manifest(total=count, provenance=PROVENANCE))) as writer:
        writer.extend(example(place) for place in range(count))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server that knows nothing but files, over ``tmp_path``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page(viewport={"width": 1200, "height": 800})
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


def test_a_site_is_an_index_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "LIST_LINES", 100)
    told: list[tuple[int, int]] = []
    folder = save_site(open_run(run_of(tmp_path / "run", 120)), tmp_path / "site", progress=lambda *at: told.append(at))
    assert sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.*")) == [
        "examples/0.bin",
        "examples/1.bin",
        "examples/2.bin",
        "index.html",
        "list/0.bin",
        "list/1.bin",
    ]
    assert told == [(50, 120), (100, 120), (120, 120)]
    assert "connect-src &#x27;self&#x27;" in (folder / "index.html").read_text()


def test_a_site_is_the_same_from_a_run_and_from_results(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "run", 3))
    held = Attributions(sequence_attributions=tuple(run), provenance=run.provenance)
    one, other = save_site(run, tmp_path / "a"), save_site(held, tmp_path / "b")
    assert (one / "index.html").read_bytes() == (other / "index.html").read_bytes()


@pytest.mark.parametrize("public", [False, True])
def test_examples_are_told_apart_by_the_names_that_they_have(tmp_path: Path, public: bool) -> None:
    """Of a public copy without the folders, which may be all that tells them apart."""
    ids = ("/first/q", "/second/q")
    results = Attributions(
        sequence_attributions=tuple(example(place).replace(id=name) for place, name in enumerate(ids))
    )
    folder = save_site(results, tmp_path / "site", public=public)
    listed = json.loads(zlib.decompress((folder / "list" / "0.bin").read_bytes()))
    titles = [line[0] for line in listed]
    assert len(set(titles)) == 2
    assert [title in ids for title in titles] == [not public] * 2


def test_only_a_site_is_replaced(tmp_path: Path) -> None:
    results = Attributions(sequence_attributions=(example(0),))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="something in"):
            save_site(results, tmp_path / "other", overwrite=overwrite)
    assert (tmp_path / "other" / "index.html").read_text() == "mine"
    save_site(results, tmp_path / "site")
    with pytest.raises(InputError, match="overwrite=True"):
        save_site(results, tmp_path / "site")
    (tmp_path / "site" / "CNAME").write_text("example.org")
    save_site(results, tmp_path / "site", overwrite=True)
    assert (tmp_path / "site" / "CNAME").read_text() == "example.org", "what is not ours stays"
    with pytest.raises(InputError, match="no examples"):
        save_site(Attributions(sequence_attributions=()), tmp_path / "none")


def files_in(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("stop", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["deflated_bytes", "write_whole", "json_data"])
def test_a_site_stays_until_another_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, stop: BaseException
) -> None:
    results = Attributions(sequence_attributions=(example(0), example(1)))
    folder = save_site(results[:1], tmp_path / "site")
    before = files_in(tmp_path)

    def stopped(*_: object, **__: object) -> bytes:
        raise stop

    monkeypatch.setattr(site, at, stopped)
    for place in (folder, tmp_path / "new"):
        with pytest.raises(type(stop)):
            save_site(results, place, overwrite=True)
    assert files_in(tmp_path) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("moves", [1, 2, 4, 5])
def test_a_site_whose_replacement_was_interrupted_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    results = Attributions(sequence_attributions=(example(0), example(1)))
    folder = save_site(results, tmp_path / "site")
    whole, left = files_in(folder), [*range(moves)]
    with monkeypatch.context() as stopped:

        def replace(one: Path, other: Path) -> None:
            if one.name in (site.EXAMPLES, site.LIST, site.INDEX):
                if not left:
                    raise KeyboardInterrupt
                left.pop()
            move(one, other)

        move = site.os.replace
        stopped.setattr(site.os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            save_site(results, folder, overwrite=True)
    assert not (folder / "index.html").exists()
    (folder / ".site.0123abcd.part" / "examples").mkdir(parents=True)  # of one that was killed
    with pytest.raises(InputError, match="was not finished"):
        save_site(results, folder)
    (folder / "list").mkdir(exist_ok=True)
    (folder / "list" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="no site of ours"):
        save_site(results, folder, overwrite=True)
    (folder / "list" / "mine.txt").unlink()
    save_site(results, folder, overwrite=True)
    assert files_in(folder) == whole


def test_who_writes_a_site_is_alone(tmp_path: Path) -> None:
    """Also where the folder was free when the second came: the site that is there by then is not replaced."""
    folder, results = tmp_path / "site", Attributions(sequence_attributions=(example(0),))
    told: list[str] = []

    def second(done: int, count: int) -> None:
        for overwrite in (False, True):
            with pytest.raises(InputError, match=r"is writing to .*choose another folder") as refused:
                save_site(results, folder, overwrite=overwrite)
            told.append(str(refused.value))

    save_site(results, folder, progress=second)
    assert len(told) == 2
    assert sorted(one.name for one in folder.iterdir()) == ["examples", "index.html", "list"]


@pytest.mark.parametrize("fails", range(1, 6))
def test_a_site_is_as_it_was_where_another_does_not_get_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    folder = save_site(Attributions(sequence_attributions=(example(0),)), tmp_path / "site")
    before = files_in(tmp_path)
    calls, replace = [], os.replace

    def failing(*places: Path) -> None:
        calls.append(places)
        if len(calls) == fails:
            raise OSError("no room")
        replace(*places)

    put = site._put

    def limited(draft: Path, place: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(site.os, "replace", failing)
            put(draft, place)

    monkeypatch.setattr(site, "_put", limited)
    with pytest.raises(OSError, match="no room"):
        save_site(Attributions(sequence_attributions=(example(1), example(2))), folder, overwrite=True)
    assert files_in(tmp_path) == before


def test_damaged_examples_are_left_out_of_a_site(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", 5)
    whole = Attributions(sequence_attributions=tuple(map(example, (0, 1, 3, 4))), provenance=PROVENANCE)
    expected = files_in(save_site(whole, tmp_path / "expected"))
    (part,) = folder.glob("part-*.jsonl")
    part.write_bytes(part.read_bytes().replace(b"number2", b"numbex2"))
    run = open_run(folder)
    with pytest.warns(WherefromWarning, match="the line is damaged.*It was left out"):
        made = files_in(save_site(run, tmp_path / "site"))
    assert {path.name: content for path, content in made.items()} == {
        path.name: content for path, content in expected.items()
    }
    assert len(run) == 5
    assert len(run[2:3]) == 1
    with pytest.warns(WherefromWarning, match="the line is damaged"), pytest.raises(InputError, match="no examples"):
        save_site(run[2:3], tmp_path / "none")


@pytest.mark.parametrize(
    "wrong", [{"palette": "nope"}, {"granularity": "nope"}, {"aggregators": ["nope"]}, {"view": "nope"}]
)
def test_a_site_stays_where_a_setting_is_unknown(tmp_path: Path, wrong: dict[str, Any]) -> None:
    results = Attributions(sequence_attributions=(example(0),))
    folder = save_site(results, tmp_path / "site")
    before = {file: file.read_bytes() for file in folder.rglob("*.*")}
    with pytest.raises(WherefromError):
        save_site(results, folder, overwrite=True, **wrong)
    assert {file: file.read_bytes() for file in folder.rglob("*.*")} == before


def test_memory_does_not_grow_with_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "LIST_LINES", 100)

    def peak(count: int) -> int:
        folder = create_run(tmp_path / f"run{count}", Manifest())
        with RunWriter(folder) as writer:  # of the same few words: known ones are cached, up to a bound
            writer.extend(example(place % 10).replace(id=f"q{place}") for place in range(count))
        run = open_run(folder)
        save_site(run[:1], tmp_path / f"warm{count}")
        tracemalloc.start()
        save_site(run, tmp_path / f"site{count}")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    several_blocks = peak(600)  # what is kept up to a bound has reached it
    assert peak(1200) < 1.2 * several_blocks


@pytest.mark.browser
def test_a_reader_has_the_whole_run_from_a_server(
    tmp_path: Path, address: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "LIST_LINES", 40)
    save_site(open_run(run_of(tmp_path / "run", 120)), tmp_path / "site")
    complaints: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(f"{address}/site/index.html#ex=111")
    page.wait_for_selector("[data-complete]", state="attached")
    assert "number110" in page.locator(".inputs").inner_text(), "a link opens its example alone"
    assert [url for url in asked if "/examples/" in url] == ["/site/examples/2.bin"]
    assert "120 of 120" in page.locator(".count").inner_text()
    assert page.locator(".line[aria-selected=true]").inner_text().startswith("q110")
    assert page.get_by_role("tab").all_inner_texts() == ["Read", "Matrix", "Steps"]
    page.get_by_label("Search examples").fill("number7?")
    page.locator(".line", has_text="q7").click()
    page.get_by_text("number7", exact=False).first.wait_for()
    assert complaints == []


@pytest.mark.browser
def test_what_cannot_be_fetched_is_told(tmp_path: Path, address: str, page: Page) -> None:
    folder = save_site(open_run(run_of(tmp_path / "run", 120)), tmp_path / "site")
    (folder / "examples" / "1.bin").rename(folder / "gone")
    page.goto(f"{address}/site/")
    page.wait_for_selector("[data-complete]", state="attached")
    page.locator(".line").nth(1).click()
    page.get_by_label("Search examples").fill("number70")
    page.locator(".line", has_text="q70").click()
    assert "examples/1.bin cannot be fetched" in page.get_by_role("alert").inner_text()
    page.keyboard.press("2")
    assert page.locator(".matrix").count() == 0, "no other example under this one's number"
    (folder / "gone").rename(folder / "examples" / "1.bin")
    page.get_by_label("Search examples").fill("number71")
    page.locator(".line", has_text="q71").click()
    page.locator(".inputs", has_text="number71").wait_for()


@pytest.mark.browser
def test_from_a_disk_it_says_how_to_be_served(tmp_path: Path, page: Page) -> None:
    folder = save_site(open_run(run_of(tmp_path / "run", 2)), tmp_path / "site")
    page.goto((folder / "index.html").as_uri())
    assert "python -m http.server" in page.get_by_role("alert").inner_text()


@pytest.mark.heavy
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(tmp_path: Path, address: str, chromium: Browser, scheme: Any) -> None:
    """In the list and an example beside it, in every tab, searched, on a phone, and where something is missing."""
    folder = save_site(open_run(run_of(tmp_path / "run", 120)), tmp_path / "site")
    (folder / "examples" / "1.bin").unlink()
    context = chromium.new_context(bypass_csp=True, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("about:blank")
        page.goto(f"{address}/site/index.html#ex=111&tok=2")
        page.wait_for_selector("[data-complete]", state="attached")
        for key, part in (("1", ".read .picked"), ("2", ".matrix td"), ("3", ".steps tbody tr")):
            page.keyboard.press(key)
            page.locator(part).first.wait_for()
            assert axe.violations(page) == [], (width, key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_label("Search examples").fill("number70")
        page.locator(".line", has_text="q70").click()
        page.get_by_role("alert").wait_for()
        assert axe.violations(page) == [], (width, "an example that is missing")
    context.close()
    page = chromium.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    page.goto((folder / "index.html").as_uri())
    page.get_by_role("alert").wait_for()
    assert axe.violations(page) == [], "opened from a disk"
    page.context.close()
