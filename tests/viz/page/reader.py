"""What a reader does with a page, and what there is to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherefrom.results.attribution import Attribution

from tests.needed import needed

needed("playwright", "extras")
from playwright.sync_api import Browser as Browser  # noqa: E402
from playwright.sync_api import Page as Page  # noqa: E402
from playwright.sync_api import expect as expect  # noqa: E402

Open = Callable[..., Page]
"""Opens HTML from a file, see the fixture ``open_page``."""


def output(page: Page, text: str) -> Any:
    return page.locator(".outputs .tok", has_text=text).first


def background(locator: Any) -> str:
    return str(locator.evaluate("e => getComputedStyle(e).backgroundColor"))


VIEWS = {
    "read": ("1", ".read .card"),
    "matrix": ("2", ".matrix table"),
    "steps": ("3", ".steps tbody tr"),
    "compare": ("4", ".compare .agree"),
}


OTHERS = {"compare matrix": ("4", ".compare .matrix table")}


def show(page: Page, tab: str) -> None:
    """Switch to a tab and wait until it is drawn."""
    key, part = {**VIEWS, **OTHERS}[tab]
    page.keyboard.press(key)
    page.wait_for_selector(part)


def card(page: Page) -> list[str]:
    return [" ".join(line.split()) for line in page.locator(".card li").all_inner_texts()]


def exported(page: Page) -> dict[str, bytes]:
    """Everything the export menu gives."""
    page.locator("details.export summary").click()
    files = {}
    for name in ("SVG", "PNG", "Markdown", "TSV", "JSON"):
        with page.expect_download() as download:
            page.locator("details.export button", has_text=name).first.click()
        files[name] = Path(download.value.path()).read_bytes()
    return files


def rival_of(hospital: Attribution, make: Callable[..., Attribution]) -> Attribution:
    """The same prompt, another output: "to see the doctor"."""
    texts = [token.text for token in hospital.target[:11]]
    strengths = {(10, 0): 0.3, (2, 3): 0.5, (6, 3): -0.2}
    return make([*texts, " to", " see", " the", " doctor", "."], 11, strengths, seed=8, id="rival")


ACCESSIBILITY = """() => {
  const bad = [];
  const name = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim();
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push("an id is used twice");
  const named = "button, [role=tab], [role=listbox], [role=region], [role=img], dialog, nav, summary";
  for (const e of document.querySelectorAll(named))
    if (!name(e)) bad.push(`no name: ${e.outerHTML.slice(0, 80)}`);
  for (const e of document.querySelectorAll("input, select"))
    if (!e.getAttribute("aria-label") && !e.labels.length) bad.push(`no label: ${e.outerHTML.slice(0, 80)}`);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-controls], [aria-activedescendant]"))
    for (const key of ["aria-labelledby", "aria-controls", "aria-activedescendant"])
      if (e.hasAttribute(key) && !document.getElementById(e.getAttribute(key)))
        bad.push(`${key} points nowhere: ${e.className}`);
  for (const e of document.querySelectorAll("[role=listbox]")) {
    if (e.tabIndex < 0) bad.push("a listbox cannot be reached");
    const children = [...e.querySelectorAll("*")].filter((c) => c.hasAttribute("role"));
    if (!children.length || children.some((c) => !["option", "presentation"].includes(c.getAttribute("role"))))
      bad.push("a listbox holds others than options");
  }
  for (const e of document.querySelectorAll("[role=option]"))
    if (!e.hasAttribute("aria-selected") || !e.closest("[role=listbox]")) bad.push("an option without state or list");
  for (const e of document.querySelectorAll(".wf table:not(dialog table)")) {
    if (!e.caption) bad.push("a table without caption");
    if (!e.querySelector("thead th[scope=col]")) bad.push("a table without column heads");
  }
  for (const e of document.querySelectorAll("button button, button a, a button, [role=option] button"))
    bad.push(`nested controls: ${e.outerHTML.slice(0, 60)}`);
  const count = (what) => document.querySelectorAll(what).length;
  if (count("h1") !== 1 || count("main") !== 1) bad.push("there must be one h1 and one main");
  if (!document.documentElement.lang || !document.title) bad.push("no language or title");
  return bad;
}"""
