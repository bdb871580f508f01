"""What is accepted of other tools' findings, and that it is no more than needed."""

from pathlib import Path

import pytest

from voice_cdk.proving.findings import ACCEPTED, Finding, accepted, left

KEY_POLICY = """
[[parliament]]
rule = "RESOURCE_MISMATCH"
resources = ["*/Key*"]
says = "kms:CreateCustomKeyStore"
reason = "The account's own administrators may do everything with its keys."
"""


def finding(**other: str) -> Finding:
    usual = {
        "tool": "parliament",
        "rule": "RESOURCE_MISMATCH",
        "stack": "Data",
        "resource": "Key961B73FD",
        "detail": "kms:CreateCustomKeyStore wants *",
    }
    return Finding(**usual | other)


@pytest.fixture
def one_entry(tmp_path: Path) -> Path:
    path = tmp_path / "accepted.toml"
    path.write_text(KEY_POLICY)
    return path


def test_what_is_accepted_is_left_out(one_entry: Path):
    assert list(left([finding()], accepted("parliament", one_entry))) == []


@pytest.mark.parametrize(
    "other",
    [{"rule": "RESOURCE_STAR"}, {"resource": "RoleE4EC059A"}, {"detail": "kms:Decrypt wants a key"}],
    ids=["another rule", "another resource", "another sentence"],
)
def test_nothing_else_is_accepted_along_with_it(one_entry: Path, other: dict[str, str]):
    sentences = list(left([finding(), finding(**other)], accepted("parliament", one_entry)))
    assert sentences == [str(finding(**other))]


def test_what_accepts_nothing_any_more_is_told(one_entry: Path):
    (sentence,) = left([], accepted("parliament", one_entry))
    assert sentence == "parliament says no RESOURCE_MISMATCH of */Key* any more; take it out of accepted.toml"


def test_an_entry_is_of_one_tool_alone(one_entry: Path):
    assert accepted("cfn-lint", one_entry) == []


def test_every_exception_has_a_reason_of_its_own():
    entries = [
        one for tool in ("cloudformation-validate", "cfn-lint", "checkov", "parliament") for one in accepted(tool)
    ]
    reasons = {(one.tool, one.rule, one.says): one.reason for one in entries}
    assert all(len(reason.split()) >= 6 for reason in reasons.values())
    assert len(set(reasons.values())) == len(reasons)
    assert ACCEPTED.is_file()
