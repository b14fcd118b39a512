"""`wherefrom attribute-dataset`: what it reads, what it keeps, and how it goes on."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import shutil
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom as library
from attrs import asdict, evolve
from msgspec.structs import replace
from wherefrom.errors import UsageError, WherefromWarning
from wherefrom.files import load, open_run
from wherefrom.files.locks import RunLock
from wherefrom.files.manifest import write_manifest
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_cli.console import Console
from wherefrom_cli.dataset import run_sink
from wherefrom_cli.dataset.identity import streamed_identity
from wherefrom_cli.dataset.source import DatasetRequest, Shard
from wherefrom_cli.dataset.stream_sink import StreamSink
from wherefrom_cli.dataset.work import Job, Outcome
from wherefrom_cli.main import main
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.texts import Fields

from tests.core.made import attribution

Run = Callable[..., Any]
NAMES = ("George", "Mary", "Anna", "Peter", "The teacher", "His mother")
ENDS = (
    "was sick yesterday.",
    "was hungry.",
    "asked him to come to the hospital.",
    "was in the garden and saw the house.",
)
N = 12
BASE = (
    "attribute-dataset",
    "-m",
    "demo:lm",
    "-a",
    "attention",
    "-d",
    "texts.jsonl",
    "-bs",
    "2",
    "-q",
    "--device",
    "cpu",
)


def rows(count: int = N) -> list[dict[str, str]]:
    made = []
    for index in range(count):
        text = f"{NAMES[index % len(NAMES)]} {ENDS[index % len(ENDS)]}"
        made.append({"id": f"e{index}", "text": text, "target": f"{text} He was at home."})
    return made


@pytest.fixture(autouse=True)
def data(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", rows())


def write(path: Path, made: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")


def numbers(path: str | Path) -> dict[str | None, bytes]:
    """Name to the exact scores of every example; each name once."""
    run = open_run(path)
    counts = Counter(one.id for one in run)
    assert set(counts.values()) <= {1}, "an example is there twice"
    return {one.id: one.target_attributions.tobytes() + repr(one.target).encode() for one in run}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str | None, bytes]:
    """The scores of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder / "texts.jsonl", rows())
    arguments = [str(folder / "texts.jsonl") if word == "texts.jsonl" else word for word in BASE]
    assert main([*arguments, "-o", str(folder / "run")]) == 0
    return numbers(folder / "run")


def test_run_has_every_example_with_the_scores_of_a_single_call(wherefrom: Run, whole: dict[str | None, bytes]) -> None:
    assert set(whole) == {row["id"] for row in rows()}
    assert wherefrom(*BASE, "-o", "run").code == 0
    assert numbers("run") == whole
    row = rows()[3]
    alone = wherefrom(
        "attribute",
        "-m",
        "demo:lm",
        "-a",
        "attention",
        "-i",
        row["text"],
        "-g",
        row["target"],
        "--aggregate-output",
        "--json",
    )
    expected = Attributions.from_bytes(alone.out.encode())[0]
    found = open_run("run").find("e3")
    assert found.target == expected.target
    np.testing.assert_allclose(found.target_attributions, expected.target_attributions, rtol=1e-4, atol=1e-6)


def test_manifest_tells_settings_and_provenance(wherefrom: Run) -> None:
    wherefrom(*BASE, "-o", "run", "--limit", 2)
    manifest = open_run("run").manifest
    assert manifest.total == 2
    assert manifest.settings["request"]["method"] == "attention"
    assert manifest.provenance.model["name"] == "demo:lm"
    told = wherefrom("info", "run").out
    assert "examples: 2" in told
    assert "of: 2" in told
    assert "method.name: attention" in told
    assert "George" in wherefrom("show", "run", "-x", "e0").out


@pytest.mark.parametrize("free", [[], ["e1"], ["e0", "e1"]])
def test_outputs_of_a_run_are_called_forced_where_all_were(wherefrom: Run, tmp_path: Path, free: list[str]) -> None:
    made = [{name: one for name, one in row.items() if name != "target" or row["id"] not in free} for row in rows(2)]
    write(tmp_path / "texts.jsonl", made)
    assert wherefrom(*BASE, "--max-new-tokens", "2", "-o", "run").code == 0
    assert open_run("run").provenance.constrained_decoding is not bool(free)


def test_a_run_tells_how_it_was_made_where_its_first_batch_failed(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", [{"id": "e0", "text": ""}, *rows(3)[1:]])
    wherefrom(*BASE, "-o", "run", "-bs", "1")
    run = open_run("run")
    assert set(run.failures) == {"e0"}
    assert run.provenance.model["name"] == "demo:lm"


WARNED = (
    "attribute-dataset",
    "-m",
    "demo:lm",
    "-a",
    "interactions",
    "--set",
    "n_samples=80",
    "-d",
    "texts.jsonl",
    "-q",
)


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.heavy)])
def test_what_was_warned_of_in_any_batch_is_kept_with_the_run(wherefrom: Run, tmp_path: Path, engine: str) -> None:
    long = (
        "George was sick yesterday. The weather was very nice and the music was loud yesterday. "
        "His colleagues asked him to come"
    )
    texts = [("George went", "George went home"), (long, f"{long} to the hospital."), (long, f"{long} to the garden.")]
    write(tmp_path / "texts.jsonl", [{"text": text, "target": target} for text, target in texts])
    model = library.load_model("demo:lm", device="cpu")
    expected: set[str] = set()
    for text, target in texts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = model.attribute(text, target, "interactions", n_samples=80, show_progress=False)
        expected |= set(made.provenance.warnings)
    assert expected
    if engine == "ray":
        pytest.importorskip("ray")
    for place in ("run", "out.json", "out.jsonl"):
        ran = wherefrom(*WARNED, "-bs", "1", "-o", place, *(() if engine == "local" else ("--engine", "ray")))
        assert ran.code == 0, ran.err
        told = load(tmp_path / place).provenance.warnings
        assert set(told) == expected
        assert len(told) == len(expected)


