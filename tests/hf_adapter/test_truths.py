"""Known answers of transformers models, and weights that are shuffled for a while."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from wherefrom import load_model
from wherefrom.attribute import AttributionModel
from wherefrom.evaluation import evaluate
from wherefrom.evaluation.parameter_randomisation import ParameterRandomisation
from wherefrom.evaluation.verify import TRUTHS, Broken, verify
from wherefrom.methods import METHODS, Alti, Occlusion, ValueZeroing
from wherefrom_hf.truths.induction import induction_gpt2

UNCLAIMED = ("dummy", "reagent", "vargrad")


def test_the_induction_head_repeats_what_it_read() -> None:
    said = AttributionModel(induction_gpt2()).generate("cat saw a big dog and cat", max_new_tokens=4)
    assert said == ["cat saw a big dog and cat saw a big dog"]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNCLAIMED])
def test_methods_find_the_earlier_place(name: str) -> None:
    (found,) = verify(name, truths=["induction-gpt2"])
    assert found.passed is not False, found


def test_the_shares_of_the_induction_head_are_those_worked_out_by_hand() -> None:
    """The last token's state holds three ones after the first layer, one of them brought, and four after the second,
    a half brought by each of two places. Its norms undo themselves, and are norms in front all the same."""
    (answer,) = AttributionModel(induction_gpt2()).attribute(
        "cat saw a big dog and cat", method=Alti(), generation_args={"max_new_tokens": 1}, show_progress=False
    )
    shares = [1 / 8 + 1 / 8 * 1 / 3, 1 / 8 * 2 / 3, 0, 0, 0, 3 / 4 * 1 / 3, 3 / 4 * 2 / 3]
    np.testing.assert_allclose(answer.target_attributions[:7, 0], shares, atol=1e-5)  # type: ignore[index]


@pytest.mark.parametrize("method", [Alti(), ValueZeroing()], ids=lambda one: one.identifier)
@pytest.mark.parametrize("way", ["shuffled", "constant"])
def test_a_broken_method_misses_it(method: object, way: str) -> None:
    assert [one.passed for one in verify(Broken(method=method, way=way), truths=["induction-gpt2"])] == [False]


def test_the_demo_models_planted_words_are_found() -> None:
    found = {one.truth: one for one in verify(Occlusion(baseline="unk"), truths=["planted-lm", "planted-mt"])}
    assert all(one.passed and one.value is not None and one.value > 0.8 for one in found.values()), found
    assert {"planted-lm", "planted-mt", "induction-gpt2"} <= set(TRUTHS)


def test_shuffled_weights_are_put_back_and_change_the_scores() -> None:
    model = load_model("demo:lm")
    before = {name: values.detach().clone() for name, values in model.module.named_parameters()}
    result = model.attribute("Mary was hungry.", method="saliency", generation_args={"max_new_tokens": 2})
    found = evaluate(result, model, [ParameterRandomisation()], removals=("unk",), curves=False)
    assert all(one.value is not None and one.value < 0.9 for one in found.measurements)
    assert all(torch.equal(values, before[name]) for name, values in model.module.named_parameters())

    def left_half_way() -> None:
        with model.adapter.randomised(0.5, seed=0):  # type: ignore[attr-defined]
            assert not all(torch.equal(values, before[name]) for name, values in model.module.named_parameters())
            raise RuntimeError("left half way")

    with pytest.raises(RuntimeError, match="left"):
        left_half_way()
    assert all(torch.equal(values, before[name]) for name, values in model.module.named_parameters())
