"""What AWS would refuse, never do, or do for somebody else: one thing changed, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.cdk.judge.builder import get, ref
from tests.unit.cdk.judge.changes import Change, Templates, at, drop, of, put
from tests.unit.cdk.judge.operated import ALARMS, OURS, allow, operated
from tests.unit.cdk.judge.reference import CLUSTER, DATA, NETWORK, TRANSLATION
from voice_cdk.judge import policy
from voice_cdk.judge.check import context_of, judge
from voice_cdk.judge.model import Role
from voice_cdk.judge.templates import from_templates

STATEMENT = ("PolicyDocument", "Statement", 0)
TRUST = ("AssumeRolePolicyDocument", "Statement", 0)
ALARM = (DATA, "CPUUtilizationAlarm", "Properties")
ALIVE = (TRANSLATION, "AliveA", "Properties")
GROUP = (TRANSLATION, "AsgA")
OTHERS = "222222222222"


def again(stack: str, name: str) -> Change:
    """The same resource a second time."""

    def change(templates: Templates) -> None:
        resources = templates[stack]["Resources"]
        resources[f"{name}Again"] = resources[name]

    return change


def secret_again(**changed: Any) -> Change:
    """A second secret of an account, or one that is made otherwise."""

    def change(templates: Templates) -> None:
        resources = templates[DATA]["Resources"]
        resources["Second"] = {**resources["OwnerSecret"], "Properties": {**resources["OwnerSecret"]["Properties"]}}
        made = resources["OwnerSecret"]["Properties"]["GenerateSecretString"]
        resources["Second"]["Properties"]["GenerateSecretString"] = {**made, **changed}

    return change


def first_again(*path: Any) -> Change:
    """The first item of a list once more, at its end."""
    return lambda templates: at(templates, *path).append(at(templates, *path)[0])


def encoded_again(templates: Templates) -> None:
    """User data in Base64 in Base64."""
    data = at(templates, *of(TRANSLATION, "LtA", "LaunchTemplateData"))
    data["UserData"] = {"Fn::Base64": data["UserData"]}


def role_of_host(statement: Any) -> Change:
    """One statement more for a NAT64 host's role, whose machine has the tag `host`, A."""
    return lambda templates: at(templates, *of(TRANSLATION, "PolicyA", "PolicyDocument", "Statement")).append(statement)


def tagged(value: str) -> Any:
    """May stop machines that are tagged so."""
    instances = "arn:aws:ec2:eu-west-1:111111111111:instance/*"
    return allow("ec2:StopInstances", instances, Condition={"StringEquals": {"aws:ResourceTag/host": value}})


