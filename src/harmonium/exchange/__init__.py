"""Models of other libraries read, and ours written for them."""

from harmonium.exchange.onnx import export_onnx
from harmonium.exchange.rbms import read_rbms, write_rbms
from harmonium.exchange.scikit_learn import from_sklearn

__all__ = ["export_onnx", "from_sklearn", "read_rbms", "write_rbms"]
