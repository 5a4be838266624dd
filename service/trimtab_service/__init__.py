"""Trimtab's server: Bayesian hyperparameter optimisation for models that must be small and fast as well as accurate."""
