"""SmolLM2 behind a server says what transformers says of the same weights, and a killed server harms no run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.adapters import Row
from wherefrom_hf.demo import is_fetched
from wherefrom_openai.adapter import load

pytestmark = pytest.mark.server

TEXTS = (
    "The capital of France is Paris, and the capital of Germany is Berlin.",
    "def add(a, b):\n    return a + b\n",
    "Crème brûlée für Zoë 😀",
)


def wherefrom_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "wherefrom_cli", *arguments], capture_output=True, text=True)


def kwargs(server: Any, **more: Any) -> list[str]:
    settings = {"base_url": server.url, "cache": False, **more}
    return ["--framework", "openai", "-m", "smollm2", "--model-kwargs", json.dumps(settings)]


def test_numbers_agree_with_transformers(llama_server: Any) -> None:
    if not is_fetched("smollm2"):
        pytest.skip("demo:smollm2 was not fetched: uv run python -m wherefrom_hf.demo.pretrained smollm2")
    served = load("smollm2", base_url=llama_server.url, cache=False, top_logprobs=49152)
    here = wherefrom.load_model("demo:smollm2", device="cpu").adapter
    for text in TEXTS:
        ids = here.encode(text, side="target").ids
        np.testing.assert_array_equal(served.encode(text, side="target").ids, ids)
        row = Row(target_ids=ids, steps=np.arange(1, len(ids)))
        came = next(iter(list(served.predict([row])))).logits
        logits = np.asarray(next(iter(here.predict([row]))).logits.detach(), dtype=np.float64)  # type: ignore[attr-defined]
        logits -= logits.max(-1, keepdims=True)
        expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        steps = np.arange(len(ids) - 1)
        np.testing.assert_allclose(came[steps, ids[1:]], expected[steps, ids[1:]], atol=1e-2)


def test_a_journey_on_the_command_line(llama_server: Any) -> None:
    out = wherefrom_cli(
        *("attribute", *kwargs(llama_server), "-i", "The capital of France is", "-a", "kernel_shap"),
        *("--set", "units=word", "--set", "baseline=delete", "--max-new-tokens", "2"),
    )
    assert out.returncode == 0, out.stderr
    assert "France" in out.stdout


def test_a_run_goes_on_after_the_server_was_killed(llama_server: Any, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"text": f"The number after {n} is"}) + "\n" for n in ("one", "two", "three")))
    settings = {"attempts": 1, "top_logprobs": 1000}

    def run(folder: str, *more: str) -> subprocess.CompletedProcess[str]:
        return wherefrom_cli(
            *("attribute-dataset", *kwargs(llama_server, **settings), "-d", str(data), "-in", "text"),
            *("-a", "occlusion", "--set", "baseline=delete", "--max-new-tokens", "2"),
            *("-o", str(tmp_path / folder), *more),
        )

    whole = run("whole")
    assert whole.returncode == 0, whole.stderr
    part = run("part", "--limit", "1")
    assert part.returncode == 0, part.stderr
    llama_server.kill()
    broken = run("part", "--resume")
    assert broken.returncode != 0
    llama_server.start()
    resumed = run("part", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    first, second = (wherefrom.files.open_run(tmp_path / name) for name in ("whole", "part"))
    assert len(first) == len(second) == 3
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one.target_attributions, other.target_attributions, atol=1e-3)
