"""From counts of bases at the sites of filters to PWMs, and what became of every filter."""

import numpy as np

from cisflow.meme import consensus, information_content, is_informative


def trimmed(pwm, min_information, background=(0.25, 0.25, 0.25, 0.25)):
    """Where a PWM begins and ends when uninformative flanks are cut off.

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    min_information : float
        Bits; flanking positions with less are cut off.
    background : sequence of float
        Frequencies of A, C, G, T.

    Returns
    -------
    start, end : int
        0-based, half-open; (0, 0) if no position is informative.
    """
    informative = np.flatnonzero(information_content(pwm, background) >= min_information)
    return (int(informative[0]), int(informative[-1]) + 1) if len(informative) else (0, 0)


def pwm_of(counts, pseudocount, background):
    """Probabilities from counts (width, 4); a position where nothing was counted is as the background."""
    counts = counts + 4 * pseudocount * np.asarray(background)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), background)


def describe_filters(sites, procedure):
    """PWM and status of every filter.

    Parameters
    ----------
    sites : dict
        What `cisflow.filter_sites.count_sites` returns.
    procedure : dict
        See `cisflow.filter_procedures.procedure_of`. `pseudocount` is added to each base of each position (against a
        background that is not uniform, in proportion to it); a filter with fewer than `min_sites` has no PWM;
        `trim_information`: see `trimmed`; `min_information`: bits a position, on average over the trimmed PWM.
        Near-uniform PWMs have unstable p-values: against JASPAR, most random ones of 0.1 to 0.2 bits a position "match"
        at q < 0.05, and few of more than 0.5.

    Returns
    -------
    list of dict
        `filter`, `status`, `n_sites`, `threshold`, `max_activation`, `information_content` (bits, of the trimmed PWM),
        `consensus`, `start` and `end` of the trimmed PWM within the filter, and `pwm`, trimmed, or None. The status is
        `dead` (the activation never leaves its mean), `few_sites`, `uninformative` (fewer than four positions reach
        `trim_information`, or the mean is below `min_information`) or `ok`; the last alone has a PWM.
    """
    background, trim_information = sites["background"], procedure["trim_information"]
    rows = []
    for number in range(len(sites["n_sites"])):
        mean, maximum = float(sites["mean"][number]), float(sites["maximum"][number])
        n_sites, threshold = int(sites["n_sites"][number]), float(sites["threshold"][number])
        row = {
            "filter": f"filter_{number}",
            "status": "ok",
            "n_sites": n_sites,
            "threshold": threshold if np.isfinite(threshold) else None,
            "max_activation": maximum,
            "information_content": None,
            "consensus": None,
            "start": None,
            "end": None,
            "pwm": None,
        }
        if not maximum - mean > 1e-6 * max(abs(mean), 1e-6):
            row["status"] = "dead"
        elif n_sites < procedure["min_sites"]:
            row["status"] = "few_sites"
        else:
            whole = pwm_of(sites["counts"][number], procedure["pseudocount"], background)
            start, end = trimmed(whole, trim_information, background)
            pwm = whole[start:end]
            if start == end or not is_informative(pwm, trim_information, procedure["min_information"], background):
                row["status"] = "uninformative"
            else:
                row |= {
                    "information_content": float(information_content(pwm, background).sum()),
                    "consensus": consensus(pwm),
                    "start": start,
                    "end": end,
                    "pwm": pwm,
                }
        rows.append(row)
    return rows
