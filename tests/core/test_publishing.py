"""What a public copy has, and has not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from wherefrom.context import ContextAttribution
from wherefrom.errors import SettingsError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.publishing import is_place, public_provenance, without_paths
from wherefrom.text.tokens import Segment, Token
from wherefrom_cli.trust import names_a_place
from wherefrom_viz.describe.description import subtitle_of


@pytest.mark.parametrize(
    "text, left",
    [
        ("/home/ann/models/smol", "smol"),
        ("/home/ann/my models/smol/", "smol"),
        ("~/models/smol", "smol"),
        ("~ann/models/smol", "smol"),
        ("./models/smol", "smol"),
        ("../smol", "smol"),
        (r"C:\Users\Ann\smol", "smol"),
        ("C:/Users/Ann/smol", "smol"),
        (r"\\server\ann\smol", "smol"),
        ("file:///home/ann/smol.json", "smol.json"),
        ("Cannot read /home/ann/x.json, leaving it out.", "Cannot read x.json, leaving it out."),
        ("Cannot read '/home/ann/my files/x.json'.", "Cannot read 'x.json'."),
        ("path=/home/ann/x", "path=x"),
        ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B"),
        ("demo:lm", "demo:lm"),
        ("https://example.org/papers/1.pdf", "https://example.org/papers/1.pdf"),
        ("and/or, 1/2, 24/7, </s>, <a/b>", "and/or, 1/2, 24/7, </s>, <a/b>"),
        ("so-called 'saliency'", "so-called 'saliency'"),
    ],
)
def test_of_a_path_the_last_name_is_left(text: str, left: str) -> None:
    assert without_paths(text) == left


@pytest.mark.parametrize(
    "name, left",
    [
        ("gpt2", "gpt2"),
        ("owner/name", "owner/name"),
        ("demo:lm", "demo:lm"),
        ("https://example.org/v1/m", "https://example.org/v1/m"),
        ("/home/ann/m", "m"),
        ("~/m", "m"),
        ("./m", "m"),
        ("runs/ann/m", "m"),
        ("runs (old)/ann/m", "m"),
        (r"acme\m", "m"),
        (r"clients\acme\m", "m"),
        (r"C:acme\m", "m"),
        (r"C:\acme\m", "m"),
        ("C:m", "m"),
    ],
)
def test_a_models_name_is_a_place_or_not_whoever_asks(name: str, left: str) -> None:
    made = Provenance(model={"name": name})
    assert is_place(name) == (left != name)
    assert public_provenance(made).model == {"name": left}
    assert subtitle_of(result()[0].replace(method=""), made) == left
    assert names_a_place(name) == (left != name)


def test_paths_are_found_in_whatever_holds_them() -> None:
    assert without_paths({"/a/b": [("/a/c", 1, None)]}) == {"b": [("c", 1, None)]}
    assert without_paths("runs/ann/checkpoint-300", names=True) == "checkpoint-300"
    assert without_paths("org/name", names=True) == "org/name"


def test_what_can_name_a_place_does_not_keep_one_below_the_folder_of_the_work() -> None:
    named = {
        "name": "learned_attention",
        "settings": {"weights": "secret/h.npz", "tables": "acme/kept", "other": "runs/acme/x", "units": "word"},
        "files": {"weights": "00"},
    }
    made = public_provenance(
        Provenance(
            model={"model_kwargs": {"cache_dir": "cache/acme", "adapter": "owner/name"}},
            method=named,
            attributed_fn=named,
            step_scores=[named],
            arguments={"contrast_targets": ["this/that/both"], "given": ["clients/acme/x"]},
            generation_args={"assistant_model": "clients/acme/m", "stop_strings": ["</s>"], "cache_dir": "acme/c"},
        )
    )
    left = {"weights": "h.npz", "tables": "kept", "other": "x", "units": "word"}
    assert [one["settings"] for one in (made.method, made.attributed_fn, *made.step_scores)] == [left] * 3
    assert made.model == {"model_kwargs": {"cache_dir": "acme", "adapter": "owner/name"}}
    assert made.arguments == {"contrast_targets": ["this/that/both"], "given": ["x"]}
    assert made.generation_args == {"assistant_model": "m", "stop_strings": ["</s>"], "cache_dir": "c"}


def test_names_that_were_different_stay_different() -> None:
    assert without_paths({"/a/x": 1, "/b/x": 2, "x (2)": 3, "x": 4}) == {"x (3)": 1, "x (4)": 2, "x (2)": 3, "x": 4}
    one = result()[0]
    several = Attributions(
        sequence_attributions=tuple(one.replace(id=name) for name in ("/a/n.txt", "/b/n.txt", "/a/n.txt", None))
    )
    assert [each.id for each in several.public()] == ["n.txt", "n.txt (2)", "n.txt", None]


def result() -> Attributions:
    tokens = tuple(
        Token(id=i, piece=text, text=text, position=i, start=2 * i, end=2 * i + 2)
        for i, text in enumerate(["see", " /a/b", " now"])
    )
    one = Attribution(
        source=tokens[:2],
        target=tokens,
        attr_pos_start=2,
        attr_pos_end=3,
        target_attributions=np.ones((3, 1), dtype=np.float32),
        id="/data/ann/one.json#1",
        details={"file": "/data/ann/fit.npz"},
        annotations={"reviewer": "ann", "tags": ["/x/y"]},
        segments=(Segment(side="target", start=0, end=1, kind="document", label="/data/ann/a.txt"),),
        extra={"anything": "/data/ann"},
    )
    made = Provenance(
        model={"name": "/data/ann/smol", "revision": "abc"},
        generation_args={"stop": "/data/ann"},
        created="2025-01-01T00:00:00Z",
        seconds=3.0,
        warnings=["The file /data/ann/t.json is missing."],
        extra={"host": "ann"},
    )
    return Attributions(sequence_attributions=(one,), provenance=made)


def test_a_public_copy_keeps_scores_texts_and_how_it_was_made() -> None:
    before = result()
    copy = before.public()
    assert copy.provenance == Provenance(
        model={"name": "smol", "revision": "abc"},
        generation_args={"stop": "ann"},
        warnings=["The file t.json is missing."],
    )
    (one,), (old,) = copy, before
    assert one.target == old.target, "texts are what is published"
    np.testing.assert_array_equal(one.target_attributions, old.target_attributions)
    assert (one.id, one.details, one.extra) == ("one.json#1", {"file": "fit.npz"}, {})
    assert one.annotations == {"reviewer": "ann", "tags": ["y"]}
    assert one.segments[0].label == "a.txt"
    assert old.id == "/data/ann/one.json#1", "the result itself stays as it is"
    assert copy[0].public().id == "one.json#1"


def test_chosen_fields_and_entries_go_besides() -> None:
    copy = result().public(without=["generation_args", "model.revision", "annotations.reviewer", "id"])
    assert copy.provenance.model == {"name": "smol"}
    assert copy.provenance.generation_args == {}
    assert copy[0].id is None
    assert copy[0].annotations == {"tags": ["y"]}


def test_a_name_alone_is_one_name() -> None:
    for name in ("details", "model.revision", "annotations.reviewer"):
        for made in (result(), result()[0]):
            assert made.public(without=name) == made.public(without=[name])
            assert made.public(without=name).provenance == made.public(without=[name]).provenance
    assert result().public(without="details")[0].details == {}


@pytest.mark.parametrize("without", [5, None, b"id", {"id": 1}, [5], object()])
def test_what_is_no_list_of_names_is_refused(without: Any) -> None:
    context = ContextAttribution(output_current="a", output_current_tokens=["a"], cti_scores=[1.0], cci_scores=[])
    for made in (result(), result()[0], context):
        with pytest.raises(SettingsError, match=r"without = .* does not fit"):
            made.public(without)


def test_what_cannot_be_left_out_is_told() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'annotations'"):
        result().public(without=["annotation"])
