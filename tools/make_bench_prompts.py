"""Write the bench's built-in prompt sets: `python tools/make_bench_prompts.py`. All texts are ours; the seed is fixed.

Short prompts are said in full below. Long ones are put together from the lists below, so that the answer hangs on one
or a few stretches in some hundred tokens, and a sentence of reasoning stands before the answer.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "packages/core/src/wherefrom/evaluation/bench/prompts"

FACTS = [
    ("The capital of France is", " Paris", ["capital", "France"]),
    ("The capital of Italy is", " Rome", ["capital", "Italy"]),
    ("The capital of Japan is", " Tokyo", ["capital", "Japan"]),
    ("The capital of Spain is the city of", " Madrid", ["capital", "Spain"]),
    ("The capital of Germany is the city of", " Berlin", ["capital", "Germany"]),
    ("The opposite of hot is", " cold", ["opposite", "hot"]),
    ("The first month of the year is", " January", ["first", "month"]),
    ("The day after Monday is", " Tuesday", ["after", "Monday"]),
    ("Two plus two equals", " four", ["Two", "plus", "two"]),
    ("The planet closest to the Sun is", " Mercury", ["closest", "Sun"]),
    ("Water is made of hydrogen and", " oxygen", ["Water", "hydrogen"]),
    ("The author of Romeo and Juliet is William", " Shakespeare", ["Romeo", "Juliet", "William"]),
    ("The Great Wall is a famous landmark in", " China", ["Great", "Wall"]),
    ("The Eiffel Tower stands in the city of", " Paris", ["Eiffel", "Tower"]),
    ("The chemical symbol H2O stands for", " water", ["H2O"]),
    ("Bees make", " honey", ["Bees"]),
    ("Paris is the capital of", " France", ["Paris", "capital"]),
    ("Rome is the capital of", " Italy", ["Rome", "capital"]),
    ("Berlin is the capital of", " Germany", ["Berlin", "capital"]),
    ("Moscow is the capital of", " Russia", ["Moscow", "capital"]),
    ("Cairo is the capital of", " Egypt", ["Cairo", "capital"]),
    ("The Statue of Liberty stands in New", " York", ["Statue", "Liberty", "New"]),
    ("The Earth revolves around the", " Sun", ["Earth", "revolves"]),
    ("The United States of", " America", ["United", "States"]),
    ("Albert Einstein developed the theory of", " relativity", ["Einstein", "theory"]),
    ("January, February, March,", " April", ["March"]),
    ("Monday, Tuesday, Wednesday,", " Thursday", ["Wednesday"]),
]
AGREEMENT = [
    ("The keys to the old cabinet", " are", ["keys"]),
    ("The dogs that chased the cat", " were", ["dogs"]),
    ("The girl next to the two boys", " is", ["girl"]),
    ("The pictures on the wall", " are", ["pictures"]),
    ("The flowers in the green vase", " are", ["flowers"]),
    ("The man who sold the cars", " was", ["man"]),
    ("The woman said that she lost her keys, so", " she", ["woman", "she", "her"]),
    ("John told us that he was tired because", " he", ["John", "he"]),
    ("My sister is a nurse. I called", " her", ["sister"]),
    ("My brother is a cook. I called", " him", ["brother"]),
    ("The boys are hungry. They want to eat", " their", ["boys", "They"]),
    ("These books on the shelf", " are", ["These", "books"]),
    ("This book about the birds", " is", ["This", "book"]),
    ("Both of my parents", " are", ["Both", "parents"]),
    ("The children who live here", " are", ["children"]),
    ("The teachers of the school", " were", ["teachers"]),
    ("The boy hurt", " himself", ["boy"]),
    ("The girl looked at", " herself", ["girl"]),
    ("The king and", " his", ["king"]),
    ("The queen sat on", " her", ["queen"]),
    ("I looked at myself, and she looked at", " herself", ["she"]),
    ("We washed our hands, and they washed", " their", ["they"]),
]
COPYING = [
    ("apple river stone. apple river", " stone", ["stone"]),
    ("red blue green yellow. red blue green", " yellow", ["yellow"]),
    ("The code is violet. I repeat, the code is", " violet", ["violet"]),
    ("Mr. Tanaka and Mrs. Okafor met. Mr. Tanaka thanked Mrs.", " Okafor", ["Okafor"]),
    ("wolf cat horse wolf cat", " horse", ["horse"]),
    ("Say it again: silver lantern. Silver", " lantern", ["lantern"]),
    ("one two three one two", " three", ["three"]),
    ("bread milk sugar bread milk", " sugar", ["sugar"]),
    ("The password is banana. Please type the password:", " banana", ["banana"]),
    ("A B C D A B C", " D", ["D"]),
    ("tree lamp tree lamp tree", " lamp", ["lamp"]),
    ("He sang, she danced. He sang, she", " danced", ["danced"]),
    ("king queen knight. king queen", " knight", ["knight"]),
    ("Paris, London, Rome. Paris, London,", " Rome", ["Rome"]),
    ("apple river stone, apple river stone, apple river", " stone", ["stone"]),
    ("red blue yellow, red blue yellow, red blue", " yellow", ["yellow"]),
    ("wolf cat horse, wolf cat horse, wolf cat", " horse", ["horse"]),
    ("bread milk sugar, bread milk sugar, bread milk", " sugar", ["sugar"]),
    ("king queen knight, king queen knight, king queen", " knight", ["knight"]),
    ("tree lamp door, tree lamp door, tree lamp", " door", ["door"]),
    ("The secret word is lantern. Remember that the secret word is", " lantern", ["lantern"]),
    ("My name is Henry. Nice to meet you, my name is", " Henry", ["Henry"]),
    ("The train to Vienna leaves now. All aboard the train to", " Vienna", ["Vienna"]),
    ("Doctor Novak called. Please call back Doctor", " Novak", ["Novak"]),
]
LOOKUP = [
    ("Anna has a red car. Tom has a blue car. The car of Anna is", " red", ["Anna", "red"]),
    ("Anna has a red car. Tom has a blue car. The car of Tom is", " blue", ["Tom", "blue"]),
    ("The cat is in the kitchen. The dog is in the garden. The dog is in the", " garden", ["dog", "garden"]),
    ("Lena lives in Oslo. Marco lives in Madrid. Lena lives in", " Oslo", ["Lena", "Oslo"]),
    ("Lena lives in Oslo. Marco lives in Madrid. Marco lives in", " Madrid", ["Marco", "Madrid"]),
    ("The box holds a watch. The bag holds a book. Inside the bag is a", " book", ["bag", "book"]),
    ("Sara speaks Dutch. Ali speaks Arabic. The language of Ali is", " Arabic", ["Ali", "Arabic"]),
    ("Name: Peter. Age: twelve. City: Boston. The boy is called", " Peter", ["Name", "Peter"]),
    ("The meeting is on Friday. The party is on Sunday. The meeting is on", " Friday", ["meeting", "Friday"]),
    ("The soup costs five euros. The cake costs nine euros. The cake costs", " nine", ["cake", "nine"]),
    ("Maria plays the piano. Jonas plays the drums. Maria plays the", " piano", ["Maria", "piano"]),
    ("Q: The sky is green today. What colour is the sky? A:", " green", ["green"]),
    ("The gold coin is under the bed. The silver coin is under the", " bed", ["under", "bed"]),
    ("Ben is a doctor. Eva is a teacher. The job of Eva is", " teacher", ["Eva", "teacher"]),
    ("dog: bone, cat: fish, cow: grass. cow:", " grass", ["cow", "grass"]),
    ("dog: bone, cat: fish, cow: grass. cat:", " fish", ["cat", "fish"]),
    ("dog: bone, cat: fish, cow: grass. dog:", " bone", ["dog", "bone"]),
    ("Emma likes tea. Paul likes milk. Emma drinks tea and Paul drinks", " milk", ["Paul", "milk"]),
    ("sky = blue, grass = green, snow = white. grass =", " green", ["grass", "green"]),
    ("sky = blue, grass = green, snow = white. snow =", " white", ["snow", "white"]),
    ("The key opens the red door. We opened the door with the", " key", ["key"]),
    ("Emma was born in Sweden and grew up there. Her home country is", " Sweden", ["Sweden"]),
    ("The winner was Carlos, and the prize was given to", " Carlos", ["winner", "Carlos"]),
    ("Lucy and Tom went to the shop. Tom gave the money to", " Lucy", ["Lucy"]),
    ("Mary and John went to the park. John threw the ball to", " Mary", ["Mary"]),
    ("Kate and Paul sat down. Paul handed the book to", " Kate", ["Kate"]),
]

FILLER = [
    "The market opens before sunrise and closes when the last cart is empty.",
    "In spring the river carries branches down from the hills.",
    "A small ferry crosses the lake twice in the morning.",
    "The baker keeps two ovens warm through the winter.",
    "Children walk to school along the row of lime trees.",
    "The old bridge was painted again last summer.",
    "On rainy days the museum is fuller than the park.",
    "The tram turns at the station and comes back the same way.",
    "Some of the houses near the harbour have blue doors.",
    "A clock on the tower has been slow for many years.",
    "The library lends maps to everybody who asks.",
    "In autumn people collect chestnuts below the castle.",
    "The road to the north is closed when there is snow.",
    "Farmers bring apples and cheese on the first day of the week.",
    "Behind the church there is a garden with old roses.",
    "The newspaper is printed in the cellar of the town hall.",
    "Visitors often stop at the fountain to take pictures.",
    "The theatre shows a new play every second month.",
    "Two brothers repair bicycles in the yard by the mill.",
    "At night the lamps along the quay are turned down.",
    "The teacher of music lives above the chemist.",
    "A path leads through the wood to a small chapel.",
    "The post arrives late when the train is full.",
    "Most shops stay shut on the afternoon of the fair.",
    "The fishermen mend their nets when the wind is strong.",
    "A grey cat sleeps in the window of the bookshop.",
    "The band practises in the fire station every week.",
    "Old photographs of the town hang in the waiting room.",
]
NAMES = [
    "Adam",
    "Clara",
    "David",
    "Emma",
    "Frank",
    "Helen",
    "Jack",
    "Kate",
    "Laura",
    "Mark",
    "Nina",
    "Paul",
    "Rose",
    "Simon",
    "Tina",
    "Victor",
]
THINGS = [
    "piano",
    "ladder",
    "mirror",
    "violin",
    "basket",
    "camera",
    "helmet",
    "kettle",
    "pillow",
    "rocket",
    "saddle",
    "tractor",
    "umbrella",
    "wallet",
    "blanket",
    "hammer",
]
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "purple", "orange"]
CITIES = ["London", "Paris", "Rome", "Berlin", "Madrid", "Vienna", "Boston", "Chicago", "Dublin", "Lisbon"]


def short(name: str, items: list[tuple[str, str, list[str]]]) -> list[dict]:
    return [
        {"id": f"{name}-{number:02}", "set": name, "prompt": prompt, "answer": answer, "evidence": evidence}
        for number, (prompt, answer, evidence) in enumerate(items, start=1)
    ]


def key_value(rng: random.Random, number: int) -> dict:
    names, things = rng.sample(NAMES, 16), rng.sample(THINGS, 16)
    lines = [
        f"{name} bought the {thing} at the market by the harbour." for name, thing in zip(names, things, strict=True)
    ]
    asked, *shown = rng.sample(range(2, 14), 3)
    said = [f"Who bought the {things[one]}? The {things[one]} was bought by {names[one]}." for one in shown]
    prompt = " ".join(lines) + " We read the list again to see who bought what. " + " ".join(said)
    prompt += f" Who bought the {things[asked]}? The {things[asked]} was bought by"
    return {
        "id": f"key-value-{number:02}",
        "set": "key_value",
        "prompt": prompt,
        "answer": f" {names[asked]}",
        "evidence": [f"{names[asked]} bought the {things[asked]} at the market by the harbour."],
    }


def chain(rng: random.Random, number: int) -> dict:
    colours, names = rng.sample(COLOURS, 2), rng.sample(NAMES, 4)
    filler = rng.sample(FILLER, 21)
    links = [
        f"The ball of {names[0]} is {colours[0]}.",
        f"The hat of {names[1]} has the same colour as the ball of {names[0]}.",
        f"The coat of {names[2]} is {colours[1]}.",
    ]
    places = sorted(rng.sample(range(2, 20), 3))
    for place, link in zip(reversed(places), reversed(links), strict=True):
        filler.insert(place, link)
    prompt = (
        " ".join(filler)
        + f" The hat of {names[1]} has the same colour as the ball of {names[0]}, so we look at that ball."
    )
    prompt += f" The coat of {names[2]} is {colours[1]}, and the ball of {names[0]} is"
    return {
        "id": f"chain-{number:02}",
        "set": "chain",
        "prompt": prompt,
        "answer": f" {colours[0]}",
        "evidence": links[:2],
    }


def needle(rng: random.Random, number: int) -> dict:
    name, city, thing = rng.choice(NAMES), rng.choice(CITIES), rng.choice(THINGS)
    filler = rng.sample(FILLER, rng.randrange(24, 28))
    text = f"The {thing} of {name} was bought in {city}."
    filler.insert(rng.randrange(2, 20), text)
    prompt = (
        " ".join(filler)
        + f" Where does the {thing} come from? The text says in one place where the {thing} of {name} was bought,"
        + f" and that is the answer. The {thing} of {name} was bought in"
    )
    return {"id": f"needle-{number:02}", "set": "needle", "prompt": prompt, "answer": f" {city}", "evidence": [text]}


def write(name: str, prompts: list[dict]) -> None:
    path = FOLDER / f"{name}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in prompts), "utf-8")


def main() -> None:
    rng = random.Random(20)
    write(
        "short",
        [*short("facts", FACTS), *short("agreement", AGREEMENT), *short("copying", COPYING), *short("lookup", LOOKUP)],
    )
    makers = (key_value, chain, needle)
    write("long", [make(rng, number) for make in makers for number in range(1, 16)])


if __name__ == "__main__":
    main()
