"""Options of attribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherefrom.inseq.utils.argparse import cli_arg
from wherefrom.inseq.utils.torch_utils import get_default_device


@dataclass
class AttributeBaseArgs:
    """Model, method, and how scores are aggregated."""

    model_name_or_path: str = cli_arg(default=None, aliases=["-m"], help="hub id or path of the model")
    attribution_method: str | None = cli_arg(default="saliency", aliases=["-a"], help="identifier of the method")
    device: str = cli_arg(default=get_default_device(), aliases=["--dev"], help="where to compute")
    attributed_fn: str | None = cli_arg(default=None, aliases=["-fn"], help="target function (probability)")
    attribution_selectors: list[int] | None = cli_arg(default=None, help="entries to pick, one per aggregator")
    attribution_aggregators: list[str] = cli_arg(default=None, help="aggregators, applied before scores are used")
    normalize_attributions: bool = cli_arg(default=False, help="should scores of a step sum to 1?")
    rescale_attributions: bool = cli_arg(default=False, help="should the largest score be 1?")
    model_kwargs: dict = cli_arg(default_factory=dict, help="JSON: for loading the model")  # type: ignore[type-arg]
    tokenizer_kwargs: dict = cli_arg(default_factory=dict, help="JSON: for the tokenizer")  # type: ignore[type-arg]
    generation_kwargs: dict = cli_arg(default_factory=dict, help="JSON: for generation")  # type: ignore[type-arg]
    attribution_kwargs: dict = cli_arg(default_factory=dict, help="JSON: for attribute")  # type: ignore[type-arg]

    def loading(self) -> dict[str, Any]:
        """Arguments of `load_model` beside the model's name."""
        return {
            "device": self.device,
            "model_kwargs": self.model_kwargs,
            "tokenizer_kwargs": self.tokenizer_kwargs,
        }


@dataclass
class AttributeExtendedArgs(AttributeBaseArgs):
    """What is attributed, and what becomes of it."""

    attribute_target: bool = cli_arg(default=False, help="attribute the target's prefix as well?")
    generate_from_target_prefix: bool = cli_arg(default=False, help="are the generated texts beginnings?")
    step_scores: list[str] = cli_arg(default_factory=list, help="scores to add for each step")
    output_step_attributions: bool = cli_arg(default=False, help="keep the records of steps?")
    include_eos_baseline: bool = cli_arg(default=False, aliases=["--eos"], help="replace the end token in baselines?")
    batch_size: int = cli_arg(default=8, aliases=["-bs"], help="examples at once")
    aggregate_output: bool = cli_arg(default=False, help="aggregate before saving?")
    hide_attributions: bool = cli_arg(default=False, aliases=["--hide"], help="print nothing?")
    save_path: str | None = cli_arg(default=None, aliases=["-o"], help="file for the scores")
    viz_path: str | None = cli_arg(default=None, help="file for a page")
    start_pos: int | None = cli_arg(default=None, aliases=["-s"], help="first target position")
    end_pos: int | None = cli_arg(default=None, aliases=["-e"], help="last target position, exclusive")
    verbose: bool = cli_arg(default=False, aliases=["-v"], help="say more?")
    very_verbose: bool = cli_arg(default=False, aliases=["-vv"], help="say everything?")
    do_prefix_attribution: bool = cli_arg(default=False, help="the old name of --attribute_target")


@dataclass
class AttributeWithInputsArgs(AttributeExtendedArgs):
    """Texts, as well."""

    input_texts: list[str] = cli_arg(default=None, aliases=["-i"], help="texts", metadata={"required": True})
    generated_texts: list[str] | None = cli_arg(default=None, aliases=["-g"], help="outputs to explain")
