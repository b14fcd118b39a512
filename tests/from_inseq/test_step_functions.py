"""Step functions of custom, and inseq's own where a script calls them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import ModelCapabilityError, SettingsError, ShapeError, WherefromWarning
from wherefrom.inseq.attr.step_functions import STEP_SCORES_MAP, _get_contrast_inputs, probability_fn

CONTRASTIVE = (
    "contrast_logits",
    "contrast_prob",
    "contrast_logits_diff",
    "contrast_prob_diff",
    "pcxmi",
    "kl_divergence",
    "in_context_pvi",
)
SOURCE, TARGET = "the name of", "it is good"
PROMPT, WHOLE = "the name of", "the name of it is"


@pytest.mark.parametrize("name", CONTRASTIVE)
@pytest.mark.parametrize(
    "contrast",
    [
        {"contrast_sources": "it was"},
        {"contrast_targets": "it was good"},
        {"contrast_sources": "it was", "contrast_targets": "it was good"},
    ],
    ids=["source", "target", "both"],
)
def test_a_function_that_is_called_compares_as_the_library_does(
    name: str, contrast: dict[str, str], marian: Any, registered: None
) -> None:
    called = STEP_SCORES_MAP[name]

    def own(args: Any, contrast_sources: Any = None, contrast_targets: Any = None) -> Any:
        return called(args, contrast_sources=contrast_sources, contrast_targets=contrast_targets)

    inseq.register_step_function(own, "own")
    scores = marian.attribute(SOURCE, TARGET, method="dummy", step_scores=["own", name], **contrast)[0].step_scores
    torch.testing.assert_close(scores["own"], scores[name], atol=1e-5, rtol=1e-4)
    assert bool((scores[name] != 0).any())


@pytest.mark.parametrize("filters", [{"top_p": 0.3}, {"top_k": 3}, {"top_p": 0.2, "top_k": 4}])
@pytest.mark.parametrize("kind", ["gpt2", "marian"])
def test_a_filtered_divergence_that_is_called_is_the_librarys(
    kind: str, filters: dict[str, Any], registered: None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    called = STEP_SCORES_MAP["kl_divergence"]

    def own(args: Any, contrast_targets: Any = None) -> Any:
        return called(args, contrast_targets=contrast_targets, **filters)

    inseq.register_step_function(own, "own")
    source, target, other = (PROMPT, WHOLE, "the name us it is") if kind == "gpt2" else (SOURCE, TARGET, "it was good")
    asked = {"step_scores": ["own", "kl_divergence"], "contrast_targets": other, **filters}
    scores = model.attribute(source, target, method="dummy", **asked)[0].step_scores
    torch.testing.assert_close(scores["own"], scores["kl_divergence"], atol=1e-7, rtol=1e-4)
    assert bool((scores["own"] > 1e-5).any())


LOGITS_ALONE = (
    "deeplift", "layer_deeplift", "layer_gradient_x_activation", "layer_integrated_gradients", "gim", "libra",
    "attention_gradient_rollout",
)  # fmt: skip


def own_logit(args: Any) -> Any:
    """The logit of the token, in inseq's words."""
    return args.attribution_model.output2logits(args.forward_output).gather(-1, args.target_ids[:, None]).squeeze(-1)


