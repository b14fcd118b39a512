"""``wherefrom attribute-context``: which context made which words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherefrom.context import PLACEMENTS, STRATEGIES, UNITS, ContextAttribution, attribute_context
from wherefrom.errors import UsageError
from wherefrom.files.wire.bytes import write_whole
from wherefrom.methods.contract import METHODS
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom.step_functions.base import STEP_FUNCTIONS

from wherefrom_cli.asking import somebody
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.documents import documents_in_file
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.method_settings import addressed, typed_settings
from wherefrom_cli.parser import (
    CommandParser,
    OptionGroup,
    Options,
    json_object,
    number,
    one_of,
    positive_number,
    setting,
    whole_number,
)
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_cli.request import (
    DEFAULT_MODEL,
    add_model_options,
    add_reduction_options,
    generation_args,
    model_request,
    reduction,
)
from wherefrom_cli.results import STDOUT, check_ending, check_places, file_of, one_claim
from wherefrom_cli.texts import typed_text

if TYPE_CHECKING:
    from wherefrom import AttributionModel

BUILT_IN = {
    "demo:lm": {"current": "His colleagues asked him to come", "context": "George was sick yesterday."},
    "demo:mt": {
        "current": "It is small.",
        "context": "The car is green.",
        "input_template": "{context} <brk> {current}",
    },
}
"""What is explained when no text is given."""


TYPED_TEXTS = ("input_current_text", "input_context_text", "output_current_text", "output_context_text")
"""Options that are texts: ``@FILE`` and ``-`` stand for one elsewhere."""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    _add_input_options(parser.group("Input"))
    add_model_options(parser.group("Model"), f"{DEFAULT_MODEL} when no text is given")
    _add_method_options(parser.group("Method"))
    _add_selection_options(parser.group("Selection"))
    _add_support_options(parser.group("Citations"))
    generation = parser.group("Generation")
    generation.add("--generation-kwargs", type=json_object, default={}, metavar="JSON", help="arguments of generation")
    generation.add("--max-new-tokens", type=positive_number, metavar="N", help="generate at most N tokens")
    output = parser.group("Output")
    _add_output_options(output)
    add_reduction_options(output)


def execute(options: Options, console: Console) -> int:
    """Attribute, save, print; then look whether everything is supported."""
    for name in TYPED_TEXTS:
        text = typed_text(getattr(options, name), console, f"--{name.replace('_', '-')}")
        setattr(options, name, text)
    built_in = _is_built_in(options)
    model_asked = model_request(options, default=DEFAULT_MODEL if built_in else None)
    if built_in and model_asked.name not in BUILT_IN:
        raise UsageError(
            "No text was given.\nAdd --input-current-text TEXT and --input-context-text TEXT (or --documents FILE).\n"
            "Without -m, a built-in example is explained."
        )
    _check_files(options)
    options.let_go(_idle(options))
    if options.citations or options.fail_unsupported:
        _require_support(options, has_context=built_in or bool(options.documents or options.input_context_text))
    METHODS.get(options.method)
    method, settings = addressed(options.method, typed_settings(options, attribute_context), attribute_context)
    for name in (options.attributed_fn, options.context_sensitivity_metric):
        if name is not None:
            STEP_FUNCTIONS.get(name)
    texts = _texts(options, BUILT_IN[model_asked.name] if built_in else {})
    with loading(console, model_asked.name):
        model = model_asked.load()
    with ProgressLine(console=console) as progress:
        out = _attributed(model, {**texts, **settings, "method": method}, options, console, progress)
    if out.provenance is not None:
        out = out.replace(provenance=model_asked.recorded(out.provenance))
    if options.fail_unsupported and not out.sentences:
        raise UsageError("--fail-unsupported has nothing to test: the output has no sentence, or its context no part.")
    _write(out, options, console)
    if options.fail_unsupported and out.unsupported:
        for one in out.unsupported:
            console.note(f"unsupported: {one.text.strip()!r}")
        return ExitCode.UNSUPPORTED
    return ExitCode.DONE


def _attributed(
    model: AttributionModel, asked: dict[str, Any], options: Options, console: Console, progress: ProgressLine
) -> ContextAttribution:
    generation = generation_args(options)
    reduce = reduction(options)
    out = attribute_context(
        model,
        **asked,
        attributed_fn=options.attributed_fn,
        context_sensitivity_metric=options.context_sensitivity_metric,
        context_sensitivity_std_threshold=options.context_sensitivity_std_threshold,
        context_sensitivity_topk=options.context_sensitivity_topk,
        fpr=options.fpr,
        null_contexts=_null_contexts(options) or "shuffled",
        null_draws=options.null_draws,
        attribution_std_threshold=options.attribution_std_threshold,
        attribution_topk=options.attribution_topk,
        support_unit=_support_unit(options),
        support_threshold=options.support_threshold,
        support_level=options.support_level or None,
        null_documents=_bare_texts(options.null_documents),
        handle_output_context_strategy=options.handle_output_context_strategy,
        contextless_output_next_tokens=options.contextless_output_next_tokens,
        prompt_user_for_contextless_output_next_tokens=options.prompt_user_for_contextless_output_next_tokens,
        ask=somebody(console),
        special_tokens_to_keep=options.special_tokens_to_keep,
        decoder_input_output_separator=options.decoder_input_output_separator,
        tgt_lang=options.tokenizer_kwargs.get("tgt_lang"),
        # the same reduction that other commands apply to all results
        attribution_aggregators=reduce.reduced if reduce.asks else None,
        include_eos_baseline=options.include_eos_baseline,
        generation_args=generation,
        seed=options.seed,
        progress=progress,
    )
    return out.replace(info={**out.info, **reduce.as_info()})


def _bare_texts(path: str | None) -> list[str] | None:
    """The texts of the documents in a file, where one is given.

    Raises:
        UsageError: A document has no text.
    """
    return [_text_of(one, place, path) for place, one in _numbered(path)] if path else None


def _null_contexts(options: Options) -> list[Any] | None:
    """Contexts in a file, where one is given: texts; beside documents, documents or lists of them.

    Raises:
        UsageError: One that is no list has no text.
    """
    path = options.null_contexts
    if not path or not options.documents:
        return _bare_texts(path)
    contexts = _numbered(path)
    for place, one in contexts:
        for document in one if isinstance(one, list) else [one]:
            _text_of(document, place, path)
    return [one for _, one in contexts]


def _numbered(path: str) -> list[tuple[int, Any]]:
    return list(enumerate(documents_in_file(Path(path)), start=1))


def _text_of(document: Any, place: int, path: str) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise UsageError(f"Document {place} in {path} has no text.\nGive a text, or an object with 'text', for each.")
    return text


def _is_built_in(options: Options) -> bool:
    given = (
        options.input_current_text,
        options.chat,
        options.input_context_text,
        options.documents,
        options.output_context_text,
    )
    return all(one is None for one in given) and options.output_current_text is None


def _texts(options: Options, built_in: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of `attribute_context` that hold texts; those of a built-in example where none are given."""
    if options.chat and options.input_current_text is not None:
        raise UsageError("--chat and --input-current-text exclude each other.\nChoose one.")
    if options.chat and options.as_chat:
        raise UsageError(
            "--as-chat makes a message of --input-current-text, and --chat has messages already.\nLeave --as-chat out."
        )
    text = options.input_current_text or built_in.get("current", "")
    if not options.chat and not text.strip():
        raise UsageError(
            "No current text was given.\nAdd --input-current-text TEXT, or --chat FILE: what the context belongs to."
        )
    if options.documents and options.input_context_text is not None:
        raise UsageError("--documents and --input-context-text exclude each other.\nChoose one.")
    current = documents_in_file(Path(options.chat)) if options.chat else text
    context = documents_in_file(Path(options.documents)) if options.documents else options.input_context_text
    return {
        "current": [{"role": "user", "content": text}] if options.as_chat else current,
        "context": built_in.get("context", context),
        "output": options.output_current_text,
        "output_context": options.output_context_text,
        "input_template": built_in.get("input_template") if options.input_template is None else options.input_template,
        "output_template": options.output_template,
        "contextless_input_template": options.contextless_input_current_text,
        "contextless_output_template": options.contextless_output_current_text,
        "document_template": options.document_template,
        "document_separator": options.document_separator,
        "document_placement": options.document_placement,
    }


