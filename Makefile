# Each verb is dev.py's, so `python3 dev.py VERB` does the same where there is no make.
# SEED=k draws other trials in the demo; ARGS="…" goes to the tool behind a verb: make test ARGS="-k pareto"

PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help demo test check serve bench bench-peers test-slow soak

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo:  ## From nothing to a tuned model: server, study, result (SEED=k draws other trials)
	@$(PYTHON) dev.py demo $(if $(SEED),--seed $(SEED)) $(ARGS)

test:  ## Run the tests, but not the slow ones, with coverage
	@$(PYTHON) dev.py test $(ARGS)

check:  ## Check format, lint, types and import contracts
	@$(PYTHON) dev.py check

serve:  ## Start the server on the demo's database, or on trimtab.db
	@$(PYTHON) dev.py serve $(ARGS)

bench:  ## Measure the optimizer in ten minutes and write docs/benchmarks.md
	@$(PYTHON) dev.py bench $(ARGS)

bench-peers:  ## Make .venv-peers, with the optimizers that bench compares ours with
	@$(PYTHON) dev.py bench-peers $(ARGS)

test-slow:  ## Run the slow tests: crashes, wheels, pages in a browser, torch and other frameworks
	@$(PYTHON) dev.py test-slow $(ARGS)

soak:  ## Run the crash tests with many more kills
	@$(PYTHON) dev.py soak $(ARGS)
