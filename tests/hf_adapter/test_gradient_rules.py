"""Rules of the way back, each against formulas in plain torch; none of them is the gradient; some of them add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn
from wherefrom.adapters import Row
from wherefrom.adapters.gradient_rules import GradientRules
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods.gim import Gim
from wherefrom.methods.libra import RULES as LIBRA
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf.inside.gradient_rules import held_ratio, ruled_gradients
from wherefrom_hf.running.gradients import Differentiator

from tests.hf_adapter.architectures import rows_for
from tests.hf_adapter.test_attention_gradients import asked, close_of, predictor_of

ROUNDING = 1e-6
"""Llama and its kin compute norms, positions and attention weights in single precision whatever they are loaded in."""

EACH = {
    "norms": GradientRules(hold_norms=True),
    "weights": GradientRules(hold_weights=True),
    "temperature": GradientRules(softmax_temperature=2.0),
    "queries and keys": GradientRules(query_key_share=0.25),
    "values": GradientRules(value_share=0.5),
    "activations": GradientRules(hold_activations=True),
    "gates": GradientRules(gate_share=0.5),
    "gim": Gim().rules,
    "libra": LIBRA,
}


def logits_of(row: Row) -> Row:
    """A row that asks for the logit of each of its tokens."""
    target_function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=row.target_ids[row.steps])
    return evolve(row, target_function=target_function)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "cohere", "bloom", "mixtral", "bart", "t5", "mt5"])
def test_no_rule_is_the_gradient(name: str) -> None:
    predictor = predictor_of(name)
    rows = [asked(row) for row in rows_for(name)]
    came = list(ruled_gradients(predictor, rows, GradientRules(), None, True))
    expected = list(Differentiator(predictor).gradients(rows, None, True, True))
    for one, other, row in zip(came, expected, rows, strict=True):
        length = int(row.steps.max())
        part = max(close_of(name), 1e-9 if name in ("gpt2", "bloom", "bart") else ROUNDING)
        require_close(one.values, other.values, part)
        require_close(one.target, other.target[:, :length], part)
        if other.source is not None:
            require_close(one.source, other.source, part)


def require_close(came: Any, expected: Any, part: float) -> None:
    gap = (came - expected).abs().max()
    assert gap <= part * expected.abs().max(), f"off by {gap:.3g} of {expected.abs().max():.3g}"


@pytest.mark.parametrize("rule", list(EACH))
def test_each_rule_is_its_formula(rule: str) -> None:
    predictor = predictor_of("llama")
    row = asked(rows_for("llama")[0])
    (answer,) = ruled_gradients(predictor, [row], EACH[rule], None, True)
    ids = torch.from_numpy(row.target_ids[: int(row.steps.max())])
    module = predictor.module
    embeddings = module.model.embed_tokens(ids).detach().requires_grad_()
    logs = llama_by_formula(module, embeddings, EACH[rule]).log_softmax(-1)
    plain = llama_by_formula(module, embeddings, GradientRules()).log_softmax(-1)
    changed = False
    for output, step in enumerate(row.steps):
        token = int(row.target_ids[step])
        (expected,) = torch.autograd.grad(logs[step - 1, token], embeddings, retain_graph=True)
        (gradient,) = torch.autograd.grad(plain[step - 1, token], embeddings, retain_graph=True)
        require_close(answer.values[output], logs[step - 1, token].detach(), ROUNDING)
        require_close(answer.target[output], expected, ROUNDING)
        changed = changed or bool((expected - gradient).abs().max() > 1e-3 * gradient.abs().max())
    assert changed, "a rule that changes nothing is not tested"


def llama_by_formula(module: Any, embeddings: Tensor, rules: GradientRules) -> Tensor:
    """A Llama written out, with detached parts where a rule says so. Shape ``(positions, vocabulary)``."""
    config = module.config
    length, size = len(embeddings), config.head_dim
    repeats = config.num_attention_heads // config.num_key_value_heads
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
    cos, sin = (part[0] for part in module.model.rotary_emb(embeddings[None], torch.arange(length)[None]))

    def part(x: Tensor, share: float) -> Tensor:
        return share * x + (1 - share) * x.detach()

    def norm(layer: Any, x: Tensor) -> Tensor:
        scale = (x.square().mean(-1, keepdim=True) + layer.variance_epsilon).rsqrt()
        return x * (scale.detach() if rules.hold_norms else scale) * layer.weight

    def turned(x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], -1) * sin

    def heads(x: Tensor) -> Tensor:
        return x.reshape(length, -1, size).transpose(0, 1)

    def softmax(scores: Tensor) -> Tensor:
        weights = scores.softmax(-1)
        if rules.hold_weights:
            return weights.detach()
        warm = rules.softmax_temperature * (scores / rules.softmax_temperature).softmax(-1)
        return weights.detach() + warm - warm.detach()

    x = embeddings
    for block in module.model.layers:
        own = block.self_attn
        given = norm(block.input_layernorm, x)
        query, key, value = (heads(projection(given)) for projection in (own.q_proj, own.k_proj, own.v_proj))
        query, key = part(turned(query), rules.query_key_share), turned(key).repeat_interleave(repeats, 0)
        scores = query @ part(key, rules.query_key_share).transpose(-1, -2) * size**-0.5
        weights = softmax(scores.masked_fill(hidden, -torch.inf))
        context = weights @ part(value.repeat_interleave(repeats, 0), rules.value_share)
        x = x + own.o_proj(context.transpose(0, 1).reshape(length, -1))
        given = norm(block.post_attention_layernorm, x)
        gate, up = block.mlp.gate_proj(given), block.mlp.up_proj(given)
        bent = torch.nn.functional.silu(gate)
        if rules.hold_activations:
            bent = gate * (bent / gate).detach()
        x = x + block.mlp.down_proj(part(bent, rules.gate_share) * part(up, rules.gate_share))
    return module.lm_head(norm(module.model.norm, x))


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3", "cohere", "olmo2", "granite", "mixtral", "t5", "mt5"])
def test_libra_conserves_where_there_are_no_biases(name: str) -> None:
    """Embeddings times gradients add up to the logit, source and target together."""
    predictor = predictor_of(name)
    row = logits_of(rows_for(name)[0])
    (answer,) = ruled_gradients(predictor, [row], LIBRA, None, True)
    embedded = predictor.target.of(torch.from_numpy(row.target_ids[: int(row.steps.max())])[None])[0]
    total = (answer.target * embedded.detach()).sum((1, 2))
    if answer.source is not None:
        read = predictor.source.of(torch.from_numpy(row.source_ids)[None])[0]
        total = total + (answer.source * read.detach()).sum((1, 2))
    require_close(total, answer.values, max(close_of(name), ROUNDING))


def test_a_plain_gradient_does_not_conserve() -> None:
    predictor = predictor_of("llama")
    row = logits_of(rows_for("llama")[0])
    (answer,) = ruled_gradients(predictor, [row], GradientRules(), None, True)
    embedded = predictor.target.of(torch.from_numpy(row.target_ids[: int(row.steps.max())])[None])[0]
    gap = (answer.target * embedded.detach()).sum((1, 2)) - answer.values
    assert gap.abs().max() > 0.1 * answer.values.abs().max()


@pytest.mark.parametrize("name", ["gpt2", "phi", "opt", "mpt", "deepseek_v3", "gpt_oss", "bart", "gptj", "falcon"])
@pytest.mark.parametrize("rule", ["gim", "libra"])
def test_values_stay_and_every_step_is_answered(name: str, rule: str) -> None:
    predictor = predictor_of(name)
    row = asked(rows_for(name)[0])
    (answer,) = ruled_gradients(predictor, [row], EACH[rule], None, True)
    (expected,) = Differentiator(predictor).gradients([row], None, True, True)
    require_close(answer.values, expected.values, max(close_of(name), ROUNDING))
    assert torch.isfinite(answer.target).all()
    assert all(bool(part.abs().max() > 0) for part in answer.target)
    trained = [parameter for parameter in predictor.module.parameters() if not parameter.requires_grad]
    assert not trained, "parameters are as they were"


@pytest.mark.parametrize("name", ["mamba", "recurrent_gemma"])
@pytest.mark.parametrize("rule", ["gim", "libra"])
def test_what_mixes_otherwise_is_refused(name: str, rule: str) -> None:
    predictor = predictor_of(name)
    with pytest.raises(ModelCapabilityError):
        list(ruled_gradients(predictor, [asked(rows_for(name)[0])], EACH[rule], None, True))


class _OwnNorm(nn.Module):
    """Normalises, and is not recognised: its weight is a matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


