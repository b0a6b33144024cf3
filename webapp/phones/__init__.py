"""What one does with a phone: in the browser or on the desk, the same buttons."""
