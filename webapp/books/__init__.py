"""Books: what the switches themselves wrote down of their calls; what they knew and we did not; whether all balances."""
