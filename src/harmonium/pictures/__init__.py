"""Pictures of what a model learned: features, dreams, curves, and the film of a chain."""

from harmonium.pictures.curves import draw_curves
from harmonium.pictures.diagnostics import draw_diagnostics
from harmonium.pictures.dreams import draw_dreams
from harmonium.pictures.features import draw_features
from harmonium.pictures.film import save_film
from harmonium.pictures.grid import image_grid, picture_shape, save_image

__all__ = [
    "draw_curves",
    "draw_diagnostics",
    "draw_dreams",
    "draw_features",
    "image_grid",
    "picture_shape",
    "save_film",
    "save_image",
]
