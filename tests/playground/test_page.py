"""The playground as its visitors have it: through its client, and in Chromium."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import wherefrom

from tests.needed import needed

needed("gradio", "extras")
from gradio_client import Client  # noqa: E402
from wherefrom_playground import Keeper, Limits, choices, serve  # noqa: E402

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Keeper]]:
    keeper = Keeper(folder=tmp_path_factory.mktemp("playground") / "run")
    model = wherefrom.load_model("demo:lm")
    page, address = serve(model, "demo:lm", keeper, limits=Limits(characters=500), block=False, say=lambda _: None)
    yield address, keeper
    page.close()


def table(rows: list[list[str]]) -> dict[str, object]:
    """A table as the client sends it."""
    return {"headers": ["setting", "value", "type"], "data": rows, "metadata": None}


def rows(method: str) -> dict[str, object]:
    return table(choices.method_rows(method))


def attribute(client: Client, text: str, method: str = "saliency", kind: str = "text") -> tuple[str, str]:
    status, page = client.predict(
        kind,
        text,
        "",
        method,
        rows(method),
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


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs a Chromium at /usr/bin/chromium")
def test_the_journey_in_chromium(served: tuple[str, Keeper], tmp_path: Path) -> None:
    sync_api = needed("playwright.sync_api", "extras")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        mistakes: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.goto(served[0])
        page.get_by_role("button", name="Attribute", exact=True).click(timeout=60000)
        frame = page.frame_locator("iframe.wherefrom-page").first
        frame.get_by_role("tab", name="Matrix").click(timeout=60000)
        page.screenshot(path=str(tmp_path / "attribute.png"))
        page.get_by_role("tab", name="Runs").click()
        page.get_by_role("button", name="Look again").click()
        page.get_by_role("button", name="Show", exact=True).click()
        shown = page.frame_locator("iframe.wherefrom-page:visible").first
        shown.get_by_role("tab", name="Matrix").wait_for(timeout=60000)
        page.screenshot(path=str(tmp_path / "runs.png"))
        assert not mistakes
        browser.close()
