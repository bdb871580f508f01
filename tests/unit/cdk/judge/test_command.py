"""`cdk/check-templates`: exit codes, one line a fault, never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cdk.judge.reference import platform
from voice_cdk.judge.command import main

COMMAND = Path(__file__).resolve().parents[4] / "cdk" / "check-templates"


def folder(path: Path, templates: dict[str, Any]) -> Path:
    for name, template in templates.items():
        (path / f"{name}.template.json").write_text(json.dumps(template), encoding="utf-8")
    return path


def test_right_templates_end_with_0_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder(tmp_path, platform().templates()))]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_wrong_ones_end_with_1_and_a_line_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    templates = platform().templates()
    del templates["Network"]["Resources"]["TgwANat64"]
    assert main([str(folder(tmp_path, templates))]) == 1
    *lines, count = capsys.readouterr().out.splitlines()
    first = "black hole: pods Cluster/Nodes -> database Data/Db tcp/3306 ipv6 eu-west-1a"
    assert any(line.startswith(first) and "flows more: Grafana host" in line for line in lines)
    assert count.endswith(f"faults in {len(lines)} lines; --all tells each")


def test_all_of_them_are_told_one_by_one_if_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    templates = platform().templates()
    del templates["Network"]["Resources"]["TgwANat64"]
    assert main(["--all", str(folder(tmp_path, templates))]) == 1
    *faults, count = capsys.readouterr().out.splitlines()
    assert count == f"{len(faults)} faults"
    assert all(fault.endswith("]") for fault in faults)


def test_the_file_runs_with_nothing_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(COMMAND), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: holds no template; files are called NAME.template.json\n"


@pytest.mark.parametrize(
    "junk", [5, "x", [], [5], {"a": 5}, None, True, {"Ref": 5}, {"Fn::Join": 3}, {"Fn::GetAtt": []}]
)
def test_properties_that_are_junk_give_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str], junk: Any) -> None:
    templates = platform().templates()
    for template in templates.values():
        for resource in template["Resources"].values():
            for name in list(resource["Properties"])[:2]:
                resource["Properties"][name] = junk
    assert main([str(folder(tmp_path, templates))]) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert "can't be judged" not in told.err


def test_a_folder_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Root, as whom tests may run, reads everything."""

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "manifest.json"))

    monkeypatch.setattr("voice_cdk.judge.command.read", refuse)
    assert main(["out"]) == 1
    assert capsys.readouterr().err == "out/manifest.json: can't be read (Permission denied); give the right to\n"
