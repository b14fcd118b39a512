"""What a command line asks of a model, as values that can be printed, stored and sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import wherefrom
from attrs import asdict, field, frozen
from wherefrom.errors import UsageError
from wherefrom.files import fingerprint_of
from wherefrom.files.named import files_held
from wherefrom.methods.contract import METHODS
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom.results.aggregation import outstanding
from wherefrom.results.provenance import Provenance
from wherefrom.results.secrets import without_secrets
from wherefrom.step_functions.base import STEP_FUNCTIONS

from wherefrom_cli.dataset.identity import with_contents
from wherefrom_cli.method_settings import addressed, typed_settings
from wherefrom_cli.parser import OptionGroup, Options, json_object, positive_number, setting, whole_number
from wherefrom_cli.plugins import add_plugin_option, load_plugins, plugin_contents
from wherefrom_cli.trust import HARMLESS_GENERATION

if TYPE_CHECKING:
    from wherefrom import Attribution, AttributionModel, Attributions

DEFAULT_MODEL = "demo:lm"


@frozen(kw_only=True)
class ModelRequest:
    """Which model, and how to load it."""

    name: str
    framework: str = "hf_transformers"
    device: str | None = None
    dtype: str | None = None
    tokenizer: str | None = None
    """Name or path of one that is not the model's own."""
    model_kwargs: Mapping[str, Any] = field(factory=dict)
    tokenizer_kwargs: Mapping[str, Any] = field(factory=dict)
    plugins: tuple[str, ...] = ()
    """Modules to import first, for what they register."""

    def load(self) -> AttributionModel:
        """The model, ready to answer.

        Raises:
            ModelLoadError: It is not there or cannot be loaded.
        """
        load_plugins(self.plugins)
        model_kwargs = dict(self.model_kwargs)
        if self.dtype is not None:
            model_kwargs["dtype"] = self.dtype
        return wherefrom.load_model(
            self.name,
            framework=self.framework,
            device=self.device,
            tokenizer=self.tokenizer,
            model_kwargs=model_kwargs or None,
            tokenizer_kwargs=dict(self.tokenizer_kwargs) or None,
        )

    def recorded(self, made: Provenance) -> Provenance:
        """The provenance with what the model was loaded with, beside what its card tells; secrets are left out."""
        loaded = {**self._loaded_with(), "tokenizer": self.tokenizer}
        model = {**made.model, **{name: one for name, one in loaded.items() if one}}
        return msgspec.structs.replace(made, model=model)

    def told(self) -> dict[str, Any]:
        """Its fields as plain values, for a run's manifest or a plan; secrets are left out."""
        return {**asdict(self), **self._loaded_with()}

    def _loaded_with(self) -> dict[str, dict[str, Any]]:
        given = {"model_kwargs": self.model_kwargs, "tokenizer_kwargs": self.tokenizer_kwargs}
        return {name: without_secrets(one) for name, one in given.items()}

    def identity(self) -> dict[str, Any]:
        """What tells one model from another: a hub name, or what local files and folders hold, of which every byte is
        read; device left out."""
        plugins = plugin_contents(self.plugins)
        return {
            "name": _held(self.name),
            "framework": self.framework,
            "dtype": self.dtype,
            **({"tokenizer": _held(self.tokenizer)} if self.tokenizer else {}),
            **{name: with_contents(one) for name, one in self._loaded_with().items()},
            **({"plugins": plugins} if plugins else {}),
        }


def _held(name: str) -> str:
    """A hub name, or what the files of a local folder hold."""
    folder = Path(name)
    return fingerprint_of({"files": files_held(folder)}) if folder.is_dir() else name


