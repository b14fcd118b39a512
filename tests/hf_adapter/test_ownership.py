"""The user's module stays the user's: what it was is what it is, after loading, success, failure and a failed move."""

from __future__ import annotations

import ast
import asyncio
import copy
import gc
import os
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom_hf
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from wherefrom import load_model
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError, ModelLoadError, SettingsError, UsageError
from wherefrom.methods.contract import METHODS as METHOD_CLASSES
from wherefrom_hf.demo import demo_path
from wherefrom_hf.running import ownership
from wherefrom_hf.running.eager import attention_implementation, configs_of
from wherefrom_hf.running.filtered import SharedFilter
from wherefrom_hf.running.ownership import reserved
from wherefrom_hf.running.placement import move

from tests.hf_adapter.architectures import build

PROMPT, TEXT = "The teacher saw the doctor", "The teacher saw the doctor because he was ill ."
METHODS = (
    "saliency",
    "integrated_gradients",
    "deeplift",
    "layer_gradient_x_activation",
    "occlusion",
    "lime",
    "attention",
    "value_zeroing",
    "alti_logit",
    "gim",
    "libra",
    "attention_gradient_rollout",
)
OFTEN = ("saliency", "occlusion", "attention")
"""One of each kind: for what hardly depends on the method."""
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"n_steps": 4},
    "layer_gradient_x_activation": {"target_layer": "model.layers.0"},
    "lime": {"n_samples": 36, "n_bootstrap": 0},
}


def fresh() -> PreTrainedModel:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(str(demo_path("lm")), dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(demo_path("lm")))


def ask(model: Any, method: str, **more: Any) -> np.ndarray:
    settings = {**SETTINGS.get(method, {}), **more}
    done = model.attribute(PROMPT, TEXT, method=method, show_progress=False, **settings)
    return done[0].target_attributions


