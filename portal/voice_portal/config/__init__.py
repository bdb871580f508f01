"""Settings, URLs and the WSGI entry point."""

import pymysql

# Before any database backend is imported, whoever starts Django: this package holds the settings module.
pymysql.install_as_MySQLdb()
