"""What was once wrong on pretrained models, each under its own name. Run by ``uv run pytest -m real``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from wherefrom.context import attribute_context
from wherefrom.errors import WherefromWarning
from wherefrom.methods.finite import bad_steps

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")]

SICK = "George was sick yesterday. His colleagues asked him to come to the"
LONG = "The ferry leaves at noon. " * 12 + "It costs twelve euros. The ticket for the ferry costs"


def last_step(model: Any, prompt: str, continuation: str, **options: Any) -> Any:
    text = prompt + continuation
    return model.attribute(prompt, text, attr_pos_end=None, show_progress=False, **options)[0]


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "layer_deeplift", "gradient_shap"])
def test_a_zero_baseline_is_finite_or_said(pretrained: Any, method: str) -> None:
    """Once: NaN for every token, saved and loaded, without a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        more = {"target_layer": "model.layers.3"} if method.startswith("layer") else {}
        out = last_step(pretrained, "The capital of France is", " Paris", method=method, baseline="zero", **more)
    if bad_steps(out).any():
        assert any(issubclass(one.category, WherefromWarning) and "not finite" in str(one.message) for one in caught)
    elif method == "integrated_gradients":
        assert np.isfinite(out.details["completeness_gap"]).all()


@pytest.mark.parametrize("units", ["word", "sentence"])
def test_units_of_any_length_can_be_deleted(pretrained: Any, units: str) -> None:
    """Once: contents were compared before lengths, and arrays could not be broadcast together."""
    prompt = LONG if units == "sentence" else "The opposite of hot is"
    out = last_step(pretrained, prompt, " cold.", method="occlusion", baseline="delete", units=units)
    assert np.isfinite(out.target_attributions).all()


def test_kernel_shap_with_deletion(pretrained: Any) -> None:
    out = last_step(
        pretrained, "Blue, green, blue, green, blue,", " green", method="kernel_shap", baseline="delete", n_samples=32
    )
    assert np.isfinite(out.target_attributions).all()


def test_integrated_gradients_ends_within_its_budget(smollm2: Any) -> None:
    """Once: 257 points with gaps of 73 to 783 per cent. Measured now: 63 points at most, and the gap is told."""
    out = last_step(smollm2, "The capital of France is", " Paris", method="integrated_gradients")
    assert max(out.details["points"]) <= 64
    assert max(out.details["completeness_gap"]) < 0.05


def test_sick_decides_hospital(smollm2: Any) -> None:
    """A reader finds the cause: of the words before the last sentence's own, *sick* counts most."""
    out = last_step(smollm2, SICK, " hospital", method="occlusion", baseline="delete", units="word")
    first = SICK.index("His")
    scores = {
        token.text.strip(): score
        for token, score in zip(out.target, out.target_attributions[:, 0], strict=True)
        if token.end is not None and token.end <= first
    }
    assert max(scores, key=lambda word: scores[word]) == "sick"


def test_orders_are_exact_where_all_coalitions_are_no_more(smollm2: Any) -> None:
    """Once: 24 orders were off by 43 to 93 per cent of the largest score, and dearer than the exact values."""
    asked = {"units": "word", "baseline": "unk"}
    exact = last_step(smollm2, "The opposite of hot is", " cold", method="exact_shapley", **asked)
    drawn = last_step(smollm2, "The opposite of hot is", " cold", method="shapley_value_sampling", **asked)
    np.testing.assert_allclose(drawn.target_attributions, exact.target_attributions, atol=1e-4)
    assert drawn.details["forwards"] <= exact.details["forwards"]


def test_rough_samples_say_so(smollm2: Any) -> None:
    """Once: five samples gave a total of 0.10 where the target had changed by 0.77, without a word."""
    with pytest.warns(WherefromWarning, match="standard errors are as large"):
        out = last_step(smollm2, "The capital of France is", " Paris", method="gradient_shap", n_samples=3)
    assert np.isfinite(out.details["standard_error"]["target"]).all()


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients"])
def test_the_beginning_token_is_no_unit(gemma3: Any, method: str) -> None:
    """Once: it had the second largest score of occlusion, and was replaced in baselines."""
    out = last_step(gemma3, "The capital of France is", " Paris", method=method)
    assert out.target[0].special
    assert not np.asarray(out.target_attributions[0]).any()
    assert all(one.token.text != out.target[0].text for one in out.top_contributors()[0])


def test_a_prompt_may_be_ids(gemma3: Any) -> None:
    ids = gemma3.encode("The capital of France is").ids.tolist()
    spelt, given = (
        gemma3.attribute(prompt, method="occlusion", generation_args={"max_new_tokens": 1}, show_progress=False)[0]
        for prompt in ("The capital of France is", ids)
    )
    np.testing.assert_allclose(given.target_attributions, spelt.target_attributions)