@frozen(kw_only=True)
class AttributionRequest:
    """How to attribute: everything but the texts. Fields are parameters of `AttributionModel.attribute`."""

    method: str = DEFAULT_METHOD
    attributed_fn: str | None = None
    step_scores: tuple[str, ...] = ()
    attr_pos_start: int | None = None
    attr_pos_end: int | None = None
    attribute_target: bool | None = None
    include_eos_baseline: bool = False
    keep_special: bool = True
    generate_from_target_prefix: bool = False
    skip_special_tokens: bool = False
    clean_special_chars: bool = False
    batch_size: int | None = None
    seed: int = 0
    check: bool = False
    generation_args: Mapping[str, Any] = field(factory=dict)
    settings: Mapping[str, Any] = field(factory=dict)
    """Settings of the method, the target function and the step functions, dealt out by name."""

    def check_names(self) -> None:
        """Look names up before a model is loaded, which takes long.

        Names with a colon (``captum:Saliency``) are an adapter's own and are not looked up here.

        Raises:
            UnknownNameError: A method or step function is not registered; the nearest is suggested.
        """
        if ":" not in self.method:
            METHODS.get(self.method)
        for name in (self.attributed_fn, *self.step_scores):
            if name is not None and ":" not in name:
                STEP_FUNCTIONS.get(name)

    def identity(self) -> dict[str, Any]:
        """What decides the numbers, as plain values: local files and folders that settings name by what they hold."""
        told = {name: value for name, value in asdict(self).items() if value or name != "check"}
        return {
            **told,
            "settings": with_contents(self.settings),
            "generation_args": with_contents(self.generation_args, HARMLESS_GENERATION),
        }

    def keywords(self) -> dict[str, Any]:
        """Keyword arguments of `AttributionModel.attribute`."""
        keywords = asdict(self, recurse=False)
        settings = dict(keywords.pop("settings"))
        keywords["step_scores"] = list(self.step_scores)
        keywords["generation_args"] = dict(self.generation_args) or None
        keywords["method"], settings = addressed(self.method, settings, wherefrom.AttributionModel.attribute)
        return {**keywords, **settings}

    def question(self) -> dict[str, Any]:
        """Those of `keywords` that say what is asked, not how: arguments of `AttributionModel.cost`."""
        how = ("batch_size", "generation_args", "generate_from_target_prefix", "clean_special_chars")
        return {name: value for name, value in self.keywords().items() if name not in how}


@frozen(kw_only=True)
class Reduction:
    """How scores are made smaller before they are saved or shown.

    With selectors there is one pass per aggregator, each with its own ``select_idx``; without, the aggregators form
    one pipeline.
    """

    aggregators: tuple[str, ...] = ()
    selectors: tuple[int, ...] = ()
    normalize: bool = False
    rescale: bool = False
    default: bool = False
    """Apply what the aggregators leave of the method's own default aggregation; all of it where none is named."""

    def __attrs_post_init__(self) -> None:
        if self.selectors and len(self.selectors) != len(self.aggregators):
            raise UsageError(
                f"--attribution-selectors has {len(self.selectors)} values for {len(self.aggregators)} aggregators.\n"
                "Give one selector per aggregator, in the same order."
            )
        if self.normalize and self.rescale:
            raise UsageError("--normalize-attributions and --rescale-attributions exclude each other.\nChoose one.")

    @property
    def asks(self) -> bool:
        """Is anything reduced?"""
        return bool(self.aggregators or self.normalize or self.rescale or self.default)

    def as_info(self) -> dict[str, Any]:
        """What was asked, by the names of the command's options; nothing of what was not."""
        asked = {
            "attribution_aggregators": list(self.aggregators),
            "attribution_selectors": list(self.selectors),
            "normalize_attributions": self.normalize,
            "rescale_attributions": self.rescale,
            "aggregate_output": self.default,
        }
        return {name: value for name, value in asked.items() if value}

    def apply(self, out: Attributions) -> Attributions:
        """``out`` reduced as asked; unchanged if nothing was asked."""
        return out.replace(sequence_attributions=tuple(self.reduced(one) for one in out))

    def reduced(self, one: Attribution) -> Attribution:
        """One example reduced as asked; unchanged if nothing was asked."""
        if self.selectors:
            for name, index in zip(self.aggregators, self.selectors, strict=True):
                one = one.aggregate(name, select_idx=index, normalize=False)
        elif self.aggregators:
            for name in self.aggregators:
                one = one.aggregate(name, normalize=False) if _takes_normalize(name) else one.aggregate(name)
        elif self.normalize or self.rescale:
            one = self._by_default(one)
        if self.default:
            one = self._by_default(one)
        if self.normalize:
            one = one.aggregate("normalize")
        if self.rescale:
            one = one.aggregate("rescale")
        return one

    def _by_default(self, one: Attribution) -> Attribution:
        """What is outstanding of the default aggregation applied; what is rescaled is not normalised step by step."""
        left_out = "normalize" if self.rescale else None
        return one.aggregate([stage for stage in outstanding(one) if stage.name != left_out])


