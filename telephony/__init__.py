"""Listening to switches and speaking to them: a library that knows no database, no web and no settings.

A *switch* is a PBX or a carrier. Its words are translated once, here, into `events` (what happened) and from
`commands` (what we want); nothing outside this package reads an AMI header or a webhook field.
"""
