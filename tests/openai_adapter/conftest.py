"""llama.cpp's server on loopback, started once per session; tests skip where its wheel or the weights are absent."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVE = """
import sys, time, xllamacpp
settings = xllamacpp.CommonParams()
settings.model.path, settings.port, settings.hostnames = sys.argv[1], int(sys.argv[2]), ["127.0.0.1"]
settings.n_ctx, settings.n_parallel, settings.model_alias = 2048, 1, {"smollm2"}
settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it rounds to float16
server = xllamacpp.Server(settings)
while True:
    time.sleep(3600)
"""


class LlamaServer:
    """The process, which may be killed and started again on the same port."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.weights), str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.5)
            assert self.process.poll() is None, "the server ended"
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """A server of SmolLM2, its weights widened to float32."""
    if importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("gguf") is None:
        pytest.skip("the server is not installed: uv run --group server --with gguf pytest -m server")
    from wherefrom_hf.demo._fetched import gguf_path

    weights = gguf_path("smollm2")
    if weights is None:
        pytest.skip("SmolLM2's GGUF was not kept: uv run python -m wherefrom_hf.demo.pretrained --gguf smollm2")
    plain = tmp_path_factory.mktemp("weights") / "smollm2-f32.gguf"
    subprocess.run([sys.executable, str(Path(__file__).with_name("plain_gguf.py")), weights, plain], check=True)
    server = LlamaServer(plain)
    server.start()
    yield server
    server.kill()
