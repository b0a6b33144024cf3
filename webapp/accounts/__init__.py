"""Who works here: users, teams, roles as sets of permissions, and the phones (lines) that are theirs."""
