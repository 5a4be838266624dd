"""Pages for people: HTML and SVG made on the server."""
