"""How long to wait before trying again."""

import random


def delay(failures: int, *, base: float, cap: float) -> float:
    """Seconds to wait after the `failures`th failure in a row: doubling, bounded, and spread by a quarter either way.

    The spread keeps those who failed together from coming back together.
    """
    return min(cap, base * 2.0 ** min(failures - 1, 30)) * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
