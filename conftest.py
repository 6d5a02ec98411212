"""Where doctests are looked for: not in kernels that this processor cannot have, nor in what emulates them."""

from harmonium.kernels.compiled.intrinsics import HAS_TILES

collect_ignore_glob = ["tests/emulated_tiles.py"]
if not HAS_TILES:
    collect_ignore_glob.append("src/harmonium/kernels/compiled/tile*.py")
