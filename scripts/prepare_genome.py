"""A genome in FASTA, made ready: one line width, an index of its own, chromosome sizes, a checksum."""

from pathlib import Path

from cisflow.checksums import check_sha256
from cisflow.fasta import stale_index_problem
from cisflow.genome_file import write_genome
from cisflow.messages import run_script


def main(source, accepted, fasta, index, sizes, checksum):
    """Write the genome's files.

    Parameters
    ----------
    source : str
        FASTA; plain, gzip or bgzip.
    accepted : list of str
        SHA-256 checksums of equally good copies; empty if the configuration names none.
    fasta, index, sizes, checksum : str
        Outputs.
    """
    check_sha256(source, accepted, source)
    lengths, sha256 = write_genome(source, fasta, index, sizes)
    stale = stale_index_problem(source, lengths)
    if stale:
        raise stale
    Path(checksum).write_text(sha256 + "\n")
    print(f"{len(lengths)} sequences, {sum(lengths.values()):,} bases, sha256 of {fasta}: {sha256}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.fasta,
            snakemake.params.sha256,
            snakemake.output.fasta,
            snakemake.output.index,
            snakemake.output.sizes,
            snakemake.output.sha256,
        )
