"""The reference platform with what operating it takes: keys, secrets, alarms, logs, names, rights of pods."""

from __future__ import annotations

from typing import Any

from tests.unit.cdk.judge.builder import Builder, get, host6, ref
from tests.unit.cdk.judge.reference import CLUSTER, DATA, NETWORK, SHARED, TRANSLATION, platform

ALARMS = "Alarms"
ACCOUNT = "111111111111"
OURS = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
PLAIN = {"Bool": {"aws:SecureTransport": "false"}}
ROOT = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def operated() -> Builder:
    """All of it."""
    build = platform()
    _topic(build)
    _secrets(build)
    _logs(build)
    _alarms(build)
    _access_logs(build)
    _names(build)
    return build


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    """A statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: Any) -> dict[str, Any]:
    """A statement that refuses who comes without TLS."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, "Principal": "*", "Condition": PLAIN}


def role(build: Builder, stack: str, name: str, service: str, *statements: Any, pods: bool = False) -> str:
    """A role with a policy of its own."""
    trust: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    if pods:
        trust["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    else:
        trust["Condition"] = OURS
    build.add(stack, name, "IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]})
    build.add(stack, f"{name}Policy", "IAM::Policy", PolicyName=name, Roles=[ref(name)],
              PolicyDocument={"Statement": list(statements)})  # fmt: skip
    return name


def key(build: Builder, stack: str, name: str, *statements: Any) -> str:
    """A key that is kept."""
    build.add(stack, name, "KMS::Key", EnableKeyRotation=True, KeyPolicy={"Statement": [ROOT, *statements]})
    build.stacks[stack]["Resources"][name] |= KEPT
    return name


def service(name: str, *actions: str, resource: Any = "*") -> dict[str, Any]:
    """A statement that lets a service of AWS in, for our account."""
    return allow(list(actions), resource, Principal={"Service": name}, Condition=OURS)


def _topic(build: Builder) -> None:
    topic_key = key(
        build, ALARMS, "TopicKey", service("cloudwatch.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey*")
    )
    build.add(ALARMS, "AlarmTopic", "SNS::Topic", KmsMasterKeyId=get(topic_key, "Arn"),
              Subscription=[{"Endpoint": "alarms@example.net", "Protocol": "email"}])  # fmt: skip
    publishes = service("cloudwatch.amazonaws.com", "sns:Publish", resource=ref("AlarmTopic"))
    build.add(ALARMS, "WhoPublishes", "SNS::TopicPolicy", Topics=[ref("AlarmTopic")],
              PolicyDocument={"Statement": [publishes, deny("sns:Publish", ref("AlarmTopic"))]})  # fmt: skip


def _secrets(build: Builder) -> None:
    key(build, DATA, "DataKey")
    build.stacks[DATA]["Resources"]["Db"]["Properties"] |= {
        "KmsKeyId": get("DataKey", "Arn"), "MasterUserSecret": {"KmsKeyId": get("DataKey", "Arn")},
    }  # fmt: skip
    key(build, CLUSTER, "ClusterKey")
    build.stacks[CLUSTER]["Resources"]["Eks"]["Properties"]["EncryptionConfig"] = [
        {"Provider": {"KeyArn": get("ClusterKey", "Arn")}, "Resources": ["secrets"]}
    ]
    build.add(DATA, "OwnerSecret", "SecretsManager::Secret", KmsKeyId=get("DataKey", "Arn"), GenerateSecretString={
        "SecretStringTemplate": '{"username": "owner"}', "GenerateStringKey": "password", "PasswordLength": 32,
        "ExcludeCharacters": " \"'/@\\;{}%$`"})  # fmt: skip
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
    role(build, CLUSTER, "PodsRole", "pods.eks.amazonaws.com",
         allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], ref("OwnerSecret")),
         allow("kms:Decrypt", get("DataKey", "Arn"), Condition=via), pods=True)  # fmt: skip
    build.add(CLUSTER, "PodsIdentity", "EKS::PodIdentityAssociation", after=["PodsRolePolicy"], ClusterName=ref("Eks"),
              Namespace="voice", ServiceAccount="operator", RoleArn=get("PodsRole", "Arn"))  # fmt: skip
    build.add(CLUSTER, "Driver", "EKS::Addon", after=["Nodes"], ClusterName=ref("Eks"),
              AddonName="aws-secrets-store-csi-driver-provider")  # fmt: skip


