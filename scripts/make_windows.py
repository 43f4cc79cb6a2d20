"""The peaks of a dataset's targets as labelled windows of one length."""

import pandas as pd

from cisflow.checksums import check_sha256
from cisflow.chromosome_names import check_names, read_aliases
from cisflow.genome import open_genome
from cisflow.intervals import read_regions
from cisflow.messages import InputError, run_script
from cisflow.peak_files import read_peaks, select_peaks
from cisflow.sheet_rows import with_files
from cisflow.target_signals import measured_targets
from cisflow.window_table import write_peak_table, write_table
from cisflow.windows import label_overlaps, make_windows, windows_report


def read_target(row, sizes, names):
    """The peaks of one row of the sheet, with `fate` (why a peak is not used, else empty) and, if asked for, `value`.

    Peaks that are not used, and those of the file of weak peaks (`fate` weak), still keep negatives away.

    Parameters
    ----------
    row : dict
    sizes : dict of str -> int
    names : dict of str -> str
        Aliases of chromosomes.

    Returns
    -------
    pandas.DataFrame
        `chrom`, `start`, `end`, `anchor`, `fate` and perhaps `value`.
    """
    path = row["peaks"]
    check_sha256(path, row["peaks_accepted"], path)
    peaks = read_peaks(path, sizes, names, rank_by=row["rank_by"] or None, value=row["value"] or None)
    check_names(path, peaks, sizes)
    if peaks.empty:
        raise InputError(
            f"{path} holds no peaks (target {row['target']})",
            "found no line of intervals, expected at least one",
            "name the right file in the sheet, or remove the row",
        )
    top, min_score = row["top"], row["min_score"]
    peaks["fate"] = select_peaks(
        peaks, row["rank_by"] or "rank", int(top) if top else None, float(min_score) if min_score else None, path
    )
    if (peaks["fate"] != "").all():
        raise InputError(
            f"{path}: none of its {len(peaks)} peaks reaches min_score {min_score} (target {row['target']})",
            f"the largest value of {row['rank_by']} is {peaks['score'].max():g}",
            "lower min_score in the sheet, or name another column in rank_by",
        )
    if row["weak_peaks"]:
        check_sha256(row["weak_peaks"], row["weak_peaks_accepted"], row["weak_peaks"])
        weak = read_peaks(row["weak_peaks"], sizes, names)
        check_names(row["weak_peaks"], weak, sizes)
        peaks = pd.concat([peaks, weak.assign(fate="weak")], ignore_index=True)
    return peaks


def main(rows, task, aliases, excluded, fasta, settings, signals, outputs):
    """Write all windows, what became of the peaks, and the peaks themselves under the genome's names.

    Parameters
    ----------
    rows : list of dict
        Rows of the sheet.
    task : str
        `binary` or `regression`.
    aliases : str or None
        Table of chromosome names.
    excluded, fasta : str
    settings : dict
        `length`, `max_jitter`, `merge_distance`, `max_n_fraction`, `edge_margin`.
    signals : dict
        How bigWigs are measured: `statistic`, `width`, `missing`; empty without any.
    outputs : dict of str -> str
        Paths of windows, report, overlaps and peaks.
    """
    genome = open_genome(fasta)
    names = read_aliases(aliases, genome.sizes)
    by_target = {row["target"]: read_target(row, genome.sizes, names) for row in rows}
    targets = list(by_target)
    windows, peaks = make_windows(by_target, genome, read_regions(excluded), **settings)
    if windows.empty:
        raise InputError(
            "no window is left",
            f"what became of the {len(peaks)} peaks: "
            + ", ".join(f"{count} {fate}" for fate, count in peaks["fate"].value_counts().items()),
            "shorten windows.length, raise windows.max_n_fraction, or look whether the genome fits the peaks",
        )
    paths = {row["target"]: row["signal"] for row in rows if row["signal"]}
    for row in rows:
        if row["signal"]:
            check_sha256(row["signal"], row["signal_accepted"], row["signal"])
    for target, values in measured_targets(windows, paths, genome.sizes, names, **signals).items():
        windows[target] = values
    write_table(windows, outputs["windows"])
    selections = {row["target"]: row for row in rows if row["top"] or row["min_score"]}
    report = windows_report(windows, peaks, targets, task, **settings, selections=selections)
    report.to_csv(outputs["report"], sep="\t", index=False)
    label_overlaps(windows, targets, task).to_csv(outputs["overlaps"], sep="\t", index=False)
    peaks = peaks[peaks["chrom"].isin(list(genome.sizes))].rename(columns={"score": "strength"})
    write_peak_table(peaks, outputs["peaks"])
    print(report.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            with_files(snakemake.params.rows, snakemake.input),
            snakemake.params.task,
            snakemake.input.get("aliases") or None,
            snakemake.input.excluded,
            snakemake.input.fasta,
            snakemake.params.windows,
            snakemake.params.signals,
            dict(snakemake.output.items()),
        )
