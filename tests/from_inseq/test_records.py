"""Records that scripts make, change and keep."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import re
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
import wherefrom
import wherefrom.inseq as inseq
from wherefrom.errors import (
    FileFormatError,
    InputError,
    SettingsError,
    UnknownNameError,
    WherefromError,
    WherefromWarning,
)
from wherefrom.files import load, save_inseq
from wherefrom.files.wire.inseq import _E4M3, _in_eight_bits
from wherefrom.inseq.attr.feat.feature_attribution import METHOD_NAMES
from wherefrom.inseq.data import BatchEncoding, EncoderDecoderBatch, FeatureAttributionSequenceOutput
from wherefrom.inseq.data.aggregator import (
    AggregatorPipeline,
    PairAggregator,
    SequenceAttributionAggregator,
    SubwordAggregator,
)
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom.inseq.data.attribution import GranularFeatureAttributionSequenceOutput
from wherefrom.inseq.models.model_config import MODEL_CONFIGS, get_model_config
from wherefrom.inseq.utils import (
    filter_logits,
    json_advanced_dumps,
    json_advanced_loads,
    pretty_tensor,
    validate_indices,
)
from wherefrom.inseq.utils.typing import TokenWithId

from tests.core.made import attribution

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


@pytest.fixture(scope="module")
def two(marian: Any) -> inseq.FeatureAttributionOutput:
    """Two translations with scores of both sides."""
    return marian.attribute(
        ["the name of", "it"], ["it is", "good"], attribute_target=True, step_scores=["probability"]
    )


@pytest.mark.parametrize("given", [{"do_aggregation": False}, {"aggregator": "spans", "target_spans": [(0, 1)]}])
@pytest.mark.parametrize("method, inner", [("saliency", r"\d+"), ("attention", r"\d+, \d+")])
def test_dictionaries_of_scores_with_inner_dimensions_say_to_aggregate(
    gpt2: Any, method: str, inner: str, given: dict[str, Any]
) -> None:
    out = gpt2.attribute("the name", "the name of", method=method)
    for one in (out, out[0]):
        with pytest.raises(InputError, match=rf"the shape \(\d+, \d+, {inner}\), and .* Aggregate first"):
            one.get_scores_dicts(**given)
    assert out[0].get_scores_dicts()["target_attributions"]


@pytest.mark.parametrize("options", [{}, {"compress": True}])
def test_files_give_back_what_was_saved(two: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "out.json"
    two.save(path, **options)
    assert inseq.FeatureAttributionOutput.load(path, decompress=bool(options)) == two
    with pytest.raises(InputError, match="overwrite=True"):
        two.save(path)


def weighted(out: Any) -> Any:
    """Scores that count as much as their step's probability."""
    out.weight_attributions("probability")
    return out


DONE: dict[str, Any] = {
    "nothing": lambda out: out,
    "norms": lambda out: out.aggregate(),
    "words": lambda out: out.aggregate(["vnorm", "subwords"], special_chars=("▁", "Ġ")),
    "weights": weighted,
}


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize(
    "kind, options", [("lm", {}), ("lm", {"attr_pos_start": 7}), ("mt", {"attribute_target": True})]
)
def test_files_say_what_was_done_to_scores(kind: str, options: dict[str, Any], done: str, tmp_path: Path) -> None:
    model = inseq.load_model(f"demo:{kind}", "saliency")
    texts = {
        "lm": ("Mary stayed at home", "Mary stayed at home because she was sick"),
        "mt": ("Mary sees the green car.", "Marie voit la voiture verte."),
    }[kind]
    out = DONE[done](model.attribute(*texts, step_scores=["probability"], show_progress=False, **options))
    out.save(tmp_path / "out.json")
    before = as_wherefrom(out)[0]
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out.json")
    assert loaded == out
    assert loaded.info.keys() == out.info.keys()
    assert any(token.special for token in before.target)
    for after in (as_wherefrom(loaded)[0], wherefrom.load(tmp_path / "out.json")[0]):
        for name in ("source", "target", "aggregations", "default_aggregation", "details", "method"):
            assert getattr(after, name) == getattr(before, name), name
    assert loaded.show(display=False, return_html=True) == out.show(display=False, return_html=True)


