"""Django's MySQL backend, with the password and the authority as their files hold them when a connection is made."""
