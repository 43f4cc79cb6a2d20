"""Time the data stage against its peers, in turn in one run: `make bench`.

Every figure is a ratio to a named control that ran beside it, or a bound that does not hang on the machine's mood; what
both give is compared in the same run. The genome (100 Mb, eight chromosomes) and its peaks are made anew from a seed.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyfaidx
import tangermeme.io
import tangermeme.match
from made_genome import CHROMOSOMES, peaks, tiles, write_fasta

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.genome import counts_of, open_genome, read_bases  # noqa: E402
from cisflow.genome_file import write_genome  # noqa: E402
from cisflow.leakage import find_leaks  # noqa: E402
from cisflow.negatives import Ground, draw_negatives  # noqa: E402
from cisflow.similarity import near_duplicates  # noqa: E402
from cisflow.split_file import one_hot_of, read_split, write_split  # noqa: E402
from cisflow.split_tables import ks_statistic  # noqa: E402

TURNS = 3  # of ours and of the control, one after the other; the best of each counts
OPTIONS = {"max_gc_difference": 0.05, "flank_distance": [500, 5000]}


def best_of(turns, **functions):
    """The shortest time in seconds of each function over some turns, and what each gave last."""
    seconds, given = dict.fromkeys(functions, np.inf), {}
    for _ in range(turns):
        for name, function in functions.items():
            start = time.perf_counter()
            given[name] = function()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds, given


def told(what, value, bound, is_good, detail=""):
    """Print one line: what was measured, the bound, whether it holds."""
    print(
        f"{'ok  ' if is_good else 'MISS'} {what}: {value} (wanted {bound}){f'; {detail}' if detail else ''}", flush=True
    )
    return is_good


def bench_one_hot(fasta, windows):
    """Windows to one-hot, against tangermeme's extraction and a loop over pyfaidx."""

    def ours():
        return one_hot_of(read_bases(open_genome(fasta), windows))

    def tangermeme_loci():
        return tangermeme.io.extract_loci(windows, fasta, in_window=200, n_jobs=2).numpy()

    few = windows.iloc[:: max(len(windows) // 10_000, 1)]

    def pyfaidx_loop():
        one_hot = np.zeros((len(few), 4, 200), dtype=np.int8)
        with pyfaidx.Fasta(fasta, as_raw=True, sequence_always_upper=True) as genome:
            for row, (chrom, start, end) in enumerate(few.itertuples(index=False)):
                bases = np.frombuffer(genome[chrom][start:end].encode(), dtype=np.uint8)
                for number, letter in enumerate(b"ACGT"):
                    one_hot[row, number] = bases == letter
        return one_hot

    seconds, given = best_of(TURNS, ours=ours, tangermeme=tangermeme_loci, pyfaidx=pyfaidx_loop)
    same = (given["ours"] == given["tangermeme"]).all() and (
        ours()[:: max(len(windows) // 10_000, 1)] == given["pyfaidx"]
    ).all()
    rate = {"ours": len(windows), "tangermeme": len(windows), "pyfaidx": len(few)}
    rate = {name: rate[name] / seconds[name] for name in rate}
    print(f"\nwindows to one-hot, {len(windows):,} x 200 bp: {', '.join(f'{k} {v:,.0f}/s' for k, v in rate.items())}")
    slower = rate["tangermeme"] / rate["ours"]
    faster = rate["ours"] / rate["pyfaidx"]
    return [
        told("same bases as both", bool(same), "True", bool(same)),
        told("time over extract_loci(n_jobs=2)", f"{slower:.2f}", "at most 1.5", slower <= 1.5),
        told("rate over a pyfaidx loop", f"{faster:.1f}", "at least 8", faster >= 8),
    ]


def bench_negatives(fasta, windows):
    """GC-matched negatives, against tangermeme's."""

    def none_refused(drawn, bases=None):
        return np.zeros(len(drawn), dtype=bool)

    def ours():
        genome = open_genome(fasta)
        ground = Ground(genome, list(genome.sizes), 200, 0, windows, 0.0)
        bases, rng = read_bases(genome, windows), np.random.default_rng(1)
        kinds = {"gc_matched": 1}
        return draw_negatives(windows, bases, kinds, len(windows), ground, OPTIONS, {}, none_refused, rng)[0]

    def tangermeme_loci():
        # max_n_perc=0 gives nothing at all
        return tangermeme.match.extract_matching_loci(
            windows, fasta, in_window=200, out_window=200, max_n_perc=0.01, random_state=1, n_jobs=2
        )

    seconds, given = best_of(TURNS, ours=ours, tangermeme=tangermeme_loci)
    genome = open_genome(fasta)
    positive_gc, _ = counts_of(read_bases(genome, windows))
    distance, with_n = {}, {}
    for name, drawn in given.items():
        loci = pd.DataFrame({"chrom": drawn.iloc[:, 0], "start": drawn.iloc[:, 1], "end": drawn.iloc[:, 2]})
        gc, unknown = counts_of(read_bases(genome, loci))
        distance[name], with_n[name] = ks_statistic(positive_gc, gc), int((unknown > 0).sum())
    ratio = seconds["tangermeme"] / seconds["ours"]
    print(
        f"\nGC-matched negatives, {len(windows):,} x 200 bp: ours {seconds['ours']:.2f} s, tangermeme "
        f"{seconds['tangermeme']:.2f} s ({len(given['tangermeme']):,} drawn, {with_n['tangermeme']} with N)"
    )
    closer = distance["ours"] <= distance["tangermeme"]
    ks = f"{distance['ours']:.4f}"
    return [
        told("faster than extract_matching_loci", f"{ratio:.1f} times", "at least 8", ratio >= 8),
        told("drawn", len(given["ours"]), f"exactly {len(windows)}", len(given["ours"]) == len(windows)),
        told("with N", with_n["ours"], "0", with_n["ours"] == 0),
        told("KS of GC to the positives", ks, f"at most tangermeme's {distance['tangermeme']:.4f}", closer),
    ]


def bench_writing(folder, fasta, windows):
    """Writing a split, against h5py's own chunks with gzip 4."""
    bases = read_bases(open_genome(fasta), windows)
    one_hot, targets = one_hot_of(bases), np.zeros((len(windows), 1), dtype=np.float32)
    loci = windows.assign(name=[f"window_{row}" for row in range(len(windows))], strand=".")

    def ours():
        write_split(
            folder / "ours.h5", loci, targets, 200, lambda rows: bases[rows], {"target_names": ["x"], "track_names": []}
        )

    def gzip():
        with h5py.File(folder / "gzip.h5", "w") as file:
            file.create_dataset("one_hot", data=one_hot, chunks=True, compression="gzip", compression_opts=4)

    seconds, _ = best_of(TURNS, ours=ours, gzip=gzip)
    size = {name: (folder / f"{name}.h5").stat().st_size for name in seconds}
    ratio = seconds["gzip"] / seconds["ours"]
    same = (read_split(folder / "ours.h5")["one_hot"] == one_hot).all()
    print(
        f"\nwriting {len(windows):,} x 200 bp: ours {seconds['ours']:.2f} s with labels and loci, "
        f"gzip 4 {seconds['gzip']:.2f} s"
    )
    return [
        told("reads back the same", bool(same), "True", bool(same)),
        told("faster than auto-chunk gzip 4", f"{ratio:.1f} times", "at least 5", ratio >= 5),
        told(
            "size", f"{size['ours'] / 1e6:.1f} MB", f"at most {size['gzip'] / 1e6:.1f} MB", size["ours"] <= size["gzip"]
        ),
    ]


def bench_leakage(fasta, windows):
    """The leakage audit of 200,000 windows, in a process of its own."""
    script = (
        "import resource, sys, time; import pandas as pd; sys.path[:0] = sys.argv[1:3]\n"
        "from bench_data import bench_leakage_here; bench_leakage_here(*sys.argv[3:])"
    )
    folder = Path(fasta).parent
    windows.to_csv(folder / "audited.tsv", sep="\t", index=False)
    command = [
        sys.executable,
        "-c",
        script,
        str(ROOT / "scripts"),
        str(Path(__file__).parent),
        fasta,
        str(folder / "audited.tsv"),
    ]
    for _ in range(2):  # the first may compile
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    seconds, megabytes, found = float(answer[0]), float(answer[1]), int(answer[2])
    print(f"\nleakage audit, {len(windows):,} windows of 200 bp, a fifth against the rest: {found} near-duplicates")
    return [
        told("seconds", f"{seconds:.1f}", "under 120", seconds < 120),
        told("peak memory", f"{megabytes:.0f} MB", "under 2,000 MB", megabytes < 2000),
    ]


def bench_leakage_here(fasta, table):
    """Print seconds, peak megabytes and near-duplicates of one audit."""
    import resource

    windows = pd.read_csv(table, sep="\t")
    start = time.perf_counter()
    bases = read_bases(open_genome(fasta), windows)
    fifth = np.arange(len(windows)) % 5 == 0
    leaks = find_leaks(bases[~fifth], windows[~fifth], bases[fifth], windows[fifth], 11, 0.2)
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, megabytes, int(leaks["near_duplicate"].sum()))


def bench_copies(pairs=20_000):
    """The share of copies with 5 % of their bases replaced that the audit finds, and of windows found by chance."""
    rng, letters, results = np.random.default_rng(4), np.frombuffer(b"ACGT", dtype=np.uint8), []
    print(f"\nnear-duplicates, {pairs:,} random windows of each width, 5 % of the bases of each copy replaced")
    for width, wanted in ((50, None), (101, None), (200, 0.999), (249, 0.999), (600, 0.999)):
        codes = rng.integers(0, 4, (pairs, width))
        replaced = (codes + rng.integers(1, 4, codes.shape) * (rng.random(codes.shape) < 0.05)) % 4
        others = letters[rng.integers(0, 4, codes.shape)]
        found = (near_duplicates(letters[replaced], letters[codes])[0] == np.arange(pairs)).mean()
        by_chance = int((near_duplicates(letters[codes], others)[0] >= 0).sum())
        if wanted is None:
            print(f"     {width} bp: {found:.2%} found (no bound)")
        else:
            results.append(told(f"{width} bp, copies found", f"{found:.2%}", f"at least {wanted:.1%}", found >= wanted))
        results.append(told(f"{width} bp, unrelated windows found", by_chance, "0", by_chance == 0))
    return results


def bench_stage(folder, fasta, windows):
    """The whole stage as a user runs it: from a FASTA file and peaks to three HDF5 files, by Snakemake on two cores."""
    project = folder / "project"
    project.mkdir()
    named = windows.assign(name=[f"peak_{row}" for row in range(len(windows))])
    named.to_csv(project / "peaks.bed", sep="\t", header=False, index=False)
    (project / "datasets.tsv").write_text("dataset\ttarget\tpeaks\nmade\tfactor\tpeaks.bed\n")
    (project / "config.yaml").write_text(
        f"datasets: datasets.tsv\ngenome: {{name: made, fasta: {fasta}}}\n"
        "motifs: {database: resources/jaspar/JASPAR2026_CORE_fungi_nonredundant.meme}\n"
        "windows: {length: 200}\nfolds:\n  holdout: {val: [chr5], test: [chr6, chr8]}\ntrain: {models: []}\n"
    )
    targets = [f"results/made/holdout/{split}.h5" for split in ("train", "val", "test")]
    snakemake = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", "--quiet", "rules"]
    command = [
        snakemake[0],
        *targets,
        *snakemake[1:],
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--configfile",
        "config.yaml",
    ]
    start = time.perf_counter()
    # A process of its own, so that the peak memory of its children is that of this run's jobs.
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    ran = subprocess.run([sys.executable, "-c", script, *command], cwd=project, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    seconds = time.perf_counter() - start
    jobs = {}
    for path in sorted((project / "benchmarks").rglob("*.tsv")):
        with open(path) as handle:
            row = next(csv.DictReader(handle, delimiter="\t"))
        jobs["/".join(path.relative_to(project / "benchmarks").with_suffix("").parts)] = row
    rows = [len(read_split(project / target)["targets"]) for target in targets]
    output = sum((project / target).stat().st_size for target in targets)
    one_hot = sum(rows) * 4 * 200
    largest = max(CHROMOSOMES.values()) * 1e6
    limit = output + largest + 500e6
    peak = float(ran.stdout)
    print(
        f"\nthe whole stage, {len(windows):,} peaks and as many negatives -> {sum(rows):,} rows, {output / 1e6:.0f} MB "
        f"({one_hot / 1e6:.0f} MB one-hot)"
    )
    for name, row in jobs.items():
        print(f"     {name}: {row['s']} s")
    return [
        told("rows", sum(rows), f"{2 * len(windows)}", sum(rows) == 2 * len(windows)),
        told("seconds on two cores", f"{seconds:.1f}", "under 30", seconds < 30),
        told("peak memory of the largest job", f"{peak / 1e6:.0f} MB", f"under {limit / 1e6:.0f} MB", peak < limit),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peaks", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", help="of: one_hot negatives writing copies leakage stage")
    count, only = parser.parse_args().peaks, parser.parse_args().only
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = write_fasta(folder / "made.fa")
        fasta = str(folder / "genome.fa")
        write_genome(folder / "made.fa", fasta, f"{fasta}.fai", folder / "sizes")
        windows = peaks(made, count)
        benches = {
            "one_hot": lambda: bench_one_hot(fasta, windows),
            "negatives": lambda: bench_negatives(fasta, peaks(made, count // 5)) + bench_negatives(fasta, windows),
            "writing": lambda: bench_writing(folder, fasta, windows),
            "copies": bench_copies,
            "leakage": lambda: bench_leakage(fasta, tiles(made, 2 * count)),
            "stage": lambda: bench_stage(folder, str(folder / "made.fa"), windows),
        }
        results = [holds for name, bench in benches.items() if not only or name in only for holds in bench()]
    print(f"\n{sum(results)} of {len(results)} hold")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
