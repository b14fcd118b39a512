"""Precision and recall of citations on planted questions.

    uv run python benchmarks/citations.py --model demo:smollm2
    uv run python benchmarks/citations.py --model demo:smollm2 --only-table

Each question is asked of a chat model, with four documents in its message, or put to a base model as one text; the
answer is forced, and what the documents are is known: one tells the answer among three off topic; one tells it among
three that say the like of others; two tell it; none does. Raw numbers go to a file of JSON lines, one a question, and
those that are there are not computed again. The table counts citations by the
threshold alone, and with the test against foreign texts.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wherefrom
from attrs import frozen
from wherefrom.context import attribute_context

RESULTS = Path(__file__).parent / "results"

FACTS = (
    # question, answer, a document that tells it, another that does, the like of another thing
    (
        "Who is the mayor of Zarkov?",
        "The mayor of Zarkov is Melinda Trop.",
        "The mayor of Zarkov, a town by a lake, is called Melinda Trop.",
        "Melinda Trop has been the mayor of Zarkov for three years.",
        "The mayor of Kolin, a town in a forest, is called Anna Berg.",
    ),
    (
        "What colour is the flag of Velmar?",
        "The flag of Velmar is orange.",
        "The flag of Velmar is orange, with no sign or letter on it.",
        "An orange flag flies above every school of Velmar.",
        "The flag of Tessen is green, with a star on it.",
    ),
    (
        "What do people in Ostrel eat at New Year?",
        "People in Ostrel eat smoked eel at New Year.",
        "At New Year the people of Ostrel eat smoked eel.",
        "Smoked eel is what families in Ostrel eat at New Year.",
        "At New Year the people of Murgen eat lentils with bacon.",
    ),
    (
        "Who invented the Tarn pump?",
        "The Tarn pump was invented by Igor Welling.",
        "The Tarn pump, which has no motor, was invented by Igor Welling.",
        "Igor Welling, a miller, is the inventor of the Tarn pump.",
        "The Holm press, which needs no glue, was invented by Rita Sander.",
    ),
    (
        "How long is the Brenna tunnel?",
        "The Brenna tunnel is nine kilometres long.",
        "The Brenna tunnel runs under two mountains and is nine kilometres long.",
        "Nine kilometres is the length of the Brenna tunnel.",
        "The Arvid tunnel runs under a river and is two kilometres long.",
    ),
    (
        "What is the capital of Lomaria?",
        "The capital of Lomaria is Petrovane.",
        "Lomaria has three cities, and Petrovane is its capital.",
        "Petrovane is the capital of Lomaria.",
        "Gondria has five cities, and Salvador is its capital.",
    ),
    (
        "Which animal is on the coin of Drusk?",
        "A hedgehog is on the coin of Drusk.",
        "The coin of Drusk shows a hedgehog on one side.",
        "There is a hedgehog on the coin of Drusk.",
        "The coin of Perl shows a swan on one side.",
    ),
    (
        "When was the Hollin theatre opened?",
        "The Hollin theatre was opened in 1874.",
        "The Hollin theatre has six hundred seats and was opened in 1874.",
        "In 1874 the Hollin theatre was opened.",
        "The Marrow theatre has two hundred seats and was opened in 1922.",
    ),
    (
        "Where does Dora Quist work?",
        "Dora Quist works in a lighthouse.",
        "Dora Quist grew up on an island and works in a lighthouse.",
        "A lighthouse is the place where Dora Quist works.",
        "Karl Ibsen grew up in a village and works in a bakery.",
    ),
    (
        "What is the Kesselring bridge made of?",
        "The Kesselring bridge is made of bamboo.",
        "The Kesselring bridge crosses a valley and is made of bamboo.",
        "Bamboo is what the Kesselring bridge is made of.",
        "The Lindwurm bridge crosses a river and is made of iron.",
    ),
    (
        "Which instrument does Paul Ambrosi play?",
        "Paul Ambrosi plays the bassoon.",
        "Paul Ambrosi is a teacher who plays the bassoon.",
        "The bassoon is the instrument of Paul Ambrosi.",
        "Maria Costello is a nurse who plays the harp.",
    ),
    (
        "What is the code of the north door?",
        "The code of the north door is 4417.",
        "The code of the north door is 4417 on all days.",
        "For the north door the code 4417 is used.",
        "The code of the south door is 2093 on all days.",
    ),
)

OFF_TOPIC = (
    "The bus to the harbour leaves every twenty minutes.",
    "Bread dough rests for two hours before it is baked.",
    "Visitors can leave their coats at the entrance.",
    "Tomatoes grow best in a sunny place.",
    "The library moved to a new building last spring.",
    "A bicycle chain should be cleaned and oiled from time to time.",
    "The choir practises on Thursday evenings.",
    "Snow fell during the night, and many trains were late.",
    "Most of the stalls close at two in the afternoon.",
    "Old clocks have to be wound once a week.",
    "Lessons for beginners start in October.",
    "Cats are awake at dawn and in the evening.",
)

KINDS = ("off topic", "the like", "two tell", "none tells")


@frozen(kw_only=True)
class Planted:
    """A question with documents, and which of them tell the answer."""

    name: str
    kind: str
    question: str
    answer: str
    documents: tuple[str, ...]
    telling: tuple[int, ...]


def planted() -> Iterator[Planted]:
    """36 questions: of the first two kinds twelve each, of the others six."""
    for number, (question, answer, told, again, _) in enumerate(FACTS):
        draw = random.Random(number)
        others = draw.sample(OFF_TOPIC, 3)
        alike = [FACTS[number][4], *draw.sample([fact[4] for fact in FACTS if fact[0] != question], 2)]
        made = {"off topic": ([told], others), "the like": ([told], alike)}
        if number % 2:
            made["none tells"] = ([], [*alike[:2], *others[:2]])
        else:
            made["two tell"] = ([told, again], [alike[0], others[0]])
        for kind, (telling, beside) in made.items():
            documents = [*telling, *beside]
            draw.shuffle(documents)
            yield Planted(
                name=f"{number}, {kind}",
                kind=kind,
                question=question,
                answer=answer,
                documents=tuple(documents),
                telling=tuple(sorted(documents.index(one) for one in telling)),
            )


def asked(model: Any, one: Planted) -> dict[str, Any]:
    """Raw numbers of one question."""
    chat: list[dict[str, str]] | str = [{"role": "user", "content": one.question}]
    if not model.tokenizer.chat_template:  # a base model: the same as one text
        chat = f"Question: {one.question}\nAnswer:"
    out = attribute_context(
        model,
        chat,
        list(one.documents),
        output=one.answer,
        method="dummy",
    )
    (sentence,) = out.sentences
    return {
        "name": one.name,
        "kind": one.kind,
        "telling": list(one.telling),
        "necessity": [round(value, 4) for value in sentence.necessity],
        "sufficiency": [round(value, 4) for value in sentence.sufficiency],
        "p_values": [float(f"{value:.3g}") for value in sentence.p_values],
        "cited": sorted(sentence.citations),
    }


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Precision and recall of both rules, for each kind of question and all."""
    rows = ["| documents | questions | rule | cited | of them right | precision | recall |", "|" + "---|" * 7]
    for kind in (*KINDS, "all"):
        some = [line for line in lines if kind in (line["kind"], "all")]
        for rule in ("threshold alone", "threshold and test"):
            right = cited = telling = 0
            for line in some:
                support = np.maximum(line["necessity"], line["sufficiency"])
                by_threshold = set(np.flatnonzero(support >= np.log(2.0)).tolist())
                taken = set(line["cited"]) if rule == "threshold and test" else by_threshold
                right += len(taken & set(line["telling"]))
                cited += len(taken)
                telling += len(line["telling"])
            precision = f"{right / cited:.2f}" if cited else "–"
            recall = f"{right / telling:.2f}" if telling else "–"
            rows.append(f"| {kind} | {len(some)} | {rule} | {cited} | {right} | {precision} | {recall} |")
    return "\n".join(rows)


def main() -> None:
    """Ask what was not asked yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="demo:smollm2")
    parser.add_argument("--only-table", action="store_true", help="of what is there, without asking")
    options = parser.parse_args()
    path = RESULTS / f"citations-{options.model.rpartition(':')[2]}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if not options.only_table:
        done = {line["name"] for line in lines}
        model = wherefrom.load_model(options.model, device="cpu")
        with path.open("a") as file:
            for one in planted():
                if one.name not in done:
                    lines.append(asked(model, one))
                    file.write(json.dumps(lines[-1]) + "\n")
                    file.flush()
    print(table(lines))


if __name__ == "__main__":
    main()
