"""Who imports whom among the packages, drawn from the source, and the rooms of core."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from tools.packages import DISTRIBUTIONS
from tools.site.catalogue import cell, markdown
from tools.versions import ROOT

Graph = Mapping[str, set[str]]
WIDTH, HEIGHT, GAP, RISE = 150, 34, 22, 84


def _imports(path: Path) -> set[str]:
    """Dotted names a file imports when it is loaded or later."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def packages() -> Graph:
    """Packages of ours and those they import."""
    modules = set(DISTRIBUTIONS.values())
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for path in sorted((ROOT / "packages").glob("*/src/*/**/*.py")):
        name = next(part for part in path.relative_to(ROOT).parts if part in modules)
        graph[name] |= {dotted.partition(".")[0] for dotted in _imports(path)} & modules - {name}
    return graph


def rooms() -> dict[str, str]:
    """Folders of core, and what each says that it is for."""
    source = ROOT / "packages" / "core" / "src" / "wherefrom"
    said = {
        path.parent.name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) for path in source.glob("*/__init__.py")
    }
    return {name: (text or "").partition("\n\n")[0].replace("\n", " ") for name, text in sorted(said.items())}


def floors(graph: Graph) -> list[list[str]]:
    """Names by floor: each stands above all that it imports.

    Raises:
        ValueError: The imports run in a circle.
    """
    level: dict[str, int] = {}
    waiting = dict(graph)
    while waiting:
        ready = {name for name, needed in waiting.items() if needed <= level.keys()}
        if not ready:
            raise ValueError(f"Imports run in a circle among {', '.join(sorted(waiting))}.")
        for name in sorted(ready):
            level[name] = 1 + max((level[other] for other in graph[name]), default=-1)
            del waiting[name]
    return [sorted(name for name in level if level[name] == floor) for floor in range(max(level.values()) + 1)]


def draw(graph: Graph, title: str) -> str:
    """An SVG: arrows go downwards, from who imports to what is imported. Arrows that a longer way implies are left out."""
    rows = floors(graph)
    across = max(map(len, rows))
    width, height = across * (WIDTH + GAP) + GAP, len(rows) * RISE
    place: dict[str, tuple[float, float]] = {}
    for floor, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP) + GAP) / 2
        for number, name in enumerate(row):
            place[name] = left + number * (WIDTH + GAP), height - (floor + 1) * RISE + (RISE - HEIGHT) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#777"/></marker></defs>',
    ]
    for name, needed in sorted(graph.items()):
        for other in sorted(needed - {deep for one in needed for deep in _reached(graph, one)}):
            (x, y), (to_x, to_y) = place[name], place[other]
            lines.append(
                f'<line x1="{x + WIDTH / 2:g}" y1="{y + HEIGHT:g}" x2="{to_x + WIDTH / 2:g}" y2="{to_y:g}" stroke="#777" marker-end="url(#tip)"/>'
            )
    for name, (x, y) in sorted(place.items()):
        lines.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="#f4f1ea" stroke="#555"/>'
            f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 5:g}" text-anchor="middle" fill="#111">{escape(name)}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def _reached(graph: Graph, name: str) -> set[str]:
    """All that a name imports by way of others."""
    found: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += graph[other]
    return found


def pages() -> dict[str, str]:
    """File name to content."""
    table = "\n".join(f"| `{name}` | {cell(markdown(text))} |" for name, text in rooms().items())
    page = (
        "# Architecture\n\nImports run one way. This picture is drawn from the source each time the site is built; a circle fails the build.\n\n"
        "## Packages\n\n![Packages and their imports](architecture-packages.svg)\n\n"
        "Core knows no framework. Adapters answer its questions, views draw its results, the command line puts them together.\n\n"
        f"## Rooms of core\n\n| room | |\n|---|---|\n{table}\n\n"
        "Data flows one way: text, tokens, question, scores, attribution, aggregated attribution, view. Token ids are the truth and are never\n"
        "decoded and tokenised again. Files and results know nothing of models.\n"
    )
    return {
        "architecture.md": page,
        "architecture-packages.svg": draw(packages(), "Packages of wherefrom and their imports"),
    }
