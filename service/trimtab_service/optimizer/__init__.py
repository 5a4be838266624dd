"""Proposes params from a problem and its history. Pure functions: no clock, no database, no global randomness."""
