"""The books: what the switch itself wrote down about its calls (CEL and queue_log), read again as calls."""
