from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from html import unescape
from typing import Literal

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom_viz.describe.description import describe, strongest_first
from wherefrom_viz.describe.laid_out import laid_out
from wherefrom_viz.describe.units import Level, Merge
from wherefrom_viz.granular import _for_notebook, render_granular, slices
from wherefrom_viz.page.packing import unpack


@pytest.fixture
def deep(make: Callable[..., Attribution]) -> Attribution:
    """Two layers of three heads; every slice is a number of its own."""
    flat = make(["a", " b", " c", " d"], 2, id=None)
    raw = np.ones_like(np.asarray(flat.target_attributions))
    scores = np.stack([np.stack([raw * (10 * layer + head) for head in range(3)], -1) for layer in range(2)], -2)
    return flat.replace(target_attributions=scores, dimensions=("layer", "head"))


def values(result: Attribution) -> float:
    return float(np.asarray(result.target_attributions)[0, 0])


def test_slices_are_in_the_order_of_their_dimensions(deep: Attribution) -> None:
    cut = slices(deep)
    assert [values(one) for one in cut.attributions] == [0, 1, 2, 10, 11, 12]
    assert cut.attributions[4].id == "layer 1 · head 1"
    assert [name for name, _ in cut.dimensions] == ["layer", "head"]


def test_a_range_of_a_dimension_may_be_kept(deep: Attribution) -> None:
    cut = slices(deep, {"head": (1, 3)})
    assert [values(one) for one in cut.attributions] == [1, 2, 11, 12]
    assert cut.dimensions[1] == ("head", ("head 1", "head 2"))


def test_other_dimensions_are_averaged(deep: Attribution) -> None:
    assert [values(one) for one in slices(deep, show_dim="layer").attributions] == [1, 11]


def test_only_what_is_kept_of_other_dimensions_is_averaged(deep: Attribution) -> None:
    cut = slices(deep, {"head": (1, 3)}, show_dim="layer")
    assert [values(one) for one in cut.attributions] == [1.5, 11.5]


@pytest.mark.parametrize("name, how", [("width", "sum"), ("head", "mean")])
@pytest.mark.parametrize("kept", [None, (1, 3)])
def test_slices_say_how_other_dimensions_were_folded_and_fold_as_descriptions_do(
    deep: Attribution, name: str, how: str, kept: tuple[int, int] | None
) -> None:
    one = deep.replace(dimensions=("layer", name))
    cut = slices(one, None if kept is None else {name: kept}, show_dim="layer")
    for layer, shown in enumerate(map(describe, cut.attributions)):
        assert shown.pipeline == (f"{how} over {name}{'' if kept is None else ' 1:3'}",)
        whole = np.asarray(deep.target_attributions)[:, :, layer, slice(*(kept or (0, 3)))]
        alone = describe(deep.replace(target_attributions=whole, dimensions=(name,), default_aggregation=()))
        np.testing.assert_allclose(shown.scores, alone.scores, rtol=1e-6)


