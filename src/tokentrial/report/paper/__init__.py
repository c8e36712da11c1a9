"""The paper: sections of prose with the run's numbers, each number with the rows that it comes from."""
