"""Every method on every known answer: the table of ``docs/evaluation.md``.

    uv run python -m tools.verify_table

Writes between the page's two marks. Takes some minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path

import wherefrom.methods as m
from wherefrom.evaluation.verify import BREAKS, TRUTHS, Broken, Verdict, verify
from wherefrom.methods import METHODS
from wherefrom_cli.commands.verify import markdown

PAGE = Path(__file__).parents[1] / "docs" / "evaluation.md"
BEGIN, END = "<!-- verify: begin -->", "<!-- verify: end -->"


def table() -> str:
    """The page's table: all methods, then two of them broken in each way."""
    verdicts: dict[str, list[Verdict]] = {name: verify(name) for name in METHODS if name != "dummy"}
    for method in (m.InputXGradient(), m.Occlusion()):
        whole = [one.truth for one in verdicts[method.identifier] if one.passed]
        for way in BREAKS:
            known = {one.truth: one for one in verify(Broken(method=method, way=way), truths=whole)}
            verdicts[f"{method.identifier}, {way}"] = [
                known.get(name, Verdict(method="broken", truth=name, passed=None)) for name in TRUTHS
            ]
    return "\n".join(markdown(verdicts))


def main() -> None:
    """Write it."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
