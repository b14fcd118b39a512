"""`wherefrom attribute` with the demo models."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom as library
from wherefrom.results.attribution import Attributions
from wherefrom_cli import results

Run = Callable[..., Any]
TEXT = "George was sick yesterday."


def test_without_arguments_a_built_in_example_is_explained(wherefrom: Run) -> None:
    ran = wherefrom("attribute")
    assert ran.code == 0
    assert "hospital" in ran.out
    assert "Try next:" in ran.err
    assert "Try next:" not in ran.out


def test_json_is_one_document_with_the_library_s_numbers(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-a", "input_x_gradient", "-i", TEXT, "--max-new-tokens", 3, "--json")
    assert ran.code == 0
    json.loads(ran.out)
    shown = Attributions.from_bytes(ran.out.encode())
    expected = library.load_model("demo:lm").attribute(
        TEXT, method="input_x_gradient", generation_args={"max_new_tokens": 3}
    )
    assert shown[0].target == expected[0].target
    np.testing.assert_allclose(shown[0].target_attributions, expected[0].target_attributions, rtol=1e-6)


def test_output_dash_is_json(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "-o", "-")
    assert len(json.loads(ran.out)["examples"]) == 1


def test_jsonl_can_be_read_back(wherefrom: Run, tmp_path: Path) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", TEXT, "Mary ran.", "--max-new-tokens", 2, "--jsonl")
    assert [json.loads(line) for line in ran.out.splitlines()]
    (tmp_path / "out.jsonl").write_text(ran.out)
    assert wherefrom("info", "out.jsonl", "--json").code == 0
    assert len(Attributions.load(tmp_path / "out.jsonl")) == 2


def test_forced_target_and_positions_and_settings_reach_the_library(wherefrom: Run) -> None:
    ran = wherefrom(
        *("attribute", "-m", "demo:lm", "-a", "integrated_gradients", "--set", "n_steps=3"),
        *("-i", TEXT, "-g", TEXT + " He was at home.", "--start_pos", "-3", "--step_scores", "probability", "entropy"),
        *("-fn", "logit", "--attribution_kwargs", '{"internal_batch_size": 2}', "--json"),
    )
    assert ran.code == 0, ran.err
    out = Attributions.from_bytes(ran.out.encode())
    assert out.provenance.method == {
        "name": "integrated_gradients",
        "settings": {"n_steps": 3, "internal_batch_size": 2},
    }
    assert out.provenance.attributed_fn["name"] == "logit"
    assert out[0].attr_pos_start == len(out[0].target) - 3
    assert set(out[0].step_scores) >= {"probability", "entropy"}


def test_what_to_type_next_can_be_pasted(wherefrom: Run, tmp_path: Path) -> None:
    folder = tmp_path / "my results"
    folder.mkdir()
    ran = wherefrom(
        "attribute", "-m", "demo:lm", "-a", "dummy", "-i", TEXT, "--max-new-tokens", 1, "-o", folder / "a b.json"
    )
    command = " ".join(ran.err.split()).partition("Look again: ")[2]
    assert shlex.split(command) == ["wherefrom", "show", str(folder / "a b.json")]


def test_aggregators_and_selectors(wherefrom: Run) -> None:
    base = ("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "--json", "-a", "saliency")
    raw = Attributions.from_bytes(wherefrom(*base).out.encode())[0]
    summed = Attributions.from_bytes(wherefrom(*base, "--attribution_aggregators", "sum").out.encode())[0]
    np.testing.assert_allclose(summed.target_attributions, raw.target_attributions.sum(-1), rtol=1e-5, atol=1e-7)
    chosen = Attributions.from_bytes(
        wherefrom(*base, "--attribution_aggregators", "scores", "--attribution_selectors", "3").out.encode()
    )[0]
    np.testing.assert_allclose(chosen.target_attributions, raw.target_attributions[..., 3], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("flag, total", [("--normalize_attributions", "sum"), ("--rescale_attributions", "max")])
def test_normalize_and_rescale(wherefrom: Run, flag: str, total: str) -> None:
    ran = wherefrom(
        *("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "--json", "-a", "saliency"),
        *("--attribution_aggregators", "vnorm", flag),
    )
    scores = np.abs(Attributions.from_bytes(ran.out.encode())[0].target_attributions)
    found = scores.sum(0) if total == "sum" else scores.max()
    np.testing.assert_allclose(found, 1.0, rtol=1e-5)


@pytest.mark.parametrize("method", ["saliency", "attention", "occlusion"])
@pytest.mark.parametrize(
    "also", [(), ("--aggregate-output",), ("--aggregate-output", "--attribution-aggregators", "subwords")]
)
def test_rescaled_steps_stay_comparable(wherefrom: Run, method: str, also: tuple[str, ...]) -> None:
    ran = wherefrom(
        *("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 4, "--json", "-a", method),
        *("--rescale-attributions", *also),
    )
    one = Attributions.from_bytes(ran.out.encode())[0]
    names = [stage.name for stage in one.aggregations]
    assert "normalize" not in names
    assert names[-1] == "rescale"
    assert not one.dimensions
    assert np.abs(one.target_attributions).max() == pytest.approx(1)


MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir() if path.is_dir()))
def test_any_saved_model_prints_one_document(wherefrom: Run, name: str) -> None:
    ran = wherefrom(
        *("attribute", "-m", MODELS / name, "-a", "integrated_gradients", "--set", "n_steps=2"),
        *("-i", "the cat sat on the mat", "--max-new-tokens", 2, "--json"),
    )
    assert ran.code == 0, ran.err
    assert Attributions.from_bytes(ran.out.encode()).provenance.method["name"] == "integrated_gradients"


def test_saved_file_is_not_replaced_unless_asked(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("mine")
    base = ("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "-o", "out.json")
    refused = wherefrom(*base)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert (tmp_path / "out.json").read_text() == "mine"
    assert wherefrom(*base, "--overwrite", "--hide").code == 0
    assert len(Attributions.load(tmp_path / "out.json")) == 1


def test_two_options_cannot_read_stdin(wherefrom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("George was sick.\n"))
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", "-", "-g", "-")
    assert ran.code == 2
    assert "Two options ask for standard input" in ran.err


def test_texts_from_stdin(wherefrom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("George was sick.\nMary ran.\n"))
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", "-", "--max-new-tokens", 2, "--json")
    assert len(json.loads(ran.out)["examples"]) == 2


def test_input_file_keeps_ids(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "first", "text": "George was sick."}\n')
    ran = wherefrom("attribute", "-m", "demo:lm", "--input-file", "in.jsonl", "--max-new-tokens", 2, "--json")
    assert Attributions.from_bytes(ran.out.encode())[0].id == "first"


@pytest.mark.parametrize("command", ["attribute", "fit-attention", "attribute-file", "trace", "demo"])
def test_empty_texts_are_refused_by_line(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "George was sick."}\n\n{"text": "  "}\n')
    (tmp_path / "null.csv").write_text("id,text\na,Mary\nb\n")
    asked, where = {
        "attribute": (("attribute", "--input-file", "in.jsonl"), "in.jsonl, line 3: the text is empty"),
        "attribute-file": (("attribute", "--input-file", "null.csv"), "null.csv, line 3: the text is empty"),
        "fit-attention": (("fit-attention", "in.jsonl", "-o", "w.npz"), "in.jsonl, line 3: the text is empty"),
        "trace": (("trace", "-i", "George", "  "), "Input text 2 is empty"),
        "demo": (("demo", "-i", ""), "Input text 1 is empty"),
    }[command]
    ran = wherefrom(*asked, "-m", "demo:lm")
    assert ran.code == 2, ran.err
    assert where in ran.err


def test_blank_lines_of_stdin_and_text_files_are_no_texts(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("George was sick.\n\n  \nMary ran.\n"))
    (tmp_path / "in.txt").write_text("George\n\n \n")
    base = ("attribute", "-m", "demo:lm", "-a", "dummy", "--max-new-tokens", 2, "--json", "-i")
    assert len(json.loads(wherefrom(*base, "-", "@in.txt").out)["examples"]) == 3


def test_dry_run_attributes_nothing_and_tells_the_cost(wherefrom: Run) -> None:
    asked = ("attribute", "-m", "demo:lm", "-i", TEXT, "-g", TEXT + " He was at home.", "--dry-run", "--json")
    assert json.loads(wherefrom(*asked).out)["request"]["method"] == "occlusion"
    plan = json.loads(wherefrom(*asked, "-a", "saliency").out)
    assert plan["passes"] == {"forward": 1, "backward": plan["output tokens"]}
    assert plan["bytes of scores, aggregated"] == 4 * plan["output tokens"] * (
        plan["input tokens"] + plan["output tokens"]
    )


def test_contrast_targets_are_compared_with(wherefrom: Run, tmp_path: Path) -> None:
    other = "Mary ran"
    pairs = [(TEXT, f"{TEXT} He", f"{TEXT} She"), (other, f"{other} home", f"{other} out")]
    (tmp_path / "others.txt").write_text("\n".join(pair[2] for pair in pairs))
    asked = ("-i", *(pair[0] for pair in pairs), "-g", *(pair[1] for pair in pairs), "-fn", "contrast_logits_diff")
    ran = wherefrom(
        "attribute", "-m", "demo:lm", "-a", "saliency", *asked, "--contrast-targets", "@others.txt", "--json"
    )
    assert ran.code == 0, ran.err
    inputs, targets, others = zip(*pairs, strict=True)
    expected = library.load_model("demo:lm").attribute(
        list(inputs),
        list(targets),
        method="saliency",
        attributed_fn="contrast_logits_diff",
        contrast_targets=list(others),
        show_progress=False,
    )
    for one, two in zip(Attributions.from_bytes(ran.out.encode()), expected, strict=True):
        assert one.details["contrast"] == two.details["contrast"]
        np.testing.assert_allclose(one.target_attributions, two.target_attributions, rtol=1e-5, atol=1e-8)
    plan = wherefrom("attribute", "-m", "demo:lm", *asked, "--contrast-targets", "@others.txt", "--dry-run")
    assert plan.code == 0, plan.err


def test_encoder_decoder(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:mt")
    assert ran.code == 0, ran.err
    assert "source" in ran.out.lower()
    assert "voiture" in ran.out


ERRORS = [
    (["-m", "demo:lm", "-a", "salience", "-i", "x"], 2, ["No attribution method", "Did you mean 'saliency'"]),
    (["-m", "demo:lm", "-fn", "probabilty", "-i", "x"], 2, ["step function", "Did you mean 'probability'"]),
    (["-m", "demo:lm", "--inputs", "x"], 2, ["no option '--inputs'", "Did you mean '--input-"]),
    (["-m", "demo:lm", "-i", "x", "--set", "steps=3"], 2, ["steps"]),
    (["-m", "demo:lm", "-i", "x", "--n-steps", "3"], 2, ["no option '--n-steps'", "--set n_steps=..."]),
    (["-m", "demo:lm", "-i", "x", "y", "--contrast-targets", "z"], 2, ["1 contrast targets for 2 input texts"]),
    (["-m", "demo:lm", "-i", "x", "--set", "contrast_targets=z"], 2, ["option of its own, --contrast-targets"]),
    (["--contrast-targets", "z"], 2, ["need -i"]),
    (["-m", "demo:lm", "-i", TEXT, "-g", "Something else."], 2, ["must continue its prompt"]),
    (["-m", "gpt2"], 2, ["No text was given", "-i"]),
    (["-m", "./nowhere", "-i", "x"], 4, ["could not be loaded"]),
    (["-m", "demo:mt", "-i", ""], 2, ["empty"]),
    (["-m", "demo:lm", "-i", "  "], 2, ["Input text 1 is empty"]),
    (["-i", "x"], 2, ["No model was named"]),
]


@pytest.mark.parametrize("arguments, code, said", ERRORS, ids=[" ".join(case[0])[:40] for case in ERRORS])
def test_mistakes_are_three_lines_at_most(wherefrom: Run, arguments: list[str], code: int, said: list[str]) -> None:
    ran = wherefrom("attribute", *arguments)
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert len(ran.err.splitlines()) <= 3
    assert "Traceback" not in ran.err
    for words in said:
        assert words in ran.err


def test_debug_shows_the_traceback(wherefrom: Run) -> None:
    assert "Traceback" in wherefrom("attribute", "-m", "demo:lm", "-a", "salience", "-i", "x", "--debug").err


def test_quiet_leaves_stderr_empty(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "-q")
    assert ran.err == ""


def test_log_file_has_what_was_said(wherefrom: Run, tmp_path: Path) -> None:
    wherefrom(
        "attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "-q", "-o", "o.json", "--log-file", "log"
    )
    assert "Saved 1 attribution" in (tmp_path / "log").read_text()


def test_what_aggregators_leave_is_aggregated_where_one_number_is_asked_for(wherefrom: Run) -> None:
    asked = ("attribute", "-m", "demo:lm", "-a", "attention", "-i", TEXT, "--max-new-tokens", 2, "--json")
    left = Attributions.from_bytes(wherefrom(*asked, "--attribution-aggregators", "subwords", "max").out.encode())
    assert left[0].dimensions == ("layer",)
    ran = wherefrom(*asked, "--attribution-aggregators", "subwords", "max", "--aggregate-output")
    out = Attributions.from_bytes(ran.out.encode())
    assert out[0].is_aggregated
    assert out[0] == left[0].aggregate()


def test_a_symbolic_link_stays_one(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("old")
    (tmp_path / "link.json").symlink_to("there.json")
    (tmp_path / "away.json").symlink_to("new.json")
    asked = ("attribute", "-m", "demo:lm", "-a", "attention", "-i", TEXT, "--max-new-tokens", 1, "--hide")
    for name, written in (("link.json", "there.json"), ("away.json", "new.json")):
        assert wherefrom(*asked, "-o", name, "--overwrite").code == 0
        assert (tmp_path / name).is_symlink()
        assert len(Attributions.load(tmp_path / written)) == 1


def test_a_large_file_is_told_and_how_it_would_be_smaller(wherefrom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("attribute", "-m", "demo:lm", "-a", "saliency", "-i", TEXT, "--max-new-tokens", 2)
    assert "MB" not in wherefrom(*asked, "-o", "small.json").err
    monkeypatch.setattr(results, "_LARGE", 100)
    assert "--aggregate-output saves one number per cell" in wherefrom(*asked, "-o", "a.json").err
    told = wherefrom(*asked, "-o", "b.json", "--aggregate-output").err
    assert "kB)" in told
    assert "one number per cell" not in told


@pytest.mark.parametrize("option", ["--input-field", "--output-field", "--id-field"])
def test_a_column_is_one_of_a_file(wherefrom: Run, option: str) -> None:
    """It was ignored."""
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", "Mary", option, "text")
    assert ran.code == 2
    assert f"{option} names a column of a file" in ran.err


def test_old_name_of_an_option_is_accepted_with_a_note(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-i", TEXT, "--max-new-tokens", 2, "--do_prefix_attribution")
    assert ran.code == 0
    assert "--attribute-target" in ran.err


def test_two_examples_of_one_id_are_refused(wherefrom: Run, tmp_path: Path) -> None:
    rows = [{"text": "Mary was", "id": "a"}, {"text": "The keys", "id": "a"}]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = ("attribute", "-m", "demo:lm", "-a", "attention", "--input-file", "texts.jsonl", "--max-new-tokens", 1)
    refused = wherefrom(*asked, "--id-field", "id")
    assert refused.code == 2
    assert "Two examples of 'texts.jsonl' have the id 'a'." in refused.err
    assert wherefrom(*asked, "--id-field", "id", "--limit", 1).code == 0


def test_a_type_of_weights_that_is_none_is_told_before_the_model_is_loaded(wherefrom: Run) -> None:
    for name, words in (("flot32", "Did you mean 'float32'?"), ("int8", "quantization_config")):
        refused = wherefrom("attribute", "-m", "demo:lm", "-i", TEXT, "--dtype", name)
        assert refused.code == 2
        assert name in refused.err
        assert words in refused.err.replace("\n  ", " ")
