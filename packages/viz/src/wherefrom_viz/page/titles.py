"""What the examples of a page are called: by id or place, with method and model where those tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import evolve, frozen
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance

from wherefrom_viz.describe.description import model_of, title_of
from wherefrom_viz.describe.text_marks import visible


@frozen(kw_only=True)
class Titles:
    """Names of examples of which no two are alike."""

    count: int
    """Examples in all."""
    several_methods: bool = False
    several_models: bool = False
    ids: frozenset[str] = frozenset()
    """Those that several examples have."""
    alike: frozenset[tuple[str, ...]] = frozenset()
    """Ids, with what tells them apart, that several examples have even so."""

    def title(self, one: Attribution, made: Provenance, place: int) -> str:
        """The name of an example; empty where there is but one, without an id."""
        parts = self.parts(one.method, model_of(made))
        if (one.id not in self.ids) if one.id else not parts:
            return title_of(one, place, self.count)
        named = (one.id, *parts) if one.id else parts
        number = [] if one.id and named not in self.alike else [str(place + 1)]
        return " · ".join([*number, *map(visible, named)])

    def parts(self, method: str, model: str) -> tuple[str, ...]:
        """What tells an example apart besides its id."""
        return (method,) * self.several_methods + (model,) * self.several_models


def titles_for(examples: Iterable[tuple[str | None, str, str]]) -> Titles:
    """Titles of examples, each told by its id, method and model."""
    told = list(examples)
    titles = Titles(
        count=len(told),
        several_methods=len({method for _, method, _ in told}) > 1,
        several_models=len({model for _, _, model in told}) > 1,
    )
    ids = Counter(name for name, _, _ in told if name)
    alike = Counter((name, *titles.parts(method, model)) for name, method, model in told if name)
    return evolve(
        titles,
        ids=frozenset(name for name, count in ids.items() if count > 1),
        alike=frozenset(named for named, count in alike.items() if count > 1),
    )
