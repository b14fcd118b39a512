"""Linear layers by oneDNN: the same numbers, the same gradients, one product for many, and only where it belongs."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
import wherefrom_hf.running.linear as module_under_test
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.pytorch_utils import Conv1D
from wherefrom import load_model
from wherefrom_hf.running.linear import LEAST_ROWS, linear, product, quick_linear, switched_on
from wherefrom_hf.running.passes import run_encoder, start_run

from tests.hf_adapter.architectures import build

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch carries no oneDNN"
)


def idle(monkeypatch):
    """Wide registers that the default does not use, and no product too small to be handed over."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(module_under_test, "widest_by_default", lambda: False)
    monkeypatch.setattr(module_under_test, "LEAST_WORK", 0)


@pytest.fixture
def asked(monkeypatch):
    """A processor with wide registers that stay idle; the shapes of the products that oneDNN is asked for."""
    idle(monkeypatch)
    shapes = []

    def noted(x, weight, bias):
        shapes.append((tuple(x.shape), tuple(weight.shape)))
        return linear(x, weight, bias)

    monkeypatch.setattr(module_under_test, "linear", noted)
    return shapes


def pair(rows=12, inside=5, outside=7):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, inside, generator=generator), torch.randn(outside, inside, generator=generator)


@pytest.mark.parametrize("shape", [(12, 5), (3, 4, 5), (2, 3, 2, 5)])
@pytest.mark.parametrize("biased", [True, False])
def test_the_product_and_its_gradient_are_those_of_torch(shape, biased):
    x = torch.randn(shape, requires_grad=True)
    weight = torch.randn(7, 5)
    bias = torch.randn(7) if biased else None
    slope = torch.randn(*shape[:-1], 7)
    ours, theirs = linear(x, weight, bias), functional.linear(x, weight, bias)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, x, slope), torch.autograd.grad(theirs, x, slope))


def test_it_can_be_differentiated_twice_and_traced():
    x, weight = pair()
    x.requires_grad_()

    def second(product):
        (slope,) = torch.autograd.grad((product(x, weight, None) ** 3).sum(), x, create_graph=True)
        return torch.autograd.grad((slope**2).sum(), x)

    torch.testing.assert_close(second(linear), second(functional.linear), rtol=1e-5, atol=1e-5)
    torch.library.opcheck(product, (x.detach(), weight, torch.ones(7)))


def test_models_may_change_what_it_gives_in_place():
    x, weight = pair()
    x = x.view(3, 4, 5).requires_grad_()
    changed = linear(x, weight, None)
    changed /= 2
    torch.testing.assert_close(torch.autograd.grad(changed.sum(), x)[0], weight.sum(0).expand(3, 4, 5) / 2)


def test_many_slopes_are_one_product(monkeypatch):
    x, weight = pair()
    x.requires_grad_()
    result = linear(x, weight, None)
    slopes = torch.randn(4, *result.shape)
    asked = []
    known = torch.ops.mkldnn._linear_pointwise

    class Counting:
        def _linear_pointwise(self, x, *rest):
            asked.append(tuple(x.shape))
            return known(x, *rest)

    monkeypatch.setattr(torch.ops, "mkldnn", Counting())
    (pulled,) = torch.vmap(lambda slope: torch.autograd.grad(result, x, slope))(slopes)
    assert asked == [(48, 7)]
    torch.testing.assert_close(pulled, slopes @ weight)


@pytest.mark.parametrize("layer", [nn.Linear(5, 7), nn.Linear(5, 7, bias=False), Conv1D(7, 5)])
def test_layers_inside_the_block_are_run_by_it(asked, layer):
    x, _ = pair()
    expected = layer(x)
    with quick_linear():
        result = layer(x)
    assert asked == [((12, 5), (7, 5))]
    torch.testing.assert_close(result, expected)
    layer(x)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda x, w: (x.double(), w.double()),
        lambda x, w: (x.bfloat16(), w.bfloat16()),
        lambda x, w: (x[: LEAST_ROWS - 1], w),
        lambda x, w: (x[:0], w),
        lambda x, w: (x, 2 * w.requires_grad_()),
        lambda x, w: (x.to("meta"), w.to("meta")),
    ],
    ids=["double", "half", "few rows", "no rows", "weights that are computed", "elsewhere"],
)
def test_what_it_leaves_alone(asked, change):
    x, weight = change(*pair())
    expected = functional.linear(x, weight, None)
    with quick_linear():
        result = functional.linear(x, weight, None)
    assert not asked
    assert result.dtype == expected.dtype
    if not result.is_meta:
        assert torch.equal(result, expected)