@pytest.mark.parametrize("method", LOGITS_ALONE)
@pytest.mark.parametrize("kind, layer", [("gpt2", "transformer.h.1"), ("marian", "model.decoder.layers.1")])
def test_a_function_of_logits_may_be_the_target_of_every_method(
    kind: str, layer: str, method: str, registered: None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    inseq.register_step_function(own_logit, "own_logit")
    source, target = (PROMPT, WHOLE) if kind == "gpt2" else (SOURCE, TARGET)
    inner = {"target_layer": layer} if method.startswith("layer") else {}
    options = {"method": method, "attribute_target": kind == "marian", **inner}
    (own,), (plain,) = (model.attribute(source, target, attributed_fn=one, **options) for one in ("own_logit", "logit"))
    assert bool(plain.target_attributions.nan_to_num().any())
    torch.testing.assert_close(own.target_attributions, plain.target_attributions, equal_nan=True)
    torch.testing.assert_close(own.source_attributions, plain.source_attributions, equal_nan=True)


def test_a_function_of_more_than_logits_is_told_what_it_asks_for(gpt2: Any, registered: None) -> None:
    inseq.register_step_function(lambda args: probability_fn(args) * args.decoder_input_ids.shape[1], "own")
    with pytest.raises(ModelCapabilityError, match="asks for input ids"):
        gpt2.attribute(PROMPT, WHOLE, method="deeplift", attributed_fn="own")


def test_a_source_is_compared_in_a_function_of_ones_own(marian: Any, registered: None) -> None:
    def own(args: Any, contrast_sources: Any) -> Any:
        there = _get_contrast_inputs(args, contrast_sources=contrast_sources)
        assert there.target_ids.tolist() == args.target_ids.tolist()
        said = args.attribution_model.output2logits(args.attribution_model.get_forward_output(there.batch))
        return said.softmax(-1).gather(-1, there.target_ids[:, None]).squeeze(-1)

    inseq.register_step_function(own, "own")
    scores = marian.attribute(
        SOURCE, TARGET, method="dummy", step_scores=["own", "contrast_prob", "probability"], contrast_sources="it was"
    )[0].step_scores
    torch.testing.assert_close(scores["own"], scores["contrast_prob"])
    assert not torch.allclose(scores["own"], scores["probability"], rtol=0.01)


def test_a_function_is_given_what_it_names_and_what_is_meant_for_it(gpt2: Any, registered: None) -> None:
    given: list[dict[str, Any]] = []

    def takes_all(args: Any, **kwargs: Any) -> Any:
        given.append(kwargs)
        return probability_fn(args)

    def names_one(args: Any, temperature: float = 1.0) -> Any:
        return probability_fn(args) * temperature

    inseq.register_step_function(takes_all, "takes_all")
    inseq.register_step_function(names_one, "names_one")
    out = gpt2.attribute(
        PROMPT,
        WHOLE,
        method="integrated_gradients",
        n_steps=2,
        temperature=3.0,
        step_scores=["takes_all", "names_one", "probability"],
        step_scores_args={"depth": 4},
    )
    assert given
    assert all(one == {"depth": 4} for one in given)
    torch.testing.assert_close(out[0].step_scores["names_one"], 3 * out[0].step_scores["probability"])


@pytest.mark.parametrize("skip", [True, False])
def test_special_tokens_are_told_to_who_asks(skip: bool, gpt2: Any, registered: None) -> None:
    given = []

    def asks(args: Any, skip_special_tokens: bool | None = None) -> Any:
        given.append(skip_special_tokens)
        return probability_fn(args)

    inseq.register_step_function(asks, "asks")
    gpt2.attribute(PROMPT, WHOLE, method="dummy", step_scores=["asks"], skip_special_tokens=skip)
    assert set(given) == {skip}


@pytest.mark.parametrize("kind", ["marian", "gpt2"])
def test_without_dropout_there_is_no_doubt(kind: str, registered: None, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    parts = [part for part in model.model.modules() if isinstance(part, torch.nn.Dropout)]
    rates = [(part, part.p) for part in parts]
    plain = [(part, part.dropout) for part in model.model.modules() if isinstance(vars(part).get("dropout"), float)]
    texts = (SOURCE, TARGET) if kind == "marian" else (PROMPT, WHOLE)

    def own(args: Any) -> Any:
        return STEP_SCORES_MAP["mc_dropout_prob_avg"](args)

    inseq.register_step_function(own, "own")
    try:
        for part in parts:
            part.p = 0.0
        for part, _ in plain:
            part.dropout = 0.0
        with pytest.warns(WherefromWarning, match="has no dropout"):
            out = model.attribute(*texts, method="dummy", step_scores=["mc_dropout_prob_avg", "own"])
    finally:
        for part, rate in rates:
            part.p = rate
        for part, rate in plain:
            part.dropout = rate
    assert not out[0].step_scores["mc_dropout_prob_avg"].any()
    assert not out[0].step_scores["own"].any()


def test_doubt_is_the_librarys_standard_score(gpt2: Any) -> None:
    out = gpt2.attribute(PROMPT, WHOLE, method="dummy", step_scores=["mc_dropout_prob_avg"], n_mcd_steps=4)
    ours = gpt2.wherefrom.attribute(PROMPT, WHOLE, method="dummy", step_scores=["mc_dropout_zscore"], n_mcd_steps=4)
    expected = torch.tensor(ours[0].step_scores["mc_dropout_zscore"])
    assert bool((expected != 0).any())
    torch.testing.assert_close(out[0].step_scores["mc_dropout_prob_avg"], expected)
    assert out.info["step_scores_args"] == {"n_mcd_steps": 4}


@pytest.mark.parametrize("alignments", ["auto", [[1, 1], [2, 3]], [(1, 1), (2, 3)], [[(1, 1), (2, 3)]]])
@pytest.mark.parametrize("start", [None, 2])
def test_alignments_are_read_alike_by_functions_of_custom(
    alignments: Any, start: int | None, marian: Any, registered: None
) -> None:
    def own(args: Any, contrast_targets: Any, contrast_targets_alignments: Any = None) -> Any:
        return STEP_SCORES_MAP["contrast_prob"](
            args, contrast_targets=contrast_targets, contrast_targets_alignments=contrast_targets_alignments
        )

    inseq.register_step_function(own, "own")
    scores = marian.attribute(
        SOURCE,
        TARGET,
        method="dummy",
        step_scores=["own", "contrast_prob"],
        contrast_targets="it was so good",
        contrast_targets_alignments=alignments,
        attr_pos_start=start,
    )[0].step_scores
    torch.testing.assert_close(scores["own"], scores["contrast_prob"])


@pytest.mark.parametrize("kind", ["marian", "gpt2"])
def test_states_and_attention_are_found_by_their_keys(
    kind: str, registered: None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    texts = (SOURCE, TARGET) if kind == "marian" else (PROMPT, WHOLE)
    implementation = model.model.config._attn_implementation

    def looks(args: Any) -> Any:
        output, model = args.forward_output, args.attribution_model
        again = model.get_forward_output(
            model.formatter.convert_args_to_batch(args), output_attentions=True, output_hidden_states=True
        )
        for read in (model.get_hidden_states_dict, model.get_attentions_dict):
            found, expected = read(output), read(again)
            assert set(found) == set(expected)
            assert found
            for name, values in expected.items():
                torch.testing.assert_close(found[name], values, atol=1e-5, rtol=1e-4)
                torch.testing.assert_close(torch.stack(list(output[name])), values, atol=1e-5, rtol=1e-4)
        with pytest.raises(AttributeError, match="logits"):
            _ = output.nothing
        with pytest.raises(KeyError):
            output["nothing"]
        return probability_fn(args)

    inseq.register_step_function(looks, "looks")
    try:
        model.model.set_attn_implementation("eager")
        scores = model.attribute(*texts, method="dummy", step_scores=["looks", "probability"])[0].step_scores
    finally:
        model.model.set_attn_implementation(implementation)
    torch.testing.assert_close(scores["looks"], scores["probability"])


def test_attention_that_a_model_does_not_show_is_told(gpt2: Any, registered: None) -> None:
    implementation = gpt2.model.config._attn_implementation

    def looks(args: Any) -> Any:
        return args.forward_output.attentions[0].sum()

    inseq.register_step_function(looks, "looks")
    try:
        gpt2.model.set_attn_implementation("sdpa")
        with pytest.raises(ModelCapabilityError, match="eager"):
            gpt2.attribute(PROMPT, WHOLE, method="dummy", step_scores=["looks"])
    finally:
        gpt2.model.set_attn_implementation(implementation)


def test_one_score_may_be_named_alone(gpt2: Any) -> None:
    out = gpt2.attribute(PROMPT, WHOLE, step_scores="probability")
    assert list(out[0].step_scores) == out.info["step_scores"] == ["probability"]


@pytest.mark.parametrize("method", ["saliency", "occlusion", "dummy"])
@pytest.mark.parametrize("kind", ["marian", "gpt2"])
def test_a_score_may_differentiate_what_the_model_says(
    kind: str, method: str, registered: None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    name = "decoder_hidden_states" if kind == "marian" else "hidden_states"

    def states(args: Any) -> Any:
        batch = args.attribution_model.formatter.convert_args_to_batch(args)
        return args.attribution_model.get_forward_output(batch, output_hidden_states=True)[name]

    def slope(args: Any) -> Any:
        found = states(args)
        return torch.autograd.grad(found[-1][:, -1].square().sum(), found[-2])[0].norm()

    def steepness(args: Any) -> Any:
        found = states(args)
        return torch.autograd.grad(found[-1][:, -1].square().sum(), args.decoder_input_embeds)[0].norm()

    inseq.register_step_function(slope, "slope")
    inseq.register_step_function(steepness, "steepness")
    texts = (SOURCE, TARGET) if kind == "marian" else (PROMPT, WHOLE)
    before = [weight.requires_grad for weight in model.model.parameters()]
    (out,) = model.attribute(*texts, method=method, step_scores=["slope", "steepness"], show_progress=False)
    assert not out.step_scores["slope"].requires_grad
    assert [weight.requires_grad for weight in model.model.parameters()] == before
    ids = torch.tensor([[token.id for token in out.target]])
    more = {"input_ids": torch.tensor([[token.id for token in out.source]])} if kind == "marian" else {}
    for index, place in enumerate(range(out.attr_pos_start, out.attr_pos_end)):
        words = {"decoder_input_ids" if kind == "marian" else "input_ids": ids[:, :place]}
        found = model.model(**words, **more, output_hidden_states=True)[name]
        (expected,) = torch.autograd.grad(found[-1][:, -1].square().sum(), found[-2])
        torch.testing.assert_close(out.step_scores["slope"][index], expected.norm(), rtol=1e-4, atol=1e-6)
    assert bool((out.step_scores["steepness"] > 0).all())


def test_several_values_for_a_token_are_told(gpt2: Any, registered: None) -> None:
    def top3(args: Any) -> Any:
        return args.attribution_model.output2logits(args.forward_output).topk(3, -1).values

    inseq.register_step_function(top3, "top3")
    with pytest.raises(ShapeError, match=r"shape \(1, 3\) .* a function for each"):
        gpt2.attribute(PROMPT, WHOLE, method="dummy", step_scores=["top3"])


def test_functions_that_merge_no_dimension_are_told_at_registration(
    gpt2: Any, registered: None, caplog: pytest.LogCaptureFixture
) -> None:
    def whole(scores: Any) -> Any:
        return scores.prod(dim=1, keepdim=True)

    def product(scores: Any, dim: int) -> Any:
        return scores.prod(dim)

    def own(args: Any) -> Any:
        return probability_fn(args)

    inseq.register_step_function(own, "own", aggregate_map={"span_aggregate": whole})
    assert "span_aggregate" in caplog.text
    with pytest.raises(SettingsError, match=r"fn\(scores, dim=0\)"):
        inseq.register_step_function(own, "other", aggregate_map={"spans": whole})
    assert "other" not in inseq.list_step_functions()
    for name, function in (("older", product), ("torch", torch.prod), ("named", "prod"), ("fitting", product)):
        kind = "span_aggregate" if name == "older" else "spans"
        inseq.register_step_function(own, name, aggregate_map={kind: function})
    names = ["own", "older", "torch", "named", "fitting"]
    (out,) = gpt2.attribute(PROMPT, WHOLE, step_scores=names, show_progress=False)
    done = out.aggregate("spans", target_spans=[(out.attr_pos_start, out.attr_pos_start + 2)])
    part = out.step_scores["own"][:2]
    torch.testing.assert_close(done.step_scores["own"][0], part.max())
    for name in names[1:]:
        torch.testing.assert_close(done.step_scores[name][0], part.prod())
