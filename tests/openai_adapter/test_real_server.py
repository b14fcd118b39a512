"""SmolLM2 behind a server says what transformers says of the same weights, and a killed server harms no run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.adapters import Row
from wherefrom.errors import WherefromWarning
from wherefrom_hf.demo import is_fetched
from wherefrom_openai.adapter import load

pytestmark = pytest.mark.server

TEXTS = (
    "The capital of France is Paris, and the capital of Germany is Berlin.",
    "def add(a, b):\n    return a + b\n",
    "Crème brûlée für Zoë 😀",
)
DOCUMENTS = (
    "The river Spree flows through the city.",
    "The capital of Norway is Bergen.",
    "Ada wrote the first program.",
)


def wherefrom_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "wherefrom_cli", *arguments], capture_output=True, text=True)


def kwargs(server: Any, **more: Any) -> list[str]:
    settings = {"base_url": server.url, "cache": False, **more}
    return ["--framework", "openai", "-m", "smollm2", "--model-kwargs", json.dumps(settings)]


def done(folder: Path) -> int:
    """Examples that a run has finished, failed ones left out."""
    return len(wherefrom.files.open_run(folder).finished) if (folder / "manifest.json").exists() else 0


def scored(row: Any) -> Any:
    """Log-probabilities of a prediction, float64."""
    logits = np.asarray(row.logits.detach(), dtype=np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.fixture(scope="module")
def here() -> Any:
    if not is_fetched("smollm2"):
        pytest.skip("demo:smollm2 was not fetched: uv run python -m wherefrom_hf.demo.pretrained smollm2")
    return wherefrom.load_model("demo:smollm2", device="cpu")


@pytest.mark.filterwarnings("ignore:.*were not among:wherefrom.errors.WherefromWarning")
def test_numbers_agree_with_transformers(llama_server: Any, here: Any) -> None:
    served = load("smollm2", base_url=llama_server.url, cache=False)
    assert served.predictor.ability.listed == 1000
    for text in TEXTS:
        ids = here.adapter.encode(text, side="target").ids
        np.testing.assert_array_equal(served.encode(text, side="target").ids, ids)
        row = Row(target_ids=ids, steps=np.arange(1, len(ids)))
        came = next(iter(list(served.predict([row])))).logits
        expected = scored(next(iter(here.adapter.predict([row]))))
        likely = np.argsort(-expected)[:, :900]  # surely among the thousand that the server lists
        difference = np.take_along_axis(came, likely, -1) - np.take_along_axis(expected, likely, -1)
        assert np.abs(difference).max() < 1e-2


def test_a_journey_on_the_command_line(llama_server: Any, here: Any, tmp_path: Path) -> None:
    asked = {"input_texts": TEXTS[0][:24], "generated_texts": TEXTS[0][:30], "method": "kernel_shap", "units": "word"}
    saved = tmp_path / "out.json"
    arguments = (
        *("attribute", *kwargs(llama_server), "-i", asked["input_texts"], "-g", asked["generated_texts"]),
        *("-a", "kernel_shap", "--units", "word"),
    )
    told = wherefrom_cli(*arguments, "--dry-run", "--json")
    assert told.returncode == 0, told.stderr
    out = wherefrom_cli(*arguments, "-o", str(saved))
    assert out.returncode == 0, out.stderr
    assert "France" in out.stdout
    came = wherefrom.load(saved)[0]
    counted = wherefrom.load_model("smollm2", framework="openai", base_url=llama_server.url, cache=False)
    with pytest.warns(WherefromWarning, match="target tokens were not among"):
        counted.attribute(**asked)
    assert json.loads(told.stdout)["requests"] == {
        "requests": counted.adapter.spent.requests,  # type: ignore[attr-defined]
        "tokens in them": counted.adapter.spent.tokens,  # type: ignore[attr-defined]
    }
    np.testing.assert_allclose(
        came.target_attributions, here.attribute(**asked)[0].target_attributions, atol=1e-2, equal_nan=True
    )


def test_documents_on_the_command_line(llama_server: Any, tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    documents.write_text("".join(json.dumps({"text": text}) + "\n" for text in DOCUMENTS))
    out = wherefrom_cli(
        *("attribute-context", *kwargs(llama_server), "--documents", str(documents)),
        *("--input-current-text", "The capital of Norway is", "--output-current-text", " Bergen."),
        *("--citations", str(tmp_path / "citations.json")),
    )
    assert out.returncode == 0, out.stderr
    assert "[1]" in out.stdout
    (support,) = json.loads((tmp_path / "citations.json").read_text())["support_nats"]
    assert np.argmax(support) == 1, "the second document says it"


def test_a_run_goes_on_after_the_server_was_killed(llama_server: Any, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    numbers = ("one", "two", "three", "four", "five", "six")
    data.write_text("".join(json.dumps({"text": f"The number after {n} is"}) + "\n" for n in numbers))

    def command(folder: str, *more: str) -> list[str]:
        return [
            *("attribute-dataset", *kwargs(llama_server, attempts=1), "-d", str(data), "-in", "text"),
            *("-a", "occlusion", "--units", "token", "--max-new-tokens", "3", "--batch-size", "1"),
            *("-o", str(tmp_path / folder), *more),
        ]

    whole = wherefrom_cli(*command("whole"))
    assert whole.returncode == 0, whole.stderr
    running = subprocess.Popen(
        [sys.executable, "-m", "wherefrom_cli", *command("part")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while done(tmp_path / "part") < 1 and running.poll() is None:
        time.sleep(0.05)
    llama_server.kill()
    _, said = running.communicate(timeout=120)
    try:
        assert running.returncode == 1, said
        assert b"go on with the same command and --resume" in said
        finished = done(tmp_path / "part")
        assert 1 <= finished < len(numbers), "the server was killed in the middle"
    finally:
        llama_server.start()
    resumed = wherefrom_cli(*command("part", "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    first, second = (wherefrom.files.open_run(tmp_path / name) for name in ("whole", "part"))
    assert len(first) == len(second) == len(numbers)
    for one, other in zip(first, second, strict=True):
        assert [t.id for t in one.target] == [t.id for t in other.target]
        np.testing.assert_allclose(one.target_attributions, other.target_attributions, atol=1e-3)
