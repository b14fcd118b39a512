"""A small server of `ReferenceModel` on loopback: both dialects, and every fault on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from attrs import define, field
from wherefrom.adapters import Row
from wherefrom.testing import ReferenceModel
from wherefrom.text.spelling import bytes_of

MODEL = ReferenceModel()
SIZE = len(MODEL.vocabulary)


@define
class StandIn:
    """What the server does, and what it was asked."""

    way: str = "steps"
    """``steps``, ``echo`` or ``prompt_logprobs``; ``none``: no log-probabilities at all."""
    tokenises: bool = True
    dialect: str = "llama.cpp"
    """``llama.cpp`` or ``vllm``: the fields of its answers, as those servers send them."""
    most: int = SIZE
    """Longest list of likely tokens."""
    faults: list[str] = field(factory=list)
    """Done to the next completions, one each."""
    hang: threading.Event | None = None
    """Completions are not answered before it is set."""
    waiting: int = 0
    """Completions that wait for that."""
    gone_after: int | None = None
    """So many completions are answered, no more."""
    odd: dict[str, Any] = field(factory=dict)
    """Answers of its own to what is asked at a path."""
    altered: Callable[[Any], None] | None = None
    """Changes completions before they are sent."""
    tokenizer: Any = None
    """A `tokenizers.Tokenizer` instead of the reference's: its texts are asked about, not what follows them."""
    lists_unfinished: bool = True
    """False: as llama.cpp's server, which lists the last token of a character alone, with what all of them spell."""
    script: list[int] = field(factory=list)
    """Tokens that are generated, one after another, whatever the reference would say."""
    tells_pieces: bool = True
    """Are the pieces of the vocabulary sent to whom asks for them?"""
    beginning: str = ""
    """Stands in front of rendered chats; llama.cpp takes off what names BOS there."""
    headers: dict[str, str] = field(factory=dict)
    """Sent with every answer."""
    status: int = 200
    """Of every answer that would have been one of success."""
    asked_with: list[dict[str, str]] = field(factory=list)
    """Headers that came."""
    completions: int = 0
    tokens: int = 0
    seeds: list[int] = field(factory=list)
    """Those of completions that had one."""
    url: str = ""


def log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def logprobs(ids: list[int], size: int = SIZE) -> Any:
    """Of what follows each of the ids. Shape ``(len(ids), size)``; those beyond the reference's are as its first."""
    known = np.array([*ids, 0]) % SIZE  # a tokenizer of its own has more
    row = Row(target_ids=known, steps=np.arange(1, len(ids) + 1))
    logits = next(iter(MODEL.predict([row]))).logits
    return log_softmax(logits[:, np.arange(size) % SIZE])


def top(line: Any, most: int) -> dict[int, float]:
    return {int(i): float(line[i]) for i in np.argsort(-line)[:most]}


