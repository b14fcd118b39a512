"""Is everything ready to be released? ``uv run python -m tools.release 0.2.0`` looks and says what to do next.

It changes nothing: versions, changelog, citation, tags and the working tree are looked at, the packages are built from
a clean clone and their archives looked into. ``python -m tools.packages`` then plays the scenes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.version import VERSION_PATTERN, Version

from tools.packages import DISTRIBUTIONS, build, faults
from tools.versions import ROOT, is_version, places

_SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_TAG = re.compile(rf"v(?P<version>{VERSION_PATTERN})", re.VERBOSE | re.IGNORECASE)
_DATED = re.compile(r"(?P<version>\S+) \((?P<date>\d{4}-\d{2}-\d{2})\)")


def changelog_faults(changelog: str, version: str) -> Iterator[str]:
    """What the changelog lacks for a version: a dated section with text, newest first, nothing left as unreleased."""
    sections = {found["title"].strip(): found["text"].strip() for found in _SECTION.finditer(changelog)}
    dated = {match["version"]: title for title in sections if (match := _DATED.fullmatch(title))}
    if sections.get("Unreleased"):
        yield "CHANGELOG.md: what stands under `## Unreleased` belongs to a version"
    if version not in dated:
        yield f"CHANGELOG.md: no section `## {version} (YYYY-MM-DD)`"
    elif not sections[dated[version]]:
        yield f"CHANGELOG.md: the section of {version} is empty"
    if dated and version in dated and next(iter(dated)) != version:
        yield f"CHANGELOG.md: {next(iter(dated))} stands above {version}"


def tag_faults(tags: list[str], version: str) -> Iterator[str]:
    """A version is released once, and later than those before it."""
    if f"v{version}" in tags:
        yield f"git: the tag v{version} is there already"
    later = [tag for tag in tags if (found := _TAG.fullmatch(tag)) and Version(found["version"]) > Version(version)]
    if later:
        yield f"git: {', '.join(later)} is later than {version}"


def version_faults(said: dict[str, str], version: str) -> Iterator[str]:
    """Every place names the version."""
    for place, found in said.items():
        if found != version:
            yield f"{place} has {found}: `python -m tools.versions {version}`, then `uv lock`"


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.splitlines()


def look(version: str) -> Iterator[str]:
    """All that is not ready."""
    yield from version_faults(places(), version)
    yield from changelog_faults((ROOT / "CHANGELOG.md").read_text("utf-8"), version)
    yield from tag_faults(_git("tag", "--list"), version)
    if _git("status", "--porcelain"):
        yield "git: the working tree has changes that are not committed"
    if subprocess.run(["uv", "lock", "--check", "--quiet"], cwd=ROOT, check=False).returncode:
        yield "uv.lock does not fit the packages: `uv lock`"


def main(arguments: list[str]) -> int:
    """Look, build, tell."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version")
    version = parser.parse_args(arguments).version
    if not is_version(version):
        parser.error(f"a version such as 0.2.0 or 0.2.0rc1 was expected, not {version!r}")
    found = list(look(version))
    if not found:
        with tempfile.TemporaryDirectory() as place:
            archives = build(Path(place))
            found = [f"{name}: {fault}" for name in DISTRIBUTIONS for fault in faults(archives, name)]
    if found:
        print(f"{version} is not ready:", *found, sep="\n  ")
        return 1
    print(
        f"{version} is ready. Play the scenes, tag, build from the tag, upload:",
        "uv run python -m tools.packages",
        f"git tag -a v{version} -m 'wherefrom {version}' && git push origin v{version}",
        "uv build --all-packages --out-dir dist && uv publish dist/*",
        sep="\n  ",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
