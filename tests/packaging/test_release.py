"""The release script sees what is not ready."""

from __future__ import annotations

import pytest

from tools import release, versions
from tools.release import changelog_faults, tag_faults, version_faults

READY = "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- New.\n\n## 0.1.0 (2026-11-01)\n\n- First.\n"


def test_a_version_that_is_ready_passes() -> None:
    assert not list(changelog_faults(READY, "0.2.0"))
    assert not list(tag_faults(["v0.1.0", "v0.2.0rc1", "old"], "0.2.0"))
    assert not list(version_faults({"a": "0.2.0"}, "0.2.0"))


@pytest.mark.parametrize("malformed", ["next", "1.0", "v0.2.0", "0.2.0 ", ""])
def test_what_is_no_version_is_said_and_nothing_is_looked_at(
    malformed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(release, "look")
    monkeypatch.delattr(versions, "places")
    with pytest.raises(SystemExit, match="2"):
        release.main([malformed])
    assert versions.main([malformed]) == 2
    assert capsys.readouterr().err.count("such as 0.2.0") == 2


@pytest.mark.parametrize(
    "changelog, said",
    [
        (READY.replace("## Unreleased\n", "## Unreleased\n\n- More.\n"), "belongs to a version"),
        (READY.replace("0.2.0 (2026-12-01)", "0.2.0"), "no section"),
        (READY.replace("0.2.0", "0.3.0"), "no section"),
        (READY.replace("- New.", ""), "is empty"),
        (READY.replace("## 0.2.0", "## 0.3.0 (2027-01-01)\n\n- Newer.\n\n## 0.2.0"), "stands above"),
    ],
)
def test_a_changelog_that_is_not_ready_is_seen(changelog: str, said: str) -> None:
    assert said in "; ".join(changelog_faults(changelog, "0.2.0"))


def test_stages_before_a_release_are_in_order() -> None:
    stages = ["0.2.0.dev3", "0.2.0a2", "0.2.0b3", "0.2.0rc1", "0.2.0"]
    for place, version in enumerate(stages):
        said = list(tag_faults([f"v{one}" for one in stages if one != version], version))
        assert [f"v{one}" in "".join(said) for one in stages] == [other > place for other in range(len(stages))]


@pytest.mark.parametrize("tags", [["v0.2.0"], ["v0.3.0"], ["v0.2.1rc1"], ["v0.10.0"], ["v1.0.0"]])
def test_a_tag_that_is_there_or_later_is_seen(tags: list[str]) -> None:
    assert list(tag_faults(tags, "0.2.0"))


def test_a_place_that_was_forgotten_is_seen() -> None:
    (said,) = version_faults({"packages/viz/pyproject.toml:3": "0.1.0", "pyproject.toml:3": "0.2.0"}, "0.2.0")
    assert "packages/viz/pyproject.toml:3 has 0.1.0" in said
