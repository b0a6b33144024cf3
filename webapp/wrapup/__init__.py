"""The time after a call: what is to be said then, by a form for each queue, and how long it may take."""
