"""A table of sequences, read and brought to one length: the second way into the workflow, beside peaks on a genome."""

import numpy as np

from cisflow.checksums import check_sha256
from cisflow.genome import bases_of
from cisflow.intervals import NO_LOCUS
from cisflow.messages import InputError, run_script
from cisflow.sequence_fitting import fit_sequences, linked_rows, sequences_report
from cisflow.sequence_table import read_sequences
from cisflow.sheet_rows import with_files
from cisflow.similarity import components, similarity_clusters
from cisflow.window_table import widened, write_table
from cisflow.windows import label_overlaps


def main(rows, settings, outputs):
    """Write every usable sequence with its targets and its cluster, and what became of the others.

    Parameters
    ----------
    rows : list of dict
        Rows of the sheet; all name the same table.
    settings : dict
        `columns` (section `sequences` of the configuration), `split_column`, `task`, `task_is_given`, `stored_length`,
        `max_jitter`, `max_n_fraction`, `kmer_length` and `min_containment`.
    outputs : dict of str -> str
        Paths of windows, report and overlaps.
    """
    path, task, length = rows[0]["sequences"], settings["task"], settings["stored_length"]
    check_sha256(path, rows[0]["sequences_accepted"], path)
    columns = {**settings["columns"], "split": settings["split_column"]}
    values = {row["target"]: row["value"] or row["target"] for row in rows}
    table = read_sequences(path, columns, values, task)
    targets = list(values)
    if task == "regression" and not settings["task_is_given"]:
        labels = [target for target in targets if table[target].dropna().isin((0, 1)).all()]
        if labels:
            raise InputError(
                f"{path}: {', '.join(labels)} may be labels or values",
                "found nothing but 0 and 1, and no `task` in the sheet",
                "write binary (labels) or regression (values) in the column `task` of the sheet",
            )
    fitting = {
        "length": length,
        "flank_5": settings["columns"]["flank_5"],
        "flank_3": settings["columns"]["flank_3"],
        "max_n_fraction": settings["max_n_fraction"],
    }
    # Linked before they are cut: neighbours that overlap as measured belong together, even if their centres do not.
    together = components(len(table), linked_rows(table))
    kept, fates = fit_sequences(table, **fitting)
    report = sequences_report(table, fates, task, **fitting)
    report.to_csv(outputs["report"], sep="\t", index=False)
    print(report.to_string(index=False))
    if kept.empty:
        raise InputError(
            f"{path}: no sequence is left",
            f"what became of the {len(table)} sequences: "
            + ", ".join(f"{count} {fate}" for fate, count in fates.value_counts().items()),
            "shorten windows.length, lower windows.max_jitter, or declare sequences.flank_5 and sequences.flank_3",
        )
    group = together[(fates == "kept").to_numpy()]
    order = np.argsort(group, kind="stable")
    neighbours = np.flatnonzero(group[order][1:] == group[order][:-1])
    linked = np.column_stack([order[neighbours], order[neighbours + 1]])
    bases = bases_of(kept["sequence"], length)
    clusters = similarity_clusters(bases, settings["kmer_length"], settings["min_containment"], linked)
    kept["cluster"] = [f"cluster_{number}" for number in clusters]
    if "chrom" not in kept:
        kept = kept.assign(chrom=NO_LOCUS, start=0, end=length)
    # A row without a place has its cluster for a chromosome, wherever rows are grouped by place.
    kept["chrom"] = kept["chrom"].mask(kept["chrom"] == NO_LOCUS, kept["cluster"])
    if "strand" not in kept:
        kept["strand"] = NO_LOCUS
    windows = widened(kept, -settings["max_jitter"])
    optional = [name for name in ("split",) if name in kept]
    write_table(
        windows[["chrom", "start", "end", "name", "strand", *targets, *optional, "cluster", "sequence"]],
        outputs["windows"],
    )
    label_overlaps(windows, targets, task).to_csv(outputs["overlaps"], sep="\t", index=False)
    sizes = np.bincount(clusters)
    print(f"{len(kept)} sequences in {len(sizes)} clusters of similar or neighbouring ones; the largest: {sizes.max()}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            with_files(snakemake.params.rows, snakemake.input),
            snakemake.params.settings,
            dict(snakemake.output.items()),
        )
