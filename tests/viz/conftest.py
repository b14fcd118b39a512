"""Results built by hand: what the views are tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.text.tokens import Segment, Token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "[/red]",
    "[bold]",
    "\u202eevil\u202c",
    "\ud800",
    "\x00\x1b[31m",
    "x" * 10_000,
    "👩\u200d👩\u200d👧",
    "&lt;b&gt;",
    "$x^$ | \\textbf{%_#} `code` *",
    "]]><!--",
    "\u2028",
    "",
    "\u00a0",
    "\n\n",
    "\t",
    "العربية",
    "漢字",
    "\u200b",
    "e\u0301",
    "' onmouseover='alert(1)\"",
    "@@=1+1",
)
"""Token texts that break renderers which forget to escape, mark or measure."""


def tokens_of(texts: Sequence[str], *, special: Sequence[int] = (), first: int = 0) -> tuple[Token, ...]:
    """Tokens with the given texts, character offsets and words (a new word after each space)."""
    tokens, offset, word = [], 0, -1
    for index, text in enumerate(texts):
        word += 1 if index == 0 or text[:1].isspace() or texts[index - 1][-1:].isspace() else 0
        lead = 1 if text[:1] == " " and len(text) > 1 else 0
        tokens.append(
            Token(
                id=100 + index,
                piece=text.replace(" ", "Ġ"),
                text=text,
                position=first + index,
                start=offset + lead,
                end=offset + len(text),
                special=index in special,
                word=word,
            )
        )
        offset += len(text)
    return tuple(tokens)


def causal(
    texts: Sequence[str],
    first: int,
    strengths: dict[tuple[int, int], float] | None = None,
    *,
    seed: int = 0,
    **fields: object,
) -> Attribution:
    """A decoder-only result: small noise, plus ``strengths`` at (row, column)."""
    tokens = tokens_of(texts)
    steps = len(tokens) - first
    scores = np.random.default_rng(seed).normal(0, 0.02, (len(tokens), steps)).astype(np.float32)
    for (row, column), value in (strengths or {}).items():
        scores[row, column] = value
    hidden = np.arange(len(tokens))[:, None] >= first + np.arange(steps)[None, :]
    scores[hidden] = 0
    settings: dict[str, object] = {
        "method": "integrated_gradients",
        "step_scores": {"probability": np.linspace(0.97, 0.31, steps).astype(np.float32)},
    }
    return Attribution(
        source=tokens[:first],
        target=tokens,
        attr_pos_start=first,
        attr_pos_end=len(tokens),
        target_attributions=scores,
        **{**settings, **fields},  # type: ignore[arg-type]
    )


PROVENANCE = Provenance(
    library_version="0.1.0",
    model={"name": "demo:lm"},
    method={"name": "integrated_gradients", "settings": {}},
    attributed_fn={"name": "probability"},
    created="2025-01-01T00:00:00Z",
)


@pytest.fixture
def hospital() -> Attribution:
    """The first example a user sees: "sick" is what the hospital comes from."""
    return hospital_example()


def hospital_example() -> Attribution:
    prompt = ["George", "was", "sick", "yesterday", ".", "His", "colleagues", "asked", "him", "to", "come"]
    texts = [prompt[0], *(" " + word for word in prompt[1:])]
    texts[4] = "."
    texts += [" to", " the", " hospital", "."]
    strengths = {
        (10, 0): 0.41,
        (9, 0): 0.12,
        (11, 1): 0.35,
        (10, 1): 0.11,
        (2, 2): 0.62,
        (12, 2): 0.21,
        (6, 2): -0.14,
        (11, 2): 0.09,
        (10, 2): 0.07,
        (13, 3): 0.38,
        (3, 3): -0.08,
    }
    return causal(texts, 11, strengths, id="hospital")


@pytest.fixture
def translation() -> Attribution:
    """An encoder-decoder result with source and target scores and special tokens."""
    return translation_example()


def translation_example() -> Attribution:
    source = tokens_of(["The", " devel", "oper", " argued", " with", " the", " designer", ".", "</s>"], special=(8,))
    target = tokens_of(["<s>", "La", " sviluppa", "trice", " discusse", " con", " il", " designer", "."], special=(0,))
    steps = len(target) - 1
    random = np.random.default_rng(3)
    source_scores = random.normal(0, 0.05, (len(source), steps)).astype(np.float32)
    for row, column, value in (
        (0, 0, 0.5),
        (1, 1, 0.7),
        (2, 2, 0.6),
        (1, 2, 0.4),
        (3, 3, 0.8),
        (6, 6, 0.9),
        (2, 0, -0.3),
    ):
        source_scores[row, column] = value
    target_scores = random.normal(0, 0.03, (len(target), steps)).astype(np.float32)
    target_scores[np.arange(len(target))[:, None] > np.arange(steps)[None, :]] = 0
    return Attribution(
        source=source,
        target=target,
        attr_pos_start=1,
        attr_pos_end=len(target),
        source_attributions=source_scores,
        target_attributions=target_scores,
        step_scores={
            "probability": np.linspace(0.9, 0.4, steps).astype(np.float32),
            "entropy": np.linspace(0.2, 2.9, steps).astype(np.float32),
        },
        method="saliency",
        id="translation",
    )


@pytest.fixture
def hostile() -> Attribution:
    """Tokens that attack every renderer."""
    return hostile_example()


def hostile_example() -> Attribution:
    return causal(list(HOSTILE) + list(HOSTILE)[::-1], len(HOSTILE), seed=5, id="hostile </script> [/red]")


@pytest.fixture
def long() -> Attribution:
    """Forty inputs, seventy-two steps: too wide for any terminal."""
    return causal([f" w{i}" for i in range(112)], 40, {(3, 7): 0.9, (20, 60): -0.7}, id="long")


@pytest.fixture
def chat() -> Attribution:
    """Two turns as segments."""
    return chat_example()


def chat_example() -> Attribution:
    texts = [
        "<|user|>",
        "Who",
        " wrote",
        " Faust",
        "?",
        "\n",
        "<|bot|>",
        "Goethe",
        " wrote",
        " it",
        ".",
        " In",
        " 1808",
        ".",
    ]
    segments = (
        Segment(side="target", start=0, end=6, kind="turn", label="user"),
        Segment(side="target", start=6, end=14, kind="turn", label="assistant"),
    )
    return causal(texts, 7, {(3, 0): 0.8, (2, 1): 0.5, (7, 2): -0.4, (3, 5): 0.6}, segments=segments, id="chat")


@pytest.fixture
def everyone() -> Attributions:
    """All small examples in one result."""
    return everyone_result()


def everyone_result() -> Attributions:
    examples = (hospital_example(), translation_example(), chat_example(), hostile_example())
    return Attributions(sequence_attributions=examples, provenance=PROVENANCE)


@pytest.fixture
def make() -> Callable[..., Attribution]:
    """The builder itself: ``make(texts, first, strengths)``."""
    return causal


@pytest.fixture
def deep(make: Callable[..., Attribution]) -> Attribution:
    """Two layers of three heads."""
    flat = make(["a", " b", " c", " d"], 2)
    scores = np.stack(
        [np.stack([np.asarray(flat.target_attributions) + k + 10 * j for k in range(3)], -1) for j in range(2)], -2
    )
    return flat.replace(target_attributions=scores, dimensions=("layer", "head"), id=None)


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens HTML from a file; afterwards no request, console error or dialog may have happened."""
    contexts, complaints, requests = [], [], []

    def opened(html: str, *, hash_: str = "", wait: str = "[data-complete]", **context: Any) -> Page:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce", **context}
        contexts.append(chromium.new_context(offline=True, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + hash_)
        page.wait_for_selector(wait, state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file://", "blob:", "data:"))] == []
    assert len([url for url in requests if url.startswith("file://")]) == len(contexts)


def marked_chat(count: int = 2) -> Attribution:
    """A short chat of whose scores the template's first marker has the most, as attention gives them; no signs."""
    texts = ["<|im_start|>", "user", "\n", "What", "?", "<|im_end|>", "\n", "<|im_start|>", "assistant", "\n", "Go"]
    texts += [" on"] * (count - 1)
    said = {(3, column): 0.11 for column in range(count)}
    made = causal(texts, 10, {**{(0, column): 0.53 for column in range(count)}, **said}, method="attention", seed=1)
    scores = np.where(np.isin(made.target_attributions, np.float32([0.53, 0.11])), made.target_attributions, 0)
    tokens = tuple(msgspec.structs.replace(one, special=one.text.startswith("<|"), word=None) for one in made.target)
    turns = (
        Segment(side="target", start=0, end=7, kind="turn", label="user"),
        Segment(side="target", start=7, end=len(tokens), kind="turn", label="assistant"),
    )
    return made.replace(target=tokens, source=tokens[:10], segments=turns, target_attributions=scores, signed=False)