def test_a_norm_that_is_not_found_is_refused() -> None:
    predictor = predictor_of("llama")
    predictor.module.model.layers[1].input_layernorm = _OwnNorm(16)
    row = asked(rows_for("llama")[0])
    with pytest.raises(ModelCapabilityError, match="_OwnNorm normalises by itself"):
        list(ruled_gradients(predictor, [row], LIBRA, None, True))
    assert list(ruled_gradients(predictor, [row], GradientRules(hold_weights=True), None, True))


def test_an_activation_passes_its_ratio() -> None:
    x = torch.tensor([-2.0, 0.0, 1.5], dtype=torch.float64, requires_grad=True)
    answer = held_ratio(x, torch.nn.functional.gelu)
    torch.testing.assert_close(answer, torch.nn.functional.gelu(x))
    (slope,) = torch.autograd.grad(answer.sum(), x)
    expected = torch.tensor([0.0227501319, 0.5, 0.9331927987], dtype=torch.float64)  # Φ(x)
    torch.testing.assert_close(slope, expected, atol=1e-9, rtol=0)
    assert not held_ratio(x, torch.sigmoid).requires_grad


def test_shares_outside_zero_and_one_are_refused() -> None:
    with pytest.raises(ValueError, match="gate_share"):
        GradientRules(gate_share=1.5)
    with pytest.raises(ValueError, match="softmax_temperature"):
        GradientRules(softmax_temperature=0.0)
    assert GradientRules().plain
    assert not GradientRules(hold_norms=True).plain
    assert np.isclose(Gim().rules.query_key_share, 0.25)
