"""``wherefrom bench``: which method finds what a model's answers hang on?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from wherefrom.errors import UsageError
from wherefrom.evaluation.bench import (
    LONG,
    PROMPT_SETS,
    SHORT,
    Bench,
    bench_cost,
    load_prompts,
    method_of_spec,
    run_bench,
)

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.evaluations import add_evaluation_output, check_outputs, cost_line, show_evaluation, write_evaluation
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import check_readable
from wherefrom_cli.parser import CommandParser, Options, positive_number, whole_number
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import add_model_options, model_request

BENCHES = {"short": SHORT, "long": LONG}


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add(
        "-s",
        "--set",
        default="short",
        metavar="SET",
        help="short: facts, agreement, copying, look-up; long: lists, chains, needles; or JSONL of your own "
        "(default: short)",
    )
    what.add(
        "--methods",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="names with settings, such as occlusion[baseline=delete,units=sentence] (default: those of the set)",
    )
    what.add("--metrics", nargs="+", default=[], metavar="NAME", help="by name (default: those of the set)")
    what.add("--removals", nargs="+", default=[], metavar="HOW", help="ways to take units away")
    what.add("--units", metavar="UNIT", help="what is removed and scored as one")
    what.add("--draws", type=positive_number, metavar="N", help="random orders per prompt (default: 4)")
    what.add("--limit", type=positive_number, metavar="N", help="stop after N prompts that the model answers right")
    what.add("--seed", type=whole_number, metavar="N", help="for everything random (default: 0)")
    add_model_options(parser.group("Model"))
    output = parser.group("Output")
    output.add(
        "-r",
        "--run",
        metavar="FILE",
        help="JSONL that grows by a line per prompt; started again, the bench goes on there (default: bench-SET.jsonl)",
    )
    add_evaluation_output(output)


def execute(options: Options, console: Console) -> int:
    """Run what is missing, then report."""
    bench = asked(options)
    for spec in bench.methods:
        if "{" not in spec:
            method_of_spec(spec)  # a name or setting that is wrong is told before the model is loaded
    if options.set not in PROMPT_SETS:
        check_readable(options.set)
    prompts = load_prompts(options.set)
    if not prompts:
        raise UsageError(f"There is no prompt in {options.set}.\nGive a line per prompt.")
    check_outputs(options)
    request = model_request(options)
    with loading(console, request.name):
        model = request.load()
    told = cost_line(bench_cost(model, prompts, bench, limit=options.limit))
    if options.dry_run:
        console.line(told)
        return ExitCode.DONE
    path = Path(options.run or f"bench-{Path(options.set).stem}.jsonl")
    console.note(f"{told} What is in {path} already is not run again.")
    with ProgressLine(console=console) as progress:
        found = run_bench(model, prompts, bench, path, limit=options.limit, progress=progress)
    if not found.measurements:
        console.note("The model answered no prompt right, so there is nothing to compare.")
        return ExitCode.FAILED
    write_evaluation(found, options, console)
    show_evaluation(found, options, console)
    return ExitCode.DONE


def asked(options: Options) -> Bench:
    """The set's bench, with what was asked for instead."""
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("methods", tuple(options.methods)),
            ("metrics", tuple(options.metrics)),
            ("removals", tuple(options.removals)),
            ("units", options.units),
            ("draws", options.draws),
            ("seed", options.seed),
        )
        if value
    }
    return evolve(BENCHES.get(options.set, SHORT), **changes)


COMMAND = Command(
    name="bench",
    summary=f"Which method finds what a model's answers hang on? Prompt sets: {', '.join(PROMPT_SETS)}, or your own.",
    examples=(
        ("wherefrom bench -m demo:smollm2 -o report.html", "the built-in short prompts, with a page"),
        (
            "wherefrom bench -m gpt2 -s long --methods attention 'lime[baseline=delete,units=sentence]'",
            "two methods on long prompts",
        ),
        ("wherefrom bench -m gpt2 -s mine.jsonl --limit 30", "your own prompts: id, set, prompt, answer, evidence"),
    ),
    configure=configure,
    execute=execute,
)
