"""What an estimator shows of itself in a notebook: scikit-learn's diagram, and the filters below it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from harmonium.rbm import RBM


class Pictured(ABC):
    """A mixin for estimators that can say which model they hold."""

    @abstractmethod
    def _model_to_show(self) -> RBM | None:
        """Return the fitted model, or None where there is none yet."""

    def _with_filters(self, diagram: str) -> str:
        rbm = self._model_to_show()
        if rbm is None:
            return diagram
        from harmonium.pictures.html import html_of  # with matplotlib, which need not delay the import of estimators

        return diagram + html_of(rbm)

    def _repr_html_inner(self) -> str:
        """Return the HTML for those who ask for ``_repr_html_``."""
        return self._with_filters(cast(str, super()._repr_html_inner()))  # type: ignore[misc]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return the HTML for Jupyter."""
        bundle = cast(dict[str, str], super()._repr_mimebundle_(**kwargs))  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] = self._with_filters(bundle["text/html"])
        return bundle
