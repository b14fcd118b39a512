"""Our `flashtrace` against the original package, on Llama-like models with random weights.

    uv run --isolated --with flashtrace python -m benchmarks.flashtrace_oracle

The original explains the states at the tokens of a span, ours those that predicted them, one position earlier; so ours
is asked about the tokens behind each. Printed: the largest difference of any token's importance, which is summed over
the layers, and of the span's.
"""

from __future__ import annotations

import numpy as np
import torch
import transformers
import wherefrom
from flashtrace import core  # pyright: ignore[reportMissingImports]  # in the environment of the command above
from wherefrom.methods import FlashTrace
from wherefrom.methods._proximity import query_mixture
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_hf.inside.head_terms import head_terms

SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 200,
}
LENGTH, SPAN = 40, (25, 33)
"""Tokens, and first and last position of the span of the original."""


def main() -> None:
    for kind in ("Llama", "Qwen2", "Qwen3", "Mistral"):
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**SHAPE)
        config._attn_implementation = "eager"
        module = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
        for name, weights in module.named_parameters():  # norms and biases that do something
            if "norm" in name or "bias" in name:
                torch.nn.init.normal_(weights, mean=float("norm" in name), std=0.3)
            if name.endswith("v_proj.bias"):  # the original leaves biases of values out; ours has them in the vectors
                torch.nn.init.zeros_(weights)
        ids = np.random.default_rng(0).integers(0, SHAPE["vocab_size"], LENGTH)
        theirs, ours = original(module, ids), our_own(module, ids)
        print(f"{kind}: largest difference {np.abs(theirs - ours).max():.1e} of values up to {theirs.max():.2f}")


def original(module: transformers.PreTrainedModel, ids: np.ndarray) -> np.ndarray:
    """Token importance of the span, shape ``(tokens,)``."""
    facts = core.extract_model_metadata(module)
    cache, hooks = core.attach_hooks(facts.layers, torch.float32)
    with torch.no_grad():
        answer = module(torch.from_numpy(ids)[None], output_attentions=True, use_cache=False)
    for hook in hooks:
        hook.remove()
    parameters = core.IFRParameters(
        n_layers=facts.n_layers,
        n_heads_q=facts.n_heads_q,
        n_kv_heads=facts.n_kv_heads,
        head_dim=facts.head_dim,
        group_size=facts.group_size,
        d_model=facts.d_model,
        sequence_length=len(ids),
        model_dtype=torch.float32,
        chunk_tokens=128,
        sink_chunk_tokens=32,
    )
    pack = core.build_weight_pack(facts, torch.float32)
    aggregate = core.compute_ifr_sentence_aggregate(*SPAN, cache, answer.attentions, pack, parameters)
    return aggregate.token_importance_total.numpy()


def our_own(module: transformers.PreTrainedModel, ids: np.ndarray) -> np.ndarray:
    """The same, from the states that predict the tokens behind those of the span."""
    steps = np.arange(SPAN[0] + 1, SPAN[1] + 2)
    function = TargetFunction(
        function=STEP_FUNCTIONS.get("logit")(), target_ids=ids[steps], groups=np.zeros(len(steps), dtype=np.int64)
    )
    question = Question(target_ids=ids, steps=steps, target_function=function)

    class Model:
        def head_terms(self, rows, **choices):  # type: ignore[no-untyped-def]
            return head_terms(module, rows, **choices)

    (scores,) = FlashTrace().attribute(Model(), [question], lambda phase, done, total: None)
    assert query_mixture(question).shape == (1, SPAN[1] + 1), wherefrom.__version__
    assert scores.target is not None
    return scores.target[:, 0].sum(-1).numpy()


if __name__ == "__main__":
    main()
