"""What a study and a trial are, and the rules they keep. Knows plain Python only: no database, no web, no numpy."""
