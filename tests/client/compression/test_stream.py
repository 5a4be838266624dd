"""The stream: everything comes back, through a file too, and nothing that is broken passes."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trimtab import compress
from trimtab.compression import CorruptStream, decode, load, stream

DTYPES = st.sampled_from([np.float16, np.float32, np.float64])
SHAPES = npst.array_shapes(min_dims=1, max_dims=4, max_side=5)
ARRAYS = DTYPES.flatmap(lambda dtype: npst.arrays(dtype, SHAPES, elements=st.floats(-100, 100, width=16)))
WEIGHTS = st.dictionaries(st.text(max_size=8), ARRAYS, min_size=1, max_size=4)
SETTINGS = st.fixed_dictionaries(
    {
        "prune": st.none() | st.floats(0, 0.95),
        "bits": st.none() | st.integers(1, 16),
        "huffman": st.booleans(),
        "index_bits": st.none() | st.integers(1, 8),
    }
)


def small_model():
    rng = np.random.default_rng(0)
    return {
        "conv": rng.normal(size=(2, 3, 3, 2)).astype(np.float32),
        "bias": rng.normal(size=3),
        "steps": np.array(7),
    }


@given(weights=WEIGHTS, options=SETTINGS)
def test_every_model_comes_back_as_it_was_quantised(weights, options) -> None:
    report = compress(weights, **options)
    expected = {name: layer.restore() for name, layer in report.layers.items()}
    assert list(report.restored) == list(weights)
    for name, array in report.restored.items():
        assert array.dtype == weights[name].dtype
        assert array.shape == weights[name].shape
        assert array.tobytes() == expected[name].tobytes()
        if options["bits"] is None and not options["prune"]:
            assert array.tobytes() == weights[name].tobytes()


def test_the_stream_survives_the_file(tmp_path) -> None:
    report = compress(small_model(), prune=0.5, bits=3)
    report.save(tmp_path / "model.trim")
    loaded = load(tmp_path / "model.trim")
    assert os.path.getsize(tmp_path / "model.trim") == report.stored_bytes
    assert {name: array.tobytes() for name, array in loaded.items()} == {
        name: array.tobytes() for name, array in report.restored.items()
    }
    assert [path.name for path in tmp_path.iterdir()] == ["model.trim"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path) -> None:
    (tmp_path / "model.trim").mkdir()
    with pytest.raises(OSError, match=r"model\.trim"):
        compress(small_model(), bits=3).save(tmp_path / "model.trim")
    assert [path.name for path in tmp_path.iterdir()] == ["model.trim"]


def test_a_saved_file_can_be_read_by_whom_the_umask_lets(tmp_path) -> None:
    before = os.umask(0o027)
    try:
        compress(small_model(), bits=3).save(tmp_path / "model.trim")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.trim").stat().st_mode) == 0o640


@pytest.mark.parametrize("options", [{"prune": 0.5, "bits": 3}, {"prune": 0.5}, {"bits": 4, "quantizer": "uniform"}])
def test_every_truncation_and_every_flipped_bit_is_noticed(options) -> None:
    data = compress(small_model(), **options).data
    assert len(data) < 500
    for end in range(len(data)):
        with pytest.raises(CorruptStream):
            decode(data[:end])
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptStream):
            decode(bytes(broken))


def test_the_error_names_where_the_broken_section_begins() -> None:
    data = compress({"first": np.ones((2, 2)), "second": np.ones((3, 3))}, bits=1).data
    broken = bytearray(data)
    broken[-10] ^= 1
    with pytest.raises(CorruptStream, match=r"the check \(CRC\) fails \(at byte \d+\)") as found:
        decode(bytes(broken))
    assert data.index(b"second") - 3 <= found.value.offset < data.index(b"second")


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"PK\x03\x04rest", r"begin with b'TRIM', got b'PK", 0),
        (b"", "expected 4 bytes, got 0: cut off", 0),
        (b"TRIM\x63", "expected version 1, got 99", 4),
    ],
)
def test_what_is_no_stream_is_refused_in_words(data, message, offset) -> None:
    with pytest.raises(CorruptStream, match=message) as found:
        decode(data)
    assert found.value.offset == offset


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("bits", [1, 2, 5, 16])
def test_a_grid_that_reaches_beyond_the_dtype_ends_at_its_largest_number(dtype, bits) -> None:
    most = np.finfo(dtype).max
    layer = np.array([[most, -0.9 * most, 3]], dtype)
    restored = compress(layer, bits=bits, quantizer="uniform", symmetric=False).restored
    assert np.isfinite(restored).all()


def test_a_layer_that_comes_twice_is_refused() -> None:
    section = forged("<f4", (1,), b"\0" + bytes(4))[10:]
    head = stream.MAGIC + bytes([stream.VERSION, 2])
    with pytest.raises(CorruptStream, match="expected each name once, got 'w' again") as found:
        decode(head + stream._crc(head) + section + section)
    assert found.value.offset == 10 + len(section)


def test_what_stands_behind_the_end_is_refused() -> None:
    data = compress(small_model(), bits=3).data
    with pytest.raises(CorruptStream, match="expected the end, got 1 bytes more") as found:
        decode(data + b"\0")
    assert found.value.offset == len(data)


@settings(max_examples=300)
@given(data=st.binary(max_size=200), at=st.integers(5, 100))
def test_foreign_bytes_never_do_more_than_raise(data, at) -> None:
    whole = compress(small_model(), bits=3).data
    with pytest.raises(CorruptStream):
        decode(whole[:at] + data)


def forged(dtype: str, shape: tuple[int, ...], content: bytes) -> bytes:
    """A stream of one layer with true checks and whatever content."""
    head = stream.MAGIC + bytes([stream.VERSION, 1])
    sizes = b"".join(stream._number(side) for side in (len(shape), *shape))
    body = stream._text("w") + stream._text(dtype) + sizes + content
    section = stream._number(len(body)) + body
    return head + stream._crc(head) + section + stream._crc(section)


@pytest.mark.parametrize(
    "data",
    [
        forged("(,)f4", (1,), b"\0" + bytes(4)),
        forged("V4", (1,), b"\0" + bytes(4)),
        forged("<i4", (4,), bytes([2, 1]) + bytes(5)),
        forged("<f4", (1,) * 80, b"\0" + bytes(4)),
        forged("<f4", (1,), bytes([3 | 64, 4, 7]) + bytes(7)),
        forged("<f4", (4,), bytes([3, 200]) + bytes(106)),
        forged("<f4", (4,), bytes([1 | 16]) + stream._number(10**9) + bytes([1, 1, 0])),
        forged("<f4", (2**63, 2**63), bytes([2 | 32, 1]) + bytes(4) + b"\x03\0"),
        forged("<f4", (2**62,), bytes([2 | 16, 4, 0, 0, 1]) + bytes(4)),
    ],
    ids=[
        "dtype",
        "no number",
        "shared ints",
        "axes",
        "channels",
        "wide symbols",
        "wide gaps",
        "many symbols",
        "many weights",
    ],
)
def test_a_forged_layer_with_true_checks_is_refused_where_it_begins(data) -> None:
    with pytest.raises(CorruptStream, match="expected a layer, got one that makes no sense") as found:
        decode(data)
    assert found.value.offset == 10
