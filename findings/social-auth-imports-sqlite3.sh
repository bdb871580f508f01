#!/usr/bin/env bash
# social-auth-app-django (PyPI, BSD-3-Clause), Django's part of Python Social Auth: a driver that the site does not use.
#
# Expected: an application on MySQL needs MySQL's driver. A Python may be without the optional module sqlite3 (CPython builds
# it where SQLite's library is, and small images leave it out), and Django imports it only for a database that is SQLite.
# Found: social-auth-app-django 8.0.0 imports sqlite3 in social_django/storage.py whatever the database is, so Django does not
# start without it. All that it is used for there is to tell an IntegrityError of SQLite's from others.
#
# Needs python3 >= 3.11 with venv. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip --quiet --disable-pip-version-check install \
  'social-auth-app-django==8.0.0' 'social-auth-core==7.0.0' 'django>=5.2,<6' 'pymysql==1.1.2'
cat >look.py <<'PYTHON'
import sys

sys.modules["sqlite3"] = None  # importing it fails, as where it is not there

import django
import pymysql
from django.conf import settings

pymysql.install_as_MySQLdb()
apps = ["django.contrib.contenttypes", "django.contrib.auth", *sys.argv[1:]]
database = {"ENGINE": "django.db.backends.mysql", "NAME": "none", "HOST": "none"}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=apps)
try:
    django.setup()
except ImportError as error:
    frames, trace = [], error.__traceback__
    while trace:
        frames.append(trace.tb_frame.f_globals["__name__"])
        trace = trace.tb_next
    print(f"fails in {frames[-1]}: {error}")
else:
    print("starts")
PYTHON
without=$(env/bin/python look.py)
with=$(env/bin/python look.py social_django)
echo "Django on MySQL, without sqlite3: $without"
echo "the same with social_django: $with"
[ "$without" = starts ] && [[ $with == "fails in social_django.storage: "*sqlite3* ]] ||
  { echo "this is no longer so" >&2; exit 1; }
