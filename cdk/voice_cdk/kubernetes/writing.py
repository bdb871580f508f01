"""Write objects and values into a folder, in the order in which they are needed."""

from __future__ import annotations

from pathlib import Path

import cdk8s

from voice_cdk.config.model import Config
from voice_cdk.kubernetes import values
from voice_cdk.kubernetes.objects import PlatformObjects, PortalObjects

FOLDER = "kubernetes"
"""Of the synthesised folder."""


def write(config: Config, folder: Path) -> None:
    """Write what belongs into the cluster of `config`. What AWS alone knows is left to be filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    app = cdk8s.App(record_construct_metadata=False)
    charts: dict[str, cdk8s.Chart] = {
        "1-platform.yaml": PlatformObjects(app, "platform", config=config),
        "3-portal.yaml": PortalObjects(app, "portal", config=config),
    }
    texts = {name: "---\n".join(map(cdk8s.Yaml.stringify, chart.to_json())) for name, chart in charts.items()}
    texts["2-aws-load-balancer-controller.values.yaml"] = cdk8s.Yaml.stringify(values.balancer_controller(config))
    texts["4-voice-quality.values.yaml"] = cdk8s.Yaml.stringify(values.own(config))
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
