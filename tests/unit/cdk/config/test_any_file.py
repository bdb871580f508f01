"""Whatever a file holds: a configuration or sentences, never a traceback; and order in it means nothing."""

import tomllib
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cdk.config.files import RIGHT, config, written
from voice_cdk.config import ConfigError, load
from voice_cdk.config.loading import judge
from voice_cdk.config.model import Config
from voice_cdk.config.reading import parse

SCALARS = (
    st.text(max_size=80)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from(["10.10.0.0/16", "2001:db8::/48", "::/0", "eu-west-1a", "t3.micro", "1.36", "tunnel", "ipv4", ""])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
)
TREE = tomllib.loads(written())
PATHS = [*RIGHT, "portal", "database", "cluster", "hosts", "clients", "clients.acme", "clients.new", "new"]
OPTIONAL = ["db_access", "nat64_prefix", "database.min_capacity", "cluster.allowed", "hosts.sip", "cluster.version"]


def outcome(make: Callable[[], Config]) -> Config | ConfigError:
    """Return what comes of a file. Its faults, if there are any, are sentences that can be printed."""
    try:
        return make()
    except ConfigError as error:
        found = error
    for fault in found.faults:
        assert str(fault).isprintable()
        assert 10 < len(fault.what) < 500
    return found


def changed(tree: dict[str, object], path: str, value: object) -> dict[str, object]:
    """Return a tree with another value at a path."""
    name, _, rest = path.partition(".")
    if not rest:
        return {**tree, name: value}
    below = tree.get(name)
    return {**tree, name: changed(below if isinstance(below, dict) else {}, rest, value)}


@given(st.binary(max_size=400))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    assert isinstance(outcome(lambda: load(path)), ConfigError)


@given(st.text(alphabet="abc=[]{}.,\"'#\\\n\t 019_-:+éz\0", max_size=200))
def test_any_text_of_what_toml_is_made_of(text):
    assert isinstance(outcome(lambda: judge(parse(text))), ConfigError)


@given(st.integers(0, len(written()) - 1), st.integers(0, 30), st.text(max_size=5))
def test_the_right_file_with_a_piece_replaced(begin, length, piece):
    text = written()
    outcome(lambda: judge(parse(text[:begin] + piece + text[begin + length :])))


@given(ANYTHING)
def test_any_tables(value):
    outcome(lambda: judge(value if isinstance(value, dict) else {"name": value}))


@given(st.dictionaries(st.sampled_from([*PATHS, *OPTIONAL]), ANYTHING, min_size=1, max_size=4))
def test_the_right_tables_with_anything_in_some_places(changes):
    tree = TREE
    for path, value in changes.items():
        tree = changed(tree, path, value)
    outcome(lambda: judge(tree))


@given(st.permutations(list(RIGHT)), st.randoms(use_true_random=False))
def test_order_in_the_file_means_nothing(paths, dice):
    values = {path: RIGHT[path] for path in paths}
    for path in ("portal.allowed", "clients.acme.prefixes"):
        items = tomllib.loads(f"x = {values[path]}")["x"]
        dice.shuffle(items)
        values[path] = str(items).replace("'", '"')
    tables = sorted({path.rpartition(".")[0] for path in paths} - {""}, key=lambda _: dice.random())
    lines = [f"{path} = {value}" for path, value in values.items() if "." not in path]
    for table in tables:
        lines.append(f"[{table}]")
        lines += [f"{path.rpartition('.')[2]} = {values[path]}" for path in paths if path.rpartition(".")[0] == table]
    assert judge(parse("\n".join(lines))) == config()


def test_a_file_as_large_as_may_be_is_judged_soon():
    """Overlaps are found by sorting, not by comparing all with all."""
    prefixes = ", ".join(f'"2001:db8:{each:x}::/48"' for each in range(8000))
    text = written({"clients.acme.prefixes": f"[{prefixes}]"})
    found = outcome(lambda: judge(parse(text)))
    assert isinstance(found, ConfigError)
    assert any("8000 prefixes of IPv6" in fault.what for fault in found.faults)


def test_so_are_many_clients_with_the_same_private_addresses():
    line = '{{connection = "tunnel", gateway = "203.0.113.7", vpc = "10.{0}.{1}.0/20", prefixes = ["fd00::/48"]}}'
    clients = {f"clients.c{each}": line.format(each // 16, each % 16 * 16) for each in range(2000)}
    found = outcome(lambda: judge(parse(written(clients))))
    assert isinstance(found, ConfigError)
    assert {fault.where.rpartition(".")[2] for fault in found.faults} == {"vpc"}  # shared, 10.10.0.0/16, and others