def test_files_that_were_changed_say_nothing_of_what_is_gone(tmp_path: Path) -> None:
    model = inseq.load_model("demo:lm", "saliency")
    out = model.attribute("Mary stayed at home", "Mary stayed at home because she was sick", show_progress=False)
    out.aggregate().save(tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text("utf-8").replace('"token": "▁sick"', '"token": "▁glad"')
    (tmp_path / "out.json").write_text(text, "utf-8")
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out.json")
    assert loaded[0].target[-1] == "▁glad"
    assert as_wherefrom(loaded)[0].aggregations == ()
    assert as_wherefrom(loaded)[0].target[-1].piece == "▁glad"


def test_records_that_are_no_result_can_be_saved(two: Any, tmp_path: Path) -> None:
    changed = copy.deepcopy(two)
    changed[0].attr_pos_end = 99
    with pytest.raises(WherefromError):
        as_wherefrom(changed)
    changed.save(tmp_path / "out.json")
    assert inseq.FeatureAttributionOutput.load(tmp_path / "out.json") == changed


@pytest.mark.filterwarnings("ignore:.*too small for float8")
@pytest.mark.parametrize("precision, atol", [("float16", 1e-4), ("float8", 1e-2)])
def test_shorter_numbers_are_near(two: Any, tmp_path: Path, precision: str, atol: float) -> None:
    two.save(tmp_path / "out.json", scores_precision=precision)
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out.json")
    torch.testing.assert_close(loaded[0].source_attributions, two[0].source_attributions, atol=atol, rtol=0.2)
    with pytest.raises(SettingsError):
        two.save(tmp_path / "other.json", scores_precision="float4")


@pytest.mark.filterwarnings("ignore:.*too small for float8")
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("precision", ["float32", "float16", "float8"])
def test_shorter_numbers_are_the_same_scores(tmp_path: Path, precision: str, plain: bool) -> None:
    """What the library's files keep beside them is of these, however they were saved again."""
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=(2, 3)) * 10.0 ** rng.integers(-4, 3, size=(2, 3))
    one = attribution(["<s>", " a"], ["x", " y", " z"], 0, id="ex").replace(source_attributions=np.float32(sizes))
    save_inseq(one, tmp_path / "out.json")
    again = inseq.FeatureAttributionOutput.load(tmp_path / "out.json")
    again.save(tmp_path / "again.json", scores_precision=precision, use_primitives=plain)
    assert load(tmp_path / "again.json")[0].id == "ex"
    again[0].source_attributions *= 1.2
    again.save(tmp_path / "other.json", scores_precision=precision, use_primitives=plain)
    assert load(tmp_path / "other.json")[0].id == "ex"
    told, other = (json.loads((tmp_path / name).read_text()) for name in ("again.json", "other.json"))
    inside = [one if plain else one["attributes"] for one in (told, other)]
    inside[1]["info"] = inside[0]["info"]
    (tmp_path / "mixed.json").write_text(json.dumps(other))
    assert load(tmp_path / "mixed.json")[0].id is None, "of other scores nothing was told"
    assert as_wherefrom(inseq.FeatureAttributionOutput.load(tmp_path / "mixed.json"))[0].id is None


def test_rounding_to_eight_bits_is_that_of_torch() -> None:
    halves = (_E4M3[:126] + _E4M3[1:127]) / 2
    near = np.concatenate(
        [_E4M3[:127], halves, np.nextafter(halves, np.float32(9e9)), np.nextafter(halves, np.float32(0))]
    )
    given = np.float32([*near, np.nan, 1e-9])  # beyond the largest, torch's versions differ
    for values in (given, -given):
        expected = torch.from_numpy(values).to(torch.float8_e4m3fn).to(torch.float32).numpy()
        np.testing.assert_array_equal(_in_eight_bits(values), expected)


def test_scores_that_float8_does_not_hold_are_told(two: Any, tmp_path: Path) -> None:
    small = copy.deepcopy(two)
    for one in small:
        one.source_attributions = one.source_attributions * 1e-6
    with pytest.warns(WherefromWarning, match=r"scores are too small for float8.*float16"):
        small.save(tmp_path / "out.json", scores_precision="float8")


