import json
import re
from decimal import Decimal
from pathlib import Path

from voice_portal.cdr.migrations._ddl_0002 import ACCESS
from voiceprobe_operator import names
from voiceprobe_operator.dashboards import probe_title
from voiceprobe_operator.desired import PLAN_COLUMNS, Access, client_row, datasource, desired, fingerprint, plan_row
from voiceprobe_operator.model import Client, parse_probe

ACME = Client("acme", "Acme Ltd", "Europe/London")
DDL = Path(__file__).parents[3] / "portal/voice_portal/cdr/migrations/_ddl_0001.py"


def test_everything_of_a_client_has_its_name(probe, settings):
    want = desired(ACME, [probe], settings, Access("secret"))
    assert want.account == "vc_822b33ad87c148a0"
    assert want.viewer == "client-acme"
    assert want.client_row["display_name"] == "Acme Ltd"
    assert set(want.plan) == {"inbound-sales"}
    assert set(want.dashboards) == {"voice-overview", "vp-b1282a905a494fe3a3e60259f5275dc5"}


def test_the_same_declaration_gives_the_same_objects(probe, settings):
    assert desired(ACME, [probe], settings, Access("s")) == desired(ACME, [probe], settings, Access("s"))


def test_a_plan_row_fills_every_column_of_the_table_but_the_time(probe):
    table = re.search(r"CREATE TABLE (?:IF NOT EXISTS )?voice_probe \((.*?)PRIMARY KEY", DDL.read_text(), re.DOTALL)
    assert table is not None
    columns = [line.split()[0] for line in table[1].strip().splitlines()]
    assert {*plan_row(probe), "updated_at"} == set(columns)
    assert sorted(plan_row(probe)) == sorted(PLAN_COLUMNS)


def test_a_clients_row_fills_every_column_of_the_table_but_what_is_found_out_later():
    table = re.search(r"CREATE TABLE IF NOT EXISTS voice_client \((.*?)PRIMARY KEY", DDL.read_text(), re.DOTALL)
    assert table is not None
    columns = {line.split()[0] for line in table[1].strip().splitlines()} | {ACCESS[1]}
    assert {*client_row(ACME), "grafana_org_id", "updated_at"} == columns
    assert client_row(ACME)["access"] is None, "what a row has that a last version's operator wrote"


def test_a_row_has_the_fingerprint_of_what_the_database_gives_back(probe):
    row = plan_row(probe)
    back = row | {"suspended": 0, "alerting_enabled": 1, "allow_overlap": 0, "mos_warning": Decimal("4.000")}
    back["pdd_ms_warning"] = 3000
    assert fingerprint(row) == fingerprint(back)
    assert fingerprint(row) != fingerprint(row | {"suspended": 1})


def test_lists_in_the_plan_are_json(probe_body):
    row = plan_row(parse_probe(probe_body(call={"dtmf": [{"after": "3s", "digits": "1"}]})))
    assert json.loads(str(row["dtmf"])) == [{"after_ms": 3000, "digits": "1"}]
    assert json.loads(str(row["codecs"])) == ["PCMA", "PCMU"]


def test_the_password_is_nowhere_to_be_read(settings):
    found = datasource("vc_1", settings, Access("the-password", "PEM"))
    assert "the-password" not in json.dumps(found.visible)
    assert "the-password" not in repr(found)
    assert "the-password" not in repr(Access("the-password"))


def test_a_new_password_or_authority_changes_the_fingerprint(settings):
    def fingerprint(access):
        return datasource("vc_1", settings, access).visible["jsonData"]["fingerprint"]

    assert len({fingerprint(Access("a")), fingerprint(Access("b")), fingerprint(Access("a", "PEM"))}) == 3
    assert fingerprint(Access("a")) == fingerprint(Access("a"))


def test_tls_is_verified_by_grafana_too(settings):
    found = datasource("vc_1", settings, Access("a", "PEM"))
    assert found.visible["jsonData"]["tlsAuthWithCACert"] is True
    assert found.secret["tlsCACert"] == "PEM"


def test_names_fit_what_holds_them():
    longest = "x" * 63
    assert len(names.account(longest)) <= 32
    assert len(names.viewer(longest)) <= 190
    assert len(names.dashboard("b1282a90-5a49-4fe3-a3e6-0259f5275dc5")) <= 40


def test_no_two_dashboards_of_a_client_can_have_one_title(probe_body):
    same = [parse_probe(probe_body(metadata={"name": n}, displayName="Sales")) for n in ("a", "b")]
    bare = parse_probe(probe_body(metadata={"name": "all-probes"}))
    titles = [*map(probe_title, same), probe_title(bare), "All probes"]
    assert len(set(titles)) == len(titles)
