"""Single layers by their formulas, against examples worked by hand."""

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
    ("arguments", "options", "word"),
    [
        ((0, 3, 16, (10, 10)), {}, "kernel"),
        ((3, -3, 16, (10, 10)), {}, "in_channels"),
        ((3, 3, 1.5, (10, 10)), {}, "out_channels"),
        ((3, 3, 16, (10, 0)), {}, "out_hw"),
        ((3, 3, 16, (10, 10, 10)), {}, "two sides"),
        ((3, 3, 16, (10, 10)), {"groups": 2}, "must divide"),
        ((3, 4, 16, (10, 10)), {"groups": 2, "depthwise_separable": True}, "own groups"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(arguments, options, word):
    with pytest.raises(ValueError, match=word):
        costs.conv2d(*arguments, **options)


def test_a_linear_layer_without_inputs_is_refused():
    with pytest.raises(ValueError, match="in_features must be a positive whole number, got 0"):
        costs.linear(0, 3)
