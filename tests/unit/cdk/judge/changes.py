"""One thing of templates in memory changed: a value at a path, a part removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Templates = dict[str, Any]
Change = Callable[[Templates], object]


def at(templates: Templates, stack: str, name: str, *path: str | int) -> Any:
    """A part of a resource: of its properties, if not told otherwise."""
    found = templates[stack]["Resources"][name]
    for step in path:
        found = found[step]
    return found


def put(value: Any, *path: Any) -> Change:
    """Write a value at a path: stack, resource, and so on."""
    return lambda templates: at(templates, *path[:-1]).__setitem__(path[-1], value)


def drop(*path: Any) -> Change:
    """Remove what is at a path."""
    if len(path) == 2:
        return lambda templates: templates[path[0]]["Resources"].pop(path[1])
    return lambda templates: at(templates, *path[:-1]).pop(path[-1])


def of(stack: str, name: str, *path: Any) -> tuple[Any, ...]:
    """A path below properties."""
    return (stack, name, "Properties", *path)
