from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest
from wherefrom.errors import InputError, MissingDependencyError, SettingsError, WherefromWarning
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_viz import colours, compare, render_latex, render_markdown, render_pdf, render_png, render_svg
from wherefrom_viz.describe.description import NOT_FINITE

from tests.viz.conftest import PROVENANCE, marked_chat

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_a_figure_has_all_labels_numbers_and_the_meaning(hospital: Attribution) -> None:
    found = texts(render_svg(hospital))
    assert {"sick", "hospital", "0.62", "−0.14", "probability", "0.970"} <= set(found)
    assert "+ raises, − lowers the score of the token" in found


def test_a_range_of_colours_leaves_special_and_template_tokens_out_and_says_so() -> None:
    for view, bound in (("matrix", "0.11"), ("read", "1.54")):
        found = texts(render_svg(marked_chat(14 if view == "read" else 2), view=view))
        assert f"{bound} and above" in found
        assert "special and template tokens left out of colours and strongest inputs" in found
    assert "% colours from 0 to 1.54 and above;" in render_latex(marked_chat(14), view="read")


@pytest.mark.parametrize("name", ["hospital", "translation", "hostile", "long", "chat"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_valid_xml_with_valid_colours(
    name: str, theme: colours.Theme, request: pytest.FixtureRequest
) -> None:
    drawn = render_svg(request.getfixturevalue(name), theme=theme)
    tree = ElementTree.fromstring(drawn)
    assert {node.tag.removeprefix(SVG) for node in tree.iter()} <= {
        "svg",
        "g",
        "rect",
        "text",
        "tspan",
        "circle",
        "line",
    }
    for node in tree.iter():
        assert re.fullmatch(r"none|#[0-9a-f]{6}", node.get("fill", "none"))
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_the_same_result_gives_the_same_bytes(everyone: Attributions) -> None:
    assert render_svg(everyone) == render_svg(everyone)
    assert render_png(everyone, scale=1) == render_png(everyone, scale=1)


def test_a_figure_keeps_to_the_width_asked_for(make: Callable[..., Attribution]) -> None:
    drawn = render_svg(make([f" w{i}" for i in range(30)], 10), width=345)
    assert ElementTree.fromstring(drawn).get("width") == "345pt"
    assert 'font-size="9"' in drawn


def test_nothing_is_drawn_outside_the_figure(translation: Attribution) -> None:
    tree = ElementTree.fromstring(render_svg(translation))
    width, height = (float(tree.get(side, "").removesuffix("pt")) for side in ("width", "height"))
    for node in tree.iter(f"{SVG}rect"):
        if node.get("width", "").endswith("%"):
            continue
        assert float(node.get("x", 0)) + float(node.get("width", 0)) <= width + 0.01
        assert float(node.get("y", 0)) + float(node.get("height", 0)) <= height + 0.01


def test_a_png_is_a_picture_of_the_size_asked_for(hospital: Attribution) -> None:
    pixels = render_png(hospital, scale=2)
    points = float(ElementTree.fromstring(render_svg(hospital)).get("width", "").removesuffix("pt"))
    assert pixels.startswith(b"\x89PNG")
    assert int.from_bytes(pixels[16:20], "big") == round(2 * points)


def test_without_resvg_the_message_says_what_to_install(hospital: Attribution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(MissingDependencyError, match=re.escape("pip install 'wherefrom-viz[png]'")):
        render_png(hospital)


def test_no_steps_is_an_error(hospital: Attribution) -> None:
    empty = hospital.replace(attr_pos_end=11, target_attributions=None, step_scores={})
    with pytest.raises(InputError, match="no explained tokens"):
        render_svg(empty)


def test_a_markdown_table_has_a_cell_for_every_column(translation: Attribution, hostile: Attribution) -> None:
    for result in (translation, hostile):
        rows = [line for line in render_markdown(result).splitlines() if line.startswith("|")]
        steps = result.attr_pos_end - result.attr_pos_start
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {steps + 2}


def test_markdown_escapes_what_it_would_act_on(hostile: Attribution) -> None:
    drawn = render_markdown(hostile)
    assert r"\<\/script" in drawn or r"\</script" in drawn
    assert not re.search(r"(?<!\\)[<`]", drawn)
    assert r"\[\/red\]" in drawn or r"\[/red\]" in drawn


def test_latex_escapes_every_special_character(hostile: Attribution) -> None:
    drawn = render_latex(hostile)
    body = [line for line in drawn.splitlines() if line.endswith(r"\\")]
    steps = hostile.attr_pos_end - hostile.attr_pos_start
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {steps}
    for line in body:
        bare = re.sub(r"\\cellcolor\[HTML\]\{[0-9A-F]{6}\}(\\color\{white\})?|\$[+-]?[\d.]+\$|\$\\cdot\$", "", line)
        assert not re.search(r"(?<!\\)[#$%_^~]", bare), bare
        assert bare.count("{") == bare.count("}")


def test_latex_colours_cells_and_keeps_text_readable(hospital: Attribution) -> None:
    (row,) = [line for line in render_latex(hospital).splitlines() if line.startswith("sick")]
    assert r"\cellcolor[HTML]{A3102A}\color{white}$+0.62$" in row


def colour_of(drawn: str, label: str) -> str:
    """Fill of the box that stands behind a text."""
    tree = ElementTree.fromstring(drawn)
    for group in (tree, *tree.iter(f"{SVG}g")):
        nodes = list(group)
        for before, node in itertools.pairwise(nodes):
            if node.tag == f"{SVG}text" and "".join(node.itertext()) == label and before.tag == f"{SVG}rect":
                return before.get("fill", "")
    raise AssertionError(f"{label} stands on no colour")


@pytest.mark.parametrize("name", sorted(colours.PALETTES))
@pytest.mark.parametrize("view", ["matrix", "read"])
def test_what_raises_has_the_raising_colour_and_what_lowers_the_other(
    name: str, view: str, make: Callable[..., Attribution]
) -> None:
    one = make(["up", " down", " end"], 2, {(0, 0): 1.0, (1, 0): -1.0})
    drawn = render_svg(one, palette=name, view=view, steps=[0])
    palette = colours.PALETTES[name]
    labels = ("up", "down") if view == "read" else ("1.00", "−1.00")
    found = [colour_of(drawn, label) for label in labels]
    assert found == [colours.to_hex(ramp.stops[-1]) for ramp in palette.light]
    red, _, blue = colours.from_hex(found[0])
    if name == "red-blue":
        assert red > blue, "raises is red"
        assert colours.from_hex(found[1])[2] > colours.from_hex(found[1])[0], "lowers is blue"
    swatches = [
        node.get("fill") for node in ElementTree.fromstring(drawn).iter(f"{SVG}rect") if node.get("width") == "6.3"
    ]
    assert swatches[0] == found[1], "the legend begins with what lowers"
    assert swatches[-1] == found[0], "and ends with what raises"


def test_the_text_in_colours_is_drawn_for_chosen_outputs_or_for_all_together(hospital: Attribution) -> None:
    one = render_svg(hospital, view="read", steps=[2])
    assert "→ hospital   probability 0.53" in texts(one)
    assert {"sick", "colleagues"} <= set(texts(one))
    assert colour_of(one, "sick") == colours.to_hex(colours.PALETTES["red-blue"].light[0].stops[-1])
    together = render_svg(hospital, view="read")
    assert "→ all outputs together" in texts(together)
    assert len([text for text in texts(render_svg(hospital, view="read", steps=[0, -1])) if text.startswith("→")]) == 2
    assert render_svg(hospital, view="read") == together
    assert render_png(hospital, view="read", scale=1).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["hospital", "translation", "hostile", "long", "chat"])
def test_the_text_in_colours_is_valid_and_stays_inside(name: str, request: pytest.FixtureRequest) -> None:
    drawn = render_svg(request.getfixturevalue(name), view="read", steps=[0], theme="dark")
    tree = ElementTree.fromstring(drawn)
    width = float(tree.get("width", "").removesuffix("pt"))
    assert width == 345
    for node in tree.iter(f"{SVG}rect"):
        if node.get("x"):
            assert float(node.get("x", 0)) + min(float(node.get("width", 0)), width) <= width + 1 or name == "hostile"


def test_a_figure_is_cropped_to_what_matters(long: Attribution) -> None:
    whole, some = (ElementTree.fromstring(render_svg(long, steps=[60, 7], top=top)) for top in (None, 5))
    heights = [float(tree.get("height", "").removesuffix("pt")) for tree in (whole, some)]
    assert heights[1] < heights[0] / 5
    found = ["".join(node.itertext()) for node in some.iter(f"{SVG}text")]
    assert {"w3", "w20", "w100", "w47"} <= set(found)
    assert any("the 5 strongest of" in text for text in found)
    assert len([line for line in render_markdown(long, top=5, steps=[7]).splitlines() if line.startswith("| w")]) == 5
    with pytest.raises(InputError, match="outputs of this example are 0 to 71"):
        render_svg(long, steps=[99])
    with pytest.raises(InputError, match="top=0"):
        render_svg(long, top=0)


def test_figures_know_no_other_views(hospital: Attribution) -> None:
    for draw in (render_svg, render_latex):
        with pytest.raises(SettingsError, match="Figures have no view 'topk'"):
            draw(hospital, view="topk")


def test_latex_sets_the_text_in_coloured_boxes(hospital: Attribution, hostile: Attribution) -> None:
    set_ = render_latex(hospital, view="read", steps=[2])
    assert r"\colorbox[HTML]{A3102A}{\strut\color{white} sick}" in set_
    assert r"\begin{tabular}" not in set_
    for line in render_latex(hostile, view="read").splitlines():
        assert not re.search(r"(?<!\\)[#&$]", line), line


def test_a_pdf_has_the_size_of_the_figure(hospital: Attribution) -> None:
    pytest.importorskip("cairosvg", exc_type=(ImportError, OSError))
    for view in ("matrix", "read"):
        made = render_pdf(hospital, view=view)
        assert made.startswith(b"%PDF-")
        width = float(ElementTree.fromstring(render_svg(hospital, view=view)).get("width", "").removesuffix("pt"))
        box = re.search(rb"/MediaBox \\[ 0 0 ([\\d.]+) ([\\d.]+) \\]".replace(b"\\\\", b"\\"), made)
        assert box is not None
        assert float(box[1]) == pytest.approx(width, abs=1)


def test_without_cairosvg_the_message_says_what_to_install(
    hospital: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(MissingDependencyError, match=r"wherefrom-viz\[pdf\]"):
        render_pdf(hospital)


def test_one_example_of_a_result_has_the_titles_of_the_result(hospital: Attribution) -> None:
    out = Attributions(sequence_attributions=(hospital,), provenance=PROVENANCE)
    whole = render_svg(out)
    assert "+ raises, − lowers the probability of the token" in texts(whole)
    for one in (out[0], next(iter(out)), out[0].replace(annotations={"seen": True}), out[0].aggregate("subwords")):
        assert "+ raises, − lowers the probability of the token" in texts(render_svg(one))
        assert texts(render_svg(one))[0] == texts(whole)[0]
    assert hospital.provenance == Provenance()
    assert out[0] == hospital, "it is no part of the example"


def test_counts_are_written_as_counts(hospital: Attribution) -> None:
    counted = hospital.replace(step_scores={"rank": np.array([1.0, 2.0, 7.0, 3192.0]), "sure": np.ones(4)})
    assert {"1", "2", "7", "3192", "1.000"} <= set(texts(render_svg(counted)))
    assert "| *rank* | 1 | 2 | 7 | 3192 |" in render_markdown(counted)


def test_numbers_of_a_figure_stay_in_their_cells(make: Callable[..., Attribution]) -> None:
    """Also those beyond the colours, and of step scores."""
    one = make(list("abcdef"), 2, {(0, 0): 0.62, (1, 2): -0.14})
    ranked = one.replace(step_scores={"rank": np.array([1.0, 2.0, 7.0, 128_000.0])})
    found = texts(render_svg(ranked, min_val=-0.002, max_val=0.002, legend=False))
    numbers = [text for text in found if re.fullmatch(r"−?\d[\d.e]*", text)]
    assert {"1.3e5", "620", "−140"} <= set(numbers)
    assert max(map(len, numbers)) <= 5


def test_a_figure_too_high_to_print_says_so(make: Callable[..., Attribution]) -> None:
    long = make([f" w{i}" for i in range(160)], 150)
    with pytest.warns(WherefromWarning, match="top=20 keeps the strongest"):
        render_svg(long)
    render_svg(long, top=20)


@pytest.mark.parametrize("view", ["matrix", "read"])
@pytest.mark.parametrize("draw", [render_svg, render_latex, render_markdown])
def test_figures_say_that_scores_are_shown_as_0(hospital: Attribution, draw: Callable[..., str], view: str) -> None:
    scores = np.array(hospital.target_attributions)
    scores[2, 2] = np.nan

    def said(drawn: str) -> bool:
        return NOT_FINITE in drawn.replace("\\", "")

    one = hospital.replace(target_attributions=scores)
    assert said(draw(one, view=view))
    assert not said(draw(hospital, view=view))
    assert not said(draw(one, view=view, steps=[0])), "the output that is shown has numbers alone"


def test_a_difference_has_the_notes_of_both(hospital: Attribution) -> None:
    scores = np.array(hospital.target_attributions)
    scores[2, 2] = np.nan
    lost = hospital.replace(target_attributions=scores)
    for pair in (compare(hospital, lost), compare(lost, hospital), compare(lost, lost)):
        assert pair.difference.notes.count(NOT_FINITE) == 1
        assert not pair.difference.finite[2, 2]


@pytest.mark.parametrize("draw", [render_svg, render_latex, render_markdown])
def test_a_view_that_figures_lack_is_refused(hospital: Attribution, draw: Callable[..., str]) -> None:
    with pytest.raises(SettingsError, match="no view 'nonsense'"):
        draw(hospital, view="nonsense")
