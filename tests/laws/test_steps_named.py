"""A message that names a step gives its position in the target, as ``attr_pos_start`` and alignments take it, and its
text: one token has one name, whoever speaks of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import transformers
import wherefrom
from wherefrom.text.tokens import step_named

from tests.laws.models import GOLDEN

TEXTS = ("the name of the", "the name of the class is no value")
NAMED = re.compile(r"steps? (\d+)(?: to (\d+))? \(('.*?'|\".*?\")\)")


def model(*, broken: bool = False) -> wherefrom.AttributionModel:
    module = transformers.AutoModelForCausalLM.from_pretrained(GOLDEN / "llama-tiny").eval()
    if broken:
        with torch.no_grad():
            module.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    return wherefrom.load_model(module, tokenizer=str(GOLDEN / "llama-tiny"), device="cpu")


def rounded(args: Any) -> Any:
    return torch.round(args.at_target(args.log_probabilities()))


SAID: dict[str, tuple[str, dict[str, Any]]] = {
    "not finite": ("are not finite", {"method": "dummy", "step_scores": ["probability"]}),
    "no gradient": ("all gradients of", {"method": "saliency", "attributed_fn": rounded}),
    "few samples": ("samples are too few", {"method": "lime", "n_samples": 4, "baseline": "unk"}),
    "rough": ("standard errors are as large", {"method": "lime", "n_samples": 40, "baseline": "unk"}),
    "rough gradients": ("standard errors", {"method": "gradient_shap", "n_samples": 3, "stdevs": 5.0}),
    "no probe": ("no probe stopped", {"method": "reagent", "max_probe_steps": 1, "stopping_condition_top_k": 1}),
    "short contrast": (
        "ends before",
        {"method": "dummy", "contrast_targets": "the name of the", "step_scores": ["logprob_diff"]},
    ),
}


@pytest.mark.parametrize("cause", SAID)
@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
def test_the_position_of_a_step_is_that_in_the_target(cause: str) -> None:
    told, asked = SAID[cause]
    with pytest.warns(wherefrom.WherefromWarning, match=told) as warned:
        (out,) = model(broken=cause == "not finite").attribute(*TEXTS, show_progress=False, seed=0, **asked)
    (message,) = {str(one.message) for one in warned if told in str(one.message)}
    found = NAMED.findall(message)
    assert found, message
    for first, _, text in found:
        token = out.target[int(first)]
        assert out.attr_pos_start <= token.position < out.attr_pos_end
        assert text.strip("'\"").startswith(token.text)


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
def test_a_span_is_named_by_its_first_and_last_step() -> None:
    with pytest.warns(wherefrom.WherefromWarning, match="samples are too few") as warned:
        (out,) = model().attribute(
            *TEXTS, "lime", n_samples=4, baseline="unk", attributed_span="all", show_progress=False, seed=0
        )
    (found,) = {NAMED.search(str(one.message)) for one in warned if "too few" in str(one.message)}
    span = out.steps[0]
    assert found is not None
    assert (int(found[1]), int(found[2])) == (span.position, span.position + span.size - 1)


def test_texts_that_are_long_or_not_known_are_named_too() -> None:
    assert step_named(14, " hospital.") == "step 14 (' hospital.')"
    assert step_named(14, "") == "step 14"
    assert step_named(14, " a b", 15) == "steps 14 to 15 (' a b')"
    assert step_named(3, "x" * 100) == f"step 3 ('{'x' * 60}...')"
