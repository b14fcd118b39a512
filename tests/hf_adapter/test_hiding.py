"""A hidden token stays where it is, and nothing carries it on."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running import kept_positions
from wherefrom_hf.running.as_built import look_at
from wherefrom_hf.running.kept_positions import positions_kept
from wherefrom_hf.running.passes import start_run

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build, rows_for
from tests.hf_adapter.test_empty_rows import logits
from tests.hf_adapter.test_probe import predictor_of

COUNT_THEIR_MASK = {"bloom": "bloom", "falcon-alibi": "falcon"}
HIDDEN = np.isin(np.arange(8), (2, 3))


def hiding_row(name: str) -> Row:
    (row,) = rows_for(name, ((5, 8),))
    source = np.arange(5) != 1 if name in ENCODER_DECODERS else None
    return evolve(row, steps=np.arange(5, 8), target_visible=~HIDDEN, source_visible=source)


@pytest.mark.parametrize("name", COUNT_THEIR_MASK)
def test_linear_biases_count_hidden_positions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row, model = hiding_row(name), build(name, dtype=torch.float64)
    came = logits(predictor_of(model), row)
    code = import_module(f"transformers.models.{COUNT_THEIR_MASK[name]}.modeling_{COUNT_THEIR_MASK[name]}")
    by_mask = code.build_alibi_tensor
    monkeypatch.setattr(code, "build_alibi_tensor", lambda mask, *rest, **given: by_mask(mask * 0 + 1, *rest, **given))
    ids = torch.from_numpy(row.target_ids)[None]
    with torch.no_grad():
        expected = model(ids, attention_mask=torch.from_numpy(~HIDDEN).long()[None]).logits[0, row.steps - 1]
    torch.testing.assert_close(came, expected, rtol=0, atol=1e-6)  # BLOOM's softmax is in single precision


@pytest.mark.parametrize("name", COUNT_THEIR_MASK)
def test_linear_biases_are_the_same_in_one_batch(name: str) -> None:
    row, predictor = hiding_row(name), predictor_of(build(name, dtype=torch.float64))
    others = [evolve(row, target_visible=None), evolve(row, target_visible=np.arange(8) != 1)]
    together = list(predictor.predict([row, *others], None))
    for one, of in zip(together, [row, *others], strict=True):
        torch.testing.assert_close(torch.as_tensor(one.logits)[:3], logits(predictor, of), rtol=0, atol=1e-12)


def test_a_recurrence_that_knows_no_mask_is_refused() -> None:
    predictor, row = predictor_of(build("recurrent_gemma")), hiding_row("recurrent_gemma")
    with pytest.raises(ModelCapabilityError, match=r"cannot hide tokens: a hidden .*baseline='delete'"):
        logits(predictor, row)
    assert logits(predictor, evolve(row, target_visible=None)).isfinite().all()


def test_a_recurrence_that_says_nothing_yet_is_asked_again_when_it_has_learned() -> None:
    module = build("recurrent_gemma")
    learned = {name: weight.clone() for name, weight in module.state_dict().items()}
    with torch.no_grad():
        for layer in module.model.layers:
            for part in layer.temporal_block.modules():
                if isinstance(part, torch.nn.Linear):
                    part.weight.zero_()
    predictor, row = predictor_of(module), hiding_row("recurrent_gemma")
    assert logits(predictor, row).isfinite().all()
    for name, weight in module.named_parameters():
        weight.data.copy_(learned[name])
    with pytest.raises(ModelCapabilityError, match="cannot hide tokens"):
        logits(predictor, row)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the mode that looks for counts of the mask found, pass by pass."""
    found: list[bool] = []

    class Noted(kept_positions._CountsAll):
        def __exit__(self, *given: Any) -> None:
            super().__exit__(*given)
            found.append(self.counted)

    monkeypatch.setattr(kept_positions, "_CountsAll", Noted)
    return found


@pytest.mark.parametrize("name", ["llama", "opt", "bart", *COUNT_THEIR_MASK])
def test_whether_a_model_counts_its_mask_is_found_out_once(name: str, watched: list[bool]) -> None:
    model, row = build(name), hiding_row(name)
    predictor = predictor_of(model)
    logits(predictor, row)
    assert watched
    assert set(watched) == {name in COUNT_THEIR_MASK}
    watched.clear()
    logits(predictor, row)
    assert set(watched) == ({True} if name in COUNT_THEIR_MASK else set())


def test_a_model_that_is_built_otherwise_is_asked_again(watched: list[bool]) -> None:
    model = build("falcon")
    mask = torch.tensor([[1, 1, 0, 1]])

    def run() -> None:
        with torch.no_grad(), positions_kept(model, mask, continued=False):
            model(torch.tensor([[5, 6, 7, 8]]), attention_mask=mask)

    for _ in range(2):
        look_at(model)
        run()
    assert watched == [False]
    model.config.alibi = model.transformer.use_alibi = True
    for _ in range(2):
        look_at(model)
        run()
    assert watched == [False, True, True]


def test_passes_that_go_on_from_others_are_asked_apart(watched: list[bool]) -> None:
    model = build("bloom")
    ids, visible = torch.tensor([[5, 6, 7, 8, 9, 10]]), torch.tensor([[1, 0, 1, 1, 1, 1]])
    with torch.no_grad():
        whole, _ = start_run(model).forward(ids, visible, keep=False)
        _, run = start_run(model).forward(ids[:, :4], visible[:, :4], keep=True)
        rest, _ = run.forward(ids[:, 4:], visible, keep=False)
    assert watched == [True, True, True]
    torch.testing.assert_close(rest.logits, whole.logits[:, 4:])


@pytest.mark.parametrize("name", [*CONFIGS, "mamba"])
def test_models_that_read_no_hidden_token_are_not_refused(name: str) -> None:
    predictor, row = predictor_of(build(name)), hiding_row(name)
    came = logits(predictor, row)
    others = np.where(HIDDEN, (row.target_ids + 1) % 40, row.target_ids)
    source = row.source_ids
    if source is not None:
        source = np.where(row.source_visible, source, (source + 1) % 40)
    torch.testing.assert_close(
        logits(predictor, evolve(row, target_ids=others, source_ids=source)), came, rtol=0, atol=1e-5
    )
