"""The motif database, read to its end and checked before anything is matched against it."""

import shutil

from cisflow.checksums import check_sha256
from cisflow.meme import read_meme
from cisflow.messages import run_script


def main(source, accepted, output):
    """Check the database (MEME format) and copy it as it is.

    Parameters
    ----------
    source : str
    accepted : list of str
        SHA-256 checksums of equally good copies.
    output : str
    """
    check_sha256(source, accepted, source)
    motifs = read_meme(source)
    shutil.copyfile(source, output)
    print(f"{len(motifs)} motifs in {source}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(snakemake.input.database, snakemake.params.sha256, snakemake.output.database)
