"""The command ``tokentrial``: every subcommand calls the functions that the workflow's rules call."""
