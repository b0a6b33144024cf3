"""Switches that are none: the demonstration where no Asterisk can be installed, and the tests' worst enemy."""
