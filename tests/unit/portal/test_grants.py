import re

import pytest
from django.apps import apps
from django.db import models

from voice_portal.cdr import grants
from voice_portal.cdr.migrations import _ddl_0001, _ddl_0002, _ddl_0003

TABLES = {**_ddl_0001.TABLES, **_ddl_0003.TABLES}
VIEWS = {**_ddl_0001.VIEWS, **_ddl_0002.VIEWS}


def test_every_table_and_view_of_the_schema_is_known():
    assert set(grants.VOICE_RELATIONS) == {*TABLES, *VIEWS} - set(grants.FLEET_VIEWS)


def test_every_table_of_django_is_known():
    managed = (model for model in apps.get_models(include_auto_created=True) if model._meta.managed)
    assert {*grants.DJANGO_TABLES, *grants.PORTAL_KEEPS} == {model._meta.db_table for model in managed}


def test_every_unmanaged_model_has_a_table_or_view():
    unmanaged: list[type[models.Model]] = [model for model in apps.get_models() if not model._meta.managed]
    assert {model._meta.db_table for model in unmanaged} <= {*TABLES, *VIEWS}


@pytest.mark.parametrize("model", [model for model in apps.get_models() if not model._meta.managed])
def test_every_field_of_an_unmanaged_model_is_a_column(model):
    table = model._meta.db_table
    known = columns(TABLES[table]) if table in TABLES else VIEWS[table]
    assert [field.column for field in model._meta.concrete_fields if field.column and field.column not in known] == []


def rights(account):
    return {grant.relation: set(grant.privileges) for grant in grants.GRANTS if grant.account == account}


def test_the_portal_never_writes_what_others_own():
    portal = {relation: rights(grants.PORTAL)[relation] for relation in grants.VOICE_RELATIONS}
    assert portal.pop("voice_call_request") == {"SELECT", "INSERT"}
    assert portal.pop("voice_call_request_lock") == {"SELECT", "INSERT", "UPDATE"}
    assert all(privileges == {"SELECT"} for privileges in portal.values())


def test_nobody_but_the_sip_application_writes_calls():
    for table in ("voice_call", "voice_call_stream", "voice_call_interval", "voice_call_ladder"):
        writers = {grant.account for grant in grants.GRANTS if grant.relation == table and "INSERT" in grant.privileges}
        assert writers == {grants.SIP}


def test_the_sip_application_deletes_nothing_but_leases_and_sees_no_client():
    sip = rights(grants.SIP)
    assert [relation for relation, privileges in sip.items() if "DELETE" in privileges] == ["voice_probe_lease"]
    assert not {"voice_client", "voice_probe_state", *grants.CLIENT_VIEWS} & set(sip)


def test_only_the_views_of_a_client_or_of_the_fleet_may_be_passed_on():
    passed_on = {grant.relation for grant in grants.GRANTS if grant.may_pass_on}
    assert passed_on == {*grants.CLIENT_VIEWS, *grants.FLEET_VIEWS}


def test_only_the_sip_application_must_use_tls():
    statements = {account.name: "\n".join(grants.account_statements(account, "voice")) for account in grants.ACCOUNTS}
    assert [name for name, sql in statements.items() if "REQUIRE SSL" in sql] == [grants.SIP]


def test_passwords_are_parameters():
    for account in grants.ACCOUNTS:
        for statement in grants.account_statements(account, "voice"):
            assert "IDENTIFIED BY" not in statement or "IDENTIFIED BY %s" in statement


def test_an_underscore_in_the_databases_name_is_no_wildcard_for_the_owner():
    owner = grants.ACCOUNTS[0]
    assert r"`voice\_test`.*" in list(grants.account_statements(owner, "voice_test"))[-1]
    assert all("`voice_test`.`" in statement for statement in grants.table_statements("voice_test"))


@pytest.mark.parametrize("name", ["", "voice`", "voice; DROP DATABASE mysql", "voïce", "v" * 65])
def test_a_database_name_that_needs_escaping_is_refused(name):
    with pytest.raises(ValueError, match="not a usable database name"):
        list(grants.database_statements(name))


def columns(ddl):
    return re.findall(r"^  ([a-z0-9_]+) +(?:[A-Z]+)", ddl, re.MULTILINE)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_explained(table, docs):
    section = docs.split(f"## `{table}`")[1].split("\n## ")[0]
    added = [column for of, column in [_ddl_0002.ACCESS] if of == table]
    missing = [column for column in columns(TABLES[table]) + added if f"| `{column}` |" not in section]
    assert not missing


@pytest.fixture(scope="module")
def docs(request):
    return (request.config.rootpath / "docs" / "cdr.md").read_text()
