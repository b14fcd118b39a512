"""Whose positions a layer's answer has: the source's, also in a decoder that reads the encoder's states, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn
from wherefrom.adapters import Row
from wherefrom.adapters.layers import LayerStates
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods import LayerDeepLift, LayerGradientXActivation, LayerIntegratedGradients
from wherefrom.progress import no_progress
from wherefrom.testing import question
from wherefrom_hf.inside.deeplift import rescaled_gradients
from wherefrom_hf.inside.layers import layer_gradients, layer_states
from wherefrom_hf.running import whole_pass
from wherefrom_hf.running.answering import with_first
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.lengths import lengths_of
from wherefrom_hf.running.parts import find_layer
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.row_inside import RowInside

from tests.hf_adapter.architectures import of_logits, rows_for
from tests.hf_adapter.test_attention_gradients import predictor_of
from tests.laws.models import model_of
from tests.zoo import families

LENGTHS = [((7, 6),), ((4, 8),), ((5, 6),), ((7, 6), (3, 8), (9, 4)), ((2, 5), (2, 4)), ((5, 3), (2, 3), (3, 4))]
"""(source, target): unlike, the source as long as what is read of the target, several rows, as many rows as positions
of the source, or of the target."""
MEMORY = [
    ("bart", "model.decoder.layers[1].encoder_attn.k_proj"),
    ("bart", "model.decoder.layers[0].encoder_attn.v_proj"),
    ("t5", "decoder.block[0].layer[1].EncDecAttention.k"),
    ("t5", "decoder.block[1].layer[1].EncDecAttention.v"),
    ("led", "led.decoder.layers[1].encoder_attn.v_proj"),
    ("encoder-decoder", "enc_to_dec_proj"),
]
TARGETS = [
    ("bart", "model.decoder.layers[1].encoder_attn"),
    ("bart", "model.decoder.layers[1].encoder_attn.q_proj"),
    ("bart", "model.decoder.layers[0].self_attn.k_proj"),
    ("t5", "decoder.block[0]"),
]
SOURCES = [
    ("bart", "model.encoder.layers[0].self_attn.k_proj"),
    ("t5", "encoder.block[1].layer[0]"),
    ("led", "led.encoder.layers[0]"),
]


@contextmanager
def answered(part: nn.Module, answer: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the block ``part`` answers what ``answer`` makes of its answer."""

    def replace(part: nn.Module, given: Any, output: Any) -> Any:
        return (answer(output[0]), *output[1:]) if isinstance(output, tuple) else answer(output)

    handle = part.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def plain_logits(module: Any, row: Row) -> Tensor:
    """Logits of one row alone, shape ``(positions, vocabulary)``."""
    assert row.source_ids is not None
    source = torch.from_numpy(row.source_ids)[None]
    ids = torch.from_numpy(row.target_ids[: int(row.steps.max())])[None]
    given = {"input_ids": source} if row.source_embeds is None else {"inputs_embeds": row.source_embeds[None]}
    logits: Tensor = module(**given, decoder_input_ids=ids, use_cache=False).logits[0]
    return logits


