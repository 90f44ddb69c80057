"""Read files of trade history: bytes in, entries or errors by line out; no Django, no clock.

`reading.read_history` chooses the format by the header. Formats: `plain` (ours) and `coinspot` (the two
exports of the venue's site); docs/imports.md describes them.
"""
