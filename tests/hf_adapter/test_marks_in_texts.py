"""Special tokens that texts spell, that tokenizers put around texts, and answers that are given back as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MarianTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from wherefrom.errors import InputError
from wherefrom.evaluation.asking import evaluated_units, question_of
from wherefrom.evaluation.gold import gold_from_words, gold_units
from wherefrom_hf.text.tokenizer import TextCoder

SOURCE = "the doctor sees the nurse ."
VOCABULARY = ["<s>", "</s>", "<unk>", "<mark>", "the", "cat", "sat", "a", "mat", "on"]
WORDS = {word: place for place, word in enumerate(VOCABULARY)}


def words(template: str) -> PreTrainedTokenizerFast:
    """One token for each word, between the marks of the template."""
    made = Tokenizer(models.WordLevel(WORDS, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.WordPiece(prefix="##")
    made.add_special_tokens([AddedToken(mark, normalized=False) for mark in ("<s>", "</s>", "<mark>")])
    made.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )


def prefixed() -> PreTrainedTokenizerFast:
    """As those of Llama: a space is put in front of a text, and the first one of a decoded text is taken off."""
    letters = ["<s>", "</s>", "<unk>", *"▁thecasondm", "▁c", "▁ca", "▁cat"]
    merges = [("▁", "c"), ("▁c", "a"), ("▁ca", "t")]
    made = Tokenizer(models.BPE({piece: place for place, piece in enumerate(letters)}, merges, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.add_special_tokens([AddedToken(mark, normalized=False) for mark in ("<s>", "</s>")])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def decoder(tokenizer: PreTrainedTokenizerFast) -> wherefrom.AttributionModel:
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    module: PreTrainedModel = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), bos_token_id=0, **small))
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.5)
    return wherefrom.load_model(module.eval(), "dummy", tokenizer=tokenizer)


@pytest.fixture(scope="module")
def translator() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:mt", "dummy")


def probabilities(model: wherefrom.AttributionModel, *texts: Any, **options: Any) -> Any:
    """Ids and probabilities of the explained tokens."""
    (one,) = model.attribute(*texts, step_scores=["probability"], show_progress=False, **options)
    return [token.id for token in one.target], one.step_scores["probability"]


def test_an_answer_that_spells_its_special_tokens_is_the_same_answer(translator: wherefrom.AttributionModel) -> None:
    expected = probabilities(translator, SOURCE)
    for skip in (True, False):
        (answer,) = translator.generate(SOURCE, skip_special_tokens=skip)
        assert ("<pad>" in answer) != skip
        ids, values = probabilities(translator, SOURCE, answer)
        assert ids == expected[0]
        np.testing.assert_allclose(values, expected[1], rtol=1e-5)
        (said,) = translator.attribute(
            SOURCE, step_scores=["contrast_prob"], contrast_targets=answer, show_progress=False
        )
        np.testing.assert_allclose(said.step_scores["contrast_prob"], expected[1], rtol=1e-5)
        ids, _ = probabilities(translator, SOURCE, answer.split(".")[0], generate_from_target_prefix=True)
        assert ids[: len(expected[0]) - 2] == expected[0][:-2]


def test_a_source_that_spells_its_end_has_one(translator: wherefrom.AttributionModel) -> None:
    plain, ended = (translator.adapter.encode(text, side="source").ids for text in (SOURCE, f"{SOURCE}</s>"))
    assert plain.tolist() == ended.tolist()
    inside = translator.adapter.encode(f"the nurse</s> {SOURCE}", side="source").ids.tolist()
    assert inside.count(int(plain[-1])) == 2, "one within a text is the text's own"


@pytest.mark.parametrize("text", ["the mat", "<s>the mat", "<s> the mat</s>", "</s><s>the mat</s>", "</s> <s> the mat"])
def test_what_a_decoder_begins_with_is_put_in_front_of_what_a_tokenizer_adds(text: str) -> None:
    """BART's decoder begins with the token that ends texts, and its texts with one that begins them."""
    coder = TextCoder(words("<s> $A </s>"), 1)
    made = coder.encode(text, side="target", add_special_tokens=True, decoder_prefix=False)
    assert [VOCABULARY[i] for i in made.ids] == ["</s>", "<s>", "the", "mat", "</s>"]
    begun = coder.encode(text.removesuffix("</s>"), side="target", add_special_tokens=True, decoder_prefix=True)
    marks = ["</s>", "<s>"] if "<s>" in text else ["</s>"]
    assert [VOCABULARY[i] for i in begun.ids] == [*marks, "the", "mat"]
    source = coder.encode("the mat</s>", side="source", add_special_tokens=True, decoder_prefix=False)
    assert [VOCABULARY[i] for i in source.ids] == ["<s>", "the", "mat", "</s>"]


