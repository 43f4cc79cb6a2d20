"""The peaks of a dataset's targets as labelled windows of one length."""

from cisflow.checksums import check_sha256
from cisflow.genome import read_sizes
from cisflow.intervals import check_names, read_aliases, read_bed, read_regions
from cisflow.messages import InputError, run_script
from cisflow.windows import make_windows, windows_report


def main(
    peaks, accepted, targets, aliases, sizes, excluded, fasta, settings, windows_output, report_output, peaks_output
):
    """Write all windows, what became of the peaks, and the peaks themselves under the genome's names.

    Parameters
    ----------
    peaks : list of str
        Peak files in the order of `targets`.
    accepted : list of list of str
        SHA-256 checksums of each file.
    targets : list of str
    aliases : str or None
        Table of chromosome names.
    sizes, excluded, fasta : str
    settings : dict
        `length`, `max_jitter`, `merge_distance`, `max_n_fraction`.
    windows_output, report_output, peaks_output : str
    """
    lengths = read_sizes(sizes)
    names = read_aliases(aliases)
    by_target = {}
    for target, path, checksums in zip(targets, peaks, accepted, strict=True):
        check_sha256(path, checksums, path)
        by_target[target] = read_bed(path, lengths, names)
        check_names(path, by_target[target], lengths)
        if by_target[target].empty:
            raise InputError(
                f"{path} holds no peaks (target {target})",
                "found no line of intervals, expected at least one",
                "name the right file in the sheet, or remove the row",
            )
    left_out = read_regions(excluded)
    windows, fates = make_windows(by_target, lengths, left_out, fasta, **settings)
    if windows.empty:
        counts = fates["fate"].value_counts().to_dict()
        raise InputError(
            "no window is left",
            f"what became of the {len(fates)} peaks: {counts}",
            "shorten windows.length, raise windows.max_n_fraction, or look whether the genome fits the peaks",
        )
    windows.to_csv(windows_output, sep="\t", index=False, float_format="%.0f", na_rep="NaN")
    report = windows_report(windows, fates, targets, **settings)
    report.to_csv(report_output, sep="\t", index=False)
    with open(peaks_output, "w", encoding="utf-8") as out:
        for target, frame in by_target.items():
            known = frame[frame["chrom"].isin(list(lengths))]
            known[["chrom", "start", "end"]].assign(target=target).to_csv(out, sep="\t", header=False, index=False)
    print(report.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.peaks,
            snakemake.params.sha256,
            snakemake.params.targets,
            snakemake.input.get("aliases") or None,
            snakemake.input.sizes,
            snakemake.input.excluded,
            snakemake.input.fasta,
            snakemake.params.windows,
            snakemake.output.windows,
            snakemake.output.report,
            snakemake.output.peaks,
        )
