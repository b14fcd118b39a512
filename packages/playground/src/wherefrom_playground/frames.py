"""Our pages inside the playground's, and the lines about progress above them."""

from __future__ import annotations

from html import escape
from typing import Any

from wherefrom.context import ContextAttribution
from wherefrom.evaluation import Evaluation
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz.console.progress import duration
from wherefrom_viz.page import render_html
from wherefrom_viz.page.context import render_context_html
from wherefrom_viz.page.evaluation import render_evaluation_html

from wherefrom_playground.jobs import Done, Failed, Told

_SANDBOX = "allow-scripts allow-downloads allow-modals allow-popups"


def frame(page: str, title: str) -> str:
    """A whole page in a frame of its own: neither reaches into the other."""
    return (
        f'<iframe class="wherefrom-page" title="{escape(title)}" sandbox="{_SANDBOX}" '
        f'style="width:100%;height:78vh;border:1px solid #8884;border-radius:8px" srcdoc="{escape(page)}"></iframe>'
    )


def result_frame(*results: Attributions | Attribution, **options: Any) -> str:
    """The page of a result, or of several to compare."""
    shown: Any = results[0] if len(results) == 1 else list(results)
    return frame(render_html(shown, **options), "Attribution")


def context_frame(out: ContextAttribution) -> str:
    """The page of a result about a context."""
    return frame(render_context_html(out), "Context")


def evaluation_frame(found: Evaluation) -> str:
    """The page of an evaluation."""
    return frame(render_evaluation_html(found), "Evaluation")


def status(news: Told | Done[Any] | Failed) -> str:
    """A line about progress, the answer or the mistake; HTML."""
    if isinstance(news, Failed):
        return f'<p role="alert" class="wherefrom-mistake">{escape(news.why)}</p>'
    if isinstance(news, Done):
        notes = "".join(f"<li>{escape(note)}</li>" for note in news.notes)
        return f'<p role="status">Done in {_lasted(news.seconds)}.</p>' + (f"<ul>{notes}</ul>" if notes else "")
    count = f" {news.done} of {news.total}" if news.total > 1 else ""
    bar = f'<progress aria-label="progress" max="{news.total}" value="{news.done}"></progress> ' if news.total else ""
    return f'<p role="status">{bar}{escape(news.phase)}{count} · {duration(news.seconds)}</p>'


def _lasted(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
