"""Folders: what is read, and the sentence for what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voice_cdk.judge.templates import TemplatesError, read

EMPTY = {"Resources": {"Ip": {"Type": "AWS::EC2::EIP"}}}


def write(folder: Path, name: str, content: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_a_stage_is_read_with_regions_and_order(tmp_path: Path) -> None:
    write(tmp_path, "manifest.json", {
        "artifacts": {"s": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-s"}}}})  # fmt: skip
    stack = {"type": "aws:cloudformation:stack", "environment": "aws://123456789012/eu-north-1"}
    write(tmp_path, "assembly-s/manifest.json", {"artifacts": {
        "One": {**stack, "properties": {"templateFile": "One.template.json"}},
        "Two": {**stack, "properties": {"templateFile": "Two.template.json"}, "dependencies": ["One"]}}})  # fmt: skip
    for name in ("One", "Two"):
        write(tmp_path, f"assembly-s/{name}.template.json", EMPTY)
    assembly = read(tmp_path)
    assert set(assembly.stacks) == {"One", "Two"}
    assert assembly.stacks["Two"].after == {"One"}
    assert (assembly.stacks["One"].region, assembly.stacks["One"].account) == ("eu-north-1", "123456789012")


def test_bare_files_are_read_and_a_nested_one_belongs_to_its_parent(tmp_path: Path) -> None:
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {},
        "Metadata": {"aws:asset:path": "In.template.json"},
    }
    write(tmp_path, "Out.template.json", {"Resources": {"In": nested}})
    write(tmp_path, "In.template.json", EMPTY)
    assert set(read(tmp_path).stacks) == {"Out", "Out.In"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("Resources:\n  A: {}\n", "YAML is not read"),
        ("[]", "has no Resources"),
        ('{"Resources": {}}', "has no Resources"),
        ('{"Resources": {"A": {}}}', "A has no Type"),
        ('{"Resources": {"A": {"Type": "T", "Properties": 5}}}', "Properties are no object"),
    ],
)
def test_what_is_no_template_is_told(tmp_path: Path, content: str, words: str) -> None:
    write(tmp_path, "S.template.json", content)
    with pytest.raises(TemplatesError, match=words):
        read(tmp_path)


def test_folders_without_templates_are_told(tmp_path: Path) -> None:
    with pytest.raises(TemplatesError, match="holds no template"):
        read(tmp_path)
    with pytest.raises(TemplatesError, match="no such folder"):
        read(tmp_path / "nowhere")


def test_a_template_that_is_missing_is_told(tmp_path: Path) -> None:
    properties = {"templateFile": "S.template.json"}
    artifacts = {"S": {"type": "aws:cloudformation:stack", "properties": properties}}
    write(tmp_path, "manifest.json", {"artifacts": artifacts})
    with pytest.raises(TemplatesError, match=r"S\.template\.json: is missing"):
        read(tmp_path)


VPC = {"Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}}


def stage(folder: Path, template: Any) -> None:
    properties = {"templateFile": "S.template.json"}
    write(folder, "manifest.json", {"artifacts": {"S": {"type": "aws:cloudformation:stack", "properties": properties}}})
    write(folder, "S.template.json", template)


def test_several_platforms_in_one_folder_are_judged_each_by_itself(tmp_path: Path) -> None:
    stage(tmp_path / "a", VPC)
    stage(tmp_path / "b", VPC)
    assert [set(one.stacks) for one in read(tmp_path).platforms()] == [{"a/S"}, {"b/S"}]


def test_stages_that_share_a_network_are_one_platform(tmp_path: Path) -> None:
    stage(tmp_path / "network", VPC)
    stage(tmp_path / "hosts", EMPTY)
    assert len(read(tmp_path).platforms()) == 1


def test_a_folder_around_an_assembly_is_as_good_as_itself(tmp_path: Path) -> None:
    stage(tmp_path / "cdk.out", VPC)
    assert set(read(tmp_path).stacks) == {"S"}


def test_two_templates_of_one_name_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a", "S.template.json", EMPTY)
    write(tmp_path / "b", "S.template.json", EMPTY)
    with pytest.raises(TemplatesError, match="two templates are called S; name the folder of one platform"):
        read(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "S.template.json", "\ufeff" + json.dumps(EMPTY))
    assert set(read(tmp_path).stacks) == {"S"}
