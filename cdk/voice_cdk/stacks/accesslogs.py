"""Where a load balancer writes who asked it what."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

KEPT_DAYS = 90
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"


class AccessLogs(Construct):
    """A bucket that only load balancers of this account may write into. It stays when its stack goes.

    Attributes:
        bucket: its name.
        policy: what has to be there before a load balancer is told of the bucket: it tries to write at once.
    """

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        stack = cdk.Stack.of(self)
        bucket = s3.CfnBucket(
            self,
            "Bucket",
            # With a key of our own Elastic Load Balancing can't write.
            bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
                server_side_encryption_configuration=[
                    s3.CfnBucket.ServerSideEncryptionRuleProperty(
                        server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                            sse_algorithm="AES256"
                        )
                    )
                ]
            ),
            public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
                block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
            ),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(rules=[_gone_after(KEPT_DAYS)]),
        )
        bucket.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.bucket = bucket.ref
        balancers = stack.format_arn(service="elasticloadbalancing", resource="loadbalancer", resource_name="*")
        statements = [self._writes(bucket.attr_arn, balancers), _by_tls_alone(bucket.attr_arn)]
        self.policy = s3.CfnBucketPolicy(
            self, "Policy", bucket=bucket.ref, policy_document=iam.PolicyDocument(statements=statements)
        )

    def _writes(self, bucket: str, balancers: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["s3:PutObject"],
            principals=[iam.ServicePrincipal(WRITER)],
            resources=[f"{bucket}/AWSLogs/{cdk.Stack.of(self).account}/*"],
            conditions={"ArnLike": {"aws:SourceArn": balancers}},
        )


def _by_tls_alone(bucket: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=["s3:*"],
        principals=[iam.AnyPrincipal()],
        resources=[bucket, f"{bucket}/*"],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _gone_after(days: int) -> s3.CfnBucket.RuleProperty:
    return s3.CfnBucket.RuleProperty(
        id="Gone",
        status="Enabled",
        expiration_in_days=days,
        noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(noncurrent_days=1),
    )
