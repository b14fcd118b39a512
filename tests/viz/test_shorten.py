from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from wherefrom_viz.page import bundle
from wherefrom_viz.page.shorten import KEPT, renamed, shortened
from wherefrom_viz.page.squeeze import squeezed


@pytest.mark.parametrize(
    "code, short",
    [
        ("const total = 1; total.total = total;", "const a = 1; a.total = a;"),
        ("f({ total, size: total, ...total });", "f({ total:a, size: a, ...a });"),
        ("const { total, rest: other = total } = this;", "const { total:a, rest: b = a } = this;"),
        (
            "h({ class: total }); class Thing { total() { return total; } }",
            "h({ class: a }); class b { total() { return a; } }",
        ),
        ("x = cond ? total : other;", "x = a ? b : c;"),
        ("{ held = 1; }", "{ a = 1; }"),
        ("`${total} ${`total ${ total }`}`", "`${a} ${`total ${ a }`}`"),
        ("window.total = total?.total ?? document;", "window.total = a?.total ?? document;"),
        ("((total = 1) => { total++; })", "((a = 1) => { a++; })"),
    ],
)
def test_variables_get_short_names_and_nothing_else_does(code: str, short: str) -> None:
    assert shortened(code) == short


def test_short_names_avoid_those_in_use() -> None:
    assert shortened("const a = total;") == "const a = b;"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_shortened_code_computes_the_same() -> None:
    code = """
    class Counter {
      constructor({ start = 2, by: step = 3 } = {}) { Object.assign(this, { start, step }); }
      get total() { const { start, step } = this; return [start, step].map((start) => start * step); }
    }
    const tell = (counter, { words = ["total"] } = {}) => `${words.map((word) => `${word} ${counter.total}`)}`;
    const totals = { tell, total: tell(new Counter({ start: 7 })), class: "total" };
    console.log(JSON.stringify([totals.tell(new Counter()), totals, "tell" in totals ? totals.class : tell]));
    """
    answers = [
        json.loads(subprocess.run(["node", "-e", one], capture_output=True, text=True, check=True).stdout)
        for one in (code, squeezed(shortened(code)))
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("boot", ["boot_page", "boot_notebook"])
def test_the_page_keeps_what_is_the_browsers(boot: str) -> None:
    assert not renamed(bundle.whole(boot)) & KEPT
    assert len(bundle.script(boot)) < 0.9 * len(squeezed(bundle.whole(boot)))
