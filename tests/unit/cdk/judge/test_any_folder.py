"""Whatever a folder holds, it is judged or a sentence says why not: never a traceback, never for long."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.cdk.judge.reference import platform
from voice_cdk.judge.command import main

LONGEST = 5.0
"""Seconds, on a machine that others use, too."""
PLATFORM = platform().templates()
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}


def one(resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Resources": {"Vpc": VPC, **resources}, **more}


def laughs(depth: int) -> dict[str, Any]:
    """Exports that each hold the one before twice."""
    outputs = {"L0": {"Value": "ha", "Export": {"Name": "L0"}}}
    for number in range(1, depth):
        twice = [{"Fn::ImportValue": f"L{number - 1}"}] * 2
        outputs[f"L{number}"] = {"Value": {"Fn::Join": ["", twice]}, "Export": {"Name": f"L{number}"}}
    use = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::ImportValue": f"L{depth - 1}"}}}
    return one({"Use": use}, Outputs=outputs)


def circle() -> dict[str, Any]:
    """Attributes, exports and conditions that need themselves, and wait for each other."""
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}}, "Condition": "A"}
    subnets = {
        name: {**subnet, "DependsOn": other, "Properties": {"CidrBlock": {"Fn::GetAtt": [other, "CidrBlock"]}}}
        for name, other in (("One", "Other"), ("Other", "One"))
    }
    both = [{"Fn::ImportValue": "E"}] * 2
    outputs = {"E": {"Value": {"Fn::Join": ["", both]}, "Export": {"Name": "E"}}}
    use = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::ImportValue": "E"}}}
    return one({**subnets, "Use": use}, Outputs=outputs, Conditions={"A": {"Condition": "B"}, "B": {"Condition": "A"}})


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"Fn::Join": ["", [value]]}
    return one({"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": value}}})


FILES: list[tuple[str, Any]] = [
    ("nothing", ""),
    ("binary", b"\x00\xff\xfe\x01" * 100),
    ("YAML", "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n"),
    ("half of a template", json.dumps(PLATFORM["Network"])[:500]),
    ("a number", "5"),
    ("no resources", {"Parameters": {}}),
    ("resources that are none", {"Resources": [1, 2]}),
    ("outputs that are none", one({}, Outputs=[1])),
    ("an output that is none", one({}, Outputs={"A": 5})),
    ("parameters that are none", one({}, Parameters={"A": "String"})),
    ("conditions that are none", one({}, Conditions={"A": 5, "B": {"Fn::Not": []}, "C": {"Fn::Equals": [1]}})),
    ("mappings that are none", one({}, Mappings=[])),
    ("a condition that is not there", one({"B": {**VPC, "Condition": "Nobody"}})),
    ("infinity", one({"V": {**VPC, "Properties": {"CidrBlock": {"Fn::Select": [math.inf, ["a"]]}}}})),
    ("not a number", one({"V": {**VPC, "Properties": {"CidrBlock": {"Fn::Cidr": ["10.0.0.0/8", math.nan, 1]}}}})),
    ("a billion laughs", laughs(40)),
    ("circles", circle()),
    ("deep functions", deep(60)),
    ("too deep", deep(3000)),
    ("too large", json.dumps(one({f"V{n}": VPC for n in range(40_000)}))),
    ("many of them", one({f"V{n}": VPC for n in range(500)})),
    ("an unknown function", one({"B": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::Invented": 1}}}})),
]  # fmt: skip


def written(folder: Path, content: Any, name: str = "S.template.json") -> Path:
    """A folder with one file."""
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    else:
        (folder / name).write_text(content if isinstance(content, str) else text(content), encoding="utf-8")
    return folder


def text(value: Any) -> str:
    """JSON, without recursion: some of these are deeper than Python writes."""
    try:
        return json.dumps(value)
    except RecursionError:
        head, tail = '{"Resources": {"V": {"Type": "T", "Properties": ', "}}}"
        return head + '{"a": ' * 3000 + "1" + "}" * 3000 + tail


def told(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What is said of a folder that can't be right."""
    began = time.process_time()
    assert main([str(folder)]) == 1
    assert time.process_time() - began < LONGEST
    found = capsys.readouterr()
    said = found.out + found.err
    assert said.strip()
    assert "Traceback" not in said
    assert "can't be judged" not in said
    return said


@pytest.mark.parametrize("content", [file[1] for file in FILES], ids=[file[0] for file in FILES])
def test_any_file_gets_a_sentence(content: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, written(tmp_path, content))


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "S.template.json")


def _loop(folder: Path) -> None:
    artifact = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}
    written(folder, {"artifacts": {"again": artifact}}, "manifest.json")


def _nested_in_itself(folder: Path) -> None:
    nested = {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": "In.template.json"}}
    written(folder, one({"In": nested}), "Out.template.json")
    written(folder, one({"In": nested}), "In.template.json")


def _manifest(**artifacts: Any) -> Callable[[Path], object]:
    return lambda folder: written(folder, {"artifacts": artifacts}, "manifest.json")


STACK = {"type": "aws:cloudformation:stack"}
FOLDERS: list[tuple[str, Callable[[Path], object], str]] = [
    ("a folder called like a template", lambda folder: (folder / "S.template.json").mkdir(), "is no file"),
    ("a pipe", _pipe, "is no file"),
    ("a manifest of its own folder", _loop, "leads back to it"),
    ("a manifest that is a list", lambda folder: written(folder, [1], "manifest.json"), "names no artifacts"),
    ("artifacts that are none", _manifest(A=5, B=STACK), "no templateFile"),
    ("a missing template", _manifest(A={**STACK, "properties": {"templateFile": "A.json"}}), "is missing"),
    ("a stack that nests itself", _nested_in_itself, "In"),
    ("a link that leads nowhere", lambda folder: (folder / "S.template.json").symlink_to("nowhere"), "is missing"),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in FOLDERS], ids=[case[0] for case in FOLDERS])
def test_any_folder_gets_a_sentence(
    make: Callable[[Path], object], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    assert words in told(capsys, tmp_path)


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["10.0.0.0/8", "::/0", "2001:db8::/64", "-1", "tcp", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["Ref", "Fn::GetAtt", "Fn::Join", "Fn::Select", "Fn::Cidr", "Fn::Sub", "Fn::If", "Fn::Split", "Statement", "a"]
    ), inner, max_size=2), max_leaves=6,
)  # fmt: skip


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_junk_at_any_place_is_judged(data: st.DataObject, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    templates = copy.deepcopy(PLATFORM)
    stack = templates[data.draw(st.sampled_from(sorted(templates)))]
    resource = stack["Resources"][data.draw(st.sampled_from(sorted(stack["Resources"])))]
    holder, name = data.draw(st.sampled_from(sorted(places(resource), key=lambda place: str(place[1]))))
    holder[name] = data.draw(JUNK)
    for stack_name, template in templates.items():
        written(tmp_path, template, f"{stack_name}.template.json")
    main([str(tmp_path)])
    found = capsys.readouterr()
    assert "can't be judged" not in found.err
    assert "Traceback" not in found.out + found.err


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder and name or number of a part in it."""
    if not isinstance(value, dict | list):
        return []
    names = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, name) for name in names] + [place for name in names for place in places(value[name])]
