"""The one definition of the order of bases in one-hot sequences, codes and PWMs, and of what is an unknown one."""

ALPHABET = "ACGT"  # a base's code is its place here
UNKNOWN = len(ALPHABET)  # the code of any other
UNKNOWN_BASES = "NRYSWKMBDHVU"  # every other IUPAC code is read as an unknown base: four zeros
