"""The playground as its visitors have it: through its client, and in Chromium."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import wherefrom
from wherefrom.evaluation.opening import open_evaluation

from tests import axe
from tests.chromium import launched
from tests.needed import needed

needed("gradio", "extras")
from gradio_client import Client  # noqa: E402
from wherefrom_playground import Keeper, Limits, choices, serve  # noqa: E402


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Keeper]]:
    keeper = Keeper(folder=tmp_path_factory.mktemp("playground") / "run")
    model = wherefrom.load_model("demo:lm")
    page, address = serve(
        model, "demo:lm", keeper, limits=Limits(characters=500, new_tokens=4), block=False, say=lambda _: None
    )
    yield address, keeper
    page.close()
    keeper.release()


def table(rows: list[list[str]]) -> dict[str, object]:
    """A table as the client sends it."""
    return {"headers": ["setting", "value", "type"], "data": rows, "metadata": None}


def rows(method: str) -> dict[str, object]:
    return table(choices.method_rows(method))


def attribute(
    client: Client,
    text: str,
    method: str = "saliency",
    kind: str = "text",
    settings: dict[str, object] | None = None,
) -> tuple[str, str]:
    status, page = client.predict(
        kind,
        text,
        "",
        method,
        rows(method) if settings is None else settings,
        "probability",
        table(choices.target_rows("probability")),
        4,
        1.0,
        api_name="/attribute",
    )
    return status, page


def test_a_text_is_attributed_and_kept(served: tuple[str, Keeper]) -> None:
    address, keeper = served
    client = Client(address, verbose=False)
    status, page = attribute(client, "He was sick. She asked him to")
    assert "Done" in status
    assert "<iframe" in page
    assert keeper.lines()[0].method == "saliency"
    _, again = client.predict(keeper.lines()[0].id, api_name="/show")
    assert "<iframe" in again


def test_mistakes_are_told(served: tuple[str, Keeper]) -> None:
    client = Client(served[0], verbose=False)
    status, page = attribute(client, "x" * 501)
    assert "at most 500" in status
    assert not page
    status, _ = attribute(client, "hello", kind="chat")
    assert "A chat begins with" in status
    one_column = {"headers": ["setting"], "data": [["abs"]], "metadata": None}
    status, _ = attribute(client, "hello", settings=one_column)
    assert "a setting is a row of its name and its value" in status
    status, _ = attribute(client, "hello", "lime", settings=table([["max_samples", "100000", ""]]))
    assert "max_samples = 100000; here at most 1024" in status
    costly = table([["of", "sequential_integrated_gradients", ""], ["n_samples", "512", ""]])
    status, page = attribute(client, "He was sick. She asked him to", "smoothgrad", settings=costly)
    assert "here at most 20,000 are allowed for one question. Lower n_samples (now 512)" in status
    assert not page
    no_table: dict[str, object] = {"headers": ["setting"], "data": "abs", "metadata": None}
    assert "DataframeData" in str(refused(partial(attribute, settings=no_table), client, "hello"))


def test_a_contrast_a_comparison_and_a_context(served: tuple[str, Keeper]) -> None:
    client = Client(served[0], verbose=False)
    target = table(choices.target_rows("contrast_prob_diff"))
    status, page = client.predict(
        "George was sick. He went to the",
        "hospital.",
        "office.",
        "input_x_gradient",
        rows("input_x_gradient"),
        "contrast_prob_diff",
        target,
        api_name="/contrast",
    )
    assert "Done" in status, status
    assert "<iframe" in page
    status, page = client.predict(
        "George was sick. He went to",
        "",
        ["saliency", "input_x_gradient"],
        "probability",
        table(choices.target_rows("probability")),
        4,
        1.0,
        api_name="/compare",
    )
    assert "Done" in status, status
    status, page = client.predict(
        "George was sick yesterday.", "He went to", "", "saliency", 4, 1.0, api_name="/context"
    )
    assert "Done" in status, status
    assert "<iframe" in page


def test_an_evaluation_is_measured_kept_and_refused_where_it_is_long(served: tuple[str, Keeper]) -> None:
    address, keeper = served
    client = Client(address, verbose=False)

    def ask(metrics: list[str], units: str = "token", tokens: int = 2) -> tuple[str, str]:
        status, page = client.predict(
            "He was sick.", "", ["saliency", "occlusion"], metrics, ["delete", "unk"], units, tokens, 1.0,
            api_name="/evaluate",
        )  # fmt: skip
        return status, page

    status, page = ask(["abpc", "tau_loo"])
    assert "Done" in status, status
    assert "saliency" in page
    assert "recency" in page
    (kept,) = (keeper.folder / "evaluations").glob("*.json")
    assert {one.method for one in open_evaluation(kept).measurements} >= {"saliency", "occlusion", "random"}
    assert {line.method for line in keeper.lines()[:2]} == {"saliency", "occlusion"}
    assert "at least one metric" in ask([])[0]
    assert "Value: page is not in the list" in str(refused(ask, ["abpc"], "page"))


def refused(ask: object, *arguments: object) -> Exception:
    """What Gradio itself says."""
    with pytest.raises(Exception) as told:  # noqa: PT011
        ask(*arguments)  # type: ignore[operator]
    return told.value


def test_elsewhere_a_token_is_needed(tmp_path: Path) -> None:
    said: list[str] = []
    page, _ = serve(
        wherefrom.load_model("demo:lm"),
        "demo:lm",
        Keeper(folder=tmp_path / "run"),
        host="0.0.0.0",
        block=False,
        say=said.append,
    )
    try:
        address = f"http://127.0.0.1:{page.server_port}"
        token = next(line for line in said if line.startswith("User ")).rsplit(" ", 1)[1]
        with pytest.raises(Exception, match=r"(?i)auth|login|credential"):
            Client(address, verbose=False)
        with pytest.raises(Exception, match=r"(?i)auth|login|credential"):
            Client(address, auth=("wherefrom", token + "x"), verbose=False)
        assert Client(address, auth=("wherefrom", token), verbose=False)
    finally:
        page.close()


def test_by_default_only_this_machine_is_listened_to(served: tuple[str, Keeper]) -> None:
    port = int(served[0].rstrip("/").rsplit(":", 1)[1])
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.fixture
def page() -> Iterator[Any]:
    """A window of Chromium; afterwards no script may have failed."""
    with launched() as browser:
        # so that axe may be evaluated in our frames as well
        opened = browser.new_context(viewport={"width": 1280, "height": 1000}, bypass_csp=True).new_page()
        opened.set_default_timeout(60_000)
        mistakes: list[str] = []
        opened.on("pageerror", lambda error: mistakes.append(str(error)))
        yield opened
        assert not mistakes


def go_to(page: Any, tab: str) -> Any:
    """Another tab's panel."""
    page.get_by_role("tab", name=tab, exact=True).first.click()
    panel = page.get_by_role("tabpanel").filter(visible=True).first
    panel.wait_for()
    return panel


