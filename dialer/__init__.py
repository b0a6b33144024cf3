"""Decisions of the outbound dialer, pure: a snapshot and a time go in, a plan comes out. Standard library only."""
