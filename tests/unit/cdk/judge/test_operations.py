"""What a platform is operated with: one thing changed, and what is said of it."""

from __future__ import annotations

import pytest

from tests.unit.cdk.judge.builder import get, ref
from tests.unit.cdk.judge.changes import Change, drop, of, put
from tests.unit.cdk.judge.operated import ALARMS, operated
from tests.unit.cdk.judge.reference import CLUSTER, DATA, NETWORK, SHARED, TRANSLATION
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

STATEMENT = ("PolicyDocument", "Statement", 0)
TRUST = ("AssumeRolePolicyDocument", "Statement", 0)

CASES: list[tuple[str, Change, str]] = [
    # keys
    ("rotation", put(False, *of(DATA, "DataKey", "EnableKeyRotation")), "EnableKeyRotation is off"),
    ("a key that goes", put("Delete", DATA, "DataKey", "DeletionPolicy"), "can't be read again without it"),
    ("a key for nobody", drop(*of(DATA, "DataKey", "KeyPolicy", "Statement", 0)), "lets nobody rule it"),
    ("a key for all", put("*", *of(ALARMS, "TopicKey", "KeyPolicy", "Statement", 0, "Principal")),
     "lets everybody use"),
    ("a service left out", drop(*of(ALARMS, "TopicKey", "KeyPolicy", "Statement", 1)), "does not let cloudwatch"),
    ("a service of any account", drop(*of(NETWORK, "LogKey", "KeyPolicy", "Statement", 1, "Condition")), "any account"),
    ("a secret with a key of AWS's", drop(*of(DATA, "OwnerSecret", "KmsKeyId")), "KmsKeyId is left out"),
    ("a database in the clear", put(False, *of(DATA, "Db", "StorageEncrypted")), "records would lie in the clear"),
    # secrets
    ("half of a secret", drop(*of(DATA, "OwnerSecret", "GenerateSecretString", "GenerateStringKey")), "go together"),
    ("a short password", put(8, *of(DATA, "OwnerSecret", "GenerateSecretString", "PasswordLength")), "16 at least"),
    ("quotes", put("", *of(DATA, "OwnerSecret", "GenerateSecretString", "ExcludeCharacters")),
     "shells and URLs read otherwise"),
    ("a secret that nobody reads", put([], *of(CLUSTER, "PodsRolePolicy", "PolicyDocument", "Statement")),
     "allows nothing"),
    ("a secret that can't be decrypted", drop(*of(CLUSTER, "PodsRolePolicy", "PolicyDocument", "Statement", 1)),
     "may not kms:Decrypt with Data/DataKey"),
    # roles and rights
    ("another service", put({"Service": "ec2.amazonaws.com"}, *of(NETWORK, "LogRole", *TRUST, "Principal")),
     "does not let vpc-flow-logs.amazonaws.com take it"),
    ("pods that can't tag", put("sts:AssumeRole", *of(CLUSTER, "PodsRole", *TRUST, "Action")), "by sts:TagSession"),
    ("a role for nobody", put({"AWS": []}, *of(NETWORK, "LogRole", *TRUST, "Principal")), "nobody may take it"),
    ("a role for all", put({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}, *of(NETWORK, "LogRole",
                                                                                            *TRUST)), "lets everybody"),
    ("a role for any account", put({}, *of(NETWORK, "LogRole", *TRUST, "Condition")), "name aws:SourceAccount"),
    ("logs that stay empty", put("logs:PutLogEvents", *of(NETWORK, "LogRolePolicy", *STATEMENT, "Action")),
     "may not logs:CreateLogStream, logs:DescribeLogStreams"),
    ("all actions", put("*", *of(CLUSTER, "PodsRolePolicy", *STATEMENT, "Action")), "allows *: name the actions"),
    ("all resources", put("*", *of(CLUSTER, "PodsRolePolicy", *STATEMENT, "Resource")), "on every resource"),
    ("sessions", put("ssm:UpdateInstanceInformation", *of(TRANSLATION, "PolicyA", "PolicyDocument", "Statement", 1,
                                                         "Action")), "by Session Manager"),
    ("a race for rights", drop(CLUSTER, "PodsIdentity", "DependsOn"), "starts with the role Cluster/PodsRole"),
    # topics and alarms
    ("nobody hears", put([], *of(ALARMS, "AlarmTopic", "Subscription")), "nobody is subscribed"),
    ("nobody is told", put([], *of(DATA, "CPUUtilizationAlarm", "AlarmActions")), "tells nobody"),
    ("no such metric", put("CPUs", *of(DATA, "CPUUtilizationAlarm", "MetricName")), "has no metric CPUs"),
    ("no such dimension", put("Cluster", *of(DATA, "CPUUtilizationAlarm", "Dimensions", 0, "Name")),
     "its dimensions are"),
    ("of something else", put(ref("OwnerSecret"), *of(DATA, "CPUUtilizationAlarm", "Dimensions", 0, "Value")),
     "a AWS::SecretsManager::Secret; AWS::RDS::DBCluster is wanted"),
    ("the wrong side", put("LessThanThreshold", *of(DATA, "CPUUtilizationAlarm", "ComparisonOperator")),
     "while all is well"),
    ("silence", put("ignore", *of(TRANSLATION, "AliveA", "TreatMissingData")), "is not breaching"),
    ("one of two", drop(TRANSLATION, "AliveB"), "has no alarm of GroupInServiceInstances, as Nat64/AsgA has"),
    ("no alarm", drop(DATA, "CPUUtilizationAlarm"), "has no alarm of CPUUtilization"),
    ("not collected", drop(*of(TRANSLATION, "AsgA", "MetricsCollection")), "MetricsCollection has no GroupInService"),
    ("publishing", put("Deny", *of(ALARMS, "WhoPublishes", *STATEMENT, "Effect")), "does not let cloudwatch"),
    ("plain text", drop(*of(ALARMS, "WhoPublishes", "PolicyDocument", "Statement", 1)), "who comes without TLS"),
    # logs and buckets
    ("for ever", drop(*of(NETWORK, "FlowLogs", "RetentionInDays")), "kept, and paid, for ever"),
    ("another cluster's log", put("/aws/eks/other/cluster", *of(NETWORK, "FlowLogs", "LogGroupName")),
     "is called other"),
    ("no role for logs", drop(*of(NETWORK, "BLog", "DeliverLogsPermissionArn")), "without a role to do so"),
    ("an open bucket", put(False, *of(CLUSTER, "LogsBucket", "PublicAccessBlockConfiguration", "BlockPublicAcls")),
     "BlockPublicAcls is not true"),
    ("a bucket in the clear", drop(*of(CLUSTER, "LogsBucket", "BucketEncryption")), "says nothing of its encryption"),
    ("a bucket that goes", put("Delete", CLUSTER, "LogsBucket", "DeletionPolicy"), "what lies in it would go with it"),
    ("access logs", put("Deny", *of(CLUSTER, "BucketPolicy", *STATEMENT, "Effect")),
     "lets no access logs of Cluster/Alb in"),
    ("a race for access logs", drop(CLUSTER, "Alb", "DependsOn"), "does not wait for Cluster/BucketPolicy"),
    # the portal and names
    ("no certificate", put([], *of(CLUSTER, "Https", "Certificates")), "speaks TLS without a certificate"),
    ("another region's certificate", put("arn:aws:acm:us-east-1:1:certificate/1", *of(
        CLUSTER, "Https", "Certificates", 0, "CertificateArn")), "no certificate of ACM in eu-west-1"),
    ("old TLS", drop(*of(CLUSTER, "Https", "SslPolicy")), "has no TLS 1.3"),
    ("no redirect", put("HTTP", *of(CLUSTER, "Http", "DefaultActions", 0, "RedirectConfig", "Protocol")),
     "not to HTTPS 443"),
    ("the health check", put("/", *of(CLUSTER, "Targets", "HealthCheckPath")), "no HealthCheckPath of its own"),
    ("half of a name", drop(CLUSTER, "PortalAAAA"), "has no AAAA record"),
    ("a name of nobody", put("::99", *of(SHARED, "GrafanaName", "ResourceRecords", 0, "Fn::Join", 1, 1)),
     "that nobody has"),
    ("a zone elsewhere", put([], *of(SHARED, "InternalZone", "VPCs")), "is for no VPC"),
    ("a name outside of its zone", put("grafana.example.net", *of(SHARED, "GrafanaName", "Name")),
     "is not in the zone"),
    # sizes, machines, databases
    ("none of them", put("0", *of(TRANSLATION, "AsgA", "MinSize")), "MinSize is 0"),
    ("more than the most", put(9, *of(CLUSTER, "Nodes", "ScalingConfig", "DesiredSize")),
     "9 are wanted, of 2 at least"),
    ("capacity", put(300, *of(DATA, "Db", "ServerlessV2ScalingConfiguration", "MaxCapacity")), "what AWS takes"),
    ("backups", drop(*of(DATA, "Db", "BackupRetentionPeriod")), "gone after a day"),
    ("a version by chance", drop(*of(DATA, "Db", "EngineVersion")), "EngineVersion is left out"),
    ("the audit", put("0", *of(DATA, "DbParameters", "Parameters", "server_audit_logging")), "both, or neither"),
    ("a machine in the clear", put(False, *of(TRANSLATION, "LtA", "LaunchTemplateData", "BlockDeviceMappings", 0, "Ebs",
                                              "Encrypted")), "has a volume that is not encrypted"),
    ("another template's version", put(get("LtB", "LatestVersionNumber"), *of(TRANSLATION, "AsgA", "LaunchTemplate",
                                                                              "Version")),
     "of another launch template"),
    ("an old image", put("AL2_x86_64", *of(CLUSTER, "Nodes", "AmiType")), "none that EKS takes today"),
    ("nobody rules", drop(CLUSTER, "Admin"), "nobody rules it"),
    ("an unknown policy", put("arn:aws:eks::aws:cluster-access-policy/Admin", *of(
        CLUSTER, "Admin", "AccessPolicies", 0, "PolicyArn")), "is no policy of EKS's for people"),
    ("an unknown add-on", put("core-dns", *of(CLUSTER, "Coredns", "AddonName")), "core-dns is no add-on"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_is_told(change: Change, words: str) -> None:
    templates = operated().templates()
    change(templates)
    told = [str(fault) for fault in judge(from_templates(templates))]
    assert any(words in line for line in told), "\n".join(told)


def test_nothing_is_said_of_a_platform_that_is_operated_well() -> None:
    assert judge(from_templates(operated().templates())) == []
