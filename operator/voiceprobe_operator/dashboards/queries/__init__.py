"""All SQL that panels send, against the views of a client, or of the whole fleet, only.

Times are UTC, as is the datasource's session. A bucket of `$__interval` holds one call when zoomed in and several when
zoomed out. Calls that the measuring host spoilt itself (`valid` = 0) say nothing about the path, so only the tables of
calls show them. What makes a call good stands in the view voice_call_judged.
"""
