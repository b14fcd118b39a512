"""``wherefrom evaluate``: are saved attributions true to their model?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve
from wherefrom import list_supported_frameworks
from wherefrom.errors import UsageError
from wherefrom.evaluation import METRICS, evaluate, evaluation_cost, with_measurements
from wherefrom.evaluation.evaluating import FAITHFULNESS
from wherefrom.evaluation.gold_files import read_gold
from wherefrom.results.attribution import Attributions
from wherefrom.results.partners import as_called, have_ids
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.evaluations import add_evaluation_output, check_outputs, cost_line, show_evaluation, write_evaluation
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import add_example_option, check_readable, require_examples
from wherefrom_cli.parser import CommandParser, Options, positive_number, whole_number
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import ModelRequest, add_model_options, model_request
from wherefrom_cli.results import check_ending
from wherefrom_cli.side_by_side import open_side_by_side

if TYPE_CHECKING:
    from wherefrom import AttributionModel


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("paths", metavar="PATH", nargs="+", help="saved files or runs of the same texts, one per method")
    add_example_option(what)
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples")
    how = parser.group("Measure")
    how.add(
        "--metrics",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"by name, or all (default: {' '.join(FAITHFULNESS)})",
    )
    how.add(
        "--removals",
        nargs="+",
        default=["delete", "unk"],
        metavar="HOW",
        help="ways to take units away, better two (default: delete unk)",
    )
    how.add("--units", default="token", metavar="UNIT", help="token, word, sentence, turn or document (default: token)")
    how.add("--outputs", choices=("step", "sequence"), default="step", metavar="WHAT", help="step or sequence")
    how.add(
        "--gold", metavar="FILE", help="JSONL of texts and the spans that matter, for metrics that compare with them"
    )
    how.add("--draws", type=positive_number, default=10, metavar="N", help="random orders per output (default: 10)")
    how.add("--extremes", action="store_true", help="the best and the worst order too, for up to ten units")
    how.add("--seed", type=whole_number, default=0, metavar="N", help="for random orders and masks (default: 0)")
    add_model_options(parser.group("Model"), "the one that the files name")
    output = parser.group("Output")
    add_evaluation_output(output)
    output.add(
        "--annotate",
        metavar="FILE",
        help="write the results again, each example with its numbers, which `wherefrom view` shows as columns",
    )


def execute(options: Options, console: Console) -> int:
    """Measure, save, print."""
    annotated = Path(options.annotate) if options.annotate else None
    check_outputs(options, ("--annotate", annotated))
    check_ending(annotated)
    if options.gold:
        check_readable(options.gold)
    results = named(options.paths, options.example, options.limit, console)
    first = next(iter(results.values()))
    metrics = list(METRICS) if options.metrics == ["all"] else list(options.metrics) or list(FAITHFULNESS)
    if options.annotate and len(results) > 1:
        raise UsageError("--annotate writes one method's results again, and there are several.\nGive one file.")
    asked = _model(options, first, console)
    gold = read_gold(options.gold) if options.gold else None
    if (
        gold is not None
        and Path(options.paths[0]).is_dir()
        and not have_ids(as_called([one.id for one in first], [one.id for one in gold])[1])
    ):
        raise UsageError(
            f"{options.paths[0]} has its examples in the order of the work, and {options.gold} annotations without an "
            "id.\nGive each line the id of its example, or make one file in the order of the data: "
            "`wherefrom attribute-dataset ... -o FILE.jsonl`."
        )
    if gold is None:
        metrics = [name for name in metrics if options.metrics != ["all"] or not METRICS.get(name).needs_gold]
    with loading(console, asked.name):
        model = asked.load()
    for name, out in results.items():
        _say_differences(name, out.provenance.model, model, console)
    arguments = {
        "removals": tuple(options.removals),
        "units": options.units,
        "outputs": options.outputs,
        "gold": gold,
        "draws": options.draws,
        "extremes": options.extremes,
        "seed": options.seed,
    }
    told = cost_line(evaluation_cost(results, model, metrics, **arguments))
    if options.dry_run:
        console.line(told)
        return ExitCode.DONE
    console.note(told)
    with ProgressLine(console=console) as progress:
        found = evaluate(results, model, metrics, progress=progress, **arguments)
    write_evaluation(found, options, console)
    if annotated is not None:
        with_measurements(first, found).save(annotated, overwrite=options.overwrite)
        console.note(f"Written: {annotated}")
    show_evaluation(found, options, console)
    return ExitCode.DONE


def named(
    paths: Sequence[str], examples: Sequence[str], limit: int | None, console: Console
) -> dict[str, Attributions]:
    """Results by the name of their method, or of their file where two have the same."""
    opened = list(zip(paths, open_side_by_side(paths, examples, limit, told=console), strict=True))
    for path, out in opened:
        require_examples(out, path)
    methods = [out[0].method for _, out in opened]
    names = [
        method if method and methods.count(method) == 1 else Path(path).stem
        for method, (path, _) in zip(methods, opened, strict=True)
    ]
    if len(set(names)) < len(names):
        raise UsageError("Two of the files have the same name and method.\nRename one, so that they can be told apart.")
    return {name: out for name, (_, out) in zip(names, opened, strict=True)}


_OF_MODEL = ("framework", "dtype", "revision", "vocabulary")
"""What decides a model's numbers beside its name, as its card tells it, or gives another one away."""


