"""Batches of like length: each example once, the same whatever was done before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.errors import ModelGoneError
from wherefrom_cli.dataset import work
from wherefrom_cli.dataset.batches import WINDOW_BATCHES, length_bucketed
from wherefrom_cli.dataset.source import Numbered
from wherefrom_cli.request import AttributionRequest
from wherefrom_cli.texts import Example

TEXTS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.text(max_size=5)), max_size=80)


def numbered(pairs: list[tuple[str, str | None]]) -> list[Numbered]:
    return [
        Numbered(index=index, example=Example(text=text, generated=generated))
        for index, (text, generated) in enumerate(pairs)
    ]


@given(TEXTS, st.integers(1, 9))
def test_every_example_is_in_one_batch(pairs: list[tuple[str, str | None]], size: int) -> None:
    batches = list(length_bucketed(numbered(pairs), size))
    seen = [item.index for batch in batches for item in batch.examples]
    assert sorted(seen) == list(range(len(pairs)))
    assert all(1 <= len(batch.examples) <= size for batch in batches)
    assert [batch.number for batch in batches] == list(range(len(batches)))


@given(TEXTS, st.integers(1, 9))
def test_forced_and_generated_do_not_mix(pairs: list[tuple[str, str | None]], size: int) -> None:
    for batch in length_bucketed(numbered(pairs), size):
        assert len({item.example.generated is None for item in batch.examples}) == 1


def test_batches_of_neighbouring_seeds_sample_apart_and_score_alike() -> None:
    asked: list[dict[str, Any]] = []

    class Model:
        def attribute(self, texts: object, targets: object, **keywords: Any) -> None:
            asked.append(keywords)
            raise ModelGoneError("only its seeds are looked at")

    for seed in range(3):
        for batch in length_bucketed(numbered([("text", None)] * 5), 1):
            with pytest.raises(ModelGoneError):
                work.Job(request=AttributionRequest(seed=seed)).run(Model(), batch)  # type: ignore[arg-type]
    sampled = [one.get("generation_seed", one["seed"]) for one in asked]
    assert len(set(sampled)) == len(sampled) == 15
    assert sampled[::5] == [0, 1, 2]
    assert [one["seed"] for one in asked] == [0] * 5 + [1] * 5 + [2] * 5


def test_lengths_are_alike_within_a_batch() -> None:
    texts = [("x" * (7 * index % 64), None) for index in range(64)]
    spans = [
        max(len(item.example.text) for item in batch.examples) - min(len(item.example.text) for item in batch.examples)
        for batch in length_bucketed(numbered(texts), 8)
    ]
    assert max(spans) <= 8


def test_memory_is_bounded() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            yield Numbered(index=taken, example=Example(text="x"))
            taken += 1

    next(length_bucketed(endless(), 4))  # type: ignore[arg-type]
    assert taken <= 4 * WINDOW_BATCHES


@pytest.mark.parametrize(
    "odd",
    [
        [{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}, {"role": "user"}],
        [{"role": "user", "content": [{"type": "text", "text": "x" * 9}]}],
        [4, 5, 6],
    ],
)
def test_whatever_a_text_is_it_has_a_place(odd: object) -> None:
    """An example that cannot be explained is one that fails, not the end of a run."""
    items = [Numbered(index=index, example=Example(text=text)) for index, text in enumerate(["x" * 4, odd])]  # type: ignore[arg-type]
    assert sorted(item.index for batch in length_bucketed(items, 4) for item in batch.examples) == [0, 1]
