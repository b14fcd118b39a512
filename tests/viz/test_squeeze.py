from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from wherefrom_viz.page.squeeze import squeezed


@pytest.mark.parametrize(
    "code, short",
    [
        ("const a = 1; // one\nlet  b;", "const a=1;let b;"),
        ("/* two\nlines */ f( a , b );", "f(a,b);"),
        ("a + +b - -c; d++ + e;", "a+ +b- -c;d++ +e;"),
        ("return /a  b/g.test( x ) ? 1 / 2 / 3 : 0;", "return/a  b/g.test(x)?1/2/3:0;"),
        ("x = (a) / b / c; y = text.replace(/[/\"]/g, ' / ');", "x=(a)/b/c;y=text.replace(/[/\"]/g,' / ');"),
        ("`a  ${ b + `c  ${ { d : 1 }.d }  //` }  /*`", "`a  ${b+`c  ${{d:1}.d}  //`}  /*`"),
        ("f(a, b,); const c = [1, 2,]; const d = { e, };", "f(a,b);const c=[1,2];const d={e};"),
        ("if (a) { b(); } for (;;) { c; }", "if(a){b()}for(;;){c}"),
        ("`${a};`; '};'", "`${a};`;'};'"),
        (r'"it\'s // not" + "a \" quote" + `\` $ ${ 1 }`', r'"it\'s // not"+"a \" quote"+`\` $ ${1}`'),
    ],
)
def test_only_white_space_that_means_nothing_goes(code: str, short: str) -> None:
    assert squeezed(code) == short


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_squeezed_code_computes_the_same() -> None:
    code = """
    const half = (x) => x / 2; // a division, not a pattern
    const words = "a /b/ c".split(/ \\/?/);
    const text = `${words.map((w) => `<${ w }>`).join(" / ")} ${half( 3 ) - -1}`;
    const o = { in : 1, of : 2 };
    console.log(JSON.stringify([text, 8 / o.of / o.in, typeof /x/, 1 + + "2"]));
    """
    answers = [
        json.loads(subprocess.run(["node", "-e", one], capture_output=True, text=True, check=True).stdout)
        for one in (code, squeezed(code))
    ]
    assert answers[0] == answers[1]
    assert len(squeezed(code)) < len(code) * 0.85
