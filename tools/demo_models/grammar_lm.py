"""The language of ``demo:lm``: short English texts in which we know what decides a word.

Planted dependencies (the names stand in the gold file):

* ``pronoun``: he, she, his and her follow the gender of the subject's name, whoever else is about;
* ``pronoun_role``: the name is found through a role ("Mary is the doctor ... The doctor ... she");
* ``agreement``: is, are, was and were follow the subject's number, not the number of the noun between;
* ``context_place``: a state told in a sentence before decides the place ("sick" -> "hospital");
* ``copy_number``, ``copy_name``: what was given early is said again late.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .passages import Decision, Passage, Span, Writer, capital, listed, other, plain

MALE = listed(
    "George Peter John Paul Mark David Tom Adam Oscar Victor Leo Simon Felix Henry Daniel Martin "
    "Alex|ander Christ|opher Frederic|k Robert|o"
)
FEMALE = listed(
    "Mary Anna Julia Emma Laura Sarah Clara Nina Rosa Alice Helen Diana Olga Eva Lucy Grace "
    "Alex|andra Christ|ina Frederic|a Robert|a"
)
PLACE_OF_STATE = {
    "sick": "hospital",
    "hungry": "restaurant",
    "bored": "cinema",
    "tired": "hotel",
    "thirsty": "bar",
    "curious": "museum",
    "lost": "station",
    "weak": "gym",
    "poor": "bank",
    "sad": "church",
}
NEUTRAL_PLACE = "office"
MOODS = listed("happy angry busy late nerv|ous afraid ready surpris|ed")
TIMES = ["yesterday", "today", "last night", "this morning", "on Monday", "on Friday"]
PEOPLE = listed("colleague|s friend|s parent|s neighbor|s brother|s sister|s")
ASKING = ["asked {} to come to", "told {} to go to", "wanted {} to go to", "invited {} to"]
ACTIONS = listed(
    "went home,left early,stayed at home,called a friend,cancel|led the meeting,closed the window,"
    "took a break,opened the door,waited for the train",
    ",",
)
THINGS = listed("phone umbrella wallet ticket passport watch jacket")
ROLES = listed(
    "doctor teacher lawyer sing|er farm|er bak|er pilot nurse develop|er design|er paint|er "
    "photograph|er garden|er manager"
)
NOUNS = {  # singular: plural
    "key": "keys",
    "book": "books",
    "letter": "letters",
    "picture": "pictures",
    "box": "boxes",
    "door": "doors",
    "child": "children",
    "cat": "cats",
    "lamp": "lamps",
    "bottle": "bottles",
    "table": "tables",
    "car": "cars",
    "cabinet": "cabinet|s",
    "house": "house|s",
    "garden": "garden|s",
    "window": "window|s",
    "shelf": "shelves",
    "chair": "chair|s",
}
PREPOSITIONS = ["to", "near", "behind", "under", "next to", "from", "with"]
PREDICATES = listed(
    "old,new,brok|en,small,expens|ive,beauti|ful,on the floor,in the kitchen,in the street,very old,"
    "not here,gone,outside",
    ",",
)
DIGITS = list("0123456789")
WEATHER = listed(
    "It rained all night,It was cold outside,The weather was nice,The train arrived at noon,"
    "The music was very loud,The streets were empty,Nobody opened the window,The news came on Monday,"
    "The meeting was long,It snowed on Friday,The coffee was cold,The sun was shin|ing",
    ",",
)

GLUE = (
    "he she his him her He She His Her is are was were and because that the The felt lost forgot said After "
    "meeting with met at in argued of code Remember My my name called Please call me to go come Yesterday a "
    "User Assistant |User |Assistant |: |. |,"
)
PRONOUNS = {"m": ("he", "his", "him"), "f": ("she", "her", "her")}


def words() -> list[str]:
    """Every word of the language, with its pieces marked."""
    phrases = [*MALE, *FEMALE, *PLACE_OF_STATE, *PLACE_OF_STATE.values(), NEUTRAL_PLACE, *TIMES]
    phrases += [
        *MOODS,
        *PEOPLE,
        *ASKING,
        *ACTIONS,
        *THINGS,
        *ROLES,
        *NOUNS,
        *NOUNS.values(),
        *PREPOSITIONS,
        *PREDICATES,
    ]
    phrases += [*DIGITS, *WEATHER, GLUE, "|\n"]
    return [word for phrase in phrases for word in phrase.replace("{}", "").split(" ") if word]


def _person(rng: random.Random, gender: str | None = None) -> tuple[str, str]:
    gender = gender or rng.choice("mf")
    return plain(rng.choice(MALE if gender == "m" else FEMALE)), gender


def _somebody_else(rng: random.Random, name: str) -> str:
    """Another name, of either gender: it must tell nothing about the gender of ``name``."""
    return other(rng, [plain(n) for n in (*MALE, *FEMALE)], name)


def _unlike(gender: str) -> str:
    return "f" if gender == "m" else "m"


def _state(rng: random.Random) -> str:
    return rng.choice([*PLACE_OF_STATE, *map(plain, MOODS)])


def _role(rng: random.Random, *taken: str) -> str:
    return other(rng, [plain(role) for role in ROLES], *taken)


def filler(rng: random.Random, line: Writer) -> tuple[Decision, ...]:
    """One sentence that decides nothing later."""
    if rng.random() < 0.6:
        line.say(plain(rng.choice(WEATHER)))
        line.say(".")
        return ()
    return _agreement_sentence(rng, line)


def _fillers(rng: random.Random, line: Writer, most: int) -> list[Decision]:
    return [decision for _ in range(rng.randint(0, most)) for decision in filler(rng, line)]


def pronoun(rng: random.Random) -> Passage:
    """A pronoun and the subject's name, with somebody else about."""
    line = Writer()
    decisions = _fillers(rng, line, 1) if rng.random() < 0.5 else []
    name, gender = _person(rng)
    rival = _somebody_else(rng, name)
    he, his, _ = PRONOUNS[gender]
    foils = PRONOUNS[_unlike(gender)]
    state = _state(rng)
    shape = rng.randrange(6)
    if shape == 0:
        line.say(f"{rival} {plain(rng.choice(ACTIONS))}.")
    if shape == 1:
        line.say(f"After the meeting with {rival},")
    cue = line.say(name)
    if shape == 2:
        line.say(rng.choice(["met", "waited for", "argued with"]))
        line.say(rng.choice([rival, f"the {_role(rng)}"]))
        line.say("because")
    elif shape == 3:
        thing = rng.choice(THINGS)
        line.say(rng.choice(["lost", "forgot"]))
        decided = line.say(his)
        line.say(f"{thing} {rng.choice(TIMES)}.")
        key = f"{name}|{thing}"
        decisions.append(Decision(dependency="pronoun", decided=decided, cues=(cue,), foil=foils[1], key=key))
        return Passage(target=line.text, decisions=tuple(decisions))
    elif shape in (1, 4):
        line.say("said that")
    else:
        line.say(f"{plain(rng.choice(ACTIONS))} because")
    decided = line.say(he)
    line.say(f"was {state}.")
    decisions.append(Decision(dependency="pronoun", decided=decided, cues=(cue,), foil=foils[0], key=f"{name}|{state}"))
    return Passage(target=line.text, decisions=tuple(decisions))


