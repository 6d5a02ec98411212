"""scikit-learn's own tests of its class, run on ours, and what is more."""

import importlib.util


def _their_tests():
    """Load scikit-learn's test module with our class in the place of theirs."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_rbm")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from harmonium.sklearn import BernoulliRBM

    module.BernoulliRBM = BernoulliRBM
    return module


globals().update({n: v for n, v in vars(_their_tests()).items() if n.startswith("test_")})