def plainly(module: Any, row: Row, layer: str, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What a layer answers alone, and each step's gradient with respect to it: ``(positions, width)`` and ``(steps,
    positions, width)``."""
    leaves: list[Tensor] = []

    def leaf(states: Tensor) -> Tensor:
        leaves.append((states if given is None else given[None]).detach().clone().requires_grad_())
        return leaves[-1]

    with answered(find_layer(module, layer), leaf), torch.enable_grad():
        logits = plain_logits(module, row)
    steps = [
        torch.autograd.grad(logits[step - 1, int(row.target_ids[step])], leaves, retain_graph=True)[0][0]
        for step in row.steps
    ]
    return leaves[0][0].detach(), torch.stack(steps)


def need_close(came: Any, expected: Tensor) -> None:
    scale = float(expected.abs().max())
    assert scale > 0
    torch.testing.assert_close(torch.as_tensor(came), expected.to(came.dtype), atol=1e-10 * scale, rtol=1e-8)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name, layer", MEMORY + SOURCES)
def test_answers_over_the_encoders_states_score_the_source(name: str, layer: str, lengths: Any) -> None:
    need_gradients(name, layer, "source", lengths)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name, layer", TARGETS)
def test_answers_over_the_decoders_positions_score_the_target(name: str, layer: str, lengths: Any) -> None:
    need_gradients(name, layer, "target", lengths)


@pytest.mark.parametrize("layer, side", [("encoder_attn", "target"), ("encoder_attn.k_proj", "source")])
def test_an_encoder_that_reads_each_length_otherwise_leaves_the_decoder_room(layer: str, side: str) -> None:
    """One that selects keys in blocks."""
    module = families.build("bigbird_pegasus-seq2seq", torch.float64)
    predictor = Predictor(module, *input_embeddings(module), 0)
    assert lengths_of(module).source
    need_gradients_of(predictor, f"model.decoder.layers[0].{layer}", side, rows_for("bart", ((5, 6),)))


@pytest.mark.parametrize("lengths", [((7, 6),), ((5, 6),), ((2, 5), (2, 4))])
def test_keys_of_both_sides_score_both(lengths: Any) -> None:
    """T5Gemma2 attends to target and source at once: one part makes the keys of either, the target's first."""
    module = families.build("t5gemma2-seq2seq", torch.float64)
    predictor = Predictor(module, *input_embeddings(module), 0)
    layer, rows = "model.decoder.layers[0].self_attn.k_proj", [of_logits(row) for row in rows_for("bart", lengths)]
    for row, came in zip(rows, layer_gradients(predictor, rows, layer, None, None), strict=True):
        leaves: list[Tensor] = []

        def leaf(states: Tensor, leaves: list[Tensor] = leaves) -> Tensor:
            leaves.append(states.detach().clone().requires_grad_())
            return leaves[-1]

        with answered(find_layer(module, layer), leaf), torch.enable_grad():
            logits = plain_logits(module, row)
        values = [logits[step - 1, int(row.target_ids[step])] for step in row.steps]
        gradients = [torch.autograd.grad(value, leaves, retain_graph=True) for value in values]
        need_close(came.target, torch.stack([of_target[0] for of_target, _ in gradients]))
        need_close(came.source, torch.stack([of_source[0] for _, of_source in gradients]))


def need_gradients(name: str, layer: str, side: str, lengths: Any) -> None:
    """Activations and gradients of rows run together are those of each alone, in plain torch."""
    need_gradients_of(predictor_of(name), layer, side, rows_for(name, lengths))


def need_gradients_of(predictor: Predictor, layer: str, side: str, rows: list[Row]) -> None:
    rows = [of_logits(row) for row in rows]
    for row, came in zip(rows, layer_gradients(predictor, rows, layer, None, None), strict=True):
        states, gradients = plainly(predictor.module, row, layer)
        other = "target" if side == "source" else "source"
        assert getattr(came, other) is None
        assert getattr(came.states, other) is None
        size = len(row.source_ids) if side == "source" and row.source_ids is not None else int(row.steps.max())
        need_close(getattr(came.states, side), states[:size])
        need_close(getattr(came, side), gradients[:, :size])


