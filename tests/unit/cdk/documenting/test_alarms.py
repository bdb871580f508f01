"""What an alarm says, and what to do about it."""

import pytest

from voice_cdk.documenting.alarms import UnknownAlarmError, alarms
from voice_cdk.judge.templates import Assembly, from_templates


def assembly(*texts: str, metric: str = "CPUUtilization") -> Assembly:
    def alarm(text: str) -> object:
        properties = {
            "MetricName": metric, "AlarmDescription": text, "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80, "EvaluationPeriods": 5, "Period": 60,
        }  # fmt: skip
        return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}

    return from_templates({"Stack": {"Resources": {f"A{at}": alarm(text) for at, text in enumerate(texts)}}})


def row(found: Assembly) -> list[str]:
    return alarms(found).splitlines()[-1].strip("| ").split(" | ")


def test_an_alarm_is_told_without_the_way_to_this_very_table():
    cells = row(assembly("It is short of CPU. What to do: docs/aws.md#alarms"))
    assert cells[:4] == ["`CPUUtilization`", "It is short of CPU", "above 80 for 5 min", "1"]


def test_alarms_on_one_metric_are_one_row_without_what_differs():
    cells = row(assembly("The gateway in A has no port left", "The gateway in B has no port left"))
    assert cells[1] == "The gateway in … has no port left"
    assert cells[3] == "2"


def test_an_alarm_of_which_nobody_knows_what_to_do_is_named():
    with pytest.raises(UnknownAlarmError, match="does not say what to do about NoSuchMetric"):
        alarms(assembly("x", metric="NoSuchMetric"))
