"""``wherefrom demo``: the same question put to several methods, with a model that needs no download."""

from __future__ import annotations

from wherefrom.methods.contract import METHODS

from wherefrom_cli.attributing import attribute_examples
from wherefrom_cli.command import Command
from wherefrom_cli.commands.attribute import BUILT_IN
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.showing import VIEWS, print_attributions
from wherefrom_cli.texts import Example, refuse_unfit, typed_text

METHODS_SHOWN = ("saliency", "integrated_gradients", "occlusion")


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("-i", "--input-text", metavar="TEXT", help="a text of your own (the demo models know little)")
    what.add("-m", "--model", metavar="NAME", default="demo:lm", help="demo:lm or demo:mt (default: demo:lm)")
    what.add("-a", "--methods", nargs="+", metavar="NAME", help=f"methods (default: {' '.join(METHODS_SHOWN)})")
    parser.group("Output").add(
        "--view", choices=VIEWS, metavar="VIEW", default="auto", help=f"how to show it: {', '.join(VIEWS)}"
    )


def execute(options: Options, console: Console) -> int:
    """Attribute one text by every method and show each."""
    methods = options.methods or [name for name in METHODS_SHOWN if name in METHODS]
    for name in methods:
        METHODS.get(name)
    text = typed_text(options.input_text, console, "--input-text")
    example = BUILT_IN.get(options.model) if text is None else Example(text=text)
    example = example or BUILT_IN["demo:lm"]
    refuse_unfit([example])
    with loading(console, options.model):
        model = ModelRequest(name=options.model).load()
    for name in methods:
        request = AttributionRequest(method=name, step_scores=("probability",), generation_args={"max_new_tokens": 12})
        with ProgressLine(console=console) as progress:
            out = attribute_examples(model, [example], request, progress)
        console.line(f"\n{name}")
        print_attributions(out, console, view=options.view)
    console.note(f"\n`wherefrom explain {methods[0]}` tells what these numbers are.")
    return ExitCode.DONE


COMMAND = Command(
    name="demo",
    summary="Put the same question to several methods, with a demo model that needs no download.",
    examples=(
        ("wherefrom demo", "three methods, one sentence"),
        ("wherefrom demo -m demo:mt -a saliency", "the translation model"),
    ),
    configure=configure,
    execute=execute,
)
