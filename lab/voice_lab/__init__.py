"""The whole system on one machine, from real services."""

import os

# Debian keeps servers and network tools here, and leaves it out of an ordinary user's PATH.
SBIN = "/usr/sbin"

if SBIN not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), SBIN))
