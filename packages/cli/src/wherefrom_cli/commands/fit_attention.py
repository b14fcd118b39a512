"""``wherefrom fit-attention``: learn how much each attention head of a model tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.settings import require_folder

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options, number, positive_number, whole_number
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import add_model_options, model_request
from wherefrom_cli.results import check_writable
from wherefrom_cli.texts import COLUMN_OF_TARGETS, Fields, examples_in_file, refuse_unfit


def configure(parser: CommandParser) -> None:
    """Add the options."""
    given = parser.group("Texts")
    given.add("texts", metavar="FILE", help="texts to learn from: .txt, .jsonl, .json, .csv, .tsv or .parquet")
    given.add("--input-field", metavar="NAME", help="column of the texts")
    given.add("--output-field", metavar="NAME", help=COLUMN_OF_TARGETS)
    given.add("--limit", type=positive_number, metavar="N", help="at most N texts")
    given.add(
        "--max-new-tokens", type=positive_number, default=24, metavar="N", help="tokens to generate (default: 24)"
    )
    add_model_options(parser.group("Model"))
    how = parser.group("Learning")
    how.add(
        "--n-masks",
        type=positive_number,
        default=32,
        metavar="N",
        help="times that a text is read without half of it (default: 32)",
    )
    how.add("--units", default="token", metavar="UNIT", help="what is removed as one (default: token)")
    how.add("--baseline", default="delete", metavar="HOW", help="how it is removed (default: delete)")
    how.add("--alpha", type=number, default=0.01, metavar="X", help="strength of the ridge penalty (default: 0.01)")
    how.add("--held-out", type=number, default=0.2, metavar="X", help="share of the texts to test on (default: 0.2)")
    how.add("--seed", type=whole_number, default=0, metavar="N", help="seed of what is removed (default: 0)")
    how.add("--tables", metavar="FOLDER", help="read and keep what the model said, so that nothing is run twice")
    output = parser.group("Output")
    output.add("-o", "--output", required=True, metavar="FILE.npz", help="where the weights go")
    output.add("--overwrite", action="store_true", help="replace the file if it is there")
    output.add("--json", action="store_true", help="say what was learned as JSON")


def execute(options: Options, console: Console) -> int:
    """Read the texts, learn, save, say how well it does on what was held out."""
    from wherefrom.adapters import AttendingModel, GivesAttention, PredictsSteps
    from wherefrom.adapters.check import lacking, unmet
    from wherefrom.evaluation.asking import question_of
    from wherefrom.methods.head_weights import fit_heads

    check_writable(Path(options.output), overwrite=options.overwrite)
    if options.tables:
        require_folder("--tables", options.tables)
    fields = Fields(input=options.input_field, output=options.output_field)
    examples = list(examples_in_file(Path(options.texts), fields, console.note))[: options.limit]
    if not examples:
        raise UsageError(f"There is no text in {options.texts}.")
    refuse_unfit(examples)
    asked = model_request(options)
    with loading(console, asked.name):
        model = asked.load()
    adapter = model.adapter
    if not isinstance(adapter, AttendingModel):
        missing = unmet(adapter, (PredictsSteps, GivesAttention))
        raise lacking(adapter, missing[0], "fit-attention", "Take a local model.")
    questions = []
    with ProgressLine(console=console) as progress:
        for done, example in enumerate(examples, start=1):
            results = model.attribute(
                example.text,
                example.generated,
                method="dummy",
                show_progress=False,
                generation_args=None if example.generated else {"max_new_tokens": options.max_new_tokens},
            )
            questions += [question_of(adapter, one) for one in results]
            progress("read", done, len(examples))
        weights = fit_heads(
            adapter,
            questions,
            masks=options.n_masks,
            units=options.units,
            baseline=options.baseline,
            alpha=options.alpha,
            held_out=options.held_out,
            seed=options.seed,
            tables=options.tables,
            progress=progress,
        )
    weights.save(options.output, overwrite=options.overwrite)
    said: dict[str, Any] = {
        "file": options.output,
        "model": weights.model,
        "texts": len(examples),
        "outputs": weights.outputs,
        "forwards": weights.forwards,
        "heads": int(weights.decoder.size + (0 if weights.cross is None else weights.cross.size)),
        "held_out": weights.held_out,
        "held_out_uniform": weights.held_out_uniform,
    }
    if options.json:
        console.line(json.dumps(said, indent=2, ensure_ascii=False))
        return ExitCode.DONE
    console.line(
        f"Learned {said['heads']} weights from {said['outputs']} outputs of {said['texts']} texts "
        f"({said['forwards']} forward passes): {options.output}"
    )
    if weights.held_out is None or weights.held_out_uniform is None:
        console.line("Nothing was held out, so how well they do is not known.")
    else:
        console.line(
            f"Rank correlation with what removal does, on held-out texts: {weights.held_out:.2f} "
            f"(all heads alike: {weights.held_out_uniform:.2f})."
        )
    return ExitCode.DONE


COMMAND = Command(
    name="fit-attention",
    summary="Learn one weight per attention head from what a model says when parts of texts are removed.",
    examples=(
        ("wherefrom fit-attention texts.jsonl -m gpt2 -o heads.npz", "learn, once per model"),
        (
            'wherefrom attribute -m gpt2 -a learned_attention --set weights=heads.npz -i "Hello ladies and"',
            "then explain at the price of a forward pass",
        ),
    ),
    configure=configure,
    execute=execute,
)
