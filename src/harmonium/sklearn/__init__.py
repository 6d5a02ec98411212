"""Estimators with scikit-learn's conventions."""

from harmonium.sklearn.bernoulli import BernoulliRBM
from harmonium.sklearn.classifier import DBNClassifier
from harmonium.sklearn.rbm import RBM

__all__ = ["RBM", "BernoulliRBM", "DBNClassifier"]