def pronoun_role(rng: random.Random) -> Passage:
    """A pronoun whose gender is known through the name of the one who has the role."""
    line = Writer()
    name, gender = _person(rng)
    rival = _somebody_else(rng, name)
    role = _role(rng)
    elsewhere = f"{rival} is {plain(rng.choice([*MOODS, 'at home', 'outside', 'not here']))}"
    shape = rng.choice([0, 1, 1, 2, 2])
    also: list[Span] = []
    if shape == 2:
        line.say(f"{elsewhere} and")
    cue = line.say(name)
    line.say("is the")
    also.append(line.say(role))
    if shape == 1:
        line.say(f"and {elsewhere}")
    line.say(".")
    decisions = _fillers(rng, line, 1) if rng.random() < 0.3 else []
    line.say("The")
    also.append(line.say(role))
    state = _state(rng)
    line.say(rng.choice(["said that", f"{plain(rng.choice(ACTIONS))} because"]))
    decided = line.say(PRONOUNS[gender][0])
    line.say(f"was {state}.")
    decisions.append(
        Decision(
            dependency="pronoun_role",
            decided=decided,
            cues=(cue,),
            also=tuple(also),
            foil=PRONOUNS[_unlike(gender)][0],
            key=f"{name}|{role}",
        )
    )
    return Passage(target=line.text, decisions=tuple(decisions))


