"""Every option of inseq's commands parses here, in its own spelling and in ours, and means the same."""

from __future__ import annotations

from typing import Any

import pytest
from wherefrom_cli.main import load_command

SHARED: list[tuple[str, list[str], str, Any]] = [
    ("--model_name_or_path", ["demo:lm"], "model", "demo:lm"),
    ("-m", ["demo:lm"], "model", "demo:lm"),
    ("--attribution_method", ["occlusion"], "method", "occlusion"),
    ("-a", ["occlusion"], "method", "occlusion"),
    ("--device", ["cpu"], "device", "cpu"),
    ("--dev", ["cpu"], "device", "cpu"),
    ("--attributed_fn", ["logit"], "attributed_fn", "logit"),
    ("-fn", ["logit"], "attributed_fn", "logit"),
    ("--attribution_selectors", ["0", "-1"], "attribution_selectors", [0, -1]),
    ("--attribution_aggregators", ["mean", "vnorm"], "attribution_aggregators", ["mean", "vnorm"]),
    ("--normalize_attributions", [], "normalize_attributions", True),
    ("--rescale_attributions", ["true"], "rescale_attributions", True),
    ("--model_kwargs", ['{"a": 1}'], "model_kwargs", {"a": 1}),
    ("--tokenizer_kwargs", ['{"a": 1}'], "tokenizer_kwargs", {"a": 1}),
    ("--generation_kwargs", ['{"a": 1}'], "generation_kwargs", {"a": 1}),
    ("--attribution_kwargs", ['{"a": 1}'], "attribution_kwargs", {"a": 1}),
    ("--attribute_target", [], "attribute_target", True),
    ("--generate_from_target_prefix", ["yes"], "generate_from_target_prefix", True),
    ("--step_scores", ["probability", "entropy"], "step_scores", ["probability", "entropy"]),
    ("--output_step_attributions", [], "output_step_attributions", True),
    ("--include_eos_baseline", [], "include_eos_baseline", True),
    ("--eos", ["1"], "include_eos_baseline", True),
    ("--batch_size", ["4"], "batch_size", 4),
    ("-bs", ["4"], "batch_size", 4),
    ("--aggregate_output", [], "aggregate_output", True),
    ("--hide_attributions", [], "hide_attributions", True),
    ("--hide", ["t"], "hide_attributions", True),
    ("--save_path", ["x.json"], "save_path", "x.json"),
    ("-o", ["x.json"], "save_path", "x.json"),
    ("--viz_path", ["x.html"], "viz_path", "x.html"),
    ("--start_pos", ["-2"], "start_pos", -2),
    ("-s", ["3"], "start_pos", 3),
    ("--end_pos", ["9"], "end_pos", 9),
    ("-e", ["9"], "end_pos", 9),
    ("--verbose", [], "verbose", True),
    ("-v", ["no"], "verbose", False),
    ("--very_verbose", [], "very_verbose", True),
    ("-vv", [], "very_verbose", True),
    ("--do_prefix_attribution", [], "do_prefix_attribution", True),
]
ATTRIBUTE: list[tuple[str, list[str], str, Any]] = [
    ("--input_texts", ["a", "b c"], "input_texts", ["a", "b c"]),
    ("-i", ["a", "b c"], "input_texts", ["a", "b c"]),
    ("--generated_texts", ["a", "b c"], "generated_texts", ["a", "b c"]),
    ("-g", ["a"], "generated_texts", ["a"]),
]
DATASET: list[tuple[str, list[str], str, Any]] = [
    ("--dataset_name", ["d"], "dataset_name", "d"),
    ("--dataset", ["d"], "dataset_name", "d"),
    ("-d", ["d"], "dataset_name", "d"),
    ("--input_text_field", ["en"], "input_field", "en"),
    ("--input", ["en"], "input_field", "en"),
    ("-in", ["en"], "input_field", "en"),
    ("--generated_text_field", ["it"], "output_field", "it"),
    ("--generated", ["it"], "output_field", "it"),
    ("-gen", ["it"], "output_field", "it"),
    ("--dataset_config", ["c"], "dataset_config", "c"),
    ("--config", ["c"], "dataset_config", "c"),
    ("--dataset_dir", ["x"], "dataset_dir", "x"),
    ("--dir", ["x"], "dataset_dir", "x"),
    ("--dataset_files", ["a", "b"], "dataset_files", ["a", "b"]),
    ("--files", ["a"], "dataset_files", ["a"]),
    ("--dataset_split", ["train[:20]"], "split", "train[:20]"),
    ("--split", ["test"], "split", "test"),
    ("--dataset_revision", ["main"], "dataset_revision", "main"),
    ("--revision", ["main"], "dataset_revision", "main"),
    ("--dataset_auth_token", ["t"], "auth", "t"),
    ("--auth", ["t"], "auth", "t"),
    ("--dataset_kwargs", ['{"streaming": true}'], "dataset_kwargs", {"streaming": True}),
]
CASES = [
    *(("attribute", *case) for case in SHARED + ATTRIBUTE),
    *(("attribute-dataset", *case) for case in SHARED + DATASET),
]


@pytest.mark.parametrize(
    "command,option,values,name,expected", CASES, ids=[f"{command} {option}" for command, option, *_ in CASES]
)
def test_option_of_inseq_parses(command: str, option: str, values: list[str], name: str, expected: Any) -> None:
    parser = load_command(command).parser()
    for spelling in {option, option.replace("_", "-")}:
        assert getattr(parser.parse([spelling, *values]), name) == expected


DEFAULTS = {"attribution_aggregators": [], "step_scores": [], "generated_texts": []}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_of_inseq_are_kept(name: str) -> None:
    assert getattr(load_command("attribute").parser().parse([]), name) == DEFAULTS[name]


def test_data_set_defaults() -> None:
    options = load_command("attribute-dataset").parser().parse([])
    assert (options.split, options.batch_size) == ("train", 8)
    assert options.aggregate_output is True
    assert load_command("attribute-dataset").parser().parse(["--no_aggregate_output"]).aggregate_output is False
