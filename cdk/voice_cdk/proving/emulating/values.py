"""Properties of a resource with what AWS gave to others before: fails where these are not there yet."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping

from voice_cdk.judge import attributes
from voice_cdk.judge.intrinsics import PLAIN, VARIABLE, text, without_absent
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.templates import Assembly, Stack

Made = Mapping[str, Json]
"""Attributes of a resource that is made, `Ref` among them; one that changes later is a function."""


class MissingError(Exception):
    """What is referred to is not there (yet); the message is a sentence. `key`: what, if it could be any resource."""

    def __init__(self, sentence: str, key: Key | None = None) -> None:
        super().__init__(sentence)
        self.key = key


class Values:
    """Fills in what templates leave open."""

    def __init__(self, assembly: Assembly, made: Mapping[Key, Made]) -> None:
        self._made = made
        self._functions: dict[str, Callable[[Stack, Json], Json]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::ImportValue": self._import,
            "Fn::Base64": lambda stack, raw: b64encode(text(self.fill(stack, raw)).encode()).decode(),
        }
        self._exports = {
            text(output["Export"]["Name"]): (stack, output["Value"])
            for stack in assembly.stacks.values()
            for output in stack.template.get("Outputs", {}).values()
            if "Export" in output
        }

    def fill(self, stack: Stack, raw: Json) -> Json:
        """`raw` with references and functions replaced.

        Raises:
            MissingError: what it refers to isn't there.
        """
        if isinstance(raw, list):
            return without_absent([self.fill(stack, part) for part in raw])
        if not isinstance(raw, dict):
            return raw
        name = next(iter(raw)) if len(raw) == 1 else ""
        if name in self._functions:
            return self._functions[name](stack, raw[name])
        if name in PLAIN:
            return PLAIN[name](self.fill(stack, raw[name]))
        return without_absent({part: self.fill(stack, value) for part, value in raw.items()})

    def _ref(self, stack: Stack, name: str) -> Json:
        if name.startswith("AWS::"):
            return attributes.pseudo(stack, name)
        return self._of(Key(stack.name, name), "Ref")

    def _attribute(self, stack: Stack, argument: Json) -> Json:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._of(Key(stack.name, name), attribute)

    def _of(self, key: Key, attribute: str) -> Json:
        if key not in self._made:
            raise MissingError(f"{key} isn't there when it is needed", key)
        found = self._made[key].get(attribute, f"{key.logical_id}.{attribute}")
        return found() if callable(found) else found

    def _sub(self, stack: Stack, argument: Json) -> str:
        pattern, given = argument if isinstance(argument, list) else (argument, {})

        def replace(match: Json) -> str:
            name = match[1]
            raw = given.get(name, {"Fn::GetAtt": name} if "." in name else {"Ref": name})
            return text(self.fill(stack, raw))

        return VARIABLE.sub(replace, pattern)

    def _import(self, stack: Stack, name: Json) -> Json:
        if name not in self._exports:
            raise MissingError(f"no stack exports {name}")
        exporter, raw = self._exports[name]
        return self.fill(exporter, raw)
