"""Tracing an answer through its reasoning: what must hold whatever the scores."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import wherefrom
from hypothesis import given, settings
from hypothesis import strategies as st
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.hops import matrix_reader, reading_matrix, solved, walked
from wherefrom.testing import counting

from tests.core.made import attribution

SAID = ["<s>", "The", " code", " is", " 7", ".", " So", " I", " think", ".", " Answer", ":", " 7"]


def made(seed: int = 0, *, encoder: bool = False):
    source = [" How", " many", "?"] if encoder else None
    return attribution(source, SAID, 1 if encoder else 6, special=(0,), seed=seed)


def folded(one, w, *, sources: int):
    """The formula of the method, written out in matrices: prompt part of the fold, and what is left for each hop."""
    scores = np.maximum(
        np.concatenate([*([] if not sources else [one.source_attributions]), one.target_attributions]), 0
    )
    scores = scores.astype(np.float64)
    scores[sources] = 0  # the sink
    scores = scores / np.maximum(scores.sum(axis=0), 1e-300)  # a column of nothing stays nothing
    rows = slice(sources + one.attr_pos_start, sources + one.attr_pos_end)
    generated = scores[rows]
    others = scores.copy()
    others[rows] = 0
    return others, generated


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_exact_trace_is_the_fold_of_the_formula(seed, encoder):
    one = made(seed, encoder=encoder)
    sources = 3 if encoder else 0
    others, generated = folded(one, None, sources=sources)
    steps = generated.shape[1]
    w = np.zeros(steps)
    w[-1] = 1.0
    expected = others @ np.linalg.solve(np.eye(steps) - generated, w)
    traced = one.trace((12, 13))
    found = np.concatenate([*([] if not encoder else [traced.source_attributions]), traced.target_attributions])[:, -1]
    np.testing.assert_allclose(found[: sources + 12], expected[: sources + 12], atol=1e-12)


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_hops_are_the_terms_of_the_series(hops):
    one = made(1)
    others, generated = folded(one, None, sources=0)
    w = np.zeros(generated.shape[1])
    w[-1] = 1.0
    terms = [w]
    for _ in range(hops + 1):
        terms.append(generated @ terms[-1])
    traced = one.trace((12, 13), hops=hops)
    arrived = others @ sum(terms[: hops + 1])
    np.testing.assert_allclose(traced.target_attributions[:6, -1], arrived[:6], atol=1e-12)
    assert traced.details["trace"]["missing"] == pytest.approx(terms[-1].sum())
    assert traced.details["trace"]["arrived"][-1] == pytest.approx((others @ terms[hops]).sum())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    hops=st.sampled_from([None, 0, 1, 3]),
    encoder=st.booleans(),
    leave_out=st.sampled_from(["sink", "special", "nothing"]),
    words=st.booleans(),
)
def test_law_mass_is_conserved(seed, hops, encoder, leave_out, words):
    one = made(seed, encoder=encoder)
    one = one.aggregate("subwords") if words else one
    traced = one.trace(hops=hops, leave_out=leave_out)
    total = traced.target_attributions.sum(axis=0)
    if encoder:
        total = total + traced.source_attributions.sum(axis=0)
    lost = traced.details["trace"]["lost"]
    np.testing.assert_allclose(total[-1], 1 - lost, atol=1e-9)
    assert (traced.target_attributions >= 0).all()
    assert len(traced.steps) == (2 if hops is None else hops + 1)
    arrived, missing = traced.step_scores["arrived"], traced.step_scores["missing"]
    np.testing.assert_allclose(arrived[-1] + missing[-1], 1 - lost, atol=1e-9)
    if hops is None:
        assert missing[-1] == 0
        np.testing.assert_allclose(sum(traced.details["trace"]["arrived"]) + lost, 1, atol=1e-9)


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("hops", [None, 0, 1, 2, 4])
def test_law_each_column_tells_what_had_arrived_by_then(hops, encoder):
    """Steps that read nothing lose what comes to them: later, and not before."""
    one = made(2, encoder=encoder)
    scores = np.array(one.target_attributions)
    scores[:, 2:-1:2] = 0
    sources = None if not encoder else np.where(np.arange(scores.shape[1]) % 2, one.source_attributions, 0)
    traced = one.replace(target_attributions=scores, source_attributions=sources).trace(hops=hops)
    total = traced.target_attributions.sum(axis=0) + (traced.source_attributions.sum(axis=0) if encoder else 0)
    arrived, missing = traced.step_scores["arrived"], traced.step_scores["missing"]
    np.testing.assert_allclose(arrived + missing, total, atol=1e-9)
    assert arrived[0] >= 0
    assert (np.diff(arrived) >= -1e-9).all(), "what is at rest stays there"
    if hops != 0:
        assert traced.details["trace"]["lost"] > 0.01


@pytest.mark.parametrize("hops", [None, 0, 2])
def test_law_without_generated_tokens_in_the_way_a_trace_is_the_result(hops):
    one = attribution(None, SAID[:7], 6, special=(0,), seed=3)
    plain = np.maximum(one.target_attributions[:6, 0], 0)
    plain[0] = 0
    traced = one.trace(hops=hops)
    for column in range(len(traced.steps)):
        np.testing.assert_allclose(traced.target_attributions[:6, column], plain / plain.sum(), rtol=1e-6)


def test_law_all_hops_one_by_one_are_the_exact_solution():
    rng = np.random.default_rng(0)
    scores = rng.random((30, 12))
    visible = np.arange(30)[:, None] < 18 + np.arange(12)[None, :]
    matrix = reading_matrix(scores, visible, 18)
    start, passes = np.zeros(30), np.zeros(30, dtype=bool)
    start[[28, 29]] = 0.5
    passes[18:] = True
    end, steps = solved(matrix, 18, start, passes), walked(matrix_reader(matrix, 18), start, passes, 12)
    np.testing.assert_allclose(end.columns[:, -1], steps.columns[:, -1], atol=1e-14)
    np.testing.assert_allclose(end.visits, steps.visits, atol=1e-14)
    assert steps.missing == 0


def test_what_arrives_late_in_an_exact_trace_is_told_together():
    first, steps = 1, 100
    matrix = np.zeros((first + steps, steps))
    matrix[0] = [1.0, *[0.02] * (steps - 1)]
    matrix[np.arange(first, first + steps - 1), np.arange(1, steps)] = 0.98
    start = np.eye(first + steps)[-1]
    walk = solved(matrix, first, start, np.arange(first + steps) >= first)
    assert len(walk.arrived) == 66
    assert sum(walk.arrived) == pytest.approx(1)
    assert walk.arrived[:2] == pytest.approx((0.02, 0.02 * 0.98))


def test_a_token_is_visited_by_the_share_of_paths_through_it():
    """Three steps in a chain: all of the mass goes through both that come before."""
    matrix = np.zeros((5, 3))
    matrix[0, 0] = matrix[2, 1] = matrix[3, 2] = 1.0
    start, passes = np.array([0, 0, 0, 0, 1.0]), np.array([False, False, True, True, True])
    walk = solved(matrix, 2, start, passes)
    assert walk.visits.tolist() == [0, 0, 1, 1, 0]
    assert walk.columns[:, -1].tolist() == [1, 0, 0, 0, 0]
    assert walk.arrived == (0.0, 0.0, 1.0)


def test_a_step_that_reads_nothing_is_told_as_lost():
    one = made(2)
    scores = one.target_attributions.copy()
    scores[:, -1] = 0
    traced = one.replace(target_attributions=scores).trace((12, 13), hops=1)
    assert traced.details["trace"]["lost"] == 1
    assert not traced.target_attributions.any()


def test_reasoning_that_is_named_alone_passes_on():
    one = made(4)
    whole, part = one.trace((12, 13)), one.trace((12, 13), reasoning="Answer:")
    kept = part.target_attributions[6:10, -1]
    assert kept.sum() > 0, "tokens outside of the reasoning keep what reaches them"
    assert whole.target_attributions[6:12, -1].sum() == 0
    assert part.target_attributions[10:12, -1].sum() == 0


@pytest.mark.parametrize(
    "span, positions",
    [
        (" Answer: 7", [10, 11, 12]),
        (re.compile(r"Answer: (\d)"), [12]),
        (r"/Answer: (\d)/", [12]),
        ((10, 12), [10, 11]),
        ([(6, 7), (12, 13)], [6, 12]),
        (None, [10, 11, 12]),
        ("all", list(range(6, 13))),
    ],
)
def test_spans_are_named_by_text_pattern_and_position(span, positions):
    traced = made().trace(span, hops=0)
    assert [first for first, _ in traced.details["trace"]["positions"]] == positions


@pytest.mark.parametrize("span", ["nowhere", "/nowhere/", (90, 92), "/(/", "turn:user", 7, (3, 3)])
def test_a_span_that_is_not_there_is_an_error_that_names_it(span):
    with pytest.raises(InputError, match="span"):
        made().trace(span)


def test_a_turn_is_a_span():
    turns = (wherefrom.Segment(side="target", start=9, end=12, kind="turn", label="assistant"),)
    traced = made().replace(segments=turns).trace("turn:Assistant", hops=0)
    assert [first for first, _ in traced.details["trace"]["positions"]] == [9, 10, 11]


@pytest.mark.parametrize("word", ["turn", "document", "slot"])
def test_the_word_for_a_kind_of_segment_is_a_text(word):
    said = [f" {word}" if piece == " code" else piece for piece in SAID]
    said[-1] = f" {word}"
    one = attribution(None, said, 6, special=(0,), seed=0)
    assert one.trace(word, hops=0).details["trace"]["positions"] == [[12, 13]]


def test_the_answer_to_a_chat_is_no_turn_and_the_error_says_how_it_is_named():
    model = wherefrom.load_model("demo:lm")
    chat = [{"role": "user", "content": "George was sick. His colleagues asked him to come"}]
    one = model.attribute(chat, "to the hospital.", method="saliency", show_progress=False)[0]
    with pytest.raises(
        InputError, match=r"The text has: 'user'\. The answer to a chat is no turn of it: 'all' names it"
    ):
        one.trace("turn:assistant")
    with pytest.raises(InputError, match="or name a part of the output; 'all' is the whole of it"):
        one.trace("turn:user")
    positions = [first for first, _ in one.trace("all", hops=0).details["trace"]["positions"]]
    assert positions == [token.position for token in one.steps]


def test_signs_are_treated_as_asked():
    one = made(5)
    positive, size = one.trace(hops=0), one.trace(hops=0, signed="magnitude")
    assert np.abs(positive.target_attributions - size.target_attributions).max() > 0.01
    with pytest.raises(SettingsError, match="negative"):
        one.trace(signed="refuse")
    with pytest.raises(InputError, match="finite"):
        one.replace(target_attributions=np.full_like(one.target_attributions, np.nan)).trace()


def test_a_saved_trace_is_the_trace(tmp_path):
    traced = wherefrom.Attributions(sequence_attributions=(made(6),)).trace(hops=2)
    traced.save(tmp_path / "trace.json")
    loaded = wherefrom.load(tmp_path / "trace.json")
    assert loaded == traced
    assert loaded[0].details["trace"]["visits"] == traced[0].details["trace"]["visits"]


def test_against_the_other_steps_is_zero_where_all_read_alike():
    one = made(7).aggregate("normalize")
    scores = one.target_attributions.copy()
    scores[2] = 0.25
    against = one.replace(target_attributions=scores, aggregations=()).aggregate("against_other_steps")
    visible = one.target_visible
    sums = np.where(visible, against.target_attributions, 0).sum(axis=1)
    np.testing.assert_allclose(sums, 0, atol=1e-6)
    alike = one.replace(target_attributions=np.where(visible, 1.0, 0.0)[:, :], aggregations=())
    first = alike.select_steps(0, 2).replace(target_attributions=np.eye(13)[:, [2, 2]])
    assert not first.aggregate("against_other_steps").target_attributions.any()
    with pytest.raises(InputError, match="compares steps"):
        one.select_steps(0, 1).aggregate("against_other_steps")


PROMPT = "George was sick yesterday. His colleagues asked him to come"
OUTPUT = PROMPT + " to the hospital. He was very happy."
CHAT = [{"role": "user", "content": PROMPT}]


@pytest.fixture(scope="module")
def model():
    return wherefrom.load_model("demo:lm")


@pytest.mark.parametrize("method", ["input_x_gradient", "saliency", "attention", "value_norms", "flashtrace"])
def test_law_the_first_hop_of_a_long_output_is_the_span_explained(model, method):
    """With one token as the span nothing is summed, so nothing can cancel: both forms say the same."""
    where = {"span": "happy", "hops": 0}
    asked = (
        wherefrom.trace(model, PROMPT, OUTPUT, method=method, attributed_fn="logit", show_progress=False, **where)
        if method in ("input_x_gradient", "saliency")
        else wherefrom.trace(model, PROMPT, OUTPUT, method=method, show_progress=False, **where)
    )
    options = {"attributed_fn": "logit"} if method in ("input_x_gradient", "saliency") else {}
    whole = model.attribute(PROMPT, OUTPUT, method=method, show_progress=False, **options).trace(**where)
    np.testing.assert_allclose(asked[0].target_attributions[:, 0], whole[0].target_attributions[:, 0], atol=2e-5)


@pytest.mark.parametrize("method", [None, "input_x_gradient", "libra", "gim"])
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_law_a_hop_is_one_forward_and_one_backward_pass(model, hops, method):
    adapter, tally = counting(model.adapter)
    counted = wherefrom.load_model(adapter)
    told = wherefrom.tracing.trace_cost(model, PROMPT, OUTPUT, hops=hops, method=method)
    wherefrom.trace(counted, PROMPT, OUTPUT, hops=hops, method=method, show_progress=False)
    assert (tally.forward_rows, tally.backward_rows) == (hops + 1, hops + 1)
    assert (told.forwards, told.backwards) == (hops + 1, hops + 1)


@pytest.mark.parametrize("method", ["attention", "occlusion", "lime", "integrated_gradients", "context_cite", "alti"])
def test_any_method_can_be_followed(model, method):
    traced = wherefrom.trace(model, PROMPT, OUTPUT, hops=1, method=method, show_progress=False)[0]
    np.testing.assert_allclose(traced.target_attributions.sum(axis=0), 1, atol=1e-6)


def test_weights_of_steps_weigh_their_values(model):
    """A span whose weight lies on one step alone is that step."""
    from wherefrom.questions.target_function import TargetFunction
    from wherefrom.step_functions.base import STEP_FUNCTIONS

    logits = np.random.default_rng(0).normal(size=(3, 5))
    function = TargetFunction(
        function=STEP_FUNCTIONS.get("logit")(), target_ids=np.array([1, 2, 3]), groups=np.zeros(3, int)
    )
    from attrs import evolve

    weighed = evolve(function, weights=np.array([0.0, 2.0, 0.5]))
    assert weighed.values(logits)[0] == pytest.approx(2 * logits[1, 2] + 0.5 * logits[2, 3])
    assert weighed.at(np.array([1])).values(logits[1:2])[0] == pytest.approx(2 * logits[1, 2])


@pytest.fixture(scope="module")
def long_model():
    """A model with random weights that reads 1,200 tokens, and such a text as ids."""
    import torch
    import transformers

    torch.manual_seed(0)
    known = wherefrom.load_model("demo:lm")
    config = transformers.LlamaConfig(
        vocab_size=known.adapter.card.vocabulary,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
    )
    module = transformers.LlamaForCausalLM(config).eval()
    tokenizer = copy.deepcopy(known.tokenizer)
    tokenizer.model_max_length = 2048
    model = wherefrom.load_model(module, tokenizer=tokenizer)
    prompt = model.encode(PROMPT).ids
    return model, np.concatenate([prompt, np.random.default_rng(0).integers(5, 300, 1200 - len(prompt))])


@pytest.mark.parametrize("method", ["input_x_gradient", "flashtrace"])
def test_law_the_cost_of_a_hop_does_not_grow_with_the_span(long_model, method):
    """Spans of 64, 256 and 1,024 tokens: the same passes over the same positions, for each of two hops."""
    model, ids = long_model
    seen = {}
    for length in (64, 256, 1024):
        adapter, tally = counting(model.adapter)
        wherefrom.trace(
            wherefrom.load_model(adapter),
            PROMPT,
            ids.tolist(),
            span=(1200 - length, 1200),
            hops=1,
            method=method,
            show_progress=False,
        )
        seen[length] = (tally.forward_rows, tally.backward_rows, tally.forward_positions)
    assert set(seen.values()) == {(2, 2 if method == "input_x_gradient" else 0, seen[64][2])}
    assert seen[64][2] <= 2 * 1200


@pytest.mark.parametrize("method", [None, "input_x_gradient", "attention", "flashtrace"])
def test_an_encoder_decoder_is_followed_to_its_source(method):
    model = wherefrom.load_model("demo:mt")
    source, said = "Mary sees the green car.", "Mary voit la voiture verte."
    traced = wherefrom.trace(model, source, said, span="verte", hops=2, method=method, show_progress=False)[0]
    arrived = traced.source_attributions.sum(axis=0)
    np.testing.assert_allclose(arrived + traced.target_attributions.sum(axis=0), 1, atol=1e-6)
    assert arrived[-1] >= arrived[0] - 1e-9, "hops bring mass to the source, never away from it"
    assert traced.details["trace"]["missing"] < 0.5
    assert len(traced.source) == traced.source_attributions.shape[0]


def test_what_the_model_generates_is_traced_in_the_same_call(model):
    traced = wherefrom.trace(model, PROMPT, span="all", generation_args={"max_new_tokens": 4}, show_progress=False)
    assert not traced.provenance.constrained_decoding
    assert traced.provenance.arguments["trace"] == {"span": "all", "hops": 1}
    assert traced.provenance.method == {
        "name": "layer_gradient_x_activation",
        "settings": {"depth": 0.3, "multiply_by_inputs": False},
    }
    assert len(traced[0].details["trace"]["positions"]) >= 1


@pytest.mark.parametrize(
    "asked, says",
    [
        ({"prompt": [PROMPT, PROMPT], "output": [OUTPUT, OUTPUT]}, "2 prompts came. Trace them one by one"),
        ({"prompt": PROMPT, "generation_args": {"num_return_sequences": 3}}, "one answer, and generation_args ask for"),
    ],
)
def test_one_answer_is_followed(model, asked, says):
    with pytest.raises(InputError, match=says):
        wherefrom.trace(model, **asked, show_progress=False)


@pytest.mark.parametrize("hops", [-1, None, 1.5, True])
def test_hops_that_are_none_are_refused(model, hops):
    with pytest.raises(SettingsError, match="hops"):
        wherefrom.trace(model, PROMPT, OUTPUT, hops=hops)
    with pytest.raises(SettingsError, match="hops"):
        wherefrom.tracing.trace_cost(model, PROMPT, OUTPUT, hops=hops)


def test_who_asks_for_all_hops_is_told_where_they_are(model):
    with pytest.raises(SettingsError, match=r"result\.trace"):
        wherefrom.trace(model, PROMPT, OUTPUT, hops=None)


def test_a_number_of_numpy_is_a_number_of_hops(model):
    one, other = (wherefrom.trace(model, PROMPT, OUTPUT, hops=hops, show_progress=False) for hops in (1, np.int64(1)))
    assert other[0] == one[0]
    assert other.provenance.arguments == one.provenance.arguments


def test_settings_that_nobody_knows_are_refused(model):
    with pytest.raises(SettingsError, match="n_stepz"):
        wherefrom.trace(model, PROMPT, OUTPUT, method="integrated_gradients", n_stepz=3)
    with pytest.raises(SettingsError, match="leave_out"):
        wherefrom.trace(model, PROMPT, OUTPUT, leave_out="bos")


OTHER = PROMPT + " to the hospital. He was very sad."


@pytest.mark.parametrize("method", ["input_x_gradient", "occlusion", None])
def test_law_without_hops_a_contrast_is_the_contrast_of_the_span(model, method):
    """One token differs: what is traced of it is what attribution with the same contrast says of that step."""
    asked = {"contrast_targets": OTHER, "attributed_fn": "contrast_logits_diff", "method": method}
    if method is None:
        asked |= {"method": "layer_gradient_x_activation", "depth": 0.5}
    traced = wherefrom.trace(model, PROMPT, OUTPUT, span="happy", hops=0, show_progress=False, **asked)[0]
    whole = model.attribute(PROMPT, OUTPUT, show_progress=False, **asked).trace("happy", hops=0)[0]
    np.testing.assert_allclose(traced.target_attributions[:, 0], whole.target_attributions[:, 0], atol=2e-5)
    plain = wherefrom.trace(
        model, PROMPT, OUTPUT, span="happy", hops=0, show_progress=False, **asked | {"contrast_targets": None}
    )[0]
    assert np.abs(traced.target_attributions - plain.target_attributions).max() > 0.01
    (happy,) = (pair for pair in whole.details["contrast"]["pairs"] if pair["target"] == " happy")
    assert traced.details["contrast"] == {**whole.details["contrast"], "pairs": [happy]}


@pytest.mark.parametrize("form", ["the answer", "chat and answer", "messages"])
def test_law_after_a_chat_a_contrast_is_what_attribution_takes_it_for(model, form):
    contrast = {
        "the answer": " to the garden.",
        "chat and answer": model.encode(CHAT).text + " to the garden.",
        "messages": [*CHAT, {"role": "assistant", "content": "to the garden."}],
    }[form]
    asked = {"contrast_targets": contrast, "attributed_fn": "contrast_logits_diff", "method": "input_x_gradient"}
    answer = " to the hospital."
    traced = wherefrom.trace(model, CHAT, answer, span="hospital", hops=0, show_progress=False, **asked)[0]
    whole = model.attribute(CHAT, answer, show_progress=False, **asked)[0]
    (differing,) = (pair for pair in whole.details["contrast"]["pairs"] if pair["target"] != pair["contrast"])
    assert (differing["target"], differing["contrast"]) == (" hospital", " garden")
    assert traced.details["contrast"]["pairs"] == [differing]
    shares = whole.trace("hospital", hops=0).target_attributions[:, 0]
    np.testing.assert_allclose(traced.target_attributions[:, 0], shares, atol=2e-5)


@pytest.mark.parametrize("name", ["pcxmi", "in_context_pvi", "kl_divergence"])
def test_a_trace_that_leads_nowhere_says_why(model, name):
    with pytest.warns(wherefrom.errors.WherefromWarning, match=rf"leads nowhere.*{name} compares with a contrast"):
        wherefrom.trace(model, PROMPT, OUTPUT, span="happy", attributed_fn=name, show_progress=False)


def test_a_trace_without_a_score_above_zero_says_so(model):
    def nothing(prediction):
        return 0 * prediction.at_target(prediction.logits)

    with pytest.warns(wherefrom.errors.WherefromWarning, match="occlusion has no score above 0 there"):
        wherefrom.trace(
            model, PROMPT, OUTPUT, span="happy", method="occlusion", attributed_fn=nothing, show_progress=False
        )


def test_a_contrast_may_end_behind_the_span(model):
    asked = {"contrast_targets": PROMPT + " to the garden", "attributed_fn": "contrast_logits_diff"}
    wherefrom.trace(model, PROMPT, OUTPUT, span="hospital", show_progress=False, **asked)
    with pytest.warns(wherefrom.errors.WherefromWarning, match=r"ends before step 16 \('\. He was very happy\.'\)"):
        wherefrom.trace(model, PROMPT, OUTPUT, span="all", show_progress=False, **asked)


def test_the_cost_is_told_with_the_contrast_that_is_asked_for(model):
    asked = {"contrast_targets": OTHER, "attributed_fn": "contrast_logits_diff", "method": "input_x_gradient"}
    told = wherefrom.tracing.trace_cost(model, PROMPT, OUTPUT, span="happy", hops=1, **asked)
    assert (told.forwards, told.backwards) == (2, 2)


def test_a_contrast_is_followed_through_what_both_texts_say(model):
    """A token compared with itself is zero everywhere, which would end the walk after the span."""
    asked = {"contrast_targets": OTHER, "attributed_fn": "contrast_logits_diff", "method": "input_x_gradient"}
    none, two = (
        wherefrom.trace(model, PROMPT, OUTPUT, span="happy", hops=hops, show_progress=False, **asked)[0]
        for hops in (0, 2)
    )
    np.testing.assert_allclose(none.target_attributions[:18, 0], two.target_attributions[:18, 0], atol=1e-6)
    assert two.details["trace"]["lost"] < 1e-9
    assert two.details["trace"]["missing"] < none.details["trace"]["missing"]
    np.testing.assert_allclose(two.target_attributions.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize(
    "changed, says",
    [
        ({"contrast_targets": OUTPUT}, "says the same"),
        ({"attributed_fn": "kl_divergence"}, "whole predictions"),
        ({"attributed_fn": "logit"}, "compares with it"),
    ],
)
def test_contrasts_that_say_nothing_are_refused(model, changed, says):
    asked = {"contrast_targets": OTHER, "attributed_fn": "contrast_logits_diff"} | changed
    with pytest.raises(wherefrom.errors.UsageError, match=says):
        wherefrom.trace(model, PROMPT, OUTPUT, span="happy", show_progress=False, **asked)


def test_what_steps_were_compared_with_is_told(model):
    asked = {"attributed_fn": "contrast_logits_diff", "contrast_targets": OTHER, "span": "happy", "hops": 0}
    plain, aligned = (
        wherefrom.trace(model, PROMPT, OUTPUT, show_progress=False, **asked, **more)
        for more in ({}, {"contrast_targets_alignments": "auto"})
    )
    assert "contrast_targets_alignments" not in plain.provenance.arguments
    assert aligned.provenance.arguments == {**plain.provenance.arguments, "contrast_targets_alignments": "auto"}


FALLING = {
    "crossentropy": {"attributed_fn": "probability", "logprob": True},
    "surprisal_bits": {"attributed_fn": "probability", "logprob": True},
    "perplexity": {"attributed_fn": "probability", "logprob": True},
    "pcxmi": {"attributed_fn": "logprob_diff", "contrast_targets": OTHER},
    "in_context_pvi": {"attributed_fn": "logprob_diff", "contrast_targets": OTHER},
}
"""Functions that fall where the model becomes surer, and what rises in proportion where they fall."""

WITHOUT_A_FUNCTION = {
    "context_cite": {"n_samples": 16},
    "reagent": {"num_probes": 2, "max_probe_steps": 5},
}
"""Methods that do not look at the target function, and their settings."""


@pytest.mark.parametrize(
    "falling, method",
    [
        *((falling, method) for falling in FALLING for method in ("occlusion", "input_x_gradient", "saliency")),
        ("crossentropy", "attention_gradient_rollout"),  # bits and nats are not the same to it
        *(("crossentropy", method) for method in WITHOUT_A_FUNCTION),
    ],
)
@pytest.mark.filterwarnings("ignore:.*does not look at the target function", "ignore:Objective did not converge")
def test_law_what_is_followed_raises_the_answer(model, falling, method):
    """Also of a function that falls with it, and by a method that cuts off what is negative itself, or asks for no
    function."""
    rising = FALLING[falling] | WITHOUT_A_FUNCTION.get(method, {})
    falls = {**rising, "attributed_fn": falling}
    falls.pop("logprob", None)
    one, other = (
        wherefrom.trace(model, PROMPT, OUTPUT, span="happy", hops=2, method=method, show_progress=False, **asked)[0]
        for asked in (falls, rising)
    )
    np.testing.assert_allclose(one.target_attributions, other.target_attributions, atol=2e-5)
    np.testing.assert_allclose(one.target_attributions.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize("hops", [0, 2, None])
@pytest.mark.parametrize("falling", ["crossentropy", "surprisal_bits", "pcxmi", "in_context_pvi"])
def test_law_a_saved_result_is_followed_to_what_raises_the_answer(model, tmp_path, falling, hops):
    rising = FALLING[falling]
    falls = {**rising, "attributed_fn": falling}
    falls.pop("logprob", None)
    for name, asked in (("one.json", falls), ("other.json", rising)):
        model.attribute(PROMPT, OUTPUT, method="occlusion", show_progress=False, **asked).save(tmp_path / name)
    one, other = (wherefrom.load(tmp_path / name).trace("happy", hops=hops)[0] for name in ("one.json", "other.json"))
    np.testing.assert_allclose(one.target_attributions, other.target_attributions, atol=2e-5)
    assert one.target_attributions.any()
    assert "falls_with_probability" not in one.details, "its masses have no sign"


def test_a_norm_is_not_turned(model):
    """Nor is what is made of it, though that has a sign again."""
    asked = {"method": "integrated_gradients", "n_steps": 4, "attributed_fn": "crossentropy", "show_progress": False}
    norms = model.attribute(PROMPT, OUTPUT, **asked)[0].aggregate("vnorm")
    first = norms.trace("happy", hops=0).target_attributions[:, 0]
    expected = norms.target_attributions[: len(first), -2].astype(np.float64)
    expected[0] = 0
    assert norms.target[norms.attr_pos_end - 2].text.strip() == "happy"
    np.testing.assert_allclose(first[:-1], (expected / expected.sum())[:-1], atol=1e-6)
    apart = norms.aggregate("against_other_steps")
    assert apart.signed
    read = np.maximum(apart.target_attributions[1:18, -2], 0)
    np.testing.assert_allclose(
        apart.trace("happy", hops=0).target_attributions[1:18, 0] > 0, read > 0, err_msg="more than the other steps"
    )


def test_a_contrast_of_ones_own_function_is_followed_by_the_log_probability(model):
    """It says nothing without a contrast, or cannot do without one."""

    def drop(prediction, contrast_targets=None):
        target, other = prediction.compared_log_probabilities()
        assert prediction.contrast is not None
        return other - target

    own, known = (
        wherefrom.trace(
            model,
            PROMPT,
            OUTPUT,
            span="happy",
            hops=2,
            method="occlusion",
            attributed_fn=function,
            contrast_targets=OTHER,
            signed="magnitude",
            show_progress=False,
        )[0]
        for function in (drop, "logprob_diff")
    )
    np.testing.assert_allclose(own.target_attributions, known.target_attributions, atol=2e-5)
    assert own.details["trace"]["lost"] < 1e-9


@pytest.mark.parametrize("method", ["attention", "input_x_gradient"])
def test_special_tokens_of_a_source_are_special(method):
    model = wherefrom.load_model("demo:mt")
    source, said = "Mary reads a book.", "Mary lit un livre."
    asked = {"method": method, "show_progress": False}
    whole = model.attribute(source, said, attribute_target=True, **asked)
    for rule, out in (("sink", False), ("special", True)):
        where = {"span": "livre", "hops": 2, "leave_out": rule}
        for traced in (wherefrom.trace(model, source, said, **where, **asked)[0], whole.trace(**where)[0]):
            special = [token.special for token in traced.source]
            assert any(special)
            assert (traced.source_attributions[special].sum() == 0) == out
            total = traced.source_attributions.sum(axis=0) + traced.target_attributions.sum(axis=0)
            np.testing.assert_allclose(total, 1, atol=1e-6)
