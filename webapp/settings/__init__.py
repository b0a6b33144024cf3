"""Pages on which an administrator shapes the product, and the one on which everybody says when they are away."""
