"""Change a domain: run by the system's Python, which has Samba's library, with a list of changes on stdin.

    python3 -I administer.py smb.conf < changes.json

A change is a list: what to do, then its arguments; see `CHANGES`. What is there already is left as it is. Prints what
each change tells, as a JSON list.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from ldb import binary_encode
from samba.auth import system_session
from samba.dcerpc.misc import GUID
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

Domain = Any
"""Samba's library tells no types."""


def policy(domain: Domain) -> None:
    """Take passwords as the lab draws them, for as long as it runs."""
    domain.set_pwdProperties("0")
    domain.set_maxPwdAge("0")
    domain.set_minPwdAge("0")


def unit(domain: Domain, dn: str) -> None:
    """Make an organizational unit."""
    if not _exists(domain, f"(distinguishedName={dn})"):
        domain.create_ou(dn)


def group(domain: Domain, name: str, place: str) -> None:
    """Make a group in the unit `place` (relative to the domain's root)."""
    if not _exists(domain, _account(name)):
        domain.newgroup(name, groupou=place)


def person(domain: Domain, name: str, place: str, details: dict[str, str]) -> None:
    """Make an account with `givenname`, `surname`, `mailaddress` and `password`, or give it that password."""
    if _exists(domain, _account(name)):
        domain.setpassword(_account(name), details["password"], force_change_at_next_login=False)
    else:
        told = {key: value for key, value in details.items() if key != "password"}
        domain.newuser(name, details["password"], userou=place or None, useusernameascn=True, **told)


def join(domain: Domain, group_name: str, *members: str) -> None:
    """Put people or groups into a group."""
    _change_members(domain, group_name, members, are_in=True)


def leave(domain: Domain, group_name: str, *members: str) -> None:
    """Take people or groups out of a group."""
    _change_members(domain, group_name, members, are_in=False)


def disable(domain: Domain, name: str) -> None:
    """Let nobody sign in with an account."""
    domain.disable_account(_account(name))


def enable(domain: Domain, name: str) -> None:
    """Let its owner sign in again."""
    domain.enable_account(_account(name))


def guid(domain: Domain, name: str) -> str:
    """Tell an account's objectGUID."""
    (found,) = domain.search(expression=_account(name), attrs=["objectGUID"])
    return str(ndr_unpack(GUID, found["objectGUID"][0]))


CHANGES: dict[str, Callable[..., str | None]] = {
    change.__name__: change for change in (policy, unit, group, person, join, leave, disable, enable, guid)
}


def _change_members(domain: Domain, group_name: str, members: tuple[str, ...], *, are_in: bool) -> None:
    for member in members:
        (found,) = domain.search(expression=_account(member), attrs=["dn"])
        direct = f"(&{_account(group_name)}(member={binary_encode(str(found.dn))}))"
        if _exists(domain, direct) != are_in:
            domain.add_remove_group_members(group_name, [member], add_members_operation=are_in)


def _account(name: str) -> str:
    return f"(sAMAccountName={binary_encode(name)})"


def _exists(domain: Domain, filtered: str) -> bool:
    return bool(domain.search(expression=filtered, attrs=["dn"]))


def main() -> None:
    """Carry out the changes in their order, all or none."""
    settings = LoadParm(sys.argv[1])
    domain = SamDB(session_info=system_session(), lp=settings)
    changes = json.load(sys.stdin)
    domain.transaction_start()
    try:
        told = [CHANGES[what](domain, *arguments) for what, *arguments in changes]
    except BaseException:
        domain.transaction_cancel()
        raise
    domain.transaction_commit()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
