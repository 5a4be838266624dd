"""Whatever text comes, the answer is a value or a refusal, and it comes quickly."""

from __future__ import annotations

import math
import random
import time

from trimtab_service.domain.errors import Invalid
from trimtab_service.domain.expression import Expression

COUNT = 10_000
VALID = (
    "accuracy >= 0.95 and size_kb < 16",
    "0.001 < lr <= 0.1 or not depth in [3, 4]",
    'latency_ms["pi-zero"] <= 20',
    "width_1 * depth % 8 == 0",
    "activation == 'relu' and min(width_1, depth, 3) ** 2 // 2 != 4",
    "accuracy - 0.1 * log10(size_bytes) + mnas(accuracy, lr, 80, 0, -1)",
    "accuracy >= 0.98 * baseline['accuracy']",
)
WORDS = (
    *("accuracy", "size_kb", "lr", "activation", "depth", "baseline", "__class__", "__import__", "os", "é", "ſ", "𝒙"),
    *("1", "0", "0.5", "1e308", "1e999", "9" * 40, "0x1F", "0o7", "1_0", "1j", "1or", "'a'", '"pi-zero"', "b'a'"),
    *("'" * 3, "'", '"', "\\", "\n", "\t", "\f", "\0", "\ud800", "\u202e", "#", ";", ":", "$", "?", "!", "`", "@"),
    *("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=", "<>", "in", "not", "not in", "is"),
    *("or", "(", ")", "[", "]", "{", "}", ",", ".", "...", ":=", "=", "->", "lambda", "lambda x:", "if", "else"),
    *("and", "for", "f'{1}'"),
    *("await", "yield", "None", "True", "min(", "max(", "sum(", "log(", "sqrt(", "exp(", "mnas(", "eval(", "**" * 30),
    *("9**9**9", "(" * 50, "[" * 50, "not " * 50, "-" * 50, "~", "&", "|", "^", "<<", ".real", ".__class__", "[0]"),
)  # fmt: skip
NAMES = (
    {},
    {"accuracy": 0.9, "size_bytes": 1e308, "lr": 5e-324, "activation": "relu", "depth": 2**53, "width_1": 3},
    {"accuracy": "text", "size_kb": True, "lr": -1, "activation": 0.0, "depth": math.nan, 'latency_ms["pi-zero"]': 3},
)


def some_text(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return "".join(rng.choice(("", " ")) + rng.choice(WORDS) for _ in range(rng.randrange(1, 20)))
    text = rng.choice(VALID)
    for _ in range(rng.randrange(1, 5)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.randrange(4))
        text = text[:start] + rng.choice(("", rng.choice(WORDS), chr(rng.randrange(0x250)))) + text[end:]
    return text


def test_ten_thousand_random_texts_give_a_value_or_a_refusal_quickly():
    rng = random.Random(5)
    read, slowest = 0, 0.0
    begin = time.process_time()
    for _ in range(COUNT):
        text = some_text(rng)
        start = time.process_time()
        try:
            expression = Expression.parse(text)
        except Invalid:
            continue
        finally:
            slowest = max(slowest, time.process_time() - start)
        read += 1
        for names in NAMES:
            if expression.is_condition:
                truth, margin = expression.truth(names), expression.margin(names)
                assert truth in (True, False, None)
                assert expression.selects(names) in (True, False)
                assert margin is None or math.isfinite(margin)
                assert None in (truth, margin) or (margin <= 0) is truth, text
            else:
                value = expression.value(names)
                assert value is None or math.isfinite(value)
        assert Expression.parse(expression.text) == expression
    assert read > COUNT / 10  # the texts are not all nonsense
    assert slowest < 5.0  # what is not bounded takes for ever; a collection of garbage takes a second
    assert time.process_time() - begin < 30  # of a busy machine; about 2 of an idle one