def test_a_decoder_that_begins_as_its_texts_do_keeps_both() -> None:
    """Of what no text spells nothing is taken away."""
    coder = TextCoder(words("<s> $A </s>"), 0)
    made = coder.encode("the mat", side="target", add_special_tokens=True, decoder_prefix=False)
    assert [VOCABULARY[i] for i in made.ids] == ["<s>", "<s>", "the", "mat", "</s>"]


def test_a_text_of_two_beginnings_has_two() -> None:
    coder = TextCoder(words("<s> $A"), None)
    for text, count in (("the mat", 1), ("<s>the mat", 1), ("<s><s>the mat", 2)):
        made = coder.encode(text, side="target", add_special_tokens=True, decoder_prefix=False)
        assert made.ids.tolist().count(0) == count


def test_an_answer_alone_keeps_the_space_before_it() -> None:
    model = decoder(prefixed())
    answers = []
    for seed in range(12):
        settings = {"max_new_tokens": 5, "do_sample": True, "seed": seed}
        (whole,), (answer,) = (
            model.generate("the cat", output_generated_only=only, **settings) for only in (False, True)
        )
        assert "the cat" + answer == whole
        answers.append(answer)
    assert any(answer.startswith(" ") for answer in answers)
    assert not all(answer.startswith(" ") for answer in answers)


def test_the_turns_of_a_prompt_end_where_an_answer_begins_within_its_last_token() -> None:
    tokenizer = prefixed()
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    (one,) = decoder(tokenizer).attribute([{"role": "user", "content": "the ca"}], "t sat", show_progress=False)
    assert one.target[one.attr_pos_start].text == " cat"
    (turn,) = one.segments
    assert "".join(token.text for token in one.target[turn.start : turn.end]).strip() == "the"
    assert turn.end == one.attr_pos_start


def test_another_chat_as_it_was_generated_is_the_chat_as_it_is_rendered() -> None:
    """Decoding writes a space behind each mark, which would be read as one of the text."""
    tokenizer = prefixed()
    tokenizer.chat_template = "{% for one in messages %}<s>on {{ one['content'] }} do{% endfor %}"
    model = decoder(tokenizer)
    chat, other = ([{"role": "user", "content": text} for text in texts] for texts in (("the cat",), ("a mat", "the")))
    (whole,) = model.generate([other], skip_special_tokens=False, max_new_tokens=3)
    assert whole.startswith("<s> on a mat do<s> on the do")
    answer = whole.removeprefix("<s> on a mat do<s> on the do")
    options = {"step_scores": ["contrast_prob"], "show_progress": False}
    found = [
        model.attribute([chat], ["t sat"], contrast_targets=[contrast], **options)[0]
        for contrast in (whole, f"<s>on a mat do<s>on the do{answer}")
    ]
    read = [[pair["contrast_id"] for pair in one.details["contrast"]["pairs"]] for one in found]
    assert read[0] == read[1]
    np.testing.assert_array_equal(found[0].step_scores["contrast_prob"], found[1].step_scores["contrast_prob"])


def test_another_prompt_is_left_open_where_the_tokenizer_ends_texts() -> None:
    """The tokenizer ends every text; between a prompt and what follows it there is no end."""
    model = decoder(words("<s> $A </s>"))
    options = {"step_scores": ["contrast_prob"], "show_progress": False}
    found = []
    for contrast in ({"contrast_sources": "the mat"}, {"contrast_targets": "the mat sat"}):
        (one,) = model.attribute("the cat", "the cat sat", **contrast, **options)
        found.append(([pair["contrast_position"] for pair in one.details["contrast"]["pairs"]], one.step_scores))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1]["contrast_prob"], found[1][1]["contrast_prob"], rtol=1e-6)


def test_a_special_token_that_begins_an_answer_is_answered() -> None:
    model = decoder(words("<s> $A </s>"))
    (one,) = model.attribute("the cat", "the cat <mark> sat", show_progress=False)
    assert [VOCABULARY[token.id] for token in one.target[one.attr_pos_start :]] == ["<mark>", "sat", "</s>"]


@pytest.mark.parametrize("text", ["who sat?</s> the cat sat", "the cat  sat", "the cat：sat"])
def test_gold_of_a_text_that_a_tokenizer_shows_otherwise(text: str, translator: wherefrom.AttributionModel) -> None:
    assert not isinstance(translator.adapter.tokenizer, MarianTokenizer)
    (one,) = translator.attribute(text, "la nurse", "occlusion", show_progress=False)
    units = evaluated_units(question_of(translator.adapter, one), one, "token")
    found = gold_units(gold_from_words(text, ["sat"]), one, units)
    marked = "".join(
        one.source[place].text for unit, wanted in zip(units.members, found, strict=True) if wanted
        for place in unit.removable
    )  # fmt: skip
    assert marked.replace(" ", "").replace("：", "").replace(":", "") in ("sat", "satsat")
    with pytest.raises(InputError, match="of another text"):
        gold_units(gold_from_words("the dog sat", ["sat"]), one, units)
