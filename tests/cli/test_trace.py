"""``wherefrom trace``, of saved results and with a model."""

from __future__ import annotations

import json

import pytest
from wherefrom import load
from wherefrom_cli.commands.trace import OF_A_MODEL, OF_SAVED_RESULTS
from wherefrom_cli.main import load_command

PROMPT = "George was sick yesterday. His colleagues asked him to come"
OUTPUT = PROMPT + " to the hospital. He was very happy."


def test_a_saved_result_is_traced_to_the_end(wherefrom, saved):
    ran = wherefrom("trace", saved, "-x", "0", "-o", "traced.json", "--hide")
    assert ran.code == 0, ran.err
    (one,) = load("traced.json")
    assert one.details["trace"]["hops"] is None
    assert [token.text.strip() for token in one.steps] == ["0 hops", "all hops"]
    assert "0 hops" in wherefrom("show", "traced.json").out


def test_hops_and_places_are_read(wherefrom):
    ran = wherefrom(
        "trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--span", "/very (happy)/", "--hops", "2", "--json", "-q"
    )
    assert ran.code == 0, ran.err
    (one,) = json.loads(ran.out)["examples"]
    assert one["details"]["trace"]["span"] == "happy"
    assert len(one["details"]["trace"]["arrived"]) == 3


def test_the_span_may_be_explained_against_another_output(wherefrom):
    said = (
        "-m",
        "demo:lm",
        "-i",
        PROMPT,
        "-g",
        OUTPUT,
        "--span",
        "happy",
        "--json",
        "-q",
        "-fn",
        "contrast_logits_diff",
    )
    plain, other = (wherefrom("trace", *said, *more) for more in ((), ("--contrast-targets", OUTPUT[:-6] + "sad.")))
    assert (plain.code, other.code) == (0, 0), other.err
    (one,), (two,) = (json.loads(ran.out)["examples"] for ran in (plain, other))
    assert "contrast" in two["details"]
    assert one["target_attributions"] != two["target_attributions"]


def test_prompts_of_a_file_have_contrasts_one_for_one(wherefrom, tmp_path):
    (tmp_path / "prompts.txt").write_text(f"{PROMPT}\n{PROMPT}\n")
    (tmp_path / "outputs.txt").write_text(f"{OUTPUT}\n{OUTPUT}\n")
    (tmp_path / "others.txt").write_text(f"{OUTPUT[:-6]}sad.\n{OUTPUT[:-6]}old.\n")
    said = ("-m", "demo:lm", "-i", "@prompts.txt", "-g", "@outputs.txt", "--span", "happy", "--json", "-q")
    said += ("-fn", "contrast_logits_diff")
    for more in ((), ("--contrast-targets", "@others.txt")):
        ran = wherefrom("trace", *said, *more)
        assert ran.code == 0, ran.err
        examples = json.loads(ran.out)["examples"]
        assert ["contrast" in one["details"] for one in examples] == [bool(more)] * 2
    ran = wherefrom("trace", *said, "--contrast-targets", OUTPUT)
    assert ran.code == 2
    assert "1 contrast targets for 2 input texts" in ran.err


def test_the_terminal_shows_parts_and_path(wherefrom):
    ran = wherefrom("trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--span", "20:21", "--view", "trace", "-q")
    assert ran.code == 0, ran.err
    assert "Mass by part" in ran.out
    assert "By way of" in ran.out


def test_a_dry_run_tells_the_passes(wherefrom):
    ran = wherefrom("trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--hops", "3", "--dry-run", "-q")
    assert ran.code == 0, ran.err
    assert "at most 4 forward and 4 backward passes" in ran.out


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), "Trace what?"),
        (("-i", PROMPT, "-m", "demo:lm", "--hops", "all"), "map of all steps"),
        (("-i", PROMPT, "-m", "demo:lm", "-g", OUTPUT, "--hops", "some"), "whole number"),
        (("-i", PROMPT, "-m", "demo:lm", "-g", OUTPUT, "--span", "nowhere"), "span"),
        (("-i", PROMPT, "-m", "demo:lm", "-g", OUTPUT, "--leave-out", "all"), "sink"),
        (("-i", PROMPT, "-m", "demo:lm", "-g", OUTPUT, "--contrast-targets", OUTPUT), "compares with it"),
        (("-i", PROMPT, "-m", "demo:lm", "-g", OUTPUT, "--contrast-targets", OUTPUT, "--dry-run"), "compares with it"),
    ],
)
def test_what_does_not_fit_is_said(wherefrom, arguments, says):
    ran = wherefrom("trace", *arguments)
    assert ran.code == 2
    assert says in ran.err


def test_every_option_of_a_model_is_one_that_saved_results_refuse() -> None:
    groups = {group.title: {one.dest for one in group.members} for group in load_command("trace").parser().groups}
    of_a_model = groups["Or a model and texts"] | groups["Model"] | groups["Method"] | {"dry_run"}
    assert of_a_model == OF_A_MODEL
    assert groups["Saved results"] == OF_SAVED_RESULTS


@pytest.mark.parametrize(
    "given",
    [
        ("-m", "demo:nosuch"),
        ("-a", "nosuch"),
        ("--set", "foo=1"),
        ("--contrast-targets", "x", "y"),
        ("--seed", "0"),
        ("-g", OUTPUT),
        ("--dry-run",),
    ],
)
def test_a_saved_result_is_traced_without_a_model(wherefrom, saved, given):
    ran = wherefrom("trace", saved, "-x", "0", *given, "--hide")
    assert ran.code == 2
    assert "without a model" in ran.err


def test_defaults_for_a_model_are_no_options_of_this_line(wherefrom, saved, monkeypatch, tmp_path):
    monkeypatch.setenv("WHEREFROM_MODEL", "demo:lm")
    (tmp_path / "wherefrom.toml").write_text("[trace]\nseed = 3\n")
    assert wherefrom("trace", saved, "-x", "0", "--hide").code == 0


def test_a_model_has_no_saved_examples_to_choose_from(wherefrom):
    ran = wherefrom("trace", "-m", "demo:lm", "-i", PROMPT, "-g", OUTPUT, "--span", "happy", "-x", "7", "--hide")
    assert ran.code == 2
    assert "--example chooses among saved results" in ran.err