def test_a_range_that_is_laid_out_keeps_the_numbers_of_its_entries(deep: Attribution) -> None:
    console = Console(file=io.StringIO(), width=100)
    render_granular(deep, lay_out="head", slice_dims={"head": (1, 3), "layer": (1, 2)}, console=console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "layer 1" in printed
    assert "layer 0" not in printed
    assert "head2" in printed
    assert "head0" not in printed
    assert "12" in printed
    with pytest.raises(SettingsError, match="no dimension 'heads'"):
        render_granular(deep, lay_out="head", slice_dims={"heads": (1, 3)}, console=console)


@pytest.mark.parametrize("target", ["console", "html"])
@pytest.mark.parametrize("kept", [None, {"layer": (1, 2)}])
def test_what_is_laid_out_says_that_0_may_be_an_input_that_was_not_seen(
    deep: Attribution, target: Literal["console", "html"], kept: dict[str, tuple[int, int]] | None
) -> None:
    console = Console(file=io.StringIO(), width=100)
    one = deep if kept else deep.aggregate("reduce", dimension="layer", aggregate_fn="mean")
    drawn = render_granular(one, lay_out="head", slice_dims=kept, target=target, console=console)
    if target == "console":
        printed = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    else:
        blocks = re.findall(r'data-wf="block-\d+">([^<]*)<', str(drawn))
        printed = " ".join(part for block in blocks for header, _ in unpack(block) for part in header["p"])
    assert "each head beside the others, 0 for inputs that an output could not see" in printed


def test_what_is_laid_out_is_aggregated_by_default_as_what_it_came_from(deep: Attribution) -> None:
    mean = (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize"))
    one = deep.replace(default_aggregation=mean * 2)
    shown = describe(laid_out(one, "head"))
    heads = np.asarray(deep.target_attributions)[: deep.attr_pos_end].mean(axis=2).reshape(len(shown.inputs), -1)
    np.testing.assert_allclose(shown.scores, heads / np.abs(heads).sum(axis=0), rtol=1e-5)


def test_the_console_prints_the_strongest_slices(deep: Attribution) -> None:
    console = Console(file=io.StringIO(), width=80)
    render_granular(deep, console=console, most=2)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("layer 1 · head 2") < text.index("layer 1 · head 1")
    assert "layer 0" not in text
    assert "2 of 6 slices: those with the largest scores (L2 norm). most=6 shows all" in " ".join(text.split())
    render_granular(deep, console=console, most=6)
    assert "of 6 slices" not in console.file.getvalue()[len(text) :]  # type: ignore[attr-defined]


def test_aggregated_scores_have_nothing_to_cut(hospital: Attribution) -> None:
    with pytest.raises(InputError, match="one number per cell already"):
        slices(hospital)


def test_unknown_dimensions_suggest_the_nearest(deep: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'layer'"):
        slices(deep, show_dim="layers")


def test_too_many_slices_say_how_to_keep_fewer(make: Callable[..., Attribution]) -> None:
    flat = make(["a", " b"], 1)
    wide = flat.replace(target_attributions=np.zeros((2, 1, 5000)), dimensions=("width",))
    with pytest.raises(InputError, match="slice_dims"):
        slices(wide)


def test_a_notebook_holds_the_sliders_and_all_slices(deep: Attribution) -> None:
    cell = str(render_granular(deep, target="notebook"))
    meta = json.loads(re.findall(r'data-wf="meta">(.*?)</script>', cell)[0])
    assert meta["n"] == 6
    assert meta["dimensions"] == [
        {"name": "layer", "labels": ["layer 0", "layer 1"]},
        {"name": "head", "labels": ["head 0", "head 1", "head 2"]},
    ]
    assert "A cell holds" not in cell


@pytest.mark.parametrize(
    "layers, precision", [(12, "display"), pytest.param(36, "compact", marks=pytest.mark.heavy), (400, "compact")]
)
def test_a_notebook_cell_is_capped_whatever_the_number_of_slices(
    make: Callable[..., Attribution], layers: int, precision: str
) -> None:
    flat = make([f" w{i}" for i in range(80)], 30, id=None)
    scores = np.random.default_rng(0).standard_cauchy((80, 50, layers, 5)).astype(np.float32)
    deep = flat.replace(target_attributions=scores, dimensions=("layer", "head"))
    cell = str(render_granular(deep, target="notebook"))
    assert len(cell) < 1_300_000
    kept, used = _for_notebook(slices(deep))
    assert used == precision
    assert len(kept.attributions) == 5 * len(kept.dimensions[0][1])
    assert ("slice_dims={'layer': " in unescape(cell)) == (len(kept.attributions) < 5 * layers)
    if layers == 400:
        assert [one.id for one in kept.attributions[:6]] == [
            "layer 0 · head 0",
            "layer 0 · head 1",
            "layer 0 · head 2",
            "layer 0 · head 3",
            "layer 0 · head 4",
            "layer 1 · head 0",
        ]


def test_slices_whose_steps_have_one_sum_are_ranked_by_how_large_their_scores_are(
    make: Callable[..., Attribution], capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights of attention: what their sums differ by is rounding."""
    flat = make(["<s>", " a", " b", " c"], 1, id=None)
    flat = flat.replace(target=(replace(flat.target[0], special=True), *flat.target[1:]))
    sink, spread, sharp = [0.997, 0.001, 0.001, 0.001], [0.1, 0.3, 0.3, 0.3], [0.1, 0.8, 0.05, 0.05]
    heads = np.array([sink, spread, sharp, spread, sharp])
    heads[3:, 1] += 1e-8  # the sums of these two are the largest
    scores = np.zeros((*np.asarray(flat.target_attributions).shape, 5))
    scores[:, 0] = heads.T
    deep = flat.replace(target_attributions=scores, dimensions=("head",))
    assert strongest_first(slices(deep).attributions) == [2, 4, 1, 3, 0]
    render_granular(deep, most=3)
    printed = capsys.readouterr().out
    assert re.findall(r"head \d", printed) == ["head 2", "head 4", "head 1"]
    drawn = str(
        render_granular(flat.replace(target_attributions=scores.repeat(2, -1), dimensions=("head",)), target="html")
    )
    table = drawn[drawn.index('<div class="wf-static">') :].split("<script", 1)[0]
    assert re.findall(r"<caption>head (\d)</caption>", table) == ["2", "3", "4", "5", "8", "9"]


def test_the_advice_to_see_fewer_slices_gives_fewer(deep: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    for given, advised in (
        ({}, {"layer": (0, 1)}),
        ({"layer": (1, 2)}, {"layer": (1, 2), "head": (0, 1)}),
        ({"layer": (1, 2), "head": (1, 3)}, {"layer": (1, 2), "head": (1, 2)}),
    ):
        render_granular(deep, most=1, slice_dims=given)
        assert f"slice_dims={advised} some of them." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("target", ["notebook", "html"])
def test_without_scripts_the_strongest_slices_are_small_tables(
    make: Callable[..., Attribution], target: Literal["notebook", "html"]
) -> None:
    flat = make(["a", " </script>", " c", " d"], 2, id="one <b>")
    raw = np.ones_like(np.asarray(flat.target_attributions))
    many = np.stack([raw * (-1 if layer % 2 else 1) * layer for layer in range(9)], -1)
    drawn = str(render_granular(flat.replace(target_attributions=many, dimensions=("layer",)), target=target))
    table = drawn[drawn.index('<div class="wf-static">') :].split("<script", 1)[0]
    assert re.findall(r"<caption>(.*?)</caption>", table) == [f"one &lt;b&gt; · layer {i}" for i in range(3, 9)]
    assert '<td class="r8">+</td>' in table  # layer 8: the strongest of all
    assert '<td class="l3">−</td>' in table  # layer 3: three eighths of it, and negative
    assert "3 more, with a slider for each dimension" in table


@pytest.mark.parametrize("level", ["word", "sentence", "turn", "character", "span"])
@pytest.mark.parametrize("merge", ["sum", "l2"])
def test_entries_that_are_laid_out_are_not_added_up_by_any_units(
    make: Callable[..., Attribution], level: Level, merge: Merge
) -> None:
    flat = make(["a", "b", " c", " d", "e"], 3, id=None)
    raw = np.asarray(flat.target_attributions)
    one = flat.replace(target_attributions=np.stack([raw, 10 * raw], -1), dimensions=("layer",))
    shown = describe(laid_out(one, "layer"), granularity=level, merge=merge)
    assert [step.label for step in shown.steps] == ["d:layer0", "d:layer1", "e:layer0", "e:layer1"]
    np.testing.assert_allclose(shown.scores[:, 1::2], 10 * shown.scores[:, ::2], atol=1e-6)
    merged = describe(laid_out(one.aggregate("subwords"), "layer"), granularity=level, merge=merge)
    assert len(merged.steps) == 2, "columns of larger units stay apart too"
    if level != "token":
        assert len(merged.inputs) == len(describe(one.aggregate("subwords"), granularity=level).inputs)
