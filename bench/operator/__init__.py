"""What the operator costs: requests, memory and time, from nothing, at rest, after a change and after a loss."""
