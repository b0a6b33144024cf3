"""The Flask application: all state, all screens."""
