"""Mail that goes out: rows with a due time, sent by a job until the server has taken them."""
