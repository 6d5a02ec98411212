"""The hot loops compiled by numba, imported where they are first needed, since importing one compiles or loads it."""