@pytest.mark.parametrize("lengths", [((7, 6),), ((4, 8),), ((5, 6),)])
@pytest.mark.parametrize("name, layer", MEMORY[:3])
def test_paths_of_the_encoders_states_are_those_of_whole_answers(name: str, layer: str, lengths: Any) -> None:
    """Points of the path of integrated gradients: the answers between those to a baseline and those to the row."""
    predictor = predictor_of(name)
    (row,) = (of_logits(row) for row in rows_for(name, lengths))
    base = baseline_of(predictor, row)
    states, zero = plainly(predictor.module, row, layer)[0], plainly(predictor.module, base, layer)[0]
    clean, begun = layer_states(predictor, [row, base], layer, None)
    need_close(clean.source, states)
    need_close(begun.source, zero)
    points = (0.0, 0.3, 1.0)
    assert clean.source is not None
    assert begun.source is not None
    given = [LayerStates(source=begun.source + point * (clean.source - begun.source)) for point in points]
    answers = layer_gradients(predictor, [row] * len(points), layer, given, None)
    for point, came in zip(points, answers, strict=True):
        expected = plainly(predictor.module, row, layer, zero + point * (states - zero))[1]
        need_close(came.source, expected)


def baseline_of(predictor: Predictor, row: Row) -> Row:
    """The row with other embeddings in its source."""
    assert predictor.source is not None
    assert row.source_ids is not None
    embeddings = predictor.source.of(torch.from_numpy(row.source_ids)).detach()
    return evolve(row, source_embeds=0.5 * embeddings.flip(0))


@pytest.mark.parametrize("lengths", [((7, 6),), ((4, 8),), ((5, 6),), ((7, 6), (3, 8)), ((4, 5), (3, 4))])
def test_multipliers_of_the_encoders_states_are_those_of_the_rules(lengths: Any) -> None:
    """At the values of the last cross-attention, followed by hand: its weights, which do not hang on them, as in the
    real pass, norms by their gradient along the line, the activation by its chord."""
    predictor = predictor_of("bart")
    module, layer = predictor.module, "model.decoder.layers[1].encoder_attn.v_proj"
    rows = [of_logits(row) for row in rows_for("bart", lengths)]
    bases = [baseline_of(predictor, row) for row in rows]
    for row, base, came in zip(rows, bases, rescaled_gradients(predictor, rows, bases, layer, None), strict=True):
        multipliers, change = by_hand(module, row, base)
        assert came.target is None
        assert came.target_change is None
        need_close(came.source_change, change)
        need_close(came.source, multipliers)


def by_hand(module: Any, row: Row, base: Row) -> tuple[Tensor, Tensor]:
    """Multipliers ``(steps, source, width)`` and the values' change ``(source, width)``."""
    block = module.model.decoder.layers[-1]
    attention = block.encoder_attn
    real, zero = taken(module, row), taken(module, base)
    size = attention.head_dim
    found = []
    for step in row.steps:
        at = int(step) - 1
        multiplier = module.lm_head.weight[int(row.target_ids[step])].detach()
        multiplier = through_norm(block.final_layer_norm, real["last"][at], zero["last"][at], multiplier)
        before, behind = ((one["fc1"][at], block.activation_fn(one["fc1"][at])) for one in (real, zero))
        chord = (before[1] - behind[1]) / (before[0] - behind[0])
        multiplier = multiplier + (multiplier @ block.fc2.weight * chord) @ block.fc1.weight
        multiplier = through_norm(block.encoder_attn_layer_norm, real["sum"][at], zero["sum"][at], multiplier)
        heads = (multiplier @ attention.out_proj.weight).view(-1, size)
        found.append((real["weights"][:, at, :, None] * heads[:, None]).transpose(0, 1).flatten(1))
    return torch.stack(found).detach(), real["values"] - zero["values"]