def completion(state: StandIn, body: dict[str, Any]) -> tuple[int, Any]:
    ids = body["prompt"]
    size = SIZE if state.tokenizer is None else state.tokenizer.get_vocab_size()
    said = logprobs(ids, size)
    best = int(said[-1].argmax())
    if "prompt_logprobs" in body:
        if state.way != "prompt_logprobs":
            return 400, {"error": "prompt_logprobs is unknown"}
        if body["prompt_logprobs"] > state.most:
            return 400, {"error": f"at most {state.most}"}
        lists: list[Any] = [None]
        for place, i in enumerate(ids[1:]):
            listed = {i: float(said[place][i])} | top(said[place], body["prompt_logprobs"])
            ranks = {int(j): rank for rank, j in enumerate(np.argsort(-said[place]), 1)}
            lists.append(
                {
                    str(j): {"logprob": value, "rank": ranks[j], "decoded_token": MODEL.vocabulary.pieces[j]}
                    for j, value in listed.items()
                }
            )
        return 200, {"choices": [{"text": "", "prompt_logprobs": lists}]}
    if state.way == "none":
        return 200, {"choices": [{"text": "x"}]}
    if body.get("logprobs", 0) > state.most:
        return 400, {"error": f"at most {state.most}"}
    if body.get("echo"):
        if state.way != "echo":
            return 400, {"error": "echo is not supported"}
        named = [None] + [{f"token_id:{i}": v for i, v in top(x, body["logprobs"]).items()} for x in said]
        own = [None] + [float(said[place][i]) for place, i in enumerate(ids[1:])] + [float(said[-1][best])]
        names = [f"token_id:{i}" for i in (*ids, best)]
        return 200, {"choices": [{"logprobs": {"tokens": names, "token_logprobs": own, "top_logprobs": named}}]}
    if state.dialect == "vllm":
        names, values, tops = [], [], []
        for _ in range(body["max_tokens"]):
            line = logprobs(ids, size)[-1]
            best = following(line, body, len(ids))
            names.append(f"token_id:{best}")
            values.append(float(line[best]))
            tops.append({f"token_id:{i}": v for i, v in top(line, body["logprobs"]).items()})
            ids = [*ids, best]
        lists = {"text_offset": [], "tokens": names, "token_logprobs": values, "top_logprobs": tops}
        return 200, {"choices": [{"index": 0, "finish_reason": "length", "logprobs": lists}]}
    content = []
    for number in range(body["max_tokens"]):
        line = logprobs(ids, size)[-1]
        best = state.script[number] if number < len(state.script) else following(line, body, len(ids))
        likely = [named_token(state, i) | {"logprob": v} for i, v in top(line, body["logprobs"]).items()]
        content.append(named_token(state, best) | {"logprob": float(line[best]), "top_logprobs": likely})
        ids = [*ids, best]
    made = {"completion_tokens": len(content)}
    text = b"".join(bytes(one.get("bytes", [])) for one in content).decode("utf-8", "replace")
    choice: dict[str, Any] = {"text": text, "finish_reason": "length"}
    listed = content if state.lists_unfinished else finished(content)
    return 200, {"choices": [choice | {"logprobs": {"content": listed} if listed else None}], "usage": made}


def following(line: Any, body: dict[str, Any], place: int) -> int:
    """The most likely token; with a temperature one that is drawn, by the seed and the place."""
    if not body.get("temperature"):
        return int(line.argmax())
    return int(np.random.default_rng([body.get("seed", 0), place]).choice(len(line), p=np.exp(line)))


def named_token(state: StandIn, index: int) -> dict[str, Any]:
    """A token as llama.cpp's server names it."""
    if state.tokenizer is None:
        return {"id": index, "token": "?"}
    spelt = bytes_of(state.tokenizer.id_to_token(index), letters=True)
    return {"id": index, "token": spelt.decode("utf-8", "replace"), "bytes": list(spelt)}


