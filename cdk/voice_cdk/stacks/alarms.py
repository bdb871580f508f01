"""Alarms: when somebody is to be told, and the one topic by which they are, by mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from voice_cdk.config.model import Config

RUNBOOK = "docs/aws.md#alarms"
"""Where it stands what to do; every alarm's description names it."""
PERIOD_SECONDS = 60
MINUTES = 5
"""For so long a metric is wrong before somebody is told."""


class Alarms(cdk.Stack):
    """The topic of all alarms.

    Attributes:
        topic: its ARN.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config) -> None:
        super().__init__(scope, name, description="Where alarms go")
        key = kms.Key(
            self, "Key", description="Alarms", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        service = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": config.account}}
        )
        key.grant(service, "kms:Decrypt", "kms:GenerateDataKey*")
        topic = sns.CfnTopic(
            self,
            "Topic",
            kms_master_key_id=key.key_arn,
            subscription=[sns.CfnTopic.SubscriptionProperty(endpoint=config.alarm_address, protocol="email")],
        )
        self.topic = topic.ref
        self._let_publish(service)

    def _let_publish(self, service: iam.IPrincipal) -> None:
        """CloudWatch tells, and nobody else does; nor does anybody without TLS."""
        allowed = iam.PolicyStatement(actions=["sns:Publish"], principals=[service], resources=[self.topic])
        refused = iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=["sns:Publish"],
            principals=[iam.AnyPrincipal()],
            resources=[self.topic],
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        )
        document = iam.PolicyDocument(statements=[allowed, refused])
        sns.CfnTopicPolicy(self, "WhoPublishes", topics=[self.topic], policy_document=document)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of CloudWatch: its namespace, its name, and of what it is; and what is made of a minute of it."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


class Bound(StrEnum):
    """On which side of its threshold a metric is wrong."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


class Silence(StrEnum):
    """What it means that a metric says nothing."""

    WRONG = "breaching"
    """What it is of is gone."""
    RIGHT = "notBreaching"
    """There was nothing to count."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """When a metric is wrong, and what that means, in words for whoever is told."""

    meaning: str
    bound: Bound
    threshold: float
    silence: Silence


def too_much(meaning: str, threshold: float, silence: Silence) -> Trouble:
    """A metric above a threshold."""
    return Trouble(meaning=meaning, bound=Bound.ABOVE, threshold=threshold, silence=silence)


def too_little(meaning: str, threshold: float) -> Trouble:
    """A metric below a threshold, or gone."""
    return Trouble(meaning=meaning, bound=Bound.BELOW, threshold=threshold, silence=Silence.WRONG)


def add_alarm(scope: Construct, alarms: Alarms, metric: Metric, trouble: Trouble) -> None:
    """Tell of a metric that is wrong for some minutes, and that it is right again."""
    cloudwatch.CfnAlarm(
        scope,
        f"{metric.name}Alarm",
        alarm_description=f"{trouble.meaning}. What to do: {RUNBOOK}",
        alarm_actions=[alarms.topic],
        ok_actions=[alarms.topic],
        comparison_operator=trouble.bound.value,
        evaluation_periods=MINUTES,
        threshold=trouble.threshold,
        treat_missing_data=trouble.silence.value,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=[
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in metric.dimensions.items()
        ],
        statistic=metric.statistic,
        period=PERIOD_SECONDS,
    )
