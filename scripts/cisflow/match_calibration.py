"""How many filters would match a motif database if there were nothing to learn, beside how many did.

Three nulls go through the same procedure as the trained network: the network before its first step, the network trained
on permuted labels, and the trained filters with the columns of each PWM in random order. The first two say what the
procedure gives without learning; the third keeps composition and information of every PWM, and asks whether the order
of its columns matters. Dead filters and those without a PWM stand in every denominator.

The empirical false discovery rate is the number of matches that a null lets expect, for as many filters, over the
number observed, as in the comparison with decoys (Elias & Gygi 2007).
"""

import numpy as np
import pandas as pd
from scipy.stats import beta, hypergeom

from cisflow.motif_matching import best_q_values

SWEEP = (0.001, 0.01, 0.05, 0.1)  # q-values that are looked at beside the criterion in use
CONFIDENCE = 0.95  # of the upper bound of a false discovery rate
TRAINED, SHUFFLED = "trained", "column_shuffled"
NETWORKS = (TRAINED, "untrained", "permuted")
COLUMNS = [
    *("source", "q_value", "in_use", "n_filters", "n_dead", "n_without_pwm", "n_matched", "share", "lowest", "highest"),
    *("null", "expected", "false_discovery_rate", "fdr_high", "p"),
]


def shuffled_columns(pwms, rng):
    """The PWMs with the positions of each in random order.

    Parameters
    ----------
    pwms : list of numpy.ndarray of float, shape (width, 4)
    rng : numpy.random.Generator

    Returns
    -------
    list of numpy.ndarray of float, shape (width, 4)
    """
    return [pwm[rng.permutation(len(pwm))] for pwm in pwms]


def false_discovery_rate(expected, observed):
    """Expected over observed matches, at most 1; 1 where nothing matched, for then there is nothing to believe."""
    return min(1.0, expected / observed) if observed else 1.0


def against_network(observed, n_filters, in_null, n_null):
    """False discovery rate by another network.

    Parameters
    ----------
    observed, n_filters : int
        Matches and filters of the trained network.
    in_null, n_null : int
        The same of the other.

    Returns
    -------
    dict
        `expected`, `false_discovery_rate`; `fdr_high`, the rate if the other network's share were at the upper end of
        its interval (Clopper & Pearson 1934, one-sided), so that a few filters without a match do not promise a rate of
        0; `p`, of so large a share by chance (Fisher's exact test, one-sided). Both take filters for independent.
    """
    share_high = beta.ppf(CONFIDENCE, in_null + 1, n_null - in_null) if in_null < n_null else 1.0
    return {
        "expected": n_filters * in_null / n_null,
        "false_discovery_rate": false_discovery_rate(n_filters * in_null / n_null, observed),
        "fdr_high": false_discovery_rate(n_filters * share_high, observed),
        "p": float(hypergeom.sf(observed - 1, n_filters + n_null, observed + in_null, n_filters)),
    }


def against_shuffles(observed, matched):
    """False discovery rate by shuffled PWMs.

    Parameters
    ----------
    observed : int
        Matches of the trained network.
    matched : numpy.ndarray of int, shape (shuffles,)

    Returns
    -------
    dict
        As of `against_network`; `fdr_high` by the shuffle with most matches, `p` the rank among all.
    """
    return {
        "expected": float(matched.mean()),
        "false_discovery_rate": false_discovery_rate(matched.mean(), observed),
        "fdr_high": false_discovery_rate(matched.max(), observed),
        "p": float((1 + (matched >= observed).sum()) / (1 + len(matched))),
    }


def counts_of(statuses):
    """Numbers of filters, of dead ones, and of others without a PWM, by the column `status` of `filter_sites.tsv`."""
    n_dead = int((statuses == "dead").sum())
    return {
        "n_filters": len(statuses),
        "n_dead": n_dead,
        "n_without_pwm": int((statuses != "ok").sum()) - n_dead,
    }


def calibrate(networks, targets, criterion, n_shuffles, seed, threads):
    """Matches of the trained network and of its nulls at the criterion in use and over a sweep of others.

    Parameters
    ----------
    networks : dict of str -> (pandas.Series, list of numpy.ndarray)
        `trained`, and `untrained` and `permuted` where they are there: statuses of all filters, and PWMs (width, 4) of
        those that have one.
    targets : list of numpy.ndarray of float, shape (width, 4)
        At least one.
    criterion : float
        A filter matches if the q-value of its best match is below it.
    n_shuffles : int
    seed : int
    threads : int

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, by q-value and then by source. `lowest` and `highest` are those of the shuffles, whose `n_matched` is
        their mean. The rates of the trained network are those of the null that gives the highest, which is named.
    """
    best = {source: best_q_values(pwms, targets, threads) for source, (_, pwms) in networks.items()}
    counts = {source: counts_of(statuses) for source, (statuses, _) in networks.items()}
    rng = np.random.default_rng(seed)
    shuffles = [best_q_values(shuffled_columns(networks[TRAINED][1], rng), targets, threads) for _ in range(n_shuffles)]
    rows = []
    for q_value in sorted({*SWEEP, criterion}):
        matched = {source: int((values < q_value).sum()) for source, values in best.items()}
        in_shuffles = np.array([(values < q_value).sum() for values in shuffles])
        observed, n_filters = matched[TRAINED], counts[TRAINED]["n_filters"]
        nulls = []
        for source in matched:
            if source != TRAINED:
                rates = against_network(observed, n_filters, matched[source], counts[source]["n_filters"])
                nulls.append({"source": source, **counts[source], "n_matched": matched[source], **rates})
        shuffled = {"n_matched": in_shuffles.mean(), "lowest": in_shuffles.min(), "highest": in_shuffles.max()}
        nulls.append({"source": SHUFFLED, **counts[TRAINED], **shuffled, **against_shuffles(observed, in_shuffles)})
        strictest = max(nulls, key=lambda row: (row["false_discovery_rate"], row["fdr_high"]))
        rates = {key: strictest[key] for key in ("expected", "false_discovery_rate", "fdr_high", "p")}
        first = {"source": TRAINED, **counts[TRAINED], "n_matched": observed, "null": strictest["source"], **rates}
        rows += [
            {"q_value": q_value, "in_use": "yes" if q_value == criterion else "no", "null": row["source"], **row}
            for row in (first, *nulls)
        ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["share"] = table["n_matched"] / table["n_filters"]
    return table


def sentences(table):
    """What the rows of the criterion in use say.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `calibrate`.

    Returns
    -------
    list of str
    """
    in_use = table[table["in_use"] == "yes"].set_index("source")
    trained = in_use.loc[TRAINED]
    told = [
        f"{trained['n_matched']:g} of {trained['n_filters']} filters match at q < {trained['q_value']:g}"
        f" ({trained['share']:.0%}; {trained['n_dead']} dead and {trained['n_without_pwm']} without a PWM included)"
    ]
    for source, row in in_use.drop(index=TRAINED).iterrows():
        spread = f", {row['lowest']:g} to {row['highest']:g} in each" if source == SHUFFLED else ""
        told.append(
            f"{source}: {row['n_matched']:g} of {row['n_filters']} ({row['share']:.0%}{spread}); false discovery rate"
            f" {row['false_discovery_rate']:.2g}, at most {row['fdr_high']:.2g}; p = {row['p']:.2g}"
        )
    alike = [source for source, row in in_use.drop(index=TRAINED).iterrows() if row["fdr_high"] == 1]
    if alike:
        told.append(
            f"as many matches may come about without learning ({', '.join(alike)}): they say nothing of the network"
        )
    return told
