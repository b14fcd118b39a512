"""Build wheels and source distributions from a clean clone and try them as strangers would.

``uv run python -m tools.packages`` builds what is committed, looks into every archive, and runs the scenes below, each
in a virtual environment of its own: packages alone, together, and without what they can do without. ``--only NAME ...``
chooses scenes, ``--python 3.13`` another interpreter. ``--lowest`` installs the lowest versions of others that our
packages say they work with, and runs a selection of the tests on them after the scene with everything. Scenes
with transformers install torch: gigabytes on Linux unless ``UV_TORCH_BACKEND=cpu`` is set.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from pathlib import Path

from attrs import frozen
from packaging.requirements import Requirement

from tools.versions import ROOT, current

DISTRIBUTIONS = {
    "wherefrom": "wherefrom",
    "wherefrom-hf": "wherefrom_hf",
    "wherefrom-openai": "wherefrom_openai",
    "wherefrom-keras": "wherefrom_keras",
    "wherefrom-viz": "wherefrom_viz",
    "wherefrom-cli": "wherefrom_cli",
    "wherefrom-playground": "wherefrom_playground",
}
"""Distribution, and what is imported."""
SAVED = ROOT / "tests" / "data" / "files" / "version-1.0.json"


WITH_EVERYTHING = "quick start"
"""The scene in whose environment `TESTS` run."""
TESTS = (
    "tests/journeys",
    "tests/core/test_files.py",
    "tests/core/test_step_functions.py",
    "tests/hf_adapter/test_attribute.py",
    "tests/hf_adapter/test_conformance.py",
    "tests/hf_adapter/test_demo_models.py",
    "tests/viz/test_console.py",
)
"""What is run at the lowest versions."""
TEST_TOOLS = (
    "hypothesis>=6.100",
    "packaging>=24",
    "pytest>=8.3",
    "sentencepiece>=0.2",
    "syrupy>=4.9",
    "zstandard>=0.23",
)


class PackagingError(Exception):
    """A package is not as a stranger needs it."""


@frozen
class Scene:
    """What is installed, and the script that has to end well there."""

    installs: tuple[str, ...]
    """Distributions of ours, with extras."""
    script: str
    """Run by the environment's Python; ``SAVED`` is a file of results."""
    also: tuple[str, ...] = ()
    """Distributions of others."""


_NO_TORCH = """
import importlib.util
assert importlib.util.find_spec("torch") is None, "torch was installed"
"""
_COMMAND = """
import os, subprocess, sys
from pathlib import Path
def command(*words, code=0):
    done = subprocess.run([str(Path(sys.executable).with_name("wherefrom")), *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    assert done.returncode == code, f"wherefrom {words} ended with {done.returncode}:\\n{said}"
    return said
"""

