"""The sentence pairs of ``demo:mt``: plain English to plain French, with known sources for each word.

Planted dependencies (the names stand in the gold file):

* ``word``: a noun or a verb is translated where it stands;
* ``reordered_word``: an adjective moves behind its noun ("the green car" -> "la voiture verte");
* ``article``: le or la follows the gender of a noun that comes later in the source;
* ``agreement``: an adjective at the end follows its subject's gender across another noun;
* ``name_gender``: a participle or adjective follows the gender of a name, whoever else is about;
* ``context_it``: "it" becomes il or elle by a noun of the sentence before;
* ``context_they``: "they" becomes ils or elles by the names of the sentence before;
* ``context_i``: what "I" did is in the gender of the name given in the sentence before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .passages import Decision, Passage, Span, Writer, capital, other, plain
from .pieces import BREAK


@dataclass(frozen=True)
class Noun:
    """A thing."""

    english: str
    french: str
    gender: str


@dataclass(frozen=True)
class Adjective:
    """A quality, with its masculine and feminine forms."""

    english: str
    masculine: str
    feminine: str
    before: bool = False

    def form(self, gender: str, plural: bool = False) -> str:
        """The French form, pieces marked."""
        form = self.masculine if gender == "m" else self.feminine
        if not plural or form[-1] in "sx":
            return form
        return f"{form}x" if form.endswith("eau") else f"{form}|s"


def _pairs(text: str) -> list[Any]:
    return [tuple(entry.split("/")) for entry in text.split()]


MALE = _pairs(
    "George/Georges Peter/Pierre Paul/Paul John/Jean Mark/Marc Martin/Martin Victor/Victor "
    "Simon/Simon Henry/Henri David/David Frederic|k/Frédéric Christ|opher/Christ|ophe"
)
FEMALE = _pairs(
    "Mary/Marie Julia/Julie Anna/Anne Lucy/Lucie Clara/Claire Sophia/Sophie Laura/Laure Nina/Nina "
    "Rosa/Rose Alice/Alice Frederic|a/Frédéri|que Christ|ina/Christ|ine"
)
NOUNS = [
    Noun(*entry, gender="m")
    for entry in _pairs(
        "bike/vélo book/livre garden/jardin wall/mur bag/sac train/train glass/verre bed/lit gift/cadeau "
        "phone/téléphon|e"
    )
] + [
    Noun(*entry, gender="f")
    for entry in _pairs(
        "car/voiture house/maison table/table door/porte flower/fleur lamp/lampe chair/chaise "
        "letter/lettre dress/robe bott|le/bouteill|e"
    )
]
ADJECTIVES = [
    Adjective(*entry, before=True)
    for entry in _pairs("small/petit/petite big/grand/grande beauti|ful/beau/belle old/vieux/vieille pretty/joli/jolie")
] + [
    Adjective(*entry)
    for entry in _pairs(
        "green/vert/verte black/noir/noire white/blanc/blanche blue/bleu/bleue heavy/lourd/lourde "
        "round/rond/ronde cold/froid/froide warm/chaud/chaude grey/gris/grise red/rouge/rouge "
        "brok|en/cassé/cassée clean/propre/propre"
    )
]
STATES = [
    Adjective(*entry)
    for entry in _pairs(
        "tired/fatigué/fatiguée happy/content/contente ready/prêt/prête alone/seul/seule "
        "surpris|ed/surpris/surprise sick/malade/malade sad/triste/triste"
    )
]
MOVES = [
    Adjective(*entry)
    for entry in _pairs(
        "arrived/arrivé/arrivée left/parti/partie came/venu/venue fell/tombé/tombée stayed/resté/restée "
        "return|ed/revenu/revenue"
    )
]
VERBS = _pairs(
    "sees/voit buys/achète sells/vend wants/veut likes/aime finds/trouve takes/prend paint|s/peint "
    "watch|es/regarde loses/perd"
)
PLACES = _pairs("behind/derrière under/sous on/sur in/dans")
TIMES = [
    ("yesterday", "hier"),
    ("today", "aujourd|'|hui"),
    ("on Monday", "lundi"),
    ("this morning", "ce matin"),
    ("", ""),
]
GLUE = (
    "the The is are was were and It it They they with After He She I My name am see the |s |. |, "
    "Je je m|' |appelle vois suis le la les Le La Les est sont était étaient et Il Elle Ils Elles avec Après"
)


def words() -> list[str]:
    """Every word of both languages, with its pieces marked."""
    pairs = [*MALE, *FEMALE, *VERBS, *PLACES, *TIMES]
    found = [word for pair in pairs for part in pair for word in part.split()]
    for noun in NOUNS:
        found += [noun.english, noun.english + "|s", noun.french, _marked_plural(noun)]
    for adjective in (*ADJECTIVES, *STATES, *MOVES):
        found.append(adjective.english)
        found += [adjective.form(gender, plural) for gender in "mf" for plural in (False, True)]
    return found + GLUE.split()


def _plural(word: str, plural: bool) -> str:
    return word + "s" if plural else word


def _marked_plural(noun: Noun) -> str:
    return noun.french + ("x" if noun.french.endswith("eau") else "|s")


def _french_plural(noun: Noun, plural: bool) -> str:
    return plain(_marked_plural(noun) if plural else noun.french)


def _article(gender: str, plural: bool = False) -> str:
    return "les" if plural else ("le" if gender == "m" else "la")


def _other_gender(noun: Noun) -> str:
    return "f" if noun.gender == "m" else "m"


def _name(rng: random.Random, gender: str) -> tuple[str, str]:
    english, french = rng.choice(MALE if gender == "m" else FEMALE)
    return plain(english), plain(french)


def noun_phrase(rng: random.Random) -> Passage:
    """Somebody does something to a thing with a quality or two."""
    english, french = Writer(), Writer()
    decisions: list[Decision] = []
    name, nom = _name(rng, rng.choice("mf"))
    verb, verbe = map(plain, rng.choice(VERBS))
    noun = rng.choice(NOUNS)
    plural = rng.random() < 0.3
    post = rng.choice([a for a in ADJECTIVES if not a.before]) if rng.random() < 0.75 else None
    pre = rng.choice([a for a in ADJECTIVES if a.before]) if rng.random() < 0.4 else None
    key = "|".join([verb, noun.english, *(a.english for a in (pre, post) if a)])

    english.say(name)
    verb_at = english.say(verb)
    english.say("the")
    if pre:
        english.say(plain(pre.english))
    post_at = english.say(plain(post.english)) if post else None
    noun_at = english.say(_plural(plain(noun.english), plural))
    english.say(".")

    french.say(nom)
    verbe_at = french.say(verbe)
    article_at = french.say(_article(noun.gender, plural))
    if pre:
        french.say(plain(pre.form(noun.gender, plural)))
    nom_at = french.say(_french_plural(noun, plural))
    apres_at = french.say(plain(post.form(noun.gender, plural))) if post else None
    french.say(".")

    rival = other(rng, [v for _, v in VERBS], verbe)
    decisions.append(Decision(dependency="word", decided=verbe_at, cues=(verb_at,), foil=plain(rival), key=key))
    if not plural:
        decisions.append(
            Decision(
                dependency="article",
                decided=article_at,
                cues=(noun_at,),
                foil=_article(_other_gender(noun)),
                key=key,
            )
        )
    foil = _french_plural(other(rng, [n for n in NOUNS if n.gender == noun.gender], noun), plural)
    decisions.append(Decision(dependency="word", decided=nom_at, cues=(noun_at,), foil=foil, key=key))
    if post and post_at and apres_at:
        wrong = other(rng, [a for a in ADJECTIVES if not a.before], post)
        decisions.append(
            Decision(
                dependency="reordered_word",
                decided=apres_at,
                cues=(post_at,),
                also=(noun_at,),
                target_cues=(article_at, nom_at),
                foil=plain(wrong.form(noun.gender, plural)),
                key=key,
            )
        )
    return Passage(source=english.text, target=french.text, decisions=tuple(decisions))


def agreement(rng: random.Random) -> Passage:
    """A thing, perhaps near another of the other gender, has a quality."""
    english, french = Writer(), Writer()
    noun = rng.choice(NOUNS)
    adjective = rng.choice(ADJECTIVES)
    plural, past = rng.random() < 0.25, rng.random() < 0.3
    key = f"{noun.english}|{adjective.english}"
    pre = rng.choice([a for a in ADJECTIVES if a.before]) if rng.random() < 0.3 else None
    post = rng.choice([a for a in ADJECTIVES if not a.before]) if rng.random() < 0.3 else None
    english.say(" ".join(["The", *(plain(quality.english) for quality in (pre, post) if quality)]))
    noun_at = english.say(_plural(plain(noun.english), plural))
    article_at = french.say(capital(_article(noun.gender, plural)))
    told = [article_at]
    if pre:
        told.append(french.say(plain(pre.form(noun.gender, plural))))
    told.append(french.say(_french_plural(noun, plural)))
    if post:
        told.append(french.say(plain(post.form(noun.gender, plural))))
    if rng.random() < 0.7:
        gender = noun.gender if rng.random() < 0.3 else _other_gender(noun)
        between = other(rng, [n for n in NOUNS if n.gender == gender], noun)
        where, ou = rng.choice(PLACES)
        key += f"|{where}|{between.english}"
        english.say(f"{where} the {plain(between.english)}")
        french.say(f"{ou} {_article(gender)} {plain(between.french)}")
    english.say((("is", "are"), ("was", "were"))[past][plural])
    french.say((("est", "sont"), ("était", "étaient"))[past][plural])
    adjective_at = english.say(plain(adjective.english))
    decided = french.say(plain(adjective.form(noun.gender, plural)))
    english.say(".")
    french.say(".")
    decisions: list[Decision] = []
    if not plural:
        foil = capital(_article(_other_gender(noun)))
        decisions.append(Decision(dependency="article", decided=article_at, cues=(noun_at,), foil=foil, key=key))
    if adjective.masculine != adjective.feminine:
        decisions.append(
            Decision(
                dependency="agreement",
                decided=decided,
                cues=(noun_at,),
                also=(adjective_at,),
                target_cues=tuple(told),
                foil=plain(adjective.form(_other_gender(noun), plural)),
                key=key,
            )
        )
    return Passage(source=english.text, target=french.text, decisions=tuple(decisions))


def name_gender(rng: random.Random) -> Passage:
    """What somebody did or is, in the gender of the name."""
    english, french = Writer(), Writer()
    gender = rng.choice("mf")
    name, nom = _name(rng, gender)
    rival, rival_nom = _name(rng, rng.choice("mf"))
    what = rng.choice([*STATES, *MOVES, *MOVES])
    when, quand = rng.choice(TIMES)
    if rng.random() < 0.35:
        english.say(f"After {rival},")
        french.say(f"Après {rival_nom},")
    name_at, nom_at = english.say(name), french.say(nom)
    if what in STATES:
        past = when == "yesterday" or when == "on Monday"
        english.say("was" if past else "is")
        french.say("était" if past else "est")
    else:
        french.say("est")
    what_at = english.say(plain(what.english))
    decided = french.say(plain(what.form(gender)))
    if rng.random() < 0.35:
        companion, compagnon = _name(rng, rng.choice("mf"))
        english.say(f"with {companion}")
        french.say(f"avec {compagnon}")
    if when:
        english.say(when)
        french.say(plain(quand))
    english.say(".")
    french.say(".")
    decisions: tuple[Decision, ...] = ()
    if what.masculine != what.feminine:
        decisions = (
            Decision(
                dependency="name_gender",
                decided=decided,
                cues=(name_at,),
                also=(what_at,),
                target_cues=(nom_at,),
                foil=plain(what.form("f" if gender == "m" else "m")),
                key=f"{name}|{what.english}",
            ),
        )
    return Passage(source=english.text, target=french.text, decisions=decisions)


def context_it(rng: random.Random) -> Passage:
    """A pronoun for the thing of the sentence before; half the time only its own sentence is translated.

    Only that half is counted: in the other, the translation of the first sentence tells the gender again.
    """
    english, french = Writer(), Writer()
    noun = rng.choice(NOUNS)
    adjective = rng.choice(ADJECTIVES)
    broken = rng.random() < 0.5
    if rng.random() < 0.5:
        name, nom = _name(rng, rng.choice("mf"))
        verb, verbe = map(plain, rng.choice(VERBS))
        english.say(f"{name} {verb} the")
        french.say(f"{nom} {verbe}")
        french.say(f"{_article(noun.gender)} {plain(noun.french)}")
        noun_at = english.say(plain(noun.english))
    else:
        first = other(rng, ADJECTIVES, adjective)
        english.say("The")
        noun_at = english.say(plain(noun.english))
        english.say(f"is {plain(first.english)}")
        french.say(f"{capital(_article(noun.gender))} {plain(noun.french)}")
        french.say(f"est {plain(first.form(noun.gender))}")
    english.say(".")
    french.say(".")
    stop = len(english.text)
    if broken:
        english.say(BREAK)
        french = Writer()
    it_at = english.say("It")
    decided = french.say("Il" if noun.gender == "m" else "Elle")
    english.say(f"is {plain(adjective.english)}.")
    french.say(f"est {plain(adjective.form(noun.gender))}.")
    if not broken:
        return Passage(source=english.text, target=french.text)
    decision = Decision(
        dependency="context_it",
        decided=decided,
        cues=(noun_at,),
        also=(it_at,),
        foil="Elle" if noun.gender == "m" else "Il",
        key=f"{noun.english}|{adjective.english}",
    )
    return Passage(source=english.text, target=french.text, decisions=(decision,), context_stop=stop)


def context_they(rng: random.Random) -> Passage:
    """A pronoun for the two people of the sentence before: ils, unless both are women."""
    english, french = Writer(), Writer()
    genders = rng.choice(["ff", "ff", "mf", "fm"])
    people = [_name(rng, gender) for gender in genders]
    gender = "f" if genders == "ff" else "m"
    move, state = rng.choice(MOVES), rng.choice(STATES)
    broken = rng.random() < 0.5
    spots: list[Span] = []
    for (name, nom), own, link in zip(people, genders, (("and", "et"), None), strict=True):
        spot = english.say(name)
        french.say(nom)
        if own == gender:
            spots.append(spot)
        if link:
            english.say(link[0])
            french.say(link[1])
    english.say(f"{plain(move.english)}.")
    french.say(f"sont {plain(move.form(gender, plural=True))}.")
    stop = len(english.text)
    if broken:
        english.say(BREAK)
        french = Writer()
    they_at = english.say("They")
    decided = french.say("Ils" if gender == "m" else "Elles")
    english.say(f"are {plain(state.english)}.")
    french.say(f"sont {plain(state.form(gender, plural=True))}.")
    if not broken:
        return Passage(source=english.text, target=french.text)
    decision = Decision(
        dependency="context_they",
        decided=decided,
        cues=tuple(spots),
        also=(they_at,),
        foil="Elles" if gender == "m" else "Ils",
        key="|".join(name for name, _ in people),
    )
    return Passage(source=english.text, target=french.text, decisions=(decision,), context_stop=stop)


def context_i(rng: random.Random) -> Passage:
    """What I did or am, in the gender of my name, which stands in the sentence before."""
    english, french = Writer(), Writer()
    gender = rng.choice("mf")
    name, nom = _name(rng, gender)
    what = rng.choice([*STATES, *MOVES])
    english.say("My name is")
    name_at = english.say(name)
    french.say(f"Je m'appelle {nom}.")
    if rng.random() < 0.5:
        rival, rival_nom = _name(rng, rng.choice("mf"))
        english.say(f"and I see {rival}")
        french = Writer(f"Je m'appelle {nom} et je vois {rival_nom}.")
    english.say(".")
    stop = len(english.text)
    broken = rng.random() < 0.7
    if broken:
        english.say(BREAK)
        french = Writer()
    english.say("I")
    if what in STATES:
        english.say("am")
    french.say("Je suis")
    what_at = english.say(plain(what.english))
    decided = french.say(plain(what.form(gender)))
    english.say(".")
    french.say(".")
    if not broken or what.masculine == what.feminine:
        return Passage(source=english.text, target=french.text)
    decision = Decision(
        dependency="context_i",
        decided=decided,
        cues=(name_at,),
        also=(what_at,),
        foil=plain(what.form("f" if gender == "m" else "m")),
        key=f"{name}|{what.english}",
    )
    return Passage(source=english.text, target=french.text, decisions=(decision,), context_stop=stop)


def alone(rng: random.Random) -> Passage:
    """A pronoun whose antecedent isn't told: either gender, evenly."""
    gender, plural = rng.choice("mf"), rng.random() < 0.4
    persons = plural or rng.random() < 0.4
    quality = rng.choice(STATES if persons else ADJECTIVES)
    subject, sujet = {"m": ("He", "Il"), "f": ("She", "Elle")}[gender]
    if plural:
        subject = "They"
    elif not persons:
        subject = "It"
    source = f"{subject} {'are' if plural else 'is'} {plain(quality.english)}."
    target = f"{_plural(sujet, plural)} {'sont' if plural else 'est'} {plain(quality.form(gender, plural))}."
    return Passage(source=source, target=target)


RULES: dict[Callable[[random.Random], Passage], float] = {
    noun_phrase: 3,
    agreement: 3,
    name_gender: 3,
    context_it: 4,
    context_they: 2.5,
    context_i: 2.5,
    alone: 0.7,
}


def pair(rng: random.Random) -> tuple[str, str]:
    """One sentence pair to train on: never a held-out one."""
    while True:
        (rule,) = rng.choices(list(RULES), list(RULES.values()))
        passage = rule(rng)
        if not passage.held_out() and passage.source is not None:
            return passage.source, passage.target
