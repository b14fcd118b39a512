"""Files of inseq: recorded ones are read as inseq read them, written ones have its form."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import FileFormatError, InputError
from wherefrom.files import load, save_inseq
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage

from tests.core.made import attribution

RECORDED = Path(__file__).parents[1] / "data" / "inseq"
"""Written by inseq itself; see tools/check_inseq_files.py."""

FILES = sorted(path for path in RECORDED.glob("*/*.json*") if path.name != "expected.json")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_recorded_files_are_read(path: Path) -> None:
    told = json.loads((path.parent / "expected.json").read_text())[path.name]
    made = load(path)
    tolerance = 1e-3 if path.name == "half.json" else 0
    assert len(made) == len(told)
    for one, other in zip(made, told, strict=True):
        assert [token.piece for token in one.target] == other["target"]
        assert [token.id for token in one.target] == other["ids"]
        assert (one.attr_pos_start, one.attr_pos_end) == (other["start"], other["end"])
        for name in ("source_attributions", "target_attributions"):
            mine, values = getattr(one, name), other[name]
            assert (mine is None) == (values is None)
            if mine is not None:
                expected = np.nan_to_num(np.array([np.nan if x is None else x for x in values], dtype=np.float32))
                np.testing.assert_allclose(mine.ravel()[: len(expected)], expected, rtol=tolerance, atol=tolerance)
        for name, values in other["step_scores"].items():
            np.testing.assert_allclose(one.step_scores[name], np.float32(values), rtol=tolerance, atol=tolerance)
        assert one.aggregate().is_aggregated
    assert made.provenance.model["model_class"]


def test_there_are_recorded_files() -> None:
    assert {path.name for path in FILES} >= {"saliency.json", "saliency.json.gz", "primitives.json", "steps.json"}


def test_what_the_classes_mean() -> None:
    folder = FILES[0].parent
    saliency, attention = load(folder / "saliency.json")[0], load(folder / "attention.json")[0]
    assert saliency.dimensions == ("width",)
    assert attention.dimensions == ("layer", "head")
    assert [stage.name for stage in attention.default_aggregation] == ["reduce", "normalize"] * 2
    assert saliency.source_attributions is None
    assert saliency.target[1].text == "he"
    assert saliency.target[2].text == " n"
    assert attention.source_attributions is not None
    assert not saliency.signed
    np.testing.assert_allclose(saliency.aggregate().target_attributions.sum(0), 1, rtol=1e-5)
    np.testing.assert_allclose(
        saliency.aggregate().target_attributions,
        load(folder / "aggregated.json")[0].target_attributions,
        atol=1e-6,
    )


def made(**changes: Any) -> Attribution:
    tokens = ["<s>", " a", " b"]
    return attribution(["x", " y"], tokens, 1, special=(0,), **changes)


@pytest.mark.parametrize("sizes", [(), (4,), (2, 3)], ids=["matrix", "width", "layers and heads"])
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_what_we_write_reads_back(tmp_path: Path, sizes: tuple[int, ...], suffix: str) -> None:
    one = made(sizes=sizes, sequence_scores={"encoder_self_attentions": np.ones((2, 2), np.float32)})
    path = tmp_path / f"for_inseq{suffix}"
    save_inseq(one, path)
    (back,) = load(path)
    assert [(token.piece, token.id) for token in back.target] == [(token.piece, token.id) for token in one.target]
    np.testing.assert_array_equal(back.source_attributions, one.source_attributions)
    np.testing.assert_array_equal(back.target_attributions, one.target_attributions)
    np.testing.assert_array_equal(back.step_scores["entropy"], one.step_scores["entropy"])
    np.testing.assert_array_equal(back.sequence_scores["encoder_self_attentions"], np.ones((2, 2)))
    assert back.dimensions == one.dimensions
    with pytest.raises(InputError, match="overwrite=True"):
        save_inseq(one, path)


def test_classes_and_absent_cells_are_those_of_inseq(tmp_path: Path) -> None:
    save_inseq(made(), tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    (sequence,) = document["attributes"]["sequence_attributions"]
    assert sequence["__instance_type__"] == ["inseq.data.attribution", "CoarseFeatureAttributionSequenceOutput"]
    data = base64.b64decode(sequence["attributes"]["target_attributions"])
    length = int.from_bytes(data[:8], "little")
    assert json.loads(data[8 : 8 + length])["attribution"]["shape"] == [3, 2]
    scores = np.frombuffer(data[8 + length :], dtype="<f4").reshape(3, 2)
    np.testing.assert_array_equal(np.isnan(scores), ~made().target_visible)


def of_inseq_alone(path: Path, **info: Any) -> bytes:
    """The file as inseq would have written it: without what is ours alone."""
    document = json.loads(path.read_text())
    del document["attributes"]["info"]["wherefrom"]
    document["attributes"]["info"].update(info)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "settings, rule", [({}, "prod"), ({"logprob": True}, "sum"), ({"logprob": True, "top_p": 0.5}, "sum")]
)
def test_step_scores_merge_by_their_function_and_its_settings(
    tmp_path: Path, settings: dict[str, Any], rule: str
) -> None:
    scores = dict.fromkeys(["probability", "surprisal_bits", "margin", "entropy", "of_my_own"], np.float32([-1, -2]))
    save_inseq(made(step_scores=scores, step_aggregation={"of_my_own": "max"}), tmp_path / "out.json")
    ours, theirs = load(tmp_path / "out.json"), of_inseq_alone(tmp_path / "out.json", step_scores_args=settings)
    assert ours[0].step_aggregation == {"of_my_own": "max"}
    read = Attributions.from_bytes(theirs)
    assert read[0].step_aggregation == {"probability": rule, "surprisal_bits": "sum", "margin": "min", "entropy": "sum"}
    taken = {score["name"]: score["settings"] for score in read.provenance.step_scores}
    assert taken["probability"] == {name: value for name, value in settings.items() if name == "logprob"}
    assert taken["entropy"] == {}


def test_settings_of_step_scores_are_written_where_they_agree(tmp_path: Path) -> None:
    def written(*scores: dict[str, Any]) -> Any:
        listed = [{"name": f"one {index}", "settings": settings} for index, settings in enumerate(scores)]
        out = Attributions(sequence_attributions=(made(),), provenance=Provenance(step_scores=listed))
        save_inseq(out, tmp_path / "out.json", overwrite=True)
        return json.loads((tmp_path / "out.json").read_text())["attributes"]["info"]["step_scores_args"]

    assert written({"logprob": True}, {}, {"top_p": 0.5}) == {"logprob": True, "top_p": 0.5}
    assert written({"logprob": True, "top_p": 0.5}, {"top_p": 0.9}) == {"logprob": True}


def test_what_inseq_has_no_place_for_is_kept(tmp_path: Path) -> None:
    one = made(
        sizes=(3,),
        id="ex-3",
        details={"units": {"target": [[0, 1], [1, 3]]}, "seed": float("nan")},
        annotations={"tags": ["bad"]},
        default_aggregation=(Stage(name="reduce", settings={"aggregate_fn": "sum"}),),
        signed=False,
    )
    merged = one.aggregate().aggregate("spans", target_spans=[(1, 3)])
    out = Attributions(sequence_attributions=(one, one.aggregate()))
    for result in (out, Attributions(sequence_attributions=(merged,))):
        save_inseq(result, tmp_path / "out.json", overwrite=True)
        for before, after in zip(result, load(tmp_path / "out.json"), strict=True):
            assert after.target == before.target
            assert after.source == before.source
            for name in ("id", "annotations", "default_aggregation", "aggregations", "step_aggregation", "signed"):
                assert getattr(after, name) == getattr(before, name), name
            assert after.details["units"] == before.details["units"]
            assert np.isnan(after.details["seed"])
            np.testing.assert_array_equal(after.aggregate().target_attributions, before.aggregate().target_attributions)


def test_units_merge_as_before_the_exchange(tmp_path: Path) -> None:
    one = made(details={"units": {"target": [[0, 1], [1, 3]], "source": [[0, 2]]}})
    save_inseq(one, tmp_path / "out.json")
    spans = {"source_spans": [(0, 2)], "target_spans": [(1, 3)]}
    before, after = (each.aggregate("spans", **spans) for each in (one, load(tmp_path / "out.json")[0]))
    np.testing.assert_array_equal(after.source_attributions, before.source_attributions)
    np.testing.assert_array_equal(after.target_attributions, before.target_attributions)


@pytest.mark.parametrize("change", ["tokens", "steps", "examples", "scores"])
def test_what_is_ours_is_left_out_where_another_program_changed_the_examples(tmp_path: Path, change: str) -> None:
    save_inseq(made(id="ex-3", details={"units": {"target": [[1, 3]]}}), tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    sequences = document["attributes"]["sequence_attributions"]
    if change == "tokens":
        sequences[0]["attributes"]["target"][2]["attributes"]["id"] = 7
    elif change == "steps":
        sequences[0]["attributes"] |= {"attr_pos_end": 2, "target_attributions": None, "source_attributions": None}
        sequences[0]["attributes"]["step_scores"] = {}
    elif change == "scores":
        data = bytearray(base64.b64decode(sequences[0]["attributes"]["target_attributions"]))
        cells = np.frombuffer(data, "<f4", offset=8 + int.from_bytes(data[:8], "little"))
        cells[np.flatnonzero(np.isfinite(cells))[-1]] += np.float32(0.001)
        sequences[0]["attributes"]["target_attributions"] = base64.b64encode(data).decode()
    else:
        sequences.append(sequences[0])
    for one in Attributions.from_bytes(json.dumps(document).encode()):
        assert (one.id, one.details) == (None, {})


def test_what_is_ours_is_read_from_files_that_do_not_say_which_scores_it_is_of(tmp_path: Path) -> None:
    save_inseq(made(id="ex-3"), tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    del document["attributes"]["info"]["wherefrom"][0]["scores"]
    assert Attributions.from_bytes(json.dumps(document).encode())[0].id == "ex-3"


def test_damage_to_what_is_ours_is_told_with_its_place(tmp_path: Path) -> None:
    save_inseq(made(), tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    document["attributes"]["info"]["wherefrom"][0]["details"] = 3
    with pytest.raises(FileFormatError, match=r"\$\.info\.wherefrom\[0\]\.details"):
        Attributions.from_bytes(json.dumps(document).encode())


def test_marks_are_told_by_their_spelling(tmp_path: Path) -> None:
    said = ["<s>", " a", "<unk>", "[UNK]", "<0xE2>", "<|im_end|>", "[SEP]"]
    save_inseq(attribution(["x", " y"], said, 1, special=(0,)), tmp_path / "out.json")
    (back,) = Attributions.from_bytes(of_inseq_alone(tmp_path / "out.json"))
    assert [token.piece for token in back.target if token.special] == ["<s>", "<|im_end|>", "[SEP]"]


def old_style(array: Any) -> dict[str, Any]:
    """How arrays were written before 0.7."""
    values = np.asarray(array)
    data = base64.b64encode(gzip.compress(values.tobytes())).decode()
    return {"__ndarray__": f"b64.gz:{data}", "dtype": str(values.dtype), "shape": list(values.shape), "Corder": True}


def old_document(scores: Any, **sequence: Any) -> bytes:
    def wrap(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
        return {"__instance_type__": ["inseq.data.attribution", name], "attributes": attributes}

    tokens = [wrap("TokenWithId", {"token": piece, "id": index}) for index, piece in enumerate(["▁a", "b", "▁c"])]
    attributes = {
        "source": tokens[:1],
        "target": tokens,
        "source_attributions": None,
        "target_attributions": scores,
        "step_scores": {},
        "sequence_scores": None,
        "attr_pos_start": 1,
        "attr_pos_end": 3,
        **sequence,
    }
    one = wrap("GranularFeatureAttributionSequenceOutput", attributes)
    root = wrap("FeatureAttributionOutput", {"info": {}, "sequence_attributions": [one], "step_attributions": None})
    return json.dumps(root).encode()


def test_arrays_before_version_0_7() -> None:
    scores = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    scores[1, 0] = scores[2] = np.nan
    for written in (old_style(scores), {"__ndarray__": scores.tolist()}, scores.tolist()):
        (one,) = Attributions.from_bytes(old_document(written))
        np.testing.assert_array_equal(one.target_attributions, np.nan_to_num(scores))
        assert [token.text for token in one.target] == [" a", "b", " c"]
        assert one.dimensions == ("width",)


def tensor(dtype: str, shape: list[int], data: bytes, **about: Any) -> str:
    header = json.dumps({"attribution": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)], **about}})
    return base64.b64encode(len(header).to_bytes(8, "little") + header.encode() + data).decode()


@pytest.mark.parametrize(
    "dtype, data, expected",
    [
        ("F8_E4M3", bytes([0x38, 0xB8, 0x01, 0x7E, 0x00, 0x08]), [1, -1, 2**-9, 448, 0, 2**-6]),
        ("BF16", np.array([0x3F80, 0xC000, 0, 0, 0x4049, 0], "<u2").tobytes(), [1, -2, 0, 0, 3.140625, 0]),
        ("F64", np.array([1, 2, 3, 4, 5, 6.5], "<f8").tobytes(), [1, 2, 3, 4, 5, 6.5]),
    ],
)
def test_narrow_tensors(dtype: str, data: bytes, expected: list[float]) -> None:
    (one,) = Attributions.from_bytes(old_document(tensor(dtype, [3, 2, 1], data)))
    np.testing.assert_array_equal(one.target_attributions.ravel(), np.float32(expected))


@pytest.mark.parametrize(
    "scores, sequence",
    [
        ("not base64!", {}),
        (tensor("F32", [3, 2, 10**12], b""), {}),
        (tensor("F32", [3, 2], b"1234"), {}),
        (tensor("F99", [3, 2], b"1234"), {}),
        (tensor("F32", [-3, 2], b"1234"), {}),
        ({"__ndarray__": "b64:AAAA", "dtype": "object", "shape": [1]}, {}),
        ({"__ndarray__": "pickle:AAAA", "dtype": "float32", "shape": [1]}, {}),
        ({"__ndarray__": "b64:AAAA", "dtype": "float32", "shape": ["x"]}, {}),
        ([[1, 2], [3]], {}),
        ({"__instance_type__": ["os", "system"], "attributes": {"command": "true"}}, {}),
        (np.zeros((9, 2)).tolist(), {}),
        (np.zeros((3, 7)).tolist(), {}),
        (np.zeros(3).tolist(), {}),
        (np.zeros((3, 2)).tolist(), {"target": [1, 2]}),
        (np.zeros((3, 2)).tolist(), {"target": "abc"}),
        (np.zeros((3, 2)).tolist(), {"step_scores": [1]}),
    ],
)
def test_damaged_and_hostile_files_end_in_one_error(scores: Any, sequence: dict[str, Any]) -> None:
    with pytest.raises(FileFormatError):
        Attributions.from_bytes(old_document(scores, **sequence))


def test_no_class_of_inseq_has_three_dimensions(tmp_path: Path) -> None:
    one = made(sizes=(2, 2))
    three = one.replace(
        source_attributions=one.source_attributions[..., None],
        target_attributions=one.target_attributions[..., None],
        dimensions=("layer", "head", "width"),
    )
    with pytest.raises(InputError, match="no class for dimensions"):
        save_inseq(three, tmp_path / "out.json")


def test_a_result_writes_itself_for_inseq(tmp_path: Path) -> None:
    out = Attributions(sequence_attributions=(attribution(["a"], ["<s>", " b", " c"], 1),))
    out.save_inseq(tmp_path / "verb.json")
    save_inseq(out, tmp_path / "function.json")
    assert (tmp_path / "verb.json").read_bytes() == (tmp_path / "function.json").read_bytes()
    with pytest.raises(InputError):
        out.save_inseq(tmp_path / "verb.json")


def test_half_a_surrogate_pair_is_written_as_the_replacement_character(tmp_path: Path) -> None:
    save_inseq(attribution(None, ["<s>", "\ud800a"], 1), tmp_path / "out.json")
    assert load(tmp_path / "out.json")[0].target[1].piece == "\ufffda"
