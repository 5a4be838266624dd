"""The routes of /v1 and of operations, one file per noun."""
