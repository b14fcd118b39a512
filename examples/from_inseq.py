"""Scripts for inseq 0.7.1 with one line changed: `import inseq` became `import wherefrom.inseq as inseq`.

With models of the hub put "Helsinki-NLP/opus-mt-en-fr" in place of "demo:mt", and "gpt2" in place of "demo:lm".
"""

import wherefrom.inseq as inseq

# a translation, by integrated gradients
model = inseq.load_model("demo:mt", "integrated_gradients")
out = model.attribute("Mary sees the green car.", n_steps=20)
out.show()

# what a language model goes on with
model = inseq.load_model("demo:lm", "integrated_gradients")
model.attribute(
    "George was sick yesterday. His",
    generation_args={"max_new_tokens": 5},
    n_steps=20,
    internal_batch_size=10,
).show()

# why "he" and not "she"
attribution_model = inseq.load_model("demo:lm", "input_x_gradient")
out = attribution_model.attribute(
    "George went home because",
    "George went home because he was sick",
    attributed_fn="contrast_prob_diff",
    contrast_targets="George went home because she was sick",
    step_scores=["contrast_prob_diff"],
)
out.show()


# a step function of one's own, as a target and as a score
def margin(args, **kwargs):
    logits = args.attribution_model.output2logits(args.forward_output)
    best = logits.topk(2).values
    return best[:, 0] - best[:, 1]


inseq.register_step_function(fn=margin, identifier="own_margin")
out = attribution_model.attribute("Mary stayed at home", attributed_fn="own_margin", step_scores=["own_margin"])
out.weight_attributions("own_margin")
out.show()
