"""The list of stacks, from a folder as `make synth` writes it."""

import json
from pathlib import Path

from voice_cdk.documenting.deployed import stacks


def synthesised(folder: Path, *names: str, protected: tuple[str, ...] = ()) -> Path:
    """A folder with so many stacks of the platform my-voice, in their order."""
    inner = folder / "assembly-voice"
    inner.mkdir()
    artifacts = {}
    for name in names:
        kind, _, client = name.partition("-")
        template = {"Description": f"{kind} of {client}" if client else kind, "Resources": {"One": {}, "Two": {}}}
        (inner / f"{name}.template.json").write_text(json.dumps(template))
        artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest"}
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "displayName": f"my-voice/{name}",
            "properties": {
                "stackName": f"my-voice-{name}",
                "templateFile": f"{name}.template.json",
                "terminationProtection": name in protected,
            },
        }
    (inner / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def test_stacks_come_in_the_order_in_which_they_are_deployed(tmp_path: Path):
    folder = synthesised(tmp_path, "Network", "Data", protected=("Data",))
    assert stacks(folder).splitlines()[2:] == [
        "| `my-voice-Network` | Network | 2 |  |",
        "| `my-voice-Data` | Data | 2 | yes |",
    ]


def test_what_each_client_has_is_told_once(tmp_path: Path):
    folder = synthesised(tmp_path, "Client-acme", "Client-globex-uk", "SipHost-globex-uk")
    assert stacks(folder).splitlines()[2:] == [
        "| `my-voice-Client-NAME` | Client of NAME | 2 |  |",
        "| `my-voice-SipHost-NAME` | SipHost of NAME | 2 |  |",
    ]
