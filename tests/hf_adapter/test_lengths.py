"""What a model reads otherwise by the length of the text: each step is what its prefix alone is read as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import (
    BigBirdConfig,
    BigBirdForCausalLM,
    BigBirdPegasusConfig,
    BigBirdPegasusForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
)
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.errors import ModelCapabilityError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf.running import lengths, shared_prefix
from wherefrom_hf.running.lengths import lengths_of

from tests.zoo import families
from tests.zoo.checks import Model, distance, plain_logits

SMALL: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1,
}  # fmt: skip
BEHIND = 64
"""Tokens that are read as all shorter texts are."""
BLOCKS = {"num_random_blocks": 1, "attention_type": "block_sparse"}
"""Of a text of 7 blocks at most all keys are read."""
STEPS = (50, 60, 63, 64, 65, 66, 100, 119)
LENGTH = 120


def built(kind: str) -> PreTrainedModel:
    """Weights large enough for another rotation to be another answer; double precision."""
    torch.manual_seed(0)
    module: PreTrainedModel
    if kind == "longrope":
        factors = {"short_factor": [1.0] * 4, "long_factor": [1.5, 2.0, 4.0, 8.0]}
        rope = {"rope_type": kind, "rope_theta": 10000.0, "original_max_position_embeddings": BEHIND, **factors}
        module = Phi3ForCausalLM(
            Phi3Config(
                **SMALL,
                max_position_embeddings=512,
                original_max_position_embeddings=BEHIND,
                rope_parameters=rope,
            )
        )
    elif kind == "dynamic":
        rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0}
        module = LlamaForCausalLM(LlamaConfig(**SMALL, max_position_embeddings=BEHIND, rope_parameters=rope))
    elif kind == "blocks":
        module = BigBirdForCausalLM(
            BigBirdConfig(**SMALL, **BLOCKS, block_size=8, max_position_embeddings=256, is_decoder=True)
        )
    else:
        assert kind == "blocks of the source"
        layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
        config = BigBirdPegasusConfig(
            vocab_size=64, d_model=32, **layers, encoder_attention_heads=4, decoder_attention_heads=4,
            max_position_embeddings=256, **BLOCKS, block_size=4, pad_token_id=0, eos_token_id=1, bos_token_id=2,
            decoder_start_token_id=2,
        )  # fmt: skip
        module = BigBirdPegasusForConditionalGeneration(config)
    return families.drawn(module.double(), 0.3, seed=3)


def row_of(length: int = LENGTH, steps: tuple[int, ...] = STEPS, source: int = 0, seed: int = 0) -> Row:
    rng = np.random.default_rng(seed)
    ids, at = rng.integers(4, 60, length), np.array(steps)
    function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=ids[at])
    source_ids = rng.integers(4, 60, source) if source else None
    return Row(target_ids=ids, steps=at, source_ids=source_ids, target_function=function)


def alone(kind: str, row: Row) -> torch.Tensor:
    """Logits of each step, by a model that has read nothing before, from the prefix alone."""
    with torch.no_grad():
        return torch.stack([plain_logits(built(kind), row, step) for step in row.steps])


def gradient_alone(kind: str, row: Row, step: int) -> torch.Tensor:
    module, seen = built(kind), []

    def hear(part: Any, given: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        seen.append(output)  # it may be padded to whole blocks

    module.get_input_embeddings().register_forward_hook(hear)
    plain_logits(module, row, step)[row.target_ids[step]].backward()
    gradient: torch.Tensor = seen[0].grad[0, :step]
    return gradient


def removed(row: Row) -> list[Row]:
    """The row, and others that differ from one position on, as methods that remove tokens ask."""
    rows = [evolve(row, first_change=len(row.target_ids), target_function=None)]
    for place in (10, 40, 90):
        ids = row.target_ids.copy()
        ids[place] = 11
        steps = row.steps[row.steps > place]
        rows.append(evolve(row, target_ids=ids, first_change=place, steps=steps, target_function=None))
    return rows


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_predictions_are_those_of_each_prefix(kind: str, chunk: int | None) -> None:
    rows = removed(row_of())
    for answer, row in zip(Model(built(kind)).predict(rows, chunk=chunk), rows, strict=True):
        assert distance(answer.logits, alone(kind, row)) < 1e-9


@pytest.mark.parametrize("kind", ["longrope", "dynamic", "blocks"])
def test_gradients_and_scores_are_those_of_each_prefix(kind: str) -> None:
    row = row_of()
    assert row.target_function is not None
    row = evolve(row, scores={"logit": row.target_function})
    right = alone(kind, row).gather(1, torch.from_numpy(row.target_ids[row.steps])[:, None])[:, 0]
    (came,) = Model(built(kind)).gradients([row])
    assert distance(came.values, right) < 1e-9
    assert distance(came.scores["logit"], right) < 1e-9
    for index, step in enumerate(row.steps):
        assert distance(came.target[index, :step], gradient_alone(kind, row, step)) < 1e-9
        assert not came.target[index, step:].any()


def test_gradients_of_a_span_add_up_over_the_kinds_of_its_steps() -> None:
    row = row_of()
    assert isinstance(row.target_function, TargetFunction)
    groups = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    (apart,) = Model(built("longrope")).gradients([row])
    (came,) = Model(built("longrope")).gradients(
        [evolve(row, target_function=evolve(row.target_function, groups=groups))]
    )
    assert came.target.shape == (2, *apart.target.shape[1:])
    assert distance(came.values, torch.stack([apart.values[:2].sum(), apart.values[2:].sum()])) < 1e-9
    assert distance(came.target[1], apart.target[2:].sum(0)) < 1e-9


def test_a_long_beginning_is_not_run_in_stretches_that_are_short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps lie behind the change, and the beginning that rows share does too."""
    monkeypatch.setattr(shared_prefix, "STRETCH", 64)
    row = row_of(200, (190, 199))
    ids = row.target_ids.copy()
    ids[150] = 11
    rows = [evolve(row, first_change=200), evolve(row, target_ids=ids, first_change=150)]
    for answer, one in zip(Model(built("longrope")).predict(rows, chunk=1), rows, strict=True):
        assert distance(answer.logits, alone("longrope", one)) < 1e-9


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_what_was_read_before_changes_nothing(kind: str) -> None:
    """Neither by us nor by the user: "dynamic" keeps the frequencies of the longest text."""
    row = row_of(90, (70, 89))
    module = built(kind)
    with torch.no_grad():
        module(input_ids=torch.arange(4, 64).repeat(4)[None])
    (came,) = Model(module).predict([row])
    assert distance(came.logits, alone(kind, row)) < 1e-9


