"""What a project's configuration may decide, and whose file it may be.

Whoever stands in a folder has not agreed to run what lies in it: it may be a cloned repository, an unpacked data set or
a folder that others write to. A ``wherefrom.toml`` that was merely found therefore sets only what changes numbers and
how they are shown. What imports code, loads files of the folder, writes or connects comes from somebody who was asked:
the command line, the environment, a file named by ``--config-file``, or the user's own file.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.files.user_places import home_folder
from wherefrom.methods.harmless import reaches_out

PROJECT_FILE = "wherefrom.toml"

HARMLESS = frozenset(
    {
        # which model (of the hub, or a demo), where, and how it is asked
        "model", "device", "dtype", "method", "attribution_kwargs", "include_eos_baseline", "keep_special",
        "attribute_target", "do_prefix_attribution", "attributed_fn", "step_scores", "start_pos", "end_pos",
        "generation_kwargs", "max_new_tokens", "generate_from_target_prefix", "skip_special_tokens",
        "budget", "units", "baseline", "n_masks", "alpha", "held_out", "hops", "leave_out", "signed",
        "clean_special_chars", "batch_size", "seed", "limit", "dry_run", "output_step_attributions", "methods",
        # what is evaluated
        "check", "metrics", "removals", "outputs", "draws", "extremes", "no_curves", "truths",
        # columns, and parts of the data
        "input_field", "output_field", "id_field", "contrast_field", "annotations", "split", "shard", "example",
        "steps",
        # texts and templates of contexts
        "input_current_text", "input_context_text", "input_template", "output_current_text", "output_context_text",
        "output_template", "contextless_input_current_text", "contextless_output_current_text", "document_template",
        "document_separator", "handle_output_context_strategy", "contextless_output_next_tokens",
        "prompt_user_for_contextless_output_next_tokens", "special_tokens_to_keep", "decoder_input_output_separator",
        "context_sensitivity_metric", "context_sensitivity_std_threshold", "context_sensitivity_topk", "fpr",
        "null_draws", "attribution_std_threshold", "attribution_topk", "support_unit",
        "support_threshold", "support_level", "document_placement", "as_chat", "fail_unsupported", "add_output_info",
        "show_intermediate_outputs", "input_text", "different_texts",
        # reduction
        "attribution_aggregators", "attribution_selectors", "normalize_attributions", "rescale_attributions",
        "aggregate_output", "aggregator", "normalize", "raw", "scores_precision",
        # what is printed
        "json", "jsonl", "view", "hide_attributions", "show_viz", "show", "names", "bibtex", "as_config", "quick",
        "quiet", "verbose", "very_verbose", "color", "no_input",
    }
)  # fmt: skip
"""Options that a project file may set; every other one, also one that is added later, is refused."""

HARMLESS_GENERATION = frozenset(
    {
        "max_new_tokens", "min_new_tokens", "max_length", "min_length", "num_beams", "num_return_sequences",
        "do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff",
        "repetition_penalty", "encoder_repetition_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
        "length_penalty", "early_stopping", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
        "forced_bos_token_id", "forced_eos_token_id", "bos_token_id", "eos_token_id", "pad_token_id",
        "decoder_start_token_id", "stop_strings", "guidance_scale",
    }
)  # fmt: skip
"""Arguments of generation that a project file may set: numbers and texts. Others load code (``custom_generate``)."""

_TEXTS = frozenset(
    {"input_current_text", "input_context_text", "output_current_text", "output_context_text", "input_text"}
)
"""Options whose ``@FILE`` and ``-`` stand for a text elsewhere."""

_ADVICE = "Give it on the command line, as a variable, in your own config.toml, or name the file: --config-file {}"


def project_file() -> Path | None:
    """The nearest `PROJECT_FILE` that may be believed, from this folder upwards.

    The search ends at the root of a repository, at the home folder, at a folder of somebody else and at a file that
    somebody else owns or may write.
    """
    for folder in _own_folders(Path.cwd()):
        path = folder / PROJECT_FILE
        if os.path.lexists(path):
            return path if is_own(path) and path.is_file() else None
    return None


def distrusted_file() -> Path | None:
    """A `PROJECT_FILE` in this folder that is not read because of its owner or its permissions, for telling so."""
    path = Path.cwd() / PROJECT_FILE
    return path if os.path.lexists(path) and not (is_own(path) and is_own(path.parent)) else None


def is_own(path: Path) -> bool:
    """Does it belong to the user, link and target both, and can nobody else write a file of that name?

    A folder may be writable by others; a file may not.
    """
    try:
        entries = [path.lstat(), path.stat()]
    except OSError:
        return False
    if not hasattr(os, "geteuid"):
        return True  # no such owners here
    loose = any(stat.S_ISREG(entry.st_mode) and entry.st_mode & stat.S_IWOTH for entry in entries)
    return not loose and all(entry.st_uid == os.geteuid() for entry in entries)


def _own_folders(folder: Path) -> Iterator[Path]:
    """The folder and those above, as far as a project reaches."""
    home = home_folder()
    for above in (folder, *folder.parents):
        if not is_own(above):
            return
        yield above
        if os.path.lexists(above / ".git") or above == home:
            return


def check_project_value(path: Path, name: str, option: str, value: Any) -> None:
    """Raise: UsageError: A project file may not set the option (its name in the namespace), or not to that value."""
    if option not in HARMLESS:
        raise UsageError(
            f"{path}: a project's file may not set {name!r}: it can run code, load, write or connect.\n"
            + _ADVICE.format(shlex.quote(str(path)))
        )
    if option in _TEXTS:
        from wherefrom_cli.texts import names_texts  # with all that reads texts: only where it is asked for

        if names_texts(str(value)):
            raise UsageError(
                f"{path}: a project's file may not name a file of texts ({name} = {value!r}), only write texts out.\n"
                + _ADVICE.format(shlex.quote(str(path)))
            )
    if option == "model" and names_a_place(str(value)):
        raise UsageError(
            f"{path}: a project's file may not name a folder as the model ({value!r}), only a model of the hub or a "
            "demo.\n" + _ADVICE.format(shlex.quote(str(path)))
        )
    if option == "attribution_kwargs":
        _check_settings(path, name, value if isinstance(value, Mapping) else {})
    if option == "methods":
        from wherefrom.evaluation.bench.specs import parts_of_spec  # with all of the bench: only where it is asked for

        for spec in value if isinstance(value, list) else [value]:
            _check_settings(path, name, parts_of_spec(str(spec))[1])
    if option == "generation_kwargs" and isinstance(value, Mapping):
        for argument in value:
            if argument not in HARMLESS_GENERATION:
                raise UsageError(
                    f"{path}: a project's file may not set the argument {argument!r} in {name!r}: it could load code.\n"
                    + _ADVICE.format(shlex.quote(str(path)))
                )


def _check_settings(path: Path, name: str, settings: Mapping[str, Any]) -> None:
    for setting, value in settings.items():
        if reaches_out(setting, value):
            raise UsageError(
                f"{path}: a project's file may not set {setting!r} in {name!r} to {value!r}: it could name a place to "
                "write, a file or a model to load.\n" + _ADVICE.format(shlex.quote(str(path)))
            )


def names_a_place(model: str) -> bool:
    """Is it a path, or the name of something in this folder?"""
    from wherefrom.results.publishing import is_place  # with NumPy: only where it is asked for

    return is_place(model) or model.startswith((".", "/", "~")) or os.path.lexists(model)
