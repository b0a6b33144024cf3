"""What agents say in a call, step by step: scripts with branches, and what was answered on the way."""
