from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from wherefrom.errors import InputError, MissingDependencyError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import colours, render_latex, render_markdown, render_png, render_svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_a_figure_has_all_labels_numbers_and_the_meaning(hospital: Attribution) -> None:
    found = texts(render_svg(hospital))
    assert {"sick", "hospital", "0.62", "−0.14", "probability", "0.970"} <= set(found)
    assert "+ raises, − lowers the score of the token" in found


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
