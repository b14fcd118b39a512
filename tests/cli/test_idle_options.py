"""What is typed and would change nothing, or contradicts itself, is refused before the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import UsageError
from wherefrom_cli.main import load_command
from wherefrom_cli.request import attribution_request, generation_args

Run = Callable[..., Any]
MODEL = ("-m", "no/such-model")
ATTRIBUTE = ("attribute", *MODEL, "-i", "text")
DATASET = ("attribute-dataset", *MODEL, "-d", "texts.txt")
TRACE = ("trace", *MODEL, "-i", "text")
IDLE: dict[str, tuple[str, ...]] = {
    "--set": ("export", "{}", "-o", "t.csv", "--set", "palette=orange-blue"),
    "--steps, --raw": ("export", "{}", "-o", "t.html", "--steps", "--raw"),
    "--actors": (*DATASET, "--actors", "2"),
    "--address": (*DATASET, "--address", "ray://x:1"),
    "--gpus-per-actor": (*DATASET, "--gpus-per-actor", "1"),
    "--view": ("show", "{}", "--json", "--view", "topk"),
    "--view, --set": ("show", "{}", "--jsonl", "--view", "topk", "--set", "granularity=word"),
    "--view of a document": (*ATTRIBUTE, "--json", "--view", "topk"),
    "--hide-attributions": (*ATTRIBUTE, "-o", "-", "--hide"),
    "--view of lines": (*DATASET, "--jsonl", "--view", "topk"),
    "--view of a run": (*DATASET, "-o", "run", "--view", "topk"),
    "--view of a trace": (*TRACE, "--json", "--view", "topk"),
    "--jsonl": (*ATTRIBUTE, "--dry-run", "--jsonl"),
    "--jsonl of data": (*DATASET, "--dry-run", "--jsonl"),
    "--json of a trace": (*TRACE, "-g", "text and", "--dry-run", "--json"),
    "--json of an evaluation": ("evaluate", "{}", "--dry-run", "--json"),
    "--user": ("config", "show", "--user"),
    "--json of a template": ("config", "init", "--json"),
}


@pytest.mark.parametrize("named", IDLE)
def test_an_option_that_would_change_nothing_is_refused(
    wherefrom: Run, saved: Path, tmp_path: Path, named: str
) -> None:
    (tmp_path / "texts.txt").write_text("a text\n")
    refused = wherefrom(*(str(saved) if word == "{}" else word for word in IDLE[named]))
    assert refused.code == 2
    assert f"{named.split(' of ')[0]} would change nothing" in refused.err
    assert [one.name for one in tmp_path.iterdir()] == ["texts.txt"]


def parsed(*argv: str, defaults: dict[str, Any] | None = None) -> Any:
    parser = load_command("attribute").parser()
    parser.set_defaults(**(defaults or {}))
    return parser.parse(argv)


@pytest.mark.parametrize(
    "argv, told",
    [
        (("--units", "word", "--set", "units=token"), "--set and --units contradict each other: units = 'token'"),
        (("--budget", "9", "--attribution-kwargs", '{"budget": 8}'), "--attribution-kwargs and --budget contradict"),
        (("--set", "n_samples=20", "--attribution-kwargs", '{"n_samples": 400}'), "contradict each other: n_samples"),
        (("--max-new-tokens", "1", "--generation-kwargs", '{"max_new_tokens": 3}'), "which says 3"),
    ],
)
def test_what_contradicts_itself_is_refused(argv: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        attribution_request(parsed(*argv))


def test_what_says_the_same_twice_is_taken() -> None:
    options = parsed("--units", "word", "--set", "units=word", "--attribution-kwargs", '{"units": "word"}')
    assert attribution_request(options).settings == {"units": "word"}
    assert generation_args(parsed("--max-new-tokens", "3", "--generation-kwargs", '{"max_new_tokens": 3}')) == {
        "max_new_tokens": 3
    }


def test_what_is_typed_wins_over_defaults() -> None:
    options = parsed("--units", "word", defaults={"attribution_kwargs": {"units": "token"}})
    assert attribution_request(options).settings == {"units": "word"}
    options = parsed("--set", "units=word", defaults={"units": "token"})
    assert attribution_request(options).settings == {"units": "word"}
    options = parsed("--generation-kwargs", '{"max_new_tokens": 3}', defaults={"max_new_tokens": 1})
    assert generation_args(options) == {"max_new_tokens": 3}
    options = parsed("--max-new-tokens", "3", defaults={"generation_kwargs": {"max_new_tokens": 1, "top_k": 2}})
    assert generation_args(options) == {"max_new_tokens": 3, "top_k": 2}


def test_frames_are_replaced_where_that_is_asked(wherefrom: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "step-900.svg").write_text("old")
    assert wherefrom("export", saved, "--frames", "frames").code == 2
    ran = wherefrom("export", saved, "--frames", "frames", "--overwrite")
    assert ran.code == 0, ran.err
    assert "step-900.svg" not in [one.name for one in (tmp_path / "frames").iterdir()]
    assert (tmp_path / "frames" / "step-000.svg").is_file()
