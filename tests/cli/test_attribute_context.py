"""`wherefrom attribute-context` with the demo models."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom.context import ContextAttribution
from wherefrom_cli.asking import TerminalAsks, somebody
from wherefrom_cli.console import Console
from wherefrom_cli.documents import documents_in_file

Run = Callable[..., Any]
TEXTS = (
    "--input_current_text",
    "His colleagues asked him to come",
    "--input_context_text",
    "George was sick yesterday.",
)
DOCUMENTS = [
    {"text": "The weather was nice.", "id": "w"},
    {"text": "George was sick yesterday.", "id": "s", "title": "Sick note"},
]


def test_without_arguments_a_built_in_example_is_explained(wherefrom: Run) -> None:
    ran = wherefrom("attribute-context")
    assert ran.code == 0, ran.err
    assert "[hospital]" in ran.out
    assert "[sick]" in ran.out


def test_every_option_known_from_inseq_is_taken(wherefrom: Run, tmp_path: Path) -> None:
    ran = wherefrom(
        *("attribute-context", "--model_name_or_path", "demo:lm", "--attribution_method", "input_x_gradient"),
        *("--dev", "cpu", "--attributed_fn", "contrast_prob_diff", *TEXTS),
        *("--input_template", "{context} {current}", "--output_current_text", "to the hospital."),
        *("--output_template", "{current}", "--contextless_input_current_text", "{current}"),
        *("--contextless_output_current_text", "{current}", "--context_sensitivity_metric", "pcxmi"),
        *("--handle_output_context_strategy", "pre", "--contextless_output_next_tokens", "office"),
        *("--prompt_user_for_contextless_output_next_tokens", "no", "--special_tokens_to_keep", "<s>"),
        *("--decoder_input_output_separator", " ", "--context_sensitivity_std_threshold", "1"),
        *("--context_sensitivity_topk", "1", "--attribution_std_threshold", "1", "--attribution_topk", "1"),
        *("--show_intermediate_outputs", "--save_path", "out.json", "--add_output_info", "yes"),
        *("--viz_path", "out.html", "--show_viz", "False", "--attribution_aggregators", "vnorm"),
        *(
            "--model_kwargs",
            "{}",
            "--tokenizer_kwargs",
            "{}",
            "--generation_kwargs",
            "{}",
            "--attribution_kwargs",
            "{}",
        ),
    )
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert "without: 'to the office'" in ran.err
    out = ContextAttribution.load(tmp_path / "out.json")
    assert out.output_current_tokens[out.selected[0]] == "▁hospital"
    assert out.info["context_sensitivity_metric"] == "pcxmi"
    assert "hospital" in (tmp_path / "out.html").read_text()


def test_json_is_one_document(wherefrom: Run) -> None:
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "--json")
    read = ContextAttribution.from_dict(json.loads(ran.out))
    assert read.provenance is not None
    bare = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "-o", "-", "--no_add_output_info")
    assert json.loads(bare.out)["info"] == {}
    every = ("--attribution-std-threshold", "0", "--no_add_output_info")
    bare = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "-o", "-", *every)
    assert json.loads(bare.out)["info"] == {"attribution_std_threshold": 0.0}, "which cues count stays"


def test_documents_are_cited_and_the_gate_passes(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text("\n".join(json.dumps(one) for one in DOCUMENTS))
    ran = wherefrom(
        *("attribute-context", "-m", "demo:lm", "--documents", "docs.jsonl", *TEXTS[:2]),
        *("--output-current-text", "to the hospital.", "--citations", "cited.json", "--fail-unsupported"),
    )
    assert ran.code == 0, ran.err
    assert "to the hospital. [s]" in ran.out
    cited = json.loads((tmp_path / "cited.json").read_text())
    assert cited["sentences"][0]["citations"][0]["title"] == "Sick note"
    assert len(cited["support_nats"][0]) == 2


def test_a_sentence_without_support_fails_the_gate(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "docs.txt").write_text("The weather was nice.\nThe music was very loud.\n")
    ran = wherefrom(
        *("attribute-context", "-m", "demo:lm", "--documents", "docs.txt", *TEXTS[:2]),
        *("--output-current-text", "to the hospital.", "--fail-unsupported", "--citations", "-"),
    )
    assert ran.code == 6
    assert "unsupported: 'to the hospital.'" in ran.err
    assert json.loads(ran.out)["sentences"][0]["supported"] is False


def test_a_leading_newline_is_no_sentence_that_lacks_support(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text("\n".join(json.dumps(one) for one in DOCUMENTS))
    ran = wherefrom(
        *("attribute-context", "-m", "demo:lm", "--documents", "docs.jsonl", *TEXTS[:2]),
        *("--output-current-text", "\nto the hospital.", "--citations", "cited.json"),
    )
    assert ran.code == 0, ran.err
    (sentence,) = json.loads((tmp_path / "cited.json").read_text())["sentences"]
    assert sentence["text"].strip() == "to the hospital."


def test_the_permutation_test_takes_unrelated_contexts(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "null.txt").write_text("\n".join(f"The weather was nice {n} times." for n in range(19)))
    ran = wherefrom(
        "attribute-context", "-m", "demo:lm", *TEXTS, "--fpr", "0.05", "--null-contexts", "null.txt", "--json"
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["cci_scores"][0]["p_value"] == pytest.approx(0.05)


def test_null_contexts_beside_documents_are_documents(wherefrom: Run, tmp_path: Path) -> None:
    """Bare ones, such with a title, and lists of them are written by the template as the real one is."""
    real = {"text": "The weather was nice.", "title": "on a sick man"}
    (tmp_path / "docs.jsonl").write_text(json.dumps(real) + "\n")
    (tmp_path / "null.jsonl").write_text("\n".join(json.dumps(one) for one in (real["text"], real, [real])))
    asked = ("attribute-context", "-m", "demo:lm", *TEXTS[:2], "--output-current-text", "to the hospital.")
    more = ("--documents", "docs.jsonl", "--document-template", "Note {n} {title}: {text}", "--support-unit", "none")
    ran = wherefrom(*asked, *more, "--fpr", "0.25", "--null-contexts", "null.jsonl", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["cti_p_values"] == [1.0] * 4
    (tmp_path / "null.jsonl").write_text('"plain"\n["plain", {"id": 3}]\n')
    ran = wherefrom(*asked, *more, "--fpr", "0.25", "--null-contexts", "null.jsonl", "--json")
    assert ran.code == 2
    assert "Document 2 in null.jsonl has no text" in ran.err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("-m", "demo:lm", "--input_context_text", "x"), "No current text"),
        (("-m", "demo:lm", "--input_current_text", "x"), "no context"),
        (("-m", "gpt2"), "No text was given"),
        ((*TEXTS,), "No model was named"),
        (("-m", "demo:lm", *TEXTS, "--documents", "docs.txt"), "exclude each other"),
        (("-m", "demo:lm", "--input_current_text", "x", "--documents", "none.txt"), "no file"),
        (("-m", "demo:lm", *TEXTS, "-a", "salience"), "saliency"),
        (("-m", "demo:lm", *TEXTS, "--context_sensitivity_metric", "kl_divergense"), "kl_divergence"),
        (("-m", "demo:lm", *TEXTS, "--handle_output_context_strategy", "automatic"), "auto"),
        (("-m", "demo:lm", *TEXTS, "--json", "-o", "-"), "standard output"),
        (("-m", "demo:lm", *TEXTS, "--viz-path", "-"), "goes to a file"),
        (("--fail-unsupported", "--support-unit", "none"), "nothing can"),
        (("-m", "demo:lm", *TEXTS, "--citations", "-", "--support-unit", "none"), "nothing can"),
        (("--null-draws", "20"), "fpr asks for"),
        (("--document-placement", "chat_template"), "no messages"),
        (("--document-template", "[{n}] {text}"), "how documents are written"),
        (("--document-separator", ","), "how documents are written"),
    ],
)
def test_misuse_is_explained(wherefrom: Run, arguments: tuple[str, ...], words: str) -> None:
    ran = wherefrom("attribute-context", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_what_a_file_sets_for_all_calls_does_no_harm_where_it_changes_nothing(wherefrom: Run, tmp_path: Path) -> None:
    asked = ("attribute-context", "-m", "demo:lm", *TEXTS, "--json")
    (plain,) = json.loads(wherefrom(*asked).out)["cci_scores"]
    (tmp_path / "wherefrom.toml").write_text(
        '[attribute-context]\nnull-draws = 20\ndocument-template = "[{n}] {text}"\ndocument-separator = "; "\n'
        'document-placement = "chat_template"\n'
    )
    ran = wherefrom(*asked)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["cci_scores"] == [plain]
    (tmp_path / "docs.jsonl").write_text("\n".join(json.dumps(one) for one in DOCUMENTS))
    ran = wherefrom("attribute-context", "-m", "demo:lm", "--documents", "docs.jsonl", *TEXTS[:2], "--json")
    assert ran.code == 0, ran.err
    assert ran.out.count("; [2] ") > 0, "documents are written as the file says"


@pytest.mark.parametrize(
    "typed",
    [
        ("--fpr", "0.05", "--null-contexts", "null.txt"),
        ("--support-level", "0"),
        ("--support-unit", "none"),
        (),
    ],
)
def test_what_ones_own_file_compares_with_does_no_harm_where_nothing_is_compared(
    wherefrom: Run, tmp_path: Path, typed: tuple[str, ...]
) -> None:
    (tmp_path / "null.txt").write_text("\n".join(f"The weather was nice {n} times." for n in range(19)))
    (tmp_path / "own.toml").write_text('[attribute-context]\nnull-draws = 20\nnull-documents = "null.txt"\n')
    asked = ("attribute-context", "-m", "demo:lm", *TEXTS, "--json", *typed)
    plain, ran = wherefrom(*asked), wherefrom(*asked, "--config-file", "own.toml")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["cci_scores"] == json.loads(plain.out)["cci_scores"]


@pytest.mark.parametrize("gate", [("--fail-unsupported",), ("--citations", "-")])
def test_support_by_no_input_context_is_not_tested(wherefrom: Run, gate: tuple[str, ...]) -> None:
    """The gate let it through."""
    ran = wherefrom(
        *("attribute-context", "-m", "demo:lm", "--input-current-text", "Hello", *gate),
        *("--output-current-text", "to the office.", "--output-context-text", "George was sick."),
    )
    assert ran.code == 2
    assert f"{gate[0]} needs an input context" in ran.err


def test_a_blank_context_is_none_to_be_supported_by(wherefrom: Run) -> None:
    ran = wherefrom(
        *("attribute-context", "-m", "demo:lm", "--input-current-text", "Hello", "--input-context-text", " "),
        *("--output-current-text", "to the office.", "--output-context-text", "George was sick.", "--fail-unsupported"),
    )
    assert ran.code == 2
    assert "has nothing to test" in ran.err


def test_an_example_is_asked_about_as_told(wherefrom: Run) -> None:
    """The built-in one was read without its options."""
    plain, chat, other = (
        json.loads(wherefrom("attribute-context", "--json", *more).out)
        for more in ((), ("--as-chat",), ("--input-template", "Well: {context} {current}"))
    )
    assert isinstance(plain["info"]["input_current_text"], str)
    assert chat["info"]["input_current_text"][0]["role"] == "user"
    assert other["info"]["input_template"] == "Well: {context} {current}"
    assert other["cti_scores"] != plain["cti_scores"]


def test_a_chat_is_no_text_to_make_a_message_of(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(json.dumps([{"role": "user", "content": TEXTS[1]}]))
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS[2:], "--chat", "chat.json", "--as-chat")
    assert ran.code == 2
    assert "has messages already" in ran.err


def test_regression_manual_without_a_terminal_fails_with_advice(wherefrom: Run) -> None:
    """With stdin closed it ended in UnboundLocalError."""
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "--output_template", "{context} {current}")
    assert ran.code == 2
    assert "nobody to ask" in ran.err
    assert "output_context_text" in ran.err


def test_regression_a_page_without_a_picture(wherefrom: Run, tmp_path: Path) -> None:
    """``--show_viz False --viz_path f`` ended in TypeError before writing."""
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "--show_viz", "False", "--viz_path", "f.html")
    assert ran.code == 0, ran.err
    assert (tmp_path / "f.html").read_text().lower().startswith("<!doctype html>")


def test_regression_the_device_is_obeyed(wherefrom: Run) -> None:
    """It was ignored."""
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "--device", "no-such-device")
    assert ran.code != 0
    assert "no-such-device" in ran.err


def test_a_file_that_is_there_is_not_replaced(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("mine")
    assert wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "-o", "out.json").code == 2
    assert (tmp_path / "out.json").read_text() == "mine"


def test_documents_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(DOCUMENTS))
    (tmp_path / "a.csv").write_text("id,text\nw,The weather was nice.\n")
    (tmp_path / "a.jsonl").write_text('"plain"\n{"text": "x"}\n')
    assert documents_in_file(tmp_path / "a.json") == DOCUMENTS
    assert documents_in_file(tmp_path / "a.csv") == [{"id": "w", "text": "The weather was nice."}]
    assert documents_in_file(tmp_path / "a.jsonl") == ["plain", {"text": "x"}]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_questions_are_asked_on_a_terminal_only() -> None:
    console = Console(stdin=Terminal("what\nn\nyes\n"), stdout=io.StringIO(), stderr=io.StringIO())
    asks = somebody(console)
    assert isinstance(asks, TerminalAsks)
    assert asks.confirm("so?") is False
    assert asks.confirm("so?") is True
    assert somebody(Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())) is None
    assert somebody(Console(stdin=Terminal(), stdout=io.StringIO(), stderr=io.StringIO(), no_input=True)) is None


def test_saved_results_are_shown_and_exported(wherefrom: Run, tmp_path: Path) -> None:
    assert wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, "-o", "out.json", "--show_viz", "no").code == 0
    shown = wherefrom("show", "out.json")
    assert shown.code == 0, shown.err
    assert "hospital" in shown.out
    assert "sick" in shown.out


def test_documents_go_with_a_message_to_a_chat_model(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text("\n".join(json.dumps(one) for one in DOCUMENTS))
    chat = [{"role": "user", "content": TEXTS[1]}]
    (tmp_path / "chat.json").write_text(json.dumps(chat))
    (tmp_path / "null.txt").write_text(
        "The music was very loud.\nThe meeting was long.\nIt rained all night.\nThe streets were empty.\n"
    )
    said = ("--output-current-text", "to the hospital.", "--json", "--null-documents", "null.txt")
    told = wherefrom("attribute-context", "-m", "demo:lm", "--documents", "docs.jsonl", *TEXTS[:2], "--as-chat", *said)
    read = wherefrom("attribute-context", "-m", "demo:lm", "--documents", "docs.jsonl", "--chat", "chat.json", *said)
    first, second = (ContextAttribution.from_dict(json.loads(ran.out)) for ran in (told, read))
    assert first.info["input_current_text"] == chat
    assert first.sentences == second.sentences
    assert first.sentences[0].citations == [1]
    refused = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS[:2], "--chat", "chat.json", *said)
    assert refused.code == 2
    assert "exclude each other" in refused.err


@pytest.mark.parametrize("option", ["--null-contexts", "--null-documents"])
@pytest.mark.parametrize("line", ['{"id": "a"}', "3", '{"text": 3}', "null"])
def test_unrelated_texts_without_a_text_are_refused(wherefrom: Run, tmp_path: Path, option: str, line: str) -> None:
    (tmp_path / "null.jsonl").write_text('"plain"\n' + line + "\n", "utf-8")
    ran = wherefrom("attribute-context", "-m", "demo:lm", *TEXTS, option, "null.jsonl", "-q")
    assert ran.code == 2
    assert "Document 2" in ran.err
    assert "not expected" not in ran.err
