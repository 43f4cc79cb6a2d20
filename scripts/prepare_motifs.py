"""The motif databases, read to their ends and checked before anything is matched against them, as one."""

import shutil

from cisflow.checksums import check_sha256
from cisflow.meme import read_meme, write_meme
from cisflow.messages import InputError, run_script
from cisflow.motif_databases import join_databases


def main(databases, output, origins_output):
    """Check the databases (MEME format); copy one as it is, write several as one.

    Parameters
    ----------
    databases : list of (str, str, list of str)
        Name, path, and SHA-256 checksums of equally good copies.
    output : str
    origins_output : str
        Table `motif database`: where each motif is from.
    """
    found = {}
    for name, path, accepted in databases:
        if name in found:
            raise InputError(
                f"two motif databases are called {name}",
                f"one of them is {path}; matches name the database, so names must differ",
                "rename one of the files",
            )
        check_sha256(path, accepted, path)
        found[name] = read_meme(path)
        print(f"{len(found[name])} motifs in {path}")
    motifs, origin, n_repeated = join_databases(found)
    if len(databases) == 1:
        shutil.copyfile(databases[0][1], output)
    else:
        write_meme(output, motifs.values())
        print(f"{len(motifs)} motifs in all; {n_repeated} motifs are repeated in a later database, and taken once")
    with open(origins_output, "w", encoding="utf-8") as out:
        out.write("motif\tdatabase\n")
        out.writelines(f"{identifier}\t{database}\n" for identifier, database in origin.items())


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            list(zip(snakemake.params.names, snakemake.input.databases, snakemake.params.sha256, strict=True)),
            snakemake.output.database,
            snakemake.output.origins,
        )
