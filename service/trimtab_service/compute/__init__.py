"""Runs optimizer functions in other processes, with a deadline."""