CASES: list[tuple[str, Change, str]] = [
    # values
    ("a comparison", put("MoreThan", *ALARM, "ComparisonOperator"), "'MoreThan' is no value that AWS takes"),
    ("days", put(31, *of(NETWORK, "FlowLogs", "RetentionInDays")), "RetentionInDays '31'"),
    ("a time", put({"ResourceSignal": {"Timeout": "15M"}}, *GROUP, "CreationPolicy"), "Timeout '15M'"),
    ("a size", put("t3.larger", *of(TRANSLATION, "LtA", "LaunchTemplateData", "InstanceType")), "'t3.larger'"),
    ("a document's version", put("2012-10-18", *of(ALARMS, "WhoPublishes", "PolicyDocument", "Version")),
     "PolicyDocument.Version"),
    ("a policy of nobody's", put(["policy/X"], *of(NETWORK, "LogRole", "ManagedPolicyArns")), "'policy/X' is no value"),
    ("half a reference", put("{{resolve:ssm:/image", *of(TRANSLATION, "LtA", "LaunchTemplateData", "ImageId")),
     "is no dynamic reference"),
    ("an attribute", put("acces_logs.s3.enabled", *of(CLUSTER, "Alb", "LoadBalancerAttributes", 0, "Key")),
     "'acces_logs.s3.enabled'"),
    ("no JSON", put("{enableNetworkPolicy: ", *of(CLUSTER, "Cni", "ConfigurationValues")), "begin as JSON"),
    ("a name by IPv4", put({"HostnameType": "ip-name"}, *of(NETWORK, "AHostsA", "PrivateDnsNameOptionsOnLaunch")),
     "AWS takes resource-name there"),
    # texts and lists
    ("an empty text", put("", *ALARM, "Namespace"), "Namespace is empty"),
    ("an empty list", put([], *of(CLUSTER, "Nodes", "Subnets")), "has no Subnets"),
    ("a subnet twice", first_again(*of(DATA, "DbSubnets", "SubnetIds")), "SubnetIds has Network.BDbA twice"),
    # one of each
    ("a flow log", again(NETWORK, "BLog"), "is the same as Network/BLog"),
    ("an egress-only gateway", again(NETWORK, "AEigw"), "is the same as Network/AEigw in VpcId"),
    ("a block", again(NETWORK, "ASix"), "is the same as Network/ASix"),
    ("an add-on", again(CLUSTER, "Cni"), "is the same as Cluster/Cni in ClusterName, AddonName"),
    ("a name", again(CLUSTER, "PortalA"), "is the same as Cluster/PortalA"),
    ("an account of pods", again(CLUSTER, "PodsIdentity"), "is the same as Cluster/PodsIdentity"),
    ("a key", again(DATA, "DataKey"), "nothing is encrypted with it"),
    ("a profile", again(TRANSLATION, "ProfileA"), "no machine has it"),
    ("a transit gateway", again(NETWORK, "Tgw"), "nothing is attached to it"),
    ("settings", again(DATA, "DbParameters"), "no database has these settings"),
    # groups of one
    ("two for one address", put("2", *GROUP, "Properties", "MaxSize"), "one machine alone can have its interface"),
    ("none to spare", put({"AutoScalingRollingUpdate": {"MinInstancesInService": 1}}, *GROUP, "UpdatePolicy"),
     "CloudFormation wants fewer"),
    ("a signal of nobody", put({"ResourceSignal": {"Count": 2}}, *GROUP, "CreationPolicy"), "waits for 2 signals"),
    # alarms
    ("never", put(0, *ALIVE, "Threshold"), "would never ring"),
    ("always", put(2, *ALIVE, "Threshold"), "is well with 1"),
    ("a percentage", put(100, *ALARM, "Threshold"), "would ring always, or never"),
    ("a minus", put(-1, *ALARM, "Threshold"), "is never below 0"),
    ("a mean of events", put("Average", CLUSTER, "HTTPCodeELB5XXCount", "Properties", "Statistic"), "only their Sum"),
    ("a sum of shares", put("Sum", *ALARM, "Statistic"), "grows with how often it is measured"),
    ("half a minute more", put(90, *ALARM, "Period"), "so many times 60 seconds"),
    ("next day", put(2000, *ALARM, "EvaluationPeriods"), "a day is what AWS takes"),
    ("too late", put(100, *ALARM, "EvaluationPeriods"), "or nobody can help"),
    ("more than there can be", put(500, DATA, "DatabaseConnectionsAlarm", "Properties", "Threshold"),
     "max_connections is 500"),
    # policies
    ("nobody's tag", role_of_host(tagged("C")), "nothing here has it so"),
    ("another machine's tag", role_of_host(tagged("B")), "its own (Nat64/AsgA) has A"),
    ("a condition that there isn't", put({"StringEquals": {"aws:Nobody": "1"}}, *of(
        NETWORK, "LogRole", *TRUST, "Condition")), "it never holds"),
    ("another account", put(OTHERS, *of(NETWORK, "LogRole", *TRUST, "Condition", "StringEquals", "aws:SourceAccount")),
     f"is for the account {OTHERS}"),
    ("another account's logs", put(
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:*:{OTHERS}:*"}},
        *of(NETWORK, "LogKey", "KeyPolicy", "Statement", 1, "Condition")), f"is for the account {OTHERS}"),
    ("another account's key", put(f"arn:aws:iam::{OTHERS}:root", *of(
        DATA, "DataKey", "KeyPolicy", "Statement", 0, "Principal", "AWS")), f"is for the account {OTHERS}"),
    ("no account", put("1", *of(NETWORK, "LogRole", *TRUST, "Condition", "StringEquals", "aws:SourceAccount")),
     "'1' is no account"),
    ("a principal", put({"AWS": "arn:aws:iam::111111111111:rood"}, *of(NETWORK, "LogRole", *TRUST, "Principal")),
     "is nobody"),
    ("another region", role_of_host(allow("ec2:StopInstances", "arn:aws:ec2:us-east-1:111111111111:instance/i-1")),
     "of another region"),
    ("a service that does not ask KMS", put("secrets.eu-west-1.amazonaws.com", *of(
        CLUSTER, "PodsRolePolicy", "PolicyDocument", "Statement", 1, "Condition", "StringEquals", "kms:ViaService")),
     "it never holds"),
    ("an action elsewhere", put(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "iam:PassRole"],
                                *of(CLUSTER, "PodsRolePolicy", *STATEMENT, "Action")),
     "a statement for iam:PassRole on Data.OwnerSecret: no action on such a resource"),
    ("a resource of none of its actions", put([ref("OwnerSecret"), get("DataKey", "Arn")], *of(
        DATA, "ReaderPolicy", *STATEMENT, "Resource")), "no action of kms"),
    ("a role that may be more", put(["sts:AssumeRole", "sts:*"], *of(NETWORK, "LogRole", *TRUST, "Action")),
     "its trust allows sts:*"),
    ("all of a key", put("kms:*", *of(ALARMS, "TopicKey", "KeyPolicy", "Statement", 1, "Action")), "allows kms:*"),
    ("a key that nobody rules", put(OURS, *of(DATA, "DataKey", "KeyPolicy", "Statement", 0, "Condition")),
     "lets nobody rule it"),
    ("all but one thing", role_of_host({"Effect": "Allow", "Action": "ec2:StopInstances", "NotResource": "arn:x"}),
     "whatever is not in its NotResource"),
    ("no ARN", role_of_host(allow("ec2:StopInstances", "instance")), "'instance', which is no ARN"),
    ("nothing", put("", *of(NETWORK, "LogRole", *TRUST, "Condition", "StringEquals", "aws:SourceAccount")),
     "wants aws:SourceAccount to be empty"),
    ("two zones", put("Z2", *of(CLUSTER, "PortalA", "HostedZoneId")), "is in two zones"),
    ("no driver", drop(CLUSTER, "Driver"), "is not there"),
    ("what a key is not", put("other", *of(DATA, "DataKey", "KeyPolicy", "Statement", 0, "Resource")), "is this key"),
    ("some in plain text", put({"AWS": "arn:aws:iam::111111111111:root"}, *of(
        ALARMS, "WhoPublishes", "PolicyDocument", "Statement", 1, "Principal")), "who comes without TLS"),
    ("reading in plain text", put("s3:PutObject", *of(
        CLUSTER, "BucketPolicy", "PolicyDocument", "Statement", 1, "Action")), "who comes without TLS"),
    # the database, its secrets and logs
    ("an account's second secret", secret_again(), "is for the same account as"),
    ("a zone without a subnet", put("eu-west-1c", *of(DATA, "Writer", "AvailabilityZone")), "has no subnet"),
    ("another version", drop(*of(DATA, "Writer", "AutoMinorVersionUpgrade")), "another than EngineVersion says"),
    ("instances that differ", put(True, *of(DATA, "Writer", "EnablePerformanceInsights")),
     "EnablePerformanceInsights is"),
    ("snapshots", drop(*of(DATA, "Db", "CopyTagsToSnapshot")), "CopyTagsToSnapshot is left out"),
    # hosts
    ("Base64 twice", encoded_again, "is in Base64 twice"),
    ("an address of nobody", put("64::13", *of("Shared", "GrafanaName", "ResourceRecords", 0)), "nobody can have"),
]  # fmt: skip


