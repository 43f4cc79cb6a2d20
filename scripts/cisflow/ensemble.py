"""The mean over networks that differ in nothing but their seed, which as a rule predicts better than any of them."""

import numpy as np
import pandas as pd

from cisflow.messages import InputError

PLACE = ["chrom", "start", "end", "name"]


def read_predicted(path, places, targets):
    """What a table of predictions predicts of the rows of a split.

    Parameters
    ----------
    path : str or Path
        See `cisflow.evaluation.predictions_table`.
    places : pandas.DataFrame
        `chrom`, `start`, `end`, `name` that the rows should have.
    targets : list of str

    Returns
    -------
    numpy.ndarray of float, shape (N, T)

    Raises
    ------
    InputError
        If these are predictions of other rows or targets.
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    columns = [f"{target}_predicted" for target in targets]
    if not set(columns) <= set(table) or not table[PLACE].equals(places[PLACE].astype(str).reset_index(drop=True)):
        raise InputError(
            f"{path} holds predictions of other rows or targets than its split",
            f"{len(table)} rows; expected {len(places)} of {', '.join(targets)}",
            "delete it and run again",
        )
    return table[columns].replace("", "nan").to_numpy(dtype=float)


def mean_and_deviation(predictions):
    """Mean and standard deviation over models.

    Parameters
    ----------
    predictions : sequence of numpy.ndarray, shape (N, T)
        One a model.

    Returns
    -------
    mean, deviation : numpy.ndarray, shape (N, T)
        The deviation, with n - 1 in its denominator, is NaN of one model.
    """
    stacked = np.stack(predictions)
    deviation = stacked.std(axis=0, ddof=1) if len(stacked) > 1 else np.full(stacked.shape[1:], np.nan)
    return stacked.mean(axis=0), deviation
