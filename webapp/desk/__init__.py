"""Screens that join the nouns: the agent's desk and the call bar."""