def test_a_run_that_goes_on_keeps_what_was_warned_of_before(wherefrom: Run, tmp_path: Path) -> None:
    assert wherefrom(*BASE, "-o", "run").code == 0
    manifest = open_run("run").manifest
    told = replace(manifest.provenance, warnings=["of before"])
    write_manifest(tmp_path / "run", replace(manifest, provenance=told))
    for part in (tmp_path / "run").glob("part-*"):
        part.unlink()
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 0
    assert open_run("run").provenance.warnings == ["of before"]


@pytest.mark.filterwarnings("ignore:.*standard errors")
def test_what_is_drawn_of_an_example_does_not_depend_on_its_batch(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", rows(3))
    asked = [*BASE[:4], "lime", *BASE[5:-5], "-q", "--device", "cpu", "--set", "n_samples=20", "--seed", "7"]
    for size in ("1", "2"):
        assert wherefrom(*asked, "-bs", size, "-o", size).code == 0
    model = library.load_model("demo:lm")
    for row in rows(3):
        one, other = (open_run(size).find(row["id"]) for size in ("1", "2"))
        alone = model.attribute(row["text"], row["target"], "lime", n_samples=20, seed=7, show_progress=False)[0]
        assert one.card().seed == other.card().seed == 7
        for made in (one, other):
            np.testing.assert_allclose(made.target_attributions, alone.aggregate().target_attributions, atol=1e-5)


def test_batches_sample_other_answers(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", [{"id": str(number), "text": "George was"} for number in range(4)])
    sampled = ("--generation-kwargs", '{"do_sample": true, "temperature": 2.0, "max_new_tokens": 4}')
    assert wherefrom(*BASE, "-bs", "1", *sampled, "-o", "run").code == 0
    assert len({tuple(token.id for token in one.target) for one in open_run("run")}) > 1
    assert open_run("run").provenance.arguments.keys() == {"attribute_target"}


def test_existing_run_is_refused_resumed_or_begun_anew(wherefrom: Run, whole: dict[str | None, bytes]) -> None:
    wherefrom(*BASE, "-o", "run")
    refused = wherefrom(*BASE, "-o", "run")
    assert refused.code == 2
    assert "--resume" in refused.err
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 0
    assert numbers("run") == whole
    assert wherefrom(*BASE, "-o", "run", "--overwrite").code == 0
    assert numbers("run") == whole


@pytest.mark.parametrize("changed", ["model.safetensors", "tokenizer/vocabulary.txt"])
def test_every_byte_of_a_local_model_is_its_identity(tmp_path: Path, changed: str) -> None:
    (tmp_path / "tokenizer").mkdir()
    for name in ("model.safetensors", "tokenizer/vocabulary.txt"):
        (tmp_path / name).write_bytes(bytes(5 << 20))
    asked = ModelRequest(name=str(tmp_path))
    before = asked.identity()
    assert asked.identity() == before
    with (tmp_path / changed).open("r+b") as file:
        file.seek(5 << 19)
        file.write(b"x")
    assert asked.identity() != before


PLUGIN = """
from wherefrom import register_step_function

def mine(prediction):
    return {sign} * prediction.at_target(prediction.log_probabilities())

register_step_function(mine, "mine", overwrite=True)
"""


def named_things(folder: Path, content: str) -> None:
    """A plugin, a package, a file and a folder that options can name."""
    (folder / "package" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (folder / "named").mkdir(exist_ok=True)
    for path in ("plugin.py", "package/__init__.py", "package/part.py", "weights.npz", "named/config.json"):
        (folder / path).write_text(f"# {content}")


@pytest.mark.parametrize(
    "changed, model, asked",
    [
        ("plugin.py", {"plugins": ("plugin.py",)}, {}),
        ("package/part.py", {"plugins": ("package",)}, {}),
        ("named/config.json", {"tokenizer_kwargs": {"deep": {"place": "named"}}}, {}),
        ("weights.npz", {}, {"settings": {"weights": "weights.npz"}}),
        ("named/config.json", {}, {"settings": {"sampler": "named"}}),
        ("named/config.json", {}, {"generation_args": {"custom_generate": "named"}}),
    ],
)
def test_what_is_named_counts_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, model: dict[str, Any], asked: dict[str, Any]
) -> None:
    def identity() -> Any:
        return ModelRequest(name="demo:lm", **model).identity(), AttributionRequest(**asked).identity()

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    named_things(tmp_path, "one")
    before = identity()
    (tmp_path / "package" / "__pycache__" / "part.pyc").write_bytes(b"x")
    assert identity() == before
    (tmp_path / changed).write_text("# two")
    assert identity() != before
    sys.modules.pop("package", None)


@pytest.mark.parametrize(
    "settings",
    [
        {"tables": "named"},
        {"cache_dir": "named"},
        {"units": "named"},
        {"contrast_targets": "named"},
        {"n_steps": 3, "sampler": "", "other": "."},
        {"contrast_sources": "x" * 5000, "other": "x" * 5000},
    ],
)
def test_what_names_nothing_that_is_read_stays_what_it_says(tmp_path: Path, settings: dict[str, Any]) -> None:
    named_things(tmp_path, "one")
    assert AttributionRequest(settings=settings).identity()["settings"] == settings


@pytest.mark.parametrize("changed", ["plugin.py", "weights.npz"])
def test_a_run_does_not_go_on_with_another_plugin_or_other_weights(
    wherefrom: Run, tmp_path: Path, changed: str
) -> None:
    def write_both(sign: int, seed: int, names: tuple[str, ...]) -> None:
        if "plugin.py" in names:
            (tmp_path / "plugin.py").write_text(PLUGIN.format(sign=sign))
        if "weights.npz" in names:
            fit = ("fit-attention", "texts.jsonl", "-m", "demo:lm", "--n-masks", 4, "--seed", seed, "-q", "--overwrite")
            assert wherefrom(*fit, "-o", "weights.npz").code == 0

    write(tmp_path / "texts.jsonl", rows(4))
    write_both(1, 0, ("plugin.py", "weights.npz"))
    asked = (*BASE, "-a", "learned_attention", "--set", "weights=weights.npz", "--plugin", "plugin.py")
    asked += ("--step-scores", "mine", "-o", "run")
    assert wherefrom(*asked).code == 0
    assert wherefrom(*asked, "--resume").code == 0
    write_both(-1, 1, (changed,))
    refused = wherefrom(*asked, "--resume")
    assert refused.code == 2
    assert {"plugin.py": "model.plugins:", "weights.npz": "request.settings.weights:"}[changed] in refused.err


@pytest.mark.parametrize(
    "change,named",
    [(("-a", "input_x_gradient"), "request"), (("-bs", "3"), "batch size"), (("--limit", "5"), "data")],
)
def test_resume_refuses_another_run(wherefrom: Run, change: tuple[str, ...], named: str) -> None:
    wherefrom(*BASE, "-o", "run", "--limit", "4")
    refused = wherefrom(*BASE, "-o", "run", "--limit", "4", *change, "--resume")
    assert refused.code == 2
    assert named in refused.err


def test_a_name_that_stands_for_another_revision_by_now_is_refused(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest, run = ["aaaa"], Job.run

    def of_the_latest(*args: Any) -> list[Outcome]:
        found = run(*args)
        made = found[0].provenance
        assert made is not None
        return [evolve(one, provenance=replace(made, model={**made.model, "revision": latest[0]})) for one in found]

    monkeypatch.setattr(Job, "run", of_the_latest)
    assert wherefrom(*BASE, "-o", "run", "--limit", "4").code == 0
    manifest = tmp_path / "run" / "manifest.json"
    assert json.loads(manifest.read_text())["provenance"]["model"]["revision"] == "aaaa"
    whole = wherefrom(*BASE, "-o", "run", "--limit", "4", "--resume")
    assert whole.code == 0  # nothing is left to do
    parts = [part for part in (tmp_path / "run").iterdir() if part.name != "manifest.json"]
    assert parts
    for part in parts:
        part.unlink()
    latest[0] = "bbbb"
    refused = wherefrom(*BASE, "-o", "run", "--limit", "4", "--resume")
    assert refused.code == 2
    assert "begun with revision aaaa of demo:lm" in refused.err
    latest[0] = "aaaa"
    assert wherefrom(*BASE, "-o", "run", "--limit", "4", "--resume").code == 0


def test_a_part_without_rows_is_refused(wherefrom: Run) -> None:
    refused = wherefrom(*BASE, "-o", "run", "--split", "train[5:2]")
    assert refused.code == 2
    assert "There is no row in the split 'train[5:2]'" in refused.err
    assert not Path("run").exists()


def test_changed_data_are_refused(wherefrom: Run, tmp_path: Path) -> None:
    wherefrom(*BASE, "-o", "run")
    write(tmp_path / "texts.jsonl", [*rows()[:-1], {**rows()[-1], "text": "Other.", "target": "Other. Yes."}])
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 2


@pytest.mark.parametrize(
    "change, named",
    [
        (("--seed", "5"), "request.seed: 0 then, 5 now"),
        (("--normalize-attributions",), "reduction.normalize: False then, True now"),
        (("--limit", "5"), "dataset.limit: 4 then, 5 now"),
        (("-a", "input_x_gradient"), "request.method: attention then, input_x_gradient now"),
        (("--annotations", "target"), "annotations.columns: nothing then, ['target'] now"),
        (("-m", "demo:mt"), "model.name: demo:lm then, demo:mt now"),
        (("--set", "x=1"), "request.settings.x: nothing then, 1 now"),
    ],
)
def test_a_refusal_names_the_leaf_that_differs_and_no_other(
    wherefrom: Run, change: tuple[str, ...], named: str
) -> None:
    wherefrom(*BASE, "-o", "run", "--limit", "4")
    refused = wherefrom(*BASE, "-o", "run", "--limit", "4", *change, "--resume")
    assert refused.code == 2
    assert named in refused.err
    different = next(line for line in refused.err.split("\n") if "Different" in line)
    others = [leaf.split(":")[0] for leaf in different.split("Different: ")[1].split(", ") if " then" in leaf]
    assert set(others) <= {named.split(":")[0], "data", "annotations.values", "request.settings"}


def test_changed_tags_are_refused(wherefrom: Run, tmp_path: Path) -> None:
    tagged = [{**row, "tag": "a"} for row in rows()]
    write(tmp_path / "texts.jsonl", tagged)
    assert wherefrom(*BASE, "-o", "run", "--annotations", "tag").code == 0
    assert wherefrom(*BASE, "-o", "run", "--annotations", "tag", "--resume").code == 0
    write(tmp_path / "texts.jsonl", [{**tagged[0], "tag": "b"}, *tagged[1:]])
    refused = wherefrom(*BASE, "-o", "run", "--annotations", "tag", "--resume")
    assert refused.code == 2
    assert "annotations.values" in refused.err


def test_a_run_that_somebody_writes_to_is_left_alone(wherefrom: Run, tmp_path: Path) -> None:
    wherefrom(*BASE, "-o", "run", "--limit", "4")
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    with RunLock(tmp_path / "run"):
        for more in (("--resume",), ("--retry-failed",), ("--overwrite",)):
            refused = wherefrom(*BASE, "-o", "run", "--limit", "4", *more)
            assert refused.code == 2
            assert f"Process {os.getpid()} on" in refused.err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
    assert wherefrom(*BASE, "-o", "run", "--limit", "4", "--resume").code == 0


def test_damage_is_done_again(wherefrom: Run, whole: dict[str | None, bytes], tmp_path: Path) -> None:
    wherefrom(*BASE, "-o", "run")
    (part,) = (tmp_path / "run").glob("part-*.jsonl")
    one = open_run("run").summary(5)
    with part.open("r+b") as file:
        file.seek(one.offset + one.length // 2)
        file.write(bytes(40))
    with pytest.warns(WherefromWarning, match="left out"):
        assert len(load("run")) == len(whole) - 1
    ran = wherefrom(*BASE, "-o", "run", "--resume")
    assert ran.code == 0, ran.err
    assert numbers("run") == whole
    assert open_run("run").complaints == []


def test_a_start_that_was_killed_before_its_manifest_can_be_resumed(
    wherefrom: Run, whole: dict[str | None, bytes], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".manifest.json.0123abcd.part").write_text("{")
    (tmp_path / "run" / ".lock").write_text("")
    ran = wherefrom(*BASE, "-o", "run", "--resume")
    assert ran.code == 0, ran.err
    assert numbers("run") == whole
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


class Interrupting:
    """Wraps `Job.run`: sends a signal to this process while the n-th batch is done."""

    def __init__(self, at: int) -> None:
        self.at, self.calls, self.run = at, 0, Job.run

    def __call__(self, job: Job, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return self.run(job, *arguments)


def test_first_interrupt_finishes_the_batch_and_the_run_goes_on(
    wherefrom: Run, whole: dict[str | None, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting = Interrupting(at=2)
    with monkeypatch.context() as patched:
        patched.setattr(Job, "run", lambda job, *arguments: interrupting(job, *arguments))
        ran = wherefrom(*[word for word in BASE if word != "-q"], "-o", "run")
    assert ran.code == 130
    assert "--resume" in ran.err
    assert len(open_run("run")) == 4
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 0
    assert numbers("run") == whole


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_half_written_line_is_done_again(wherefrom: Run, whole: dict[str | None, bytes], tmp_path: Path) -> None:
    wherefrom(*BASE, "-o", "run")
    part = next((tmp_path / "run").glob("part-*.jsonl"))
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[:6]) + lines[6][: len(lines[6]) // 2])
    part.with_suffix(".index").unlink()
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 0
    assert numbers("run") == whole


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a file: writing beyond ``size`` bytes fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_full_disk_loses_nothing_that_was_finished(wherefrom: Run, whole: dict[str | None, bytes]) -> None:
    with files_no_larger_than(8_000):
        ran = wherefrom(*BASE, "-o", "run")
    assert ran.code == 1
    assert "full" in ran.err
    assert len(ran.err.splitlines()) == 3
    kept = numbers("run")
    assert 0 < len(kept) < N
    assert kept.items() <= whole.items()
    assert wherefrom(*BASE, "-o", "run", "--resume").code == 0
    assert numbers("run") == whole


@pytest.mark.parametrize(
    "more", [("--viz-path", "page.html"), ("-o", "run", "--viz-path", "page.html"), ("-o", "out.jsonl")]
)
def test_a_full_disk_at_the_end_says_how_to_go_on(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """All is attributed; the page, or the file, does not fit."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / "texts.jsonl", rows()[:2])
    place = more[-1]
    with files_no_larger_than(10_000), monkeypatch.context() as patched:
        if place == "out.jsonl":  # which is no larger than the run
            patched.setattr(run_sink, "write_whole", full)
        ran = wherefrom(*BASE, *more)
    assert ran.code == 1
    assert ran.err.splitlines() == [
        f"wherefrom attribute-dataset: The disk of {place} is full.",
        "  The 2 examples finished before are kept.",
        "  Free some space, then give the same command with --resume.",
    ]
    assert not Path(place).exists()
    ran = wherefrom(*BASE, *more, "--resume")
    assert ran.code == 0, ran.err
    assert Path(place).exists()
    assert [Path(name).exists() for name in ("run", f"{place}.run")] == ["run" in more, False]


def test_poisoned_example_is_recorded_and_can_be_retried(
    wherefrom: Run, whole: dict[str | None, bytes], tmp_path: Path
) -> None:
    poisoned = rows()
    poisoned[5] = {"id": "e5", "text": "George", "target": "Mary does not continue George."}
    write(tmp_path / "texts.jsonl", poisoned)
    assert wherefrom(*BASE, "-o", "run").code == 3
    run = open_run("run")
    assert list(run.failures) == ["e5"]
    assert "must continue its prompt" in run.failures["e5"]
    assert set(numbers("run")) == set(whole) - {"e5"}
    told = [word for word in BASE if word != "-q"]
    again = wherefrom(*told, "-o", "run", "--resume")
    assert again.code == 3
    assert "1 failed before and were left (--retry-failed tries them again)" in again.err.replace("\n", " ")
    retried = wherefrom(*told, "-o", "run", "--retry-failed")
    assert retried.code == 3
    assert "failed before" not in retried.err
    assert list(open_run("run").failures) == ["e5"]


def test_an_empty_text_is_a_failed_example_and_others_go_on(wherefrom: Run, tmp_path: Path) -> None:
    made: list[dict[str, Any]] = rows(3)
    made[0] = {**made[0], "text": "  "}
    made[2] = {**made[2], "text": None}
    write(tmp_path / "texts.jsonl", made)
    ran = wherefrom(*BASE[:-3], *BASE[-2:], "-o", "run")
    assert ran.code == 3
    assert "1 attributed, 2 failed" in ran.err
    failures = open_run("run").failures
    assert set(failures) == {"e0", "e2"}
    assert "line 1: the text is empty" in failures["e0"]
    assert "line 3: the text is empty" in failures["e2"]


def test_an_empty_data_set_is_told(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("")
    ran = wherefrom("attribute-dataset", "-m", "demo:lm", "-d", "empty.json", "-o", "run")
    assert ran.code == 2
    assert "the file is empty" in ran.err


@pytest.mark.parametrize("streaming", [(), ("--streaming",)])
def test_blank_lines_of_a_text_file_are_no_examples(wherefrom: Run, tmp_path: Path, streaming: tuple[str, ...]) -> None:
    (tmp_path / "texts.txt").write_text("George\n\n  \nMary\n")
    asked = ("attribute-dataset", "-m", "demo:lm", "-a", "dummy", "-d", "texts.txt", "--max-new-tokens", "2")
    ran = wherefrom(*asked, *streaming, "-o", "run")
    assert ran.code == 0, ran.err
    assert len(open_run("run")) == 2


def test_failure_that_passes_is_mended_by_a_retry(
    wherefrom: Run, whole: dict[str | None, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Job._together

    def out_of_memory(job: Job, model: Any, items: Any, *rest: Any) -> Any:
        if any(item.key == "e7" for item in items):
            raise RuntimeError("out of memory")
        return together(job, model, items, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "_together", out_of_memory)
        assert wherefrom(*BASE, "-o", "run").code == 3
    assert wherefrom(*BASE, "-o", "run", "--retry-failed").code == 0
    assert set(numbers("run")) == set(whole)
    assert numbers("run")["e7"] == whole["e7"]
    assert open_run("run").failures == {}


def test_wrong_request_stops_at_once(wherefrom: Run) -> None:
    ran = wherefrom(*BASE, "-o", "run", "--set", "steps=3")
    assert ran.code == 2
    assert not Path("run").exists(), "what was not run is no run"
    assert wherefrom(*BASE, "-o", "run", "--limit", "1").code == 0
    assert "run holds a run already" in wherefrom(*BASE, "-o", "run").err


@pytest.mark.parametrize("wrong", [("--set", "n_stepz=5"), ("-m", "./nowhere"), ("--attribution-aggregators", "sumx")])
def test_a_run_to_be_overwritten_stays_until_a_batch_is_done(
    wherefrom: Run, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    wherefrom(*BASE, "-o", "run", "--limit", "4")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    ran = wherefrom(*BASE, *wrong, "-o", "run", "--overwrite")
    assert ran.code in (2, 4), ran.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert wherefrom(*BASE, "-o", "run", "--overwrite", "--limit", "2").code == 0
    assert set(numbers("run")) == {"e0", "e1"}


def test_a_folder_that_is_not_empty_is_told_in_the_words_of_the_command(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.txt").write_text("mine")
    ran = wherefrom(*BASE, "-m", "no/such-model", "-o", "mine")
    assert ran.code == 2
    assert "--overwrite" in ran.err
    assert "overwrite=True" not in ran.err
    assert wherefrom(*BASE, "-o", "mine", "--limit", "1", "--overwrite").code == 0
    assert (tmp_path / "mine" / "mine.txt").read_text() == "mine"


def test_shards_make_the_whole(wherefrom: Run, whole: dict[str | None, bytes]) -> None:
    for number in (1, 2, 3):
        assert wherefrom(*BASE, "-o", f"run{number}", "--shard", f"{number}/3").code == 0
    parts = [set(numbers(f"run{number}")) for number in (1, 2, 3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert set().union(*parts) == set(whole)


def test_shards_of_which_one_has_forced_outputs_alone_are_merged(wherefrom: Run, tmp_path: Path) -> None:
    write(
        tmp_path / "texts.jsonl", [row if place != 1 else {**row, "target": None} for place, row in enumerate(rows(4))]
    )
    for number in (1, 2):
        assert wherefrom(*BASE, "-o", f"run{number}", "--shard", f"{number}/2", "--max-new-tokens", "2").code == 0
    ran = wherefrom("merge", "run1", "run2", "-o", "all.json")
    assert ran.code == 0, ran.err
    made = Attributions.load(tmp_path / "all.json")
    assert len(made) == 4
    assert made.provenance.constrained_decoding is False
    assert made.provenance.generation_args["max_new_tokens"] == 2


@pytest.mark.parametrize("name", ["out.jsonl", "out.json", "out.json.gz"])
def test_one_file_in_the_order_of_the_data(wherefrom: Run, tmp_path: Path, name: str) -> None:
    assert wherefrom(*BASE, "-o", name).code == 0
    assert [one.id for one in Attributions.load(tmp_path / name)] == [row["id"] for row in rows()]
    assert not (tmp_path / f"{name}.run").exists()


def test_of_one_file_it_is_told_where_what_failed_is_kept(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", [{"id": "e0", "text": ""}, *rows(3)[1:]])
    ran = wherefrom(*(word for word in BASE if word != "-q"), "-o", "out.json")
    assert ran.code == 3
    assert "kept what failed in out.json.run: --retry-failed --overwrite tries it again" in ran.err
    assert (tmp_path / "out.json.run").is_dir()


def test_without_a_folder_lines_are_streamed(wherefrom: Run) -> None:
    ran = wherefrom(*BASE, "--jsonl", "--split", "train[:3]")
    assert ran.code == 0
    assert sorted(str(one.id) for one in Attributions.from_bytes(ran.out.encode())) == ["e0", "e1", "e2"]
    assert ran.err == ""


def test_a_stream_begins_anew_where_more_was_warned_of() -> None:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    sink = StreamSink(console=console, lines=True)
    one = attribution(None, ["<s>", " a"], 1)
    for key, warned in (("a", []), ("b", ["first"]), ("c", []), ("d", ["second", "first"])):
        made = Provenance(input_texts=[key], warnings=warned)
        sink.keep([Outcome(index=0, key=key, attribution=one.replace(id=key), provenance=made)])
    lines = console.stdout.getvalue().split("\n")[:-1]
    assert ["format" in json.loads(line) for line in lines] == [True, False, True, False, False, True, False]
    out = Attributions.from_bytes("".join(f"{line}\n" for line in lines).encode())
    assert [one.id for one in out] == ["a", "b", "c", "d"]
    assert out.provenance.warnings == ["first", "second"]


def test_streamed_data_set(wherefrom: Run, whole: dict[str | None, bytes]) -> None:
    ran = wherefrom(*BASE, "--dataset_kwargs", '{"streaming": true}', "-o", "run", "--limit", 3)
    assert ran.code == 0, ran.err
    assert set(numbers("run")) == {"e0", "e1", "e2"}


def test_columns_by_name_and_generation_by_the_model(wherefrom: Run, tmp_path: Path) -> None:
    lines = ["nr,english", *(f'{index},"{row["text"]}"' for index, row in enumerate(rows(3)))]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    ran = wherefrom(
        *("attribute-dataset", "-m", "demo:lm", "-d", "data.csv", "-in", "english", "--id-field", "nr"),
        *("--generation_kwargs", '{"max_new_tokens": 3}', "-o", "run", "--json"),
    )
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert (report["finished"], report["failed"]) == (3, 0)
    assert all(one.attr_pos_end - one.attr_pos_start <= 3 for one in open_run("run"))


def test_several_outputs_of_a_text_are_refused_with_what_to_say(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows(2)))

    def of_a_model_that_gives_two(*arguments: Any, **settings: Any) -> library.AttributionModel:
        model = load_model(*arguments, **settings)
        monkeypatch.setattr(model.adapter.module.generation_config, "num_beams", 2)
        monkeypatch.setattr(model.adapter.module.generation_config, "num_return_sequences", 2)
        return model

    load_model = library.load_model
    monkeypatch.setattr(library, "load_model", of_a_model_that_gives_two)
    asked = ("attribute-dataset", "-m", "demo:lm", "-d", "prompts.jsonl", "-in", "text", "-a", "dummy", "-o", "run")
    ran = wherefrom(*asked, "--max-new-tokens", "2")
    said = """--generation-kwargs '{"num_return_sequences": 1}'"""
    assert ran.code == 2
    assert said in ran.err
    assert "generation_config" in ran.err
    ran = wherefrom(*asked, "--generation-kwargs", '{"num_return_sequences": 1, "max_new_tokens": 2}')
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("out", ["run", "one.jsonl"])
def test_columns_are_kept_with_the_results(wherefrom: Run, tmp_path: Path, out: str) -> None:
    noted = [{**row, "tags": ["odd"] if index else None, "label": index} for index, row in enumerate(rows(2))]
    (tmp_path / "noted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in noted))
    ran = wherefrom(
        *("attribute-dataset", "-m", "demo:lm", "-d", "noted.jsonl", "-in", "text", "-a", "saliency", "-o", out),
        *("--annotations", "tags", "label", "--generation_kwargs", '{"max_new_tokens": 2}'),
    )
    assert ran.code == 0, ran.err
    kept = sorted((one.annotations for one in load(tmp_path / out)), key=lambda one: one["label"])
    assert kept == [{"label": 0}, {"tags": ["odd"], "label": 1}]


def test_columns_to_keep_must_be_there(wherefrom: Run) -> None:
    ran = wherefrom(*BASE, "--annotations", "tegs", "-o", "run")
    assert ran.code == 2
    assert "no column 'tegs'" in ran.err


def test_wrong_column_is_a_usage_error(wherefrom: Run) -> None:
    ran = wherefrom(*BASE, "-in", "txt", "-o", "run")
    assert ran.code == 2
    assert "Did you mean 'text'?" in ran.err


def test_missing_data_set(wherefrom: Run) -> None:
    ran = wherefrom("attribute-dataset", "-m", "demo:lm", "-d", "./nowhere", "-o", "run")
    assert ran.code == 4
    assert len(ran.err.splitlines()) <= 3


@pytest.mark.parametrize("streaming", [(), ("--streaming",)])
def test_two_examples_of_one_name_are_refused(wherefrom: Run, tmp_path: Path, streaming: tuple[str, ...]) -> None:
    write(tmp_path / "texts.jsonl", [*rows(2), rows(1)[0]])
    ran = wherefrom(*BASE, *streaming, "-o", "run")
    assert ran.code == 2
    assert "'e0'" in ran.err


def streamed(folder: Path, **changes: Any) -> str:
    """The fingerprint of a streamed data set."""
    asked = {"name": str(folder / "texts.jsonl"), "kwargs": {"streaming": True}, **changes}
    return DatasetRequest(**asked).load().fingerprint()


@pytest.mark.parametrize(
    "change",
    [{"fields": Fields(output="text")}, {"limit": 2}, {"shard": Shard(number=1, of=2)}, {"split": "train[:1]"}],
)
def test_a_streamed_data_set_is_what_was_asked_of_it(tmp_path: Path, change: dict[str, Any]) -> None:
    asked = {"name": "texts.jsonl", "kwargs": {"streaming": True}}
    same, other = (streamed_identity(asdict(DatasetRequest(**{**asked, **one}))) for one in ({}, change))
    assert same != other
    assert same == streamed_identity(asdict(DatasetRequest(**asked)))
    assert same == streamed_identity(asdict(DatasetRequest(**asked, fields=Fields(annotations=("tag",)))))


def test_a_streamed_file_is_what_it_holds_wherever_it_lies(tmp_path: Path) -> None:
    first = streamed(tmp_path)
    copied = Path(shutil.copytree(tmp_path, tmp_path / "copied"))
    assert streamed(copied) == first
    write(copied / "texts.jsonl", [*rows()[:-1], {**rows()[-1], "text": "Other."}])
    assert streamed(copied) != first


@pytest.mark.parametrize("given", ["name", "folder", "files", "pattern", "data_files", "files of a folder"])
def test_local_files_are_found_however_they_are_named(tmp_path: Path, given: str) -> None:
    def identity(place: Path) -> Any:
        named: dict[str, dict[str, Any]] = {
            "name": {"name": str(place)},
            "folder": {"name": "json", "folder": str(place)},
            "files": {"name": "json", "files": (str(place / "texts.jsonl"),)},
            "pattern": {"name": "json", "files": (str(place / "*.jsonl"),)},
            "data_files": {"name": "json", "kwargs": {"data_files": {"train": [str(place / "texts.jsonl")]}}},
            "files of a folder": {"name": str(place), "files": ("texts.jsonl",)},
        }
        return streamed_identity(asdict(DatasetRequest(**named[given])))

    (tmp_path / "one").mkdir()
    write(tmp_path / "one" / "texts.jsonl", rows(1))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert identity(tmp_path / "one") == identity(tmp_path / "two")
    write(tmp_path / "two" / "texts.jsonl", rows(2))
    assert identity(tmp_path / "one") != identity(tmp_path / "two")


def test_a_streamed_run_does_not_go_on_with_another_column(wherefrom: Run) -> None:
    asked = (*BASE, "--streaming", "-o", "run", "--limit", "2")
    assert wherefrom(*asked).code == 0
    refused = wherefrom(*asked, "-in", "target", "-gen", "target", "--resume")
    assert refused.code == 2
    assert "dataset.fields.input: nothing then, target now" in refused.err
    assert wherefrom(*asked, "--resume").code == 0


MODELS = {
    "demo:lm": (  # prompt, target, contrast; the longest first, and one that is compared with nothing
        ("The children who saw the dog", "The children who saw the dog were", "The children who saw the dog was"),
        ("Mary stayed at home because", "Mary stayed at home because she", "Mary stayed at home because he"),
        ("George went home", "George went home because he", ""),
        ("George went because", "George went because he", "George went because she"),
    ),
    "demo:mt": (
        ("Marie sees the green car.", "Marie voit la voiture verte.", "Marie voit la voiture rouge."),
        ("Nina sees the car.", "Nina voit la voiture.", "Nina voit le chien."),
    ),
}


@pytest.mark.parametrize("command", ["attribute", "attribute-dataset"])
@pytest.mark.parametrize("model", MODELS)
def test_each_row_is_compared_with_its_own_contrast(wherefrom: Run, tmp_path: Path, model: str, command: str) -> None:
    texts, targets, others = map(list, zip(*MODELS[model], strict=True))
    made = [
        {"id": f"r{n}", "text": a, "target": b, "other": c}
        for n, (a, b, c) in enumerate(zip(texts, targets, others, strict=True))
    ]
    write(tmp_path / "texts.jsonl", made)
    asked = ("-m", model, "-a", "occlusion", "-fn", "contrast_logits_diff", "--contrast-field", "other", "-q")
    read = {
        "attribute": ("--input-file", "texts.jsonl"),
        "attribute-dataset": ("-d", "texts.jsonl", "-bs", "3", "--no-aggregate-output"),
    }
    ran = wherefrom(command, *asked, *read[command], "-o", "out.json")
    assert ran.code == 0, ran.err
    expected = library.load_model(model).attribute(
        texts,
        targets,
        method="occlusion",
        attributed_fn="contrast_logits_diff",
        contrast_targets=[other or None for other in others],
        show_progress=False,
    )
    for one, two in zip(load(tmp_path / "out.json"), expected, strict=True):
        assert one.details.get("contrast") == two.details.get("contrast")
        np.testing.assert_allclose(one.target_attributions, two.target_attributions, rtol=1e-4, atol=1e-5)


def test_a_run_with_contrasts_goes_on_and_is_asked_for_again_with_the_same_ones(wherefrom: Run, tmp_path: Path) -> None:
    made = [{**row, "other": f"{row['text']} She was at home."} for row in rows(2)]
    write(tmp_path / "texts.jsonl", made)
    asked = (*BASE, "-a", "saliency", "-fn", "contrast_logits_diff", "-o", "run")
    for streaming in ((), ("--streaming",)):
        compared = (*asked, *streaming, "--contrast-field", "other")
        assert wherefrom(*compared, "--overwrite").code == 0
        assert wherefrom(*compared, "--resume").code == 0
        refused = wherefrom(*asked, *streaming, "--resume")
        assert refused.code == 2
        assert "dataset.fields.contrast: other then, nothing now" in refused.err
    (tmp_path / "again.toml").write_text(wherefrom("info", "run", "--as-config").out)
    assert wherefrom("attribute-dataset", "--config-file", "again.toml", "-o", "two", "-q").code == 0
    assert numbers(tmp_path / "two") == numbers(tmp_path / "run")
    assert wherefrom(*asked, "--contrast-field", "other", "-o", "one.json").code == 0
    told = wherefrom("info", "one.json", "--as-config")
    assert "compared with texts that it does not hold" in told.out + told.err
    write(tmp_path / "texts.jsonl", [{**row, "other": f"{row['text']} He was sick."} for row in rows(2)])
    refused = wherefrom(*asked, "--contrast-field", "other", "--resume")
    assert refused.code == 2
    assert "data:" in refused.err


@pytest.mark.parametrize(
    "settings",
    [
        {"contrast_targets": ["Mary ran", "Mary sat"]},
        {"contrast_targets": ["Mary ran"]},
        {"contrast_sources": [[{"role": "user", "content": "Hi"}], None]},
        {"contrast_targets": "Mary ran", "contrast_targets_alignments": [[[0, 0]], [[1, 1]]]},
    ],
)
def test_settings_of_each_example_are_refused_where_examples_are_sorted(
    wherefrom: Run, settings: dict[str, Any]
) -> None:
    refused = wherefrom(*BASE, "-fn", "contrast_logits_diff", "--attribution-kwargs", json.dumps(settings), "-o", "run")
    assert refused.code == 2
    assert "--contrast-field NAME" in refused.err
    assert not Path("run").exists()


def test_one_contrast_for_all_is_a_setting(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", [{"text": "Mary ran", "target": f"Mary ran {end}"} for end in ("home", "out")])
    asked = (*BASE, "-a", "saliency", "-fn", "contrast_logits_diff", "--set", "contrast_targets=Mary ran because")
    assert wherefrom(*asked, "-o", "run").code == 0
    assert all("contrast" in one.details for one in open_run(tmp_path / "run"))
    refused = wherefrom(*asked, "--contrast-field", "target", "-o", "two")
    assert refused.code == 2
    assert "exclude each other" in refused.err


def test_token_on_the_command_line_is_ignored_with_a_warning(wherefrom: Run) -> None:
    loud = [word for word in BASE if word != "-q"]
    ran = wherefrom(*loud, "-o", "run", "--limit", 1, "--auth", "secret")
    assert ran.code == 0
    assert "--auth is ignored" in ran.err
    assert "secret" not in ran.err + json.dumps(open_run("run").manifest.settings)


def test_dry_run_leaves_nothing(wherefrom: Run, tmp_path: Path) -> None:
    ran = wherefrom(*BASE, "-o", "run", "--dry-run", "--json")
    assert json.loads(ran.out)["examples"] == N
    assert not (tmp_path / "run").exists()


def test_commands_as_inseq_documents_them_run_with_another_model(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "pairs.jsonl", [{"en": row["text"], "it": "x"} for row in rows(3)])
    ran = wherefrom(
        *("attribute", "--model_name_or_path", "demo:mt", "--attribution_method", "saliency"),
        *("--input_texts", "The teacher saw the garden."),
    )
    assert ran.code == 0, ran.err
    ran = wherefrom(
        *("attribute-dataset", "--model_name_or_path", "demo:mt", "--attribution_method", "saliency"),
        *("--do_prefix_attribution", "--dataset_name", "pairs.jsonl", "--input_text_field", "en"),
        *("--dataset_split", "train[:2]", "--viz_path", "attributions.html", "--batch_size", "8", "--hide"),
    )
    assert ran.code == 0, ran.err
    page = (tmp_path / "attributions.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert list(tmp_path.glob("*.run")) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_of_save_to_disk_is_a_data_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(rows()).save_to_disk(str(tmp_path / "saved"))
    asked = DatasetRequest(name=str(tmp_path / "saved"))
    assert [one.example.text for one in asked.load()] == [row["text"] for row in rows()]
    with pytest.raises(UsageError, match="without splits"):
        DatasetRequest(name=str(tmp_path / "saved"), split="test").load()
    for more in ({"files": ("a.jsonl",)}, {"folder": "b"}, {"kwargs": {"streaming": True}}, {"revision": "r"}):
        with pytest.raises(UsageError, match="would change nothing beside -d"):
            evolve(asked, **more).load()


def test_options_of_data_in_a_file_of_defaults_do_no_harm(wherefrom: Run, tmp_path: Path) -> None:
    """Where they change nothing; typed, they are refused."""
    write(tmp_path / "texts.jsonl", rows(1))
    (tmp_path / "own.toml").write_text('[attribute-dataset]\nconfig = "c"\n', encoding="utf-8")
    assert wherefrom(*BASE, "--config-file", "own.toml", "--hide").code == 0
    refused = wherefrom(*BASE, "--config", "c")
    assert refused.code == 2
    assert "--config would change nothing" in refused.err


def test_targets_that_nobody_asked_for_are_told(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", rows(1))
    loud = [word for word in BASE if word != "-q"]
    assert "targets are taken from the column 'target'" in wherefrom(*loud, "--hide").err
    ran = wherefrom(*loud, "-gen", "", "--max-new-tokens", 1, "--jsonl")
    assert "targets are taken" not in ran.err
    assert "at home" not in ran.out


def uneven(count: int = 6) -> list[dict[str, str]]:
    """The longest first, so that batches have another order than the data."""
    return [{"id": f"e{index}", "text": "Mary was hungry. " * (count - index)} for index in range(count)]


def test_lines_and_a_page_are_in_the_order_of_the_data(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str | None]] = []
    monkeypatch.setattr(run_sink, "write_html", lambda out, path, **options: drawn.append([one.id for one in out]))
    made = uneven()
    write(tmp_path / "texts.jsonl", made)
    ids = [row["id"] for row in made]
    base = (*BASE, "--max-new-tokens", 1, "-bs", 6)
    for more in (("-o", "-"), ("--jsonl",)):
        ran = wherefrom(*base, *more, "--viz-path", "page.html")
        assert ran.code == 0, ran.err
        assert [one.id for one in Attributions.from_bytes(ran.out.encode())] == ids
    assert drawn == [ids, ids]
    assert list(tmp_path.glob("*.run")) == []


def test_a_file_in_capitals_is_a_file(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", uneven(2))
    assert wherefrom(*BASE, "--max-new-tokens", 1, "-o", "OUT.JSONL").code == 0
    assert [one.id for one in load(tmp_path / "OUT.JSONL")] == ["e0", "e1"]


def test_a_run_that_was_converted_does_not_go_on(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", uneven(2))
    assert wherefrom(*BASE, "--max-new-tokens", 1, "-o", "out.jsonl").code == 0
    assert wherefrom("convert", "out.jsonl", "--to", "run", "-o", "run").code == 0
    refused = wherefrom(*BASE, "--max-new-tokens", 1, "-o", "run", "--resume")
    assert refused.code == 2
    assert "did not make, so it cannot go on" in refused.err
    assert len(refused.err) < 300


def test_secrets_are_in_no_run_and_in_no_plan(wherefrom: Run, tmp_path: Path) -> None:
    """Nor do they tell one run from another: they change."""
    (tmp_path / "rows.jsonl").write_text('{"text": "Mary was"}\n')
    data = ("-d", "json", "--files", "rows.jsonl", "--dataset-kwargs", '{"token": "sesame rows"}')
    asked = ("-m", "demo:lm", *data, "-a", "saliency", "--max-new-tokens", 1)

    def loaded(token: str) -> tuple[str, str]:
        return "--model-kwargs", json.dumps(
            {"token": token, "adapter_kwargs": {"token": token}, "local_files_only": True}
        )

    ran = wherefrom("attribute-dataset", *asked, *loaded("sesame"), "-o", "run")
    assert ran.code == 0, ran.err
    plan = wherefrom("attribute-dataset", *asked, *loaded("sesame"), "--dry-run", "--json")
    assert plan.code == 0, plan.err
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"local_files_only" in written
    assert b"sesame" not in written
    assert "sesame" not in plan.out
    again = wherefrom("attribute-dataset", *asked, *loaded("other sesame"), "-o", "run", "--resume")
    assert again.code == 0, again.err
