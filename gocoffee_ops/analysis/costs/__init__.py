"""What the platform costs, and who for."""
