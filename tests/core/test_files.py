"""Saving and loading never changes a number, a token or a stage; damaged files end in one clear error."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from wherefrom.context import ContextAttribution
from wherefrom.errors import FileFormatError, InputError, SettingsError, UsageError, WherefromError, WherefromWarning
from wherefrom.evaluation import Evaluation, read_gold
from wherefrom.evaluation.bench import load_prompts, read_bench
from wherefrom.files import load, open_run, save_inseq, write_run
from wherefrom.files.wire.arrays import decode_array, encode_array
from wherefrom.files.wire.limits import Budget
from wherefrom.inseq import FeatureAttributionOutput
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment, Token

from tests.core import golden
from tests.core.made import attribution

WRITTEN = Path(__file__).parents[1] / "data" / "files"
FORMATS = ["json", "jsonl", "msgpack"]
SUFFIXES = [".json", ".json.gz", ".json.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".msgpack", ".msgpack.zst", ".txt"]


METHODS = sorted({case["method"] for case in golden.cases(".agg.")})


def assert_same(one: Attributions, other: Attributions) -> None:
    assert len(one) == len(other)
    assert one.provenance == other.provenance
    assert one.extra == other.extra
    for a, b in zip(one, other, strict=True):
        for name in Attribution.__struct_fields__:
            x, y = getattr(a, name), getattr(b, name)
            if isinstance(x, np.ndarray):
                assert_same_array(x, y)
            elif name in ("step_scores", "sequence_scores"):
                assert list(x) == list(y)
                for key in x:
                    assert_same_array(x[key], y[key])
            else:
                assert x == y, name


def assert_same_array(x: np.ndarray, y: np.ndarray) -> None:
    assert x.dtype == y.dtype
    np.testing.assert_array_equal(x, y)


def example(**changes: Any) -> Attribution:
    """One example with every field filled."""
    source = tuple(
        Token(id=i, piece=piece, text=piece.replace("▁", " "), position=i, start=start, end=end, word=word)
        for i, (piece, start, end, word) in enumerate([("▁Hal", 0, 3, 0), ("lo", 3, 5, 0), ("▁Welt", 6, 10, 1)])
    )
    target = (
        Token(id=0, piece="<s>", text="<s>", position=0, special=True),
        Token(id=7, piece="Hello", text="Hello", position=1, start=0, end=5, word=0),
        Token(id=-1, piece="Ġwor|ld", text=" world", position=2, size=2, start=5, end=11, word=1),
        Token(id=9, piece="ðŁĻĤ", text="🙂", position=4, start=11, end=12, word=4),
    )
    rng = np.random.default_rng(3)
    made = Attribution(
        source=source,
        target=target,
        attr_pos_start=1,
        attr_pos_end=4,
        source_attributions=rng.normal(size=(3, 3, 4, 8)).astype(np.float32),
        target_attributions=rng.normal(size=(4, 3, 4, 8)).astype(np.float32),
        step_scores={"probability": np.float32([0.1, 0.2, 0.3]), "entropy": np.array([1e-30, np.inf, 2.0])},
        sequence_scores={"encoder_self_attentions": rng.random((3, 3, 4, 8))},
        dimensions=("layer", "head"),
        method="attention",
        signed=False,
        default_aggregation=golden.MEAN * 2,
        aggregations=(Stage(name="rescale"),),
        step_aggregation={"probability": "prod"},
        segments=(Segment(side="source", start=0, end=2, kind="turn", label="user"),),
        id="ex-1",
        details={"points": [5, 9], "gap": float("nan"), "huge": 10**30, "text": "</script>\u2028"},
    )
    return made.replace(**changes)


def result(*examples: Attribution) -> Attributions:
    return Attributions(
        sequence_attributions=examples
        or (example(), example(id="ex-2", source=example().target[:2], source_attributions=None)),
        provenance=Provenance(
            library_version="0.1",
            method={"name": "attention", "settings": {}},
            seed=3,
            warnings=["w"],
            extra={"later": [1]},
        ),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_everything_survives_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    made = result()
    made.save(path)
    back = Attributions.load(path)
    nan = back[0].details.pop("gap"), made[0].details.pop("gap")
    back[1].details.pop("gap"), made[1].details.pop("gap")
    assert all(np.isnan(nan))
    assert_same(made, back)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_every_methods_output_survives_raw_and_aggregated(method: str, format: str) -> None:
    for case in [one for one in golden.cases(".agg.") if one["method"] == method][:3]:
        raw = Attributions(sequence_attributions=tuple(made for _, made, _ in golden.attributions(case)))
        for made in (raw, raw.aggregate()):
            back = Attributions.from_bytes(made.to_bytes(format))
            assert_same(made, back)
            assert_same(made.aggregate(), back.aggregate())


def test_json_is_strict_and_an_example_is_a_line() -> None:
    text = result().to_json()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(text, parse_constant=refuse)
    assert document["format"] == "wherefrom"
    assert text.count("\n") == 2 + len(document["examples"])
    assert document["examples"][0]["step_scores"]["probability"]["values"] == [0.1, 0.2, 0.3]


def test_half_precision_is_asked_for_and_spares_step_scores(tmp_path: Path) -> None:
    made = result(example(step_scores={"probability": np.float32(np.linspace(0, 1, 3) / 3)}))
    made.save(tmp_path / "full.json")
    made.save(tmp_path / "half.json", scores_precision="float16")
    back = Attributions.load(tmp_path / "half.json")
    np.testing.assert_array_equal(back[0].step_scores["probability"], made[0].step_scores["probability"])
    assert back[0].source_attributions.dtype == np.float32
    np.testing.assert_allclose(back[0].source_attributions, made[0].source_attributions, rtol=1e-3, atol=1e-7)
    assert '"stored":"scaled float16"' in (tmp_path / "half.json").read_text()
    assert (tmp_path / "half.json").stat().st_size < 0.75 * (tmp_path / "full.json").stat().st_size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (40,), (0, 3), (2, 3), (30, 5), (9, 4, 8), (6, 3, 2, 7)])
def test_half_precision_keeps_the_digits_of_small_and_large_steps(shape: tuple[int, ...], dtype: str) -> None:
    """Gradients of sure tokens are 1e-8 and less, sums of logits 1e6 and more: each step has a scale of its own."""
    rng = np.random.default_rng(0)
    sizes = np.resize([1.0, 3e-8, 2e6, 1e-30, 1e30], shape[1] if len(shape) > 1 else 1)
    beside = sizes.reshape(-1, *(1,) * max(len(shape) - 2, 0)) if len(shape) > 1 else sizes[0]
    true = (rng.normal(size=shape) * beside).astype(dtype)
    if true.size > 3:
        true.flat[0], true.flat[1] = np.nan, 0.0
    wire = encode_array(true, narrow=True)
    back = decode_array(wire, Budget(10**6), "here")
    assert back.dtype == true.dtype
    assert back.shape == true.shape
    largest = np.nanmax(np.abs(true), axis=tuple(n for n in range(true.ndim) if n != 1), keepdims=True, initial=0.0)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(true))
    off, allowed = np.abs(back - true), np.abs(true) * 2.0**-11 + largest * 2.0**-39
    assert (off <= allowed)[~np.isnan(true)].all()


@pytest.mark.parametrize(
    "change", [{"exponents": None}, {"exponents": [1]}, {"exponents": [9, 9, 10**9]}, {"dtype": "int32"}]
)
def test_damaged_scales_are_told(change: dict[str, Any]) -> None:
    wire = encode_array(np.ones((9, 3)), narrow=True)
    with pytest.raises(FileFormatError, match="exponent"):
        decode_array(msgspec.structs.replace(wire, **change), Budget(10**6), "here")


def test_a_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("mine")
    with pytest.raises(InputError, match="overwrite=True"):
        result().save(path)
    assert path.read_text() == "mine"
    result().save(path, overwrite=True)
    assert len(Attributions.load(path)) == 2
    with pytest.raises(InputError, match="no folder"):
        result().save(tmp_path / "nowhere" / "out.json")


def test_a_failed_write_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be saved"):
        result(example(step_scores={"x": np.array(["a", "b", "c"])})).save(tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_last_line_is_reported_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    result().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.warns(WherefromWarning, match="last line is cut off"):
        back = Attributions.load(path)
    assert [one.id for one in back] == ["ex-1"]
    path.write_bytes(whole.replace(b'"steps"', b'"steps', 1))
    with pytest.raises(FileFormatError, match="line 2"):
        Attributions.load(path)


def test_lines_of_several_files_may_follow_one_another(tmp_path: Path) -> None:
    one = result(example(details={}))
    made = msgspec.structs.replace(one.provenance, input_texts=["a"], warnings=["w", "x"], seconds=2.0)
    other, empty = one.replace(provenance=made), Attributions(sequence_attributions=())
    data = b"".join(part.to_bytes("jsonl") for part in (empty, one, other, empty))
    assert_same(Attributions.from_bytes(data), one + other)


@pytest.mark.parametrize("field", ["method", "attributed_fn", "model"])
def test_lines_of_files_that_were_made_otherwise_are_refused_as_their_results_are(field: str) -> None:
    one = result()
    other = one.replace(provenance=msgspec.structs.replace(one.provenance, **{field: {"name": "another"}}))
    for join in (lambda: Attributions.from_bytes(one.to_bytes("jsonl") + other.to_bytes("jsonl")), lambda: one + other):
        with pytest.raises(WherefromError, match=f"Cannot merge results that differ in {field}: .*another"):
            join()


def context() -> ContextAttribution:
    return ContextAttribution(
        input_context="x" * 9000,
        input_context_tokens=["x" * 9000],
        output_current="a",
        output_current_tokens=["a"],
        cti_scores=[1.0],
        cci_scores=[],
    )


def test_no_file_asks_for_more_memory_than_it_may(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        result().save(tmp_path / f"a{suffix}")
    save_inseq(result()[:1].aggregate("mean"), tmp_path / "inseq.json")
    write_run(tmp_path / "run", result())
    context().save(tmp_path / "context.json")
    for path in tmp_path.iterdir():
        with pytest.raises(FileFormatError, match=r"of 20 are left for this file\. If you trust it, raise max_bytes"):
            load(path, max_bytes=20)
        assert len(load(path, max_bytes=10**7))
    run = open_run(tmp_path / "run", max_bytes=20)
    for read in (lambda: run[0], lambda: run[1:][0], run.load, lambda: run.find("ex-2"), run[:1].load):
        with pytest.raises(FileFormatError, match="raise max_bytes"):
            read()


@pytest.mark.parametrize("limit", [0, -1, 1.5, "1", True, float("nan")])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, limit: Any) -> None:
    result().save(tmp_path / "a.json")
    write_run(tmp_path / "run", result())
    context().save(tmp_path / "context.json")
    calls = [load, Attributions.load, ContextAttribution.load, open_run]
    for read, name in zip(calls, ["context.json", "a.json", "context.json", "run"], strict=True):
        with pytest.raises(SettingsError, match="max_bytes"):
            read(tmp_path / name, max_bytes=limit)  # type: ignore[operator]
    with pytest.raises(SettingsError, match="max_bytes"):
        Attributions.from_bytes(result().to_bytes(), max_bytes=limit)


@pytest.mark.parametrize("data", ["text", 5, None, [1], Path("a.json")])
def test_what_is_no_bytes_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match=f"Expected bytes, got {type(data).__name__}"):
        Attributions.from_bytes(data)
    made = result().to_bytes()
    assert Attributions.from_bytes(bytearray(made)) == Attributions.from_bytes(memoryview(made)) == result()


@pytest.mark.parametrize("tokenizer", [5, "gpt2", object(), []])
def test_what_decodes_nothing_is_refused(tokenizer: Any) -> None:
    for made in (result(), result()[0]):
        with pytest.raises(InputError, match=r"is no tokenizer: it has no decode\(ids\)"):
            made.decode_tokens(tokenizer)


TOLD_OF = ("sequence_attributions", "__instance_type__", "__ndarray__", "examples", '{"format"', "input_context")
"""Words by which files are told, and what a text may be about."""


@pytest.mark.parametrize("word", TOLD_OF)
@pytest.mark.parametrize("suffix", [*SUFFIXES, ".indented.json", ".sorted.json"])
def test_no_file_is_told_by_what_its_texts_hold(tmp_path: Path, suffix: str, word: str) -> None:
    spelt = [f'"{word}"', word, f'{{"{word}":']
    made = attribution(spelt, ["<s>", *spelt], 1, id=word, details={word: [1]}, annotations={f'"{word}"': word})
    one = Attributions(sequence_attributions=(made,), provenance=Provenance(input_texts=spelt, method={"name": word}))
    path = tmp_path / f"out{suffix}"
    if "indented" in suffix or "sorted" in suffix:
        path.write_text(json.dumps(json.loads(one.to_json()), indent=1, sort_keys="sorted" in suffix))
    else:
        one.save(path)
    back = load(path)
    assert (back == one, back.provenance) == (True, one.provenance)
    assert len(FeatureAttributionOutput.load(path).sequence_attributions) == 1


def test_fields_of_later_versions_are_kept(tmp_path: Path) -> None:
    document = json.loads(result().to_json())
    document["version"] = "1.7"
    document["colour"] = {"a": 1}
    document["examples"][0]["mood"] = ["good", None]
    document["provenance"]["weather"] = "rain"
    back = Attributions.from_bytes(json.dumps(document).encode())
    again = json.loads(back.to_json())
    assert again["colour"] == {"a": 1}
    assert again["examples"][0]["mood"] == ["good", None]
    assert again["provenance"]["weather"] == "rain"
    assert back.provenance.extra == {"later": [1], "weather": "rain"}


@pytest.mark.parametrize(
    "field, value",
    [
        ("method", {"name": "x", "settings": [1]}),
        ("method", {"name": 3}),
        ("attributed_fn", {"settings": "x"}),
        ("step_scores", [{"name": "probability", "settings": 2}]),
    ],
)
def test_provenance_of_other_types_is_refused_with_its_place(field: str, value: Any) -> None:
    written = json.loads(Attributions(sequence_attributions=(attribution(["a"], ["b"], 0),)).to_bytes())
    written["provenance"] = {field: value}
    with pytest.raises(FileFormatError, match=rf"provenance\.{field}"):
        Attributions.from_bytes(json.dumps(written).encode())


@pytest.mark.parametrize(
    "name, value",
    [("visits", [[1]]), ("visits", None), ("arrived", ["x"]), ("missing", "x"), ("span", 3), ("generated_from", None)],
)
def test_a_trace_of_other_types_is_refused_with_its_place(name: str, value: Any) -> None:
    facts = {"span": "b", "generated_from": 0, "arrived": [1.0], "missing": 0.0, "lost": 0.0, "visits": [[0, 0.5]]}
    one = attribution(["a"], ["b"], 0).replace(details={"trace": facts})
    assert Attributions.from_bytes(Attributions(sequence_attributions=(one,)).to_bytes())[0].details == one.details
    wrong = one.replace(details={"trace": {**facts, name: value}})
    with pytest.raises(FileFormatError, match=rf"details\.trace.*{name}"):
        Attributions.from_bytes(Attributions(sequence_attributions=(wrong,)).to_bytes())


def test_lists_of_other_lengths_are_refused(tmp_path: Path) -> None:
    curve = {"method": "a", "removal": "unk", "example": 0, "span": [0, 1]}
    path = tmp_path / "evaluation.json"
    path.write_text(
        json.dumps(
            {
                "format": "wherefrom.evaluation/1",
                "measurements": [],
                "curves": [{**curve, "cuts": [0, 1], "most_first": [0.5], "least_first": [0.1, 0.2]}],
            }
        )
    )
    with pytest.raises(FileFormatError, match="curves have 1 and 2 values for 2 cuts"):
        Evaluation.load(path)
    context = {"output_current": "a b", "output_current_tokens": ["a", "b"], "cti_scores": [1, 2], "cci_scores": []}
    path.write_text(json.dumps({**context, "output_current_texts": ["a"]}))
    for read in (ContextAttribution.load, load):
        with pytest.raises(FileFormatError, match="output_current_texts has 1 texts for 2 tokens"):
            read(path)
    path.write_text('{"type": "header", "model": "m", "bench": {"methods": []}, "format": "wherefrom.bench/1"}\n')
    with pytest.raises(FileFormatError, match="the bench says nothing of metrics, removals"):
        read_bench(path)


def test_newer_major_versions_are_refused() -> None:
    document = json.loads(result().to_json())
    document["version"] = "2.0"
    with pytest.raises(FileFormatError, match=r"format version 2\.0; this wherefrom reads up to 1\.x\. Update it"):
        Attributions.from_bytes(json.dumps(document).encode())


def test_the_compression_is_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "misnamed.json"
    path.write_bytes(gzip.compress(result().to_bytes("msgpack")))
    assert len(Attributions.load(path)) == 2


@pytest.mark.parametrize("name", ["version-1.0.json", "version-1.0.jsonl", "version-1.0.msgpack"])
def test_files_of_version_1_0_are_read_for_ever(name: str) -> None:
    """The files are checked in and never written anew; a later version that reads them otherwise is wrong."""
    back = Attributions.load(WRITTEN / name)
    made = result()
    for one in (*back, *made):
        assert np.isnan(one.details.pop("gap"))
    assert_same(made, back)


def test_a_half_precision_file_of_version_1_0_is_read_for_ever() -> None:
    back, made = Attributions.load(WRITTEN / "version-1.0-half.json.gz"), result()
    assert_same_array(back[0].step_scores["entropy"], made[0].step_scores["entropy"])
    np.testing.assert_array_equal(
        back[0].target_attributions, made[0].target_attributions.astype(np.float16).astype(np.float32)
    )


def test_half_precision_keeps_eleven_digits_down_to_what_the_documentation_says() -> None:
    rng = np.random.default_rng(0)
    small = rng.uniform(1e-8, 1e-7, size=(500, 1))
    back = decode_array(encode_array(np.vstack([[[1.999]], small]), narrow=True), Budget(10**6), "here")
    assert np.abs(back[1:] / small - 1).max() <= 2**-11
    back = decode_array(encode_array(np.array([[1.0], [1e-10], [1e-12]]), narrow=True), Budget(10**6), "here")
    assert 0.8e-10 < back[1, 0] < 1.2e-10
    assert back[2, 0] == 0


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".msgpack", ".json.gz"])
def test_half_a_surrogate_pair_is_written_as_the_replacement_character(tmp_path: Path, suffix: str) -> None:
    tokens = tuple(Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(["\ud800a", "b"]))
    one = Attribution(
        source=tokens[:1], target=tokens, attr_pos_start=1, attr_pos_end=2, target_attributions=np.ones((2, 1))
    )
    path = tmp_path / f"out{suffix}"
    Attributions(sequence_attributions=(one,)).save(path)
    assert Attributions.load(path)[0].target[0].text == "\ufffda"


ODD_NAMES = [os.fsdecode(b"caf\xe9.json"), "n" * 250 + ".json"]
"""A name that is no UTF-8, as older systems left them, and the longest there may be."""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in their own way")
@pytest.mark.parametrize("name", ODD_NAMES, ids=["bytes", "long"])
def test_any_name_that_the_system_takes_is_written_and_read(tmp_path: Path, name: str) -> None:
    made = Attributions(sequence_attributions=(attribution(["x"], ["<s>", " a"], 1),))
    made.save(tmp_path / name)
    assert load(tmp_path / name) == load(str(tmp_path / name)) == made


@pytest.mark.parametrize(
    "name, said",
    [
        (None, "None is no name of a file"),
        (3, "3 is no name of a file"),
        ("a\0b.json", "can be no name of a file"),
        ("n" * 300 + ".json", "is too long for the name of a file"),
    ],
    ids=["none", "number", "nul", "long"],
)
def test_what_can_be_no_name_is_refused_in_words(tmp_path: Path, name: Any, said: str) -> None:
    made = Attributions(sequence_attributions=(attribution(["x"], ["<s>", " a"], 1),))
    for write in (made.save, made.save_inseq, made.save_table):
        with pytest.raises(InputError, match=said):
            write(str(tmp_path / name) if isinstance(name, str) else name)
    with pytest.raises(UsageError, match=f"{said}|does not fit"):
        load(name)


@pytest.mark.parametrize(
    "read",
    [
        Attributions.load,
        ContextAttribution.load,
        Evaluation.load,
        FeatureAttributionOutput.load,
        read_bench,
        read_gold,
        load_prompts,
    ],
)
def test_a_folder_is_no_file_to_read(tmp_path: Path, read: Callable[[Path], object]) -> None:
    out = Attributions(sequence_attributions=(attribution(["x"], ["<s>", " a"], 1),))
    folder = write_run(tmp_path / "run", out)
    with pytest.raises(InputError, match="run is a folder, and a file was expected") as refused:
        read(folder)
    if read is Attributions.load:
        assert "wherefrom.load(folder)" in str(refused.value)
        assert load(folder) == out
