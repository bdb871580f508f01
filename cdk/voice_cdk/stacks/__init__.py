"""The stacks: one module a concern. Needs aws-cdk-lib, of the environment that `scripts/environment cdk` makes."""

import voice_cdk.node  # noqa: F401 - before AWS CDK is imported
