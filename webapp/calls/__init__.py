"""Calls: what the switches reported, who took part, what was said of them afterwards."""
