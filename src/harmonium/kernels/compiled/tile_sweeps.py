"""Gibbs sweeps whose products are made in the processor's matrix registers."""

from __future__ import annotations

from typing import Any

from numba import cfunc, njit, types

from harmonium.kernels.compiled.drawing import ONE_IN_BFLOAT16, draw_states_in_bfloat16
from harmonium.kernels.compiled.intrinsics import LANES
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.sums import ROW
from harmonium.kernels.compiled.sweeps import LINE, starter, sweeper
from harmonium.kernels.compiled.tiles import add_product, clear_sums, close_tiles, open_tiles, write_sums


@njit(nogil=True, error_model="numpy")
def _multiply(states: Any, cases: Any, n: Any, _m: Any, right: Any, parts: Any, out: Any) -> None:
    """Write the product of states with packed weights, each block of which all cases find in a near cache."""
    steps, pairs, apart, pitch = (n + LANES - 1) // LANES, pairs_of(n), out.shape[1], 2 * states.shape[1]
    for block in range(apart // LANES):
        for group in range(0, cases, LANES):
            clear_sums()
            for part in range(parts):
                left, place = states.ctypes.data + group * pitch, (block * parts + part) * pairs
                add_product(left, pitch, LINE, right + (place << ROW), steps)
            write_sums(out.ctypes.data + 4 * (group * apart + LANES * block), 4 * apart)


_sweep = sweeper(draw_states_in_bfloat16, ONE_IN_BFLOAT16, _multiply, LANES)
_start = starter(ONE_IN_BFLOAT16, _multiply, LANES)
TABLE = types.void(types.CPointer(types.int64))


@cfunc(TABLE, cache=True, error_model="numpy")
def start_tiles(table: Any) -> None:
    """Take the start of sweeps as `sweeps.starter` says, with the arguments of `sweep_tiles`."""
    open_tiles()
    _start(table)
    close_tiles()


@cfunc(TABLE, cache=True, error_model="numpy")
def sweep_tiles(table: Any) -> None:
    """Sweep as `sweeps.sweeper` says; `multiply` is told the parts of W, and a piece is a multiple of 32 cases."""
    open_tiles()
    _sweep(table)
    close_tiles()