def _require_support(options: Options, *, has_context: bool) -> None:
    """Refuse to tell what is supported where nothing can be cited.

    Raises:
        UsageError: There is no input context, or nobody wants its parts.
    """
    named = "--fail-unsupported" if options.fail_unsupported else "--citations"
    if options.support_unit == "none":
        raise UsageError(
            f"{named} needs what can be cited, and --support-unit none says that nothing can.\n"
            "Give another unit (document, turn, sentence), or leave it out."
        )
    if not has_context:
        raise UsageError(
            f"{named} needs an input context: its parts are what supports a sentence.\n"
            "Add --input-context-text TEXT or --documents FILE."
        )


def _support_unit(options: Options) -> Any:
    if options.support_unit == "auto" and not options.documents and (options.citations or options.fail_unsupported):
        return "sentence"
    return options.support_unit


def _idle(options: Options) -> set[str]:
    """Options that change nothing here. The library refuses those that are typed."""
    idle: set[str] = set()
    chat = options.chat or options.as_chat
    if options.fpr is None:
        idle |= {"null_contexts", "null_draws"}
    elif options.null_contexts:
        idle |= {"null_draws"}
    if options.chat:
        idle |= {"as_chat"}
    if not chat:
        idle |= {"document_placement"}
    if not options.documents:
        idle |= {"document_template", "document_separator", "document_placement"}
    elif chat and options.document_placement == "chat_template":
        idle |= {"document_template", "document_separator"}
    uncited = options.support_unit == "none" or (options.support_unit == "auto" and not (chat or options.documents))
    if uncited or not options.support_level:
        idle |= {"null_documents"}
    return idle


