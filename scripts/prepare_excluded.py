"""Regions to leave out, merged and sorted; an empty file where the configuration names none."""

from cisflow.checksums import check_sha256
from cisflow.chromosome_names import check_names, read_aliases
from cisflow.genome_file import read_sizes
from cisflow.intervals import merged
from cisflow.messages import run_script
from cisflow.peak_files import read_peaks


def main(source, accepted, aliases, sizes, output):
    """Write the union of the excluded regions as BED3.

    Parameters
    ----------
    source : str or None
        BED file, or None.
    accepted : list of str
        SHA-256 checksums of equally good copies.
    aliases : str or None
        Table of chromosome names.
    sizes, output : str
    """
    lengths = read_sizes(sizes)
    with open(output, "w", encoding="utf-8") as out:
        if source is None:
            print("no regions are excluded")
            return
        check_sha256(source, accepted, source)
        regions = read_peaks(source, lengths, read_aliases(aliases, lengths))
        check_names(source, regions, lengths)
        known = regions[regions["chrom"].isin(list(lengths))]
        union = merged(known)
        union.to_csv(out, sep="\t", header=False, index=False)
        print(
            f"{len(regions)} regions read, {len(regions) - len(known)} on sequences that the genome lacks; "
            f"{len(union)} after merging, {int((union['end'] - union['start']).sum()):,} bases"
        )


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.get("excluded") or None,
            snakemake.params.sha256,
            snakemake.input.get("aliases") or None,
            snakemake.input.sizes,
            snakemake.output.bed,
        )
