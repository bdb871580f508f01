"""`cdk/check-config FILE`, as a person runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cdk.config.files import written
from voice_cdk.config import load
from voice_cdk.config.command import MOST_LINES, main
from voice_cdk.config.model import Connection

CDK = Path(__file__).resolve().parents[4] / "cdk"
EXAMPLE = CDK / "config" / "example.toml"


def check(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a bare Python: no package of anybody's, no environment."""
    return subprocess.run(
        [sys.executable, "-S", CDK / "check-config", path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )


def test_the_example_is_right_and_its_platform_is_shown():
    done = check(EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "voice: eu-west-1, zones a, b, account 111122223333, https://voice.example.net/\n"
        "\n"
        "VPC       of                      IPv4          subnets (…N::/64)\n"
        "A         shared services         10.10.0.0/16  edge 00 01, apps 10 11, hosts 40, attachment f0 f1\n"
        "B         unified communications  10.20.0.0/16  database 20 21, nat64 30 31, attachment f0 f1\n"
        "C acme    client connectivity     10.30.0.0/16  edge 00, hosts 40, attachment f0\n"
        "C globex  client connectivity     10.31.0.0/16  edge 00, hosts 40, attachment f0\n"
        "\n"
        "client  connection  gateway      SIP   prefixes\n"
        "acme    tunnel      203.0.113.7  ipv6  192.0.2.0/26 2001:db8:ac3e::/48\n"
        "globex  trunk       -            ipv6  2001:db8:60be::/48\n"
        "\n"
        "host        VPC       zone  type      IPv6     IPv4\n"
        "nat64       B         a     t3.micro  …30::10  10.20.48.10\n"
        "nat64       B         b     t3.micro  …31::10  10.20.49.10\n"
        "grafana     A         a     t3.micro  …40::13  -\n"
        "sip         C acme    a     t3.small  …40::12  -\n"
        "strongswan  C acme    a     t3.micro  …00::11  10.30.0.11\n"
        "sip         C globex  a     t3.small  …40::12  -\n"
        "\n"
        "The database: in 64:ff9b::a14:0/112, by NAT64.\n"
        "acme's SIP is in IPv6, so nothing leads to 192.0.2.0/26.\n"
    )


def test_the_example_has_a_tunnel_and_a_trunk():
    assert {each.connection for each in load(EXAMPLE).clients} == set(Connection)


def test_the_example_shows_every_key_and_its_default(tmp_path):
    """Without the lines that name a default, it means the same."""
    lines = EXAMPLE.read_text().splitlines()
    defaulted = ("db_access", "nat64_prefix", "min_", "max_", "backup", "version", "node_type", "allowed = []")
    hosts = ("sip = ", "strongswan = ", "nat64 = ", "grafana = ")
    shorter = tmp_path / "shorter.toml"
    shorter.write_text("\n".join(each for each in lines if not each.startswith((*defaulted, *hosts))))
    assert len(shorter.read_text().splitlines()) == len(lines) - 14
    assert load(shorter) == load(EXAMPLE)


def test_all_faults_of_a_file_are_lines_of_their_own(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(written({"region": '"moon"', "portal.domain": None, "clients.acme.vpc": '"10.10.0.0/16"'}))
    done = check(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f'{path}: region: AWS has no region "moon"; write one, such as "eu-west-1"',
        f'{path}: portal.domain: this is missing; write it like this: domain = "voice.example.net"',
        f"{path}: clients.acme.vpc: 10.10.0.0/16 overlaps 10.10.0.0/16 (shared): "
        "VPCs of one platform need blocks of their own; 10.0.0.0/16 is free",
    ]


def test_a_terminal_without_the_letters_gets_them_escaped(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(written({"region": '"ørsted\\u001b[2J"'}), encoding="utf-8")
    done = check(path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr == f'{path}: region: AWS has no region "\\xf8rsted\\u001b[2J"; write one, such as "eu-west-1"\n'


def test_whoever_reads_may_go_early():
    command = f'"{sys.executable}" "{CDK}/check-config" "{EXAMPLE}" | true; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [[], ["a.toml", "b.toml"], ["--fix", "a.toml"]])
def test_one_file_is_named(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: check-config")


def test_a_file_without_a_name(capsys):
    assert main([""]) == 2
    assert capsys.readouterr().err == '"": this is a folder; name the file in it\n'


def test_a_thousand_faults_are_cut(tmp_path, capsys):
    path = tmp_path / "wrong.toml"
    path.write_text("".join(f"key{number} = 1\n" for number in range(1000)))
    assert main([str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].endswith("faults more")


def shown(tmp_path, capsys, changes) -> str:
    path = tmp_path / "right.toml"
    path.write_text(written(changes))
    assert main([str(path)]) == 0
    return capsys.readouterr().out


def test_what_has_to_be_asked_of_aws_is_said(tmp_path, capsys):
    more = {
        f"clients.c{each}": f'{{connection = "tunnel", gateway = "203.0.113.{each}", vpc = "10.{each}.0.0/16", '
        f'prefixes = ["2001:db8:{each}::/48"]}}'
        for each in range(100, 105)
    }
    told = shown(tmp_path, capsys, more)
    assert "It needs 10 VPCs with the default one, and AWS gives 5: ask for more before." in told
    assert "It needs 15 Elastic IPs, and AWS gives 5: ask for more before." in told
    assert "It needs 8 NAT gateways in the first zone, and AWS gives 5: ask for more before." in told
    assert "It needs 8 egress-only internet gateways, and AWS gives 5: ask for more before." in told
    assert "It needs" not in shown(tmp_path, capsys, {})


@pytest.mark.parametrize(
    ("changes", "said", "hosts"),
    [
        ({"db_access": '"native"'}, "The database: by its own IPv6 addresses.", 0),
        ({"db_access": '"managed"'}, "The database: in 64:ff9b::a14:0/112, by NAT64.", 0),
        ({"nat64_prefix": '"own"'}, "The database: behind the NAT64 prefix of VPC-B, …e0::/96.", 2),
    ],
)
def test_the_way_to_the_database_is_shown(tmp_path, capsys, changes, said, hosts):
    told = shown(tmp_path, capsys, changes)
    assert said in told
    assert sum(line.startswith("nat64 ") for line in told.splitlines()) == hosts


def test_a_sip_host_that_speaks_ipv4_has_an_address_of_it(tmp_path, capsys):
    told = shown(tmp_path, capsys, {"clients.acme.sip_family": '"ipv4"'})
    assert "sip         C acme    a     t3.small  …40::12  10.30.64.12" in told


def test_what_many_clients_need_is_said(tmp_path, capsys):
    def clients(count: int) -> dict[str, str]:
        line = '{{connection = "trunk", vpc = "10.{0}.0.0/16", prefixes = ["2001:db8:{0}::/48"]}}'
        return {f"clients.c{each}": line.format(each) for each in range(100, 100 + count)}

    assert "It has 45 clients, each with a route and a rule in VPC-B" in shown(tmp_path, capsys, clients(43))
    assert "It has" not in shown(tmp_path, capsys, clients(42))


def test_the_default_vpc_of_the_region_is_counted_too(tmp_path, capsys):
    third = {
        "db_access": '"native"',
        "clients.initech": '{connection = "trunk", vpc = "10.32.0.0/16", prefixes = ["2001:db8:1417::/48"]}',
    }
    assert "It needs 6 VPCs with the default one" in shown(tmp_path, capsys, third)
    assert "VPCs with" not in shown(tmp_path, capsys, {})


def test_prefixes_of_the_family_that_sip_is_not_in_are_told(tmp_path, capsys):
    changes = {"clients.acme.sip_family": '"ipv4"'}
    assert "acme's SIP is in IPv4, so nothing leads to 2001:db8:ac3e::/48." in shown(tmp_path, capsys, changes)
    assert "nothing leads" not in shown(tmp_path, capsys, {"clients.acme.prefixes": '["2001:db8:ac3e::/48"]'})


def test_elastic_ips_are_of_nat_gateways_tunnels_and_trunks_by_ipv4(tmp_path, capsys):
    """Two zones, two clients with DNS64, a tunnel, a trunk by IPv4."""
    by_ipv4 = {"clients.globex.prefixes": '["192.0.2.128/25"]', "clients.globex.sip_family": '"ipv4"'}
    assert "It needs 6 Elastic IPs" in shown(tmp_path, capsys, by_ipv4)
    assert "Elastic" not in shown(tmp_path, capsys, {**by_ipv4, "db_access": '"native"'})


def test_a_client_has_an_edge_only_for_what_stands_there(tmp_path, capsys):
    told = shown(tmp_path, capsys, {"db_access": '"native"'})
    assert "10.30.0.0/16  edge 00, hosts 40, attachment f0" in told
    assert "10.31.0.0/16  hosts 40, attachment f0" in told
