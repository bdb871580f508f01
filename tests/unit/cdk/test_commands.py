"""The commands that are started with whatever Python there is."""

import runpy
import sys
from pathlib import Path

import pytest

CDK = Path(__file__).resolve().parents[3] / "cdk"


@pytest.mark.parametrize("command", ["check-config", "check-templates", "fill-manifests"])
def test_a_python_that_is_too_old_is_told_in_one_sentence(command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(sys, "version", "3.10.13 (main)")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(CDK / command))
    assert ended.value.code == f"{command} needs Python 3.11 or newer; this is 3.10.13"
