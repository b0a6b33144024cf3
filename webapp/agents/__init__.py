"""Agents at work: what is observed of them (their state, beside the status that they declare), and who does not answer."""