def test_a_model_without_dropout_is_remarked_on(smollm2: Any) -> None:
    """Once: the probability itself and a deviation of 0, without a word."""
    with pytest.warns(WherefromWarning, match="no dropout"):
        last_step(smollm2, "The capital of France is", " Paris", method="dummy", step_scores=["mc_dropout_prob_avg"])


def test_context_is_attributed_without_naming_a_method(smollm2: Any) -> None:
    """Once: it raised, where the command had a default."""
    out = attribute_context(
        smollm2, current="His colleagues asked him to come to the", context="George was sick yesterday."
    )
    assert len(out.cti_scores) == len(out.output_current_tokens) > 0
    assert out.cci_scores, "some token is explained"


def test_of_a_chat_the_users_words_are_removed(smollm2: Any) -> None:
    """Once: scores spread over the template."""
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    out = smollm2.attribute(chat, method="occlusion", generation_args={"max_new_tokens": 1}, show_progress=False)[0]
    (turn,) = [one for one in out.segments if one.kind == "turn" and one.label == "user"]
    scores = np.asarray(out.target_attributions)[:, 0]
    outside = np.ones(len(scores), bool)
    outside[turn.start : turn.end] = False
    assert not scores[outside].any()
    assert scores[turn.start : turn.end].any()


def test_of_documents_the_one_that_tells_is_cited(smollm2: Any) -> None:
    """Once: six of eight were cited, five of them for nothing. Seen now: one of three for nothing."""
    documents = [
        "Tomatoes grow best in a sunny place. They need water twice a day.",
        "The choir practises on Thursday evenings. Everybody may come and listen.",
        "The ferry to Ostrel leaves at noon. The ticket costs twelve euros.",
        "Old clocks have to be wound once a week. Some of them are heavy.",
    ]
    out = attribute_context(
        smollm2,
        [{"role": "user", "content": "How much is the ticket for the ferry to Ostrel?"}],
        documents,
        output="The ticket for the ferry costs twelve euros.",
        method="dummy",
    )
    (sentence,) = out.sentences
    assert 2 in sentence.citations
    assert len(sentence.citations) <= 2
    assert int(np.argmax(sentence.necessity)) == 2


DAYS = (
    "The town library moved to a new building last spring. It has three floors and a garden. Children come in"
    " the afternoon to read. On Mondays the doors stay shut. A café on the ground floor sells soup and cake. "
    "Many students write their essays there.",
    "Bread dough rests for two hours before it is baked. The baker starts work at four in the morning. His "
    "oven is older than the house. On Saturdays people wait in line for rolls. Rye bread keeps longer than "
    "white bread. What is left in the evening goes to a school.",
    "The choir practises on Thursday evenings. Everybody may come and listen. They sing in the old church by "
    "the river. Their leader used to play the organ. In winter the singers wear coats. Twice a year they give"
    " a concert.",
    "Tomatoes grow best in a sunny place. They need water twice a day in summer. Snails like the young "
    "leaves. My neighbour covers hers with a net. The first ones are ripe in July. In autumn the plants are "
    "cut down.",
    "The ferry to Ostrel leaves at noon. It takes an hour to cross the bay. The ticket costs twelve euros. "
    "Dogs have to stay on deck. In a storm the captain waits for better weather. On the other side a bus "
    "meets the boat.",
    "Old clocks have to be wound once a week. Some of them are very heavy. Dust is bad for the wheels. The "
    "clockmaker on our street is almost eighty. He learned his trade from his mother. His windows are full of"
    " dials.",
    "Snow fell during the night, and many trains were late. The children built a snowman in the yard. Their "
    "father cleared the path with a shovel. Birds came to the window for seeds. The milk froze in its bottle."
    " By evening it was raining again.",
    "A bicycle chain should be cleaned and oiled from time to time. Tyres lose air even when nobody rides. "
    "The bell must be loud enough. My sister rides to work in all weathers. She has a basket for her bag. "
    "Last week she bought a new lamp.",
)
"""Eight documents of six everyday sentences, 423 tokens of SmolLM2; the fifth tells."""


def test_of_eight_documents_the_one_that_tells_is_cited_alone(smollm2: Any) -> None:
    """Once: six of the eight were cited. Seen now: five pass the threshold, and the test leaves the right one."""
    out = attribute_context(
        smollm2,
        [{"role": "user", "content": "How much is the ticket for the ferry to Ostrel?"}],
        list(DAYS),
        output="The ticket for the ferry to Ostrel costs twelve euros.",
        method="dummy",
    )
    (sentence,) = out.sentences
    support = np.maximum(sentence.necessity, sentence.sufficiency)
    assert (support >= np.log(2)).sum() > 1, "the threshold alone would do, and the test says nothing"
    assert sorted(sentence.citations) == [4]
