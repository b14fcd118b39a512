"""Links inside the documents lead somewhere: files that are there, headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "examples").glob("*.md"))
MADE = {"file-schema", "architecture", "catalogue", "reference"}
"""Pages that only the site has."""
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """A heading as its address: small letters, words joined by hyphens, without punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken(page: Path, text: str) -> tuple[int, list[str]]:
    """How many links of a page lead inside the repository, and those that lead nowhere."""
    wrong, seen = [], 0
    for found in LINK.finditer(FENCE.sub("", text)):
        name, _, place = found["target"].partition("#")
        if name.startswith(("http:", "https:", "mailto:")):
            continue
        seen += 1
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            wrong.append(f"{page.name}: {found['target']}")
        elif place and path.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
            if place not in {anchor(heading) for heading in headings}:
                wrong.append(f"{page.name}: {found['target']} has no such heading")
    return seen, wrong


def test_links_lead_somewhere() -> None:
    results = [broken(page, page.read_text("utf-8")) for page in PAGES]
    assert not [line for _, wrong in results for line in wrong]
    assert sum(seen for seen, _ in results) >= 70


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n\n[a](#here) [b](gone.md) [c](page.md#there) [d](https://example.org)\n", "utf-8")
    seen, wrong = broken(page, page.read_text("utf-8"))
    assert seen == 3
    assert wrong == ["page.md: gone.md", "page.md: page.md#there has no such heading"]


def skipped_levels(text: str) -> list[str]:
    """Headings that stand more than one level below the one before: the site's builder refuses them."""
    wrong, before = [], 0
    for marks, heading in re.findall(r"^(#+) (.+)$", FENCE.sub("", text), re.MULTILINE):
        if len(marks) > before + 1:
            wrong.append(heading)
        before = len(marks)
    return wrong


def test_headings_skip_no_level() -> None:
    assert not {page.name: wrong for page in PAGES if (wrong := skipped_levels(page.read_text("utf-8")))}
    assert skipped_levels("# A\n\n### B\n\n## C\n\n```\n#### D\n```\n") == ["B"]


def test_the_site_has_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = {line.partition("/")[0] for line in index.splitlines() if re.fullmatch(r"[\w/-]+", line)}
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages <= listed
    assert listed <= pages | MADE | {"SECURITY", "CONTRIBUTING", "CHANGELOG"}
