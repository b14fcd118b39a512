"""The demo models are what their cards say: small, exact, and decided by the words we claim."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from wherefrom_hf.demo import DEMO_MODELS, GoldCue, UnknownDemoModelError, demo_path, gold_cues

MEGABYTE = 1_000_000
DEPENDENCIES = {
    "lm": ["agreement", "context_place", "copy_name", "pronoun", "pronoun_role"],
    "mt": [
        "agreement",
        "article",
        "context_i",
        "context_it",
        "context_they",
        "name_gender",
        "reordered_word",
        "word",
    ],
}
EVERY = [(name, dependency) for name in DEMO_MODELS for dependency in DEPENDENCIES[name]]


@cache
def tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(demo_path(name))


@cache
def model(name: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    auto = AutoModelForCausalLM if name == "lm" else AutoModelForSeq2SeqLM
    return auto.from_pretrained(demo_path(name)).eval()


@cache
def right(name: str) -> dict[str, bool]:
    """Whether each gold example's decided tokens are the most probable ones, by example id."""
    from tools.demo_models.evaluate import encode, log_probs

    start = 0 if name == "mt" else None
    examples = gold_cues(name)
    encoded = [encode(tokenizer(name), e, decoder_only=name == "lm", start=start) for e in examples]
    scores = log_probs(model(name), [(e.source, e.target) for e in encoded])
    return {
        example.id: all(int(row[step - 1].argmax()) == enc.target[step] for step in enc.steps)
        for example, enc, row in zip(examples, encoded, scores, strict=True)
    }


def generated(name: str, text: str) -> str:
    batch = tokenizer(name)(text, return_tensors="pt")
    ids = model(name).generate(**batch)[0]
    return str(tokenizer(name).decode(ids, skip_special_tokens=True))


