"""The one definition of the order of bases in one-hot sequences and PWMs, and of what counts as an unknown base."""

ALPHABET = "ACGT"
UNKNOWN_BASES = "NRYSWKMBDHVU"  # every other IUPAC code is read as an unknown base: four zeros
