"""Whatever the bytes are: one clear error, bounded memory, nothing imported."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from wherefrom.errors import FileFormatError
from wherefrom.files import load
from wherefrom.files.wire.arrays import WireArray, decode_array, encode_array
from wherefrom.files.wire.limits import Budget
from wherefrom.files.wire.plain import from_plain, to_plain
from wherefrom.files.wire.tokens import decode_tokens, encode_tokens
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.text.tokens import Token

from tests.core.made import attribution


def document() -> dict[str, Any]:
    made = attribution([" x", "y"], ["<s>", " a", "b"], 1, sizes=(40,), special=(0,))
    read: dict[str, Any] = json.loads(Attributions(sequence_attributions=(made,)).to_json())
    return read


def changed(*path: Any, to: Any) -> bytes:
    """The document with the value at ``path`` replaced."""
    made = document()
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(made).encode()


EX = ("examples", 0)
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n ",
    "text": b"hello",
    "list": b"[]",
    "null": b"null",
    "another object": b'{"a": 1}',
    "cut": json.dumps(document()).encode()[:-50],
    "deep nesting": b'{"format":"wherefrom","version":"1.0","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep inseq": b'{"sequence_attributions"' + b":[" + b"[" * 100_000,
    "no version": b'{"format":"wherefrom"}',
    "version of another type": b'{"format":"wherefrom","version":1.0}',
    "version without end": b'{"format":"wherefrom","version":"' + b"9" * 5000 + b'.0"}',
    "examples of another type": changed("examples", to={}),
    "example of another type": changed(*EX, to=3),
    "no target": changed(*EX, to={"steps": [0, 1]}),
    "steps outside": changed(*EX, "steps", to=[1, 10**9]),
    "steps backwards": changed(*EX, "steps", to=[2, 1]),
    "steps negative": changed(*EX, "steps", to=[-1, 1]),
    "steps beyond 64 bits": changed(*EX, "steps", to=[0, 10**30]),
    "id of another type": changed(*EX, "id", to=3),
    "method as a list": changed(*EX, "method", to=["os", "system"]),
    "fewer texts than ids": changed(*EX, "target", "texts", to=["a"]),
    "ids as text": changed(*EX, "target", "ids", to=["a", "b", "c"]),
    "odd piece outside": changed(*EX, "target", "odd_pieces", to={"99": "x"}),
    "odd piece nowhere": changed(*EX, "target", "odd_pieces", to={"-1": "x"}),
    "unknown spelling": changed(*EX, "target", "spelling", to="os.system"),
    "unknown offsets": changed(*EX, "target", "offsets", to="magic"),
    "odd words": changed(*EX, "target", "words", to="+?="),
    "gigantic shape": changed(*EX, "target_attributions", "shape", to=[3, 2, 10**15]),
    "gigantic shape of small rows": changed(*EX, "target_attributions", "shape", to=[10**6, 10**6]),
    "negative shape": changed(*EX, "target_attributions", "shape", to=[3, -2, 40]),
    "too many dimensions": changed(*EX, "target_attributions", "shape", to=[1] * 1000),
    "another shape": changed(*EX, "target_attributions", "shape", to=[3, 2, 41]),
    "fewer dimensions": changed(*EX, "dimensions", to=[]),
    "unknown dtype": changed(*EX, "target_attributions", "dtype", to="object"),
    "structured dtype": changed(*EX, "target_attributions", "dtype", to="f4,(99999999,)f8"),
    "unknown packing": changed(*EX, "target_attributions", "packing", to="pickle"),
    "damaged packing": changed(*EX, "target_attributions", "data", to=base64.b64encode(b"xxxx").decode()),
    "no base64": changed(*EX, "target_attributions", "data", to="%%%"),
    "values and data": changed(*EX, "target_attributions", "values", to=[1]),
    "step scores of another length": changed(
        *EX, "step_scores", "entropy", to={"dtype": "float32", "shape": [0], "values": []}
    ),
    "value too large": changed(*EX, "step_scores", "entropy", to={"dtype": "int8", "shape": [2], "values": [1, 999]}),
    "segments of another type": changed(*EX, "segments", to=[{"side": 1}]),
    "stage of another type": changed(*EX, "aggregations", to=[{"name": "reduce", "settings": 3}]),
    "provenance of another type": changed("provenance", to={"versions": [1]}),
    "gzip cut": gzip.compress(json.dumps(document()).encode())[:-20],
    "gzip damaged": b"\x1f\x8b" + b"nonsense" * 10,
    "zstd damaged": b"\x28\xb5\x2f\xfd" + b"nonsense" * 10,
    "MessagePack cut": b"\x82\xa6format\xa9wherefrom\xa7version",
    "MessagePack claims": b"\xdf\xff\xff\xff\xff",
    "MessagePack text claims": b"\x81\xa6format\xdb\xff\xff\xff\xff",
    "not UTF-8": b'{"format":"wherefrom","version":"1.0","provenance":{"created":"\xff\xfe"}}',
    "NaN": b'{"format":"wherefrom","version":"1.0","provenance":{"seconds":NaN}}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_end_in_one_clear_error(name: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        Attributions.from_bytes(HOSTILE[name], name="evil.json")
    assert str(caught.value).startswith("evil.json: ")
    assert len(str(caught.value)) < 1200


def test_the_unchanged_document_is_fine() -> None:
    assert len(Attributions.from_bytes(json.dumps(document()).encode())) == 1


MEMORY = """
import resource, sys
sys.path.insert(0, "")
from wherefrom.results.attribution import Attributions
from wherefrom.errors import FileFormatError
data = sys.stdin.buffer.read()
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
before, modules = peak(), set(sys.modules)
try:
    Attributions.from_bytes(data)
