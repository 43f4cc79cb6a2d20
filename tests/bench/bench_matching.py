"""Time the matching of filters against all of JASPAR CORE in processes of its own, and the search for known motifs."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_data import best_of, told
from memelite import fimo

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.meme import Motif, log_odds, read_meme, write_meme  # noqa: E402
from cisflow.motif_enrichment import HIT_P, enriched_motifs, hit_score  # noqa: E402
from cisflow.pwm_scan import best_matches  # noqa: E402

SHIPPED = [f"JASPAR2026_CORE_{taxon}_nonredundant.meme" for taxon in ("vertebrates", "insects", "fungi")]
ALL_OF_CORE = 2633  # motifs of JASPAR CORE 2026, the latest version of each
FILTERS, WIDTH = 300, 19  # as Basset has
WINDOWS, LENGTH, SCANNED = 4000, 200, 96
BIN = 0.01  # bits; FIMO's scores are counted in tenths of a bit if it is not asked for less
TURNS = 3
# What a job does: import, read, match, write.
JOB = """
import sys
sys.path.insert(0, {scripts!r})
from match_filters import main
main({meme!r}, {sites!r}, {database!r}, "JASPAR CORE", None, None, None, 0.05, (0.25, 0.5), 1, {matches!r}, {filters!r})
"""


def shipped_motifs():
    """All motifs that the repository ships of JASPAR CORE."""
    return [motif for name in SHIPPED for motif in read_meme(ROOT / "resources" / "jaspar" / name).values()]


def all_of_core(path):
    """As many motifs as JASPAR CORE has: those of a file, or those shipped, some with their positions turned round."""
    if path:
        return list(read_meme(path).values())
    motifs = shipped_motifs()
    more = [Motif(f"{motif.identifier}.r", "", motif.pwm[::-1], motif.nsites) for motif in motifs]
    return [*motifs, *more][:ALL_OF_CORE]


def write_filters(folder, motifs):
    """Filters as wide as Basset's, every other one a blurred motif, the rest random."""
    rng = np.random.default_rng(0)
    chosen = iter(rng.permutation(len(motifs)))
    pwms = []
    for number in range(FILTERS):
        random = rng.dirichlet(np.full(4, 0.5), size=WIDTH)
        pwms.append(random if number % 2 else 0.85 * motifs[next(chosen)].pwm[:WIDTH] + 0.0375)
    write_meme(folder / "filters.meme", [Motif(f"filter_{n}", "", pwm, 100) for n, pwm in enumerate(pwms)])
    rows = "".join(f"filter_{number}\tok\n" for number in range(FILTERS))
    (folder / "filter_sites.tsv").write_text(f"filter\tstatus\n{rows}")


def bench_stage(database_path):
    """The whole job in a fresh process: with an empty cache of compiled code, and with the one that this left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        motifs = all_of_core(database_path)
        write_meme(folder / "motifs.meme", motifs)
        write_filters(folder, motifs)
        inputs = {"meme": "filters.meme", "sites": "filter_sites.tsv", "database": "motifs.meme"}
        outputs = {"matches": "matches.tsv", "filters": "filters.tsv"}
        paths = {key: str(folder / file) for key, file in (inputs | outputs).items()}
        code = JOB.format(scripts=str(ROOT / "scripts"), **paths)
        variables = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "numba"), "OMP_NUM_THREADS": "1"}

        def job():
            """Seconds of a core, seconds on the clock, and the last line of the log."""
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return taken, time.perf_counter() - start, done.stdout.splitlines()[-1]

        first, *_ = job()
        seconds, clock, said = min(job() for _ in range(TURNS))
        print(f"\nmatching {FILTERS} filters against {len(motifs)} motifs, one thread: {said}")
        return [
            told(
                "import, reading, matching and writing in a fresh process, compiled code kept",
                f"{seconds:.2f} s of a core",
                "under 3",
                seconds < 3,
                f"{clock:.2f} s on the clock; the first job, which compiles: {first:.0f} s",
            ),
        ]


def bench_enrichment():
    """Best matches of known motifs in windows, against memelite's FIMO."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (WINDOWS, LENGTH), dtype=np.uint8)
    motifs, background = shipped_motifs()[:SCANNED], np.full(4, 0.25)
    one_hot = (codes[:, None, :] == np.arange(4)[None, :, None]).astype(np.int8)
    pwms = [motif.pwm for motif in motifs]
    thresholds = np.array([hit_score(pwm, background, HIT_P) for pwm in pwms], dtype=np.float32)
    odds = {motif.identifier: np.exp(log_odds(motif.pwm, background)).T / 4 for motif in motifs}

    def ours():
        return best_matches(codes, pwms, background) >= thresholds

    def genuine():
        hits = np.zeros((WINDOWS, len(motifs)), dtype=bool)
        for number, found in enumerate(fimo(odds, one_hot, threshold=HIT_P, bin_size=BIN)):
            hits[found["sequence_name"].to_numpy(dtype=int), number] = True
        return hits

    seconds, given = best_of(TURNS, fimo=genuine, ours=ours)
    # FIMO finds no site of a motif too short to be so rare.
    long_enough = given["fimo"].any(axis=0)
    same = (given["fimo"] == given["ours"])[:, long_enough].mean()
    start = time.perf_counter()
    labels = rng.integers(0, 2, (WINDOWS, 1)).astype(float)
    table = enriched_motifs(codes, labels, ["target"], motifs, background, "binary")
    whole = time.perf_counter() - start
    ratio = seconds["fimo"] / seconds["ours"]
    print(f"\nknown motifs: {len(motifs)} in {WINDOWS} windows of {LENGTH} bases")
    return [
        told("best matches, rate over memelite's FIMO", f"{ratio:.1f} times", "at least 1", ratio >= 1),
        told("windows and motifs of which both say the same", f"{same:.4%}", "99.9 %", same >= 0.999,
             f"{long_enough.sum()} motifs"),
        told("enrichment of random labels: lowest q", f"{table['q'].min():.2g}", "above 0.01", table["q"].min() > 0.01,
             f"{whole:.2f} s with its statistics"),
    ]  # fmt: skip


def main():
    """Both parts; the exit status is 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="MEME file of JASPAR CORE; otherwise that is made of the motifs shipped")
    holds = [*bench_stage(parser.parse_args().database), *bench_enrichment()]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
