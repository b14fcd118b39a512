"""``wherefrom trace``: from an answer through its reasoning to the prompt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wherefrom import merge_attributions
from wherefrom.errors import UsageError
from wherefrom.results.tracing import LEFT_OUT, SIGN_RULES
from wherefrom.tracing import trace, trace_cost

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.method_settings import addressed, typed_settings
from wherefrom_cli.opening import add_example_option, open_results, require_examples
from wherefrom_cli.parser import CommandParser, Options, json_object, positive_number, setting, whole_number
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import add_model_options, generation_args, model_request
from wherefrom_cli.results import add_output_options, destination, write_results
from wherefrom_cli.texts import Example, paired, refuse_unfit, typed_texts

if TYPE_CHECKING:
    from wherefrom import AttributionModel

OF_A_MODEL = frozenset(
    {
        "input_texts", "generated_texts", "model", "device", "dtype", "framework", "tokenizer", "model_kwargs",
        "tokenizer_kwargs", "plugin", "method", "attributed_fn", "attribution_kwargs", "set", "contrast_targets",
        "max_new_tokens", "generation_kwargs", "seed", "dry_run",
    }
)  # fmt: skip
"""Options that say what a model is asked: saved results say nothing new whatever these are."""
OF_SAVED_RESULTS = frozenset({"paths", "example"})
DEFAULT_HOPS = 1
"""Where a model is asked for each of them."""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    saved = parser.group("Saved results")
    saved.add("paths", metavar="PATH", nargs="*", help="saved files, or folders of runs, to trace without a model")
    add_example_option(saved)
    given = parser.group("Or a model and texts")
    given.add("-i", "--input-texts", nargs="+", default=[], metavar="TEXT", help="prompts; @FILE; -: standard input")
    given.add(
        "-g",
        "--generated-texts",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="what was generated, one per prompt (default: the model generates)",
    )
    add_model_options(parser.group("Model"))
    how = parser.group("Method")
    how.add(
        "-a",
        "--attribution-method",
        "--method",
        dest="method",
        metavar="NAME",
        help="what reads each hop (default: the gradient three tenths of the way up)",
    )
    how.add("-fn", "--attributed-fn", metavar="NAME", help="target function (default: log-probability)")
    how.add(
        "--attribution-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="settings of method and target function, as in a configuration file",
    )
    how.add(
        "--set", type=setting, action="append", default=[], dest="set", metavar="NAME=VALUE", help="a method's setting"
    )
    how.add(
        "--contrast-targets",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="what could have been said instead, one per prompt; -fn must compare with it (contrast_logits_diff)",
    )
    how.add("--max-new-tokens", type=positive_number, metavar="N", help="generate at most N tokens")
    how.add("--generation-kwargs", type=json_object, default={}, metavar="JSON", help="arguments of generation")
    how.add("--seed", type=whole_number, default=0, metavar="N", help="seed of sampling (default: 0)")
    where = parser.group("Trace")
    where.add(
        "--span",
        metavar="PLACE",
        help="the answer: a text, /regex/, turn:ROLE or FIRST:END token positions (default: the last sentence)",
    )
    where.add("--reasoning", metavar="PLACE", help="generated tokens that pass mass on (default: all)")
    where.add(
        "--hops",
        metavar="N|all",
        help=f"how often mass is passed on (default: all for saved results, {DEFAULT_HOPS} with a model)",
    )
    where.add("--leave-out", choices=LEFT_OUT, default="sink", metavar="WHAT", help=", ".join(LEFT_OUT))
    where.add("--signed", choices=SIGN_RULES, default="positive", metavar="RULE", help=", ".join(SIGN_RULES))
    where.add("--dry-run", action="store_true", help="say what it would cost, and stop")
    add_output_options(parser.group("Output"))


def execute(options: Options, console: Console) -> int:
    """Trace what is saved, or ask a model."""
    if bool(options.paths) == bool(options.input_texts):
        raise UsageError(
            "Trace what?\nGive saved results (wherefrom trace out.json), or a model and a prompt (-m MODEL -i TEXT), "
            "and not both."
        )
    refuse_other_form(options)
    where = destination(options)
    if options.dry_run:
        options.refuse_idle({"json", "jsonl"}, "what a trace would cost is told in a line of text")
    settings = {
        "span": as_place(options.span),
        "reasoning": as_place(options.reasoning),
        "leave_out": options.leave_out,
        "signed": options.signed,
    }
    if options.paths:
        opened = [open_results(path, options.example, told=console) for path in options.paths]
        found = merge_attributions(opened) if len(opened) > 1 else opened[0]
        require_examples(found, ", ".join(options.paths))
        write_results(found.trace(hops=as_hops(options.hops), **settings), where, console)
        return ExitCode.DONE
    hops = DEFAULT_HOPS if options.hops is None else as_hops(options.hops)
    if hops is None:
        raise UsageError(
            "--hops all needs a map of all steps, so it is for saved results.\n"
            "First: wherefrom attribute ... -o out.json; then: wherefrom trace out.json"
        )
    asked = model_request(options)
    texts = options.input_texts, options.generated_texts, options.contrast_targets
    examples = paired(*typed_texts(console, *texts))
    refuse_unfit(examples)
    method, more = addressed(options.method, typed_settings(options, trace), trace)
    how: dict[str, Any] = {"method": method, "attributed_fn": options.attributed_fn, **more}
    with loading(console, asked.name):
        model = asked.load()
    if options.dry_run:
        for example in examples:
            console.line(cost_line(model, example, hops, settings["span"], how))
        return ExitCode.DONE
    generation = generation_args(options)
    with ProgressLine(console=console) as progress:
        traced = [
            trace(
                model,
                example.text,
                example.generated,
                hops=hops,
                contrast_targets=example.contrast,
                generation_args=generation or None,
                seed=options.seed,
                progress=progress,
                **settings,
                **how,
            )
            for example in examples
        ]
    out = merge_attributions(traced)
    write_results(out.replace(provenance=asked.recorded(out.provenance)), where, console)
    return ExitCode.DONE


def refuse_other_form(options: Options) -> None:
    """Refuse options of a trace by a model where results are given, and the reverse.

    Raises:
        UsageError: One stands on the command line.
    """
    others = options.typed_among(OF_A_MODEL if options.paths else OF_SAVED_RESULTS)
    if others and options.paths:
        raise UsageError(
            f"A saved result is traced without a model, and {', '.join(others)} would change nothing.\n"
            "Leave it out, or give -m MODEL -i TEXT instead of a file."
        )
    if others:
        raise UsageError(
            f"{', '.join(others)} chooses among saved results, and a model is asked here.\n"
            "Leave it out, or give saved results instead of -i TEXT."
        )


def as_place(text: str | None) -> Any:
    """A place from what was typed: ``12:15`` is a pair of positions, all else goes on as it is."""
    match = None if text is None else re.fullmatch(r"(\d+):(\d+)", text)
    return text if match is None else (int(match[1]), int(match[2]))


def as_hops(text: str | None) -> int | None:
    """A number of hops; None: all.

    Raises:
        UsageError: It is neither a number nor ``all``.
    """
    if text is None or text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f"--hops {text}: expected a whole number, or all.")
    return int(text)


def cost_line(model: AttributionModel, example: Example, hops: int, span: Any, how: dict[str, Any]) -> str:
    """What tracing a text would cost.

    Raises:
        UsageError: The output is not given: it is not known before the model has generated it.
    """
    if example.generated is None:
        raise UsageError("--dry-run needs -g: what a trace costs is known once there is an output.")
    asked = {"span": span, "hops": hops, "contrast_targets": example.contrast, **how}
    cost = trace_cost(model, example.text, example.generated, **asked)
    if cost is None:
        return "The cost of this method is not known before."
    return f"{cost} for {hops} hop{'s' * (hops != 1)}, whatever the length"


COMMAND = Command(
    name="trace",
    summary="Where does an answer come from, through the reasoning that was generated before it?",
    examples=(
        ("wherefrom trace out.json --span ' 42'", "a saved result, to the end, without a model"),
        (
            "wherefrom trace -m MODEL -i @prompt.txt -g @answer.txt --span '/Answer: (.*)/' --hops 2",
            "one forward and one backward pass per hop, however long the output",
        ),
    ),
    configure=configure,
    execute=execute,
)
