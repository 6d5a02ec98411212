"""Words multiplied, and listed where they are not 0: the same by whatever instructions a processor has."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from harmonium.kernels import backend

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")

PROCESSORS = {
    "this one": {},
    "with AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+popcnt,+lzcnt"},
    "with neither": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}


def some_words(generator, cases):
    """Return pairs of states (cases, 16, 2), and of weights: the largest and the smallest of 16 bits too."""
    states = generator.integers(-1, 2, (cases, 16, 2)) * (
        generator.random((cases, 1, 1)) < generator.random((1, 16, 1))
    )
    weights = generator.integers(-(2**15), 2**15, (cases, 16, 2))
    weights[:2] = [[[-(2**15)]], [[2**15 - 1]]]
    states[:3] = [[[1]], [[-1]], [[0]]]
    return states.astype(np.int16), weights.astype(np.int16)


def compile_and_print():
    """Print what both instructions make of `some_words`, by kernels compiled in this process."""
    from numba import njit, types
    from numba.extending import intrinsic

    from harmonium.kernels.compiled.instructions import append_nonzero_words, multiplied
    from harmonium.kernels.compiled.intrinsics import WORDS, load

    @intrinsic
    def add_products(_context, total, words, others):
        def generate(target, builder, _signature, arguments):
            found = multiplied(builder, *(load(builder, address, WORDS, 4) for address in arguments))
            builder.store(found, builder.inttoptr(arguments[0], WORDS.as_pointer())).align = 4
            return target.get_dummy_value()

        return types.void(*[types.int64] * 3), generate

    @intrinsic
    def append(_context, words, first, index, word):
        def generate(_target, builder, _signature, arguments):
            words, first, index, word = arguments
            return append_nonzero_words(builder, load(builder, words, WORDS, 4), first, index, word)

        return types.int64(*[types.int64] * 4), generate

    @njit
    def run(states, weights, totals, index, word):
        count = 0
        for case in range(len(states)):
            add_products(totals[case].ctypes.data, states[case].ctypes.data, weights[case].ctypes.data)
            places = index.ctypes.data + 4 * count, word.ctypes.data + 4 * count
            count += append(states[case].ctypes.data, 16 * case, *places)
        return count

    states, weights = some_words(np.random.default_rng(0), 300)
    totals, room = np.full((300, 16), 7, np.int32), np.zeros((2, 301 * 16), np.int32)
    count = run(states.reshape(300, 32), weights.reshape(300, 32), totals, *room)
    print(json.dumps([totals.tolist(), room[0, :count].tolist(), room[1, :count].tolist()]))


@pytest.mark.parametrize("processor", PROCESSORS)
def test_words_are_multiplied_and_listed(processor):
    if processor == "with AVX2" and not backend.has("avx2"):
        pytest.skip("the processor has no AVX2")
    here = os.path.dirname(__file__)
    environment = {**os.environ, **PROCESSORS[processor], "PYTHONPATH": here}
    code = "import test_instructions; test_instructions.compile_and_print()"
    found = json.loads(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True))

    states, weights = some_words(np.random.default_rng(0), 300)
    words = states.reshape(-1, 2).view(np.int32).ravel()
    assert np.array_equal(found[0], 7 + (states.astype(np.int64) * weights).sum(axis=-1))
    assert np.array_equal(found[1], words.nonzero()[0])
    assert np.array_equal(found[2], words[words != 0])