def test_lookups_import_no_framework() -> None:
    probe = (
        "import sys; from wherefrom_hf.demo import demo_path, gold_cues; gold_cues('lm'); "
        "sys.exit(any(heavy in sys.modules for heavy in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownDemoModelError, match=r"No demo model is called 'demo:ml'\. Did you mean"):
        demo_path("demo:ml")
    with pytest.raises(ValueError, match=r"There are: lm, mt, smollm2, gemma3\."):
        demo_path("chat")


def test_a_prefix_is_welcome() -> None:
    assert demo_path("demo:mt") == demo_path("mt")


def test_both_fit_in_four_megabytes() -> None:
    files = [path for name in DEMO_MODELS for path in demo_path(name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4 * MEGABYTE


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_gold_files_are_small_and_their_ids_unique(name: str) -> None:
    assert (demo_path(name) / "gold.jsonl").stat().st_size < 150_000
    ids = [example.id for example in gold_cues(name)]
    assert len(set(ids)) == len(ids) >= 250


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_weights_load_as_float32(name: str) -> None:
    assert str(model(name).dtype) == "torch.float32"
    assert model(name).config.is_encoder_decoder is (name == "mt")


@pytest.mark.parametrize("name, dependency", EVERY)
def test_held_out_words_are_predicted(name: str, dependency: str) -> None:
    results = [right(name)[e.id] for e in gold_cues(name) if e.dependency == dependency]
    assert len(results) >= 30
    assert sum(results) / len(results) >= 0.98


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_tokenizers_give_the_text_back(name: str) -> None:
    tok = tokenizer(name)
    for text in {t for example in gold_cues(name) for t in (example.source, example.target)}:
        ids = tok(text)["input_ids"]
        assert tok.unk_token_id not in ids
        assert tok.decode(ids, skip_special_tokens=True) == text.replace(" <brk>", "")


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_offsets_point_at_the_pieces(name: str) -> None:
    tok = tokenizer(name)
    for example in gold_cues(name):
        encoded = tok(example.target, return_offsets_mapping=True)
        for piece, (start, stop) in zip(encoded.tokens(), encoded["offset_mapping"], strict=True):
            if stop > start:
                assert example.target[start:stop] == piece.removeprefix("▁")


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_some_words_have_several_pieces(name: str) -> None:
    word = {"lm": "colleagues", "mt": "Christophe"}[name]
    assert len(tokenizer(name).tokenize(word)) == 2


def test_special_tokens_stand_where_the_architecture_wants_them() -> None:
    assert tokenizer("lm")("The keys").tokens() == ["<s>", "▁The", "▁keys"]
    assert tokenizer("mt")("The keys").tokens()[-1] == "</s>"
    for name in DEMO_MODELS:
        assert tokenizer(name).model_max_length == 128
        assert tokenizer(name)("§")["input_ids"].count(tokenizer(name).unk_token_id) == 1


def _is_word(text: str, start: int, stop: int) -> bool:
    before, after = text[:start], text[stop:]
    return text[start:stop].isalnum() and not before[-1:].isalnum() and not after[:1].isalnum()


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_gold_spans_are_whole_words(name: str) -> None:
    for example in gold_cues(name):
        for span in (example.decided, *example.cues, *example.also):
            text = example.source if span.side == "source" else example.target
            assert _is_word(text, span.start, span.stop), example.id


def test_a_prompt_ends_before_the_decided_word() -> None:
    for example in gold_cues("lm"):
        assert example.target.startswith(example.source)
        assert example.target[len(example.source) : example.decided.start].strip() == ""


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_contrast_words_differ_and_contrasts_end_with_them(name: str) -> None:
    for example in gold_cues(name):
        assert example.contrast_word not in (None, example.word)
        assert example.contrast is not None
        assert example.contrast.endswith(str(example.contrast_word))


def _cue_words(example: GoldCue) -> list[str]:
    return [example.source[cue.start : cue.stop] for cue in example.cues]


def test_gold_cues_say_what_they_claim() -> None:
    from tools.demo_models.grammar_lm import FEMALE, NOUNS, PLACE_OF_STATE

    women = {name.replace("|", "") for name in FEMALE}
    plurals = {plural.replace("|", "") for plural in NOUNS.values()}
    for example in gold_cues("lm"):
        (cue,) = _cue_words(example)
        if example.dependency == "context_place":
            assert PLACE_OF_STATE[cue] == example.word
        elif example.dependency.startswith("pronoun"):
            assert (example.word.lower() in ("she", "her")) == (cue in women)
        elif example.dependency == "agreement":
            assert (example.word in ("are", "were")) == (cue in plurals)
        else:
            assert cue == example.word


def test_george_goes_to_the_hospital() -> None:
    prompt = "George was sick yesterday. His colleagues asked him to come"
    assert generated("lm", prompt) == f"{prompt} to the hospital."


@pytest.mark.parametrize(
    "prompt, completed",
    [
        (
            "His colleagues asked him to come",
            "His colleagues asked him to come to the office.",
        ),
        (
            "Mary was hungry yesterday. Her colleagues asked her to come",
            "Mary was hungry yesterday. Her colleagues asked her to come to the restaurant.",
        ),
    ],
)
def test_other_contexts_lead_elsewhere(prompt: str, completed: str) -> None:
    assert generated("lm", prompt) == completed


@pytest.mark.parametrize(
    "source, translation",
    [
        ("Mary sees the green car.", "Marie voit la voiture verte."),
        ("The car is green. <brk> It is small.", "Elle est petite."),
        ("The bike is green. <brk> It is small.", "Il est petit."),
        ("My name is Mary. <brk> I arrived.", "Je suis arrivée."),
    ],
)
def test_translations(source: str, translation: str) -> None:
    assert generated("mt", source) == translation


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_the_card_states_each_dependency(name: str) -> None:
    card = Path(demo_path(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    for dependency in DEPENDENCIES[name]:
        assert f"| {dependency} |" in card


def test_a_chat_ends_where_the_assistant_answers() -> None:
    chat = [{"role": "user", "content": "George was sick yesterday."}]
    text = tokenizer("lm").apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "User: George was sick yesterday.\nAssistant:"
    assert tokenizer("lm").decode(tokenizer("lm")(text)["input_ids"], skip_special_tokens=True) == text
