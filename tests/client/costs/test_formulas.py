"""Single layers by their formulas, against examples worked by hand."""

import re

import pytest

from trimtab import costs


def test_the_regular_convolution_of_the_worked_example_takes_43200_macs_and_432_weights():
    cost = costs.conv2d(kernel=3, in_channels=3, out_channels=16, out_hw=(10, 10))

    assert (cost.macs, cost.parameters, cost.flops) == (43_200, 432, 86_400)


def test_the_separable_convolution_of_the_worked_example_takes_7500_macs_and_75_weights():
    cost = costs.conv2d(kernel=3, in_channels=3, out_channels=16, out_hw=(10, 10), depthwise_separable=True)

    assert (cost.macs, cost.parameters, cost.flops) == (7_500, 75, 15_000)


@pytest.mark.parametrize(("kernel", "cin", "cout"), [(3, 3, 16), (5, 8, 32), (1, 4, 4), (7, 64, 128)])
def test_separating_saves_one_over_cout_plus_one_over_k_squared(kernel, cin, cout):
    regular = costs.conv2d(kernel, cin, cout, (9, 7))
    separable = costs.conv2d(kernel, cin, cout, (9, 7), depthwise_separable=True)

    assert separable.macs / regular.macs == pytest.approx(1 / cout + 1 / kernel**2, rel=1e-12)


def test_the_ratio_of_the_worked_example_is_0_173611():
    assert pytest.approx(0.173611, abs=5e-7) == 7_500 / 43_200
    assert pytest.approx(7_500 / 43_200, rel=1e-12) == 1 / 16 + 1 / 9


def test_groups_divide_the_macs_and_as_many_groups_as_channels_is_depthwise():
    whole = costs.conv2d(3, 8, 8, (4, 4))
    assert costs.conv2d(3, 8, 8, (4, 4), groups=2).macs == whole.macs // 2

    depthwise = costs.conv2d(3, 8, 8, (4, 4), groups=8)
    pointwise = costs.conv2d(1, 8, 8, (4, 4))
    separable = costs.conv2d(3, 8, 8, (4, 4), depthwise_separable=True)
    assert depthwise.macs + pointwise.macs == separable.macs
    assert depthwise.parameters + pointwise.parameters == separable.parameters


def test_a_bias_adds_parameters_but_no_macs():
    plain, biased = costs.conv2d(3, 3, 16, (10, 10)), costs.conv2d(3, 3, 16, (10, 10), bias=True)
    assert (biased.parameters - plain.parameters, biased.macs) == (16, plain.macs)

    separable = costs.conv2d(3, 3, 16, (10, 10), depthwise_separable=True, bias=True)
    assert (separable.parameters, separable.macs) == (75 + 3 + 16, 7_500)


def test_a_kernel_may_have_two_sides():
    assert costs.conv2d((1, 7), 2, 3, (5, 5)).macs == 7 * 2 * 3 * 25


def test_a_linear_layer_multiplies_every_input_with_every_output():
    cost = costs.linear(300, 100)

    assert (cost.macs, cost.flops, cost.parameters) == (30_000, 60_000, 30_100)
    assert costs.linear(300, 100, bias=False).parameters == 30_000


def test_what_a_formula_cannot_know_is_none():
    cost = costs.linear(3, 4)

    assert (cost.size_bytes, cost.latency_ms, cost.activation_peak_bytes, cost.energy_mj) == (None,) * 4
    assert set(cost.as_metrics()) == {"parameters", "trainable_parameters", "macs", "flops"}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"),
    [(10, 3, 1, 0, 1), (32, 7, 2, 3, 1), (11, 3, 2, 0, 2), (8, 3, 3, 1, 1), (5, 5, 1, 0, 1), (9, 2, 4, 1, 3)],
)
def test_an_axis_is_as_long_as_there_are_places_for_the_kernel(size, kernel, stride, padding, dilation):
    places = [
        start for start in range(-padding, size + padding, stride) if start + dilation * (kernel - 1) < size + padding
    ]
    options = {"stride": stride, "padding": padding, "dilation": dilation}

    assert costs.output_size(size, kernel, **options) == len(places)


