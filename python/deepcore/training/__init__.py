"""Training: from data to steps, and the loop that runs them."""
