"""One append-only table of what happened with a party: how a contact's page shows everything without imports."""
