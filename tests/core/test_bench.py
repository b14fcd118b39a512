"""A bench's file is read by its prompts, in whatever order and in however many calls they were put to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import wherefrom
from wherefrom.errors import FileFormatError, InputError
from wherefrom.evaluation.bench import Bench, Prompt, load_prompts, read_bench, run_bench
from wherefrom.evaluation.records import Evaluation
from wherefrom.evaluation.summary import values_by_example
from wherefrom.testing import ReferenceModel

BENCH = Bench(methods=("occlusion[baseline=unk]",), metrics=("abpc",), removals=("unk",), draws=1)
TEXTS = ("the cat sat on", "the mat sat on the", "on the mat the", "the dog sat on a")


@pytest.fixture(scope="module")
def model() -> Any:
    return wherefrom.AttributionModel(ReferenceModel("decoder-only"))


def prompts(model: Any) -> list[Prompt]:
    """Each with the word that the model says."""
    made = []
    for number, text in enumerate(TEXTS):
        said = model.generate([text], max_new_tokens=1)[0]
        made.append(Prompt(id=f"p{number}", set="facts", prompt=text, answer=said.removeprefix(text), evidence=()))
    return made


def by_text(found: Evaluation) -> dict[tuple[str, str], dict[str, float]]:
    values = values_by_example(found, "unk")
    return {key: {found.texts[int(str(place))]: one for place, one in by.items()} for key, by in values.items()}


def test_a_file_of_several_calls_in_another_order_says_the_same_of_each_prompt(model: Any, tmp_path: Path) -> None:
    asked = prompts(model)
    at_once = run_bench(model, asked, BENCH, tmp_path / "once.jsonl")
    run_bench(model, [asked[2]], BENCH, tmp_path / "parts.jsonl")
    in_parts = run_bench(model, [asked[3], asked[0], asked[2], asked[1]], BENCH, tmp_path / "parts.jsonl")
    assert len(at_once.texts) == len(TEXTS)
    assert in_parts.texts != at_once.texts
    assert {one.example for one in in_parts.measurements} == set(range(len(TEXTS)))
    assert {one.example for one in in_parts.curves} == set(range(len(TEXTS)))
    first, second = by_text(at_once), by_text(in_parts)
    key = ("occlusion[baseline=unk]", "abpc")
    assert second[key] == pytest.approx(first[key])
    assert len(set(first[key].values())) == len(TEXTS)
    assert by_text(read_bench(tmp_path / "parts.jsonl")) == second


def test_a_file_goes_on_with_its_own_model_and_prompts_alone(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model)[:1], tmp_path / "bench.jsonl"
    run_bench(model, asked, BENCH, path)
    written = path.read_bytes()
    other = wherefrom.AttributionModel(ReferenceModel("decoder-only", seed=5))
    with pytest.raises(InputError, match="of other weights"):
        run_bench(other, asked, BENCH, path)
    for changed in ({"prompt": "the dog sat on"}, {"answer": " dog"}, {"evidence": ("cat",)}):
        with pytest.raises(InputError, match="another prompt under the id 'p0'"):
            run_bench(model, [msgspec.structs.replace(asked[0], **changed)], BENCH, path)
    assert path.read_bytes() == written


def test_files_of_earlier_versions_go_on(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model)[:1], tmp_path / "bench.jsonl"
    run_bench(model, asked, BENCH, path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    del lines[0]["fingerprint"], lines[1]["asked"]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    written = path.read_bytes()
    run_bench(model, asked, BENCH, path)
    assert path.read_bytes() == written
    with pytest.raises(InputError, match="another prompt"):
        run_bench(model, [msgspec.structs.replace(asked[0], answer=" dog")], BENCH, path)


def test_an_empty_prompt_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id": "p0", "set": "facts", "prompt": "  ", "answer": " mat"}\n')
    with pytest.raises(FileFormatError, match="the prompt of 'p0' is empty"):
        load_prompts(path)
