"""Examples of a page are called by names that tell them apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_viz.page import save_site
from wherefrom_viz.page.document import page_parts
from wherefrom_viz.page.packing import pack, unpack
from wherefrom_viz.page.site import _facts

from tests.viz.test_trace_views import traced

GPT, LLAMA = Provenance(model={"name": "gpt2"}), Provenance(model={"name": "/home/me/llama"})


@pytest.mark.parametrize(
    "made, expected",
    [
        ([("q1", "occlusion", GPT), ("q2", "saliency", GPT)], ["q1", "q2"]),
        ([("q1", "occlusion", GPT), ("q1", "saliency", GPT)], ["q1 · occlusion", "q1 · saliency"]),
        ([("q1", "saliency", GPT), ("q1", "saliency", LLAMA)], ["q1 · gpt2", "q1 · llama"]),
        (
            [("q1", "occlusion", GPT), ("q1", "saliency", LLAMA), ("q2", "saliency", GPT)],
            ["q1 · occlusion · gpt2", "q1 · saliency · llama", "q2"],
        ),
        ([("q1", "saliency", GPT), ("q1", "saliency", GPT)], ["1 · q1", "2 · q1"]),
        ([(None, "occlusion", GPT), ("q1", "saliency", GPT)], ["1 · occlusion", "q1"]),
        ([(None, "saliency", GPT), (None, "saliency", LLAMA)], ["1 · gpt2", "2 · llama"]),
        ([(None, "saliency", GPT), (None, "saliency", GPT)], ["example 1 of 2", "example 2 of 2"]),
        ([(None, "saliency", GPT)], [""]),
    ],
)
def test_no_two_titles_are_alike(
    hospital: Attribution, made: list[tuple[str | None, str, Provenance]], expected: list[str]
) -> None:
    packed = pack([(hospital.replace(id=name, method=method), how) for name, method, how in made])
    assert [header.get("i", "") for block in packed.blocks for header, _ in unpack(block)] == expected


def test_a_site_tells_them_apart_too(hospital: Attribution) -> None:
    several = [hospital.replace(id="q1", method=method) for method in ("occlusion", "saliency", "saliency")]
    titles = _facts(Attributions(sequence_attributions=tuple(several), provenance=GPT), cleaned=False).titles
    named = [titles.title(one, GPT, place) for place, one in enumerate(several)]
    assert named == ["q1 · occlusion", "2 · q1 · saliency", "3 · q1 · saliency"]


def test_the_table_without_scripts_and_traces_are_called_as_in_the_list(hospital: Attribution, tmp_path: Path) -> None:
    several = [hospital.replace(id="q1", method=method) for method in ("occlusion", "saliency")]
    assert "<caption>q1 · occlusion · " in page_parts(several).fallback
    slices = page_parts(several, dimensions=[("method", ["occlusion", "saliency"])]).fallback
    assert re.findall("<caption>(.*?)</caption>", slices) == ["q1 · occlusion", "q1 · saliency"]
    walks = [traced().replace(id="q1", method=method) for method in ("one", "two")]
    assert re.findall("<summary>(.*?)</summary>", page_parts(walks).traces) == [
        "Trace of q1 · one",
        "Trace of q1 · two",
    ]
    site = save_site(Attributions(sequence_attributions=tuple(several), provenance=GPT), tmp_path / "site")
    assert "<caption>q1 · occlusion · " in (site / "index.html").read_text("utf-8")