def test_files_have_no_other_options(two: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'compress'"):
        two.save(tmp_path / "out.json", compres=True)
    assert not (tmp_path / "out.json").exists()
    two.save(tmp_path / "out.json", ndarray_compact=False, use_primitives=True)
    assert inseq.FeatureAttributionOutput.load(tmp_path / "out.json")[0].source == two[0].source
    with pytest.raises(SettingsError, match="'decompress'"):
        inseq.FeatureAttributionOutput.load(tmp_path / "out.json", decompres=True)


def test_each_sequence_in_a_file_of_its_own(two: Any, tmp_path: Path) -> None:
    two.save(tmp_path / "out.json", split_sequences=True)
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out_1.json")
    assert loaded[0] == two[1]
    assert loaded.info["input_texts"] == ["it"]


def test_files_of_sequences_have_all_of_the_name(two: Any, tmp_path: Path) -> None:
    for name in ("out.json", "out.v1.json"):
        two.save(tmp_path / name, split_sequences=True)
    two.save(tmp_path / "out.v2.json.gz", split_sequences=True, compress=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.v1_0.json",
        "out.v1_1.json",
        "out.v2_0.json.gz",
        "out.v2_1.json.gz",
        "out_0.json",
        "out_1.json",
    ]


def test_the_library_reads_these_files_and_they_its_own(two: Any, tmp_path: Path) -> None:
    two.save(tmp_path / "out.json")
    ours = wherefrom.load(tmp_path / "out.json")
    np.testing.assert_allclose(ours[0].source_attributions, two[0].source_attributions.numpy(), atol=1e-6)
    ours.save(tmp_path / "own.json")
    back = inseq.FeatureAttributionOutput.load(tmp_path / "own.json")
    torch.testing.assert_close(back[0].target_attributions, two[0].target_attributions, equal_nan=True)


def test_a_file_of_other_classes_is_refused() -> None:
    with pytest.raises(FileFormatError, match="Popen"):
        json_advanced_loads(json.dumps({"__instance_type__": ["subprocess", "Popen"], "attributes": {"args": ["ls"]}}))
    assert json_advanced_loads(json_advanced_dumps({"a": [1, None]})) == {"a": [1, None]}


def test_batches_come_from_files() -> None:
    packed = {"__ndarray__": [[1, 2]], "dtype": "int64", "shape": [1, 2], "Corder": True}
    encoding = {"__instance_type__": ["inseq.data.batch", "BatchEncoding"], "attributes": {
        "input_ids": packed, "attention_mask": packed, "input_tokens": [["a", "b"]], "baseline_ids": None,
    }}  # fmt: skip
    batch = json_advanced_loads(json.dumps({"batches": [encoding]}))["batches"][0].torch()
    assert isinstance(batch, BatchEncoding)
    assert batch.input_ids.tolist() == [[1, 2]]
    assert batch[:1].input_ids.tolist() == [[1]]


def test_decoding_changes_tokens_in_place() -> None:
    tokenizer = MagicMock()
    tokenizer.decode.side_effect = lambda ids: {5: "你好", 6: "!"}[ids[0]]
    one = FeatureAttributionSequenceOutput(
        source=[TokenWithId("ä½", 5)],
        target=[TokenWithId("<s>", -1), TokenWithId("ï¼", 6)],
        source_attributions=torch.tensor([[0.5]]),
        attr_pos_start=1,
        attr_pos_end=2,
    )
    assert one.decode_tokens(tokenizer) is one
    assert [token.token for token in (*one.source, *one.target)] == ["你好", "<s>", "!"]
    assert one.source[0] == "你好"
    assert one.source[0] == 5


def test_words_begin_at_marks() -> None:
    tokens = [TokenWithId(text, 1) for text in ("▁In", "se", "q", "▁is", "▁it", ".", "</s>")]
    assert SubwordAggregator.get_spans(tokens, "▁", False) == [(0, 3), (4, 6)]
    suffixes = [TokenWithId(text, 1) for text in ("in", "##se", "is", "</s>")]
    assert SubwordAggregator.get_spans(suffixes, "##", True) == [(0, 2)]
    assert SubwordAggregator.get_spans(tokens, "Ġ", False) == []


def test_words_without_marks_are_told(two: Any) -> None:
    with pytest.warns(WherefromWarning, match=r"No token begins with '@@'.*special_chars"):
        done = two[0].aggregate("subwords", special_chars="@@")
    assert done.source == two[0].source


def shares(one: Any, other: Any) -> bool:
    """Do two records hold a tensor or a token in common?"""
    tensors = [{tensor.untyped_storage().data_ptr() for tensor in record._tensors()} for record in (one, other)]
    tokens = [{id(token) for token in (*record.source, *record.target)} for record in (one, other)]
    return bool(tensors[0] & tensors[1]) or bool(tokens[0] & tokens[1])


AGGREGATIONS: list[dict[str, Any]] = [
    {},
    {"aggregator": "scores", "select_idx": 0},
    {"aggregator": "spans", "source_spans": (0, 2)},
    {"aggregator": "subwords", "special_chars": "Ġ"},
    {"aggregator": "split", "split_pattern": " "},
    {"aggregator": "slices", "source_spans": (0, 2)},
]
IMPOSSIBLE = {"occlusion": ("scores",), "dummy": ("slices",)}
"""Aggregators that have nothing to choose from."""


@pytest.mark.parametrize(
    "method, options",
    [
        pytest.param(method, options, id=f"{method}-{options.get('aggregator')}")
        for method in ("saliency", "occlusion", "attention", "dummy")
        for options in AGGREGATIONS
        if options.get("aggregator") not in IMPOSSIBLE.get(method, ())
    ],
)
def test_what_is_aggregated_shares_nothing_with_what_it_came_from(
    marian: Any, method: str, options: dict[str, Any]
) -> None:
    words = {} if method == "attention" else {"step_scores": ["probability"]}
    out = marian.attribute("the name of", "it is good", method=method, attribute_target=True, **words)
    done = out.aggregate(do_post_aggregation_checks=False, **options)
    assert not shares(done[0], out[0])
    assert not shares(done.aggregate(do_post_aggregation_checks=False)[0], done[0])


def test_what_is_done_to_a_copy_stays_there(marian: Any) -> None:
    out = marian.attribute("the name of", "it is good", method="occlusion", step_scores=["probability"])
    before = copy.deepcopy(out)
    out.aggregate().weight_attributions("probability")
    out.aggregate()[0].step_scores["probability"].mul_(0)
    assert out == before


def test_what_is_weighted_can_be_shown_where_its_tokens_were_merged() -> None:
    model = inseq.load_model("demo:lm", "saliency")
    texts = ("Christine stayed at home", "Christine stayed at home because Christine was sick")
    out = model.attribute(*texts, step_scores=["probability"], show_progress=False)[0]
    before = len(out.target)
    out._aggregator = ["vnorm", "subwords"]
    merged = out.aggregate()
    out.weight_attributions("probability")
    assert (out.attr_pos_start, out.attr_pos_end) == (merged.attr_pos_start, merged.attr_pos_end)
    torch.testing.assert_close(out.step_scores["probability"], merged.step_scores["probability"])
    weighted = merged.target_attributions * merged.step_scores["probability"]
    torch.testing.assert_close(out.target_attributions, weighted, equal_nan=True)
    assert len(out.target) == len(merged.target) < before
    out.show(do_aggregation=False, display=False)


def test_flat_scores_are_merged_by_an_aggregator_that_was_set(gpt2: Any) -> None:
    out = gpt2.attribute("the name of", "the name of it is", method="occlusion")[0]
    given = out.aggregate(AggregatorPipeline([SubwordAggregator]), special_chars="Ġ")
    out._aggregator = AggregatorPipeline([SubwordAggregator])
    kept = out.aggregate(special_chars="Ġ")
    assert len(kept.target) == len(given.target) < len(out.target)
    torch.testing.assert_close(kept.target_attributions, given.target_attributions, equal_nan=True)


SHORT = {
    "reagent": {"num_probes": 1, "max_probe_steps": 1},
    "lime": {"n_samples": 20},
    "gradient_shap": {"n_samples": 2},
    **{name: {"n_steps": 3} for name in METHOD_NAMES if name.endswith("integrated_gradients")},
}
"""Settings by which methods are done soon."""
NOT_PER_DIMENSION = ("attention", "dummy", "occlusion", "value_zeroing")
"""Methods of which inseq has other scores than one for each embedding dimension."""


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")  # so few samples
@pytest.mark.parametrize("kind, text", [("gpt2", "the name of"), ("marian", "it is")])
@pytest.mark.parametrize("method", [name for name in METHOD_NAMES if name not in NOT_PER_DIMENSION])
def test_scores_that_inseq_has_per_dimension_are_aggregated_alike(
    method: str, kind: str, text: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    out = model.attribute("the name", text, method=method, show_progress=False, **SHORT.get(method, {}))
    raw = out[0].target_attributions if kind == "gpt2" else out[0].source_attributions
    assert isinstance(out[0], GranularFeatureAttributionSequenceOutput)
    assert raw.ndim == 3
    sums = raw.nan_to_num().sum(-1)
    for given, expected in (({}, raw.nan_to_num().norm(dim=-1)), ({"aggregator": "sum"}, sums)):
        for asked in (given, {**given, "normalize": False}):
            (done,) = out.aggregate(**asked)
            scores = (done.target_attributions if kind == "gpt2" else done.source_attributions).nan_to_num()
            size = 1.0 if "normalize" in asked else expected.abs().sum(0).clamp_min(1e-30)
            torch.testing.assert_close(scores, expected / size)
            assert done.show(display=False, return_html=True, do_aggregation=False)


@pytest.mark.parametrize("name, options", [("spans", {"target_spans": [(4, 7)]}), ("subwords", {"special_chars": "Ġ"})])
def test_words_are_merged_by_the_function_that_is_asked_for(gpt2: Any, name: str, options: dict[str, Any]) -> None:
    out = gpt2.attribute("the name", "the name of it is us", step_scores=["probability", "entropy"])[0]
    start = out.attr_pos_start
    merged = out.aggregate(name, **options)
    place = next(index for index, token in enumerate(merged.target[merged.attr_pos_start :]) if token.id == -1)
    before = out.target[start : start + place]
    assert merged.target[merged.attr_pos_start :][:place] == before
    width = len(out.target) - len(merged.target) + 1 if name == "spans" else 2
    parts = {key: values[place : place + width] for key, values in out.step_scores.items()}
    for given in (
        {"aggregator": name, "aggregate_fn": "mean"},
        {"aggregator": ["scores", name], "aggregate_fn": ["sum", "mean"]},
        {"aggregator": [("scores", "sum"), (name, "mean")]},
    ):
        done = out.aggregate(**given, **options)
        for key, part in parts.items():
            torch.testing.assert_close(done.step_scores[key][place], part.mean())
    torch.testing.assert_close(merged.step_scores["probability"][place], parts["probability"].prod())
    torch.testing.assert_close(merged.step_scores["entropy"][place], parts["entropy"].sum())


def test_instances_of_aggregators_are_their_classes(gpt2: Any) -> None:
    out = gpt2.attribute("the name", "the name of it", method="saliency")
    expected = out.aggregate(SequenceAttributionAggregator)[0]
    for given in (
        SequenceAttributionAggregator(),
        [SequenceAttributionAggregator()],
        AggregatorPipeline([SequenceAttributionAggregator()]),
        [(SequenceAttributionAggregator(), "vnorm")],
    ):
        assert out[0].aggregate(given) == expected
        assert out.show(aggregator=given, display=False, return_html=True)
    with pytest.raises(UnknownNameError, match="No aggregator"):
        out[0].aggregate(expected)


def test_spans_of_a_prompt_may_be_given_for_both_sides(gpt2: Any) -> None:
    out = gpt2.attribute("the name", "the name of it")[0]
    both = out.aggregate("spans", source_spans=[(0, 2)], target_spans=[(0, 2)])
    assert both == out.aggregate("spans", target_spans=[(0, 2)])
    assert both.source == both.target[: both.attr_pos_start]
    with pytest.raises(InputError, match="target_spans"):
        out.aggregate("spans", source_spans=[(0, 2)])


@pytest.mark.parametrize("method", ["saliency", "attention", "occlusion", "dummy"])
@pytest.mark.parametrize("positions", [{}, {"attr_pos_start": 2}, {"attr_pos_end": 7}])
def test_every_step_has_a_row_for_every_example(marian: Any, method: str, positions: dict[str, int]) -> None:
    out = marian.attribute(
        ["it", "the name of"],
        ["it", "it is good"],
        method=method,
        attribute_target=True,
        step_scores=["probability"],
        output_step_attributions=True,
        **positions,
    )
    counts = [one.attr_pos_end - one.attr_pos_start for one in out]
    assert counts[0] < counts[1] == len(out.step_attributions)
    for index, step in enumerate(out.step_attributions):
        for row, one in enumerate(out):
            place = one.attr_pos_start + index
            score, prefix, (token,) = step.step_scores["probability"][row], step.prefix[row], step.target[row]
            assert step.source[row] == one.source
            assert len(prefix) == place
            if index >= counts[row]:
                expected: Any = torch.tensor(float("nan"))
                assert prefix[: one.attr_pos_end] == one.target[: one.attr_pos_end]
                assert [token, *prefix[one.attr_pos_end :]] == ["<pad>"] * (1 + place - one.attr_pos_end)
            else:
                expected = one.step_scores["probability"][index]
                assert [*prefix, token] == one.target[: place + 1]
            torch.testing.assert_close(score, expected, equal_nan=True)
            for name in ("source_attributions", "target_attributions"):
                scores = getattr(one, name)
                if scores is None:
                    assert getattr(step, name) is None
                    continue
                found = getattr(step, name)[row]
                rows = scores[: len(found)]
                column = rows[:, index] if index < counts[row] else torch.full_like(rows[:, 0], float("nan"))
                torch.testing.assert_close(found[: len(rows)], column, equal_nan=True)
                assert bool(found[len(rows) :].isnan().all())


def test_only_steps_that_are_explained_are_called_by_their_contrasts(gpt2: Any) -> None:
    words = {"attributed_fn": "contrast_prob_diff", "contrast_targets": "the name us good is it"}
    whole = gpt2.attribute("the name", "the name of it is us", **words)[0]
    labelled = [index for index, token in enumerate(whole.target) if token.id == -1]
    assert len(labelled) > 3
    first = labelled[0] + 1
    last = labelled[-1]
    out = gpt2.attribute("the name", "the name of it is us", attr_pos_start=first, attr_pos_end=last, **words)
    (one,), plain = out, gpt2.attribute("the name", "the name of it is us")[0]
    assert [index for index, token in enumerate(one.target) if token.id == -1] == labelled[1:-1]
    assert one.source == plain.target[:first]
    assert one.target[last:] == plain.target[last:]
    assert [token.piece for token in as_wherefrom(out)[0].target[:first]] == [token.token for token in one.source]


def test_pairs_of_other_steps_are_refused(gpt2: Any, marian: Any) -> None:
    texts = ("the name of", "the name of it is")
    every, some = (
        gpt2.attribute(*texts, method="dummy", step_scores=["probability"], attr_pos_start=start)[0]
        for start in (None, 6)
    )
    with pytest.raises(InputError, match="the same steps"):
        every.aggregate("pair", paired_attr=some)
    early, late = (
        marian.attribute("the name of", "it is good", attr_pos_start=start, attr_pos_end=start + 2)[0].aggregate()
        for start in (1, 2)
    )
    with pytest.raises(InputError, match=r"positions 1 to 3 and 2 to 4 \(exclusive\)"):
        early.aggregate("pair", paired_attr=late)
    shorter = every.changed(step_scores={"probability": every.step_scores["probability"][:1]})
    with pytest.raises(InputError, match="'probability' has 2 and 1 values: pairs need one for each step"):
        every.aggregate("pair", paired_attr=shorter)


def test_outputs_are_paired_one_by_one(two: Any) -> None:
    flat = two.aggregate()
    tripled = copy.deepcopy(flat)
    for one in tripled:
        one.source_attributions = 3 * one.source_attributions
    paired = flat.aggregate("pair", paired_attr=tripled)
    for one, was in zip(paired, flat, strict=True):
        torch.testing.assert_close(one.source_attributions, 2 * was.source_attributions)
    with pytest.raises(InputError, match="2 and 1 sequences"):
        flat.aggregate("pair", paired_attr=inseq.FeatureAttributionOutput(tripled.sequence_attributions[:1]))


@pytest.mark.parametrize("aggregator", ["pair", ["subwords", "pair"]])
@pytest.mark.filterwarnings("ignore:No token begins with")
def test_a_name_does_not_say_how_two_are_paired(two: Any, aggregator: Any) -> None:
    one = two[0].aggregate()
    with pytest.raises(SettingsError, match=r"takes a function of two tensors.*'sum'"):
        one.aggregate(aggregator, paired_attr=one, aggregate_fn="sum")
    words = one.aggregate("subwords", "sum", special_chars="Ġ")
    both = one.aggregate(["subwords", "pair"], ["sum", None], special_chars="Ġ", paired_attr=words)
    assert not both.source_attributions.any()


def test_pairs_are_the_other_minus_this(two: Any) -> None:
    first = two[0].aggregate()
    other = first.changed(source_attributions=first.source_attributions * 3)
    paired = first.aggregate(PairAggregator, paired_attr=other)
    torch.testing.assert_close(paired.source_attributions, 2 * first.source_attributions)
    torch.testing.assert_close((first - other).source_attributions, 2 * first.source_attributions)
    with pytest.raises(InputError, match="one shape"):
        first.aggregate("pair", paired_attr=two[1].aggregate())


def test_what_is_left_to_aggregate_is_an_error(two: Any, marian: Any) -> None:
    heads = marian.attribute("the name of", "it is", method="attention", attribute_target=True)[0]
    with pytest.raises(RuntimeError, match="do_post_aggregation_checks"):
        heads.aggregate("mean")
    assert heads.aggregate("mean", do_post_aggregation_checks=False).source_attributions.ndim == 3
    with pytest.raises(UnknownNameError, match="vnorm"):
        two.aggregate("vnrm")
    one_left = heads.aggregate("mean", do_post_aggregation_checks=False)
    torch.testing.assert_close(one_left.aggregate().source_attributions, heads.aggregate().source_attributions)
    assert inseq.FeatureAttributionOutput([one_left]).show(display=False, return_html=True)
    doubled = two[0].aggregate([lambda scores, dim: 2 * scores.sum(dim)], normalize=False)
    torch.testing.assert_close(doubled.source_attributions, 2 * two[0].source_attributions.sum(-1))


@pytest.mark.parametrize(
    "aggregator, settings", [("spans", {"source_spans": (0, 2)}), ("subwords", {"special_chars": ("▁", "Ġ")})]
)
def test_fewer_tokens_may_keep_inner_dimensions(two: Any, aggregator: str, settings: dict[str, Any]) -> None:
    merged = two[0].aggregate(aggregator, **settings)
    assert len(merged.source) < len(two[0].source)
    assert merged.source_attributions.ndim == 3
    assert merged.aggregate().source_attributions.ndim == 2
    for spans in ((0, 2), (np.int64(0), np.int64(2)), [[0, 2]], np.array([[0, 2]])):
        both = two[0].aggregate("spans", source_spans=spans)
        assert len(both.source) == len(two[0].source) - 1
    assert both.source[0].token == two[0].source[0].token + two[0].source[1].token


def test_slices_keep_all_steps(gpt2: Any, two: Any) -> None:
    one = gpt2.attribute("the name of", "the name of it is")[0]
    part = one[1:3]
    assert [str(token) for token in part.target] == [str(t) for t in (*one.target[1:3], *one.target[5:])]
    assert part.attr_pos_end - part.attr_pos_start == 2
    assert two[0][:2].source_attributions.shape[0] == 2
    assert two[0][-1].source == two[0].source[-1:]
    assert two[0][-3:-1].source == two[0].source[-3:-1]
    for nothing in (slice(2, 2), slice(50, 60)):
        with pytest.raises(InputError, match="No input is left"):
            two[0][nothing]
    with pytest.raises(InputError, match="target_spans"):
        one.aggregate("spans", source_spans=(0, 2))


def test_scores_between_tokens_are_cut_with_them(marian: Any) -> None:
    one = marian.attribute("the name of it", "it is good", method="attention")[0].aggregate()
    ours = marian.wherefrom.attribute("the name of it", "it is good", method="attention", attribute_target=False)[0]
    cut, expected = one[1:3], ours.aggregate(["mean", "mean"])[1:3]
    assert (
        set(cut.sequence_scores)
        == set(expected.sequence_scores)
        == {
            "decoder_self_attentions",
            "encoder_self_attentions",
        }
    )
    assert cut.sequence_scores["encoder_self_attentions"].shape == (2, 2)
    assert cut.sequence_scores["decoder_self_attentions"].shape == one.sequence_scores["decoder_self_attentions"].shape
    torch.testing.assert_close(
        cut.sequence_scores["encoder_self_attentions"], one.sequence_scores["encoder_self_attentions"][1:3, 1:3]
    )
    merged = cut.aggregate("spans", source_spans=(0, 2))
    assert merged.sequence_scores["encoder_self_attentions"].shape == (1, 1)
    later = marian.attribute("the name of it", "it is good", method="attention", attr_pos_start=3)[0].aggregate()
    part = later.aggregate("slices", target_spans=(1, 2))
    rows = [1, *range(3, len(later.target))]
    torch.testing.assert_close(
        part.sequence_scores["decoder_self_attentions"],
        later.sequence_scores["decoder_self_attentions"][rows][:, rows],
    )


def test_nothing_is_rescaled_to_nothing(two: Any) -> None:
    zeros = two[0].changed(
        source_attributions=0 * two[0].source_attributions, target_attributions=0 * two[0].target_attributions
    )
    done = zeros.aggregate(normalize=False, rescale=True)
    assert not done.source_attributions.any()


def test_outputs_made_otherwise_do_not_merge(gpt2: Any) -> None:
    one = gpt2.attribute("the name", "the name of")
    with pytest.raises(AssertionError, match="attribution_method"):
        one + gpt2.attribute("the name", "the name of", method="occlusion")


def test_short_targets_give_empty_results(marian: Any) -> None:
    with pytest.warns(WherefromWarning, match=r"target of example 2 has 3 tokens, and none from attr_pos_start=4"):
        out = marian.attribute(
            ["the name of", "a"], ["it is good", "it"], attr_pos_start=4, attr_pos_end=6, attribute_target=True
        )
    first, second = out
    assert (first.attr_pos_start, first.attr_pos_end) == (4, 6)
    assert first.target_attributions.shape[:2] == (6, 2)
    assert second.attr_pos_start == second.attr_pos_end == len(second.target)
    assert second.source_attributions.shape[1] == 0
    assert second.aggregate(second._aggregator).source_attributions.shape[1] == 0
    assert (out.info["attr_pos_start"], out.info["attr_pos_end"]) == (4, 6)


@pytest.mark.filterwarnings("ignore:The target of example 1")
@pytest.mark.parametrize("options", [{"aggregator": ["mean", "mean"]}, {}, {"normalize": False, "rescale": True}])
@pytest.mark.parametrize("method", ["attention", "saliency"])
def test_results_without_steps_are_aggregated_with_others(marian: Any, method: str, options: dict[str, Any]) -> None:
    if method == "saliency" and "aggregator" in options:
        options = {"aggregator": "vnorm"}
    out = marian.attribute(["it", "the name of"], ["it", "it is good"], method=method, attr_pos_start=4)
    done = out.aggregate(**options)
    assert [one.source_attributions.ndim for one in done] == [2, 2]
    assert done[0].source_attributions.shape[1] == 0
    assert bool((done[1].source_attributions != 0).any())


@pytest.mark.parametrize("positions", [{"attr_pos_end": 1}, {"attr_pos_end": 0}, {"attr_pos_end": -100}])
def test_positions_that_leave_nothing_are_an_error(marian: Any, gpt2: Any, positions: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"leave no step of a target of 8 tokens, whose steps are 1 to 7"):
        marian.attribute("the name of", "it is good", **positions)
    with pytest.raises(ValueError, match="leave no step"):
        gpt2.attribute("the name of", "the name of it is", **positions)


def test_decoders_explain_nothing_before_the_prompts_end(gpt2: Any) -> None:
    whole = gpt2.attribute("the name of", "the name of it is")[0]
    for start in (-100, -2, -1, 0, 3):
        one = gpt2.attribute("the name of", "the name of it is", attr_pos_start=start)[0]
        assert (one.attr_pos_start, one.attr_pos_end) == (whole.attr_pos_start, whole.attr_pos_end)
    with pytest.raises(InputError, match="leave no step"):
        gpt2.attribute("the name of", "the name of it is", attr_pos_end=whole.attr_pos_start)


@pytest.mark.parametrize("method", ["saliency", "dummy"])
def test_the_source_of_a_decoder_is_what_precedes_the_first_step(gpt2: Any, method: str) -> None:
    whole = gpt2.attribute("the name of", "the name of it is", method=method)[0]
    start = whole.attr_pos_start + 1
    later = gpt2.attribute("the name of", "the name of it is", method=method, attr_pos_start=start)
    assert later[0].source == later[0].target[:start]
    assert whole.source == whole.target[: start - 1]
    if method == "saliency":
        assert later.aggregate("spans", target_spans=())[0].source == later[0].source
        assert len(as_wherefrom(later)[0].source) == len(whole.source)  # views know where the prompt ends
    else:
        assert as_wherefrom(later)[0].step_scores == {}


def test_generated_texts_are_what_was_generated(gpt2: Any, marian: Any) -> None:
    generation = {"max_new_tokens": 4}
    plain = gpt2.attribute("the name", generation_args=generation).info["generated_texts"]
    compared = gpt2.attribute(
        "the name",
        attributed_fn="contrast_prob_diff",
        contrast_targets="the name of it is us of it",
        generation_args=generation,
    )
    assert any(token.id == -1 for token in compared[0].target)
    assert compared.info["generated_texts"] == plain
    continued = marian.attribute(
        "the name of", "it is", generate_from_target_prefix=True, generation_args={"max_new_tokens": 5}
    )
    (text,) = continued.info["generated_texts"]
    assert text.startswith("it is")
    assert len(text) > len("it is")
    assert continued.info["constrained_decoding"] is True


SAMPLED = {"do_sample": True, "temperature": 5.0, "max_new_tokens": 8}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["gpt2", "marian"])
@pytest.mark.parametrize("texts", [["the name of"], ["the name of", "it"]])
def test_sampled_answers_are_those_that_generate_draws(texts: list[str], kind: str, seed: int) -> None:
    model = inseq.load_model(str(MODELS / f"{kind}-tiny"), "saliency", device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        said = model.generate(texts, **SAMPLED)
        after = torch.get_rng_state()
        torch.manual_seed(seed)
        explained = model.attribute(texts, generation_args=SAMPLED)
        assert torch.equal(torch.get_rng_state(), after)
    ids = [[token.id for token in one.target] for one in explained]
    assert [model.tokenizer.decode(own, skip_special_tokens=True) for own in ids] == said


@pytest.mark.parametrize("positions", [{}, {"attr_pos_end": 18}])
def test_no_two_sampled_answers_are_the_same_draw(positions: dict[str, int], gpt2: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = [gpt2.attribute(["the name of"] * 2, generation_args=SAMPLED, **positions) for _ in range(2)]
        assert len({text for out in draws for text in out.info["generated_texts"]}) == 4


def test_random_numbers_stay_where_nothing_is_sampled(gpt2: Any) -> None:
    before = torch.get_rng_state()
    gpt2.attribute("the name of", generation_args={"max_new_tokens": 2})
    assert torch.equal(torch.get_rng_state(), before)


def test_an_empty_prompt_begins_with_the_beginning(gpt2: Any) -> None:
    out = gpt2.attribute("", "hello")
    assert out[0].target[0] == gpt2.bos_token
    assert out[0].attr_pos_start == 1


def test_the_default_target_can_be_set(gpt2: Any) -> None:
    before = gpt2.attribute("the name", "the name of")[0].target_attributions
    gpt2.set_attributed_fn = "logit"
    try:
        after = gpt2.attribute("the name", "the name of")
        assert after.info["attributed_fn"] == "logit_fn"
        assert not torch.allclose(before, after[0].target_attributions, equal_nan=True)
    finally:
        gpt2.set_attributed_fn = "probability"


def test_a_word_nobody_takes_is_told(gpt2: Any, caplog: pytest.LogCaptureFixture) -> None:
    out = gpt2.attribute("the name", "the name of", n_steps=3, whatever=1)
    assert "whatever" in caplog.text
    assert out.info["attribution_args"] == {}


def test_the_model_has_inseqs_words(gpt2: Any, marian: Any) -> None:
    batch = gpt2.encode(["the name", "it"], return_baseline=True)
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert gpt2.decode(batch.input_ids) == ["the name", "it"]
    assert gpt2.embed("the name").shape == (1, 4, 32)
    assert gpt2.convert_tokens_to_ids(gpt2.convert_string_to_tokens("it is")) == [379, 292]
    texts, output = gpt2.generate(["the name"], max_new_tokens=2, return_generation_output=True)[0]
    assert texts[0].startswith("the name")
    assert output.sequences.shape[1] == 6
    target = marian.formatter.prepare_inputs_for_attribution(marian, ("the name", "it is"))
    assert isinstance(target, EncoderDecoderBatch)
    logits = marian.output2logits(marian.get_forward_output(target[:2]))
    args = marian.formatter.format_step_function_args(
        attribution_model=marian,
        forward_output=marian.get_forward_output(target[:2]),
        target_ids=target.get_step_target(2),
        batch=target[:2],
    )
    from_function = inseq.attr.step_functions.get_step_scores("probability", args)
    torch.testing.assert_close(from_function, logits.softmax(-1)[0, target.target_ids[0, 2]].reshape(1))


def test_a_mask_may_be_given_to_generate(gpt2: Any, marian: Any) -> None:
    for model in (gpt2, marian):
        batch = model.encode(["the name", "it"])
        plain = model.generate(batch, max_new_tokens=3)
        assert model.generate(batch, attention_mask=batch.attention_mask, max_new_tokens=3) == plain
    hidden = gpt2.encode(["the name"]).attention_mask.clone()
    hidden[0, 0] = 0
    first = gpt2.generate(["the name"], max_new_tokens=1, return_generation_output=True, output_scores=True)[0][1]
    other = gpt2.generate(
        ["the name"], max_new_tokens=1, return_generation_output=True, output_scores=True, attention_mask=hidden
    )[0][1]
    assert not torch.allclose(first.scores[0], other.scores[0])


def test_configurations_are_kept_and_not_needed(gpt2: Any) -> None:
    there = MODEL_CONFIGS["GPT2LMHeadModel"]
    del MODEL_CONFIGS["GPT2LMHeadModel"]
    with pytest.warns(UserWarning, match="works without"):
        gpt2.get_attribution_method("value_zeroing")
    MODEL_CONFIGS["GPT2LMHeadModel"] = there
    assert gpt2.get_attribution_method("value_zeroing").method_name == "value_zeroing"


def test_configurations_are_names_that_transformers_has() -> None:
    import transformers

    for name, config in MODEL_CONFIGS.items():
        code = inspect.getsource(importlib.import_module(getattr(transformers, name).__module__))
        assert f"self.{config.self_attention_module} =" in code, name
        assert re.search(rf"\b{config.value_vector}\b", code), name
        assert config.cross_attention_module is None or f"self.{config.cross_attention_module} =" in code, name


@pytest.mark.parametrize("is_encoder_decoder, cross", [(False, None), (True, "cross_attention")])
def test_an_unknown_class_has_the_default_configuration(is_encoder_decoder: bool, cross: str | None) -> None:
    with pytest.warns(UserWarning, match="not found. Using default"):
        found = get_model_config("NoSuchModel", is_encoder_decoder=is_encoder_decoder)
    assert found.cross_attention_module == cross
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_model_config("MarianMTModel").cross_attention_module == "encoder_attn"


def test_logits_are_filtered() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 5.0, 4.0, 3.0, 2.0]])
    kept = torch.isfinite(filter_logits(logits, top_k=2))
    assert kept.tolist() == [[False, False, False, True, True], [True, True, False, False, False]]
    assert torch.isfinite(filter_logits(logits, top_p=0.9)).sum(-1).tolist() == [3, 3]
    ours, theirs = filter_logits(logits, contrast_logits=logits.flip(-1) * 2, top_k=1)
    assert torch.isfinite(ours).tolist() == torch.isfinite(theirs).tolist()


def test_small_things() -> None:
    assert pretty_tensor(None) == "None"
    assert pretty_tensor(torch.ones(2, 21, 1)).startswith("torch.float32 tensor of shape [2, 21, 1]")
    assert validate_indices(torch.ones(2, 4), indices=(1, 3)).tolist() == [1, 2]
    with pytest.raises(InputError):
        validate_indices(torch.ones(2, 4), indices=[1, 1])
