"""Costs of layers for sequences by their formulas: attention, transformer blocks and recurrent layers.

E: width of the embedding. L, S: length of the queries and of the keys. H: hidden size. Every figure is for one
sequence; parameters are laid out as in torch.
"""

from __future__ import annotations

from trimtab.costs.cost import Cost
from trimtab.costs.formulas import layer_norm, linear
from trimtab.costs.formulas_layer import InvalidSize, layer, total, whole

_ATTENTION = "projections, queries by keys, weights by values; the softmax and bias additions count 0"
_RECURRENT = "products with inputs and hidden states; gates' element-wise products and bias additions count 0"


def attention(
    embed_dim: int,
    heads: int,
    length: int,
    *,
    key_length: int | None = None,
    kdim: int | None = None,
    vdim: int | None = None,
    kv_heads: int | None = None,
    bias: bool = True,
) -> Cost:
    """The cost of multi-head attention with its projections (Vaswani et al. 2017, section 3.2).

    L·E² for the queries, S·kdim·Ekv and S·vdim·Ekv for keys and values, L·S·E for each of the two products, L·E² for
    the output, in MACs. key_length: S, for attention to another sequence (default: L). kdim, vdim: width of what keys
    and values are projected from (default: E). kv_heads: fewer heads for keys and values, which share them, so that
    Ekv = E·kv_heads/heads (Ainslie et al. 2023; default: as many as heads). A mask saves nothing.

    Raises InvalidSize, a ValueError, for a size that is no positive whole number, and for heads that do not divide
    embed_dim, or kv_heads that do not divide heads.
    """
    S = length if key_length is None else key_length
    kdim, vdim = (embed_dim if one is None else one for one in (kdim, vdim))
    shared = heads if kv_heads is None else kv_heads
    whole(embed_dim=embed_dim, heads=heads, length=length, key_length=S, kdim=kdim, vdim=vdim, kv_heads=shared)
    if embed_dim % heads or heads % shared:
        raise InvalidSize(f"heads={heads} must divide embed_dim={embed_dim}, and kv_heads={shared} must divide heads")
    narrow = embed_dim // heads * shared
    queries_and_output, keys_and_values = 2 * embed_dim * embed_dim, (kdim + vdim) * narrow
    products = 2 * length * S * embed_dim
    return layer(
        "attention",
        queries_and_output + keys_and_values,
        (2 * embed_dim + 2 * narrow) * bias,
        length * queries_and_output + S * keys_and_values + products,
        _ATTENTION,
        length=length,
        key_length=S,
    )


def feed_forward(embed_dim: int, hidden: int, length: int, *, bias: bool = True) -> Cost:
    """The cost of a transformer's two linear layers at each position: 2·L·E·hidden MACs."""
    return total(
        {
            "up": linear(embed_dim, hidden, bias=bias, positions=length),
            "down": linear(hidden, embed_dim, bias=bias, positions=length),
        }
    )


def encoder_layer(embed_dim: int, heads: int, hidden: int, length: int, *, bias: bool = True) -> Cost:
    """The cost of a transformer's encoder layer: attention to itself, a feed-forward part, two layer norms.

    (Vaswani et al. 2017, section 3.1; torch's TransformerEncoderLayer.) Raises InvalidSize.
    """
    return total(
        {
            "attention": attention(embed_dim, heads, length, bias=bias),
            "norm_1": layer_norm(embed_dim, bias=bias),
            "feed_forward": feed_forward(embed_dim, hidden, length, bias=bias),
            "norm_2": layer_norm(embed_dim, bias=bias),
        }
    )


def rnn(
    input_size: int, hidden_size: int, length: int, *, layers: int = 1, bidirectional: bool = False, bias: bool = True
) -> Cost:
    """The cost of an Elman network: H·(input + H) MACs per step. Raises InvalidSize."""
    return _recurrent("rnn", 1, input_size, hidden_size, length, layers, bidirectional, 0, bias)


def gru(
    input_size: int, hidden_size: int, length: int, *, layers: int = 1, bidirectional: bool = False, bias: bool = True
) -> Cost:
    """The cost of a GRU: 3·H·(input + H) MACs per step, a product for each of three gates (Cho et al. 2014)."""
    return _recurrent("gru", 3, input_size, hidden_size, length, layers, bidirectional, 0, bias)


def lstm(
    input_size: int,
    hidden_size: int,
    length: int,
    *,
    layers: int = 1,
    bidirectional: bool = False,
    projection: int = 0,
    bias: bool = True,
) -> Cost:
    """The cost of an LSTM: 4·H·(input + H) MACs per step, one product for each gate (Hochreiter & Schmidhuber 1997).

    With a projection of the hidden state to P features: 4·H·(input + P) + H·P (Sak et al. 2014; torch's proj_size).
    A second layer's input is the first one's output, of both directions when bidirectional. Raises InvalidSize.
    """
    return _recurrent("lstm", 4, input_size, hidden_size, length, layers, bidirectional, projection, bias)


def _recurrent(
    kind: str,
    gates: int,
    input_size: int,
    hidden_size: int,
    length: int,
    layers: int,
    bidirectional: bool,
    projection: int,
    bias: bool,
) -> Cost:
    whole(input_size=input_size, hidden_size=hidden_size, length=length, layers=layers)
    whole(0, projection=projection)
    if projection >= hidden_size:
        raise InvalidSize(f"projection must be smaller than hidden_size={hidden_size}, got {projection}")
    directions, returned = 1 + bidirectional, projection or hidden_size
    weights, fed = 0, input_size
    for _ in range(layers):
        weights += directions * (gates * hidden_size * (fed + returned) + hidden_size * projection)
        fed = directions * returned
    biases = layers * directions * 2 * gates * hidden_size * bias
    return layer(kind, weights, biases, weights * length, _RECURRENT, length=length)
