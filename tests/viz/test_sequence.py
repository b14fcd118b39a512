"""An answer step by step: frames of one size, and one file that plays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_animation, render_frames, save_frames


def test_there_is_a_frame_for_each_output_all_of_one_size_and_scale(hospital: Attribution) -> None:
    frames = render_frames(hospital)
    assert len(frames) == len(hospital.steps)
    assert len({re.search(r'width="[\d.]+pt" height="[\d.]+pt"', frame)[0] for frame in frames}) == 1  # type: ignore[index]
    for frame, step in zip(frames, hospital.steps, strict=True):
        ElementTree.fromstring(frame)
        assert f"→ {step.text.strip()}" in frame
    legends = {tuple(re.findall(r">([+−]0\.\d+)<", frame)) for frame in frames}
    assert legends == {("−0.62", "+0.62")}
    places = {re.findall(r'<text x="[\d.]+" y="([\d.]+)" fill="#59606d">−0.62', frame)[0] for frame in frames}
    assert len(places) == 1, "legends do not jump"


def test_a_frame_shows_the_text_up_to_its_output(hospital: Attribution) -> None:
    first, *_, last = render_frames(hospital)
    assert ">hospital<" not in first
    assert ">hospital<" in last


def test_options_are_those_of_figures(hospital: Attribution) -> None:
    plain, other = (
        render_frames(hospital)[0],
        render_frames(hospital, theme="dark", granularity="word", legend=False)[0],
    )
    assert "#1c1d21" in other
    assert "raises" in plain
    assert "raises" not in other
    with pytest.raises(InputError, match="no explained tokens"):
        render_frames(hospital.replace(attr_pos_end=11, target_attributions=None, step_scores={}))


def test_frames_are_written_once(hospital: Attribution, tmp_path: Path) -> None:
    files = save_frames(hospital, tmp_path / "frames")
    assert [file.name for file in files] == [f"step-00{place}.svg" for place in range(4)]
    assert files[0].read_text("utf-8") == render_frames(hospital)[0]
    with pytest.raises(InputError, match="has frames already"):
        save_frames(hospital, tmp_path / "frames")


def test_the_animation_is_one_svg_whose_last_frame_stands_without_motion(hospital: Attribution) -> None:
    drawn = render_animation(hospital, seconds=0.5)
    ElementTree.fromstring(drawn)
    assert drawn.count('class="frame"') == 4
    assert "seen 2s step-end infinite" in drawn
    assert "#frame3{visibility:visible}" in drawn
    with pytest.raises(InputError, match="positive"):
        render_animation(hospital, seconds=0)


@pytest.mark.browser
def test_the_animation_shows_one_frame_after_the_other(hospital: Attribution, tmp_path: Path, chromium: Any) -> None:
    (tmp_path / "play.svg").write_text(render_animation(hospital, seconds=1), encoding="utf-8")
    seen = "[...document.querySelectorAll('.frame')].map(e => getComputedStyle(e).visibility === 'visible')"
    at = "time => document.getAnimations().forEach(one => { one.pause(); one.currentTime = time; })"
    page = chromium.new_page()
    page.goto((tmp_path / "play.svg").as_uri())
    for place in range(4):
        page.evaluate(at, 4000 + 1000 * place + 500)  # in the second round
        assert page.evaluate(seen) == [number == place for number in range(4)], place
    still = chromium.new_context(reduced_motion="reduce").new_page()
    still.goto((tmp_path / "play.svg").as_uri())
    assert still.evaluate(seen) == [False, False, False, True]
