"""Configuration files for the tests: one that is right, and what one change makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from voice_cdk.config.faults import ConfigError, Fault
from voice_cdk.config.loading import judge
from voice_cdk.config.model import Config
from voice_cdk.config.reading import parse

ARN = "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"

RIGHT = {
    "name": '"voice"',
    "account": '"111122223333"',
    "region": '"eu-west-1"',
    "zones": '["eu-west-1a", "eu-west-1b"]',
    "shared": '"10.10.0.0/16"',
    "communications": '"10.20.0.0/16"',
    "alarm_address": '"voice-alarms@example.net"',
    "portal.domain": '"voice.example.net"',
    "portal.zone": '"example.net"',
    "portal.zone_id": '"Z0123456789EXAMPLE"',
    "portal.certificate": f'"{ARN}"',
    "portal.allowed": '["198.51.100.0/24", "2001:db8:ff1::/48"]',
    "clients.acme.connection": '"tunnel"',
    "clients.acme.gateway": '"203.0.113.7"',
    "clients.acme.vpc": '"10.30.0.0/16"',
    "clients.acme.prefixes": '["2001:db8:ac3e::/48", "192.0.2.0/26"]',
    "clients.globex.connection": '"trunk"',
    "clients.globex.vpc": '"10.31.0.0/16"',
    "clients.globex.prefixes": '["2001:db8:60be::/48"]',
}
"""Every key without a default, by its path, with its value as TOML writes it."""

Changes = Mapping[str, str | None]
"""New values of keys, by their paths; None takes a key out."""


def written(changes: Changes = {}) -> str:  # noqa: B006 - nobody changes it
    """Return the text of the right file with some values changed."""
    values = {path: value for path, value in {**RIGHT, **changes}.items() if value is not None}
    lines: dict[str, list[str]] = {}
    for path, value in values.items():
        table, _, name = path.rpartition(".")
        lines.setdefault(table, []).append(f"{name} = {value}")
    return "".join((f"[{table}]\n" if table else "") + "\n".join(lines[table]) + "\n" for table in sorted(lines))


def config(changes: Changes = {}) -> Config:  # noqa: B006
    """Return what the right file with some values changed means."""
    return judge(parse(written(changes)))


def faults(changes: Changes) -> list[Fault]:
    """Return all that is wrong with the right file after some changes."""
    try:
        config(changes)
    except ConfigError as error:
        return list(error.faults)
    return []


def assert_one_fault(changes: Changes, where: str, said: str) -> None:
    """One mistake is one fault, at its place, in one line, with these words."""
    (fault,) = faults(changes)
    assert fault.where == where
    assert said in fault.what
    assert "\n" not in fault.what
