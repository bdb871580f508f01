#!/usr/bin/env bash
# croniter (PyPI, MIT), cron schedules: a time zone whose clock is changed by half an hour.
#
# Expected: a time that the clock shows twice is due twice, as where it is set back by an hour, and hourly schedules leave no
# more time between two starts than an hour of the clock. Clocks of Australia/Lord_Howe change by 30 minutes: on 5 April
# 2026, 02:00 becomes 01:30, so that 01:30 to 01:59 come twice; on 4 October 2026, 02:00 becomes 02:30.
# Found: croniter 7.0.0 knows both times of 01:30 with "30 1 * * *", and of "*/20 1 * * *" only one 01:40: it misses the
# second. In October "0 * * * *" is due at 01:00 and then at 03:00, an hour and a half later, while "0 1-4 * * *" has a start at
# 02:30 for the 02:00 that was left out: what happens depends on how the schedule is written.
#
# Needs python3 >= 3.11 with venv. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip --quiet --disable-pip-version-check install 'croniter==7.0.0' tzdata
cat >look.py <<'PYTHON'
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import croniter


def starts(schedule, zone, day):
    """What the clock of `zone` shows at the starts of 1:00 to 3:59 of that day."""
    begin = datetime(*day, 0, 59, tzinfo=ZoneInfo(zone))
    found, dates = [], croniter(schedule, begin)
    while (start := dates.get_next(datetime)).hour < 4 and start.date() == begin.date():
        found.append(f"{start:%H:%M}")
    return " ".join(found)


LORD_HOWE = "Australia/Lord_Howe"
seen = {
    "London, set back, */20 1": starts("*/20 1 * * *", "Europe/London", (2026, 10, 25)),
    "Lord Howe, set back, 30 1": starts("30 1 * * *", LORD_HOWE, (2026, 4, 5)),
    "Lord Howe, set back, */20 1": starts("*/20 1 * * *", LORD_HOWE, (2026, 4, 5)),
    "Lord Howe, set forward, 0 1-4": starts("0 1-4 * * *", LORD_HOWE, (2026, 10, 4)),
    "Lord Howe, set forward, 0 *": starts("0 * * * *", LORD_HOWE, (2026, 10, 4)),
}
for name, text in seen.items():
    print(f"{name}: {text}")
sys.exit(0 if list(seen.values()) == [
    "01:00 01:20 01:40 01:00 01:20 01:40", "01:30 01:30", "01:00 01:20 01:40", "01:00 02:30 03:00", "01:00 03:00",
] else 1)
PYTHON
env/bin/python look.py || { echo "this is no longer so" >&2; exit 1; }
