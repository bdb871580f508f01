"""gunicorn and the migration where something outside is missing or wrong, and while Secrets are exchanged.

Whoever runs it reads one sentence with the mend, in the log and at /readyz; nobody has to restart anything.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.integration.portal.test_serving import command
from tests.ports import free_port
from voice_lab import processes

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

PATIENCE_S = 60
LARGEST_WORKER_BYTES = 90 * 1024 * 1024
# As many as the chart gives a worker.
THREADS = 16


class Serving:
    """gunicorn with the chart's hooks, and what it says."""

    def __init__(self, env: dict[str, str], folder: Path, *, serves: bool = True) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "gunicorn.log"
        env = {**env, "VOICE_PORTAL_METRICS_PORT": str(self.metrics_port), "TMPDIR": str(folder)}
        words = [*command(self.port), f"--threads={THREADS}"]
        record = processes.start(folder, "gunicorn", words, env=env, log=self.log)
        self.process = processes.child(record)
        self.browser = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"Host": "testserver"}, trust_env=False, timeout=30
        )
        self.until(lambda: self.status("/healthz") == 200 if serves else self.is_asked(), "it serves")

    def status(self, path: str) -> int | None:
        try:
            return self.browser.get(path).status_code
        except httpx.TransportError:
            return None

    def is_asked(self) -> bool:
        """Whether the kubelet would get an answer."""
        try:
            return self.ready().status_code == 503
        except httpx.TransportError:
            return False

    def ready(self) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.metrics_port}/readyz", trust_env=False, timeout=10)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"it ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"{what}: {self.ready().text} {self.log.read_text()}"
            time.sleep(0.1)

    def until_told(self) -> str:
        """The one sentence that it waits for, once it has looked."""
        self.until(lambda: "starting:" not in self.ready().text, "it looked")
        (sentence,) = self.ready().json()["waitingFor"]
        return str(sentence)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        self.browser.close()


@pytest.fixture
def start(tmp_path):
    """Starts the portal with these settings; it is ended after the test."""
    started = []

    def start(env, *, serves=True):
        started.append(Serving(env, tmp_path, serves=serves))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def own_env(portal_env, own_database, signing_key, tmp_path):
    """The settings of a portal whose database is this test worker's own, with its Secrets in files."""
    env = {**portal_env, **own_database.environment("portal")}
    files = {"VOICE_MYSQL_PASSWORD": env["VOICE_MYSQL_PASSWORD"], "VOICE_PORTAL_SECRET_KEY": "first " * 20}
    for name, value in files.items():
        env.pop(name, None)
        env[f"{name}_FILE"] = str(tmp_path / name)
        (tmp_path / name).write_text(f"{value}\n")
    return {**env, "VOICE_GRAFANA_JWT_KEY_FILE": str(tmp_path / "key.pem")}


