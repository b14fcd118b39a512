"""Options of context attribution."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wherefrom.errors import InputError
from wherefrom.inseq.commands.attribute.attribute_args import AttributeBaseArgs
from wherefrom.inseq.utils.argparse import cli_arg


class HandleOutputContextSetting(Enum):
    """What is done about an output context that is not given."""

    MANUAL = "manual"
    AUTO = "auto"
    PRE = "pre"


@dataclass
class AttributeContextInputArgs:
    """Texts and their templates."""

    input_current_text: str = cli_arg(default="", help="the text in question")
    input_context_text: str | None = cli_arg(default=None, help="its context")
    input_template: str | None = cli_arg(default=None, help="how both are read")
    output_context_text: str | None = cli_arg(default=None, help="what was said before the output")
    output_current_text: str | None = cli_arg(default=None, help="the output to explain")
    output_template: str | None = cli_arg(default=None, help="how both are said")
    contextless_input_current_text: str | None = cli_arg(default=None, help="template of the input without context")
    contextless_output_current_text: str | None = cli_arg(default=None, help="template of the output without context")


@dataclass
class AttributeContextMethodArgs(AttributeBaseArgs):
    """How tokens are selected and explained."""

    context_sensitivity_metric: str = cli_arg(default="kl_divergence", help="a contrastive step function")
    handle_output_context_strategy: str = cli_arg(
        default="manual", choices=[one.value for one in HandleOutputContextSetting], help="output context not given"
    )
    contextless_output_next_tokens: list[str] = cli_arg(default_factory=list, help="what would be said without context")
    prompt_user_for_contextless_output_next_tokens: bool = cli_arg(default=False, help="ask for these?")
    special_tokens_to_keep: list[str] = cli_arg(default_factory=list, help="special tokens listed like others")
    decoder_input_output_separator: str = cli_arg(default=" ", help="decoder-only: between input and output")
    context_sensitivity_std_threshold: float = cli_arg(default=1.0, help="standard deviations above the mean")
    context_sensitivity_topk: int | None = cli_arg(default=None, help="at most so many tokens")
    attribution_std_threshold: float = cli_arg(default=1.0, help="show cues so many deviations above the mean")
    attribution_topk: int | None = cli_arg(default=None, help="show at most so many cues")


@dataclass
class AttributeContextOutputArgs:
    """What becomes of it."""

    show_intermediate_outputs: bool = cli_arg(default=False, help="say what was compared?")
    save_path: str | None = cli_arg(default=None, aliases=["-o"], help="file for the result")
    add_output_info: bool = cli_arg(default=True, help="save the options, too?")
    viz_path: str | None = cli_arg(default=None, help="file for a page")
    show_viz: bool = cli_arg(default=True, help="print the result?")


@dataclass
class AttributeContextArgs(AttributeContextInputArgs, AttributeContextMethodArgs, AttributeContextOutputArgs):
    """All of them."""

    def __post_init__(self) -> None:
        if not str(self.input_current_text).strip():
            raise InputError("input_current_text is empty: give the text that the context belongs to.")
        for template, context in (
            (self.input_template, self.input_context_text),
            (self.output_template, self.output_context_text),
        ):
            if template is not None and "{current}" not in template:
                raise InputError(f"The template {template!r} has no {{current}}: say where the text goes.")
            if template is not None and "{context}" in template and context is None and template is self.input_template:
                raise InputError(f"The template {template!r} has a {{context}}, but no context text is given.")

    @classmethod
    def _to_dict(cls, val: Any) -> Any:
        if isinstance(val, dict):
            return {key: cls._to_dict(one) for key, one in val.items()}
        if isinstance(val, list | tuple):
            return [cls._to_dict(one) for one in val]
        return val if val is None or isinstance(val, str | int | float | bool) else str(type(val).__name__)

    def to_dict(self) -> dict[str, Any]:
        """Options as JSON values."""
        return {one.name: self._to_dict(getattr(self, one.name)) for one in dataclasses.fields(self)}
