"""Pictures of what a model learned: features, dreams, curves, and the film of a chain."""

from harmonium.pictures.curves import draw_curves
from harmonium.pictures.diagnostics import draw_diagnostics
from harmonium.pictures.dreams import draw_dreams
from harmonium.pictures.features import draw_features, draw_weights
from harmonium.pictures.film import save_film
from harmonium.pictures.grid import image_grid, picture_shape, save_image
from harmonium.pictures.stacks import draw_class_dreams, draw_map

__all__ = [
    "draw_class_dreams",
    "draw_curves",
    "draw_diagnostics",
    "draw_dreams",
    "draw_features",
    "draw_map",
    "draw_weights",
    "image_grid",
    "picture_shape",
    "save_film",
    "save_image",
]