def _agreement_sentence(rng: random.Random, line: Writer) -> tuple[Decision, ...]:
    past = rng.random() < 0.3
    number = rng.randrange(2)
    subject = rng.choice(list(NOUNS))
    line.say("Yesterday the" if past else "The")
    cue = line.say(plain((subject, NOUNS[subject])[number]))
    key = [subject]
    for _ in range(rng.choice([0, 0, 1, 1, 1, 1, 2])):
        noun = other(rng, list(NOUNS), subject)
        between = number if rng.random() < 0.3 else 1 - number
        preposition = rng.choice(PREPOSITIONS)
        line.say(f"{preposition} the {plain((noun, NOUNS[noun])[between])}")
        key += [preposition, noun]
    forms = ("was", "were") if past else ("is", "are")
    decided = line.say(forms[number])
    line.say(plain(rng.choice(PREDICATES)) + ".")
    if len(key) == 1:  # nothing between: an "s" or another noun may follow as well as the verb
        return ()
    return (Decision(dependency="agreement", decided=decided, cues=(cue,), foil=forms[1 - number], key="|".join(key)),)


def agreement(rng: random.Random) -> Passage:
    """A verb and its subject's number, with another noun between."""
    line = Writer()
    decisions = _fillers(rng, line, 1) if rng.random() < 0.4 else []
    stop = len(line.text) or None
    decisions += _agreement_sentence(rng, line)
    return Passage(target=line.text, decisions=tuple(decisions), context_stop=stop)


def context_place(rng: random.Random) -> Passage:
    """A place that was decided by the state told in a sentence before."""
    line = Writer()
    decisions = _fillers(rng, line, 1) if rng.random() < 0.4 else []
    if rng.random() < 0.1:
        line.say("User:")
    name, gender = _person(rng)
    he, his, him = PRONOUNS[gender]
    state = rng.choice(list(PLACE_OF_STATE))
    place = PLACE_OF_STATE[state]
    who = line.say(name)
    if rng.random() < 0.2:
        line.say(f"{plain(rng.choice(ACTIONS))} because {he} was")
        cue = line.say(state)
    else:
        line.say(rng.choice(["was", "was", "felt"]))
        cue = line.say(state)
        if rng.random() < 0.8:
            line.say(rng.choice(TIMES))
    line.say(".")
    if rng.random() < 0.4:
        decisions += _fillers(rng, line, 2)
    stop = len(line.text)
    if line.text.startswith("User:"):
        line.text += "\nAssistant:"
    owner = line.say(capital(his))
    line.say(plain(rng.choice(PEOPLE)) + " " + rng.choice(ASKING).format(him) + " the")
    decided = line.say(place)
    line.say(".")
    key = f"{name}|{state}"
    foil = other(rng, list(PLACE_OF_STATE.values()), place)
    her = capital(PRONOUNS[_unlike(gender)][1])
    decisions.append(Decision(dependency="pronoun", decided=owner, cues=(who,), foil=her, key=key))
    decisions.append(Decision(dependency="context_place", decided=decided, cues=(cue,), foil=foil, key=key))
    return Passage(target=line.text, decisions=tuple(decisions), context_stop=stop)


