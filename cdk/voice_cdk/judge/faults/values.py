"""Values that AWS takes: of properties with a fixed set of them, or a fixed form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Json, Key

DAYS = "1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653"
"""CloudWatch Logs API reference, "PutRetentionPolicy"."""
DURATION = r"PT(\d+H)?(\d+M)?(\d+S)?"
POSITIVE = r"[1-9]\d*"
EBS = r"gp[23]|io[12]|st1|sc1|standard"
MAPPING = ("BlockDeviceMappings", "Ebs", "VolumeType")
SIZE = r"[a-z][a-z0-9-]*\.(nano|micro|small|medium|large|(\d+)?xlarge|metal(-\d+xl)?)"
FORMS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("AWS::CloudWatch::Alarm", ("ComparisonOperator",), "(Greater|Less)Than(OrEqualTo)?Threshold|"
     "(LessThanLowerOrGreaterThanUpper|LessThanLower|GreaterThanUpper)Threshold"),
    ("AWS::CloudWatch::Alarm", ("Statistic",), "Average|Maximum|Minimum|SampleCount|Sum"),
    ("AWS::CloudWatch::Alarm", ("Period",), r"10|20|30|[1-9]\d*"),
    ("AWS::CloudWatch::Alarm", ("EvaluationPeriods",), POSITIVE),
    ("AWS::CloudWatch::Alarm", ("DatapointsToAlarm",), POSITIVE),
    ("AWS::CloudWatch::Alarm", ("TreatMissingData",), "breaching|notBreaching|ignore|missing"),
    ("AWS::Logs::LogGroup", ("RetentionInDays",), DAYS),
    ("AWS::EC2::Subnet", ("PrivateDnsNameOptionsOnLaunch", "HostnameType"), "ip-name|resource-name"),
    ("AWS::EC2::Volume", ("VolumeType",), EBS),
    ("AWS::EC2::Volume", ("Size",), POSITIVE),
    ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", *MAPPING), EBS),
    ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "BlockDeviceMappings", "Ebs", "VolumeSize"), POSITIVE),
    ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "InstanceType"), SIZE),
    ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "MetadataOptions", "HttpPutResponseHopLimit"),
     r"[1-9]|[1-5]\d|6[0-4]"),
    ("AWS::EC2::Instance", ("InstanceType",), SIZE),
    ("AWS::EKS::Nodegroup", ("InstanceTypes",), SIZE),
    ("AWS::EKS::Cluster", ("Version",), r"1\.\d\d"),
    ("AWS::EC2::EIP", ("Domain",), "vpc"),
    ("AWS::EC2::NatGateway", ("ConnectivityType",), "public|private"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", ("Scheme",), "internal|internet-facing"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", ("LoadBalancerAttributes", "Key"),
     r"(access_logs|connection_logs|health_check_logs|deletion_protection|idle_timeout|client_keep_alive|ipv6|"
     r"load_balancing|routing|waf|zonal_shift|dns_record|secondary_ips)\.[a-z0-9_.]+"),
    ("AWS::S3::Bucket", ("BucketEncryption", "ServerSideEncryptionConfiguration", "ServerSideEncryptionByDefault",
                         "SSEAlgorithm"), "AES256|aws:kms(:dsse)?"),
    ("AWS::S3::Bucket", ("LifecycleConfiguration", "Rules", "ExpirationInDays"), POSITIVE),
    ("AWS::S3::Bucket", ("LifecycleConfiguration", "Rules", "NoncurrentVersionExpiration", "NoncurrentDays"), POSITIVE),
    ("AWS::SSM::Association", ("ScheduleExpression",),
     r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\([^)]+\)|at\([^)]+\)"),
    ("AWS::Route53::RecordSet", ("TTL",), r"\d+"),
    ("AWS::Route53::HostedZone", ("VPCs", "VPCRegion"), r"[a-z]{2}(-[a-z]+)+-\d"),
    ("AWS::RDS::DBInstance", ("PromotionTier",), r"\d|1[0-5]"),
    ("AWS::RDS::DBCluster", ("Port",), POSITIVE),
    ("AWS::SecretsManager::Secret", ("GenerateSecretString", "PasswordLength"), POSITIVE),
    ("AWS::IAM::Role", ("ManagedPolicyArns",), r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/.+|id-.+"),
)  # fmt: skip
"""Type, path of a property (through lists, too), and the form of its value, as AWS's API references give it."""
SIGNALS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("CreationPolicy", "ResourceSignal", "Timeout"), DURATION),
    (("CreationPolicy", "ResourceSignal", "Count"), POSITIVE),
    (("UpdatePolicy", "AutoScalingRollingUpdate", "PauseTime"), DURATION),
    (("UpdatePolicy", "AutoScalingRollingUpdate", "MaxBatchSize"), POSITIVE),
    (("UpdatePolicy", "AutoScalingRollingUpdate", "MinInstancesInService"), r"\d+"),
)
"""What stands beside properties (CloudFormation user guide, "CreationPolicy attribute", "UpdatePolicy attribute")."""
DOCUMENTS = ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy")
VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
"""IAM user guide, "Version"."""
DYNAMIC = re.compile(r"\{\{resolve:(ssm:[\w./-]+(:\d+)?|ssm-secure:[\w./-]+(:\d+)?|secretsmanager:[^{}]+)\}\}")
"""CloudFormation user guide, "Dynamic references"."""


