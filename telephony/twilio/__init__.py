"""Twilio as a switch: its webhooks → `telephony.events`, `telephony.commands` → its REST API."""
