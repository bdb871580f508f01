"""Who is told of what: by the alarms in the templates."""

import json
from collections.abc import Iterator

from tests.integration.cdk.synthesised import Assembly, Resource, refers


def alarms(platform: Assembly, *stacks: str) -> list[Resource]:
    return list(platform.of_type("CloudWatch::Alarm", *stacks).values())


def watched(platform: Assembly, metric: str) -> Iterator[str]:
    """What the alarms of a metric are about."""
    for alarm in alarms(platform):
        if alarm["MetricName"] == metric:
            yield from (json.dumps(each["Value"]) for each in alarm["Dimensions"])


def test_every_alarm_tells_that_it_begins_and_that_it_is_over(platform: Assembly):
    assert alarms(platform)
    for alarm in alarms(platform):
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert refers(alarm["AlarmActions"], "AlarmsTopic") or refers(alarm["AlarmActions"], "Alarms:ExportsOutput")


def test_every_alarm_says_what_it_means_and_where_it_stands_what_to_do(platform: Assembly):
    for alarm in alarms(platform):
        meaning, _, link = alarm["AlarmDescription"].partition(". What to do: ")
        assert len(meaning) > 10
        assert link == "docs/aws.md#alarms"


def test_every_alarm_knows_what_silence_means(platform: Assembly):
    """What is counted may be nothing; what is there all the time is gone if it says nothing."""
    counted = {"ErrorPortAllocation", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "UnHealthyHostCount"}
    for alarm in alarms(platform):
        expected = "notBreaching" if alarm["MetricName"] in counted else "breaching"
        assert alarm["TreatMissingData"] == expected, alarm["MetricName"]


def test_the_database_is_watched(platform: Assembly):
    assert {each["MetricName"] for each in alarms(platform, "Data")} == {
        "CPUUtilization",
        "ACUUtilization",
        "DatabaseConnections",
        "AuroraReplicaLag",
    }


def test_the_way_to_the_portal_is_watched(platform: Assembly):
    by_metric = {each["MetricName"]: each for each in alarms(platform, "Portal")}
    assert set(by_metric) == {
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_5XX_Count",
        "UnHealthyHostCount",
        "HealthyHostCount",
    }
    for metric, alarm in by_metric.items():
        # Elastic Load Balancing counts its own errors by load balancer, those of pods by target group too.
        names = [each["Name"] for each in alarm["Dimensions"]]
        assert names == (["LoadBalancer"] if "_ELB_" in metric else ["LoadBalancer", "TargetGroup"])
        assert all(refers(each["Value"], "FullName") for each in alarm["Dimensions"])


def test_every_nat_gateway_is_watched(platform: Assembly):
    names = [name.partition("/")[2] for name in platform.of_type("EC2::NatGateway")]
    assert sorted(watched(platform, "ErrorPortAllocation")) == sorted(f'{{"Ref": "{name}"}}' for name in names)


def test_every_host_is_watched(platform: Assembly):
    groups = platform.of_type("AutoScaling::AutoScalingGroup")
    names = [name.partition("/")[2] for name in groups]
    assert sorted(watched(platform, "GroupInServiceInstances")) == sorted(f'{{"Ref": "{name}"}}' for name in names)
    # AWS says so of a group that is asked to, and of no other.
    assert all(each["MetricsCollection"][0]["Metrics"] == ["GroupInServiceInstances"] for each in groups.values())


def test_cloudwatch_alone_tells_and_by_a_topic_that_is_encrypted(platform: Assembly):
    (topic,) = platform.of_type("SNS::Topic").values()
    assert "KmsMasterKeyId" in topic
    assert [each["Endpoint"] for each in topic["Subscription"]] == ["voice-alarms@example.net"]
    (policy,) = platform.of_type("SNS::TopicPolicy").values()
    (allowed,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
