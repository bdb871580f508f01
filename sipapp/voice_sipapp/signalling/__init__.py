"""Both parties' SIP: dialogs, registration, authentication, and whose an arriving call is."""
