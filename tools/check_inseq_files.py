"""Exchange files with inseq itself: what it writes we load, what we write it loads and shows.

    python tools/check_inseq_files.py                  # needs uv; inseq 0.7.1 gets an environment of its own
    python tools/check_inseq_files.py --record         # also renews tests/data/inseq
    python tools/check_inseq_files.py --version 0.6.0  # read what an older version writes

inseq never shares an environment with this project.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from wherefrom.files import load, save_inseq
from wherefrom.results.attribution import Attributions

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "tests" / "golden" / "data" / "models"
RECORDED = ROOT / "tests" / "data" / "inseq"

THEIRS = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from pathlib import Path
import numpy as np
import inseq
models, folder = Path(sys.argv[1]), Path(sys.argv[2])
import inspect
known = inspect.signature(inseq.FeatureAttributionOutput.save).parameters

def plain(array):
    return None if array is None else [None if x != x else float(x) for x in np.asarray(array, dtype=float).ravel()]

def numbers(out):
    return [{"source": [t.token for t in s.source], "target": [t.token for t in s.target],
             "ids": [t.id for t in s.target], "start": s.attr_pos_start, "end": s.attr_pos_end,
             "source_attributions": plain(s.source_attributions), "target_attributions": plain(s.target_attributions),
             "step_scores": {k: plain(v) for k, v in s.step_scores.items()}} for s in out.sequence_attributions]

def save(out, name, **kwargs):
    kwargs = {k: v for k, v in kwargs.items() if k in known}
    out.save(str(folder / name), overwrite=True, **kwargs)
    expected[name] = numbers(out)

expected = {}
if len(sys.argv) > 3 and sys.argv[3] == "write":
    gpt2 = inseq.load_model(str(models / "gpt2-tiny"), "saliency")
    out = gpt2.attribute("the name", "the name of it", step_scores=["probability", "entropy"], show_progress=False)
    save(out, "saliency.json")
    save(out, "saliency.json.gz", compress=True)
    save(out, "primitives.json", use_primitives=True)
    save(out, "lists.json", ndarray_compact=False)
    save(out, "half.json", scores_precision="float16")
    save(out.aggregate(), "aggregated.json")
    steps = gpt2.attribute("the name", "the name of it", output_step_attributions=True, show_progress=False)
    save(steps, "steps.json")
    marian = inseq.load_model(str(models / "marian-tiny"), "attention")
    out = marian.attribute("the name", "the value", attribute_target=True, show_progress=False)
    save(out, "attention.json")
    (folder / "expected.json").write_text(json.dumps(expected))
else:
    for path in sorted(folder.glob("*.json*")):
        if path.name == "shown.json":
            continue
        out = inseq.FeatureAttributionOutput.load(str(path), decompress=path.suffix == ".gz")
        expected[path.name] = numbers(out)
        for one in out.sequence_attributions:
            while one.target_attributions.ndim > 2 and "Multi" in type(one).__name__:  # forgotten when it reloads
                one = one.aggregate("mean", do_post_aggregation_checks=False)
            page = one.show(display=False, return_html=True, do_aggregation=one.target_attributions.ndim > 2)
            assert "<table" in page, path.name
    (folder / "shown.json").write_text(json.dumps(expected))
"""


def run_inseq(version: str, folder: Path, *arguments: str) -> None:
    """Run their side in an environment of its own."""
    older = ["--with", "transformers<5"] if version < "0.7" else []
    models = folder.parent / "models"
    shutil.copytree(MODELS, models, dirs_exist_ok=True)
    if older:  # what transformers 5 calls a fast tokenizer has another name there
        for path in models.glob("*/tokenizer_config.json"):
            path.write_text(path.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast"))
    command = ["uv", "run", "--no-project", "--with", f"inseq=={version}", *older, "python", "-c", THEIRS]
    done = subprocess.run(
        [*command, str(models), str(folder), *arguments], capture_output=True, text=True, cwd=folder, check=False
    )
    if done.returncode:
        sys.exit(f"inseq {version} failed:\n{done.stderr[-3000:]}")


def without_paths(data: bytes, models: Path) -> bytes:
    """A recorded file that names models, not where they lay."""
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(without_paths(gzip.decompress(data), models), mtime=0)
    return data.replace(f"{models}/".encode(), b"")


def agree(ours: Attributions, theirs: list[dict[str, Any]], tolerance: float) -> None:
    """Fail unless tokens, positions and every visible number agree."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert [token.piece for token in one.target] == other["target"]
        assert [token.id for token in one.target] == other["ids"]
        assert (one.attr_pos_start, one.attr_pos_end) == (other["start"], other["end"])
        for name in ("source_attributions", "target_attributions"):
            mine, told = getattr(one, name), other[name]
            assert (mine is None) == (told is None), name
            if mine is not None:
                values = np.array([np.nan if value is None else value for value in told], dtype=float)
                values = np.nan_to_num(values)
                np.testing.assert_allclose(mine.ravel()[: len(values)], values, atol=tolerance, rtol=tolerance)
        for name, values in other["step_scores"].items():
            np.testing.assert_allclose(one.step_scores[name], values, atol=tolerance, rtol=tolerance)


def main() -> None:
    """Exchange files in both directions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default="0.7.1")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        theirs, ours = Path(name) / "theirs", Path(name) / "ours"
        theirs.mkdir()
        ours.mkdir()
        run_inseq(options.version, theirs, "write")
        expected = json.loads((theirs / "expected.json").read_text())
        read = {}
        for file, told in expected.items():
            read[file] = load(theirs / file)
            agree(read[file], told, 1e-3 if "half" in file else 1e-6)
            print(f"read {file}: {len(read[file])} examples")
        if options.record:
            target = RECORDED / options.version
            target.mkdir(parents=True, exist_ok=True)
            for file in [*expected, "expected.json"]:
                (target / file).write_bytes(without_paths((theirs / file).read_bytes(), theirs.parent / "models"))
        if options.version == "0.7.1":
            written = {
                "raw.json": read["saliency.json"],
                "zipped.json.gz": read["saliency.json"],
                "matrix.json": read["saliency.json"].aggregate(),
                "words.json": read["saliency.json"].aggregate(["vnorm", "subwords"]),
                "layers.json": read["attention.json"],
            }
            for file, result in written.items():
                save_inseq(result, ours / file)
            run_inseq(options.version, ours)
            shown = json.loads((ours / "shown.json").read_text())
            for file, result in written.items():
                agree(result, shown[file], 1e-6)
                print(f"inseq loaded and showed {file}")


if __name__ == "__main__":
    main()
