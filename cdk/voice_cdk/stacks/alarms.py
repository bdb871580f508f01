"""Where alarms go: one topic, by mail to who is to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from voice_cdk.config.model import Config


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


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of CloudWatch: its namespace, its name, and of what it is."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


def add_alarm(scope: Construct, alarms: Alarms, metric: Metric, *, above: float, meaning: str) -> None:
    """Tell of a metric that stays above something for five minutes."""
    cloudwatch.CfnAlarm(
        scope,
        f"{metric.name}Alarm",
        alarm_description=meaning,
        alarm_actions=[alarms.topic],
        ok_actions=[alarms.topic],
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=5,
        threshold=above,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=[
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in metric.dimensions.items()
        ],
        statistic="Average",
        period=60,
    )
