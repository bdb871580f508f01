"""What runs ahead of everything else must never wait for a thread that does not."""

import subprocess
import sys

COUNT = "import os, voice_sipapp.measurement.scoring; print(len(os.listdir('/proc/self/task')))"


def test_numpy_starts_no_threads_of_its_own(monkeypatch):
    """They would be ordinary ones, and scoring, which is real-time, spun until the kernel ran them."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
