"""`make release`: a version's commit and tag, and all that is handed on of it. docs/releasing.md tells how it goes.

`versions`, `changelog` and `standing` only work texts out; `repository` asks git; `parts` writes the files.
"""