except FileFormatError as error:
    imported = set(sys.modules) - modules - {"zstandard", "zstandard.backend_c"}
    print(peak() - before, sorted(imported), str(error)[:200], sep="|")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("name", ["gzip", "zstd", "array", "claims"])
def test_bombs_use_bounded_memory_and_import_nothing(name: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    if name == "gzip":
        worker = zlib.compressobj(9, wbits=31)
        data = b"".join(worker.compress(bytes(10**7)) for _ in range(100)) + worker.flush()
    elif name == "zstd":
        worker = zstandard.ZstdCompressor(level=3).compressobj()
        data = b"".join(worker.compress(bytes(10**7)) for _ in range(100)) + worker.flush()
    elif name == "array":
        packed = base64.b64encode(zlib.compress(bytes(2 * 10**8), 9)).decode()
        wire = {"dtype": "float32", "shape": [5 * 10**7], "data": packed, "packing": "planes+deflate"}
        made = document()
        made["examples"][0]["step_scores"] = {str(index): wire for index in range(4)}
        data = json.dumps(made).encode()
    else:
        data = changed(*EX, "target_attributions", "shape", to=[3, 2, 10**10])
    done = subprocess.run([sys.executable, "-c", MEMORY], input=data, capture_output=True, check=True)
    used, imported, message = done.stdout.decode().split("|", 2)
    assert float(used) < 700, message
    assert imported == "[]"
    assert "max_bytes" in message or "bytes" in message


def test_names_in_files_are_text() -> None:
    made = document()
    made["examples"][0]["aggregations"] = [{"name": "os.system", "settings": {"command": "touch /tmp/x"}}]
    made["examples"][0]["details"] = {"$number": "__import__('os')"}
    made["examples"][0]["default_aggregation"] = [{"name": "antigravity:fly"}]
    (one,) = Attributions.from_bytes(json.dumps(made).encode())
    assert one.aggregations[0].name == "os.system"
    assert one.details == {"$number": "__import__('os')"}
    assert "antigravity" not in sys.modules


# properties

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def token_lists(draw: st.DrawFn) -> tuple[Token, ...]:
    made = []
    for position in range(draw(st.integers(0, 8))):
        text = draw(texts)
        spelt = draw(st.sampled_from([text, text.replace(" ", "▁"), text.replace(" ", "Ġ"), draw(texts)]))
        start = draw(st.one_of(st.none(), st.integers(0, 99)))
        made.append(
            Token(
                id=draw(st.integers(-1, 2**40)),
                piece=spelt,
                text=text,
                position=draw(st.sampled_from([position, position, position + 3])),
                size=draw(st.sampled_from([1, 1, 2])),
                start=start,
                end=None if start is None else start + draw(st.sampled_from([len(text), 5])),
                special=draw(st.booleans()),
                word=draw(st.one_of(st.none(), st.integers(0, 9))),
            )
        )
    return tuple(made)


@given(token_lists())
def test_any_tokens_survive(tokens: tuple[Token, ...]) -> None:
    encoded = msgspec.json.encode(encode_tokens(tokens))
    assert decode_tokens(msgspec.json.decode(encoded, type=type(encode_tokens(tokens))), "$") == tokens


DTYPES = st.one_of(
    arrays.floating_dtypes(endianness="="), arrays.integer_dtypes(endianness="="), arrays.boolean_dtypes()
)


@given(arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)))
def test_any_array_survives_bit_by_bit(array: np.ndarray) -> None:
    for encode, decode in (
        (msgspec.json.encode, msgspec.json.decode),
        (msgspec.msgpack.encode, msgspec.msgpack.decode),
    ):
        wire = decode(encode(encode_array(array)), type=WireArray)
        back = decode_array(wire, Budget(10**6), "$")
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == np.ascontiguousarray(array).tobytes()


