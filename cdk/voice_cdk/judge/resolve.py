"""Resolve what templates leave open: references, functions, parameters, conditions; invented values agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from voice_cdk.judge import attributes
from voice_cdk.judge.attributes import UnresolvedError, identifier
from voice_cdk.judge.intrinsics import ABSENT, LITERAL, PLAIN, UNKNOWN, VARIABLE, short, text, unknown, without_absent
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.shapes import well_shaped
from voice_cdk.judge.templates import Assembly, Stack

EQUALS = 2
"""Arguments of Fn::Equals."""


class Resolver:
    """Values of one assembly.

    Attributes:
        problems: what refers to nothing, or can't be worked out: a fault each, found while resolving.
        owners: resources by the identifier that a Ref to them resolves to.
    """

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.problems: dict[Fault, None] = {}
        self.owners: dict[str, Key] = {}
        self._conditions: dict[tuple[str, str], bool] = {}
        self._at: list[Key] = []
        self._known: dict[tuple[str, ...], Json] = {}
        self._open: set[tuple[str, ...]] = set()
        self._standing: set[Key] = set()
        self._exports = self._all_exports()
        self._functions: dict[str, Callable[[Stack, Json], Json]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find,
            "Fn::ImportValue": self._import,
            "Fn::GetAZs": lambda stack, _: [f"{stack.region}{letter}" for letter in "abc"],
            "Fn::Transform": lambda _, argument: argument,
        }
        self.keys = [key for key, resource in assembly.resources() if self._stands(key, resource)]
        self._standing = set(self.keys)
        self.owners = {identifier(key): key for key in self.keys}
        self.blocks = attributes.vpc_blocks(self)
        self._properties: dict[Key, Mapping[str, Json]] = {}
        self._by_type: dict[str, list[Key]] = defaultdict(list)
        for key in self.keys:
            self._by_type[self.raw(key)["Type"]].append(key)

    def raw(self, key: Key) -> Mapping[str, Json]:
        """A resource as it is written."""
        resource: Mapping[str, Json] = self.assembly.stacks[key.stack].resources[key.logical_id]
        return resource

    def kind(self, key: Key) -> str:
        """A resource's type."""
        return str(self.raw(key)["Type"])

    def of_type(self, *kinds: str) -> list[Key]:
        """All resources of some types, those of the first type first."""
        return [key for kind in kinds for key in self._by_type.get(kind, ())]

    def properties(self, key: Key) -> Mapping[str, Json]:
        """A resource's properties, resolved once."""
        if key not in self._properties:
            self._at.append(key)
            resolved = self.value(self.assembly.stacks[key.stack], self.raw(key).get("Properties", {}))
            resolved = well_shaped(resolved, self.problem)
            self._properties[key] = resolved if isinstance(resolved, dict) else {}
            self._at.pop()
        return self._properties[key]

    def property(self, key: Key, name: str) -> Json:
        """One property alone; None where it isn't there."""
        raw = self.raw(key).get("Properties", {}).get(name)
        value = self._once(("property", *key, name), key, raw)
        return None if value is ABSENT else value

    def _once(self, what: tuple[str, ...], at: Key, raw: Json) -> Json:
        """A value that others name, worked out once, in its own stack.

        Raises:
            UnresolvedError: it needs itself.
        """
        if what in self._open:
            raise UnresolvedError(f"{what[0]} {what[-1]} leads back to itself")
        if what not in self._known:
            self._open.add(what)
            self._at.append(at)
            try:
                self._known[what] = self.value(self.assembly.stacks[at.stack], raw)
            finally:
                self._open.discard(what)
                self._at.pop()
        return self._known[what]

    def stands(self, key: Key) -> bool:
        """Whether there is such a resource, and its condition holds."""
        return key in self._standing

    def problem(self, reason: str) -> None:
        """Keep a fault of the resource that is looked at."""
        resource = str(self._at[-1]) if self._at else ""
        self.problems[Fault(kind="unresolved", resource=resource, reason=reason)] = None

    def value(self, stack: Stack, raw: Json) -> Json:
        """`raw` with everything filled in; what can't be known becomes a text that says so, and a problem."""
        if isinstance(raw, list):
            return without_absent([self.value(stack, part) for part in raw])
        if not isinstance(raw, dict):
            return raw
        name = next(iter(raw)) if len(raw) == 1 else ""
        if name in self._functions or name in PLAIN:
            return self._call(stack, name, raw[name])
        if name.startswith("Fn::"):
            self.problem(f"{name} is no function that CloudFormation has")
            return UNKNOWN
        return without_absent({part: self.value(stack, value) for part, value in raw.items()})

    def _call(self, stack: Stack, name: str, argument: Json) -> Json:
        try:
            if name in PLAIN:
                given = self.value(stack, argument)
                return UNKNOWN if unknown(given) else PLAIN[name](given)
            return self._functions[name](stack, argument)
        except UnresolvedError as error:
            self.problem(str(error))
        except RecursionError:
            self.problem(f"{name} leads from one thing to the next without an end")
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            self.problem(f"{name} can't be worked out: {error}")
        return UNKNOWN

    def _ref(self, stack: Stack, name: Json) -> Json:
        if isinstance(name, str) and name.startswith("AWS::"):
            return attributes.pseudo(stack, name)
        key = Key(stack.name, str(name))
        if self.stands(key):
            return identifier(key)
        if name in stack.template.get("Parameters", {}):
            return self._parameter(stack, name)
        raise UnresolvedError(f"Ref {name}: the template has neither a resource nor a parameter of this name")

    def _parameter(self, stack: Stack, name: str) -> Json:
        declared = stack.template["Parameters"][name]
        if stack.parent and (given := self._passed(stack.parent, name)) is not None:
            value = given
        elif "Default" in declared:
            value = declared["Default"]
        else:
            value = attributes.parameter(declared.get("Type", "String"), name)
        listed = "List" in declared.get("Type", "") and isinstance(value, str)
        return [part.strip() for part in value.split(",")] if listed else value

    def _passed(self, parent: Key, name: str) -> Json:
        raw = self.raw(parent).get("Properties", {}).get("Parameters", {}).get(name)
        return None if raw is None else self._once(("parameter", *parent, name), parent, raw)

    def _attribute(self, stack: Stack, argument: Json) -> Json:
        path = argument.split(".", 1) if isinstance(argument, str) else argument
        name, attribute = path[0], text(self.value(stack, path[1]))
        key = Key(stack.name, name)
        if not self.stands(key):
            raise UnresolvedError(f"GetAtt {name}.{attribute}: the template has no resource of this name")
        if attribute.startswith("Outputs.") and (child := self.assembly.stacks.get(f"{key.stack}.{name}")):
            outputs = child.template.get("Outputs", {})
            if attribute[8:] not in outputs:
                raise UnresolvedError(f"GetAtt {name}.{attribute}: the nested stack has no such output")
            output = attribute[8:]
            return self._once(("output", child.name, output), Key(child.name, output), outputs[output].get("Value"))
        return attributes.attribute(self, key, attribute)

    def _sub(self, stack: Stack, argument: Json) -> str:
        pattern, given = argument if isinstance(argument, list) else (argument, {})
        values = {name: self.value(stack, raw) for name, raw in given.items()}

        def fill(match: Json) -> str:
            name = match[1].strip()
            if name not in values:
                values[name] = self.value(stack, {"Fn::GetAtt": name} if "." in name else {"Ref": name})
            return text(values[name])

        return UNKNOWN if unknown(values) else short(LITERAL.sub(r"${\1}", VARIABLE.sub(fill, pattern)))

    def _if(self, stack: Stack, argument: Json) -> Json:
        condition, yes, no = argument
        return self.value(stack, yes if self.condition(stack, condition) else no)

    def _find(self, stack: Stack, argument: Json) -> Json:
        mapping, first, second = (text(self.value(stack, part)) for part in argument[:3])
        try:
            return stack.template["Mappings"][mapping][first][second]
        except KeyError:
            if len(argument) > 3:
                return self.value(stack, argument[3]["DefaultValue"])
            raise UnresolvedError(f"FindInMap: there is no {mapping}.{first}.{second}") from None

    def _import(self, stack: Stack, argument: Json) -> Json:
        name = text(self.value(stack, argument))
        if name not in self._exports:
            raise UnresolvedError(f"ImportValue {name}: no stack exports it")
        output, raw = self._exports[name]
        return self._once(("export", name), output, raw)

    def exporter(self, name: str) -> str | None:
        """The stack that exports `name`."""
        return self._exports[name][0].stack if name in self._exports else None

    def _all_exports(self) -> dict[str, tuple[Key, Json]]:
        exports: dict[str, tuple[Key, Json]] = {}
        for stack in self.assembly.stacks.values():
            for output_id, output in stack.template.get("Outputs", {}).items():
                export = output.get("Export")
                raw = export.get("Name") if isinstance(export, dict) else None
                if raw is not None:
                    exports[self._export_name(stack, raw)] = (Key(stack.name, output_id), output.get("Value"))
        return exports

    def _export_name(self, stack: Stack, raw: Json) -> str:
        """An export's own name is made of pseudo parameters and parameters alone."""
        try:
            return attributes.plain_sub(stack, raw)
        except (ValueError, TypeError, LookupError):
            self.problem(f"an export of {stack.name} has no name that could be known")
            return "unknown"

    def condition(self, stack: Stack, name: str) -> bool:
        """Whether a template's condition holds."""
        if (stack.name, name) not in self._conditions:
            self._conditions[stack.name, name] = True  # one that leads back to itself
            declared = stack.template.get("Conditions", {})
            if name not in declared:
                self.problem(f"condition {name}: the template has none of this name")
                return True
            self._conditions[stack.name, name] = self._holds(stack, declared[name])
        return self._conditions[stack.name, name]

    def _holds(self, stack: Stack, raw: Json) -> bool:
        ((name, argument),) = raw.items() if isinstance(raw, dict) and len(raw) == 1 else (("", None),)
        listed = argument if isinstance(argument, list) and argument else None
        if name == "Condition":
            return self.condition(stack, str(argument))
        if name == "Fn::Equals" and listed and len(listed) == EQUALS:
            first, second = (self.value(stack, part) for part in listed)
            return text(first) == text(second)
        if name in {"Fn::And", "Fn::Or", "Fn::Not"} and listed:
            parts = [self._holds(stack, part) for part in listed]
            return {"Fn::And": all(parts), "Fn::Or": any(parts), "Fn::Not": not parts[0]}[name]
        self.problem(f"a condition of {stack.name} is none: {name or 'it has no function'}")
        return True

    def _stands(self, key: Key, resource: Mapping[str, Json]) -> bool:
        name = resource.get("Condition")
        if not isinstance(name, str):
            return True
        return self.condition(self.assembly.stacks[key.stack], name)
