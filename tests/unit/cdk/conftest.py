"""What is below cdk/ is no part of the distribution: its tests find it here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "cdk"))