def exchange(path: Path, text: str) -> None:
    """Another file takes the name, as where the kubelet exchanges a mounted Secret."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.rename(path)


def manage(env, *arguments):
    words = [sys.executable, "-m", "django", *arguments]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("how", ["gunicorn", "a command"])
def test_settings_that_are_wrong_end_it_with_a_sentence_for_each_and_no_trace(portal_env, tmp_path, how):
    env = {**portal_env, "VOICE_MYSQL_PASSWORD_FILE": "/nowhere", "VOICE_MYSQL_TLS_CA": str(tmp_path / "gone.pem")}
    del env["VOICE_PORTAL_SECRET_KEY"], env["VOICE_GRAFANA_URL"]
    env["TMPDIR"] = str(tmp_path)
    words = command(free_port()) if how == "gunicorn" else [sys.executable, "-m", "django", "migrate_once"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "VOICE_MYSQL_PASSWORD and VOICE_MYSQL_PASSWORD_FILE are both set: leave one of them out" in done.stderr
    assert "VOICE_PORTAL_SECRET_KEY is not set, nor VOICE_PORTAL_SECRET_KEY_FILE" in done.stderr
    assert "VOICE_GRAFANA_URL is not set" in done.stderr
    assert f"VOICE_MYSQL_TLS_CA names {tmp_path / 'gone.pem'}, which is not there" in done.stderr
    assert "Traceback" not in done.stderr


def wrong(kind: str, folder: Path) -> dict[str, str]:
    """Settings that are wrong in one way."""
    if kind == "password":
        (folder / "VOICE_MYSQL_PASSWORD").write_text("wrong")
    if kind == "authority":
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-days", "2"]
        files = ["-keyout", str(folder / "other.key"), "-out", str(folder / "other.pem")]
        subprocess.run([*words, *files], check=True, capture_output=True)
    return {
        "refused": {"VOICE_MYSQL_PORT": str(free_port())},
        "unknown": {"VOICE_MYSQL_HOST": "mysql.invalid"},
        "authority": {"VOICE_MYSQL_TLS_CA": str(folder / "other.pem")},
        "database": {"VOICE_MYSQL_DATABASE": "another"},
    }.get(kind, {})


@pytest.mark.parametrize(
    ("kind", "sentence", "public"),
    [
        ("refused", "nothing listens at 127.0.0.1:", "the database does not answer"),
        ("unknown", "no address is known for MySQL at mysql.invalid:", "the database does not answer"),
        ("password", "refuses the login of voice_portal, so password or user is wrong", "refuses the portal's login"),
        ("authority", "is not trusted: VOICE_MYSQL_TLS_CA must hold the authority", "the database does not answer"),
        ("database", "VOICE_MYSQL_DATABASE must name it|denies voice_portal a right", "the database"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence_and_the_portal_stays_up(
    own_env, start, tmp_path, kind, sentence, public
):
    serving = start({**own_env, **wrong(kind, tmp_path)})
    assert re.search(sentence, serving.until_told())
    assert serving.ready().status_code == 503
    assert serving.status("/healthz") == 200
    told = serving.browser.get("/healthz/database")
    assert told.status_code == 503
    assert public in told.text
    assert "127.0.0.1" not in told.text
    assert "voice_portal" not in told.text
    assert len(re.findall(rf"not ready: .*(?:{sentence})", serving.log.read_text())) <= 2, "once in each process"


def test_it_is_ready_by_itself_once_the_secret_is_right_and_stays_so_whatever_comes(own_env, own_database, start):
    path = Path(own_env["VOICE_MYSQL_PASSWORD_FILE"])
    right = path.read_text()
    path.write_text("wrong")
    serving = start(own_env)
    assert "refuses the login" in serving.until_told()
    exchange(path, right)
    serving.until(lambda: serving.ready().status_code == 200, "it is ready")
    assert serving.ready().json() == {"ready": True, "waitingFor": []}
    exchange(path, "wrong again")
    serving.until(lambda: "the one before it still works" in serving.log.read_text(), "it sees it")
    assert serving.ready().json() == {"ready": True, "waitingFor": []}


@pytest.fixture
def migrations(own_database):
    """The rows of the migrations that were applied, as the owner may change them."""
    with own_database.connect("owner") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT app, name, applied FROM django_migrations")
        before = cursor.fetchall()
        yield cursor
        cursor.execute("DELETE FROM django_migrations")
        cursor.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)", before)


def test_an_older_schema_is_named_with_what_it_lacks(own_env, start, migrations):
    migrations.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name = '0001_initial'")
    serving = start(own_env)
    sentence = serving.until_told()
    assert "the schema is older than this portal, it lacks accounts.0001_initial: run the migration" in sentence
    assert serving.browser.get("/healthz/database").text == "the database's schema is older than this portal\n"


def test_a_newer_schema_is_a_note_so_that_a_rollback_works_and_is_refused_by_the_migration(
    own_env, own_database, start, migrations
):
    sql = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('cdr', '0099_future', NOW()), ('other', '1', NOW())"
    )
    migrations.execute(sql)
    serving = start(own_env)
    serving.until(lambda: serving.ready().status_code == 200, "it is ready")
    assert "it has cdr.0099_future: bring the portal" in serving.ready().json()["note"]
    owner = {**own_env, **owners(own_env, own_database)}
    refused = manage(owner, "migrate_once")
    assert refused.returncode == 1
    assert "Nothing was migrated: the schema is newer than this portal, it has cdr.0099_future" in refused.stderr


def owners(env, database):
    """What differs in the settings of the migration."""
    path = Path(env["VOICE_MYSQL_PASSWORD_FILE"]).with_name("owner")
    changed = database.environment("owner")
    path.write_text(changed.pop("VOICE_MYSQL_PASSWORD"))
    return {**changed, "VOICE_MYSQL_PASSWORD_FILE": str(path)}


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("refused", "The migration cannot start, waited 3 s: nothing listens at 127.0.0.1:"),
        ("unknown", "The migration cannot start, waited 3 s: no address is known for MySQL at mysql.invalid:"),
        ("authority", "The migration cannot start: the certificate of MySQL at .* is not trusted"),
        ("wrong", "The migration cannot start: MySQL at .* refuses the login of voice_owner"),
        ("portal", "The migration failed: MySQL at .* denies voice_portal a right"),
    ],
)
def test_a_migration_that_cannot_be_fails_with_one_sentence(own_env, own_database, tmp_path, kind, sentence):
    env = {**own_env, **(owners(own_env, own_database) if kind != "portal" else {}), **wrong(kind, tmp_path)}
    if kind == "wrong":
        (tmp_path / "owner").write_text("wrong")
    refused = manage(env, "migrate_once", "--patience", "3")
    assert refused.returncode == 1
    assert re.search(sentence, refused.stderr)
    assert "Traceback" not in refused.stderr
    assert ("waiting for the database, 3 s more at most" in refused.stdout) == (kind in {"refused", "unknown"})


def test_a_migration_waits_for_a_database_that_comes(own_env, own_database):
    port = free_port()
    env = {**own_env, **owners(own_env, own_database), "VOICE_MYSQL_PORT": str(port)}
    words = [sys.executable, "-m", "django", "migrate_once"]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "waiting for the database" in running.stdout.readline()
        forward = [sys.executable, "-c", FORWARD, str(port), str(own_database.port)]
        with subprocess.Popen(forward) as forwarding:
            rest = running.stdout.read()
            assert running.wait(60) == 0
            forwarding.terminate()
    assert "up to date" in rest


FORWARD = """
import socket, sys, threading
def copy(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.close()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    near, _ = server.accept()
    far = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""


def test_two_migrations_at_once_both_end_well(own_env, own_database):
    env = {**own_env, **owners(own_env, own_database)}
    with ThreadPoolExecutor(2) as pool:
        done = [future.result() for future in [pool.submit(manage, env, "migrate_once") for _ in range(2)]]
    assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]


