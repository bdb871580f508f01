"""Read a folder of synthesised templates: a cloud assembly (manifest, stages, nested stacks), or bare files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from voice_cdk.judge.keys import Json, Key

NESTED = "AWS::CloudFormation::Stack"


class TemplatesError(Exception):
    """The folder can't be read; `sentences` tell each thing that is wrong with it."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Stack:
    """One template as it is deployed.

    Attributes:
        after: names of stacks that are deployed before it because the manifest says so.
        parent: the resource that deploys it, of a nested stack.
    """

    name: str
    template: Mapping[str, Json]
    region: str = "eu-west-1"
    account: str = "111111111111"
    after: frozenset[str] = frozenset()
    parent: Key | None = None

    @property
    def resources(self) -> Mapping[str, Json]:
        """Its resources by logical id, as written."""
        resources: Mapping[str, Json] = self.template["Resources"]
        return resources

    def with_resource(self, logical_id: str, resource: Mapping[str, Json] | None) -> Stack:
        """The same stack with one resource written otherwise, or without it."""
        resources = {**self.resources}
        if resource is None:
            del resources[logical_id]
        else:
            resources[logical_id] = resource
        return replace(self, template={**self.template, "Resources": resources})


@dataclass(frozen=True)
class Assembly:
    """All stacks of one folder by name."""

    stacks: Mapping[str, Stack] = field(default_factory=dict)

    def with_stack(self, stack: Stack) -> Assembly:
        """The same stacks, one of them another."""
        return Assembly({**self.stacks, stack.name: stack})

    def resources(self) -> Iterator[tuple[Key, Mapping[str, Json]]]:
        """Every resource of every stack, as written."""
        for stack in self.stacks.values():
            for logical_id, resource in stack.resources.items():
                yield Key(stack.name, logical_id), resource


def read(folder: Path) -> Assembly:
    """Read every template of `folder`.

    Raises:
        TemplatesError: it is no folder, holds no template, or one of them is no CloudFormation template in JSON.
    """
    if not folder.is_dir():
        raise TemplatesError([f"{folder}: no such folder; name one that `cdk synth` wrote"])
    reader = _Reader()
    if (folder / "manifest.json").is_file():
        reader.assembly(folder)
    else:
        reader.bare(folder)
    if reader.wrong:
        raise TemplatesError(reader.wrong)
    if not reader.stacks:
        raise TemplatesError([f"{folder}: holds no template; files are called NAME.template.json"])
    return Assembly(reader.stacks)


def from_templates(templates: Mapping[str, Json]) -> Assembly:
    """Take templates that are in memory already, by name of their stack."""
    reader = _Reader()
    for name, template in templates.items():
        reader.add(Stack(name, template), Path())
    if reader.wrong:
        raise TemplatesError(reader.wrong)
    return Assembly(reader.stacks)


class _Reader:
    """Collects stacks, and a sentence for whatever is wrong."""

    def __init__(self) -> None:
        self.stacks: dict[str, Stack] = {}
        self.wrong: list[str] = []

    def assembly(self, folder: Path) -> None:
        manifest = self._json(folder / "manifest.json")
        artifacts = manifest.get("artifacts") if isinstance(manifest, dict) else None
        if not isinstance(artifacts, dict):
            self.wrong.append(f"{folder / 'manifest.json'}: names no artifacts; synthesise the folder again")
            return
        for name, artifact in artifacts.items():
            kind, properties = artifact.get("type"), artifact.get("properties", {})
            if kind == "cdk:cloud-assembly":
                self.assembly(folder / properties["directoryName"])
            elif kind == "aws:cloudformation:stack":
                self._artifact(folder, name, artifact)

    def _artifact(self, folder: Path, name: str, artifact: Mapping[str, Json]) -> None:
        path = folder / artifact["properties"]["templateFile"]
        template = self._json(path)
        account, _, region = artifact.get("environment", "").removeprefix("aws://").partition("/")
        stack = Stack(name, template, after=frozenset(artifact.get("dependencies", ())))
        if region and "unknown" not in region:
            stack = replace(stack, region=region)
        if account.isdigit():
            stack = replace(stack, account=account)
        self.add(stack, folder)

    def bare(self, folder: Path) -> None:
        paths = sorted(folder.rglob("*.template.json")) or sorted([*folder.glob("*.json"), *folder.glob("*.template")])
        templates = {path: self._json(path) for path in paths}
        nested = {name for template in templates.values() for _, name in _nested(template)}
        for path, template in templates.items():
            if path.name not in nested:
                self.add(Stack(path.name.split(".")[0], template), path.parent)

    def add(self, stack: Stack, folder: Path) -> None:
        """Take a stack and those nested in it, if they are templates."""
        sentence = _shape(stack.template)
        if sentence:
            self.wrong.append(f"{stack.name}: {sentence}")
            return
        self.stacks[stack.name] = stack
        for logical_id, file in _nested(stack.template):
            key = Key(stack.name, logical_id)
            name = f"{stack.name}.{logical_id}"
            template = self._json(folder / file)
            if template is not None:
                self.add(replace(stack, name=name, template=template, parent=key), folder)

    def _json(self, path: Path) -> Json:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.wrong.append(f"{path}: is missing; synthesise the folder again")
        except UnicodeDecodeError:
            self.wrong.append(f"{path}: is not UTF-8")
        except (json.JSONDecodeError, RecursionError) as error:
            self.wrong.append(f"{path}: is not JSON ({error}); YAML is not read, `cdk synth` writes JSON")
        except OSError as error:
            self.wrong.append(f"{path}: can't be read ({error.strerror})")
        return None


def _shape(template: Json) -> str:
    """What keeps it from being a template at all, or nothing."""
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not resources:
        return "is no template: it has no Resources"
    for logical_id, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            return f"{logical_id} has no Type"
        if not isinstance(resource.get("Properties", {}), dict):
            return f"{logical_id}: its Properties are no object"
    return ""


def _nested(template: Json) -> list[tuple[str, str]]:
    """Logical ids of nested stacks, and the files that their templates are in."""
    if _shape(template):
        return []
    found = []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == NESTED:
            path = resource.get("Metadata", {}).get("aws:asset:path") or resource["Properties"].get("TemplateURL")
            if isinstance(path, str):
                found.append((logical_id, path.rsplit("/", 1)[-1]))
    return found
