"""What has to outlive its stack: records, images, spools. A mistake in a deployment must not take them along."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault

KEEPING = ("DeletionPolicy", "UpdateReplacePolicy")
KEPT = frozenset({"Retain", "Snapshot", "RetainExceptOnCreate"})
OUTLIVES = {
    "AWS::RDS::DBCluster": "records",
    "AWS::EC2::Volume": "recordings and rows that were not sent yet",
    "AWS::S3::Bucket": "what lies in it",
    "AWS::ECR::Repository": "images that run",
}
DEFAULTS = {("AWS::RDS::DBCluster", "DeletionPolicy"): "Snapshot", ("AWS::EC2::Volume", "DeletionPolicy"): "Snapshot"}
"""What CloudFormation does where nothing is said (user guide, "DeletionPolicy attribute")."""


def check(context: Context) -> Iterator[Fault]:
    """Each resource of these types."""
    for kind, what in OUTLIVES.items():
        for key in context.resolver.of_type(kind):
            raw = context.resolver.raw(key)
            for name in KEEPING:
                found = str(raw.get(name, DEFAULTS.get((kind, name), "Delete")))
                if found not in KEPT:
                    reason = f"{name} is {raw.get(name, 'left out')}: {what} would go with it; Retain or Snapshot"
                    yield Fault(kind="kept", resource=str(key), reason=reason)
