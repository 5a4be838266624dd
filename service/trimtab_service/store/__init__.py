"""Keeps studies and trials in SQL. Knows SQLAlchemy, never why it is called."""
