"""Base codes, a byte a base: 0 to 3 for A, C, G, T, 4 for an unknown base."""

import numpy as np

from cisflow.alphabet import ALPHABET, UNKNOWN


def codes_of_one_hot(one_hot):
    """int8 one-hot (N, 4, L), an unknown base four zeros -> base codes uint8 (N, L); numpy."""
    codes = UNKNOWN - UNKNOWN * one_hot[:, 0]
    for code in range(1, len(ALPHABET)):
        codes -= (UNKNOWN - code) * one_hot[:, code]
    return codes.view(np.uint8)


def central_codes(one_hot, length):
    """Codes of the central window: int8 one-hot (N, 4, stored length) -> uint8 (N, length)."""
    begin = (one_hot.shape[2] - length) // 2
    return codes_of_one_hot(one_hot[:, :, begin : begin + length])
