"""Which known motifs stand in more positive than negative windows, whatever a network made of them.

A window has a motif if its best match reaches a score that a random position reaches with probability `HIT_P`, on one
strand; the score is fixed before labels are looked at, as in HOMER (Heinz et al. 2010) and FIMO (Grant, Bailey & Noble
2011), so that the hypergeometric p-value needs no rows held back. A motif too short to be so rare counts where its best
possible match stands. The area under the curve needs no threshold.
"""

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from cisflow.meme import log_odds
from cisflow.pwm_scan import aurocs, best_matches

HIT_P = 1e-4
STEP = 0.001  # nats: scores are counted in such steps for their distribution
MOTIFS_AT_ONCE = 64
COLUMNS = [
    *("target", "motif", "name", "n_positive_with", "n_positive", "n_negative_with", "n_negative", "odds", "p", "q"),
    *("auroc", "hit_p", "hit_score"),
]


def hit_score(pwm, background, hit_p):
    """The lowest score that random bases reach with a probability of at most `hit_p`, or the best possible one.

    The distribution is exact but for the rounding of scores to `STEP` (Staden 1989).

    Parameters
    ----------
    pwm : numpy.ndarray of float, shape (width, 4)
    background : numpy.ndarray of float, shape (4,)
        Of the bases, and against which matches are scored.
    hit_p : float

    Returns
    -------
    float
        In nats, lower than such a score by no more than rounding may have added to it.
    """
    weights = np.rint(log_odds(pwm, background) / STEP).astype(int)
    lowest = weights.min(axis=1)
    weights -= lowest[:, None]
    probability = np.zeros(weights.max(axis=1).sum() + 1)
    probability[0], filled = 1, 1
    for column in weights:
        before = probability[:filled].copy()
        probability[:filled] = 0
        for weight, share in zip(column, background, strict=True):
            probability[weight : weight + filled] += share * before
        filled += column.max()
    reached = np.cumsum(probability[::-1])[::-1]
    rare = np.flatnonzero(reached <= hit_p)
    step = rare[0] if len(rare) else len(reached) - 1
    # Steps that no word of bases has are passed over, to the next that one has.
    step += np.flatnonzero(probability[step:] > 0)[0] if probability[step:].any() else 0
    return float((step + lowest.sum() - len(pwm) / 2) * STEP)


def positive_rows(values, task):
    """Which rows of a target are positive, and which are known.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (N,)
        NaN = unknown.
    task : str
        `binary`; or `regression`, where rows above the median count as positive.

    Returns
    -------
    positive, known : numpy.ndarray of bool, shape (N,)
    """
    known = ~np.isnan(values)
    cut = 0.5 if task == "binary" or not known.any() else np.median(values[known])
    return known & (values > cut), known


def enriched_motifs(codes, targets, target_names, motifs, background, task, hit_p=HIT_P):
    """Enrichment of every motif among the positive rows of every target.

    Parameters
    ----------
    codes : numpy.ndarray of uint8, shape (N, L)
        See `cisflow.base_codes`.
    targets : numpy.ndarray of float, shape (N, T)
        NaN = unknown, left out of that target.
    target_names : list of str
        Targets whose known rows are all positive or all negative have no rows in the table.
    motifs : list of cisflow.meme.Motif
        None wider than the sequences.
    background : numpy.ndarray of float, shape (4,)
    task : str
    hit_p : float

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, by target and p-value. `odds` is the ratio of the odds of positive and negative rows to have the
        motif; `p` hypergeometric (Fisher's exact test, one-sided); `q` Benjamini-Hochberg over the motifs of a target;
        `hit_score` in nats.
    """
    of_target = {}
    for name, values in zip(target_names, targets.T, strict=True):
        positive, known = positive_rows(values, task)
        if 0 < positive.sum() < known.sum():
            of_target[name] = positive, known
    rows = []
    for first in range(0, len(motifs), MOTIFS_AT_ONCE):
        part = motifs[first : first + MOTIFS_AT_ONCE]
        thresholds = np.array([hit_score(motif.pwm, background, hit_p) for motif in part])
        scores = best_matches(codes, [motif.pwm for motif in part], background)
        hits = scores >= thresholds.astype(np.float32)
        for target, (positive, known) in of_target.items():
            auroc = aurocs(scores if known.all() else scores[known], positive[known])
            with_positive, with_known = hits[positive].sum(axis=0), hits[known].sum(axis=0)
            rows += zip(
                [target] * len(part), [motif.identifier for motif in part], [motif.name for motif in part],
                with_positive, [positive.sum()] * len(part), with_known - with_positive,
                [known.sum() - positive.sum()] * len(part), auroc, thresholds, strict=True,
            )  # fmt: skip
    found = ["target", "motif", "name", *COLUMNS[3:7], "auroc", "hit_score"]
    table = pd.DataFrame(rows, columns=found)
    with_positive, n_positive, with_negative, n_negative = (table[name].to_numpy(float) for name in COLUMNS[3:7])
    with np.errstate(divide="ignore", invalid="ignore"):
        table["odds"] = with_positive * (n_negative - with_negative) / ((n_positive - with_positive) * with_negative)
    table["p"] = hypergeom.sf(with_positive - 1, n_positive + n_negative, with_positive + with_negative, n_positive)
    table["p"] = table["p"].clip(upper=1)
    if len(table):
        table["q"] = table.groupby("target")["p"].transform(lambda p: false_discovery_control(p.to_numpy()))
    table["hit_p"] = hit_p
    order = {target: number for number, target in enumerate(of_target)}
    by_target = table.assign(number=table["target"].map(order))
    by_target = by_target.sort_values(["number", "p", "auroc"], ascending=[True, True, False], kind="stable")
    return by_target.reindex(columns=COLUMNS).reset_index(drop=True)