def _check_files(options: Options) -> None:
    page = Path(options.viz_path) if options.viz_path else None
    saved, cited = file_of(options.save_path), file_of(options.citations)
    for path in (saved, cited):
        check_ending(path, endings=(".json",), behind=())
    check_places([("-o", saved), ("--citations", cited), ("--viz-path", page)], overwrite=options.overwrite)
    to_stdout = {"-o -": options.save_path == STDOUT, "--citations -": options.citations == STDOUT}
    one_claim({"--json": options.json, **to_stdout})


def _write(out: ContextAttribution, options: Options, console: Console) -> None:
    saved = out if options.add_output_info else out.without_info()
    to_stdout = options.json or options.save_path == STDOUT
    if (path := file_of(options.save_path)) is not None:
        saved.save(path, overwrite=options.overwrite)
    if options.viz_path:
        out.save_html(options.viz_path, overwrite=options.overwrite)
    if (path := file_of(options.citations)) is not None:
        write_whole(path, [out.citations_json(), b"\n"], overwrite=options.overwrite)
    if options.show_intermediate_outputs:
        _say_scores(out, console)
    if to_stdout:
        console.write(saved.to_json() + "\n")
    elif options.citations == STDOUT:
        console.write(out.citations_json().decode() + "\n")
    elif options.show_viz:
        console.rich_console().print(out.render("rich"))
    for name in (options.save_path, options.viz_path, options.citations):
        if (path := file_of(name)) is not None:
            console.note(f"Wrote {path}.")


def _say_scores(out: ContextAttribution, console: Console) -> None:
    """Sensitivity of every token, and what was compared."""
    for text, score in zip(out.texts("output_current"), out.cti_scores, strict=True):
        console.note(f"{out.info['context_sensitivity_metric']} {score:.6g} {text.strip()!r}")
    for cue in out.cci_scores:
        console.note(f"with context: {cue.contextual_output!r}; without: {cue.contextless_output!r}")


def _add_input_options(group: OptionGroup) -> None:
    group.add("--input-current-text", metavar="TEXT", help="the text in question; @FILE; -: standard input")
    group.flag("--as-chat", help="the current text is a message to a chat model: write it by its chat template")
    group.add("--chat", metavar="FILE", help="instead of a text: messages of a chat (.json) that end in the question")
    group.add("--input-context-text", metavar="TEXT", help="its context")
    group.add(
        "--documents",
        metavar="FILE",
        help="instead: documents (.txt, .jsonl, .csv and the like; text, id, title), or messages of a chat (.json)",
    )
    group.add("--input-template", metavar="TEXT", help='how both are read (default: "{context} {current}")')
    group.add("--output-current-text", metavar="TEXT", help="the output to explain (default: the model generates)")
    group.add("--output-context-text", metavar="TEXT", help="what was said before the output")
    group.add(
        "--output-template",
        metavar="TEXT",
        help='how both are said (default: "{context} {current}" with an output context, else "{current}")',
    )
    group.add(
        "--contextless-input-current-text",
        metavar="TEXT",
        help='template of the input without context (default: "{current}")',
    )
    group.add(
        "--contextless-output-current-text",
        metavar="TEXT",
        help='template of the output without context (default: "{current}")',
    )
    group.add("--document-template", default="{text}", metavar="TEXT", help="{text}, {n}, {title}, {id}")
    group.add(
        "--document-separator", metavar="TEXT", help="between documents (default: a space; in a chat a line break)"
    )
    group.add(
        "--document-placement",
        type=one_of(PLACEMENTS),
        default="message",
        metavar="WHERE",
        help="documents of a chat: in the last message, or chat_template: where the template puts them",
    )
    group.add(
        "--handle-output-context-strategy",
        type=one_of(STRATEGIES),
        default="manual",
        metavar="HOW",
        help="an output context that is not given: manual asks, auto guesses, pre refuses (default: manual)",
    )
    group.add(
        "--contextless-output-next-tokens",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="what would be said without context at each selected token, most sensitive first",
    )
    group.flag("--prompt-user-for-contextless-output-next-tokens", help="ask for these")
    group.add("--special-tokens-to-keep", nargs="+", default=[], metavar="TOKEN", help="list these like other tokens")
    group.add(
        "--decoder-input-output-separator",
        default=" ",
        metavar="TEXT",
        help="decoder-only: between input and output (default: a space)",
    )


