"""``wherefrom attribute``: explain what a model generates from texts."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from wherefrom.errors import UsageError

from wherefrom_cli.attributing import attribute_examples
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.dry_run import print_plan
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import (
    DEFAULT_MODEL,
    add_generation_options,
    add_method_options,
    add_model_options,
    add_reduction_options,
    add_run_options,
    add_target_options,
    attribution_request,
    model_request,
    reduction,
)
from wherefrom_cli.results import add_output_options, destination, refuse_lines_of_a_plan, write_results
from wherefrom_cli.texts import (
    COLUMN_OF_CONTRASTS,
    COLUMN_OF_TARGETS,
    Example,
    Fields,
    each_once,
    examples_in_file,
    paired,
    refuse_unfit,
    typed_texts,
)

BUILT_IN = {
    "demo:lm": Example(text="George was sick yesterday. His colleagues asked him to come"),
    "demo:mt": Example(text="Mary sees the green car."),
}
"""What is explained when no text is given."""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    given = parser.group("Input")
    given.add(
        "-i",
        "--input-texts",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="texts; @FILE: a text per line; -: standard input",
    )
    given.add(
        "-g",
        "--generated-texts",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="forced targets, one per input (default: the model generates)",
    )
    given.add(
        "--contrast-targets",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="what could have been said instead, one per input; -fn must compare with it (contrast_logits_diff)",
    )
    given.add("--input-file", metavar="FILE", help="texts from a .txt, .jsonl, .json, .csv, .tsv or .parquet file")
    given.add("--input-field", metavar="NAME", help="column of the texts")
    given.add("--output-field", metavar="NAME", help=COLUMN_OF_TARGETS)
    given.add("--id-field", metavar="NAME", help="column of the examples' names")
    given.add("--contrast-field", metavar="NAME", help=COLUMN_OF_CONTRASTS)
    add_model_options(parser.group("Model"), f"{DEFAULT_MODEL} when no text is given")
    add_method_options(parser.group("Method"))
    add_target_options(parser.group("Target"))
    add_generation_options(parser.group("Generation"))
    output = parser.group("Output")
    add_output_options(output)
    add_reduction_options(output)
    add_run_options(parser.group("Run"), batch_size=None)


def execute(options: Options, console: Console) -> int:
    """Attribute, save, print."""
    examples = _examples(options, console)
    built_in = examples is None
    model_asked = model_request(options, default=DEFAULT_MODEL if built_in else None)
    if examples is None:
        if model_asked.name not in BUILT_IN:
            raise UsageError(
                "No text was given.\nAdd -i TEXT, -i @FILE, -i - or --input-file FILE.\n"
                "Without -m, a built-in example is explained."
            )
        examples = [BUILT_IN[model_asked.name]]
        if options.generated_texts or options.contrast_targets:
            raise UsageError("-g and --contrast-targets need -i: a target belongs to a text.")
    request = attribution_request(options)
    reduce = reduction(options)
    where = destination(options)
    refuse_lines_of_a_plan(options)
    if options.do_prefix_attribution is not None:
        console.note("note: --do-prefix-attribution is called --attribute-target now.")
    if options.output_step_attributions:
        console.note("note: --output-step-attributions has no effect: every column of the scores is a step.")
    if built_in and "max_new_tokens" not in request.generation_args:
        request = evolve(request, generation_args={**request.generation_args, "max_new_tokens": 12})
    with loading(console, model_asked.name):
        model = model_asked.load()
    if options.dry_run:
        print_plan(model, model_asked, examples, request, console, as_json=where.json)
        return ExitCode.DONE
    with ProgressLine(console=console) as progress:
        out = reduce.apply(attribute_examples(model, examples, request, progress))
    write_results(out.replace(provenance=model_asked.recorded(out.provenance)), where, console)
    if built_in and not where.machine:
        _say_what_next(console)
    return ExitCode.DONE


def _examples(options: Options, console: Console) -> list[Example] | None:
    """The texts to explain; None if none was given."""
    if options.input_file:
        if options.input_texts or options.generated_texts or options.contrast_targets:
            raise UsageError("--input-file and -i/-g/--contrast-targets exclude each other.\nChoose one.")
        fields = Fields(
            input=options.input_field,
            output=options.output_field,
            id=options.id_field,
            contrast=options.contrast_field,
        )
        examples = list(examples_in_file(Path(options.input_file), fields, console.note))
        if not examples:
            raise UsageError(f"There is no text in {options.input_file}.")
    elif columns := options.typed_among({"input_field", "output_field", "id_field", "contrast_field"}):
        raise UsageError(f"{', '.join(columns)} names a column of a file, and none is given.\nAdd --input-file FILE.")
    elif options.input_texts:
        texts = options.input_texts, options.generated_texts, options.contrast_targets
        examples = paired(*typed_texts(console, *texts))
    else:
        return None
    examples = list(each_once(examples[: options.limit], lambda example: example.id, options.input_file or "the texts"))
    refuse_unfit(examples)
    return examples


def _say_what_next(console: Console) -> None:
    console.note(
        "\nThis was a built-in example. Try next:\n"
        "  wherefrom attribute -a integrated_gradients --step-scores probability entropy\n"
        '  wherefrom attribute -m gpt2 -i "Hello ladies and" -o out.json\n'
        "  wherefrom attribute --help"
    )


COMMAND = Command(
    name="attribute",
    summary="For every token a model generates from your texts: which inputs does it come from?",
    examples=(
        ("wherefrom attribute", "a built-in example"),
        ('wherefrom attribute -m gpt2 -i "Hello ladies and"', "your model and text; the model generates"),
        (
            'wherefrom attribute -m gpt2 -a occlusion -i "Hello you" -g "Hello you all" -o out.json',
            "a forced target, saved",
        ),
        (
            "wherefrom attribute -m gpt2 --input-file texts.jsonl --jsonl > out.jsonl",
            "many texts, one line each",
        ),
    ),
    configure=configure,
    execute=execute,
)
