"""Options of inseq's views take effect: what is laid out, where lines end, what shades the output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import wherefrom.inseq as inseq
from wherefrom.errors import InputError, SettingsError, UnknownNameError
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.laid_out import laid_out

QUIET = {"display": False, "return_html": True}


@pytest.fixture(scope="module")
def heads(gpt2: Any) -> Any:
    """Attention with layers and heads."""
    return gpt2.attribute("the name", "the name of", method="attention")


@pytest.fixture(scope="module")
def scored(gpt2: Any) -> Any:
    """Saliency with a step score."""
    return gpt2.attribute("the name", "the name of it.", step_scores=["probability"])


def columns(page: str) -> list[str]:
    """Column labels of the first plain table of a page."""
    head = page[page.index("<thead>") : page.index("</thead>")]
    return re.findall(r"<bdi>(.*?)</bdi>", head)


def test_a_dimension_is_laid_out(heads: Any) -> None:
    layers = heads[0].target_attributions.shape[2]
    steps = heads[0].attr_pos_end - heads[0].attr_pos_start
    for show_dim in (2, "Model Layer"):
        page = heads.show_granular(show_dim=show_dim, **QUIET)
        assert len(columns(page)) == layers * steps
        assert columns(page)[0].endswith(":layer0")
    other = columns(heads.show_granular(show_dim=3, **QUIET))
    assert other[0].endswith(":head0")


def test_the_first_small_dimension_is_laid_out(heads: Any) -> None:
    layers, count = heads[0].target_attributions.shape[2:]
    assert layers < count
    by_layer = columns(heads.show_granular(max_show_size=layers, **QUIET))
    assert by_layer[0].endswith(":layer0")
    none = columns(heads.show_granular(max_show_size=1, **QUIET))
    assert not any(":layer" in label for label in none)


def test_ranges_are_cut_before_they_are_laid_out(heads: Any) -> None:
    page = heads.show(do_aggregation=False, show_dim=3, slice_dims={3: (1, 3)}, **QUIET)
    steps = heads[0].attr_pos_end - heads[0].attr_pos_start
    assert len(columns(page)) == 2 * steps
    with pytest.raises(InputError, match=r"at most 1 .* slice_dims"):
        heads.show_granular(show_dim=3, max_show_size=1, **QUIET)
    with pytest.raises(InputError, match="Dimension 7"):
        heads.show_granular(show_dim=7, **QUIET)


def test_laid_out_scores_are_the_scores(heads: Any) -> None:
    one = heads[0]
    whole = laid_out(laid_out(one._origin, "layer"), "head")
    layers, count = one.target_attributions.shape[2:]
    column = 1 * count + 2  # first step, layer 1, head 2
    visible = one.target_attributions[: one.attr_pos_start, 0, 1, 2].numpy()
    assert whole.source_attributions[: one.attr_pos_start, column] == pytest.approx(visible)
    assert whole.source_attributions.shape[1] == layers * count * (one.attr_pos_end - one.attr_pos_start)


def test_the_output_is_shaded_by_a_step_score(scored: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plain = scored.show_tokens(**QUIET)
    page = scored.show_tokens(step_score_highlight="probability", **QUIET)
    assert "shaded by probability" in page
    assert "shaded by probability" not in plain
    shades = re.findall(r'<summary class="r(\d)" title="probability (\S+)"', page)
    assert {level for level, _ in shades} >= {"8"}  # the largest has the strongest colour
    assert page.count("<details>") == scored[0].attr_pos_end - scored[0].attr_pos_start
    scored.show_tokens(step_score_highlight="probability")
    assert "shaded by probability" in capsys.readouterr().out
    with pytest.raises(UnknownNameError, match="probability"):
        scored.show_tokens(step_score_highlight="probabilty", **QUIET)


@pytest.mark.parametrize("options", [{}, {"aggregator": "subwords", "special_chars": "Ġ"}])
def test_tokens_that_a_script_spells_otherwise_are_drawn_so(
    gpt2: Any, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = gpt2.attribute("the name of", "the name of it is", method="occlusion")
    before = out.show(**QUIET)
    for token in (*out[0].source, *out[0].target):
        token.token = f"{'Ġ' if token.token.startswith('Ġ') else ''}X{token.id}"
    for view in (out.show, out.show_tokens):
        view(**options)
        drawn = capsys.readouterr().out
        assert all(f"X{token.id}" in drawn for token in out[0].source)
    path = tmp_path / "spelt.json"
    out.save(path)
    again = inseq.FeatureAttributionOutput.load(path)
    assert again.show(**QUIET) == out.show(**QUIET) != before


def test_lines_end_where_they_are_told(scored: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(**options: Any) -> int:
        page = scored.show_tokens(**options, **QUIET)
        return page[page.index("wf-folded") :].count("</details><br>")

    steps = scored[0].attr_pos_end - scored[0].attr_pos_start
    assert breaks(wrap_after=1) == steps
    assert breaks(wrap_after=2) == steps // 2
    assert breaks(wrap_after=".!?") == breaks(wrap_after=["."]) == 1
    assert breaks(wrap_after="of", step_score_highlight="probability") == 1
    scored.show_tokens()
    usual = capsys.readouterr().out.count("\n")
    scored.show_tokens(wrap_after=1)
    assert capsys.readouterr().out.count("\n") > usual
    for wrong in (0, 1.5, [3]):
        with pytest.raises(SettingsError, match="wrap_after"):
            scored.show_tokens(wrap_after=wrong, **QUIET)


def test_hostile_tokens_stay_text(scored: Any) -> None:
    page = scored.show_tokens(replace_char={"it": "<script>alert(1)</script>"}, wrap_after=1, **QUIET)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    "how, told",
    [
        ({}, ("L2 norm over width", "share of each step's total")),
        ({"aggregator": "sum", "normalize": False}, ("sum over width",)),
        ({"rescale": True, "normalize": False}, ("L2 norm over width", "share of the largest score")),
        ({"select_idx": 3}, ("width 3", "share of each step's total")),
        (
            {"aggregator": ["vnorm", "subwords"], "special_chars": "Ġ"},
            ("L2 norm over width", "share of each step's total", "subwords by largest magnitude"),
        ),
    ],
)
def test_views_say_what_was_done_to_scores(scored: Any, how: dict[str, Any], told: tuple[str, ...]) -> None:
    assert describe(as_wherefrom(scored.aggregate(**how))[0]).pipeline == told


def test_views_say_of_every_dimension_and_of_weights(heads: Any, scored: Any) -> None:
    share = "share of each step's total"
    assert describe(as_wherefrom(heads.aggregate())[0]).pipeline == (
        "mean over head",
        share,
        "mean over layer",
        share,
    )
    weighted = scored.aggregate()
    weighted.weight_attributions("probability")
    assert describe(as_wherefrom(weighted)[0]).pipeline[-1] == "multiplied by each step's probability"
    assert (
        describe(
            as_wherefrom(scored.aggregate("pair", paired_attr=scored[0], do_post_aggregation_checks=False))[0]
        ).pipeline[0]
        == "pair"
    )


@pytest.mark.parametrize("verb", ["show", "show_tokens"])
def test_pages_can_be_cut_by_their_root(gpt2: Any, verb: str) -> None:
    out = gpt2.attribute("the <html>", "the <html> of", method="occlusion")
    for result in (out, out[0]):
        page = getattr(result, verb)(**QUIET)
        assert page.count("<html>") == page.count("</html>") == 1
        content = page.split("<html>")[1].split("</html>")[0]
        assert '<body lang="en" ' in content
        assert content.strip().startswith("<head>")
        assert content.strip().endswith("</body>")
