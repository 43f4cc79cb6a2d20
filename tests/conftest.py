"""What several test files share: a small genome in many spellings, the fly example, bedtools, larger data.

The genome is written and indexed here by plain Python and samtools, never by the code under test.
"""

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pysam
import pytest
from hypothesis import settings

# What was drawn once is drawn again: a test that fails, fails for everybody, and on a busy machine none is too slow.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

# Two threads a process on a machine whose cores are all busy are slower than one, by far.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository():
    """Root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def fly_folder():
    """The real fly data that the repository ships."""
    return REPOSITORY / "resources" / "fly"


@pytest.fixture(scope="session")
def shared_data():
    """Folder of larger real data beside the repository; tests that need it are skipped elsewhere."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, data that are not shipped with the repository")
    return folder


@pytest.fixture(scope="session")
def bedtools():
    """Run bedtools: `bedtools("intersect", "-a", path, ...)` gives its rows as lists of fields."""
    program = shutil.which("bedtools")
    if program is None:
        pytest.fail("bedtools is missing: run `sh tests/install_bedtools.sh`")

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    return run


# ----------------------------------------------------------------------------------------------------------------------
# Genomes


def random_bases(rng, length, block=500):
    """Bases whose GC content changes from block to block, from 25 to 65 %."""
    blocks = [
        rng.choice(list("ACGT"), size=block, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        for gc in rng.uniform(0.25, 0.65, size=length // block + 1)
    ]
    return np.concatenate(blocks)[:length]


def random_genome():
    """Six chromosomes with lower case, runs of N and single IUPAC codes; `tiny` is shorter than any window."""
    rng = np.random.default_rng(20240229)
    lengths = {"chr2": 30_000, "chr10": 20_003, "chr1": 24_060, "NA": 12_001, "1": 9_999, "tiny": 30}
    sequences = {}
    for name, length in lengths.items():
        bases = random_bases(rng, length)
        if name != "tiny":
            for start in rng.integers(1_000, length - 1_000, size=4):  # the first and last 1,000 bases stay known
                bases[start : start + int(rng.integers(1, 300))] = "N"
            where = rng.integers(1_000, length - 1_000, size=30)
            bases[where] = rng.choice(list("RYSWKMBDHV"), size=30)
        for start in rng.integers(0, length, size=12):
            stop = start + int(rng.integers(1, 800))
            bases[start:stop] = np.char.lower(bases[start:stop])
        bases[:5] = np.char.lower(bases[:5])
        sequences[name] = "".join(bases)
    return sequences


def fasta_text(sequences, width=60, newline="\n", description=""):
    """FASTA of some sequences."""
    lines = []
    for name, sequence in sequences.items():
        lines.append(f">{name}{description}")
        lines += [sequence[start : start + width] for start in range(0, len(sequence), width)]
    return newline.join(lines) + newline


def indexed_genome(folder, sequences):
    """Write FASTA, samtools' index and chromosome sizes; say where they are."""
    fasta = Path(folder) / "genome.fa"
    fasta.write_text(fasta_text(sequences))
    pysam.faidx(str(fasta))
    sizes = {name: len(sequence) for name, sequence in sequences.items()}
    sizes_file = Path(folder) / "chrom.sizes"
    sizes_file.write_text("".join(f"{name}\t{length}\n" for name, length in sizes.items()))
    return SimpleNamespace(
        fasta=str(fasta),
        index=f"{fasta}.fai",
        sizes=sizes,
        sizes_file=str(sizes_file),
        sequences=sequences,
        upper={name: sequence.upper() for name, sequence in sequences.items()},
    )


@pytest.fixture(scope="session")
def genome(tmp_path_factory):
    """A small indexed genome: `fasta`, `index`, `sizes`, `sizes_file`, `sequences`, and these in `upper` case."""
    return indexed_genome(tmp_path_factory.mktemp("genome"), random_genome())


@pytest.fixture
def make_genome(tmp_path):
    """Index a genome of one's own: `make_genome({"chr1": "ACGT..."})` gives what `genome` is."""
    return lambda sequences: indexed_genome(tmp_path, sequences)


@pytest.fixture(scope="session")
def genome_spellings(tmp_path_factory, genome):
    """The same genome as FASTA in many spellings: a dictionary from what is peculiar to the path."""
    folder = tmp_path_factory.mktemp("spellings")
    sequences = genome.sequences
    rng = np.random.default_rng(7)
    ragged = []
    for name, sequence in sequences.items():
        cuts = np.sort(rng.integers(0, len(sequence), size=200))  # equal cuts make blank lines
        pieces = [sequence[a:b] for a, b in zip([0, *cuts], [*cuts, len(sequence)], strict=True)]
        ragged += [f">{name}", *pieces, ""]
    texts = {
        "plain": fasta_text(sequences),
        "one_line": fasta_text(sequences, width=10**9),
        "width_7": fasta_text(sequences, width=7),
        "crlf": fasta_text(sequences, newline="\r\n"),
        "ragged": "\n".join(ragged),
        "no_last_newline": fasta_text(sequences).rstrip("\n"),
        "described": fasta_text(sequences, description=" dna:chromosome \xe9 >REF"),
    }
    paths = {}
    for peculiarity, text in texts.items():
        paths[peculiarity] = folder / f"{peculiarity}.fa"
        paths[peculiarity].write_bytes(text.encode("latin-1"))
    paths["gzip"] = folder / "gzip.fa.gz"
    paths["gzip"].write_bytes(gzip.compress(texts["plain"].encode()))
    paths["bgzip"] = folder / "bgzip.fa.gz"
    pysam.tabix_compress(str(paths["plain"]), str(paths["bgzip"]))
    paths["gzip_called_fa"] = folder / "gzip.fa"
    paths["gzip_called_fa"].write_bytes(gzip.compress(texts["crlf"].encode()))
    return paths


# ----------------------------------------------------------------------------------------------------------------------
# Tables and files


@pytest.fixture
def write_bed(tmp_path):
    """Write rows (sequences of fields) as a tab-separated file in the test's folder; gives its path as text."""

    def write(name, rows, newline="\n", compress=False):
        text = "".join("\t".join(map(str, row)) + newline for row in rows)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
        return str(path)

    return write


@pytest.fixture(scope="session")
def pairable():
    """Largest number of pairs between two lists of numbers whose members differ by at most a limit."""

    def count(one, other, limit):
        # Both sorted, each of `one` takes the smallest of `other` that still fits: no pairing has more pairs.
        one, other, position, pairs = sorted(one), sorted(other), 0, 0
        for value in one:
            while position < len(other) and other[position] < value - limit:
                position += 1
            if position < len(other) and other[position] <= value + limit:
                position, pairs = position + 1, pairs + 1
        return pairs

    return count
