"""Trimtab's server: Bayesian hyperparameter optimisation for models that must be small, fast and accurate."""