@pytest.fixture
def password(own_database):
    """Changes the password of the portal's account; it is as it was after the test."""
    before = own_database.environment("portal")["VOICE_MYSQL_PASSWORD"]

    def change(new):
        with own_database.connect("admin") as connection, connection.cursor() as cursor:
            cursor.execute("ALTER USER voice_portal@'%%' IDENTIFIED BY %s", (new,))
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'voice_portal'")
            for (session,) in cursor.fetchall():
                cursor.execute(f"KILL {int(session)}")

    yield change
    change(before)


def test_a_password_that_was_rotated_is_used_at_the_next_login(own_env, start, password):
    serving = start(own_env)
    serving.until(lambda: serving.ready().status_code == 200, "it is ready")
    assert serving.status("/healthz/database") == 200
    password("rotated")
    exchange(Path(own_env["VOICE_MYSQL_PASSWORD_FILE"]), "rotated")
    assert [serving.status("/healthz/database") for _ in range(20)] == [200] * 20
    assert serving.process.poll() is None
    assert "rotated" not in serving.log.read_text()


def test_a_password_that_is_not_the_accounts_yet_keeps_nobody_out(own_env, own_database, start, password):
    serving = start(own_env)
    serving.until(lambda: serving.ready().status_code == 200, "it is ready")
    exchange(Path(own_env["VOICE_MYSQL_PASSWORD_FILE"]), "rotated")
    password(own_database.environment("portal")["VOICE_MYSQL_PASSWORD"])  # as it was; ends all connections
    assert [serving.status("/healthz/database") for _ in range(20)] == [200] * 20
    assert "which is refused: the one before it still works" in serving.log.read_text()
    password("rotated")
    assert [serving.status("/healthz/database") for _ in range(20)] == [200] * 20
    assert "not ready" not in serving.log.read_text()


@pytest.fixture
def signed_in(own_env, own_database, start):
    """A portal in whose browser somebody is signed in."""
    made = manage(own_env, "break_glass", "rotating")
    assert made.returncode == 0, made.stderr
    _, password = made.stdout.splitlines()
    serving = start(own_env)
    serving.browser.get("/login/local/")
    form = {"username": "rotating", "password": password, "csrfmiddlewaretoken": serving.browser.cookies["csrftoken"]}
    assert serving.browser.post("/login/local/", data=form).status_code == 302
    assert serving.status("/fleet/") == 200
    yield serving
    serving.end()
    with own_database.connect("owner") as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_break_glass")
        cursor.execute("DELETE FROM auth_user WHERE username = 'rotating'")


