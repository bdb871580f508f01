"""Read a folder of synthesised templates: a cloud assembly (manifest, stages, nested stacks), or bare files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from voice_cdk.judge.keys import Json, Key

NESTED, VPC = "AWS::CloudFormation::Stack", "AWS::EC2::VPC"
MANIFEST = "manifest.json"
LARGEST = 1_048_576
"""Octets of a template (CloudFormation quotas, "Template body size in an Amazon S3 object")."""
DEEPEST = 6
"""Stacks in stacks; whoever needs more goes round in a circle."""
MOST_STACKS = 200
MOST_NESTED = 120
"""Levels of objects and lists."""


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
        stage: the folder whose manifest names it; empty without one.
        parent: the resource that deploys it, of a nested stack.
    """

    name: str
    template: Mapping[str, Json]
    region: str = "eu-west-1"
    account: str = "111111111111"
    after: frozenset[str] = frozenset()
    parent: Key | None = None
    stage: str = ""

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

    def platforms(self) -> list[Assembly]:
        """What is judged by itself: each stage with VPCs of its own, where all have some."""
        stages: dict[str, dict[str, Stack]] = {}
        for name, stack in self.stacks.items():
            stages.setdefault(stack.stage, {})[name] = stack
        if len(stages) == 1 or not all(map(_has_vpc, stages.values())):
            return [self]
        return [Assembly(stacks) for stacks in stages.values()]


def _has_vpc(stacks: Mapping[str, Stack]) -> bool:
    return any(one.get("Type") == VPC for stack in stacks.values() for one in stack.resources.values())


def read(folder: Path) -> Assembly:
    """Read every template of `folder`.

    Raises:
        TemplatesError: it is no folder, holds no template, or one of them is no CloudFormation template in JSON.
    """
    if not folder.is_dir():
        raise TemplatesError([f"{folder}: no such folder; name one that `cdk synth` wrote"])
    reader = _Reader()
    if (folder / MANIFEST).is_file():
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
        self._entered: set[Path] = set()
        self._prefix = ""
        """Before the names of stacks: of several assemblies, whose they are."""

    def assembly(self, folder: Path) -> None:
        """Take what a cloud assembly's manifest names, and assemblies inside of it."""
        self._entered.add(folder.resolve())
        manifest = self._json(folder / MANIFEST)
        artifacts = manifest.get("artifacts") if isinstance(manifest, dict) else None
        if not isinstance(artifacts, dict):
            self.wrong.append(f"{folder / MANIFEST}: names no artifacts; synthesise the folder again")
            return
        for name, artifact in artifacts.items():
            kind, properties = _part(artifact, "type"), _part(artifact, "properties")
            if kind == "cdk:cloud-assembly" and (inner := self._named(folder, name, properties, "directoryName")):
                self._inner(inner)
            elif kind == "aws:cloudformation:stack" and (path := self._named(folder, name, properties, "templateFile")):
                self._artifact(path, name, artifact)

    def _named(self, folder: Path, name: str, properties: Json, wanted: str) -> Path | None:
        """The file or folder that an artifact names."""
        found = _part(properties, wanted)
        if isinstance(found, str) and found and "\0" not in found:
            return folder / found
        self.wrong.append(f"{folder / MANIFEST}: artifact {name} has no {wanted}; synthesise the folder again")
        return None

    def _inner(self, folder: Path) -> None:
        if folder.resolve() in self._entered:
            self.wrong.append(f"{folder}: its manifest leads back to it; synthesise the folder again")
        else:
            self.assembly(folder)

    def _artifact(self, path: Path, name: str, artifact: Mapping[str, Json]) -> None:
        template = self._json(path)
        if template is None:
            return
        after = artifact.get("dependencies")
        named = frozenset(f"{self._prefix}{one}" for one in after) if isinstance(after, list) else frozenset()
        stack = Stack(f"{self._prefix}{name}", template, after=named, stage=str(path.parent))
        account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
        if region and "unknown" not in region:
            stack = replace(stack, region=region)
        if account.isdigit():
            stack = replace(stack, account=account)
        self.add(stack, path.parent)

    def bare(self, folder: Path) -> None:
        """Take all templates of a folder without a manifest; those that others nest belong to them."""
        inner = _assemblies(folder)
        for one in inner:
            self._prefix = f"{one.relative_to(folder)}/" if len(inner) > 1 else ""
            self.assembly(one)
        self._prefix = ""
        paths = sorted(folder.rglob("*.template.json")) or sorted([*folder.glob("*.json"), *folder.glob("*.template")])
        paths = [path for path in paths if not any(one in path.parents for one in inner)]
        read_ones = {path: self._json(path) for path in paths[:MOST_STACKS]}
        templates = {path: template for path, template in read_ones.items() if template is not None}
        if len(paths) > MOST_STACKS:
            self.wrong.append(f"{folder}: holds {len(paths)} templates; name a folder of {MOST_STACKS} at most")
        nested = {name for template in templates.values() for _, name in _nested(template)}
        for path, template in templates.items():
            if path.name not in nested:
                self.add(Stack(path.name.split(".")[0], template), path.parent)

    def add(self, stack: Stack, folder: Path, depth: int = 0) -> None:
        """Take a stack and those nested in it, if they are templates."""
        sentences = _shape(stack.template)
        if sentences:
            self.wrong += [f"{stack.name}: {sentence}" for sentence in sentences]
            return
        if stack.name in self.stacks:
            self.wrong.append(f"{folder}: two templates are called {stack.name}; name the folder of one platform")
            return
        self.stacks[stack.name] = stack
        for logical_id, file in _nested(stack.template):
            if depth == DEEPEST:
                self.wrong.append(f"{stack.name}: {logical_id} nests stacks in each other, {DEEPEST} deep and more")
                continue
            template = self._json(folder / file)
            if template is not None:
                inner = replace(
                    stack, name=f"{stack.name}.{logical_id}", template=template, parent=Key(stack.name, logical_id)
                )
                self.add(inner, folder, depth + 1)

    def _json(self, path: Path) -> Json:
        """A file's JSON; None and a sentence where it has none."""
        try:
            if path.exists() and not path.is_file():
                self.wrong.append(f"{path}: is no file")
            elif path.stat().st_size > LARGEST and path.name != MANIFEST:
                self.wrong.append(f"{path}: is larger than {LARGEST} octets, the most that CloudFormation takes")
            elif _depth(found := json.loads(path.read_text(encoding="utf-8-sig"))) > MOST_NESTED:
                self.wrong.append(f"{path}: is nested too deeply to be a template")
            else:
                return found
        except FileNotFoundError:
            self.wrong.append(f"{path}: is missing; synthesise the folder again")
        except UnicodeDecodeError:
            self.wrong.append(f"{path}: is not UTF-8")
        except RecursionError:
            self.wrong.append(f"{path}: is nested too deeply to be a template")
        except ValueError as error:
            self.wrong.append(f"{path}: is not JSON ({error}); YAML is not read, `cdk synth` writes JSON")
        except OSError as error:
            self.wrong.append(f"{path}: can't be read ({error.strerror})")
        return None


