"""Motifs of several databases as one list, each with the database it is from."""

import numpy as np

from cisflow.messages import InputError

SAME = 0.005  # largest difference of probabilities of one motif in two files: they are printed with few digits


def join_databases(databases):
    """One list of the motifs of several databases, as Tomtom makes one of several files of targets.

    Parameters
    ----------
    databases : dict of str -> dict of str -> cisflow.meme.Motif
        By name, what `cisflow.meme.read_meme` gives.

    Returns
    -------
    motifs : dict of str -> cisflow.meme.Motif
        In the order of the databases; one that stands in several with one identifier is taken from the first.
    origin : dict of str -> str
        The database that each of them is from.
    n_repeated : int
        Motifs that an earlier database has, too.

    Raises
    ------
    InputError
        If an identifier stands for different motifs.
    """
    motifs, origin, clashes, n_repeated = {}, {}, [], 0
    for database, found in databases.items():
        for identifier, motif in found.items():
            if identifier not in motifs:
                motifs[identifier], origin[identifier] = motif, database
                continue
            first = motifs[identifier].pwm
            if first.shape == motif.pwm.shape and np.abs(first - motif.pwm).max() <= SAME:
                n_repeated += 1
            else:
                clashes.append(f"{identifier} of {database} is another motif than in {origin[identifier]}")
    if clashes:
        raise InputError(
            f"motif databases give one identifier to different motifs, {len(clashes)} in all",
            "; ".join(clashes[:5]) + ("; ..." if len(clashes) > 5 else ""),
            "leave one of the databases out, or rename its motifs (the word behind `MOTIF`)",
        )
    return motifs, origin, n_repeated
