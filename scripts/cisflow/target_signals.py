"""Values of targets that are measured in bigWigs."""

from cisflow.signal_tracks import window_signal


def measured_targets(windows, signals, sizes, aliases, statistic="mean", width=None, missing="nan"):
    """Measure the targets that the sheet gives a bigWig.

    Parameters
    ----------
    windows : pandas.DataFrame
        `chrom`, `start`, `end`, without jitter.
    signals : dict of str -> str
        bigWig of each target that is measured.
    sizes : dict of str -> int
        Lengths of the genome's chromosomes.
    aliases : dict of str -> str
        Names in the files -> names in the genome.
    statistic : str
        `mean`, `max` or `log_sum`.
    width : int or None
        Bases about the centre of the window that are measured; None measures the window.
    missing : str
        `nan` or `zero`: what bases without data are.

    Returns
    -------
    dict of str -> numpy.ndarray of float64, shape (len(windows),)
        One entry a measured target; NaN where nothing is known.
    """
    return {
        target: window_signal(path, windows, statistic, missing, width, sizes, aliases)
        for target, path in signals.items()
    }
