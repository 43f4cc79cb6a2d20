"""The tables of what stands beside the results, as the report reads them: baselines, nulls, calibration, strata."""

from pathlib import Path

from cisflow.report_tables import read_rows

INTERVAL = ["ci_low", "ci_high"]


def read_verdicts(path):
    """Rows of a `verdicts.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict[(str, str, str), dict]
        (model, target, baseline) to `difference`, `ci_low`, `ci_high`, `q` and `verdict`, among others.
    """
    numbers = ["value", "baseline_value", "difference", *INTERVAL, "p", "q"]
    rows = read_rows(path, numbers, ["model", "target", "baseline", "metric", "verdict"])
    return {(row["model"], row["target"], row["baseline"]): row for row in rows}


def read_comparison(path, metric):
    """Rows of a `comparison.tsv` for one metric.

    Parameters
    ----------
    path : str or Path
    metric : str

    Returns
    -------
    dict[(str, str, str), dict]
        (fold, model, target) to `seeds`, `mean`, `sd`, `lowest`, `highest`, `ensemble`, `ci_low` and `ci_high`.
    """
    numbers = ["seeds", "mean", "sd", "lowest", "highest", "ensemble", *INTERVAL]
    rows = read_rows(path, numbers, ["fold", "model", "target", "metric"])
    return {(row["fold"], row["model"], row["target"]): row for row in rows if row["metric"] == metric}


def read_differences(path):
    """Rows of a `model_differences.tsv`: `model` less `other`, over all folds that both were tested on.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        None for a dataset with one model.
    """
    return read_rows(path, ["difference", *INTERVAL, "p", "q"], ["model", "other", "target", "metric"])


def read_over_datasets(paths):
    """Rows of the tables over datasets.

    Parameters
    ----------
    paths : dict of str -> str or Path
        `verdicts`, `comparison` and `model_differences`; none of one dataset.

    Returns
    -------
    dict[str, list of dict]
        Of each table, in the order of the file.
    """
    texts, numbers = ["model", "fold", "metric", "left_out", "no_value"], ["n_datasets", "n_targets", *INTERVAL]
    own = {
        "verdicts": (["value", "baseline_value", "difference", "p", "q"], ["baseline", "verdict"]),
        "comparison": (["seeds", "mean", "sd", "lowest", "highest", "ensemble", "mean_rank"], []),
        "model_differences": (["value", "other_value", "difference", "p", "q"], ["other"]),
    }
    return {
        name: read_rows(paths[name], [*numbers, *own[name][0]], [*texts, *own[name][1]]) if paths else []
        for name in own
    }


def read_reliability(path):
    """Rows of a `reliability.tsv`, by target.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict[str, list of dict]
        Bins from the lowest predictions to the highest; no target where predictions are no probabilities.
    """
    bins = {}
    for row in read_rows(path, ["bin", "n", "mean_predicted", "observed", *INTERVAL], ["target"]):
        bins.setdefault(row["target"], []).append(row)
    return bins


def read_strata(path, metric):
    """Rows of a `strata.tsv` for one metric.

    Parameters
    ----------
    path : str or Path
    metric : str

    Returns
    -------
    list of dict
        `value` is NaN for a level with too few rows.
    """
    numbers = ["low", "high", "value", *INTERVAL, "n", "n_positive"]
    rows = read_rows(path, numbers, ["stratum", "level", "target", "metric"])
    return [row for row in rows if row["metric"] == metric]


def read_calibration(path):
    """The rows of a `calibration.tsv` at the criterion in use.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict[str, dict]
        Source (`trained`, then its nulls) to `n_filters`, `n_matched`, `share`, `false_discovery_rate`, `fdr_high`,
        `p` and `null`, the one that gives the rate.
    """
    numbers = [
        *("q_value", "n_filters", "n_dead", "n_without_pwm", "n_matched", "share", "lowest", "highest", "expected"),
        *("false_discovery_rate", "fdr_high", "p"),
    ]
    rows = read_rows(path, numbers, ["source", "in_use", "null"])
    return {row["source"]: row for row in rows if row["in_use"] == "yes"}


def read_enrichment(path):
    """Rows of a `motif_enrichment.tsv`, by target.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict[str, list of dict]
        Motifs in the order of the file, the smallest p-value first.
    """
    numbers = ["n_positive_with", "n_positive", "n_negative_with", "n_negative", "odds", "p", "q", "auroc"]
    motifs = {}
    for row in read_rows(path, numbers, ["target", "motif", "name"]):
        motifs.setdefault(row["target"], []).append(row)
    return motifs


def read_planted(path):
    """Rows of a `planted_found.tsv`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    rows : list of dict
        One a planted motif; `found` is a truth value.
    comments : list of str
        The criterion and the database.
    """
    numbers = ["n_filters", "q", "n_sites", "n_recovered", "recall", "recall_by_chance", "precision"]
    rows = read_rows(path, numbers, ["motif", "name", "found", "best_filter", "match"])
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return [{**row, "found": row["found"] == "True"} for row in rows], comments


def read_chosen_motifs(path):
    """What motif a scan with a database chose for each target.

    Parameters
    ----------
    path : str or Path
        A `chosen.tsv`.

    Returns
    -------
    dict[str, str]
        Target to the motif's name, or its id where it has no name.
    """
    names = {}
    for row in read_rows(path, [], ["target", "setting", "value"]):
        if row["setting"] in ("motif", "motif_name") and row["value"]:
            names[row["target"]] = row["value"]  # the name stands behind the id
    return names