def ask(page: Any, panel: Any, button: str) -> Any:
    """Press the button and wait for the page that answers."""
    panel.get_by_role("button", name=button, exact=True).click()
    told = panel.get_by_text("Done in").or_(panel.get_by_role("alert"))
    told.wait_for(timeout=400_000)  # as long as a busy machine takes
    assert "Done in" in told.inner_text()
    return page.frame_locator("iframe.wherefrom-page:visible").first


def journey(page: Any, address: str, *, accessible: bool = False) -> None:
    """What a visitor does, tab by tab."""

    def looked_at() -> None:
        if accessible:
            assert axe.violations(page, without="iframe") == []

    page.goto(address)
    panel = go_to(page, "Attribute")
    frame = ask(page, panel, "Attribute")
    frame.get_by_role("tab", name="Matrix").click()
    looked_at()
    panel = go_to(page, "Contrast")
    frame = ask(page, panel, "Contrast")
    frame.locator(".outputs .tok").first.wait_for()
    looked_at()
    panel = go_to(page, "Compare methods")
    frame = ask(page, panel, "Compare")
    frame.locator(".compare .agree").wait_for()
    looked_at()
    panel = go_to(page, "Context and documents")
    frame = ask(page, panel, "Attribute to the context")
    frame.locator(".outputs .tok").first.wait_for()
    looked_at()
    panel = go_to(page, "Evaluate")
    panel.get_by_label("input", exact=True).fill("He was sick.")  # a short one: each token is left out many times
    frame = ask(page, panel, "Evaluate")
    frame.get_by_text("recency").first.wait_for()
    looked_at()
    panel = go_to(page, "Runs")
    panel.get_by_role("button", name="Look again").click()
    panel.get_by_role("button", name="Show", exact=True).click()
    frame = page.frame_locator("iframe.wherefrom-page:visible").first
    frame.get_by_role("tab", name="Matrix").wait_for()
    looked_at()
    panel = go_to(page, "Contrast")
    panel.get_by_label("and not").fill("")
    panel.get_by_role("button", name="Contrast", exact=True).click()
    assert "Write both" in panel.get_by_role("alert").inner_text()


@pytest.mark.heavy
@pytest.mark.browser
def test_the_journey_in_chromium(served: tuple[str, Keeper], page: Any) -> None:
    journey(page, served[0])


@pytest.mark.browser
@pytest.mark.heavy
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way(served: tuple[str, Keeper], page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    journey(page, f"{served[0]}?__theme={scheme}", accessible=True)


@pytest.mark.browser
@pytest.mark.real
def test_the_journey_with_a_pretrained_model(page: Any, tmp_path: Path) -> None:
    keeper = Keeper(folder=tmp_path / "run")
    model = wherefrom.load_model("demo:smollm2")
    app, address = serve(model, "demo:smollm2", keeper, limits=Limits(new_tokens=4), block=False, say=lambda _: None)
    try:
        journey(page, address)
    finally:
        app.close()
    assert {line.id.split("-")[1] for line in keeper.lines()} == {"attribute", "contrast", "compare", "evaluate"}
