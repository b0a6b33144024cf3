"""Pages on which an administrator shapes the product."""
