"""The process that makes a PDF: reads what `pdf.content` says as JSON, and writes the PDF, by its standard streams.

It imports nothing else of the portal.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

TEMPLATE = Path(__file__).with_name("report.typ")
NO_GLYPH = "could not be displayed"
"""In the words of the library."""


def typeset(content: str) -> bytes:
    """The PDF of a report; `content` as JSON. Raises typst.TypstError."""
    import typst  # noqa: PLC0415 - 80 MB, which only this process has

    # Every text comes by sys.inputs, as data: there is no way from it into the template's code. Only the template's own
    # folder could be read, and its fonts are the library's own, so that every machine makes the same PDF.
    compiler = typst.Compiler(TEMPLATE, root=TEMPLATE.parent, ignore_system_fonts=True, sys_inputs={"content": content})
    made_at = datetime.fromtimestamp(json.loads(content)["made_at"], UTC)
    try:
        made = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=made_at)
    except typst.TypstError as error:
        if NO_GLYPH not in str(error):
            raise
        # A name has a character that no font here can draw: tagged all the same, but not PDF/UA any more.
        made = compiler.compile(format="pdf", timestamp=made_at)
    if not isinstance(made, bytes):
        raise TypeError("one document is one PDF")
    return made


if __name__ == "__main__":
    sys.stdout.buffer.write(typeset(sys.stdin.buffer.read().decode()))
