from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.corpus import HOSTILE
from trimtab_service.api.errors import InvalidJson
from trimtab_service.api.strict_json import canonical, loads


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        loads(HOSTILE[name])

    assert caught.value.detail.startswith("expected ")
    assert caught.value.detail.isascii()


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a", "n": [1, -2, 0.5, 1e-9, true, false, null], "o": {}}',
        '{"name": "schön 漢字 🙂"}'.encode(),
        b'{"name": "\\ud83d\\ude42"}',
        b'{"message": "line\\n\\tline\\r\\n"}',
        b'{"low": -9223372036854775808, "high": 9223372036854775807}',
        b'{"tiny": 1e-999, "huge": 1.7976931348623157e308}',
        b'{"brackets": "' + b"[{" * 1_000 + b'"}',
        b'{"quote": "\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}',
        b"[" * 32 + b"]" * 32,
        b'{"text": "' + b"a" * 10_000 + b'"}',
        b"{" + b",".join(b'"k%d": 1' % place for place in range(1_000)) + b"}",
        b"[" + b",".join([b"[[[]]]"] * 1_000) + b"]",
        b"[" + b",".join([b"1"] * 250_000) + b"]",
        b'{"commas": "' + b"," * 9_000 + b'"}',
        b"7",
    ],
)
def test_an_honest_body_is_read_as_python_reads_it(body: bytes) -> None:
    assert loads(body) == json.loads(body)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"])), inner)
        ),
        max_leaves=20,
    )
)
def test_whatever_is_written_is_read_back(value: object) -> None:
    assert loads(canonical(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0d8e1-.NaIty \n').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = loads(body)
    except InvalidJson:
        return
    assert json.loads(canonical(value)) == value


def test_equal_bodies_have_one_canonical_spelling() -> None:
    assert canonical(loads(b'{"a": 1, "b": [2, "x"]}')) == canonical(loads(b'{ "a":1,"b":[2,"\\u0078"] }'))
    assert canonical(loads(b'{"a": 1}')) != canonical(loads(b'{"a": 2}'))


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"[1]"] * 1_000_000) + b"]",
        b'{"a": "' + b'\\"' * 500_000,
        b'"' * 1_000_000,
        b"\\" * 1_000_000,
        b"[]," * 300_000,
        b'{"a":' * 200_000,
    ],
    ids=["lists", "escaped quotes", "quotes", "backslashes", "brackets", "open objects"],
)
def test_a_megabyte_of_nonsense_takes_no_more_than_a_moment(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InvalidJson):
        loads(body)

    assert time.process_time() - started < 2
