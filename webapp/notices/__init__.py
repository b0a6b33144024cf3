"""What somebody is told: it stands under the bell until it was read, in the reader's language."""