SCENES: Mapping[str, Scene] = {
    "core": Scene(
        ("wherefrom",),
        _NO_TORCH
        + """
import wherefrom
out = wherefrom.load(SAVED)
assert len(out) and out[0].top_contributors()
out.save_table("out.csv"); out.save("again.json")
assert wherefrom.load("again.json")[0].target == out[0].target
try:
    wherefrom.load_model("demo:lm")
except wherefrom.errors.MissingDependencyError as error:
    assert "pip install wherefrom-hf" in str(error), error
else:
    raise AssertionError("a model was loaded without an adapter")
try:
    out.show()
except wherefrom.errors.MissingDependencyError as error:
    assert "pip install wherefrom-viz" in str(error), error
else:
    raise AssertionError("results were drawn without views")
""",
    ),
    "viz": Scene(
        ("wherefrom-viz",),
        _NO_TORCH
        + """
import asyncio, wherefrom
from pathlib import Path
from wherefrom_viz.browser.app import Browser
out = wherefrom.load(SAVED)
out.show()
out.save_html("out.html")
assert out[0].steps[0].text.strip() in open("out.html", encoding="utf-8").read()
async def look():
    app = Browser([Path(SAVED)])
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query("*"), "the terminal browser is empty"
asyncio.run(look())
""",
    ),
    "cli without transformers": Scene(
        ("wherefrom-cli",),
        _NO_TORCH
        + _COMMAND
        + """
assert "wherefrom " in command("--version")
assert command("show", SAVED).strip()
command("export", SAVED, "-o", "out.html")
assert "wherefrom-hf" in command("attribute", code=1)
assert "wherefrom-cli[hf]" in command("doctor", "--quick", code=1)
assert "occlusion" in command("list", "methods")
""",
    ),
    "cli for servers": Scene(
        ("wherefrom-cli[openai]",),
        _NO_TORCH
        + _COMMAND
        + """
assert "wherefrom-openai" in command("list", "adapters")
command("doctor", "--quick")
""",
    ),
    "quick start": Scene(
        ("wherefrom-cli[hf]",),
        _COMMAND
        + """
assert "hospital" in command("attribute")
command("doctor")
import wherefrom
model = wherefrom.load_model("demo:lm", "integrated_gradients")
out = model.attribute("Hello ladies and", generation_args={"max_new_tokens": 3})
out.show(); out.save_html("out.html"); out.save("out.json")
assert wherefrom.load("out.json")[0].steps == out[0].steps
assert "out.json" in command("info", "out.json")
""",
    ),
    "keras": Scene(
        ("wherefrom-keras",),
        _NO_TORCH
        + """
import wherefrom
from wherefrom_keras.backend import keras_hub
pieces = ["Ġ", "c", "a", "t", "Ġc", "Ġca", "Ġcat", "<|endoftext|>"]
vocabulary = {piece: number for number, piece in enumerate(pieces)}
backbone = keras_hub.models.GPT2Backbone(
    vocabulary_size=len(vocabulary), num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=8, max_sequence_length=16
)
causal = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None)
own = keras_hub.tokenizers.GPT2Tokenizer(vocabulary=vocabulary, merges=["Ġ c", "Ġc a", "Ġca t"])
model = wherefrom.load_model(causal, framework="keras_hub", tokenizer=own)
out = model.attribute(" cat", " cat cat", method="saliency", show_progress=False)
assert out[0].target_attributions.shape[:2] == (len(out[0].target), len(out[0].steps))
assert abs(out[0].target_attributions).max() > 0
""",
    ),
    "types": Scene(
        ("wherefrom-viz",),
        """
import subprocess, sys
from pathlib import Path
right = '''import wherefrom
from wherefrom_viz import render_html

out = wherefrom.load("out.json")
texts: list[str] = [token.text for token in out[0].steps]
page: str = render_html(out)
'''
for words in (["mypy", "--strict"], ["basedpyright", "--level", "error"]):
    Path("script.py").write_text(right)
    done = subprocess.run([sys.executable, "-m", *words, "script.py"], capture_output=True, text=True)
    assert done.returncode == 0, f"{words} refuses a right script:\\n{done.stdout}{done.stderr}"
    Path("script.py").write_text(right.replace("list[str]", "list[int]"))
    done = subprocess.run([sys.executable, "-m", *words, "script.py"], capture_output=True, text=True)
    assert done.returncode, f"{words} sees no types: it accepts a wrong script"
""",
        also=("mypy>=1.15", "basedpyright>=1.30"),
    ),
}


def build(folder: Path, root: Path = ROOT) -> Path:
    """Clone what is committed into ``folder`` and build every package there; where the archives lie."""
    clone, archives = folder / "clone", folder / "archives"
    _run("git", "clone", "--quiet", "--no-hardlinks", str(root), str(clone))
    _run("uv", "build", "--quiet", "--all-packages", "--out-dir", str(archives), cwd=clone)
    return archives


def wheel(archives: Path, distribution: str) -> Path:
    """The wheel of a distribution."""
    (found,) = archives.glob(f"{DISTRIBUTIONS[distribution]}-{current()}-*.whl")
    return found


def faults(archives: Path, distribution: str) -> list[str]:
    """What a distribution's two archives lack."""
    module = DISTRIBUTIONS[distribution]
    found = []
    with zipfile.ZipFile(wheel(archives, distribution)) as opened:
        names = opened.namelist()
        information = f"{module}-{current()}.dist-info"
    metadata = _metadata(wheel(archives, distribution))
    found += [
        f"the wheel has no {name}"
        for name in (f"{module}/py.typed", f"{information}/licenses/LICENSE")
        if name not in names
    ]
    for field in (
        "Summary",
        "Author",
        "Keywords",
        "Classifier",
        "License-Expression",
        "License-File",
        "Requires-Python",
    ):
        if not metadata[field]:
            found.append(f"the metadata has no {field}")
    description = str(metadata.get_payload())
    if len(description.split()) < 40:
        found.append("the long description says next to nothing")
    if "](../" in description or "](docs/" in description:
        found.append("the long description has links that lead nowhere outside the repository")
    for needed in metadata.get_all("Requires-Dist") or []:
        requirement = needed.partition(";")[0]
        if requirement.startswith("wherefrom") and "[" not in requirement and f"=={current()}" not in requirement:
            found.append(f"{needed} is not held to the same version")
        elif not requirement.startswith("wherefrom") and ">=" not in requirement:
            found.append(f"{needed} has no lower bound")
    (source,) = archives.glob(f"{module}-{current()}.tar.gz")
    with tarfile.open(source) as packed:
        members = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        *(f"src/{name}" for name in names if name.startswith(f"{module}/")),
    }
    found += [f"the source distribution has no {name}" for name in sorted(wanted - members) if not name.endswith("/")]
    return found


