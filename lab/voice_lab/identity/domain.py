"""The lab's domain, changed while it runs: who is in which group, and who may sign in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from voice_lab import commands
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.identity import people
from voice_lab.tools import samba

Change = list[Any]

SCRIPT = Path(__file__).with_name("administer.py")
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's packages of Samba's library are for this one."""


def folder(lab: Lab) -> Path:
    """Where the lab's domain is kept."""
    return lab.folder / "directory"


def populate(lab: Lab) -> None:
    """Make the people and groups of `people`, and the account with which Keycloak reads them.

    Raises:
        LabError: Samba refuses.
    """
    password = lab.passwords["demo"]
    inner = f",{people.BASE}"
    units = {dn: dn.removesuffix(inner) for dn in (people.PEOPLE, people.GROUPS)}
    reader = {"password": lab.passwords["directory-reader"]}
    change(
        lab,
        ["policy"],
        *(["unit", dn] for dn in units),
        *(["group", name, units[people.GROUPS]] for name in people.NESTED),
        ["person", people.READER, "", reader],
        *(["person", each.name, units[people.PEOPLE], _details(each, password)] for each in people.STAFF),
        *(["join", outer, name] for name, groups in people.NESTED.items() for outer in groups),
        *(["join", group, each.name] for each in people.STAFF for group in each.groups),
    )


def join(lab: Lab, person: str, group: str) -> None:
    """Put somebody into a group, which is made if there is none of that name."""
    change(lab, ["group", group, people.GROUPS.removesuffix(f",{people.BASE}")], ["join", group, person])


def leave(lab: Lab, person: str, group: str) -> None:
    """Take somebody out of a group."""
    change(lab, ["leave", group, person])


def disable(lab: Lab, person: str) -> None:
    """Let somebody sign in no more."""
    change(lab, ["disable", person])


def enable(lab: Lab, person: str) -> None:
    """Let them sign in again."""
    change(lab, ["enable", person])


def object_guid(lab: Lab, person: str) -> str:
    """The identifier that an account keeps for its life, whatever it is called."""
    (found,) = change(lab, ["guid", person])
    return str(found)


def change(lab: Lab, *changes: Change) -> list[Any]:
    """Carry out changes as `administer` knows them, all or none; return what each tells.

    Raises:
        LabError: there is no such person or group, or Samba refuses.
    """
    program = [SYSTEM_PYTHON, "-I", "-B", str(SCRIPT), str(samba.configuration(folder(lab)))]
    # Passwords are among them: they go by stdin, where no list of processes shows them.
    told = commands.run(program, stdin=json.dumps(changes), env={"PATH": os.defpath}, seconds=60)
    answers = json.loads(told)
    if not isinstance(answers, list):
        raise LabError(f"the domain's change answered: {told[:200]}")
    return answers


def _details(person: people.Person, password: str) -> dict[str, str]:
    names = {"givenname": person.given, "surname": person.surname, "mailaddress": person.mail}
    return {**names, "password": password}
