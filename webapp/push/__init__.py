"""Messages to browsers whose page is not looked at: a phone rings, a callback is due."""
