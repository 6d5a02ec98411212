# Everything a newcomer needs: `make demo` and `make test`.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test test-tiles test-portable lint format bench docs clean

help:
	@echo "make demo     train an RBM on 5,000 real digits; features, dreams, curves and a report"
	@echo "make test     run the test suite"
	@echo "make lint     ruff and mypy"
	@echo "make bench    seconds per epoch beside scikit-learn, rbms and eager PyTorch"
	@echo "make docs     the documentation site in build/site, its examples executed; a warning is an error"
	@echo "make install  create $(VENV) with the package and all extras (the others do it when needed)"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "harmonium needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,parquet,exchange,tensorboard,docs,dev,bench]'
	@touch $(STAMP)

demo: install
	$(BIN)/harmonium train mnist5k --hidden 500 --epochs 200 --seed 0 --out runs/demo --overwrite
	$(BIN)/harmonium dream runs/demo --count 100 --steps 1000
	@echo "Open runs/demo/report.html: features, dreams and curves, with a sentence on each."

# One thread a process: two test processes with two threads each would fight over two cores. Then what the compiled
# kernels touch once more without them.
test: install
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal
	HARMONIUM_KERNELS=torch OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest -n auto --dist worksteal -q tests/kernels tests/sampling tests/gradients tests/training

# Kernels for matrix registers (Intel's AMX) on a processor that has none: tests/emulated_tiles.py.
test-tiles: install
	NUMBA_CACHE_DIR=$$(mktemp -d) PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -p emulated_tiles \
		tests/kernels/test_bits.py tests/kernels/test_tiled.py tests/kernels/test_sweeps.py tests/test_packed.py tests/training/test_descent.py \
		tests/training/test_prepared.py

# Compiled kernels for processors that have AVX2 but no AVX-512, and for those without either, where this one has more.
KERNEL_TESTS := tests/kernels tests/test_packed.py tests/training/test_descent.py tests/training/test_prepared.py
test-portable: install
	NUMBA_CACHE_DIR=$$(mktemp -d) NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma,+bmi,+bmi2,+popcnt,+lzcnt \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS)
	NUMBA_CACHE_DIR=$$(mktemp -d) NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python benchmarks/epoch_time.py

# In a folder of its own, since examples leave files where they run.
docs: install
	work=$$(mktemp -d) && cd $$work && NO_MKDOCS_2_WARNING=1 $(CURDIR)/$(BIN)/python -m mkdocs build --quiet --strict \
		--config-file $(CURDIR)/mkdocs.yml --site-dir $(CURDIR)/build/site; status=$$?; rm -rf $$work; exit $$status
	@echo "Open build/site/index.html."

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
