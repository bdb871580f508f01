"""Every policy of templates, as AWS would see it."""

from typing import Any

from voice_cdk.judge.keys import Key
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import from_templates
from voice_cdk.proving.policies import Kind, policies


def statement(**other: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", **other}]}


RESOURCES: dict[str, Any] = {
    "Key": {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": statement(Action="kms:Decrypt", Resource="*")},
    },
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": statement(Action="sts:AssumeRole"),
            "Policies": [{"PolicyDocument": statement(Action="kms:Decrypt", Resource={"Fn::GetAtt": ["Key", "Arn"]})}],
        },
    },
    "Open": {
        "Type": "AWS::IAM::Policy",
        "Properties": {"PolicyDocument": statement(Action="kms:Decrypt", Resource="*")},
    },
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "BucketPolicy": {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "PolicyDocument": statement(
                Action="s3:PutObject", Resource={"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]}
            )
        },
    },
}
KEY = "arn:aws:kms:eu-west-1:111111111111:key/Key"


def resources() -> dict[tuple[str, Kind], Any]:
    """What each policy's first statement is about."""
    resolver = Resolver(from_templates({"stack": {"Resources": RESOURCES}}))
    found = {(each.key, each.kind): each.document["Statement"][0]["Resource"] for each in policies(resolver)}
    return {
        (key.logical_id, kind): value for (key, kind), value in found.items() if key == Key("stack", key.logical_id)
    }


def test_references_become_what_aws_calls_the_resource():
    assert resources()["Role", Kind.IDENTITY] == KEY
    assert resources()["BucketPolicy", Kind.RESOURCE] == "arn:aws:s3:::Bucket/*"


def test_what_a_policy_on_a_resource_calls_everything_is_the_resource():
    assert resources()["Key", Kind.RESOURCE] == KEY
    assert resources()["Role", Kind.TRUST] == "arn:aws:iam::111111111111:role/Role"


def test_a_roles_everything_stays_everything():
    assert resources()["Open", Kind.IDENTITY] == "*"


def test_what_is_no_statement_is_handed_on_for_others_to_refuse():
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": "one"}}}
    (policy,) = policies(Resolver(from_templates({"stack": {"Resources": {"Key": key}}})))
    assert policy.document["Statement"] == ["one"]
