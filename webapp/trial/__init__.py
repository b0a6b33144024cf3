"""The trial: a call centre on this machine alone, with a PBX, phones and customers of its own."""
