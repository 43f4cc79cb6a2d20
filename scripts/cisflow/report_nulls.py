"""What share of filters would match if nothing had been learned: no share of matches is told without it."""

import math

from cisflow.report_numbers import all_of, fixed, is_known, percent

TRAINED = "trained"
NULLS = {  # sources of calibration.tsv that are no trained network, as the page calls them
    "untrained": "of the same network before training",
    "permuted": "of one trained on permuted labels",
    "column_shuffled": "with the columns of the PWMs shuffled",
}
SIGNIFICANT = 0.05
NO_NULL = "no null stands beside it"


def null_shares(filter_rows):
    """The share of filters that match in each null, over the networks that have it.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `cisflow.report_rows.filter_row`.

    Returns
    -------
    dict[str, float]
        Source of `NULLS` to share, in their order; all filters in the denominator.
    """
    shares = {}
    for source in NULLS:
        rows = [row["calibration"][source] for row in filter_rows if source in row["calibration"]]
        if rows:
            shares[source] = math.fsum(row["n_matched"] for row in rows) / sum(row["n_filters"] for row in rows)
    return shares


def null_sentence(filter_rows):
    """The nulls of a share of matches, in words.

    Parameters
    ----------
    filter_rows : list of dict
        Rows of `cisflow.report_rows.filter_row`.

    Returns
    -------
    str
        A part of a sentence; that there is none where nothing was measured.
    """
    shares = null_shares(filter_rows)
    if not shares:
        return NO_NULL
    texts = [f"{percent(share)} {NULLS[source]}" for source, share in shares.items()]
    return f"by chance {all_of(texts)}; {rate_text(filter_rows)}"


def rate_text(filter_rows):
    """The false discovery rate of matches by the null that gives the highest; of several networks its range."""
    rows = [row["calibration"][TRAINED] for row in filter_rows if TRAINED in row["calibration"]]
    rates = sorted({fixed(row["false_discovery_rate"], 2) for row in rows if is_known(row["false_discovery_rate"])})
    if not rates:
        return "no false discovery rate"
    highest = max(row["fdr_high"] for row in rows)
    text = f"{rates[0]}–{rates[-1]}" if len(rates) > 1 else rates[0]
    return f"false discovery rate {text} (at most {fixed(highest, 2)})"


def null_range(filter_rows):
    """The lowest and highest share of all nulls, for a cell of a table: `0–5 %`; empty where there is none."""
    shares = null_shares(filter_rows).values()
    if not shares:
        return ""
    ends = list(dict.fromkeys(percent(end) for end in (min(shares), max(shares))))
    return ends[0] if len(ends) == 1 else f"{ends[0].removesuffix(' %')}–{ends[1]}"


def largest_p(filter_row):
    """The p-value of so many matches by the null that gives the largest; NaN without one."""
    p_values = [row["p"] for source, row in filter_row["calibration"].items() if source in NULLS and is_known(row["p"])]
    return max(p_values, default=math.nan)
