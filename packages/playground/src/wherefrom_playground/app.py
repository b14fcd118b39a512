"""The page: tabs over one model. Built from Gradio's blocks; what is asked stands in `asking`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, get_args

import gradio as gr
from attrs import frozen
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, UsageError, WherefromError
from wherefrom.methods.contract import Progress
from wherefrom.methods.default import DEFAULT_METHOD

from wherefrom_playground import choices, frames
from wherefrom_playground.asking import (
    JOINED,
    Asked,
    Generation,
    Measured,
    Units,
    evaluated,
    explained,
    explained_by_all,
    explained_context,
)
from wherefrom_playground.jobs import Desk, Done, Failed
from wherefrom_playground.keeping import Keeper
from wherefrom_playground.limits import Limits
from wherefrom_playground.pricing import check_context_passes, check_evaluation_passes, check_passes
from wherefrom_playground.watching import watched

LOOPBACK = ("127.0.0.1", "localhost", "::1")
USER = "wherefrom"
EXAMPLE = "George was sick yesterday. His colleagues asked him to come"
EXAMPLES = {"demo:mt": "The car is green. It is small."}
_HEAD = ["setting", "value", "type"]
_CSS = """
.wherefrom-mistake { color: #b3261e; white-space: pre-wrap; } .dark .wherefrom-mistake { color: #ffb4ab; }
.gradio-container .info-text { color: var(--body-text-color) !important; }
.gradio-container button.primary { background: #9a3412 !important; color: #fff !important; }
.gradio-container button.primary:hover { background: #7c2d12 !important; }
button[role="tab"].selected { color: #9a3412 !important; }
.dark button[role="tab"].selected { color: #fdba74 !important; }
"""
"""Gradio's own colours of hints, buttons and tabs have less contrast than 4.5:1."""


@frozen(kw_only=True)
class Playground:
    """What the tabs share."""

    model: AttributionModel
    name: str
    keeper: Keeper
    limits: Limits
    desk: Desk

    def answer(
        self, request: gr.Request, task: Callable[[AttributionModel, Progress], str], failed: str = "", more: int = 0
    ) -> Iterator[tuple[str, str]]:
        """The line about progress and the page, again and again until the answer is there.

        Args:
            task: Given the model as this question may ask it, and whom to tell.
            more: Passes that the question may take beside those of attributions.
        """
        visitor = str(request.session_hash)

        def within(progress: Progress) -> str:
            model, watch = watched(self.model, self.limits.question_passes + more, progress)
            return task(model, watch.progress)

        for news in self.desk.work(visitor, within):
            yield frames.status(news), news.answer if isinstance(news, Done) else failed

    def stop(self, request: gr.Request) -> str:
        """Stop what the visitor has asked."""
        self.desk.stop(str(request.session_hash))
        return frames.status(Failed(why="Cancelled."))


def build(model: AttributionModel, name: str, keeper: Keeper, limits: Limits | None = None) -> gr.Blocks:
    """The playground over a model, not yet started.

    Args:
        model: What `wherefrom.load_model` returned.
        name: What it is called on the page.
        keeper: Where results are kept.
        limits: How much one visitor may ask; None: the usual limits.
    """
    shared = Playground(model=model, name=name, keeper=keeper, limits=limits or Limits(), desk=Desk())
    page: gr.Blocks
    with gr.Blocks(title=f"wherefrom · {name}", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown(f"# wherefrom\nWhere does each token of **{_plain(name)}** come from?")
        with gr.Tab("Attribute"):
            _attribute_tab(shared)
        with gr.Tab("Contrast"):
            _contrast_tab(shared)
        with gr.Tab("Compare methods"):
            _compare_tab(shared)
        with gr.Tab("Context and documents"):
            _context_tab(shared)
        with gr.Tab("Evaluate"):
            _evaluate_tab(shared)
        with gr.Tab("Runs"):
            _runs_tab(shared, page)
    page.queue(max_size=shared.limits.waiting, default_concurrency_limit=1)
    return page


def serve(
    model: AttributionModel,
    name: str,
    keeper: Keeper,
    *,
    limits: Limits | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    block: bool = True,
    say: Callable[[str], None] = print,
) -> tuple[gr.Blocks, str]:
    """Start the playground. It alone writes to the keeper's folder, until it is stopped.

    Args:
        host: Where to listen; only this machine by default. Elsewhere visitors must give a token.
        port: None: the first free one from 7860.
        token: What visitors must give; None: a new one where one is needed.
        block: Stay until interrupted? Otherwise the folder is this process's until `Keeper.release`.
        say: Told where it is to be found.

    Returns:
        The page and its address.

    Raises:
        UsageError: The port is taken, or another process writes to the folder.
    """
    if token is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(16)
    with ExitStack() as held:
        held.enter_context(keeper)
        page = build(model, name, keeper, limits)
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                auth=None if token is None else partial(_is_admitted, token),
                auth_message=f"The user is {USER}; the password is the token that was printed when this was started.",
                prevent_thread_lock=True,
                quiet=True,
                show_error=True,
                share=False,
                ssr_mode=False,
                enable_monitoring=False,
                footer_links=[],
                css=_CSS,
            )
        except OSError as error:
            raise UsageError(
                f"Cannot listen on {host}:{port or 'a port from 7860'}: {error}\nChoose another --port."
            ) from error
        say(f"Open {address}")
        if token is not None:
            say(f"User {USER}, token {token}")
        say(f"Results are kept in {keeper.folder}: `{keeper.command}` opens them.")
        if block:
            page.block_thread()
        else:
            held.pop_all()
    return page, address


def _is_admitted(token: str, user: str, given: str) -> bool:
    return secrets.compare_digest(user.encode(), USER.encode()) and secrets.compare_digest(
        given.encode(), token.encode()
    )


# parts of tabs


@frozen(kw_only=True)
class _Answer:
    """The buttons and what comes back."""

    go: gr.Button
    cancel: gr.Button
    status: gr.HTML
    page: gr.HTML


def _answer_part(word: str) -> _Answer:
    with gr.Row():
        go = gr.Button(word, variant="primary")
        cancel = gr.Button("Cancel")
    return _Answer(go=go, cancel=cancel, status=gr.HTML(""), page=gr.HTML(""))


def _connect(
    shared: Playground, part: _Answer, task: Callable[..., Iterator[tuple[str, str]]], inputs: Sequence[Any], name: str
) -> None:
    """Ask when the button is pressed; one queue for all tabs, since there is one model."""
    asking = part.go.click(
        task,
        list(inputs),
        [part.status, part.page],
        api_name=name,
        concurrency_id="model",
        concurrency_limit=1,
        show_progress="hidden",
    )
    part.cancel.click(shared.stop, None, part.status, queue=False, cancels=[asking], api_visibility="private")


def _generation_part(limits: Limits) -> tuple[Any, Any]:
    with gr.Accordion("Generation", open=False):
        count = gr.Slider(1, limits.new_tokens, value=min(20, limits.new_tokens), step=1, label="new tokens, at most")
        penalty = gr.Slider(1.0, 2.0, value=1.0, step=0.05, label="repetition penalty")
    return count, penalty


def _method_part(default: str = DEFAULT_METHOD) -> tuple[Any, Any]:
    method = gr.Dropdown(choices.method_names(), value=default, label="method")
    with gr.Accordion("Settings of the method", open=False):
        table = gr.Dataframe(
            choices.method_rows(default), headers=_HEAD, type="array", interactive=True, label="settings of the method"
        )
    method.change(choices.method_rows, method, table, api_visibility="private", queue=False)
    return method, table


def _methods_part(default: list[str], limits: Limits) -> Any:
    return gr.Dropdown(
        choices.method_names(), value=default, multiselect=True, label="methods", max_choices=limits.methods
    )


def _target_part(*, contrastive: bool) -> tuple[Any, Any]:
    default = choices.DEFAULT_CONTRAST if contrastive else choices.DEFAULT_TARGET
    target = gr.Dropdown(choices.target_names(contrastive=contrastive), value=default, label="target function")
    with gr.Accordion("Settings of the target function", open=False):
        table = gr.Dataframe(
            choices.target_rows(default), headers=_HEAD, type="array", interactive=True, label="settings of the target"
        )
    target.change(choices.target_rows, target, table, api_visibility="private", queue=False)
    return target, table


def _settings(method: str, rows: Any, target: str, target_rows: Any) -> dict[str, Any]:
    return {
        "method_settings": choices.changed(rows, choices.method_rows(method), method),
        "target_settings": choices.changed(target_rows, choices.target_rows(target), target),
    }


def _refused(error: WherefromError) -> Iterator[tuple[str, str]]:
    yield frames.status(Failed(why=str(error))), ""


# tabs


def _attribute_tab(shared: Playground) -> None:
    kind = gr.Radio(["text", "chat"], value="text", label="input is")
    text = gr.Textbox(
        EXAMPLES.get(shared.name, EXAMPLE),
        lines=4,
        label="input",
        info="A chat: lines beginning with user:, assistant:, system:",
    )
    output = gr.Textbox("", label="output to explain", info=f"Empty: the model writes it. {JOINED}")
    with gr.Row():
        with gr.Column():
            method, rows = _method_part()
        with gr.Column():
            target, target_rows = _target_part(contrastive=False)
    count, penalty = _generation_part(shared.limits)
    part = _answer_part("Attribute")

    def task(
        kind: str,
        text: str,
        output: str,
        method: str,
        rows: Any,
        target: str,
        target_rows: Any,
        count: float,
        penalty: float,
        request: gr.Request,
    ) -> Iterator[tuple[str, str]]:
        try:
            question = Asked(
                text=text,
                kind=kind,
                output=output,
                target=target,
                generation=_generation(count, penalty),
                **_settings(method, rows, target, target_rows),
            )
            question.check(shared.limits, [method])
        except WherefromError as error:
            yield from _refused(error)
            return

        def shown(model: AttributionModel, progress: Progress) -> str:
            check_passes(model, question, [method], shared.limits)
            return frames.result_frame(shared.keeper.keep(explained(model, question, method, progress), "attribute"))

        yield from shared.answer(request, shown)

    _connect(shared, part, task, [kind, text, output, method, rows, target, target_rows, count, penalty], "attribute")


def _contrast_tab(shared: Playground) -> None:
    gr.Markdown("Why this output, and not another one?")
    text = gr.Textbox("George was sick yesterday. His colleagues asked him to", lines=3, label="input")
    with gr.Row():
        output = gr.Textbox("come to the hospital.", label="output", info=JOINED)
        contrast = gr.Textbox("come to the office.", label="and not", info=JOINED)
    with gr.Row():
        with gr.Column():
            method, rows = _method_part("input_x_gradient")
        with gr.Column():
            target, target_rows = _target_part(contrastive=True)
    part = _answer_part("Contrast")

    def task(
        text: str,
        output: str,
        contrast: str,
        method: str,
        rows: Any,
        target: str,
        target_rows: Any,
        request: gr.Request,
    ) -> Iterator[tuple[str, str]]:
        try:
            if not contrast.strip() or not output.strip():
                raise InputError("Write both: the output, and what it is compared with.")
            question = Asked(
                text=text,
                output=output,
                contrast=contrast,
                target=target,
                **_settings(method, rows, target, target_rows),
            )
            question.check(shared.limits, [method])
        except WherefromError as error:
            yield from _refused(error)
            return

        def shown(model: AttributionModel, progress: Progress) -> str:
            check_passes(model, question, [method], shared.limits)
            return frames.result_frame(shared.keeper.keep(explained(model, question, method, progress), "contrast"))

        yield from shared.answer(request, shown)

    _connect(shared, part, task, [text, output, contrast, method, rows, target, target_rows], "contrast")


def _compare_tab(shared: Playground) -> None:
    gr.Markdown("The same question put to several methods, each with its usual settings.")
    text = gr.Textbox(EXAMPLES.get(shared.name, EXAMPLE), lines=3, label="input")
    output = gr.Textbox("", label="output to explain", info=f"Empty: the model writes it. {JOINED}")
    methods = _methods_part(["input_x_gradient", "occlusion"], shared.limits)
    target, target_rows = _target_part(contrastive=False)
    count, penalty = _generation_part(shared.limits)
    part = _answer_part("Compare")

    def task(
        text: str,
        output: str,
        methods: list[str],
        target: str,
        target_rows: Any,
        count: float,
        penalty: float,
        request: gr.Request,
    ) -> Iterator[tuple[str, str]]:
        try:
            shared.limits.check_methods(methods, least=2)
            question = Asked(
                text=text,
                output=output,
                target=target,
                generation=_generation(count, penalty),
                target_settings=choices.changed(target_rows, choices.target_rows(target), target),
            )
            question.check(shared.limits, methods)
        except WherefromError as error:
            yield from _refused(error)
            return

        def compared(model: AttributionModel, progress: Progress) -> str:
            check_passes(model, question, methods, shared.limits)
            results = explained_by_all(model, question, methods, progress)
            return frames.result_frame(*(shared.keeper.keep(one, "compare") for one in results), view="compare")

        yield from shared.answer(request, compared)

    _connect(shared, part, task, [text, output, methods, target, target_rows, count, penalty], "compare")


def _context_tab(shared: Playground) -> None:
    gr.Markdown("Which words of the output depend on the context, and on what of it?")
    context = gr.Textbox(
        "George was sick yesterday.",
        lines=4,
        label="context",
        info="Documents are parted by lines of ---; then each sentence of the output cites those that support it.",
    )
    text = gr.Textbox("His colleagues asked him to come", lines=2, label="input")
    output = gr.Textbox("", label="output to explain", info=f"Empty: the model writes it. {JOINED}")
    method = gr.Dropdown(choices.method_names(), value=DEFAULT_METHOD, label="method")
    count, penalty = _generation_part(shared.limits)
    part = _answer_part("Attribute to the context")

    def task(
        context: str, text: str, output: str, method: str, count: float, penalty: float, request: gr.Request
    ) -> Iterator[tuple[str, str]]:
        try:
            question = Asked(text=text, output=output, generation=_generation(count, penalty))
            question.check(shared.limits, [method])
            shared.limits.check_texts(context, text, output)
        except WherefromError as error:
            yield from _refused(error)
            return

        def shown(model: AttributionModel, progress: Progress) -> str:
            check_context_passes(model, question, context, method, shared.limits)
            out = explained_context(model, question, context, method, progress)
            shared.keeper.keep_context(out)
            return frames.context_frame(out)

        yield from shared.answer(request, shown)

    _connect(shared, part, task, [context, text, output, method, count, penalty], "context")


def _evaluate_tab(shared: Playground) -> None:
    gr.Markdown(
        "Are scores true to the model? Each method is held against what the model does without the tokens it names, "
        "beside random orders, recency and leave-one-out."
    )
    text = gr.Textbox(EXAMPLES.get(shared.name, EXAMPLE), lines=3, label="input")
    output = gr.Textbox("", label="output to explain", info=f"Empty: the model writes it. {JOINED}")
    with gr.Row():
        methods = _methods_part(["input_x_gradient", DEFAULT_METHOD], shared.limits)
        metrics = gr.Dropdown(
            choices.metric_names(), value=list(choices.DEFAULT_METRICS), multiselect=True, label="metrics"
        )
    with gr.Row():
        removals = gr.CheckboxGroup(
            list(choices.REMOVALS), value=list(choices.REMOVALS), label="units are taken away by", info="Better by two."
        )
        units = gr.Dropdown(list(get_args(Units)), value="token", label="units")
    count, penalty = _generation_part(shared.limits)
    part = _answer_part("Evaluate")

    def task(
        text: str,
        output: str,
        methods: list[str],
        metrics: list[str],
        removals: list[str],
        units: Units,
        count: float,
        penalty: float,
        request: gr.Request,
    ) -> Iterator[tuple[str, str]]:
        try:
            shared.limits.check_methods(methods, least=1)
            measured = Measured(metrics=metrics, removals=removals, units=units)
            measured.check()
            question = Asked(text=text, output=output, generation=_generation(count, penalty))
            question.check(shared.limits, methods)
        except WherefromError as error:
            yield from _refused(error)
            return

        def shown(model: AttributionModel, progress: Progress) -> str:
            check_passes(model, question, methods, shared.limits)
            check_evaluation_passes(model, question, methods, measured, shared.limits)
            results = explained_by_all(model, question, methods, progress)
            found = evaluated(model, results, measured, shared.limits, progress)
            for one in results:
                shared.keeper.keep(one, "evaluate")
            shared.keeper.keep_evaluation(found)
            return frames.evaluation_frame(found)

        yield from shared.answer(request, shown, more=shared.limits.evaluation_passes)

    _connect(shared, part, task, [text, output, methods, metrics, removals, units, count, penalty], "evaluate")


def _runs_tab(shared: Playground, page: gr.Blocks) -> None:
    gr.Markdown(
        f"Every answer is kept, and every visitor can read it here. `{shared.keeper.command}` opens them in a terminal."
    )
    kept = gr.Dropdown([], value=None, allow_custom_value=True, label="kept results, the latest first")
    with gr.Row():
        look = gr.Button("Show", variant="primary")
        again = gr.Button("Look again")
    status = gr.HTML("")
    shown = gr.HTML("")

    def listed() -> Any:
        lines = shared.keeper.lines()
        named = [(f"{one.id} · {one.prompt[-40:]} → {one.output[:40]}", one.id) for one in lines]
        return gr.Dropdown(choices=named, value=lines[0].id if lines else None)

    def show(id: str | None) -> tuple[str, str]:
        try:
            if not id:
                raise InputError("Nothing is kept yet. Ask something, then look again.")
            return "", frames.result_frame(shared.keeper.load(id))
        except WherefromError as error:
            return frames.status(Failed(why=str(error))), ""

    again.click(listed, None, kept, api_visibility="private")
    page.load(listed, None, kept, api_visibility="private")
    look.click(show, kept, [status, shown], api_name="show")


def _generation(count: float, penalty: float) -> Generation:
    return Generation(max_new_tokens=int(count), repetition_penalty=float(penalty))


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~" else letter for letter in text)


__all__ = ["LOOPBACK", "USER", "build", "serve"]
