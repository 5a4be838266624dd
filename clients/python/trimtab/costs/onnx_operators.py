"""What each ONNX operator costs: a formula, 0 by convention, or nothing that is known; imports the standard library.

Only multiply-accumulates count. A formula gives parts (macs, places): how many, and at which of the operator's inputs
the weights may stand that they are made with, each weight equally often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Shape = tuple[int, ...]
Part = tuple[int, tuple[int, ...]]


class Node(Protocol):
    """What of onnx.NodeProto names an operator."""

    op_type: str
    domain: str
    output: Sequence[str]


def operator(node: Node) -> str:
    """ "Conv", "com.microsoft.Attention": the operator with its domain, unless that is ONNX's own."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def made(node: Node) -> str:
    """The first value that the node makes: it names the node, since no other makes it."""
    return next((name for name in node.output if name), "")


class Unshaped(LookupError):
    """The shape of an input or output that the formula needs is not known."""


class NoFormula(LookupError):
    """The operator is used in a way that the formula does not cover."""


@dataclass(frozen=True, slots=True)
class Call:
    """One node: the shapes of its inputs and outputs, None where not known or left out, and its attributes.

    given: whether each input is there.
    """

    inputs: Sequence[Shape | None]
    outputs: Sequence[Shape | None]
    attributes: Mapping[str, Any]
    given: Sequence[bool]

    def input(self, place: int) -> Shape:
        """The shape of an input. Raises Unshaped."""
        return _known(self.inputs, place)

    def output(self, place: int = 0) -> Shape:
        """The shape of an output. Raises Unshaped."""
        return _known(self.outputs, place)

    def past(self, place: int, axis: int) -> int:
        """How long the kept keys are, 0 without them."""
        return self.input(place)[axis] if place < len(self.given) and self.given[place] else 0


def _known(shapes: Sequence[Shape | None], place: int) -> Shape:
    shape = shapes[place] if place < len(shapes) else None
    if shape is None:
        raise Unshaped
    return shape


def _convolution(weight: int) -> Callable[[Call], list[Part]]:
    """Each output is a sum over the kernel and over its group's channels. W: (Cout, Cin/groups, K…)."""
    return lambda call: [(math.prod(call.output()) * math.prod(call.input(weight)[1:]), (weight,))]


def _transposed(call: Call) -> list[Part]:
    """Each input by the whole kernel, also what the padding cuts off. W: (Cin, Cout/groups, K…)."""
    return [(math.prod(call.input(0)) * math.prod(call.input(1)[1:]), (1,))]


def _gemm(second: int) -> Callable[[Call], list[Part]]:
    """(M, K) by (K, N), either of them turned."""

    def parts(call: Call) -> list[Part]:
        rows, inner = call.input(0)[:: -1 if call.attributes.get("transA") else 1]
        summed, columns = call.input(second)[:: -1 if call.attributes.get("transB") else 1]
        if inner != summed:
            raise Unshaped
        return [(rows * inner * columns, (second, 0))]

    return parts


def _matmul(second: int) -> Callable[[Call], list[Part]]:
    """(…, M, K) by (…, K, N), as numpy.matmul."""
    return lambda call: [(math.prod(call.output()) * call.input(0)[-1], (second, 0))]


def _recurrent(call: Call) -> list[Part]:
    """X: (steps, batch, features), or with layout 1 (batch, steps, features). W, R: (directions, gates·H, …)."""
    runs = math.prod(call.input(0)[:2])
    return [(runs * math.prod(call.input(place)), (place,)) for place in (1, 2)]


