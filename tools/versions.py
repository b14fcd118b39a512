"""One version for all packages: the root's ``pyproject.toml`` has it, and this writes it everywhere else.

``uv run python -m tools.versions`` says what every place has, and fails where they differ;
``uv run python -m tools.versions 0.2.0`` sets it in all of them (then: ``uv lock``).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_VERSION = re.compile(r'^version = "(?P<version>[^"]+)"$', re.MULTILINE)
_PIN = re.compile(r'"wherefrom(?:-[a-z]+)?(?:\[[a-z,]+\])?==(?P<version>[^",]+)"')
_CITED = re.compile(r"^version: (?P<version>\S+)$", re.MULTILINE)
_FORM = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+|\.dev\d+)?")


def is_version(text: str) -> bool:
    """Is it a version such as ``0.2.0`` or ``0.2.0rc1``?"""
    return _FORM.fullmatch(text) is not None


def _files(root: Path) -> dict[Path, list[re.Pattern[str]]]:
    """The files that name the version, and how they do."""
    packages = sorted((root / "packages").glob("*/pyproject.toml"))
    return {
        root / "pyproject.toml": [_VERSION],
        **{path: [_VERSION, _PIN] for path in packages},
        root / "CITATION.cff": [_CITED],
    }


def current(root: Path = ROOT) -> str:
    """The version of the one place."""
    found = _VERSION.search((root / "pyproject.toml").read_text("utf-8"))
    if found is None:
        raise ValueError(f'{root / "pyproject.toml"} has no line `version = "..."`.')
    return found["version"]


def places(root: Path = ROOT) -> dict[str, str]:
    """What every place says, by ``file:line``."""
    said = {}
    for path, patterns in _files(root).items():
        text = path.read_text("utf-8")
        for pattern in patterns:
            for found in pattern.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                said[f"{path.relative_to(root).as_posix()}:{line}"] = found["version"]
    return said


def set_everywhere(version: str, root: Path = ROOT) -> None:
    """Write ``version`` in all places.

    Raises:
        ValueError: It is no version such as ``0.2.0`` or ``0.2.0rc1``.
    """
    if not is_version(version):
        raise ValueError(f"A version such as 0.2.0 or 0.2.0rc1 was expected, not {version!r}.")
    for path, patterns in _files(root).items():
        text = path.read_text("utf-8")
        for pattern in patterns:
            text = pattern.sub(lambda found: found[0].replace(found["version"], version), text)
        path.write_text(text, "utf-8")


def main(arguments: list[str]) -> int:
    """Set the version if one is given; tell the places; 1 where they differ."""
    if arguments:
        try:
            set_everywhere(arguments[0])
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
    said = places()
    for place, version in said.items():
        print(f"{version}  {place}")
    return 0 if set(said.values()) == {current()} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