def _model(options: Options, results: Attributions, console: Console) -> ModelRequest:
    """The model that the results name, as it was then, but for what is typed. Arguments of loading are not taken from a
    file, as they can run code.

    Raises:
        UsageError: Nothing is typed of the model, and what loaded it then is not told or not installed.
    """
    known = results.provenance.model
    name = str(known.get("name", "")) or None
    asked = model_request(options, default=name)
    if asked.name != name:
        return asked
    typed = options.typed_among({"framework", "dtype", "model_kwargs"})
    then: dict[str, Any] = {}
    framework = known.get("framework")
    if "--framework" not in typed and (framework or not options.model):
        _require_framework(known, options.paths[0])
        if framework:
            then["framework"] = framework
    if framework == "hf_transformers" and "--dtype" not in typed and known.get("dtype"):
        then["dtype"] = known["dtype"]
    if (tokenizer := known.get("tokenizer")) and not options.tokenizer:
        then["tokenizer"] = tokenizer
    if (revision := known.get("revision")) and "--model-kwargs" not in typed:
        then["model_kwargs"] = {**asked.model_kwargs, "revision": revision}
    for kind, option in (("model_kwargs", "--model-kwargs"), ("tokenizer_kwargs", "--tokenizer-kwargs")):
        if (given := known.get(kind)) and not getattr(options, kind):
            console.warn(
                f"The model was loaded with {option} {shlex.quote(json.dumps(given))} then, which is not taken from a "
                "file: give it again."
            )
    return evolve(asked, **then)


def _require_framework(known: Mapping[str, Any], path: str) -> None:
    """Raise where it is told that what loaded a model has no name, or one that nothing here has. Files of inseq tell
    nothing of it: theirs are models of transformers."""
    framework, name = known.get("framework"), known.get("name")
    if framework is None or framework in list_supported_frameworks():
        return
    if not framework:
        raise UsageError(
            f"{path} names its model {name!r}, and no framework that loads it: it was given to load_model as an "
            "adapter.\nSay how it is loaded, -m NAME --framework FRAMEWORK, or evaluate in Python with the adapter."
        )
    raise UsageError(
        f"{path} is of the model {name!r} of the framework {framework!r}, which is not installed here. Installed: "
        f"{', '.join(list_supported_frameworks())}.\nInstall its package, or name another that loads the same model: "
        "--framework NAME."
    )


def _say_differences(name: str, then: Mapping[str, Any], model: AttributionModel, console: Console) -> None:
    """Warn where results are of the same model in other digits, or of another revision."""
    card = model.adapter.card.loaded_by(model.framework)
    now = {fact: getattr(card, fact) for fact in ("name", *_OF_MODEL)}
    differ = [f"{one} {then[one]} then, {now[one]} now" for one in now if then.get(one) and then[one] != now[one]]
    if differ:
        what = visible(f"{name} was made with another model than it is measured with: {'; '.join(differ)}.")
        console.warn(what)


COMMAND = Command(
    name="evaluate",
    summary="Are saved attributions true to their model? Faithfulness against random and other orders, with intervals.",
    examples=(
        ("wherefrom evaluate saliency.json occlusion.json", "two methods, the model that the files name"),
        ("wherefrom evaluate out.json --metrics abpc tau_loo -o evaluation.json", "two metrics, saved"),
        (
            "wherefrom evaluate out.json --gold gold.jsonl --metrics auprc mrr -o report.html",
            "against annotations, as a page",
        ),
        ("wherefrom evaluate out.json --dry-run", "only what it would cost"),
    ),
    configure=configure,
    execute=execute,
)
