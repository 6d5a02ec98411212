"""Estimators with scikit-learn's conventions."""

from harmonium.sklearn.bernoulli import BernoulliRBM

__all__ = ["BernoulliRBM"]
