"""Proposes params from a problem and its history. Pure functions: never asks who asks, where trials are kept, or the clock."""