def taken(module: Any, row: Row) -> dict[str, Tensor]:
    """What the last block of the decoder is given and makes, of one row alone."""
    block = module.model.decoder.layers[-1]
    found: dict[str, Tensor] = {}
    attention = block.encoder_attn
    given = {"sum": block.encoder_attn_layer_norm, "last": block.final_layer_norm}
    made = {"values": attention.v_proj, "queries": attention.q_proj, "keys": attention.k_proj, "fc1": block.fc1}

    def note(name: str) -> Any:
        def of_given(part: nn.Module, args: Any) -> None:
            found[name] = args[0][0]

        def of_made(part: nn.Module, args: Any, output: Tensor) -> None:
            found[name] = output[0]

        return of_given if name in given else of_made

    with ExitStack() as stack, torch.no_grad():
        for name, part in given.items():
            stack.callback(part.register_forward_pre_hook(note(name)).remove)
        for name, part in made.items():
            stack.callback(part.register_forward_hook(note(name)).remove)
        plain_logits(module, row)
    heads, size = attention.num_heads, attention.head_dim
    queries, keys = (found[name].unflatten(-1, (heads, size)).transpose(0, 1) for name in ("queries", "keys"))
    found["weights"] = (queries @ keys.transpose(1, 2) * size**-0.5).softmax(-1)
    return found


def through_norm(norm: nn.LayerNorm, real: Tensor, zero: Tensor, multiplier: Tensor) -> Tensor:
    """A multiplier in front of a norm: pulled back at points of the line between both inputs."""
    nodes, shares = np.polynomial.legendre.leggauss(200)
    total = torch.zeros_like(real)
    for node, share in zip((1 + nodes) / 2, shares / 2, strict=True):
        at = (zero + node * (real - zero)).requires_grad_()
        with torch.enable_grad():
            (pulled,) = torch.autograd.grad(norm(at) @ multiplier, at)
        total += share * pulled
    return total


METHODS = [
    LayerGradientXActivation(target_layer="model.decoder.layers[1].encoder_attn.k_proj"),
    LayerIntegratedGradients(
        target_layer="model.decoder.layers[1].encoder_attn.k_proj", n_steps=40, return_convergence_delta=True
    ),
    LayerDeepLift(target_layer="model.decoder.layers[1].encoder_attn.k_proj"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.identifier)
def test_methods_file_them_under_the_source(method: Any) -> None:
    model = model_of("bart-tiny")
    asked = question(model, "the name of the class", "it is")
    (scores,) = method.attribute(model, [asked], no_progress)
    assert scores.target is None
    assert asked.source_ids is not None
    assert scores.source.shape[:2] == (len(asked.source_ids), asked.target_function.outputs)
    if "deltas" in scores.step_scores:
        np.testing.assert_allclose(scores.step_scores["deltas"], 0, atol=1e-4 * np.abs(scores.source).sum())


def test_where_no_position_is_left_for_padding_the_sides_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_pass, "said_limit", lambda config: 5)
    predictor = predictor_of("bart")
    (row,) = (of_logits(row) for row in rows_for("bart", ((5, 6),)))
    for _, layer in MEMORY[:1] + TARGETS[:1]:
        with pytest.raises(ModelCapabilityError, match=r"\(1, 5, 16\), which does not tell .* of another length"):
            list(layer_gradients(predictor, [row], layer, None, None))


@pytest.mark.parametrize("target", [5, 16, 17])
def test_answers_with_channels_first_are_refused(target: int) -> None:
    """Also where there are as many channels, 16, as positions."""
    predictor = predictor_of("recurrent_gemma")
    (row,) = (of_logits(row) for row in rows_for("recurrent_gemma", ((0, target),)))
    with pytest.raises(ModelCapabilityError, match=rf"Conv1d answers .*one vector per position.* {target - 1} \(tar"):
        list(layer_gradients(predictor, [row], "model.layers[0].temporal_block.conv_1d", None, None))


def test_named_states_of_other_positions_are_refused() -> None:
    """Those that a step function asks for by a part's name."""
    predictor = predictor_of("bart")
    (row,) = rows_for("bart", ((7, 6),))
    inside = RowInside.of(predictor, row)
    assert inside.hidden_states("model.decoder.layers[0].encoder_attn", "target").shape == (5, 16)
    with pytest.raises(ModelCapabilityError, match=r"\(1, 7, 16\) while the 5 positions of the target were read"):
        inside.hidden_states("model.decoder.layers[0].encoder_attn.k_proj", "target")
    predictor = predictor_of("recurrent_gemma")
    (row,) = rows_for("recurrent_gemma", ((0, 17),))
    with pytest.raises(ModelCapabilityError, match="while the 16 positions of the target were read"):
        RowInside.of(predictor, row).hidden_states("model.layers[0].temporal_block.conv_1d", "target")
    predictor = predictor_of("led")
    (row,) = rows_for("led", ((6, 4),))
    assert RowInside.of(predictor, row).hidden_states("led.encoder.layers[0]", "source").shape == (6, 16)


