from __future__ import annotations

import json
import re
import subprocess
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom_viz import compare, describe, render_html, render_notebook
from wherefrom_viz.describe.description import NOT_FINITE
from wherefrom_viz.page import bundle, pack, packing, unpack
from wherefrom_viz.page.packing import _deflated_in_parts, from_base85, to_base85
from wherefrom_viz.page.quantisation import Precision
from wherefrom_viz.page.static_table import static_table

from tests.needed import NODE, needs_node
from tests.viz.conftest import tokens_of
from tests.viz.page_scripts import computed

JAVASCRIPT = Path(__file__).parent / "js"


class Elements(HTMLParser):
    """Start tags of a page, with their attributes, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_page_loads_nothing_and_says_so(everyone: Attributions) -> None:
    page = render_html(everyone)
    elements = Elements(page)
    assert not [attrs for _, attrs in elements.tags if {"src", "href", "style"} & set(attrs)]
    assert not [name for _, attrs in elements.tags for name in attrs if name.startswith("on")]
    (policy,) = [attrs["content"] for tag, attrs in elements.tags if "http-equiv" in attrs]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    code = bundle.script("boot_page")
    assert set(re.findall(r"https?://[^\"' ]+", code)) == {"http://www.w3.org/2000/svg"}


def test_code_and_style_stay_small() -> None:
    assert len(bundle.script("boot_page").encode()) + len(bundle.style().encode()) <= 88 * 1024


def heavy_tailed(seed: int, size: int = 50) -> Attribution:
    """``size`` inputs and steps of random words and scores, a near-worst case for compression."""
    random = np.random.default_rng(seed)
    words = [
        f"{a}{b}{c}" for a in ("ta", "re", "mo", "si", "lu", "po") for b in "nrlsmdt" for c in ("", "a", "ing", "o")
    ]
    source, target = (tokens_of([f" {word}" for word in random.choice(words, size)]) for _ in range(2))
    scores = random.normal(0, 1, (size, size)) * np.exp(random.normal(0, 1, (size, size)))
    return Attribution(
        source=source,
        target=target,
        attr_pos_start=0,
        attr_pos_end=size,
        source_attributions=scores.astype(np.float32),
        step_scores={"probability": random.uniform(size=size).astype(np.float32)},
        id=f"example {seed}",
        method="random",
    )


@pytest.mark.parametrize(
    "count, precision, budget",
    [
        (50, "display", 6.5),
        *(
            pytest.param(1000, precision, budget, marks=pytest.mark.heavy)
            for precision, budget in (("display", 6.5), ("compact", 4.0), ("exact", 12.5))
        ),
    ],
)
def test_a_page_of_a_thousand_examples_keeps_its_budget(
    count: int, precision: Precision, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "FINE_CELLS", 0)  # as a page of a thousand has it
    page = render_html([heavy_tailed(seed) for seed in range(count)], precision=precision)
    code = len(render_html(heavy_tailed(0), precision=precision).encode())
    megabytes = ((len(page.encode()) - code) * 1000 / count + code) / 1e6
    print(f"1,000 examples of 50 x 50 scores, {precision}: {megabytes:.2f} MB")
    assert megabytes <= budget


def test_hostile_tokens_add_no_element(hostile: Attribution, hospital: Attribution) -> None:
    def kinds(result: Attribution) -> set[str]:
        return {tag for tag, _ in Elements(render_html(result)).tags}

    assert kinds(hostile) == kinds(hospital)
    scripts = [tag for tag, _ in Elements(render_html(hostile)).tags if tag == "script"]
    assert len(scripts) == 4  # meta, one block, code, index
    render_html(hostile).encode("utf-8")


@pytest.mark.parametrize("draw", [render_html, render_notebook])
def test_titles_and_names_cannot_end_the_script(hospital: Attribution, draw: Callable[..., str]) -> None:
    evil = "</script><img src=x onerror=alert(1)><!--\u2028&"
    run = Attributions(
        sequence_attributions=(hospital.replace(id=evil, method=evil),),
        provenance=Provenance(model={"name": evil}, warnings=[evil], attributed_fn={"name": evil}),
    )
    elements = Elements(draw(run, title=evil))
    assert not [tag for tag, _ in elements.tags if tag == "img"]
    assert not [attrs for _, attrs in elements.tags if "onerror" in attrs]


def test_colours_in_the_static_table_are_classes_with_valid_colours(hospital: Attribution) -> None:
    page = render_html(hospital)
    table = page[page.index('<div class="wf-static">') : page.index("</table>")]
    assert 'class="r8">+0.62' in table
    for name in set(re.findall(r'class="([rl]\d)"', table)):
        assert re.search(rf"\.wf-static \.{name}\{{background:#[0-9a-f]{{6}};color:#[0-9a-f]{{6}}\}}", page)


def test_the_same_result_gives_the_same_page(everyone: Attributions) -> None:
    assert render_html(everyone) == render_html(everyone)


def test_a_page_of_many_scores_keeps_three_digits_of_each_and_one_of_few_five(
    translation: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = describe(translation).scores
    errors = []
    for most in (1_000, 10):
        monkeypatch.setattr(packing, "FINE_CELLS", most)
        ((_, scores),) = unpack(pack([(translation, Provenance())]).blocks[0])
        errors.append(np.max(np.abs(scores - expected)[expected != 0] / np.abs(expected[expected != 0])))
    assert errors[0] < 2e-6 < 1e-4 < errors[1] < 5e-4


@pytest.mark.parametrize("precision, error", [("display", 2e-5), ("compact", 4e-3), ("exact", 0)])
def test_packed_scores_come_back(translation: Attribution, precision: str, error: float) -> None:
    packed = pack([(translation, Provenance())], precision)  # type: ignore[arg-type]
    ((header, scores),) = unpack(packed.blocks[0])
    expected = describe(translation).scores
    assert [side["name"] for side in header["sides"]] == ["source", "target"]
    np.testing.assert_allclose(scores, expected, atol=error * np.abs(expected).max(), rtol=0)


NOISE = np.random.default_rng(0).integers(0, 256, 5_000, dtype=np.uint8).tobytes()
PARTS = [
    (b"", []),
    (b"text", [b""]),
    (b"text " * 99, [NOISE, bytes(3_000), b"x", NOISE[:600], b"abc" * 400]),
    ("漢字".encode(), [b"short", NOISE * 20]),
]


@pytest.mark.parametrize("text, arrays", PARTS)
def test_a_block_deflated_in_parts_is_one_stream(text: bytes, arrays: list[bytes]) -> None:
    assert zlib.decompress(_deflated_in_parts(text, arrays)) == text + b"".join(arrays)


@needs_node
def test_the_page_inflates_what_was_deflated_in_parts(tmp_path: Path) -> None:
    html = Path(bundle.__file__).parent.joinpath("scripts").as_posix()
    (tmp_path / "probe.mjs").write_text(
        f'import {{ inflate }} from "{html}/inflate.js"; import {{ readFileSync }} from "node:fs";'
        "const bytes = readFileSync(process.argv[2]); const same = Buffer.from(await inflate(bytes));"
        "process.stdout.write(same);"
    )
    for text, arrays in PARTS:
        (tmp_path / "packed").write_bytes(_deflated_in_parts(text, arrays))
        done = subprocess.run(
            [NODE, str(tmp_path / "probe.mjs"), str(tmp_path / "packed")], capture_output=True, check=True
        )
        assert done.stdout == text + b"".join(arrays)


def test_planes_of_bytes_get_codes_of_their_own() -> None:
    random = np.random.default_rng(1)
    planes = [
        random.choice(values, 4_000).astype(np.uint8).tobytes()
        for _ in range(4)
        for values in (range(256), [60, 61, 62])
    ]
    assert len(_deflated_in_parts(b"", planes)) < 0.95 * len(zlib.compress(b"".join(planes), 6))


@pytest.mark.parametrize("data", [b"", b"a", b"abcd", b"\xff" * 9, bytes(range(256)) * 5])
def test_bytes_survive_as_letters_that_mean_nothing_to_html(data: bytes) -> None:
    text = to_base85(data)
    assert from_base85(text) == data
    assert not set(text) & set("<>&'\"\\ \n")


def test_unknown_precision_suggests_the_nearest(hospital: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'exact'"):
        render_html(hospital, precision="exakt")


def test_many_examples_are_cut_into_blocks(hospital: Attribution) -> None:
    page = render_html([hospital] * 120)
    assert re.findall(r'data-wf="(block-\d+)"', page) == ["block-0", "block-1", "block-2"]
    # the script stands before the later blocks, so that it runs before they are read
    assert page.index('data-wf="block-0"') < page.index("<script>(()") < page.index('data-wf="block-1"')


def test_a_page_without_examples_is_still_a_page() -> None:
    assert "There are no examples" in render_html(Attributions(sequence_attributions=()))


def test_a_notebook_cell_is_capped_and_says_so(hospital: Attribution) -> None:
    cell = render_notebook([hospital] * 300)
    assert "20 of 300 examples" in cell
    assert len(cell) < 1_100_000
    assert not re.search("<html|<body|<!DOCTYPE", cell)


@pytest.mark.heavy
def test_a_heavy_notebook_cell_shows_fewer(make: object) -> None:
    assert callable(make)
    heavy = make([f" w{i}" for i in range(500)], 150, seed=1)
    cell = render_notebook([heavy] * 20)
    assert re.search(r"<p>\d+ of 20 examples", cell)
    assert len(cell) < 1_200_000


def test_a_notebook_bundle_has_no_side_effects(hospital: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    render_notebook(hospital)
    assert capsys.readouterr() == ("", "")


def test_the_script_is_one_function_without_module_words() -> None:
    for boot in ("boot_page", "boot_notebook"):
        code = bundle.script(boot)
        assert not re.search(r"^(import|export) ", code, re.MULTILINE)
        assert code.startswith("(()=>{")


@needs_node
@pytest.mark.parametrize("name", sorted(path.name for path in JAVASCRIPT.glob("*.test.js")))
def test_javascript(name: str) -> None:
    done = subprocess.run([NODE, "--test", str(JAVASCRIPT / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


RANGES = ((None, None), (None, 0.3), (-0.1, None), (None, 5.0), (-2.0, 1.0))


@needs_node
def test_ends_of_the_colours_mean_the_same_in_page_and_python(
    hospital: Attribution, chat: Attribution, tmp_path: Path
) -> None:
    options = [
        {"level": level, "normalize": normalize, "range": ends, "hide": True}
        for level in ("token", "word")
        for normalize in ("none", "step", "sequence")
        for ends in RANGES
    ]
    answer = computed((hospital, chat), tmp_path, options)
    for one, views in zip((hospital, chat), answer["views"], strict=True):
        for option, view in zip(options, views, strict=True):
            low, high = option["range"]
            description = describe(
                one, granularity=option["level"], normalize=option["normalize"], min_val=low, max_val=high
            )
            assert view["bound"] == pytest.approx(description.scale.bound, rel=1e-6), option
            if None not in option["range"]:
                assert view["bound"] == description.bound_of([0, 1]) == 2.0


@needs_node
def test_the_page_knows_which_scores_are_no_numbers(hospital: Attribution, tmp_path: Path) -> None:
    scores = np.array(hospital.target_attributions)
    scores[2, 2], scores[14, 0] = np.nan, np.inf  # the latter no step could see
    one = hospital.replace(target_attributions=scores)
    options = [{"level": level} for level in ("token", "word", "sentence")]
    (views,) = computed((one,), tmp_path, options)["views"]
    for option, view in zip(options, views, strict=True):
        found = describe(one, granularity=option["level"])  # type: ignore[arg-type]
        assert view["lost"] == np.flatnonzero(~found.finite).tolist()
        assert len(view["lost"]) == 1
    assert NOT_FINITE in static_table(describe(one))
    (pair,) = computed((one, hospital), tmp_path, options, [(0, 1, {"level": "token"})])["pairs"]
    assert pair["difference"]["scores"] == compare(one, hospital).difference.scores.ravel().tolist()
    assert pair["difference"]["scores"][2 * len(one.steps) + 2] == 0


@needs_node
def test_the_page_computes_what_python_computes(
    translation: Attribution, chat: Attribution, make: Callable[..., Attribution], tmp_path: Path
) -> None:
    other = translation.replace(source_attributions=np.abs(np.asarray(translation.source_attributions)) ** 0.5)
    kept = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]  # another text: a question of four words, one sentence as answer
    scores = np.asarray(chat.target_attributions)[kept][:, :4]
    words = [chat.target[place].text for place in kept]
    shorter = make(words, 6, seed=4).replace(target_attributions=scores * np.arange(1, 5))
    whole = make(["a", " b", " cd", " e"], 1, {(0, 0): 0.5, (0, 1): 0.2, (1, 1): 0.3}, seed=1)
    parted = make(["a", " b", " c", "d", " e"], 1, {(0, 0): 0.5, (2, 2): 0.4, (0, 2): 0.1}, seed=1)
    singles = [make(["a", " b", " c", " d", " e"], 3, seed=seed) for seed in (1, 2)]  # each token a word
    examples = (translation, other, chat, shorter, whole, parted, *singles, translation[2:], chat[3:])
    options = [
        {"level": level, "merge": merge, "normalize": normalize}
        for level in ("token", "word", "sentence", "turn")
        for merge in ("sum", "mean", "absmax", "max", "l2")
        for normalize in ("none", "step")
    ]
    asked = [
        (a, b, {"level": level, "merge": merge})
        for a, b in ((0, 1), (1, 0), (2, 3), (4, 5), (5, 4), (0, 8), (8, 0), (2, 9), (9, 2))
        for level, merge in (("token", "sum"), ("word", "sum"), ("sentence", "sum"), ("turn", "sum"))
    ]
    asked += [
        (a, b, {"level": level, "merge": merge})
        for a, b in ((4, 5), (5, 4))
        for level in ("word", "sentence", "character")
        for merge in ("mean", "absmax", "max", "l2")
    ]
    asked += [(6, 7, {"level": "word", "merge": merge}) for merge in ("sum", "mean", "absmax", "max", "l2")]
    answer = computed(examples, tmp_path, options, asked)
    for one, views in zip(examples, answer["views"], strict=True):
        for option, view in zip(options, views, strict=True):
            description = describe(
                one,
                granularity=option["level"],
                merge=option["merge"],
                normalize=option["normalize"],  # type: ignore[arg-type]
            )
            shape = description.scores.shape
            np.testing.assert_array_equal(np.reshape(view["visible"], shape), description.visible, str(option))
            np.testing.assert_allclose(
                np.reshape(view["scores"], shape), description.scores, atol=1e-6, err_msg=str(option)
            )
            for name, values in description.step_scores.items():
                np.testing.assert_allclose(view["steps"][name], values, rtol=1e-5, err_msg=name)
    for (a, b, option), found in zip(asked, answer["pairs"], strict=True):
        if (a, b) == (2, 3) and option["level"] != "token":
            continue  # other texts: the page cuts the tokens of both into units, Python each text on its own
        pair = compare(examples[a], examples[b], granularity=option["level"], merge=option["merge"])  # type: ignore[arg-type]
        columns = [place for place, only in enumerate(found["columns"]) if not only]
        shape = (len(found["rows"]), len(found["columns"]))
        rows = [place for place, only in enumerate(found["rows"]) if not only]
        for name in ("a", "b", "difference"):
            got = np.reshape(found[name]["scores"], shape)[rows][:, columns]
            np.testing.assert_allclose(got, getattr(pair, name).scores, atol=1e-6, err_msg=f"{a} {b} {option} {name}")
            visible = np.reshape(found[name]["visible"], shape)[rows][:, columns].astype(bool)
            np.testing.assert_array_equal(visible, getattr(pair, name).visible, f"{a} {b} {option} {name}")
        cut = a != 6 and option["level"] != "character"  # units of several tokens among them
        told = option["merge"] == "sum" or (option["merge"] != "l2" and not cut)
        assert (found["agreement"] is not None) == told, f"{a} {b} {option}: the page was made with sums"
        if not told:
            continue
        agreement = np.array(found["agreement"], dtype=float)[columns]
        np.testing.assert_allclose(agreement, pair.agreement, atol=1e-6, err_msg=f"{a} {b} {option}")


@pytest.mark.parametrize("options, message", [({"step": 9}, "are 0 to 3"), ({"height": 0}, "at least one pixel")])
def test_a_slide_of_nothing_is_an_error(hospital: Attribution, options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        render_html(hospital, **options)


@pytest.mark.parametrize("setting", ["view", "granularity", "merge", "normalize", "theme", "palette", "precision"])
def test_an_unknown_name_is_refused_with_those_that_there_are(hospital: Attribution, setting: str) -> None:
    with pytest.raises(SettingsError, match=r"called 'raed'.* There are: \w"):
        render_html(hospital, **{setting: "raed"})


def test_a_near_miss_of_a_view_is_suggested(hospital: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'read'"):
        render_html(hospital, view="raed")


def test_a_step_is_pinned_as_the_unit_that_it_is_in(make: Callable[..., Attribution]) -> None:
    one = make(["x", " un", "believ", "able", " story", " ever", "."], 1)
    for granularity, pinned in (("token", [0, 1, 2, 3, 4, 5]), ("word", [0, 0, 0, 1, 2, 2]), ("sentence", [0] * 6)):
        for step, unit in enumerate(pinned):
            meta = re.search(r'data-wf="meta">(.*?)</script>', render_html(one, granularity=granularity, step=step))
            assert meta is not None
            assert json.loads(meta[1])["defaults"]["tok"] == [unit, unit], (granularity, step)
