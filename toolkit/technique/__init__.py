"""What every technique of carrying payments shares: the workload, the phases, the meter and the check of balances."""