plain_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@given(plain_values)
def test_any_settings_survive(value: Any) -> None:
    back = from_plain(msgspec.json.decode(msgspec.json.encode(to_plain(value))))
    assert repr(back) == repr(value)


# fuzzing


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A few random changes: bytes, cuts, repeats, numbers made large."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(made) or 1)
        what = rng.randrange(6)
        if what == 0 and made:
            made[place] = rng.randrange(256)
        elif what == 1:
            del made[place : place + rng.randint(1, 40)]
        elif what == 2:
            made[place:place] = made[place : place + rng.randint(1, 40)]
        elif what == 3:
            made[place:place] = rng.choice([b"[", b"{", b'"', b"null", b"-1", b"1e400", b"99999999999999999999", b"\0"])
        elif what == 4:
            del made[place:]
        else:
            digits = [index for index, byte in enumerate(made) if chr(byte).isdigit()]
            if digits:
                made[rng.choice(digits)] = ord(rng.choice("0123456789"))
    return bytes(made)


def seeds() -> list[bytes]:
    raw = Attributions(
        sequence_attributions=(attribution([" x", "y"], ["<s>", " a", "b"], 1, sizes=(40,), special=(0,)),)
    )
    done = raw.aggregate()
    return [raw.to_bytes("json"), raw.to_bytes("msgpack"), (done + done).to_bytes("jsonl"), done.to_bytes("msgpack")]


def fuzz(rounds: int, seed: int, read: Callable[[bytes], object]) -> None:
    rng = random.Random(seed)
    starts = seeds()
    for _ in range(rounds):
        data = mutate(rng.choice(starts), rng)
        try:
            read(data)
        except FileFormatError:
            continue


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_mutated_files_are_read_or_refused() -> None:
    fuzz(int(os.environ.get("WHEREFROM_FUZZ_ROUNDS", "3000")), 11, Attributions.from_bytes)


@settings(max_examples=200)
@given(st.binary(max_size=300))
@pytest.mark.filterwarnings("ignore:.*cut off")
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        made = Attributions.from_bytes(data)
    except FileFormatError:
        return
    assert all(isinstance(one, Attribution) for one in made)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"<!doctype html><html><body></body></html>", "an HTML page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', r"an image \(SVG\)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", r"an image \(PNG\)"),
        (b"PAR1\x15\x04\x15\x10", "a Parquet table"),
        ('{"format": "wherefrom"}'.encode("utf-16"), "UTF-16 text"),
        (b"example,step,score\n0,1,0.5\n", "a text or a table"),
        (b"[1, 2]", "a JSON list"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=f"This is {words}.*Give a file that") as told:
        load(path)
    assert "Expected `" not in str(told.value)


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_bytes(b'{"format": "wherefrom", "version": "1.0", "examples": [{"tar')
    with pytest.raises(FileFormatError, match="It is cut off"):
        load(path)