def check(context: Context) -> Iterator[Fault]:
    """Properties by the tables above, then documents, dynamic references and JSON in texts."""
    for kind, path, form in FORMS:
        for key in context.resolver.of_type(kind):
            for value in _at(context.resolver.properties(key), path):
                yield from _form(key, path, form, value)
    for key in context.resolver.keys:
        for path, form in SIGNALS:
            for value in _at(context.resolver.raw(key), path):
                yield from _form(key, path, form, value)
        properties = context.resolver.properties(key)
        yield from _documents(key, properties)
        yield from _dynamic(key, properties)
    yield from _json(context)


def _at(value: Json, path: tuple[str, ...]) -> Iterator[Json]:
    if isinstance(value, list):
        for part in value:
            yield from _at(part, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _form(key: Key, path: tuple[str, ...], form: str, value: Json) -> Iterator[Fault]:
    if isinstance(value, dict) or unknown(value) or str(value).startswith(("parameter-", "{{resolve:")):
        return
    if not re.fullmatch(form, str(value)) or (form == DURATION and str(value) == "PT"):
        yield _refused(key, f"{'.'.join(path)} {str(value)[:60]!r} is no value that AWS takes")


def _documents(key: Key, properties: Json) -> Iterator[Fault]:
    for name in DOCUMENTS:
        document = properties.get(name)
        version = document.get("Version") if isinstance(document, dict) else None
        if version is not None and str(version) not in VERSIONS:
            yield _refused(key, f"{name}.Version {version!r} is none: {max(VERSIONS)}")


def _dynamic(key: Key, value: Json) -> Iterator[Fault]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _dynamic(key, part)
    elif isinstance(value, str) and value.startswith("{{resolve:") and not DYNAMIC.fullmatch(value):
        yield _refused(key, f"{value[:80]} is no dynamic reference: it is cut off, or of no service that has them")


def _json(context: Context) -> Iterator[Fault]:
    for key in context.resolver.of_type("AWS::EKS::Addon"):
        text = context.resolver.properties(key).get("ConfigurationValues")
        if isinstance(text, str) and text.lstrip().startswith("{") and not unknown(text) and not _is_json(text):
            yield _refused(key, "ConfigurationValues begin as JSON and are none")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refused(key: Key, reason: str) -> Fault:
    return Fault(kind="refused", resource=str(key), reason=reason)