def test_who_is_signed_in_stays_so_while_the_old_key_stands_beside_the_new_one(own_env, signed_in):
    path = Path(own_env["VOICE_PORTAL_SECRET_KEY_FILE"])
    previous = path.with_name(path.name + "-previous")
    previous.write_text(path.read_text())
    exchange(path, "second " * 20)
    assert [signed_in.status("/fleet/") for _ in range(20)] == [200] * 20, "in each of the processes"
    previous.unlink()
    assert signed_in.status("/fleet/") == 200, "it was signed anew when it was used"


def test_a_key_that_was_exchanged_alone_makes_all_sign_in_again_and_restarts_nothing(own_env, signed_in):
    path = Path(own_env["VOICE_PORTAL_SECRET_KEY_FILE"])
    exchange(path, "third " * 20)
    answers = [signed_in.browser.get("/fleet/") for _ in range(4)]
    assert {answer.status_code for answer in answers} == {302}
    assert all(answer.headers["Location"].startswith("/login/") for answer in answers)
    assert signed_in.process.poll() is None
    assert "Booting worker" in signed_in.log.read_text()
    assert signed_in.log.read_text().count("Booting worker") == 2


def test_a_key_that_is_of_no_use_changes_nothing_and_is_told(own_env, signed_in):
    exchange(Path(own_env["VOICE_PORTAL_SECRET_KEY_FILE"]), "short")
    assert signed_in.status("/fleet/") == 200
    assert "VOICE_PORTAL_SECRET_KEY must have at least 50 characters" in signed_in.log.read_text()


def test_what_is_being_answered_when_it_is_told_to_end_is_answered(own_database, signed_in):
    with own_database.connect("owner") as connection, connection.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("LOCK TABLES django_session WRITE")
        asked = pool.submit(signed_in.browser.get, "/fleet/")
        with own_database.connect("admin") as admin, admin.cursor() as other:
            waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s AND state LIKE %s"
            signed_in.until(lambda: counted(other, waits, "voice_portal", "Waiting for%"), "the request waits")
        signed_in.process.send_signal(signal.SIGTERM)
        signed_in.until(lambda: "Handling signal: term" in signed_in.log.read_text(), "it was told")
        cursor.execute("UNLOCK TABLES")
        assert asked.result(30).status_code == 200
    assert signed_in.process.wait(30) == 0


def counted(cursor, sql, *values):
    cursor.execute(sql, values)
    return cursor.fetchone()[0] > 0


def test_a_key_for_grafana_that_is_of_no_use_is_waited_for(own_env, start, tmp_path):
    (tmp_path / "key.pem").write_text("no key")
    serving = start(own_env)
    assert "VOICE_GRAFANA_JWT_KEY_FILE must name an RSA key in PEM" in serving.until_told()
    assert serving.ready().status_code == 503


@pytest.mark.parametrize("how", ["it is mended", "it is told to end"])
def test_a_secret_that_is_of_no_use_is_waited_for_before_there_are_workers(own_env, start, tmp_path, how):
    key = tmp_path / "VOICE_PORTAL_SECRET_KEY"
    right = key.read_text()
    key.write_text("short")
    serving = start(own_env, serves=False)
    assert serving.until_told() == "VOICE_PORTAL_SECRET_KEY must have at least 50 characters"
    assert serving.ready().status_code == 503
    if how == "it is told to end":
        serving.process.terminate()
        assert serving.process.wait(30) == 0
        return
    exchange(key, right)
    serving.until(lambda: serving.ready().status_code == 200, "it is ready")
    assert serving.log.read_text().count("not ready: VOICE_PORTAL_SECRET_KEY") == 1


def test_a_worker_that_has_shown_many_pages_is_small(signed_in):
    with ThreadPoolExecutor(THREADS) as people:
        assert set(people.map(signed_in.status, ["/fleet/", "/hosts/"] * 100)) == {200}
    first = signed_in.process.pid
    workers = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    sizes = [memory_bytes(worker, "Rss") for worker in workers]
    sys.stdout.write(f"Rss {sizes}, Pss {[memory_bytes(worker, 'Pss') for worker in workers]}\n")
    assert len(sizes) == 2
    assert max(sizes) < LARGEST_WORKER_BYTES


def memory_bytes(pid: str, name: str) -> int:
    """What a process has of memory, alone or shared (Rss), or with its share alone of what is shared (Pss)."""
    found = re.search(rf"^{name}: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024
