"""The people and organisations the firm deals with, and how to reach them."""
