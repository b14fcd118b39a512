"""The command palette: every action of the screen that is seen."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from wherefrom_viz.browser.keymap import Key, keys_of, spoken
from wherefrom_viz.browser.screen_names import name_of


class ActionProvider(Provider):
    """Actions of the keymap by their words."""

    async def discover(self) -> Hits:
        """All of them."""
        for key in self._keys():
            yield DiscoveryHit(self._words(key), partial(self._run, key), help=spoken(key.keys))

    async def search(self, query: str) -> Hits:
        """Those whose words fit."""
        matcher = self.matcher(query)
        for key in self._keys():
            score = matcher.match(self._words(key))
            if score > 0:
                words = matcher.highlight(self._words(key))
                yield Hit(score, words, partial(self._run, key), help=spoken(key.keys))

    def _keys(self) -> list[Key]:
        return [key for key in keys_of(name_of(self.screen)) if key.id != "palette"]

    def _words(self, key: Key) -> str:
        return key.words[0].upper() + key.words[1:]

    async def _run(self, key: Key) -> None:
        await self.screen.run_action(key.action)
