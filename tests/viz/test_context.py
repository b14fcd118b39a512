"""Views of context attributions."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console
from wherefrom.context import ContextAttribution, ContextPart, CueAttribution, SentenceSupport
from wherefrom.errors import SettingsError
from wherefrom_viz.browser.sources.opening import open_source
from wherefrom_viz.context import context_view, describe, render_context_html, render_context_text


def made(**changes: object) -> ContextAttribution:
    values: dict[str, object] = {
        "input_context": "George was sick.",
        "input_context_tokens": ["▁George", "▁was", "▁sick", "."],
        "input_context_texts": ["George", " was", " sick", "."],
        "output_context": "He said.",
        "output_context_tokens": ["▁He", "▁said", "."],
        "output_current": "to the <b> hospital",
        "output_current_tokens": ["▁to", "▁the", "▁<b>", "▁hospital"],
        "cti_scores": [0.0, 0.1, 4.0, 8.0],
        "cci_scores": [
            CueAttribution(
                cti_idx=3,
                cti_token="▁hospital",
                cti_score=8.0,
                contextual_output="to the <b> hospital",
                contrast_token="▁office",
                contextless_output="to the <b> office",
                input_context_scores=[0.1, 0.05, 0.9, 0.0],
                output_context_scores=[0.0, -0.2, 0.1],
                p_value=0.01,
            ),
            CueAttribution(
                cti_idx=2,
                cti_token="▁<b>",
                cti_score=4.0,
                contextual_output="to the <b>",
                input_context_scores=[0.9, 0.05, 0.1, 0.0],
                output_context_scores=[0.0, 0.0, 0.0],
            ),
        ],
        "info": {
            "context_sensitivity_metric": "kl_divergence",
            "attribution_method": "saliency",
            "attributed_fn": "probability",
            "fpr": 0.05,
        },
        "parts": [ContextPart(text="George was sick.", id="1", title="Note", start=0, end=4)],
        "sentences": [
            SentenceSupport(
                text="to the <b> hospital", start=0, end=4, necessity=[2.0], sufficiency=[1.0], citations=[0]
            )
        ],
        "support_threshold": 0.693,
    }
    return ContextAttribution(**{**values, **changes})  # type: ignore[arg-type]


def test_text_shows_tokens_cues_alternative_and_citations() -> None:
    text = render_context_text(made(), width=140)
    assert "2 of 4 output tokens depend on the context" in text
    assert "permutation test, false-positive rate 0.05" in text
    assert "[sick](0.9)" in text
    assert "without context: office" in text
    assert "to the <b> hospital [1]" in text
    assert "+2.00*" in text


@pytest.mark.parametrize("width", [20, 40, 100])
def test_text_fits_its_width(width: int) -> None:
    assert max(len(line) for line in render_context_text(made(), width=width).splitlines()) <= width


def test_documents_are_named_as_they_are_cited() -> None:
    result = made(parts=[ContextPart(text="George was sick.", id="ferry", title="Note", start=0, end=4)])
    assert result.cited_text.endswith("[ferry]")
    matrix = describe(result).matrix
    assert matrix is not None
    assert matrix.parts == ("[ferry] Note",)
    page = render_context_html(result)
    assert '"name":"ferry"' in page
    assert "[ferry] Note" in page
    nameless = made(parts=[ContextPart(text="George was sick.", start=0, end=4)])
    assert describe(nameless).matrix.parts == ("[1]",)  # type: ignore[union-attr]


def test_rich_markup_and_numbers_in_tokens_are_text() -> None:
    result = made(
        input_context_tokens=["[red]", "x(0.5)", "▁sick", "."], input_context_texts=["[red]", "x(0.5)", " sick", "."]
    )
    text = render_context_text(result)
    assert "[red]" in text
    console = Console(force_terminal=True, color_system="truecolor", width=100, record=True)
    with console.capture() as capture:
        console.print(context_view(result))
    assert "\x1b[" in capture.get()


def test_drawing_changes_nothing() -> None:
    result = made()
    before = result.to_json()
    for _ in range(2):
        render_context_text(result)
        render_context_html(result)
    assert result.to_json() == before
    assert len(describe(result).panels[0].input_context) == 4


class Tags(HTMLParser):
    """Ids, labels and whatever would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert tag not in {"link", "img", "iframe"}
        assert "src" not in values
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "label":
            self.labels.append(str(values["for"]))
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_self_contained_and_pins_tokens() -> None:
    page = render_context_html(made())
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert len(tags.ids) == len(set(tags.ids))
    assert len(tags.labels) == 2
    assert set(tags.labels) <= set(tags.ids)
    assert "https:" not in page
    assert "<b> hospital" not in page
    assert "&lt;b&gt;" in page
    assert "office" in page
    assert page.count('class="panel"') == 2
    assert "connect-src" not in page
    assert len(re.findall(r"<input [^>]* checked", page)) == 1


def test_two_fragments_share_no_ids() -> None:
    ids = [
        re.findall(r' id="(wf[^"]+)"', render_context_html(one, standalone=False))
        for one in (made(), made(parts=[], sentences=[]))
    ]
    assert not set(ids[0]) & set(ids[1])


def test_nothing_selected_is_said() -> None:
    result = made(cci_scores=[])
    assert "Nothing stands out" in render_context_text(result)
    page = render_context_html(result)
    assert "Nothing stands out" in page
    assert "George was sick." in page


def test_results_find_their_views() -> None:
    result = made()
    assert result.to_text() == render_context_text(result)
    assert result.to_html() == render_context_html(result)
    assert "<html" not in result._repr_html_()


def test_the_terminal_browser_opens_context_files(tmp_path: Path) -> None:
    made().save(tmp_path / "context.json")
    example = open_source(tmp_path / "context.json").load(0)
    assert [str(token) for token in example.steps] == [" to", " the", " <b>", " hospital"]
    assert example.aggregate().target_attributions[2, 3] == pytest.approx(0.9)


@pytest.mark.parametrize("draw", ["show", "to_text", "to_html"])
def test_an_option_that_no_view_of_contexts_takes_is_refused(draw: str) -> None:
    with pytest.raises(SettingsError, match=r"takes no option 'pallete'. Did you mean 'palette'\? It takes: .*palette"):
        getattr(made(), draw)(pallete="orange-blue")