def _assemblies(folder: Path) -> list[Path]:
    """Folders below with a manifest of their own, without those inside of such a one."""
    found: list[Path] = []
    for path in sorted(folder.rglob(MANIFEST), key=lambda one: len(one.parts)):
        if not any(one in path.parents for one in found):
            found.append(path.parent)
    return sorted(found)


def _depth(value: Json) -> int:
    """How many objects and lists are in each other, counted no further than is of interest."""
    depth, level = 0, [value]
    while level and depth <= MOST_NESTED:
        depth += 1
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [part for parts in inner for part in parts]
    return depth


def _part(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _shape(template: Json) -> list[str]:
    """What keeps it from being a template at all: a sentence each."""
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not resources:
        return ["is no template: it has no Resources"]
    wrong = [
        f"its {name} are no object of objects"
        for name in ("Outputs", "Parameters")
        if not _objects(template.get(name, {}))
    ]
    wrong += [f"its {name} are no object" for name in ("Mappings", "Conditions") if not _object(template.get(name, {}))]
    for logical_id, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            wrong.append(f"{logical_id} has no Type")
        elif not isinstance(resource.get("Properties", {}), dict):
            wrong.append(f"{logical_id}: its Properties are no object")
    return wrong


def _object(value: Json) -> bool:
    return isinstance(value, dict)


def _objects(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _nested(template: Json) -> list[tuple[str, str]]:
    """Logical ids of nested stacks, and the files that their templates are in."""
    if _shape(template):
        return []
    found = []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == NESTED:
            asset = _part(resource.get("Metadata"), "aws:asset:path")
            path = asset or _part(resource.get("Properties"), "TemplateURL")
            if isinstance(path, str) and "\0" not in path:
                found.append((logical_id, path.rsplit("/", 1)[-1]))
    return found