@pytest.mark.parametrize("steps", [1, 2])
def test_the_output_layer_is_refused(steps: int) -> None:
    """It answers one vector per position that is read: with one step as many as rows."""
    predictor = predictor_of("llama")
    (row,) = (of_logits(evolve(row, steps=row.steps[-steps:])) for row in rows_for("llama", ((0, 4),)))
    with pytest.raises(ModelCapabilityError, match=r"output layer .* Choose a part in front of it"):
        list(layer_gradients(predictor, [row], "lm_head", None, None))
    with pytest.raises(ModelCapabilityError, match=r"output layer .* Choose a part in front of it"):
        list(rescaled_gradients(predictor, [row], [row], "lm_head", None))


@pytest.mark.parametrize("count", [5, 8])
def test_answers_with_positions_first_are_refused(count: int) -> None:
    """Also where there are as many rows as positions, 8 with the encoder's own padding."""
    predictor = predictor_of("led")
    rows = [of_logits(row) for row in rows_for("led", ((5, 4),) * count)]
    layer = "led.encoder.layers[0].self_attn.longformer_self_attn.query"
    with pytest.raises(ModelCapabilityError, match=rf"Linear answers \(8, {count}, 16\)"):
        list(layer_gradients(predictor, rows, layer, None, None))


class Attended(NamedTuple):
    """What an attention answers, by name."""

    states: Tensor
    weights: Any


@pytest.mark.parametrize("kind", [tuple, list, Attended])
def test_what_stands_behind_the_first_tensor_stays_and_so_does_the_kind(kind: Any) -> None:
    first, other = torch.ones(2), torch.zeros(2)
    output = Attended(first, None) if kind is Attended else kind([first, None])
    came = with_first(output, other)
    assert type(came) is kind
    assert came[0] is other
    assert came[1] is None
    assert with_first(first, other) is other


def test_a_layer_that_answers_a_tuple_with_names_is_attributed_to() -> None:
    predictor, layer = predictor_of("llama"), "model.layers[0].self_attn"
    row = of_logits(rows_for("llama")[0])
    (expected,) = layer_gradients(predictor, [row], layer, None, None)
    attention = find_layer(predictor.module, layer)
    own = attention.forward
    attention.forward = lambda *args, **kwargs: Attended(*own(*args, **kwargs))  # type: ignore[method-assign]
    (came,) = layer_gradients(predictor, [row], layer, None, None)
    torch.testing.assert_close(came.target, expected.target)


@pytest.mark.parametrize(
    "layer, why",
    [
        ("reformer.encoder.layers[0]", "ReformerLayer runs where ReformerModelWithLMHead keeps nothing to"),
        ("reformer.encoder.layers[0].attention", "ReformerAttention runs where"),
        ("reformer.encoder.layers[0].feed_forward", "ChunkReformerFeedForward runs where"),
        ("reformer.embeddings", r"ReformerModelWithLMHead is built in a way that cannot be differentiated \(Assert"),
    ],
)
def test_layers_that_are_computed_anew_on_the_way_back_are_refused(layer: str, why: str) -> None:
    """Nothing that was kept leads from what they answer to the logits: gradients came out as zeros."""
    module = families.build("reformer")
    predictor = Predictor(module, *input_embeddings(module), 0)
    with pytest.raises(ModelCapabilityError, match=why):
        list(layer_gradients(predictor, [of_logits(rows_for("llama")[0])], layer, None, None))
