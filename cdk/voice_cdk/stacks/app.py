"""The app: a stage with the platform of one configuration, and what its templates are held against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from voice_cdk.config.model import Config
from voice_cdk.kubernetes.writing import FOLDER, write
from voice_cdk.stacks.platform import Platform
from voice_cdk.stacks.reasons import acknowledge

RULES = Path(__file__).with_name("rules.guard")

QUIET = {"@aws-cdk/core:appMode": "inmemory"}
"""What validation finds is in its report, and in the exception; else AWS CDK prints it too."""


def build(config: Config, output: Path, context: Mapping[str, Any]) -> cdk.App:
    """Make the app of `config`, to be synthesised into `output`, and write there what belongs into its cluster.

    Raises:
        RuntimeError: AWS CDK refuses something of it.
    """
    app = cdk.App(outdir=str(output), context={**context, **QUIET}, analytics_reporting=False, tree_metadata=False)
    rules = cdk.ValidationRuleSource(name=RULES.name, content=RULES.read_text(encoding="utf-8"))
    cdk.Validations.of(app).add_plugins(cdk.CloudFormationValidatePlugin(guard_rules=[rules]), AwsSolutionsChecks(app))
    platform = Platform(app, config)
    write(config, output / FOLDER)
    acknowledge(platform, config)
    return app