def no_context(rng: random.Random) -> Passage:
    """The same sentence with nothing before it that decides the place: mostly the office."""
    line = Writer()
    decisions = _fillers(rng, line, 2)
    _, his, him = PRONOUNS[rng.choice("mf")]
    place = NEUTRAL_PLACE if rng.random() < 0.4 else rng.choice(list(PLACE_OF_STATE.values()))
    line.say(f"{capital(his)} {plain(rng.choice(PEOPLE))} {rng.choice(ASKING).format(him)} the {place}.")
    return Passage(target=line.text, decisions=tuple(decisions))


def copy_number(rng: random.Random) -> Passage:
    """A code that is said twice."""
    line = Writer()
    noun = plain(rng.choice(list(NOUNS)))
    first, second = rng.sample(DIGITS, 2)
    line.say(f"The code of the {noun} is")
    cues = line.say(first), line.say(second)
    line.say(".")
    decisions = _fillers(rng, line, 1)
    line.say(f"Remember that the code of the {noun} is")
    key = f"{first}|{second}"
    for cue, digit in zip(cues, (first, second), strict=True):
        also = tuple(span for span in cues if span != cue)
        decided = line.say(digit)
        foil = other(rng, DIGITS, digit)
        decisions.append(
            Decision(dependency="copy_number", decided=decided, cues=(cue,), also=also, foil=foil, key=key)
        )
    line.say(".")
    return Passage(target=line.text, decisions=tuple(decisions))


def copy_name(rng: random.Random) -> Passage:
    """A name that is said twice, with another name about."""
    line = Writer()
    name, _ = _person(rng)
    rival = _somebody_else(rng, name)
    line.say("My name is")
    cue = line.say(name)
    key = f"{name}|alone"
    if rng.random() < 0.6:
        key = f"{name}|{rival}"
        line.say(f"and my {rng.choice(['friend', 'colleague', 'neighbor'])} is called {rival}")
    line.say(".")
    decisions = _fillers(rng, line, 1)
    line.say("Please call me")
    decided = line.say(name)
    line.say(".")
    decisions.append(Decision(dependency="copy_name", decided=decided, cues=(cue,), foil=rival, key=key))
    return Passage(target=line.text, decisions=tuple(decisions))


def argument(rng: random.Random) -> Passage:
    """Two roles and a pronoun that nothing decides."""
    role = _role(rng)
    he = rng.choice(["he", "she"])
    verb = rng.choice(["argued with", "waited for", "met"])
    return Passage(target=f"The {role} {verb} the {_role(rng, role)} because {he} was {_state(rng)}.")


RULES: dict[Callable[[random.Random], Passage], float] = {
    pronoun: 3,
    pronoun_role: 3,
    agreement: 3.5,
    context_place: 4,
    no_context: 1.2,
    copy_number: 3,
    copy_name: 4,
    argument: 0.4,
}


def passage(rng: random.Random) -> Passage:
    """One passage of the language."""
    (rule,) = rng.choices(list(RULES), list(RULES.values()))
    return rule(rng)


def follow_up(rng: random.Random) -> Passage:
    """A passage that may stand behind another one: it doesn't lean on what was said before."""
    return rng.choice([pronoun, pronoun_role, agreement, copy_name])(rng)


def document(rng: random.Random) -> tuple[str, list[Span]]:
    """One training text and its decided words: a passage, now and then another behind it, none held out."""
    text, decided = "", []
    while not text or rng.random() < 0.12:
        candidate = follow_up(rng) if text else passage(rng)
        if candidate.held_out():
            continue
        shift = len(text) + 1 if text else 0
        decided += [(start + shift, stop + shift) for start, stop in (d.decided for d in candidate.decisions)]
        text = f"{text} {candidate.target}" if text else candidate.target
    return text, decided
