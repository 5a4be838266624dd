"""The example that finds a digits net under four kilobytes, with a small budget."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from trimtab.compression import load

ROOT = Path(__file__).parents[2]


def test_a_net_under_four_kilobytes_reads_the_digits_from_its_file(tmp_path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "four_kilobytes.py"), "--trials", "12", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = re.findall(r"^(/.*\.trim): ", run.stdout, re.MULTILINE)
    assert Path(file).stat().st_size <= 4_096

    images, labels = load_digits(return_X_y=True)
    _, test, _, test_labels = train_test_split(images / 16, labels, test_size=0.25, random_state=0, stratify=labels)
    net = load(file)
    hidden = np.maximum(test @ net["coefs_0"] + net["intercepts_0"], 0)
    right = np.argmax(hidden @ net["coefs_1"] + net["intercepts_1"], axis=1) == test_labels
    assert right.mean() >= 0.95
    assert f"{right.mean():.1%}" in run.stdout
