"""The files that a page needs, for `/public/…`."""

from pathlib import Path

HERE = Path(__file__).parent
_TYPES = {"preview.css": "text/css; charset=utf-8", "preview.js": "text/javascript; charset=utf-8"}


def static(name: str) -> tuple[bytes, str] | None:
    """Content and type of the file `name` below `/public/`; None if there is none."""
    return ((HERE / name).read_bytes(), _TYPES[name]) if name in _TYPES else None