def test_the_output_may_be_told_by_the_input_with_stride_padding_and_dilation():
    strided = costs.conv2d(7, 3, 64, in_hw=(32, 30), stride=2, padding=3)
    assert strided.macs == costs.conv2d(7, 3, 64, (16, 15)).macs

    per_axis = costs.conv2d((3, 5), 2, 2, in_hw=(11, 12), stride=(2, 1), padding=(0, 2), dilation=(2, 1))
    assert per_axis.macs == costs.conv2d((3, 5), 2, 2, (4, 12)).macs

    separable = costs.conv2d(3, 3, 16, in_hw=10, padding=1, depthwise_separable=True)
    assert (separable.macs, separable.parameters) == (7_500, 75)


def test_convolutions_have_one_axis_or_three_too():
    assert costs.conv1d(5, 4, 6, in_length=20).macs == 5 * 4 * 6 * 16
    assert costs.conv1d(5, 4, 6, 16, groups=2).macs == 5 * 2 * 6 * 16
    assert costs.conv3d(2, 2, 3, in_dhw=4).macs == 8 * 2 * 3 * 27
    assert costs.conv3d((1, 2, 3), 2, 3, (4, 5, 6), bias=True).parameters == 6 * 2 * 3 + 3


def test_a_transposed_convolution_multiplies_every_input_with_the_whole_kernel():
    cost = costs.conv_transpose2d(4, 3, 5, (7, 7), bias=True)

    assert (cost.macs, cost.parameters) == (16 * 3 * 5 * 49, 16 * 3 * 5 + 5)
    assert costs.conv_transpose2d(4, 4, 6, 7, groups=2).macs == 16 * 4 * 3 * 49
    assert cost.contract["macs"]["input_positions"] == 49


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_transposed_convolution_undoes_the_size_of_a_convolution(stride, padding):
    for size in range(1, 9):
        options = {"stride": stride, "padding": padding, "dilation": 2}
        larger = costs.transposed_size(size, 3, output_padding=stride - 1, **options)
        assert costs.output_size(larger, 3, **options) == size


def test_an_lstm_from_8_to_16_over_5_steps_takes_7680_macs():
    assert costs.lstm(8, 16, 5).macs == 7_680
    assert costs.lstm(8, 16, 5).parameters == 4 * 16 * (8 + 16 + 2)
    assert costs.lstm(8, 16, 5, bias=False).parameters == 4 * 16 * (8 + 16)


def test_recurrent_layers_multiply_inputs_and_states_for_every_gate():
    assert costs.rnn(8, 16, 5).macs == 5 * 16 * 24
    assert costs.gru(8, 16, 5).macs == 3 * costs.rnn(8, 16, 5).macs
    both = costs.gru(8, 16, 5, layers=2, bidirectional=True)
    assert both.macs == 2 * 5 * 3 * 16 * (8 + 16 + 32 + 16)
    assert costs.lstm(8, 16, 5, projection=4).macs == 5 * (64 * (8 + 4) + 16 * 4)


def test_attention_is_four_projections_and_two_products():
    cost = costs.attention(32, 4, 10)
    assert cost.macs == 4 * 10 * 32 * 32 + 2 * 10 * 10 * 32
    assert cost.parameters == 4 * (32 * 32 + 32)

    cross = costs.attention(32, 4, 10, key_length=6, kdim=7, vdim=5, bias=False)
    assert cross.macs == 2 * 10 * 32 * 32 + 6 * (7 + 5) * 32 + 2 * 10 * 6 * 32
    assert cross.parameters == 2 * 32 * 32 + (7 + 5) * 32


def test_shared_keys_and_values_save_projections_but_no_products():
    shared = costs.attention(32, 4, 10, kv_heads=1)

    assert shared.macs == 10 * (2 * 32 * 32 + 2 * 32 * 8) + 2 * 10 * 10 * 32
    assert shared.parameters == 2 * 32 * 32 + 2 * 32 * 8 + 2 * 32 + 2 * 8


def test_an_encoder_layer_of_width_32_takes_88320_macs():
    cost = costs.encoder_layer(32, 4, 64, 10)

    assert (cost.macs, cost.flops) == (88_320, 176_640)
    assert cost.parameters == 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 2 * 64
    assert [layer.name for layer in cost.layers] == [
        *("attention", "norm_1", "feed_forward.up", "feed_forward.down", "norm_2")
    ]


def test_norms_and_look_ups_have_parameters_and_no_macs():
    for cost, parameters in (
        (costs.batch_norm(16), 32),
        (costs.layer_norm(16), 32),
        (costs.layer_norm((4, 4), bias=False), 16),
        (costs.embedding(100, 8), 800),
    ):
        assert (cost.macs, cost.flops, cost.parameters) == (0, 0, parameters)


