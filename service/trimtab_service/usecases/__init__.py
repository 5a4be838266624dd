"""One file per verb: what happens when somebody asks, tells, reports or looks."""
