"""What the splitting of a dataset leaves: a BED file a split, and the tables that say what is in them."""

import pandas as pd

from cisflow.folds import SPLITS
from cisflow.split_tables import (
    FRACTION_BINS,
    WIDTH_BINS,
    balance_rows,
    by_class,
    distribution_rows,
    split_report_rows,
)
from cisflow.target_scaling import check_values_differ, fit_scaling


def write_splits(outputs, splits, unused, groups, targets, task, transform, accounts, peak_widths=None):
    """Write the splits of a dataset and their tables.

    Parameters
    ----------
    outputs : dict of str -> str
        Paths of train, val, test, groups, report, negatives, distributions, balance and scaling.
    splits : dict of str -> pandas.DataFrame
        Rows of each split: `chrom`, `start`, `end` (windows without jitter), `name`, `strand`, one column a target,
        `kind` (`positive`, or the kind of a negative), `gc` and `unknown` (fractions of the stored sequence) and
        `sequence` (the stored sequence of rows that are not read from the genome, else `.`).
    unused : pandas.DataFrame
        Rows that are in no split.
    groups : dict of str -> list of str
        Chromosomes (or other groups) of each split.
    targets : list of str
    task : str
        `binary` or `regression`.
    transform : list of str
        Steps of `fit_scaling`.
    accounts : list of dict
        `split`, `kind`, `outcome`, `count` of what was drawn.
    peak_widths : dict of str -> numpy.ndarray
        Widths in bp of the peaks that became windows, for each split; None where rows come of no peaks.
    """
    has_sequences = any((rows["sequence"] != ".").any() for rows in splits.values())
    report, distributions, balance = [], [], []
    for split in SPLITS:
        rows = splits[split]
        bed = rows[["chrom", "start", "end", "name"]].rename(columns={"chrom": "#chrom"})
        # An empty last field would be a line with a column too few to bedtools, hence NaN and `.` in words.
        bed = pd.concat([bed.assign(score=0, strand=rows["strand"]), rows[targets]], axis=1)
        bed = bed.assign(sequence=rows["sequence"]) if has_sequences else bed
        bed.to_csv(outputs[split], sep="\t", index=False, float_format="%.9g", na_rep="NaN")
        report += split_report_rows(split, rows, targets, task, groups[split])
        quantities = {"gc": (rows["gc"], FRACTION_BINS), "n": (rows["unknown"], FRACTION_BINS)}
        for quantity, (values, bins) in quantities.items():
            classes = by_class(values.to_numpy(), rows["kind"].to_numpy())
            distributions += distribution_rows(split, quantity, classes, bins)
            balance += balance_rows(split, quantity, classes)
        if peak_widths is not None:
            distributions += distribution_rows(split, "peak_width", {"positive": peak_widths[split]}, WIDTH_BINS)
    if len(unused):
        report += split_report_rows("none", unused, targets, task, list(unused["chrom"].drop_duplicates()))
    columns = {
        "negatives": ["split", "kind", "outcome", "count"],
        "distributions": ["split", "quantity", "class", "bin_start", "bin_end", "count"],
        "balance": ["split", "quantity", "class", "n", "n_positive", "mean", "mean_positive", "ks"],
        "report": list(report[0]),
    }
    tables = {"negatives": accounts, "distributions": distributions, "balance": balance, "report": report}
    for name, table in tables.items():
        frame = pd.DataFrame(table, columns=columns[name])
        frame.to_csv(outputs[name], sep="\t", index=False, float_format="%.6g")
    if task == "regression":
        check_values_differ(splits["train"], targets)
    scaling = fit_scaling(splits["train"], targets, transform if task == "regression" else [])
    scaling.to_csv(outputs["scaling"], sep="\t", index=False, float_format="%.17g")
    of_split = pd.DataFrame([(split, group) for split in SPLITS for group in groups[split]], columns=["split", "group"])
    of_split.to_csv(outputs["groups"], sep="\t", index=False)
    print(pd.DataFrame(report).drop(columns="chromosomes").to_string(index=False))
    for split in SPLITS:
        kinds = splits[split]["kind"].value_counts()
        print(f"{split}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