def zeroed(model: Model, row: Row) -> Iterator[Any]:
    choices = {"metric": "cosine", "every_query": False, "encoder": False, "decoder": True}
    return model.zeroed_values([row], heads={where: Heads() for where in ("encoder", "decoder", "cross")}, **choices)


INSIDE = {
    "attention": lambda model, row: model.attentions([row]),
    "value zeroing": zeroed,
    "value terms": lambda model, row: model.attention_terms([row], queries="steps"),
    "layers": lambda model, row: model.layer_gradients([row], layer="model.layers.0"),
    "deeplift": lambda model, row: model.rescaled_gradients([row], [row]),
    "gradient rollout": lambda model, row: model.attention_gradient_rollouts([row]),
}


@pytest.mark.parametrize("what", INSIDE)
def test_what_one_pass_must_say_is_refused_where_none_says_it(what: str) -> None:
    model = Model(built("longrope"))
    with pytest.raises(ModelCapabilityError, match=r"more than 64 tokens otherwise .* in two calls"):
        list(INSIDE[what](model, row_of()))
    assert len(list(INSIDE[what](model, row_of(64, (60, 63))))) == 1
    assert len(list(INSIDE[what](model, row_of(100, (65, 99))))) == 1
    with pytest.raises(ModelCapabilityError, match=r"each length in its own way.* one step at a time"):
        list(INSIDE[what](Model(built("dynamic")), row_of(100, (65, 99))))


@pytest.mark.parametrize("kind, steps", [("longrope", (65, 99)), ("longrope", (30, 64)), ("dynamic", (99,))])
def test_attention_of_one_kind_of_length_is_that_of_its_prefix(kind: str, steps: tuple[int, ...]) -> None:
    """Beside a row of another kind."""
    row = row_of(100, steps)
    module = built(kind)
    module.set_attn_implementation("eager")
    with torch.no_grad():
        right = module(input_ids=torch.from_numpy(row.target_ids[: steps[-1]])[None], output_attentions=True).attentions
    came, _ = Model(built(kind)).attentions([row, row_of(64, (20,))])
    assert distance(came.decoder, torch.stack([one[0] for one in right])) < 1e-9


@pytest.mark.parametrize("sources", [(60, 20), (20, 60), (60, 45)])
def test_sources_of_several_kinds_of_length_are_read_as_each_alone(sources: tuple[int, int]) -> None:
    """A short one, which makes the encoder read all keys, no longer changes what the long one is read as; nor does one
    that is as long as it by padding."""
    kind = "blocks of the source"
    module = built(kind)
    rows = [row_of(12, (6, 11), length, seed) for seed, length in enumerate(sources)]
    for answer, row in zip(
        Model(module).predict([evolve(row, target_function=None) for row in rows]), rows, strict=True
    ):
        assert distance(answer.logits, alone(kind, row)) < 1e-9
    assert module.get_encoder().attention_type == "block_sparse"


def test_a_source_read_in_blocks_has_its_gradients() -> None:
    kind = "blocks of the source"
    row = row_of(12, (6, 11), 60)
    (came,) = Model(built(kind)).gradients([row])
    right = alone(kind, row).gather(1, torch.from_numpy(row.target_ids[row.steps])[:, None])[:, 0]
    assert distance(came.values, right) < 1e-9


def test_texts_of_unlike_length_are_not_generated_from_together() -> None:
    """In one batch the shorter would be read as long as the longer is."""
    prompts = [row_of(length, (1,), seed=length).target_ids for length in (30, 70)]
    model = Model(built("longrope"))
    model.tokenizer = type("NoTokenizer", (), {})()  # type: ignore[attr-defined]
    together = model.generate(prompts, settings={"max_new_tokens": 3, "eos_token_id": None})
    apart = [model.generate([one], settings={"max_new_tokens": 3, "eos_token_id": None})[0] for one in prompts]
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_ordinary_models_are_asked_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """No length is looked at where none matters."""
    module = LlamaForCausalLM(LlamaConfig(**SMALL))
    assert not lengths_of(module)
    monkeypatch.setattr(lengths, "groupby", None)
    assert len(list(Model(module).predict(removed(row_of())))) == 4
