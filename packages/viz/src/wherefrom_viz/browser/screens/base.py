"""What every screen of the browser has: the session, and a way to read examples without holding up the keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.screen import Screen
from textual.worker import get_current_worker
from wherefrom.errors import WherefromError
from wherefrom.results.attribution import Attribution

from wherefrom_viz.browser.cache import ExampleCache
from wherefrom_viz.browser.session import Session
from wherefrom_viz.browser.style_cache import StyleCache, style_cache_for

Loaded = Callable[[list[int], list[Attribution]], None]
Failed = Callable[[list[int], str], None]


class SessionScreen(Screen[None]):
    """A screen on a session. What it cannot do itself it asks for by a message; see `messages`."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def shades_now(self) -> StyleCache:
        """What draws scores in this terminal's colours and theme."""
        return style_cache_for(self.app, self.session.drawing, self.session.colours)

    def read_examples(self, keys: list[int], done: Loaded, failed: Failed) -> None:
        """Read examples without holding up the keys; at once if they were read lately."""
        cache = self.session.cache
        held = [cache.peek(key) for key in keys]
        if all(example is not None for example in held):
            done(keys, [example for example in held if example is not None])
        else:
            self.run_worker(partial(self._work, cache, keys, done, failed), thread=True, exclusive=True, group="load")

    def _work(self, cache: ExampleCache, keys: list[int], done: Loaded, failed: Failed) -> None:
        worker = get_current_worker()
        try:
            examples = [cache.get(key) for key in keys]
        except (WherefromError, IndexError) as error:
            why = str(error)
        except FileNotFoundError as error:
            why = f"the file is gone: {error.filename}"
        except OSError as error:
            why = f"{error.strerror}: {error.filename}"
        else:
            if not worker.is_cancelled:
                self.app.call_from_thread(done, keys, examples)
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(failed, keys, why)
