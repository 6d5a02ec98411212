"""Where doctests are looked for: not in kernels that this processor cannot have, nor in what emulates them."""

from harmonium.kernels.compiled.intrinsics import HAS_TILES
from harmonium.kernels.compiled.words import MULTIPLIES_PAIRS

NEEDS = {"tile*.py": HAS_TILES, "word_sweeps.py": MULTIPLIES_PAIRS}
collect_ignore_glob = [f"src/harmonium/kernels/compiled/{name}" for name, there in NEEDS.items() if not there]
collect_ignore_glob.append("tests/emulated_tiles.py")
