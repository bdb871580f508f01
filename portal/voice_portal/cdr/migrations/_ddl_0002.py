"""The SQL of migration 0002: to whom a client is open in the portal. `docs/cdr.md` gives the meaning.

The operator writes what a VoiceClient says as JSON, one text in one row, so it is there whole or not at all. The view
makes rows of it, which the portal joins with the groups that a provider says a person is in.
"""

ACCESS = ("voice_client", "access")
ADD_ACCESS = "ALTER TABLE voice_client ADD COLUMN access JSON NULL"
DROP_ACCESS = "ALTER TABLE voice_client DROP COLUMN access"

# TEMPTABLE: each client's JSON is read once a query. Merged into a join, the servers may read all of it once for each
# of a person's groups: seconds instead of milliseconds (1,000 clients of 6 groups, a person in 200).
# MariaDB cuts what is too long, and says nothing: a longer group, which nobody writes, must not become another one.
VOICE_CLIENT_ACCESS = """
CREATE OR REPLACE ALGORITHM = TEMPTABLE SQL SECURITY DEFINER VIEW voice_client_access AS
SELECT
  c.client,
  g.provider COLLATE utf8mb4_bin AS provider,
  g.group_name COLLATE utf8mb4_bin AS group_name,
  g.role COLLATE utf8mb4_bin AS role
FROM voice_client c
JOIN JSON_TABLE(c.access, '$[*]' COLUMNS (
  provider   VARCHAR(63)  CHARACTER SET utf8mb4 PATH '$.provider',
  group_name VARCHAR(256) CHARACTER SET utf8mb4 PATH '$.group',
  role       VARCHAR(8)   CHARACTER SET utf8mb4 PATH '$.role'
)) g
WHERE CHAR_LENGTH(g.group_name) <= 255
"""

VIEWS = {"voice_client_access": VOICE_CLIENT_ACCESS}
