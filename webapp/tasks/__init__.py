"""What somebody has to do: for now callbacks, one for each caller whom nobody talked to."""
