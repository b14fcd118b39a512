"""Interactions against shapiq, on a pretrained model, in an environment of its own.

    uv run --isolated --with shapiq python -m benchmarks.shapiq_oracle smollm2

Both are given every coalition of the words of a prompt: ours as a method, shapiq (`ExactComputer`) by calling the game
of the same output. Printed: the largest difference of the scores of pairs, in nats, beside the largest score.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from itertools import combinations

import shapiq  # pyright: ignore[reportMissingImports]
import torch
import wherefrom
from wherefrom.evaluation import coalition_game
from wherefrom.methods import Interactions
from wherefrom.methods.perturbation.ablation import LogProbability

TEXTS = (
    ("Anna lives in Rome. Anna lives in", " Rome"),
    ("The opposite of hot is", " cold"),
    ("Monday, Tuesday, Wednesday,", " Thursday"),
)
INDICES = {"fbii": "FBII", "fsii": "FSII"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="smollm2 or gemma3")
    name = parser.parse_args().model
    torch.set_num_threads(1)
    model = wherefrom.load_model(f"demo:{name}", device="cpu")
    print(f"shapiq {version('shapiq')}, {name}")
    for prompt, answer in TEXTS:
        for ours, theirs in INDICES.items():
            method = Interactions(index=ours, units="word", n_samples=256)  # type: ignore[arg-type]
            result = model.attribute(
                prompt, prompt + answer, method=method, attributed_fn=LogProbability(), show_progress=False
            )[0]
            game = coalition_game(result, model, units="word")
            solved = shapiq.ExactComputer(game, game.n_units)(theirs, order=2)
            names = [one.strip() for one in game.unit_names]
            there = {(pair.first.start, pair.second.start): pair.score for pair in result.top_pairs(game.n_units**2)}
            starts = sorted({start for pair in there for start in pair})
            pairs = list(combinations(range(game.n_units), 2))
            differences = [abs(there[starts[i], starts[j]] - float(solved[i, j])) for i, j in pairs]
            largest = max(pairs, key=lambda pair: abs(float(solved[pair])))
            print(
                f"{theirs}, {prompt!r}, {game.n_units} words, {game.forwards} passes: largest difference "
                f"{max(differences):.1e}, largest score {float(solved[largest]):.2f} "
                f"({names[largest[0]]!r} and {names[largest[1]]!r})",
                flush=True,
            )


if __name__ == "__main__":
    main()
