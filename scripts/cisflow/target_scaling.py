"""Transformation of quantitative targets, fitted on training rows alone."""

import numpy as np
import pandas as pd

from cisflow.messages import InputError


def fit_scaling(values, targets, steps):
    """Fit the transformation of each target.

    Parameters
    ----------
    values : pandas.DataFrame
        Training rows, one float column a target, NaN = unknown.
    targets : list of str
    steps : list of str
        Of `log1p` (natural logarithm of 1 + value) and `z_score` (less the mean, over the standard deviation, of what
        precedes), done in this order.

    Returns
    -------
    pandas.DataFrame
        `target`, `log1p` (0 or 1), `mean`, `sd` (0 and 1 without z_score), `n` (known training rows).

    Raises
    ------
    InputError
        If a value is below the reach of the logarithm, or all values of a target are equal.
    """
    rows = []
    for target in targets:
        known = values[target].dropna().to_numpy(dtype=np.float64)
        if "log1p" in steps:
            known = log1p_of(known, target)
        mean, sd = (known.mean(), known.std()) if "z_score" in steps and len(known) else (0.0, 1.0)
        if "z_score" in steps and len(known) and known.min() == known.max():  # the sd of 0.1, 0.1, 0.1 is 1e-17
            raise InputError(
                f"target {target}: all {len(known)} training rows have the same value",
                f"found {known[0]:g} everywhere, expected values that differ",
                "look at the column or signal that the sheet names, or take z_score out of targets.transform",
            )
        rows.append({"target": target, "log1p": int("log1p" in steps), "mean": mean, "sd": sd, "n": len(known)})
    return pd.DataFrame(rows)


def check_values_differ(values, targets):
    """Refuse quantitative targets whose training rows all have one value: there is nothing to learn.

    Raises
    ------
    InputError
        With every such target.
    """
    constant = []
    for target in targets:
        known = values[target].dropna()
        if len(known) and known.min() == known.max():
            constant.append(f"{target}: {known.iloc[0]:g} in all {len(known)} training rows")
    if constant:
        raise InputError(
            "the values of a target do not differ",
            f"found {'; '.join(constant)}; expected values that differ (-1 in a peak file means: not given)",
            "look at the column or signal that the sheet names",
        )


def log1p_of(values, target):
    """Logarithm of 1 + value.

    Raises
    ------
    InputError
        If a value is -1 or less.
    """
    if (values <= -1).any():
        raise InputError(
            f"target {target}: {int((values <= -1).sum())} values have no logarithm",
            f"found {np.nanmin(values):g}, expected values above -1 (targets.transform has log1p)",
            "take log1p out of targets.transform; log ratios as a rule need none",
        )
    return np.log1p(values)


def scaled(values, scaling):
    """Transform targets as fitted.

    Parameters
    ----------
    values : pandas.DataFrame
        One column a target.
    scaling : pandas.DataFrame
        See `fit_scaling`.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, targets)
        NaN stays NaN.
    """
    columns = []
    for row in scaling.itertuples():
        column = values[row.target].to_numpy(dtype=np.float64)
        column = log1p_of(column, row.target) if row.log1p else column
        columns.append((column - row.mean) / row.sd)
    return np.column_stack(columns)