def finished(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the tokens before the last one of a character."""
    listed, pending = [], b""
    for one in content:
        pending += bytes(one["bytes"])
        with suppress(UnicodeDecodeError):
            listed.append(one | {"token": pending.decode(), "bytes": list(pending)})
            pending = b""
    return listed


def vllm(state: StandIn, path: str, body: dict[str, Any]) -> tuple[int, Any] | None:
    """What vLLM answers otherwise than llama.cpp's server; None: the same."""
    if path == "/v1/models":
        return 200, {"object": "list", "data": [{"id": "reference", "root": "reference", "max_model_len": 64}]}
    if state.tokenizer is not None and path in ("/tokenize", "/detokenize"):
        return 200, tokenised(state, body)
    if path == "/tokenize":
        text = body["prompt"] if "prompt" in body else spoken(body["messages"])
        begin = [MODEL.card.bos_id] if body.get("add_special_tokens", True) else []
        if text in MODEL.vocabulary.pieces:
            return 200, {"count": len(begin) + 1, "max_model_len": 64, "tokens": [*begin, MODEL.vocabulary.id_of(text)]}
        ids = begin + [index for index, *_ in MODEL.vocabulary.split(text)]
        return 200, {"count": len(ids), "max_model_len": 64, "tokens": ids}
    if path == "/detokenize":
        return 200, {"prompt": "".join(MODEL.vocabulary.pieces[i].replace("▁", " ") for i in body["tokens"])}
    return (404, {"error": "Not Found"}) if path in ("/props", "/apply-template") else None


def tokenised(state: StandIn, body: dict[str, Any]) -> Any:
    """What a tokenizer's texts and ids are, as vLLM answers."""
    if "tokens" in body:
        return {"prompt": state.tokenizer.decode(body["tokens"], skip_special_tokens=False)}
    chat = "".join(f"[INST]{one['content']}[/INST]" for one in body.get("messages", ()))
    said = state.tokenizer.encode(chat or body["prompt"], add_special_tokens=body.get("add_special_tokens", not chat))
    told = {"count": len(said.ids), "max_model_len": 64, "tokens": said.ids}
    asked = state.tells_pieces and body.get("return_token_strs")
    return told | {"token_strs": said.tokens if asked else None}


def pieced(state: StandIn, body: dict[str, Any]) -> Any:
    """What a tokenizer's texts and ids are, as llama.cpp's server answers; it writes bytes as letters."""
    if "tokens" in body:
        spelt = [bytes_of(state.tokenizer.id_to_token(index), letters=True) for index in body["tokens"]]
        return {"content": b"".join(spelt).decode("utf-8", "replace")}
    said = state.tokenizer.encode(body["content"], add_special_tokens=bool(body.get("add_special")))
    spelt = [bytes_of(piece, letters=True) for piece in said.tokens]
    pieces = [list(one) if "\ufffd" in one.decode("utf-8", "replace") else one.decode() for one in spelt]
    return {"tokens": [{"id": index, "piece": piece} for index, piece in zip(said.ids, pieces, strict=True)]}


def spoken(messages: list[dict[str, str]]) -> str:
    return " ".join(f"{one['role']} {one['content']}" for one in messages)


def answered(state: StandIn, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    if path in state.odd:
        return 200, state.odd[path]
    if state.dialect == "vllm" and (answer := vllm(state, path, body)) is not None:
        return answer
    if path == "/v1/models":
        size = SIZE if state.tokenizer is None else state.tokenizer.get_vocab_size()
        return 200, {"data": [{"id": "reference", "meta": {"n_vocab": size}}]}
    if path == "/props":
        return 200, {"eos_token": "</s>", "bos_token": "<s>", "default_generation_settings": {"n_ctx": 64}}
    if state.tokenizer is not None and path in ("/tokenize", "/detokenize"):
        return 200, pieced(state, body)
    if path == "/tokenize" and state.tokenises:
        text = body["content"]
        if text in MODEL.vocabulary.pieces and body.get("parse_special"):
            return 200, {"tokens": [{"id": MODEL.vocabulary.id_of(text), "piece": text}]}
        begin = {"id": MODEL.card.bos_id, "piece": "<s>"}
        found, before = [begin] if body.get("add_special") else [], 0
        if text.startswith("<s>") and body.get("parse_special"):
            text = text.removeprefix("<s>")
            found.append(begin)
        for index, _, end, _ in MODEL.vocabulary.split(text):
            found.append({"id": index, "piece": text[before:end]})
            before = end
        return 200, {"tokens": found}
    if path == "/detokenize":
        return 200, {"content": "".join(MODEL.vocabulary.pieces[i].replace("▁", " ") for i in body["tokens"])}
    if path == "/apply-template":
        return 200, {"prompt": state.beginning + spoken(body["messages"])}
    if path == "/v1/completions":
        state.completions += 1
        state.tokens += len(body["prompt"])
        return completion(state, body)
    return 404, {"error": "not here"}


@contextmanager
def serving(**choices: Any) -> Iterator[StandIn]:
    """The server, for the time of the block."""
    state = StandIn(**choices)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(*answered(state, self.path, {}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "seed" in body:
                state.seeds.append(body["seed"])
            if state.gone_after is not None and state.completions >= state.gone_after:
                self.connection.close()
                return
            fault = state.faults.pop(0) if state.faults and self.path.endswith("completions") else ""
            if fault.isdigit():
                self._send(int(fault), {"error": "fault"})
                return
            if fault == "cut":
                self.connection.close()
                return
            if fault == "slow":
                time.sleep(1.0)
            if state.hang is not None and not fault and self.path.endswith("completions"):
                state.waiting += 1
                state.hang.wait()
            status, answer = answered(state, self.path, body)
            if fault == "nan":
                answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["logprob"] = float("nan")
            if fault == "short":
                answer["choices"][0]["prompt_logprobs"] = answer["choices"][0]["prompt_logprobs"][:-1]
            if fault == "empty":
                answer["choices"][0]["logprobs"]["content"] = []
            if state.altered and status == 200 and self.path.endswith("completions"):
                state.altered(answer)
            self._send(status, answer)

        def _send(self, status: int, answer: Any) -> None:
            data = json.dumps(answer).encode()
            state.asked_with.append(dict(self.headers))
            try:
                self.send_response(state.status if status == 200 else status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in state.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the other side gave up waiting

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
