"""axe-core, the checker of accessibility, fetched once per session; where it is not to be had, tests are skipped."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest


@lru_cache(maxsize=1)
def axe_source() -> str:
    """The program, to be evaluated in a page."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run(
            ["npm", "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, check=False
        )
        if fetched.returncode:
            pytest.skip("npm cannot reach its registry")
        (archive,) = Path(folder).glob("axe-core-*.tgz")
        with tarfile.open(archive) as packed:
            member = packed.extractfile("package/axe.min.js")
            assert member is not None
            return member.read().decode()


def violations(page: Any, without: str = "") -> list[tuple[str, str]]:
    """Rule and first element of everything that axe finds in a page whose policy lets it be evaluated.

    Args:
        page: Playwright's.
        without: Selector of parts that are others' and looked at apart, such as frames.
    """
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(axe_source())
    # colours on their way from one to another are no one's choice
    page.evaluate(
        "Promise.all(document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity)"
        ".map(one => one.finished.catch(() => null)))"
    )
    context = f"{{ exclude: [{without!r}] }}" if without else "document"
    report = page.evaluate(f"axe.run({context}, {{ resultTypes: ['violations'] }})")
    assert report["passes"], "axe must have looked at something"
    return [
        (one["id"], f"{one['nodes'][0]['html'][:300]} {one['nodes'][0]['failureSummary']}")
        for one in report["violations"]
    ]