def play(
    scene: Scene,
    archives: Path,
    folder: Path,
    *,
    python: str | None = None,
    lowest: bool = False,
    tests: tuple[str, ...] = (),
) -> str:
    """Install a scene into a new environment and run its script there; what was installed.

    Args:
        python: Version or path of the interpreter.
        lowest: Install the lowest versions of others that our packages name.
        tests: Files and folders of tests to run in the same environment.

    Raises:
        PackagingError: It could not be installed, or the script failed: with everything that was said.
    """
    environment, work = folder / "environment", folder / "work"
    work.mkdir(parents=True)
    _run("uv", "venv", "--quiet", str(environment), *(["--python", python] if python else []))
    executable = str(environment / ("Scripts" if os.name == "nt" else "bin") / "python")
    ours = [_requirement(archives, given) for given in scene.installs]
    overrides = folder / "ours.txt"  # what is found under our names on an index is not what was built here
    others = DISTRIBUTIONS.keys() - {given.partition("[")[0] for given in scene.installs}
    overrides.write_text("".join(f"{name} @ {wheel(archives, name).as_uri()}\n" for name in others), "utf-8")
    install = ["uv", "pip", "install", "--quiet", "--python", executable, "--overrides", str(overrides)]
    if lowest:  # what our packages need counts as asked for directly, so that it is held at its bound
        others_need = foreign(archives, scene.installs)
        install += ["--resolution", "lowest-direct", *others_need]
    _run(*install, *ours, *scene.also, *(TEST_TOOLS if tests else ()))
    script = folder / "script.py"
    script.write_text(f"SAVED = {str(SAVED)!r}\n{scene.script}", "utf-8")
    _run(executable, "-I", str(script), cwd=work)
    if tests:
        _run(executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=ROOT)
    return _run("uv", "pip", "list", "--python", executable)


def foreign(archives: Path, installs: tuple[str, ...]) -> list[str]:
    """What the named distributions of ours, and those they bring, need of others: with markers, without duplicates."""
    found: dict[str, None] = {}
    waiting, seen = [Requirement(given) for given in installs], set()
    while waiting:
        ours = waiting.pop()
        for extra in ("", *sorted(ours.extras)):
            if (ours.name, extra) in seen:
                continue
            seen.add((ours.name, extra))
            for text in _metadata(wheel(archives, ours.name)).get_all("Requires-Dist") or []:
                needed = Requirement(text)
                named = "extra" in str(needed.marker or "")
                if named != bool(extra) or (named and needed.marker and not needed.marker.evaluate({"extra": extra})):
                    continue
                if needed.name in DISTRIBUTIONS:
                    waiting.append(needed)
                else:
                    found[text.partition(";")[0].strip() if named else text] = None
    return list(found)


def _metadata(path: Path) -> Message:
    with zipfile.ZipFile(path) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(opened.read(name).decode())


def _requirement(archives: Path, given: str) -> str:
    name, bracket, extras = given.partition("[")
    return f"{name}{bracket}{extras} @ {wheel(archives, name).as_uri()}"


def _run(*words: str, cwd: Path | None = None) -> str:
    surroundings = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, check=False, env=surroundings)
    if done.returncode:
        raise PackagingError(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Build, look, play."""
    parser = argparse.ArgumentParser(prog="python -m tools.packages", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(SCENES), default=list(SCENES), metavar="SCENE")
    parser.add_argument("--python", help="version or path of the interpreter")
    parser.add_argument("--lowest", action="store_true", help="lowest versions of what our packages need, and tests")
    parser.add_argument("--show", action="store_true", help="list what was installed")
    options = parser.parse_args(arguments)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        archives = build(Path(place))
        for distribution in DISTRIBUTIONS:
            found = faults(archives, distribution)
            failed += bool(found)
            print(f"{distribution}: {'; '.join(found) or 'archives fine'}", flush=True)
        for number, name in enumerate(options.only):
            try:
                installed = play(
                    SCENES[name],
                    archives,
                    Path(place) / str(number),
                    python=options.python,
                    lowest=options.lowest,
                    tests=TESTS if options.lowest and name == WITH_EVERYTHING else (),
                )
            except PackagingError as error:
                failed += 1
                print(f"{name}: failed\n{error}", flush=True)
            else:
                print(f"{name}: fine", flush=True)
                if options.show:
                    print(installed, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