def with_reader() -> Templates:
    """A platform with one role more, which reads a secret, and a limit of connections."""
    build = operated()
    build.add(DATA, "Reader0", "IAM::Role", AssumeRolePolicyDocument={"Statement": [
        allow("sts:AssumeRole", "*", Principal={"AWS": "arn:aws:iam::111111111111:root"})]})  # fmt: skip
    here = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:voice/"
    build.add(DATA, "ReaderPolicy", "IAM::Policy", PolicyName="x", Roles=[ref("Reader0")], PolicyDocument={
        "Version": "2012-10-17", "Statement": [
            allow("secretsmanager:GetSecretValue", ref("OwnerSecret")),
            allow("secretsmanager:GetSecretValue", [f"{here}a", f"{here}b"])]})  # fmt: skip
    templates = build.templates()
    at(templates, *of(DATA, "DbParameters", "Parameters"))["max_connections"] = 500
    return templates


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_is_told(change: Change, words: str) -> None:
    templates = with_reader()
    before = set(judge(from_templates(templates)))
    change(templates)
    told = [str(fault) for fault in judge(from_templates(templates)) if fault not in before]
    assert any(words in line for line in told), "\n".join(told)


def test_arns_without_an_account_are_nobody_elses() -> None:
    templates = operated().templates()
    condition = {**OURS, "ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}
    put(condition, *of(ALARMS, "WhoPublishes", *STATEMENT, "Condition"))(templates)
    assert judge(from_templates(templates)) == []


@pytest.mark.parametrize("role", [Role.MANAGEMENT, Role.STRONGSWAN])
def test_hosts_of_other_vpcs_that_ask_no_database_may_not_reach_it(role: Role) -> None:
    context = context_of(from_templates(operated().templates()))
    (asked, *_) = context.model.of(Role.NAT64)
    (elsewhere,) = {member.vpc for member in context.model.of(Role.GRAFANA)}
    host = replace(asked, role=role, vpc=elsewhere)
    assert policy.allowed(host, asked, 6, context.flows.world) == ()