def _attention(call: Call) -> list[Part]:
    """Queries by keys and weights by values. (batch, heads, length, size), or (batch, length, heads·size)."""
    queries, keys, values = (call.input(place) for place in range(3))
    if len(queries) == 4:
        rows, size, heads = queries[0] * queries[1] * queries[2], queries[3], 1
        width = size + values[3]
    else:
        rows, heads = queries[0] * queries[1], call.attributes["q_num_heads"]
        width = queries[2] + heads * (values[2] // call.attributes["kv_num_heads"])
    return [(rows * (keys[-2] + call.past(4, 2)) * width, ())]


def _attention_with_projections(call: Call) -> list[Part]:
    """com.microsoft's. X: (batch, L, features), W: (features, queries + keys + values), past: (2, …, P, d)."""
    batch, length, _ = call.input(0)
    features, columns = call.input(1)
    queries, _, values = call.attributes.get("qkv_hidden_sizes") or (columns // 3,) * 3
    products = batch * length * (length + call.past(4, 3)) * (queries + values)
    return [(batch * length * features * columns, (1,)), (products, ())]


def _attention_of_projected(call: Call) -> list[Part]:
    """com.microsoft.MultiHeadAttention of queries (batch, L, E), keys (batch, S, E) and values (batch, S, Ev)."""
    queries, keys, values = (call.input(place) for place in range(3))
    if (len(queries), len(keys), len(values)) != (3, 3, 3):
        raise NoFormula
    return [(math.prod(queries[:2]) * (keys[1] + call.past(6, 2)) * (queries[2] + values[2]), ())]


def _einsum(call: Call) -> list[Part]:
    """Of two operands: a MAC for every combination of the kept and the summed indices; 0 when none is summed."""
    equation = call.attributes["equation"]
    text = (equation.decode() if isinstance(equation, bytes) else equation).replace(" ", "")
    inside, _, out = text.partition("->")
    terms = inside.split(",")
    if len(terms) == 1:
        return []
    if len(terms) > 2:
        raise NoFormula
    sizes: dict[str, int] = {}
    operands = []
    for place, term in enumerate(terms):
        labels = _labels(term, len(call.input(place)))
        operands.append(set(labels))
        for label, size in zip(labels, call.input(place), strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    spread = {label for label in sizes if label.startswith("...")}
    kept = (set(out) | spread) & set(sizes) if "->" in text else _implied(inside) | spread
    summed = (operands[0] & operands[1]) - kept
    return [(math.prod(sizes[label] for label in kept | summed), (1, 0))] if summed else []


def _labels(term: str, axes: int) -> list[str]:
    """One label per axis; those of an ellipsis are numbered from the right."""
    before, dots, after = term.partition("...")
    spread = axes - len(before) - len(after) if dots else 0
    return [*before, *(f"...{at}" for at in reversed(range(spread))), *after]


def _implied(inside: str) -> set[str]:
    """The indices of the output when it is not written: those that occur once."""
    return {label for label in inside if label.isalpha() and inside.count(label) == 1}


FORMULAS: dict[str, Callable[[Call], list[Part]]] = {
    "Attention": _attention,
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "ConvTranspose": _transposed,
    "Einsum": _einsum,
    "GRU": _recurrent,
    "Gemm": _gemm(1),
    "LSTM": _recurrent,
    "MatMul": _matmul(1),
    "MatMulInteger": _matmul(1),
    "QLinearConv": _convolution(3),
    "QLinearMatMul": _matmul(3),
    "RNN": _recurrent,
    "com.microsoft.Attention": _attention_with_projections,
    "com.microsoft.FusedConv": _convolution(1),
    "com.microsoft.FusedGemm": _gemm(1),
    "com.microsoft.MultiHeadAttention": _attention_of_projected,
    "com.microsoft.QGemm": _gemm(3),
}

FREE = frozenset(
    """
    Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Bernoulli
    BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad
    Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Cos Cosh CumProd CumSum DepthToSpace
    DequantizeLinear Div Dropout DynamicQuantizeLinear Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather
    GatherElements GatherND Gelu GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
    GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf
    IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool Max MaxPool
    MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss
    NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow QuantizeLinear
    RMSNormalization RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1
    ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round Scatter ScatterElements
    ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape
    Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split
    SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum SwiGLU Swish Tan Tanh
    TensorScatter ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
    com.microsoft.BiasGelu com.microsoft.DequantizeLinear com.microsoft.FastGelu com.microsoft.Gelu
    com.microsoft.QLinearAdd com.microsoft.QLinearAveragePool com.microsoft.QLinearConcat
    com.microsoft.QLinearGlobalAveragePool com.microsoft.QLinearLeakyRelu com.microsoft.QLinearMul
    com.microsoft.QLinearSigmoid com.microsoft.QLinearSoftmax com.microsoft.QuantizeLinear com.microsoft.QuickGelu
    com.microsoft.SkipLayerNormalization
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
"""Operators that count 0 by convention: element by element, along an axis, look-ups, or no arithmetic at all."""

NO_WEIGHTS: dict[str, tuple[int, ...]] = {
    "Attention": (3, 4, 5, 6),
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "GRU": (4, 5),
    "LSTM": (4, 5, 6),
    "MatMulInteger": (2, 3),
    "OneHot": (1, 2),
    "Pad": (1, 2, 3),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
    "RNN": (4, 5),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "RotaryEmbedding": (1, 2, 3),
    "Upsample": (1,),
    "com.microsoft.QGemm": (1, 2, 4, 5, 7, 8),
}
"""Operator -> inputs where no parameter stands: running statistics, bounds, scales, zero points, initial states."""

FACTORS = frozenset(
    (
        "Div",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Pow",
        "Sub",
        "Where",
    )
)
"""Operators in which a single number is a constant of the formula, no parameter."""

ZERO_POINTS = {
    "ConvInteger": (1, 3, 0),
    "DequantizeLinear": (0, 2, 1),
    "MatMulInteger": (1, 3, -1),
    "QLinearConv": (3, 5, 0),
    "QLinearMatMul": (3, 5, -1),
    "com.microsoft.QGemm": (3, 5, -1),
}
"""Operator -> the input of the weights, that of their zero point, and the axis along which that may vary.

Of turned weights (transB) it is the first axis.
"""

PASSES_ON = frozenset(
    (
        "Cast",
        "DequantizeLinear",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)
"""Operators whose output is their first input in another form: weights stay weights behind them."""