def test_autocast_is_obeyed(asked):
    x, weight = pair()
    with quick_linear(), torch.autocast("cpu", torch.bfloat16):
        assert functional.linear(x, weight, None).dtype == torch.bfloat16
    assert not asked


class _Foreign(TorchDispatchMode):
    """A mode of somebody who watches PyTorch's operations."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.namespace)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("outside", [True, False])
def test_foreign_dispatch_modes_see_the_products_of_torch(asked, outside):
    x, weight = pair()
    mode = _Foreign()
    with ExitStack() as stack:
        for one in (mode, quick_linear()) if outside else (quick_linear(), mode):
            stack.enter_context(one)
        result = functional.linear(x, weight, None)
    assert not asked
    assert set(mode.seen) == {"aten"}
    assert torch.equal(result, functional.linear(x, weight, None))
    with quick_linear():
        functional.linear(x, weight, None)
    assert asked


def test_compiled_code_keeps_the_products_of_torch(asked):
    x, weight = pair()
    traced = []

    def backend(graph, examples):
        traced.extend(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    def layer(x):
        return functional.linear(x, weight, None)

    compiled = torch.compile(layer, backend=backend)
    with quick_linear():
        result = compiled(x)
    assert not asked
    assert traced
    assert not any("wherefrom" in target for target in traced)
    torch.testing.assert_close(result, layer(x))


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch's own, of its own default
def test_it_can_be_switched_off_as_torch_does(asked):
    x, weight = pair()
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=False):
        assert not switched_on()
        with quick_linear():
            functional.linear(x, weight, None)
    assert not asked


def test_other_processors_keep_the_default(asked, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    x, weight = pair()
    with quick_linear():
        functional.linear(x, weight, None)
    assert not asked


def test_a_default_that_is_wide_itself_is_kept(asked, monkeypatch):
    monkeypatch.setattr(module_under_test, "widest_by_default", lambda: True)
    x, weight = pair()
    with quick_linear():
        functional.linear(x, weight, None)
    assert not asked


@pytest.mark.parametrize("maker, by_mkl, wide", [("GenuineIntel", True, True), ("GenuineIntel", False, False),
                                                 ("AuthenticAMD", True, False)])  # fmt: skip
def test_mkl_is_wide_on_its_makers_processors(monkeypatch, maker, by_mkl, wide):
    monkeypatch.setattr(module_under_test.Path, "exists", lambda self: False)
    monkeypatch.setattr(module_under_test.platform, "processor", lambda: f"x86 Family 6, {maker}")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: by_mkl)
    assert module_under_test.widest_by_default.__wrapped__() is wide


def test_a_product_that_is_soon_done_is_not_handed_over(asked, monkeypatch):
    x, weight = pair()
    for least, handed in ((12 * 5 * 7 + 1, 0), (12 * 5 * 7, 1)):
        monkeypatch.setattr(module_under_test, "LEAST_WORK", least)
        with quick_linear():
            functional.linear(x, weight, None)
        assert len(asked) == handed


@pytest.mark.parametrize("name", ["gpt2", "llama", "bart", "t5"])
def test_every_pass_of_a_model_runs_through_it(asked, name):
    model = build(name)
    ids = torch.arange(3, 15)[None]
    with torch.no_grad():
        encoder = run_encoder(model, ids, torch.ones_like(ids)) if model.config.is_encoder_decoder else None
        start_run(model, encoder).forward(ids, None, keep=False)
    in_layers = [part for part in model.modules() if isinstance(part, nn.Linear | Conv1D)]
    assert len(asked) >= len(in_layers) - 1  # GPT-2's output layer has one row to read, if any


@pytest.mark.parametrize(
    "method, part",
    [
        ("saliency", 1e-5),
        ("integrated_gradients", 1e-5),
        ("occlusion", 1e-5),
        ("deeplift", 1e-5),
        ("value_zeroing", 1e-4),  # distances are what is left of 1 after a cosine of nearly 1
    ],
)
def test_scores_are_the_same_with_and_without(monkeypatch, method, part):
    model = load_model("demo:lm", method)
    settings = {"n_steps": 16} if method == "integrated_gradients" else {}
    texts = ("The teacher saw the doctor because", "The teacher saw the doctor because the doctor was ill .")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    plain = model.attribute(*texts, show_progress=False, **settings)[0].aggregate().target_attributions
    idle(monkeypatch)
    quick = model.attribute(*texts, show_progress=False, **settings)[0].aggregate().target_attributions
    assert np.abs(plain - quick).max() <= part * np.abs(plain).max()
