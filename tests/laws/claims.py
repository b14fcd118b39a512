"""Every registered method, cheaply set, with the laws it claims. A new method joins by a line here.

======================  ========================================================================================
law                     what it says
======================  ========================================================================================
``complete``            scores of a step sum to ``f(x) − f(b)``
``dummy``               a token that the model ignores scores zero
``finds``               on a model that copies one token, that token scores highest, for every step
``linear``              on a model that adds up its tokens, a token's score is what it adds
``symmetric``           tokens that the model treats alike score alike
``batch``               an example scores the same alone and among others of other lengths
``steps``               a step scores the same alone and among others
``chunk``               how many rows run at once changes nothing
``prefix``              reusing unchanged prefixes changes nothing
``dtype``               a bfloat16 model gives about the scores of the float32 one
``seeded``              the same seed gives the same scores, another one other scores
``pure``                running it again, or another method between, gives the same scores
``nudge``               it can be asked of a model whose tokens have other embeddings
``listed``              answers in a list are as good as answers one by one
======================  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wherefrom.methods as m
from attrs import field, frozen

ALWAYS = frozenset({"batch", "listed", "nudge", "pure"})
"""What every method must keep; not a matter of choice."""


def _all_laws(laws: str | frozenset[str]) -> frozenset[str]:
    return frozenset(laws.split() if isinstance(laws, str) else laws) | ALWAYS


@frozen(kw_only=True)
class Claim:
    """How a method is set for the laws, and which it claims beyond those that hold for all."""

    make: Callable[..., Any]
    """Builds the method; takes settings."""
    laws: frozenset[str] = field(converter=_all_laws)
    settings: dict[str, Any] = field(factory=dict)
    """Settings that keep the tests quick."""
    about: dict[str, dict[str, Any]] = field(factory=dict)
    """Further settings for one law, where it holds under a condition (a zero baseline, more samples)."""

    def method(self, law: str = "", **changes: Any) -> Any:
        return self.make(**{**self.settings, **self.about.get(law, {}), **changes})


# Laws speak of places: what is removed is replaced in them. Deletion has laws of its own, see `test_deletion`.
CLAIMS: dict[str, Claim] = {
    "alti": Claim(make=m.Alti, laws="dtype"),
    "alti_logit": Claim(make=m.AltiLogit, laws="dtype"),
    "attention": Claim(make=m.Attention, laws="steps dtype"),
    "attention_flow": Claim(make=m.AttentionFlow, laws="steps dtype"),
    "attention_gradient_rollout": Claim(make=m.AttentionGradientRollout, laws="steps chunk dtype"),
    "attention_rollout": Claim(make=m.AttentionRollout, laws="steps dtype"),
    "context_cite": Claim(
        make=m.ContextCite,
        laws="chunk seeded finds",
        about={"finds": {"n_samples": 96}, "seeded": {"n_samples": 8}},
        settings={"baseline": "unk"},
    ),
    "deeplift": Claim(make=m.DeepLift, laws="complete steps chunk dtype"),
    "discretized_integrated_gradients": Claim(
        make=m.DiscretizedIntegratedGradients,
        laws="dummy finds linear steps chunk",
        settings={"n_steps": 8, "n_neighbors": 6},
    ),
    "dummy": Claim(make=m.Dummy, laws=""),
    "exact_shapley": Claim(
        make=m.ExactShapley,
        laws="complete dummy finds linear symmetric steps chunk prefix",
        settings={"baseline": "unk"},
    ),
    "feature_ablation": Claim(
        make=m.FeatureAblation,
        laws="dummy finds linear symmetric steps chunk prefix dtype",
        settings={"baseline": "unk"},
    ),
    "flashtrace": Claim(make=m.FlashTrace, laws="steps dtype"),
    "gim": Claim(make=m.Gim, laws="steps chunk dtype"),
    "gradient_shap": Claim(  # its own number of samples is the one that does for all steps of a call
        make=m.GradientShap,
        laws="dummy finds linear symmetric steps chunk seeded",
        about={"steps": {"n_samples": 8}},
    ),
    "information_flow_routes": Claim(make=m.InformationFlowRoutes, laws="steps dtype"),
    "input_x_gradient": Claim(
        make=m.InputXGradient, laws="dummy finds linear symmetric steps dtype", about={"linear": {}}
    ),
    "integrated_gradients": Claim(
        make=m.IntegratedGradients,
        laws="complete dummy finds linear symmetric steps chunk dtype",
        settings={"n_steps": 24},
        about={"complete": {"n_steps": 400}},
    ),
    "interactions": Claim(
        make=m.Interactions,
        laws="chunk prefix seeded finds",
        about={"finds": {"n_samples": 96}},
        settings={"baseline": "unk", "n_samples": 80},
    ),
    "kernel_shap": Claim(
        make=m.KernelShap,
        laws="complete finds linear chunk prefix seeded",
        settings={"baseline": "unk", "n_samples": 128},
    ),
    "layer_deeplift": Claim(make=m.LayerDeepLift, laws="complete steps chunk"),
    "layer_gradient_x_activation": Claim(make=m.LayerGradientXActivation, laws="steps"),
    "layer_integrated_gradients": Claim(make=m.LayerIntegratedGradients, laws="steps chunk", settings={"n_steps": 6}),
    "learned_attention": Claim(make=m.LearnedAttention, laws="steps dtype", settings={"weights": "uniform"}),
    "libra": Claim(make=m.Libra, laws="steps chunk dtype"),
    "lime": Claim(
        make=m.Lime, laws="finds chunk seeded", about={"finds": {"n_samples": 200}}, settings={"baseline": "unk"}
    ),
    "occlusion": Claim(
        make=m.Occlusion, laws="dummy finds linear symmetric steps chunk prefix dtype", settings={"baseline": "unk"}
    ),
    "reagent": Claim(make=m.Reagent, laws="seeded", settings={"max_probe_steps": 6, "num_probes": 4}),
    "saliency": Claim(make=m.Saliency, laws="dummy finds symmetric steps dtype"),
    "sequential_integrated_gradients": Claim(
        make=m.SequentialIntegratedGradients,
        laws="dummy finds linear symmetric steps chunk dtype",
        settings={"n_steps": 4},
    ),
    "shapley_value_sampling": Claim(
        make=m.ShapleyValueSampling,
        laws="complete dummy finds linear chunk prefix seeded",
        settings={"baseline": "unk", "n_samples": 6},
    ),
    "smoothgrad": Claim(make=m.SmoothGrad, laws="dummy finds steps seeded", settings={"n_samples": 3}),
    "squaregrad": Claim(make=m.SquareGrad, laws="dummy finds steps seeded", settings={"n_samples": 3}),
    "value_norms": Claim(make=m.ValueNorms, laws="dtype"),
    "value_zeroing": Claim(make=m.ValueZeroing, laws=""),
    "vargrad": Claim(make=m.VarGrad, laws="dummy steps seeded", settings={"n_samples": 3}),
}


def claiming(law: str) -> list[str]:
    """Names of the methods that claim ``law``."""
    return [name for name, claim in CLAIMS.items() if law in claim.laws]