def state(module: nn.Module) -> list[Any]:
    """All that a caller could notice about a module and its process, in comparable form."""
    hooks = [
        len(table)
        for part in module.modules()
        for table in (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
    ]
    return [
        [part.training for part in module.modules()],
        [None if p.grad is None else p.grad.numpy().tobytes() for p in module.parameters()],
        [p.requires_grad for p in module.parameters()],
        hooks,
        ["forward" in part.__dict__ for part in module.modules()],
        [(c.to_dict(), c._attn_implementation_internal, c.return_dict) for c in configs_of(module.modules())],
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_rng_state().numpy().tobytes(),
        str(np.random.get_state()),  # the state that must not be touched
    ]


def in_training(module: PreTrainedModel) -> PreTrainedModel:
    """A model between backward and step: gradients, parts frozen, parts in evaluation mode."""
    module.train()
    module(torch.tensor([[3, 4, 5]]), labels=torch.tensor([[3, 4, 5]])).loss.backward()
    parts = list(module.modules())
    parts[len(parts) // 2].eval()
    next(module.parameters()).requires_grad_(False)
    return module


def test_loading_keeps_mode_and_gradients(tokenizer: Any) -> None:
    module = in_training(fresh())
    before = state(module)
    load_model(module, tokenizer=tokenizer, device="cpu")
    assert state(module) == before
    assert any(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_scores_do_not_depend_on_the_mode_and_leave_the_module_as_it_was(tokenizer: Any, method: str) -> None:
    module = fresh().eval()
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.5
    for config in configs_of(module.modules()):
        config.attention_dropout = 0.5
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    expected = ask(model, method)
    in_training(module)
    before = state(module)
    assert np.array_equal(ask(model, method), expected, equal_nan=True)
    assert state(module) == before


class _BugError(ValueError):
    pass


def _boom(args: Any) -> Any:
    raise _BugError("my bug")


@pytest.mark.parametrize(
    "method, where",
    [(method, "target function") for method in METHODS]
    + [pytest.param(method, "step score", marks=[] if method in OFTEN else pytest.mark.heavy) for method in METHODS],  # type: ignore[misc]
)
def test_a_failing_function_changes_nothing_while_its_exception_is_kept(
    tokenizer: Any, method: str, where: str
) -> None:
    module = in_training(fresh())
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    if where == "target function" and (method == "alti_logit" or not METHOD_CLASSES.get(method).uses_target_function):
        pytest.skip("looks at no target function of others")
    before = state(module)
    asked: dict[str, Any] = {"attributed_fn": _boom} if where == "target function" else {"step_scores": [_boom]}
    with pytest.raises(_BugError) as kept:
        ask(model, method, **asked)
    assert state(module) == before
    assert (2 * torch.ones(1, requires_grad=True)).requires_grad
    seen = []
    thread = threading.Thread(target=lambda: seen.append(ask(model, "saliency")))
    thread.start()
    thread.join(60)
    assert seen, "the exception that is kept keeps others out"
    del kept
    gc.collect()
    assert state(module) == before


@pytest.mark.parametrize("capability", ["predict", "attentions"])
def test_a_stream_left_half_way_holds_nothing(tokenizer: Any, capability: str) -> None:
    module = fresh()
    adapter = load_model(module, tokenizer=tokenizer, device="cpu").adapter
    ids = np.arange(5, 12)
    rows = [Row(target_ids=ids, steps=np.array([4, 6])) for _ in range(3)]
    before = state(module)
    stream = getattr(adapter, capability)(rows)
    next(stream)
    assert state(module) == before
    assert in_threads(lambda: len(list(adapter.predict(rows)))) == [3]
    assert len(list(stream)) == 2


def test_a_step_function_may_put_questions_of_its_own(tokenizer: Any) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    plain = {method: ask(model, method) for method in METHODS}
    inner: list[tuple[str, np.ndarray]] = []

    def curious(args: Any) -> Any:
        inner.extend((name, ask(model, name)) for name in ("attention", "saliency", "occlusion"))
        return args.at_target(args.log_probabilities())

    for method in METHODS:
        assert np.array_equal(ask(model, method, step_scores=[curious]), plain[method], equal_nan=True), method
    assert inner
    for name, seen in inner:
        assert np.allclose(seen, plain[name], rtol=1e-4, atol=1e-6, equal_nan=True), name  # up to the kernel's rounding


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_grad_mode_changes_nothing(tokenizer: Any, mode: Any) -> None:
    model = load_model(fresh(), tokenizer=tokenizer, device="cpu")
    for method in METHODS:
        expected = ask(model, method)
        with mode():
            before = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
            assert np.array_equal(ask(model, method), expected, equal_nan=True), method
            assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_config_that_asks_for_tuples_changes_nothing(tokenizer: Any, method: str) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    expected = ask(model, method)
    module.config.return_dict = False
    assert np.array_equal(ask(model, method), expected, equal_nan=True)
    assert module.config.return_dict is False


def test_tuples_of_an_encoder_decoder_change_nothing() -> None:
    model = load_model("demo:mt", device="cpu")
    expected = model.attribute("The car is green .", "La voiture est verte .", "saliency", show_progress=False)[0]
    model.adapter.module.config.return_dict = False
    again = model.attribute("The car is green .", "La voiture est verte .", "saliency", show_progress=False)[0]
    assert np.array_equal(again.source_attributions, expected.source_attributions)


def test_resized_embeddings_are_read_where_they_are(tokenizer: Any) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    expected = ask(model, "saliency")
    module.resize_token_embeddings(module.config.vocab_size + 3, mean_resizing=False)
    assert np.array_equal(ask(model, "saliency").shape, expected.shape)
    assert model.adapter.card.vocabulary == module.config.vocab_size
    again = load_model(module, tokenizer=tokenizer, device="cpu")
    assert np.array_equal(ask(model, "saliency"), ask(again, "saliency"))


class _Torn(nn.Linear):
    """A layer that no device takes."""

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("out of memory")


def test_a_move_that_fails_half_way_is_undone() -> None:
    module = in_training(fresh())
    module.torn = _Torn(2, 2)
    before = state(module)
    held = {name: (p, p.data_ptr(), p.device) for name, p in module.named_parameters()}
    buffers = {name: (b, b.device) for name, b in module.named_buffers()}
    with pytest.raises(ModelLoadError, match="cannot be moved to 'meta'"):
        move(module, torch.device("meta"))  # other parts have gone there by then
    assert {name: (p, p.data_ptr(), p.device) for name, p in module.named_parameters()} == held
    assert {name: (b, b.device) for name, b in module.named_buffers()}.keys() == buffers.keys()
    assert all(b.device == buffers[name][1] for name, b in module.named_buffers())
    assert state(module) == before


def test_a_device_without_values_is_refused(tokenizer: Any) -> None:
    with pytest.raises(SettingsError, match="have no values"):
        load_model(fresh(), tokenizer=tokenizer, device="meta")


def test_configurations_within_configurations_keep_their_attention() -> None:
    module = build("gpt2")
    inner = copy.deepcopy(module.config)
    inner._attn_implementation_internal = "sdpa"
    type(module.config).sub_configs = {"text_config": type(inner)}
    try:
        module.config.text_config = inner
        module.config._attn_implementation_internal = "eager"
        with attention_implementation(module, "flex"):
            assert inner._attn_implementation == module.config._attn_implementation == "flex"
        assert (module.config._attn_implementation, inner._attn_implementation) == ("eager", "sdpa")
    finally:
        type(module.config).sub_configs = {}


def in_threads(*work: Any) -> list[Any]:
    """What each of ``work`` answers (or raises) when all begin together."""
    together = threading.Barrier(len(work))
    answers: list[Any] = [None] * len(work)

    def one(index: int) -> None:
        together.wait()
        try:
            answers[index] = work[index]()
        except Exception as error:  # the test shows it
            answers[index] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_adapters_of_one_module_share_its_lock(tokenizer: Any) -> None:
    module = fresh()
    first, second = (load_model(module, tokenizer=tokenizer, device="cpu") for _ in range(2))
    inside, free = threading.Event(), threading.Event()
    order: list[str] = []

    def holder() -> None:
        with first.adapter.reserved():
            inside.set()
            free.wait(60)
            order.append("first")

    thread = threading.Thread(target=holder)
    thread.start()
    inside.wait(60)
    other = threading.Thread(target=lambda: (ask(second, "saliency"), order.append("second")))
    other.start()
    other.join(0.5)
    free.set()
    thread.join()
    other.join()
    assert order == ["first", "second"]


def test_models_of_one_configuration_take_turns(tokenizer: Any) -> None:
    """What computes attention is set at the configuration: one would be watched, or not, as the other asks."""
    module = fresh()
    twin = type(module)(module.config)
    twin.load_state_dict(module.state_dict())
    assert twin.config is module.config
    before = [config._attn_implementation_internal for config in configs_of(module.modules())]
    models = [load_model(one, tokenizer=tokenizer) for one in (module, twin)]
    expected = {
        method: models[0].attribute(PROMPT, TEXT, method, show_progress=False)[0].target_attributions
        for method in ("value_zeroing", "attention")
    }
    wrong: list[object] = []

    def ask(model: Any, method: str) -> None:
        for _ in range(6):
            try:
                found = model.attribute(PROMPT, TEXT, method, show_progress=False)[0].target_attributions
                np.testing.assert_allclose(found, expected[method], rtol=0, atol=1e-5)
            except Exception as error:
                wrong.append(error)

    threads = [
        threading.Thread(target=ask, args=asked) for asked in zip(models, ("value_zeroing", "attention"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [config._attn_implementation_internal for config in configs_of(module.modules())] == before
    assert ownership._lease_of(module).turns == ownership._lease_of(twin).turns
    assert ownership._lease_of(module) is not ownership._lease_of(twin)
    assert ownership._lease_of(fresh()).turns != ownership._lease_of(twin).turns


def test_models_of_one_part_or_weight_take_turns(tokenizer: Any) -> None:
    """Hooks are put into the part: those of one model would be heard by the other."""
    first, second, third = fresh(), fresh(), fresh()
    second.model.embed_tokens = first.model.embed_tokens
    third.model.norm.weight = first.model.norm.weight
    right = load_model(fresh(), tokenizer=tokenizer).attribute(PROMPT, TEXT, "saliency", show_progress=False)

    def ask(module: Any) -> Any:
        model = load_model(module, tokenizer=tokenizer)
        return [model.attribute(PROMPT, TEXT, "saliency", show_progress=False)[0] for _ in range(15)]

    for answers in in_threads(lambda: ask(first), lambda: ask(second)):
        assert isinstance(answers, list), answers
        for found in answers:
            np.testing.assert_allclose(found.target_attributions, right[0].target_attributions, rtol=0, atol=1e-5)
    assert ownership._lease_of(first).turns == ownership._lease_of(second).turns == ownership._lease_of(third).turns


def test_a_module_that_joins_others_waits_for_all_of_them() -> None:
    first, second = fresh(), fresh()
    both = nn.ModuleList([first, second])
    apart = {ownership._lease_of(one).turns for one in (first, second)}
    assert len(apart) == 2
    assert set(ownership._lease_of(both).turns) == {turns for one in apart for turns in one}
    second.config = first.config  # after it was asked
    assert set(ownership._lease_of(second).turns) >= set(ownership._lease_of(first).turns)


def test_modules_that_join_others_in_other_orders_do_not_stop_one_another() -> None:
    first, second = fresh(), fresh()
    for one in (first, second):
        with reserved(one):
            pass
    joined = [nn.ModuleList(pair) for pair in ((first, second), (second, first))]

    def ask(lot: Any) -> int:
        for _ in range(200):
            with ExitStack() as stack:
                for turns in ownership._lease_of(lot).turns:
                    stack.enter_context(turns.lock)
        return 1

    assert in_threads(*(lambda lot=lot: ask(lot) for lot in joined)) == [1, 1]


def test_threads_that_wait_for_each_other_are_told_so() -> None:
    one, two, three = (build("llama") for _ in range(3))
    first = threading.Barrier(3, timeout=60)
    told: list[UsageError] = []
    done: list[str] = []

    def within(outer: Any, inner: Any, name: str) -> None:
        try:
            with reserved(outer):
                first.wait()
                with reserved(inner):
                    done.append(name)
        except UsageError as error:
            told.append(error)

    threads = [
        threading.Thread(target=within, args=args, daemon=True)
        for args in ((one, two, "one"), (two, three, "two"), (three, one, "three"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert len(told) == 1
    assert "neither could go on" in str(told[0])
    assert len(done) == 2
    with reserved(one), reserved(two), reserved(three):
        assert not ownership._waiting


def test_threads_leave_filters_of_warnings_as_they_were() -> None:
    """Of two threads the one that leaves last puts back no filter of the other's."""
    shared = SharedFilter("error", "no such thing")
    before, within, leave = list(warnings.filters), threading.Event(), threading.Event()

    def stay() -> None:
        with shared:
            within.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    with shared:
        thread.start()
        within.wait(10)
    with pytest.raises(UserWarning, match="no such thing"):
        warnings.warn("no such thing today", UserWarning, stacklevel=1)
    warnings.filterwarnings("ignore", "of the user's")  # set meanwhile, and kept
    leave.set()
    thread.join()
    users, *rest = warnings.filters
    assert "of the user's" in str(users)
    assert rest == before
    warnings.filters.remove(users)  # type: ignore[attr-defined]


@contextmanager
def another_within(shared: SharedFilter) -> Iterator[Any]:
    """Another thread is within ``shared``; what is given lets it go."""
    within, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with shared:
            within.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    within.wait(10)

    def let_go() -> None:
        leave.set()
        thread.join()

    try:
        yield let_go
    finally:
        let_go()


def test_a_filter_is_seen_ahead_of_what_was_set_while_another_thread_was_within() -> None:
    shared, before = SharedFilter("error", "no such thing"), list(warnings.filters)
    with another_within(shared), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with shared, pytest.raises(UserWarning, match="no such thing"):
            warnings.warn("no such thing", UserWarning, stacklevel=1)
    assert list(warnings.filters) == before


def test_a_filter_goes_where_the_list_of_filters_was_changed_meanwhile() -> None:
    shared, before = SharedFilter("error", "no such thing"), list(warnings.filters)
    with another_within(shared) as let_go, warnings.catch_warnings():
        let_go()
    assert list(warnings.filters) == before
    changed = warnings.catch_warnings()
    changed.__enter__()
    with another_within(shared):
        changed.__exit__(None, None, None)
        with shared, pytest.raises(UserWarning, match="no such thing"):
            warnings.warn("no such thing", UserWarning, stacklevel=1)
    assert list(warnings.filters) == before


def test_weights_made_in_inference_mode_are_refused_and_stay_as_they_are(tokenizer: Any) -> None:
    own = fresh()
    with torch.inference_mode():
        module = type(own)(own.config).eval()
        module.load_state_dict(own.state_dict())
    asking = [weight.requires_grad for weight in module.parameters()]
    assert any(asking)
    model = load_model(module, tokenizer=tokenizer)
    for method in ("saliency", "layer_gradient_x_activation", "attention_gradient_rollout"):
        with pytest.raises(ModelCapabilityError, match=r"made in torch\.inference_mode"):
            model.attribute(PROMPT, TEXT, method, show_progress=False, **SETTINGS.get(method, {}))
    kept = {name: weight.clone() for name, weight in module.state_dict().items()}
    with model.adapter.randomised(1.0, seed=1):
        assert not torch.equal(module.lm_head.weight, kept["lm_head.weight"])
    assert all(torch.equal(weight, kept[name]) for name, weight in module.state_dict().items())
    assert [weight.requires_grad for weight in module.parameters()] == asking
    (found,) = model.attribute(PROMPT, TEXT, "occlusion", show_progress=False)
    (right,) = load_model(own, tokenizer=tokenizer).attribute(PROMPT, TEXT, "occlusion", show_progress=False)
    np.testing.assert_allclose(found.target_attributions, right.target_attributions, rtol=0, atol=1e-6)


def test_what_is_derived_from_weights_is_of_the_weights_that_are_there(tokenizer: Any) -> None:
    model = load_model(fresh(), tokenizer=tokenizer, device="cpu").adapter
    with model.reserved():
        mean, mark = model.mean_embedding(side="target"), model.fingerprint()
        with model.randomised(1.0, seed=1):
            assert not torch.equal(model.mean_embedding(side="target"), mean)
            assert model.fingerprint() != mark
        assert torch.equal(model.mean_embedding(side="target"), mean)
        assert model.fingerprint() == mark


def test_a_lock_does_not_keep_its_module_alive() -> None:
    module = build("gpt2")
    with reserved(module):
        pass
    gone = weakref.ref(module)
    del module
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
def test_a_child_of_a_process_that_holds_the_lock_may_ask(tokenizer: Any) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer, device="cpu")
    inside, free = threading.Event(), threading.Event()

    def holder() -> None:
        with model.adapter.reserved():
            inside.set()
            free.wait(60)

    thread = threading.Thread(target=holder)
    thread.start()
    inside.wait(60)
    child = os.fork()
    if child == 0:
        with reserved(module):
            os._exit(7)
    _, status = os.waitpid(child, 0)
    free.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 7


def test_tasks_of_asyncio_get_the_right_numbers(tokenizer: Any) -> None:
    model = load_model(fresh(), tokenizer=tokenizer, device="cpu")
    names = ("saliency", "attention", "occlusion", "value_zeroing")
    expected = [ask(model, name) for name in names]

    async def together() -> list[np.ndarray]:
        return await asyncio.gather(*[asyncio.to_thread(ask, model, name) for name in names])

    for seen, right in zip(asyncio.run(together()), expected, strict=True):
        assert np.array_equal(seen, right, equal_nan=True)


def yields_in_blocks(source: str) -> list[str]:
    """Generators that yield within a ``with`` block: a mode or a hook that lives as long as the caller likes."""
    found: list[str] = []

    def walk(node: ast.AST, name: str, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                continue
            if inside and isinstance(child, ast.Yield | ast.YieldFrom):
                found.append(f"{name}:{child.lineno}")
            walk(child, name, inside or isinstance(child, ast.With))

    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            managers = [ast.unparse(one) for one in function.decorator_list]
            if "contextmanager" not in managers:
                walk(function, function.name, False)
    return found


def test_no_answer_is_handed_on_from_within_a_block() -> None:
    root = Path(wherefrom_hf.__file__).parent
    for path in root.rglob("*.py"):
        assert not yields_in_blocks(path.read_text("utf-8")), path.name
    assert yields_in_blocks("def f():\n    with a:\n        for x in y:\n            yield x") == ["f:4"]
