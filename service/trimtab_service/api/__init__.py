"""HTTP: parses requests, calls use cases, shapes answers. Knows no rules, queries or maths."""