def _add_method_options(group: OptionGroup) -> None:
    group.add(
        "-a",
        "--attribution-method",
        "--method",
        dest="method",
        default=DEFAULT_METHOD,
        metavar="NAME",
        help=f"`wherefrom list methods` names them (default: {DEFAULT_METHOD})",
    )
    group.add("-fn", "--attributed-fn", metavar="NAME", help="target function (default: probability)")
    group.add(
        "--context-sensitivity-metric",
        default="kl_divergence",
        metavar="NAME",
        help="a contrastive step function (default: kl_divergence)",
    )
    group.add(
        "--attribution-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="settings of method, target function and metric",
    )
    group.add(
        "--set",
        type=setting,
        action="append",
        default=[],
        dest="set",
        metavar="NAME=VALUE",
        help="one setting; may be repeated",
    )
    group.flag("--include-eos-baseline", "--eos", help="replace the end-of-sequence token in baselines too")
    group.add("--seed", type=whole_number, default=0, metavar="N", help="seed of everything random (default: 0)")


def _add_selection_options(group: OptionGroup) -> None:
    group.add(
        "--context-sensitivity-std-threshold",
        type=number,
        default=1.0,
        metavar="X",
        help="select tokens at or above mean + X standard deviations (default: 1)",
    )
    group.add("--context-sensitivity-topk", type=positive_number, metavar="N", help="select at most N tokens")
    group.add("--fpr", type=number, metavar="RATE", help="select by a permutation test with this false-positive rate")
    group.add(
        "--null-contexts",
        metavar="FILE",
        help="unrelated contexts for the test; beside --documents, also lists of documents (default: shuffled words)",
    )
    group.add("--null-draws", type=positive_number, default=99, metavar="N", help="shuffled contexts (default: 99)")
    group.add(
        "--attribution-std-threshold",
        type=number,
        default=1.0,
        metavar="X",
        help="show cues at or above mean + X standard deviations (default: 1)",
    )
    group.add("--attribution-topk", type=positive_number, metavar="N", help="show at most N cues")


def _add_support_options(group: OptionGroup) -> None:
    group.add("--citations", metavar="FILE", help="write sentences, citations and the matrix as JSON; -: to stdout")
    group.add(
        "--support-unit",
        type=one_of(UNITS),
        default="auto",
        metavar="UNIT",
        help="what is cited: document, turn, sentence, none (default: what is given)",
    )
    group.add(
        "--support-threshold",
        type=number,
        default=0.6931471805599453,
        metavar="NATS",
        help="cite what raises a sentence's log-probability by so much (default: 0.69, twice as likely)",
    )
    group.add(
        "--support-level",
        type=number,
        default=0.05,
        metavar="P",
        help="and does more than foreign texts do, at this level of a test; 0: no test (default: 0.05)",
    )
    group.add("--null-documents", metavar="FILE", help="the foreign texts (default: eight everyday ones in English)")
    group.add(
        "--fail-unsupported",
        action="store_true",
        help=f"exit with {int(ExitCode.UNSUPPORTED)} if a sentence of the output has no support",
    )


def _add_output_options(group: OptionGroup) -> None:
    group.add("-o", "--save-path", metavar="FILE", help="save JSON; -: to standard output")
    group.add("--overwrite", action="store_true", help="replace files that are there")
    group.add("--json", action="store_true", help="JSON on standard output, nothing else")
    group.flag("--add-output-info", default=True, help="save the arguments and how it was made, too (default: yes)")
    group.add("--viz-path", metavar="FILE", help="write an HTML page")
    group.flag("--show-viz", default=True, help="print the result (default: yes)")
    group.flag("--show-intermediate-outputs", help="say the score of every token, and what was compared")


COMMAND = Command(
    name="attribute-context",
    summary="Which words of an output depend on its context, and on what of it? (PECoRe)",
    examples=(
        ("wherefrom attribute-context", "a built-in example"),
        (
            "wherefrom attribute-context -m gpt2 --input-context-text TEXT --input-current-text TEXT -o out.json",
            "your model and texts, saved",
        ),
        (
            "wherefrom attribute-context -m gpt2 --documents docs.jsonl --input-current-text QUESTION "
            "--citations out.json --fail-unsupported",
            "which document supports which sentence; exit code for CI",
        ),
    ),
    configure=configure,
    execute=execute,
)