def _logs(build: Builder) -> None:
    needed = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
    log_key = key(build, NETWORK, "LogKey", service("logs.eu-west-1.amazonaws.com", *needed))
    build.add(NETWORK, "FlowLogs", "Logs::LogGroup", RetentionInDays=30, KmsKeyId=get(log_key, "Arn"))
    written = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    writer = role(build, NETWORK, "LogRole", "vpc-flow-logs.amazonaws.com", allow(written, get("FlowLogs", "Arn")))
    log = build.stacks[NETWORK]["Resources"]["BLog"]
    log["Properties"] |= {"LogDestination": get("FlowLogs", "Arn"), "DeliverLogsPermissionArn": get(writer, "Arn")}
    del log["Properties"]["LogDestinationType"]
    log["DependsOn"] = ["LogRolePolicy"]


def alarm(build: Builder, stack: str, name: str, metric: str, *, below: bool = False, **dimensions: Any) -> None:
    """An alarm; the metric is written with its namespace, as `AWS/RDS CPUUtilization`."""
    namespace, _, metric_name = metric.partition(" ")
    build.add(stack, name, "CloudWatch::Alarm", Namespace=namespace, MetricName=metric_name,
              Statistic="Sum" if "HTTPCode" in metric else "Average",
              Period=60, EvaluationPeriods=5, Threshold=1, TreatMissingData="breaching",
              AlarmActions=[ref("AlarmTopic")],
              ComparisonOperator="LessThanThreshold" if below else "GreaterThanThreshold",
              Dimensions=[{"Name": one, "Value": value} for one, value in dimensions.items()])  # fmt: skip


def _alarms(build: Builder) -> None:
    for metric in ("CPUUtilization", "ACUUtilization", "DatabaseConnections", "AuroraReplicaLag"):
        alarm(build, DATA, f"{metric}Alarm", f"AWS/RDS {metric}", DBClusterIdentifier=ref("Db"))
    balancer, targets = get("Alb", "LoadBalancerFullName"), get("Targets", "TargetGroupFullName")
    for metric in ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"):
        alarm(build, CLUSTER, metric.replace("_", ""), f"AWS/ApplicationELB {metric}", LoadBalancer=balancer)
    for metric in ("UnHealthyHostCount", "HealthyHostCount"):
        alarm(build, CLUSTER, f"{metric}Alarm", f"AWS/ApplicationELB {metric}", below=metric.startswith("H"),
              LoadBalancer=balancer, TargetGroup=targets)  # fmt: skip
    for letter in "AB":
        alarm(build, TRANSLATION, f"Alive{letter}", "AWS/AutoScaling GroupInServiceInstances", below=True,
              AutoScalingGroupName=ref(f"Asg{letter}"))  # fmt: skip
        build.stacks[TRANSLATION]["Resources"][f"Asg{letter}"]["Properties"]["MetricsCollection"] = [
            {"Granularity": "1Minute", "Metrics": ["GroupInServiceInstances"]}
        ]


def _access_logs(build: Builder) -> None:
    closed = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    build.add(CLUSTER, "LogsBucket", "S3::Bucket", PublicAccessBlockConfiguration=closed,
              BucketEncryption={"ServerSideEncryptionConfiguration": [
                  {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
              LifecycleConfiguration={"Rules": [{"Status": "Enabled", "ExpirationInDays": 90}]})  # fmt: skip
    build.stacks[CLUSTER]["Resources"]["LogsBucket"] |= KEPT
    whole = {"Fn::Join": ["", [get("LogsBucket", "Arn"), "/*"]]}
    refused = deny("s3:*", [get("LogsBucket", "Arn"), whole])
    written = service("logdelivery.elasticloadbalancing.amazonaws.com", "s3:PutObject", resource=whole)
    build.add(CLUSTER, "BucketPolicy", "S3::BucketPolicy", Bucket=ref("LogsBucket"),
              PolicyDocument={"Statement": [written, refused]})  # fmt: skip
    balancer = build.stacks[CLUSTER]["Resources"]["Alb"]
    balancer["DependsOn"] = ["BucketPolicy"]
    balancer["Properties"]["LoadBalancerAttributes"] += [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.bucket", "Value": ref("LogsBucket")},
    ]  # fmt: skip


def _names(build: Builder) -> None:
    build.add(SHARED, "InternalZone", "Route53::HostedZone", Name="voice.internal",
              VPCs=[{"VPCId": ref("A"), "VPCRegion": "eu-west-1"}])  # fmt: skip
    build.add(SHARED, "GrafanaName", "Route53::RecordSet", HostedZoneId=ref("InternalZone"),
              Name="grafana.voice.internal", Type="AAAA", TTL="60", ResourceRecords=[host6("A", 64, "13")])  # fmt: skip
    target = {"DNSName": get("Alb", "DNSName"), "HostedZoneId": get("Alb", "CanonicalHostedZoneID")}
    for kind in ("A", "AAAA"):
        build.add(CLUSTER, f"Portal{kind}", "Route53::RecordSet", HostedZoneId="Z1", Name="voice.example.net",
                  Type=kind, AliasTarget=target)  # fmt: skip
