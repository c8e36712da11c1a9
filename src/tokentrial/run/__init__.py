"""A run as a small database: tables that describe its conditions and arms, and the view that reads its results."""