def _takes_normalize(name: str) -> bool:
    """Is ``name`` the aggregator over a score dimension, or a function that stands for it?"""
    return name == "scores" or name not in wherefrom.list_aggregators()


def add_model_options(group: OptionGroup, default: str = "") -> None:
    """Which model, on which device.

    Args:
        default: In words, the model that is taken where none is named; empty: one has to be.
    """
    group.add(
        "-m",
        "--model",
        "--model-name-or-path",
        dest="model",
        metavar="NAME",
        help="a hub name, a local folder, demo:lm or demo:mt" + (f" (default: {default})" if default else ""),
    )
    group.add("--device", "--dev", metavar="DEVICE", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    group.add("--dtype", metavar="DTYPE", help="float32, bfloat16, float16 (default: the one it is stored in)")
    group.add(
        "--framework",
        metavar="NAME",
        default="hf_transformers",
        help="which adapter loads the model (`wherefrom list adapters`)",
    )
    group.add("--tokenizer", metavar="NAME", help="hub name or folder of a tokenizer (default: the model's own)")
    group.add(
        "--model-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="more arguments for loading the model",
    )
    group.add(
        "--tokenizer-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="more arguments for loading the tokenizer",
    )
    add_plugin_option(group)


def add_method_options(group: OptionGroup) -> None:
    """Which method, with which settings."""
    group.add(
        "-a",
        "--attribution-method",
        "--method",
        dest="method",
        default=DEFAULT_METHOD,
        metavar="NAME",
        help=f"`wherefrom list methods` names them (default: {DEFAULT_METHOD})",
    )
    group.add(
        "--attribution-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="settings of method and target function, such as '{\"n_steps\": 50}'",
    )
    group.add(
        "--set",
        type=setting,
        action="append",
        default=[],
        dest="set",
        metavar="NAME=VALUE",
        help="one setting; may be repeated: --set n_steps=50 --set internal_batch_size=8",
    )
    group.add(
        "--budget",
        type=positive_number,
        metavar="N",
        help="forward passes at most, for methods that take text away: large units first, the strongest cut smaller",
    )
    group.add(
        "--units",
        metavar="UNIT",
        help="what such a method takes away and scores as one: token, word, sentence, turn, document, ...",
    )
    group.flag("--include-eos-baseline", "--eos", help="replace the end-of-sequence token in baselines too")
    group.flag(
        "--keep-special", default=True, help="leave special tokens as they are in baselines and removals (default: yes)"
    )
    group.flag("--attribute-target", default=None, help="attribute to the generated prefix too (default: yes)")
    group.flag("--do-prefix-attribution", default=None, help="old name of --attribute-target")


def add_target_options(group: OptionGroup) -> None:
    """What is explained, and what is scored."""
    group.add(
        "-fn",
        "--attributed-fn",
        metavar="NAME",
        help="target function (default: probability; `wherefrom list step-functions`)",
    )
    group.add(
        "--step-scores",
        nargs="+",
        default=[],
        metavar="NAME",
        help="step functions to evaluate at every step",
    )
    group.add(
        "-s",
        "--start-pos",
        "--attr-pos-start",
        dest="start_pos",
        type=whole_number,
        metavar="N",
        help="first output position to explain, a decoder-only model's prompt included; negative counts from the end",
    )
    group.add(
        "-e",
        "--end-pos",
        "--attr-pos-end",
        dest="end_pos",
        type=whole_number,
        metavar="N",
        help="output position to stop before",
    )


def add_generation_options(group: OptionGroup) -> None:
    """How the model generates where no target is given."""
    group.add(
        "--generation-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="arguments of generation, such as '{\"max_new_tokens\": 20}'",
    )
    group.add("--max-new-tokens", type=positive_number, metavar="N", help="generate at most N tokens")
    group.flag("--generate-from-target-prefix", help="encoder-decoder: the given targets are prefixes to continue")
    group.flag("--skip-special-tokens", help="leave special tokens out when encoding")
    group.flag("--clean-special-chars", help="show tokens as readable text instead of vocabulary pieces")


def add_reduction_options(group: OptionGroup, *, aggregate: bool = False) -> None:
    """How scores are reduced before they are saved."""
    group.add(
        "--attribution-aggregators",
        nargs="+",
        default=[],
        metavar="NAME",
        help="aggregators (`wherefrom list aggregators`) or functions (vnorm, absmax, ...) to apply before saving",
    )
    group.add(
        "--attribution-selectors",
        nargs="+",
        type=whole_number,
        default=[],
        metavar="N",
        help="one index per aggregator: take that slice instead of reducing",
    )
    group.flag("--normalize-attributions", help="make each step's scores sum to 1 in absolute value")
    group.flag("--rescale-attributions", help="divide by the largest absolute score")
    said = "default: yes; --no-aggregate-output keeps layers, heads and width" if aggregate else "default: no"
    group.flag("--aggregate-output", default=aggregate, help=f"save one number per cell, as it is shown ({said})")


def add_run_options(group: OptionGroup, *, batch_size: int | None) -> None:
    """How the work is done."""
    said = "all at once" if batch_size is None else str(batch_size)
    group.add(
        "-bs",
        "--batch-size",
        type=positive_number,
        default=batch_size,
        metavar="N",
        help=f"examples at once (default: {said})",
    )
    group.add("--seed", type=whole_number, default=0, metavar="N", help="seed of sampling (default: 0)")
    group.flag("--check", help="say of each step whether its scores can be told from chance (64 more passes)")
    group.add("--limit", type=positive_number, metavar="N", help="only the first N examples")
    group.add(
        "--dry-run",
        action="store_true",
        help="show resolved settings, tokens, passes and bytes; attribute nothing",
    )
    group.flag("--output-step-attributions", help="accepted for inseq's sake: every column of the scores is a step")


def model_request(options: Options, *, default: str | None = None) -> ModelRequest:
    """The model the options name.

    Raises:
        UsageError: They name none and there is no default.
    """
    load_plugins(options.plugin)
    name = options.model or default
    if name is None:
        raise UsageError("No model was named.\nAdd -m NAME: a hub name, a local folder, demo:lm or demo:mt.")
    return ModelRequest(
        name=name,
        framework=options.framework,
        device=options.device,
        dtype=options.dtype,
        tokenizer=options.tokenizer,
        model_kwargs=options.model_kwargs,
        tokenizer_kwargs=options.tokenizer_kwargs,
        plugins=tuple(options.plugin),
    )


def generation_args(options: Options) -> dict[str, Any]:
    """Arguments of generation: what stands on the command line before what a file or a variable sets.

    Raises:
        UsageError: Two options on the command line contradict each other.
    """
    given, most = dict(options.generation_kwargs), options.max_new_tokens
    if most is None:
        return given
    typed = options.typed_among({"generation_kwargs", "max_new_tokens"})
    if (other := given.get("max_new_tokens", most)) != most:
        if len(typed) == 2:
            raise UsageError(
                f"--max-new-tokens {most} and --generation-kwargs contradict each other, which says {other}.\n"
                "Give one of them."
            )
        if typed == ["--generation-kwargs"]:
            return given
    return {**given, "max_new_tokens": most}


def attribution_request(options: Options) -> AttributionRequest:
    """How the options want texts attributed."""
    load_plugins(options.plugin)
    target = options.do_prefix_attribution if options.attribute_target is None else options.attribute_target
    request = AttributionRequest(
        method=options.method,
        attributed_fn=options.attributed_fn,
        step_scores=tuple(options.step_scores),
        attr_pos_start=options.start_pos,
        attr_pos_end=options.end_pos,
        attribute_target=target,
        include_eos_baseline=options.include_eos_baseline,
        keep_special=options.keep_special,
        generate_from_target_prefix=options.generate_from_target_prefix,
        skip_special_tokens=options.skip_special_tokens,
        clean_special_chars=options.clean_special_chars,
        batch_size=options.batch_size,
        seed=options.seed,
        check=bool(options.check),
        generation_args=generation_args(options),
        settings=typed_settings(options, wherefrom.AttributionModel.attribute),
    )
    request.check_names()
    return request


def reduction(options: Options) -> Reduction:
    """How the options want scores reduced."""
    return Reduction(
        aggregators=tuple(options.attribution_aggregators),
        selectors=tuple(options.attribution_selectors),
        normalize=options.normalize_attributions,
        rescale=options.rescale_attributions,
        default=options.aggregate_output,
    )
