"""Nearly everything in one call. It needs gpt2 from the hub; with "demo:lm" in its place it needs nothing."""

import wherefrom

model = wherefrom.load_model("gpt2", "integrated_gradients")      # id, path, or a PreTrainedModel; the method is optional
out = model.attribute(
    "Hello ladies and",                     # str or list
    "Hello ladies and gentlemen",           # optional forced targets; ids accepted as well as text
    n_steps=50, internal_batch_size=16,     # settings of the method, or method=wherefrom.methods.IntegratedGradients(n_steps=50)
    attributed_fn="contrast_prob_diff", contrast_targets="Hello ladies and germs",
    step_scores=["probability", "entropy"],
    generation_args={"max_new_tokens": 9},
)
out.show(); out.save("out.json"); wherefrom.load("out.json")      # same type, same numbers, same aggregation, same view
wherefrom.list_feature_attribution_methods(); wherefrom.list_step_functions(); wherefrom.list_aggregators()


def fn(prediction):
    return prediction.at_target(prediction.log_probabilities())


wherefrom.register_step_function(fn, "my_score", aggregate_map={"spans": "prod"})
wherefrom.show_attributions(out, min_val=None, max_val=None, display=True, return_html=False)
