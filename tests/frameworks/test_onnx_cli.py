"""`trimtab measure FILE`: what it prints for an ONNX file, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.frameworks.onnx_graphs import model, node, ones
from trimtab import cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    net = model(
        [node("Conv", "x w", "h", pads=[1] * 4), node("Relu", "h", "y")],
        {"x": ("n", 3, 10, 10)},
        weights={"w": ones(16, 3, 3, 3)},
    )
    onnx.save(net, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = cli.main(["measure", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_file_is_measured_as_a_table(file: Path, capsys) -> None:
    code, out, err = run(capsys, file, "--input", "x=1x3x10x10", "--layers", "--no-latency")

    assert (code, err) == (0, "")
    figures = dict(line.split(maxsplit=2)[:2] for line in out.splitlines() if line.startswith("  "))
    assert (figures["parameters"], figures["MACs"], figures["FLOPs"]) == ("432", "43,200", "86,400")
    assert "latency  " not in out
    assert out.splitlines()[-2].split() == ["layer", "kind", "parameters", "MACs", "output"]
    assert out.splitlines()[-1].split() == ["h", "Conv", "432", "43200", "1x16x10x10"]


def test_a_file_is_measured_as_json(file: Path, capsys) -> None:
    code, out, err = run(capsys, file, "--input", "x=2x3x10x10", "--json")

    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["metrics"]["macs"]["value"] == 86_400
    assert answer["metrics"]["macs"]["stderr"] is None
    assert answer["metrics"]["macs"]["contract"]["input_shape"] == [2, 3, 10, 10]
    assert (answer["uncounted"], answer["macs_at_least"]) == ({}, 86_400)
    assert "trainable_parameters" in answer["unknown"]
    assert answer["layers"][0]["kind"] == "Conv"


def test_a_symbolic_axis_without_a_shape_leaves_macs_unknown_and_says_why(file: Path, capsys) -> None:
    code, out, _ = run(capsys, file)

    assert code == 0
    assert "MACs, FLOPs, non-zero MACs, peak memory: input 'x' has the shape (n, 3, 10, 10), which" in out
    assert "432" in out


def test_the_shapes_of_the_file_are_taken_where_they_are_fixed(tmp_path: Path, capsys) -> None:
    net = model([node("MatMul", "x w", "y")], {"x": (4, 3)}, weights={"w": ones(3, 2)})
    onnx.save(net, tmp_path / "net.onnx")
    answer = json.loads(run(capsys, tmp_path / "net.onnx", "--json")[1])

    assert answer["metrics"]["macs"]["value"] == 24
    assert "latency_ms" in answer["metrics"] or "onnxruntime" in answer["unknown"]["latency_ms"]


def test_what_has_no_formula_is_named(tmp_path: Path, capsys) -> None:
    net = model([node("MatMul", "x x", "h"), node("Det", "h", "y")], {"x": (3, 3)})
    onnx.save(net, tmp_path / "net.onnx")
    out = run(capsys, tmp_path / "net.onnx", "--no-latency")[1]

    assert "at least 27" in out
    assert "no formula for Det x1" in out
    assert json.loads(run(capsys, tmp_path / "net.onnx", "--json", "--no-latency")[1])["uncounted"] == {"Det": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--input", "x=1x3x9x10"], "invalid_example: input 'x': expected the shape (n, 3, 10, 10) with n=1, got"),
        (["--input", "z=1"], "invalid_example: expected the input 'x' (n, 3, 10, 10), got 'z'"),
    ],
)
def test_a_shape_that_does_not_fit_is_one_line_and_exit_code_1(file: Path, capsys, words, sentence) -> None:
    code, out, err = run(capsys, file, *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"trimtab: {sentence}")
    assert err.count("\n") == 1


def test_a_file_that_is_no_model_is_exit_code_1(tmp_path: Path, capsys) -> None:
    (tmp_path / "net.onnx").write_text("text")
    code, _, err = run(capsys, tmp_path / "net.onnx")
    assert code == 1
    assert err.startswith("trimtab: unsupported_model: net.onnx is no ONNX model, or is not whole: ")
