"""Django set up without a server: nothing here asks the database."""

from tests import portal

portal.set_up()