def test_a_linear_layer_runs_at_every_position():
    assert costs.linear(7, 5, positions=3).macs == 3 * 35
    assert costs.linear(7, 5, positions=3).parameters == 40


def test_a_net_is_the_sum_of_its_layers_with_a_table_of_them():
    separable = costs.total(
        {"depthwise": costs.conv2d(3, 3, 3, (10, 10), groups=3), "pointwise": costs.conv2d(1, 3, 16, (10, 10))}
    )
    assert (separable.macs, separable.parameters, separable.flops) == (7_500, 75, 15_000)

    net = costs.total([separable, separable, costs.linear(16, 10)])
    assert (net.macs, net.parameters) == (15_000 + 160, 150 + 170)
    assert [(layer.name, layer.macs) for layer in net.layers] == [
        ("0.depthwise", 2_700),
        ("0.pointwise", 4_800),
        ("1.depthwise", 2_700),
        ("1.pointwise", 4_800),
        ("2", 160),
    ]
    assert net.trainable_parameters == net.parameters
    assert set(net.as_metrics()) == {"parameters", "trainable_parameters", "macs", "flops"}


def test_what_one_layer_does_not_know_the_net_does_not_know():
    net = costs.total({"known": costs.linear(3, 4), "vague": costs.Cost(parameters=5)})

    assert (net.parameters, net.macs, net.flops, net.trainable_parameters) == (21, None, None, None)
    assert net.unknown["macs"] == "not known of vague"
    assert set(net.as_metrics()) == {"parameters"}


@pytest.mark.parametrize(("layers", "came"), [([], "got none"), ({}, "got none"), ([7], "got builtins.int")])
def test_a_net_of_nothing_or_of_something_else_is_refused(layers, came):
    with pytest.raises(costs.InvalidSize, match=came):
        costs.total(layers)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: costs.conv2d(0, 3, 16, (10, 10)), "kernel must be a positive whole number, got 0"),
        (lambda: costs.conv2d(3, -3, 16, (10, 10)), "in_channels must be a positive whole number, got -3"),
        (lambda: costs.conv2d(3, 3, 1.5, (10, 10)), "out_channels must be a positive whole number, got 1.5"),
        (lambda: costs.conv2d(True, 3, 16, (10, 10)), "kernel must be a positive whole number, got True"),
        (lambda: costs.conv2d(3, 3, 16, (10, 0)), "out_hw must be a positive whole number, got 0"),
        (lambda: costs.conv2d(3, 3, 16, (10, 10, 10)), "out_hw must have 2 sides"),
        (lambda: costs.conv2d((3, 3, 3), 3, 16, (10, 10)), "kernel must have 2 sides"),
        (lambda: costs.conv2d(3, 3, 16, (10, 10), groups=2), "groups=2 must divide"),
        (lambda: costs.conv2d(3, 4, 16, (9, 9), groups=2, depthwise_separable=True), "own groups, got groups=2"),
        (lambda: costs.conv2d(3, 3, 16), "expected out_hw or in_hw, got neither"),
        (lambda: costs.conv2d(3, 3, 16, (8, 8), in_hw=(10, 10)), "expected out_hw or in_hw, got both"),
        (lambda: costs.conv2d(3, 3, 16, (8, 8), stride=2), "are in out_hw already"),
        (lambda: costs.conv2d(3, 3, 16, in_hw=(2, 9)), "kernel of 3 with dilation 1 does not fit an input of 2"),
        (lambda: costs.conv1d(3, 3, 16, in_length=9, padding=-1), "padding must be a whole number of at least 0"),
        (lambda: costs.output_size(10, 3, stride=0), "stride must be a positive"),
        (lambda: costs.transposed_size(1, 2, padding=1), "padding 1 leaves nothing"),
        (lambda: costs.attention(30, 4, 10), "heads=4 must divide embed_dim=30"),
        (lambda: costs.attention(32, 4, 10, kv_heads=3), "kv_heads=3 must divide heads"),
        (lambda: costs.attention(32, 4, 10, key_length=0), "key_length must be a positive"),
        (lambda: costs.lstm(8, 16, 5, projection=16), "projection must be smaller than hidden_size=16"),
        (lambda: costs.linear(3, 0), "out_features must be a positive"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused_in_words(call, sentence):
    with pytest.raises(costs.InvalidSize, match=re.escape(sentence)) as caught:
        call()

    assert isinstance(caught.value, ValueError)
    assert caught.value.code == "invalid_size"
