"""The scripts of the data stage one after the other, from FASTA and peak files to HDF5, against bedtools.

The bases are compared with `bedtools getfasta` on the FASTA that the user gave, indexed by samtools.
"""

import gzip
import hashlib
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import h5py
import memelite.io
import numpy as np
import pandas as pd
import pysam
import pytest
from data_stage import (
    GC_MATCHED,
    SPLITS,
    check_bases,
    check_clear,
    check_labels,
    check_no_leak,
    check_same_rows,
    check_signal,
    check_tracks,
    data_stage,
    is_positive,
    locus,
    paths_of,
    positives_of,
    reference,
    rows_of,
    sha256_of,
    sheet_row,
    stored,
    window_settings,
    write_bigwig,
)

from cisflow.messages import InputError
from describe_test_rows import main as describe_test_rows
from make_windows import main as make_windows
from pool_peaks import main as pool_peaks
from prepare_excluded import main as prepare_excluded
from prepare_genome import main as prepare_genome
from prepare_motifs import main as prepare_motifs

FLY_PEAKS = {
    "Su(Hw)": "SuHw_Kc_Bushey_2009.bed",
    "BEAF-32": "BEAF_Kc_Bushey_2009.bed",
    "CTCF": "CTCF_Kc_Bushey_2009.bed",
    "CP190": "Cp190_Kc_Bushey_2009.bed",
}


# --- what must hold of every run --------------------------------------------------------------------------------------


def check_negatives(run, original, bedtools, pairable, folder):
    """Exact number, clear of everything, on the chromosomes of the split, GC as promised, no unknown bases; total."""
    avoided = [row["peaks"] for row in run.rows] + [run.excluded, positives_of(run, folder)]
    total = check_clear(run, avoided, bedtools, folder)
    for split in SPLITS:
        per_positive = run.negatives["per_positive"]
        per_positive = run.negatives.get("per_positive_training", per_positive) if split == "train" else per_positive
        rows = rows_of(run.beds[split])
        n_positives = sum(map(is_positive, rows))
        n_negatives = len(rows) - n_positives
        assert n_negatives == round(per_positive * n_positives)
        assert {row["#chrom"] for row in rows} <= set(chromosomes_of_split(run, split, original))
        assert all(float(row[target]) == 0 for row in rows if not is_positive(row) for target in run.targets)
        names = [row["name"] for row in rows if not is_positive(row)]
        assert names == [f"gc_matched_{split}_{number}" for number in range(1, n_negatives + 1)]
        if not n_negatives:
            continue
        gc, width = {}, run.length + 2 * run.jitter
        for kind in (True, False):
            bed = stored(run, split, folder, lambda row, kind=kind: is_positive(row) == kind)
            counted = [row for row in bedtools("nuc", "-fi", original, "-bed", bed) if not row[0].startswith("#")]
            gc[kind] = [int(row[6]) + int(row[7]) for row in counted]
            assert {int(row[11]) for row in counted} == {width}
            assert max(int(row[9]) + int(row[10]) for row in counted) <= run.max_n_fraction * width
        limit, copies = run.negatives["max_gc_difference"] * width, int(np.ceil(per_positive))
        assert pairable(gc[False], gc[True] * copies, limit) == n_negatives
    return total


def chromosomes_of_split(run, split, original):
    if split != "train":
        return run.fold[split]
    names = [line.split("\t")[0] for line in Path(f"{original}.fai").read_text().splitlines()]
    return run.fold.get("train") or [name for name in names if name not in [*run.fold["val"], *run.fold["test"]]]


def check_report(run):
    """split_report.tsv counts what stands in the BED files."""
    rows = {split: rows_of(run.beds[split]) for split in SPLITS}
    used = {row["name"] for part in rows.values() for row in part}
    rows["none"] = [row for row in rows_of(run.windows) if row["name"] not in used]
    for line in rows_of(run.tables["report"]):
        part, target = rows[line["split"]], line["target"]
        assert int(line["n_windows"]) == len(part)
        if target == "all":
            positive = sum(any(row[name] == "1" for name in run.targets) for row in part)
            assert int(line["n_negative"]) == sum(not is_positive(row) for row in part)
        else:
            seen = Counter(row[target] for row in part)
            positive = seen["1"]
            assert set(seen) <= {"0", "1", "NaN"}
            assert (int(line["n_negative"]), int(line["n_unknown"])) == (seen["0"], seen["NaN"])
        assert int(line["n_positive"]) == positive > 0


def check_all(run, original, bedtools, pairable, folder):
    check_no_leak(run, bedtools, folder)
    check_labels(run, sha256_of(run.fasta))
    check_report(run)
    assert check_negatives(run, original, bedtools, pairable, folder) >= 0
    return check_bases(run, original, bedtools, folder)


# --- a small genome ---------------------------------------------------------------------------------------------------

FOLD = {"val": ["NA", "1"], "test": ["chr10"]}
NONE = {**GC_MATCHED, "per_positive": 0}


def small_peaks(genome, length, jitter, seed=1):
    """Peaks of two targets; on every chromosome one whose window begins at 0 and one whose window ends at the end."""
    rng = np.random.default_rng(seed)
    peaks = {"Su(Hw)": [], "1": []}
    for chrom, size in list(genome.sizes.items())[:5]:
        first, last = jitter + length // 2, size - jitter - (length - length // 2)
        for number, rows in enumerate(peaks.values()):
            # Chosen so that the two targets differ at the ends and no group moves a window away from there.
            rows.append((chrom, (first, last)[number], (first, last)[number] + 1))
            for anchor in rng.integers(1_500, size - 1_500, size=9):
                half = int(rng.integers(1, 60))
                rows.append((chrom, anchor - half, anchor + half))
    peaks["1"].append(("chrUn", 5, 10))
    return peaks


@pytest.fixture
def small(genome, genome_spellings, write_bed, tmp_path):
    """Run the data stage on the small genome: `small("name", windows, ...)`."""
    (tmp_path / "reference").mkdir()
    excluded = write_bed("excluded.bed", [("chr2", 7_000, 7_400), ("chr10", 9_000, 9_300), ("NA", 5_000, 5_200)])

    def run(name, windows, fold=FOLD, excluded=excluded, spelling="ragged", peaks=None, **options):
        rows = small_peaks(genome, windows["length"], windows["max_jitter"])
        files = {target: write_bed(f"{target}.bed", part) for target, part in rows.items()} | (peaks or {})
        rows = options.pop("rows", [sheet_row(target, peaks=path) for target, path in files.items()])
        paths = reference(tmp_path / "reference", genome_spellings[spelling], excluded)
        return data_stage(tmp_path / name, paths, rows, fold, windows, **options)

    return run


@pytest.mark.parametrize(
    ("windows", "negatives"),
    [
        (window_settings(), {}),
        (window_settings(length=101, max_jitter=0, merge_distance=0, max_n_fraction=0), {}),
        (window_settings(length=51, max_jitter=7, max_n_fraction=1), {"per_positive": 3, "max_gc_difference": 0.1}),
        (window_settings(length=100, max_jitter=1), {"per_positive": 0.5, "max_gc_difference": 0.15}),
        (window_settings(length=9, max_jitter=0, merge_distance=4), {"per_positive": 0, "max_gc_difference": 0}),
        (window_settings(length=60), {"per_positive": 0.5, "per_positive_training": 2}),
        (window_settings(length=60), {"per_positive_training": 0.3}),
    ],
)
def test_small_genome(windows, negatives, small, genome, bedtools, pairable, tmp_path):
    run = small("run", windows, negatives={**GC_MATCHED, **negatives})
    assert check_all(run, genome.fasta, bedtools, pairable, tmp_path) > 60
    ends = set()
    for split in SPLITS:
        for row in rows_of(run.beds[split]):
            chrom, start, end = locus(row, run.jitter)
            assert 0 <= start < end <= genome.sizes[chrom]
            ends |= {(chrom, "first")} if start == 0 else set()
            ends |= {(chrom, "last")} if end == genome.sizes[chrom] else set()
    assert len(ends) == 10  # both ends of five chromosomes
    loci = map(locus, rows_of(run.beds["train"]))
    bases = "".join(genome.sequences[chrom][start:end] for chrom, start, end in loci)
    assert set(bases) >= set("ACGTacgt")
    if windows["max_n_fraction"] and windows["length"] > 9:
        assert set(bases.upper()) - set("ACGT")  # N or another code was among what was compared
    if windows["max_n_fraction"] < 1:  # windows of nothing but N are alike
        # The genome is random: nothing leaks, and the audit says so.
        found = {(row["found"], row["dropped"], row["left"]) for row in rows_of(run.tables["leakage"])}
        assert found == {("0", "0", "0")}


def test_no_excluded_regions_and_no_jitter(small, genome, bedtools, pairable, tmp_path):
    run = small("run", window_settings(max_jitter=0), excluded=None)
    assert Path(run.excluded).read_text() == ""
    check_all(run, genome.fasta, bedtools, pairable, tmp_path)


def test_chromosomes_of_no_split_are_counted_and_not_used(small, genome, bedtools, pairable, tmp_path):
    fold = {"train": ["chr2"], "val": ["chr1"], "test": ["chr10"]}
    run = small("run", window_settings(), fold=fold)
    check_all(run, genome.fasta, bedtools, pairable, tmp_path)
    lost = sum(row["chrom"] in ("NA", "1") for row in rows_of(run.windows))
    (unused,) = [row for row in rows_of(run.tables["report"]) if (row["split"], row["target"]) == ("none", "all")]
    assert (int(unused["n_windows"]), unused["n_negative"]) == (lost, "0")
    assert sorted(unused["chromosomes"].split(",")) == ["1", "NA"]


def test_the_gc_content_of_a_targets_negatives_counts_the_other_targets_positives(small, genome, bedtools):
    # It was that of the drawn negatives for every target, though the windows of other targets are negatives too.
    run = small("run", window_settings(max_jitter=0, max_n_fraction=0))
    with open(run.beds["train"]) as handle:
        header = handle.readline().lstrip("#").split("\t")
    column = header.index("Su(Hw)")
    counted = bedtools("nuc", "-fi", genome.fasta, "-bed", run.beds["train"])
    gc = [float(row[len(header) + 1]) for row in counted if not row[0].startswith("#") and row[column] == "0"]
    (row,) = [row for row in rows_of(run.tables["report"]) if (row["split"], row["target"]) == ("train", "Su(Hw)")]
    assert int(row["n_negative"]) == len(gc)
    assert float(row["gc_negative"]) == pytest.approx(sum(gc) / len(gc), abs=1e-5)


def test_distributions_and_balance_are_those_of_the_windows(small, genome, bedtools, tmp_path):
    run = small("run", window_settings(max_jitter=3))
    counts = Counter()
    for row in rows_of(run.tables["distributions"]):
        counts[row["split"], row["quantity"], row["class"]] += int(row["count"])
    for split in SPLITS:
        gc = {}
        for kind in (True, False):
            bed = stored(run, split, tmp_path, lambda row, kind=kind: is_positive(row) == kind)
            nuc = [row for row in bedtools("nuc", "-fi", genome.fasta, "-bed", bed) if not row[0].startswith("#")]
            gc[kind] = [(int(row[6]) + int(row[7])) / 106 for row in nuc]
        (row,) = [r for r in rows_of(run.tables["balance"]) if (r["split"], r["quantity"]) == (split, "gc")]
        assert (row["class"], int(row["n"]), int(row["n_positive"])) == ("gc_matched", len(gc[False]), len(gc[True]))
        assert float(row["mean"]) == pytest.approx(np.mean(gc[False]), abs=1e-5)
        assert float(row["mean_positive"]) == pytest.approx(np.mean(gc[True]), abs=1e-5)
        for quantity in ("gc", "n"):
            assert counts[split, quantity, "positive"] == len(gc[True])
            assert counts[split, quantity, "gc_matched"] == len(gc[False])


def test_a_rerun_gives_the_same_bytes_and_another_seed_other_negatives(small):
    one, again = small("one", window_settings()), small("again", window_settings(), spelling="gzip", threads=2)
    names = sorted(path.name for path in one.folder.iterdir())
    assert len(names) == 4 + 3 + 7 + 3  # of the dataset, BED files, tables of the fold, HDF5
    for name in names:
        assert (one.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    other = small("other", window_settings(), seed=2)
    assert Path(one.windows).read_bytes() == Path(other.windows).read_bytes()
    assert Path(one.beds["test"]).read_bytes() != Path(other.beds["test"]).read_bytes()


def test_the_negatives_of_a_split_do_not_hang_on_the_other_splits(small):
    one = small("one", window_settings(), fold={"train": ["chr2"], "val": ["chr1"], "test": ["chr10"]})
    other = small("other", window_settings(), fold={"train": ["chr2", "NA"], "val": ["1"], "test": ["chr10"]})
    assert Path(one.beds["test"]).read_bytes() == Path(other.beds["test"]).read_bytes()


def test_order_line_ends_and_compression_of_peak_files_do_not_matter(small, genome, write_bed):
    one = small("one", window_settings())
    rows = small_peaks(genome, 100, 10)
    order = np.random.default_rng(1).permutation(len(rows["1"]))
    peaks = {
        "Su(Hw)": write_bed("x.bed.gz", [["track name=x"], *rows["Su(Hw)"]], newline="\r\n", compress=True),
        "1": write_bed("y.bed", [rows["1"][position] for position in order]),
    }
    other = small("other", window_settings(), peaks=peaks)
    for name in ("windows.tsv", "windows_report.tsv", "train.bed", "val.bed", "test.bed"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_windows_report_adds_up(small, genome):
    run = small("run", window_settings())
    counts = {(row["target"], row["outcome"]): int(row["count"]) for row in rows_of(run.report)}
    rows = small_peaks(genome, 100, 10)
    for target in (*run.targets, "all"):
        dropped = sum(count for (name, outcome), count in counts.items() if name == target and "dropped" in outcome)
        read = len(rows[target]) if target != "all" else sum(map(len, rows.values()))
        assert counts[target, "peaks_read"] == read == counts[target, "peaks_kept"] + dropped
    assert counts["1", "dropped_unknown_contig"] == 1
    assert counts["all", "windows"] == len(rows_of(run.windows))


def test_label_overlaps_count_windows_of_both(small):
    run = small("run", window_settings(length=400, merge_distance=200), negatives=NONE)
    windows = rows_of(run.windows)
    found = {
        (row["target_a"], row["target_b"]): int(row["n_windows"]) for row in rows_of(run.folder / "label_overlaps.tsv")
    }
    for one, other in found:
        assert found[one, other] == sum(row[one] == row[other] == "1" for row in windows)
    assert list(found) == [("Su(Hw)", "Su(Hw)"), ("Su(Hw)", "1"), ("1", "1")]
    assert found["Su(Hw)", "1"] > 0


def test_the_strongest_peaks_make_windows_and_the_others_keep_negatives_away(
    small, genome, write_bed, bedtools, tmp_path
):
    rng = np.random.default_rng(3)
    peaks = [
        (chrom, start, start + 20, "x", int(rng.integers(1000)), ".", f"{rng.random():.4f}", "0", "0", 10)
        for chrom, size in list(genome.sizes.items())[:5]
        for start in range(2_000, size - 2_000, 500)
    ]
    path = write_bed("ranked.narrowPeak", peaks)
    weak = [(chrom, start + 150, start + 250) for chrom, start, *_ in peaks]
    row = sheet_row(
        "x", peaks=path, rank_by="signalValue", top=60, min_score=0.5, weak_peaks=write_bed("weak.bed", weak)
    )
    run = small("run", window_settings(length=60), rows=[row], negatives={**GC_MATCHED, "per_positive": 0.3})
    strongest = sorted((float(peak[6]) for peak in peaks if float(peak[6]) >= 0.5), reverse=True)[:60]
    expected = {(peak[0], peak[1] + 10) for peak in peaks if float(peak[6]) >= strongest[-1]}
    found = {(row["chrom"], int(row["start"]) + 30) for row in rows_of(run.windows)}
    counts = {row["outcome"]: int(row["count"]) for row in rows_of(run.report) if row["target"] == "x"}
    assert found <= expected
    assert (
        len(expected) == 60 == counts["peaks_kept"] + sum(counts[f"dropped_{why}"] for why in ("excluded", "n", "edge"))
    )
    assert counts["dropped_below_threshold"] == sum(float(peak[6]) < 0.5 for peak in peaks)
    assert counts["dropped_not_in_top"] == len(peaks) - 60 - counts["dropped_below_threshold"]
    assert counts["peaks_read"] == len(peaks)
    assert check_clear(run, [path, row["weak_peaks"], run.excluded], bedtools, tmp_path) >= 10
    describe_test_rows(run.encoded["train"], run.encoded["test"], run.peaks, 11, tmp_path / "test_rows.tsv")
    strengths = {(peak[0], peak[1] + 10): float(peak[6]) for peak in peaks}  # by the place of the summit
    described = pd.read_csv(tmp_path / "test_rows.tsv", sep="\t", dtype={"chrom": str}, keep_default_na=False)
    in_bed = rows_of(run.beds["test"])
    assert described["name"].tolist() == [row["name"] for row in in_bed]
    for row, strength in zip(in_bed, described["x_strength"], strict=True):
        expected = f"{strengths[row['#chrom'], int(row['start']) + 30]:g}" if is_positive(row) else ""
        assert str(strength) == expected


def test_the_pool_holds_the_kept_peaks_of_every_dataset(small, tmp_path):
    one, other = small("one", window_settings()), small("other", window_settings(length=400), negatives=NONE)
    pool = tmp_path / "pool.bed"
    pool_peaks([one.peaks, other.peaks], ["a", "b"], str(pool))
    rows = [line.split("\t") for line in pool.read_text().splitlines()]
    for name, run in (("a", one), ("b", other)):
        own = [line.split("\t") for line in Path(run.peaks).read_text().splitlines()]
        kept = [[*row[:3], name, *row[4:]] for row in own if row[5] == "kept"]
        assert [row for row in rows if row[3] == name] == kept
        assert 0 < len(kept) < len(own)


# --- values and tracks ------------------------------------------------------------------------------------------------


def test_values_come_from_a_column_of_the_peaks(small, genome, write_bed, bedtools, tmp_path):
    rng = np.random.default_rng(5)
    peaks = [
        (chrom, start, start + 100, "x", 0, ".", f"{rng.random() * 50:.3f}", "1", "1", int(rng.integers(100)))
        for chrom, size in list(genome.sizes.items())[:5]
        for start in range(1_000, size - 1_500, 700)
    ]
    rows = [
        sheet_row("signal", peaks=write_bed("a.narrowPeak", peaks), value="signalValue"),
        sheet_row("seventh", peaks=write_bed("b.narrowPeak", peaks[::2]), value="7"),
    ]
    # Of a value that only a peak has, the rules ask for no negatives.
    options = {"negatives": {"per_positive": 0, "kinds": {}}, "transform": ["log1p", "z_score"]}
    run = small("run", window_settings(), rows=rows, task="regression", **options)
    of_anchor = {(peak[0], peak[1] + peak[9]): float(peak[6]) for peak in peaks}
    second = {(peak[0], peak[1] + peak[9]) for peak in peaks[::2]}
    values = {split: [] for split in SPLITS}
    for split in SPLITS:
        for row in rows_of(run.beds[split]):
            anchor = (row["#chrom"], int(row["start"]) + 50)
            assert is_positive(row)
            assert float(row["signal"]) == of_anchor[anchor]
            assert (row["seventh"] == "NaN") if anchor not in second else (float(row["seventh"]) == of_anchor[anchor])
            values[split].append([float(row["signal"]), float(row["seventh"])])
    train = np.log1p(np.array(values["train"]))
    mean, sd = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    for split in SPLITS:
        with h5py.File(run.encoded[split]) as file:
            expected = (np.log1p(np.array(values[split])) - mean) / sd
            np.testing.assert_allclose(file["targets"][:], expected, rtol=1e-5, atol=1e-6)
    assert check_bases(run, genome.fasta, bedtools, tmp_path) == sum(map(len, values.values()))


def test_signals_are_measured_as_pybigwig_measures_them(small, genome, bedtools, tmp_path):
    sizes = {name: size for name, size in genome.sizes.items() if name != "tiny"}
    signal = write_bigwig(tmp_path / "signal.bw", sizes, missing=["1"])
    tracks = {
        "ATAC": write_bigwig(tmp_path / "one.bw", sizes, seed=2, gap=60),
        "H3K27ac": write_bigwig(tmp_path / "two.bw", sizes, missing=["chr10"], seed=3),
    }
    peaks = tmp_path / "all.bed"
    peaks.write_text("".join(f"{c}\t{s}\t{s + 10}\n" for c, size in sizes.items() for s in range(900, size - 900, 700)))
    run = small(
        "run",
        # The tracks reach 150 bases beyond the window, those with jitter 10 less.
        window_settings(length=100, edge_margin=140),
        rows=[sheet_row("x", peaks=peaks, signal=signal)],
        task="regression",
        signals={"statistic": "mean", "width": None, "missing": "nan"},
        tracks=tracks,
        track_settings={"width": 400, "bin": 20, "missing": "nan"},
    )
    check_signal(run, signal, "x", rows_without=10)
    assert sum(not is_positive(row) for row in rows_of(run.beds["train"])) > 20
    unknown = check_tracks(run, tracks, 400, 20)
    assert (unknown > 100).all()
    with h5py.File(run.encoded["test"]) as file:  # chr10, which one of them lacks: unknown is not 0
        assert np.isnan(file["tracks"][:, 1]).all()
        assert (file["tracks"][:, 0] > 0).any()
    check_bases(run, genome.fasta, bedtools, tmp_path)


# --- mistakes of users ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no peaks"),
        ([("2L", 5, 10), ("2R", 5, 10)], "none of its chromosomes is in the genome"),
        ([("chr1", 5, 10), ("chr1", 10, 5)], "line 2: start 10 is not below end 5"),
        ([("tiny", 5, 10)], "no window is left"),
        ([("chr1", 5_000, 5_100)] * 5, r"4 split\(s\) lack windows labelled 1"),
    ],
)
def test_peaks_that_cannot_be_used_are_refused(rows, message, small, write_bed):
    path = write_bed("bad.bed", rows)
    with pytest.raises(InputError, match=message) as caught:
        small("run", window_settings(), peaks={"Su(Hw)": path, "1": path})
    if message.startswith(("holds", "none", "line")):
        assert path in caught.value.what


@pytest.mark.parametrize("column", ["peaks", "weak_peaks", "signal"])
def test_a_file_of_another_checksum_is_refused(column, genome, write_bed, tmp_path):
    (tmp_path / "reference").mkdir()
    paths = reference(tmp_path / "reference", genome.fasta)
    good = write_bed("a.bed", [("chr1", 5_000, 5_100)])
    files = {
        "peaks": good,
        "weak_peaks": good,
        "signal": write_bigwig(tmp_path / "a.bw", {"chr1": genome.sizes["chr1"]}),
    }
    fields = {"peaks": good, column: files[column], f"{column}_accepted": ["0" * 64]}
    with pytest.raises(InputError, match="is not the file that the configuration names"):
        data_stage(tmp_path / "run", paths, [sheet_row("x", **fields)], FOLD, window_settings(), task="regression")
    assert not (tmp_path / "run" / "windows.tsv").exists()


MIXED = {**GC_MATCHED, "kinds": {"gc_matched": 2, "dinucleotide_shuffle": 1, "flanking": 1}}


def test_negatives_that_a_network_is_judged_by_do_not_hang_on_those_it_is_trained_on(small):
    numbers = (0, 0.5, 1, 1.7, 3)
    runs = {n: small(f"run_{n}", window_settings(), negatives={**MIXED, "per_positive_training": n}) for n in numbers}
    first = runs.pop(0)
    first_rows = rows_of(first.beds["train"])
    for number, run in runs.items():
        for split in ("val", "test"):
            assert sum(not is_positive(row) for row in rows_of(run.beds[split])) > 10
            check_same_rows(first, run, split)
        rows = rows_of(run.beds["train"])
        assert [{**row, "sequence": "."} for row in rows if is_positive(row)] == [
            {**row, "sequence": "."} for row in first_rows
        ]
        n_positives = len(first_rows)
        drawn = {
            (row["split"], row["kind"]): int(row["count"])
            for row in rows_of(run.tables["negatives"])
            if row["outcome"] == "drawn"
        }
        total = sum(count for (split, _), count in drawn.items() if split == "train")
        assert total == len(rows) - n_positives == round(number * n_positives)
        # Kinds keep their proportions.
        assert abs(drawn["train", "gc_matched"] - total / 2) < 1


def test_too_few_negatives_name_the_number(small):
    with pytest.raises(InputError, match=r"too few negatives of kind gc_matched on .*: \d+ of \d+ are missing"):
        small("run", window_settings(), negatives={**GC_MATCHED, "per_positive": 100, "max_gc_difference": 1})


def test_prepare_genome_refuses_a_wrong_checksum(genome, tmp_path):
    outputs = [str(tmp_path / name) for name in "abcd"]
    right = hashlib.sha256(Path(genome.fasta).read_bytes()).hexdigest()
    with pytest.raises(InputError, match="is not the file"):
        prepare_genome(genome.fasta, ["0" * 64], *outputs)
    prepare_genome(genome.fasta, ["0" * 64, right], *outputs)
    assert Path(outputs[3]).read_text().strip() == right


def test_prepare_genome_refuses_a_stale_index_beside_the_source(genome, tmp_path):
    source = tmp_path / "genome.fa"
    shutil.copy(genome.fasta, source)
    (tmp_path / "genome.fa.fai").write_text(Path(genome.index).read_text().replace("\t60\t61", "\t50\t51"))
    with pytest.raises(InputError, match=r"genome\.fa\.fai is not the index of"):
        prepare_genome(str(source), [], *(str(tmp_path / name) for name in "abcd"))


def test_prepare_excluded_is_bedtools_merge(genome, bedtools, write_bed, tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for chrom in list(genome.sizes)[:5]:
        starts = rng.integers(0, genome.sizes[chrom] - 500, size=60)
        rows += [(chrom, start, start + int(rng.integers(1, 500)), "Low mappability") for start in starts]
    order = rng.permutation(len(rows))
    messy = [["# a comment"], *[rows[position] for position in order], ("chrUn", 1, 5, "x")]
    source = write_bed("excluded.bed.gz", messy, newline="\r\n", compress=True)
    prepare_excluded(source, [], None, genome.sizes_file, str(tmp_path / "out.bed"))
    ordered = write_bed("sorted.bed", sorted(row[:3] for row in rows))
    assert (tmp_path / "out.bed").read_text().splitlines() == ["\t".join(r) for r in bedtools("merge", "-i", ordered)]


def test_prepare_excluded_of_nothing_is_an_empty_file(genome, write_bed, tmp_path):
    for source in (None, write_bed("empty.bed", []), write_bed("comments.bed", [["# nothing"]])):
        prepare_excluded(source, [], None, genome.sizes_file, str(tmp_path / "out.bed"))
        assert (tmp_path / "out.bed").read_text() == ""


def test_prepare_excluded_takes_aliases_and_refuses_other_names(genome, write_bed, tmp_path):
    source, out = write_bed("a.bed", [("II", 1, 5), ("X", 1, 5)]), str(tmp_path / "out.bed")
    with pytest.raises(InputError, match="none of its chromosomes"):
        prepare_excluded(source, [], None, genome.sizes_file, out)
    prepare_excluded(source, [], write_bed("aliases.tsv", [("II", "chr2")]), genome.sizes_file, out)
    assert Path(out).read_text() == "chr2\t1\t5\n"
    with pytest.raises(InputError, match="is not the file"):
        prepare_excluded(source, ["0" * 64], None, genome.sizes_file, out)


def test_prepare_motifs_copies_a_database_and_refuses_what_is_none(repository, genome, tmp_path):
    source = repository / "resources/jaspar/JASPAR2026_CORE_insects_nonredundant.meme"
    outputs = str(tmp_path / "motifs.meme"), str(tmp_path / "motif_origins.tsv")
    prepare_motifs([("insects", str(source), [hashlib.sha256(source.read_bytes()).hexdigest()])], *outputs)
    assert (tmp_path / "motifs.meme").read_bytes() == source.read_bytes()
    origins = pd.read_csv(outputs[1], sep="\t")
    assert list(origins["motif"]) == re.findall(r"^MOTIF (\S+)", source.read_text(), flags=re.MULTILINE)
    assert set(origins["database"]) == {"insects"}
    (tmp_path / "motifs.meme").unlink()
    with pytest.raises(InputError, match="is not the file"):
        prepare_motifs([("insects", str(source), ["0" * 64])], *outputs)
    with pytest.raises(InputError, match="is not a MEME file"):
        prepare_motifs([("genome", genome.fasta, [])], *outputs)
    cut = tmp_path / "cut.meme"
    cut.write_text("\n".join(source.read_text().splitlines()[:14]))
    with pytest.raises(InputError):
        prepare_motifs([("cut", str(cut), [])], *outputs)
    with pytest.raises(InputError, match="two motif databases are called insects"):
        prepare_motifs([("insects", str(source), [])] * 2, *outputs)
    assert not (tmp_path / "motifs.meme").exists()


def test_prepare_motifs_joins_databases(repository, tmp_path, capsys):
    folder = repository / "resources/jaspar"
    names = {taxon: folder / f"JASPAR2026_CORE_{taxon}_nonredundant.meme" for taxon in ("insects", "fungi")}
    again = tmp_path / "again.meme"
    shutil.copyfile(names["fungi"], again)
    databases = [(name, str(path), []) for name, path in [*names.items(), ("again", again)]]
    outputs = str(tmp_path / "motifs.meme"), str(tmp_path / "motif_origins.tsv")
    prepare_motifs(databases, *outputs)
    joined = memelite.io.read_meme(outputs[0])
    for name, number in (("insects", 296), ("fungi", 193)):
        single = memelite.io.read_meme(str(names[name]))
        assert len(single) == number
        for key, pwm in single.items():
            np.testing.assert_allclose(joined[key], pwm / pwm.sum(axis=0), atol=2e-6)
    assert len(joined) == 296 + 193
    assert pd.read_csv(outputs[1], sep="\t")["database"].value_counts().to_dict() == {"insects": 296, "fungi": 193}
    assert "193 motifs are repeated" in capsys.readouterr().out


# --- the fly example --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fly(fly_folder, tmp_path_factory):
    """The reference of the fly example, and its FASTA unpacked and indexed by samtools."""
    folder = tmp_path_factory.mktemp("fly")
    source = fly_folder / "dm3_promoters.fa.gz"
    original = folder / "original.fa"
    with gzip.open(source) as packed, open(original, "wb") as out:
        shutil.copyfileobj(packed, out, 1 << 24)
    pysam.faidx(str(original))
    fold = {"val": ["chr3L"], "test": ["chr2R"]}
    paths = reference(folder, source)
    peaks = {target: fly_folder / name for target, name in FLY_PEAKS.items()}
    yield SimpleNamespace(folder=folder, original=original, paths=paths, peaks=peaks, fold=fold)
    shutil.rmtree(folder)


def test_fly_example(fly, bedtools, pairable, tmp_path):
    windows = window_settings(length=250, max_jitter=20, merge_distance=125, max_n_fraction=0)
    rows = [sheet_row(target, peaks=path) for target, path in fly.peaks.items()]
    run = data_stage(
        fly.folder / "run", fly.paths, rows, fly.fold, windows, negatives={**GC_MATCHED, "max_gc_difference": 0.02}
    )
    assert check_all(run, fly.original, bedtools, pairable, tmp_path) > 9_000
    lost = len(rows_of(run.windows)) - sum(is_positive(row) for split in SPLITS for row in rows_of(run.beds[split]))
    # Windows that nearly match one of another split are dropped from the training or validation split: few here.
    assert 0 < lost < 0.03 * len(rows_of(run.windows))


def test_fly_peaks_with_known_bases_are_as_many_as_counted_before(fly, tmp_path):
    # Peaks whose 250 bases about the midpoint are all known, as counted when the data were put together.
    expected = {"Su(Hw)": 634, "BEAF-32": 2120, "CTCF": 894, "CP190": 2984}
    outputs, _ = paths_of(tmp_path)
    settings = window_settings(length=250, max_jitter=0, merge_distance=0, max_n_fraction=0)
    for target, path in fly.peaks.items():
        row = sheet_row(target, peaks=path)
        make_windows([row], "binary", None, fly.paths.excluded, fly.paths.fasta, settings, {}, outputs)
        counts = {row["outcome"]: int(row["count"]) for row in rows_of(outputs["report"]) if row["target"] == target}
        assert counts["peaks_kept"] == expected[target]


# --- yeast, where larger data lie beside the repository ---------------------------------------------------------------


@pytest.fixture(scope="module")
def yeast(shared_data, tmp_path_factory):
    """The yeast genome as prepared, and its regions to leave out."""
    folder, source = tmp_path_factory.mktemp("yeast"), shared_data / "yeast"
    paths = reference(folder, source / "sacCer3.fa.gz", str(source / "sacCer3_rossi2021_filter.bed"))
    yield SimpleNamespace(source=source, paths=paths)
    shutil.rmtree(folder)


def test_yeast_peaks_as_published_need_aliases_and_then_give_the_same_windows(yeast, bedtools, tmp_path):
    expected_sizes = (yeast.source / "sacCer3.chrom.sizes").read_text().split()
    assert sorted(Path(yeast.paths.sizes).read_text().split()) == sorted(expected_sizes)
    roman = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
    aliases = tmp_path / "aliases.tsv"
    aliases.write_text("".join(f"chr{number}\tchr{name}\n" for number, name in enumerate(roman, start=1)))
    settings, found = window_settings(length=200, max_jitter=0, merge_distance=0, max_n_fraction=0), []
    outputs, _ = paths_of(tmp_path)
    files = {
        name: [sheet_row("Reb1", peaks=yeast.source / "peaks" / name)] for name in ("Reb1.bed", "Reb1_as_published.bed")
    }
    genome = (yeast.paths.excluded, yeast.paths.fasta, settings, {}, outputs)
    with pytest.raises(InputError, match=r"none of its chromosomes|beyond"):
        make_windows(files["Reb1_as_published.bed"], "binary", None, *genome)
    for name, table in (("Reb1.bed", None), ("Reb1_as_published.bed", str(aliases))):
        make_windows(files[name], "binary", table, *genome)
        found.append(Path(outputs["windows"]).read_bytes())
    assert found[0] == found[1]
    assert len(found[0].splitlines()) > 900
    bed = tmp_path / "windows.bed"
    bed.write_text("".join("\t".join(list(row.values())[:3]) + "\n" for row in rows_of(outputs["windows"])))
    assert bedtools("intersect", "-u", "-a", bed, "-b", yeast.source / "sacCer3_rossi2021_filter.bed") == []


def test_yeast_atac_as_target_and_as_track_is_what_pybigwig_reads(yeast, tmp_path):
    signal = yeast.source / "atac_SRR1822137_500k_fragments.bw"
    run = data_stage(
        tmp_path / "run",
        yeast.paths,
        [sheet_row("ATAC", peaks=yeast.source / "peaks" / "Reb1.bed", signal=signal)],
        {"val": ["chrII", "chrXIII"], "test": ["chrVII", "chrXV"]},
        window_settings(length=200, max_jitter=20, merge_distance=100, max_n_fraction=0, edge_margin=380),
        task="regression",
        negatives={**GC_MATCHED, "max_gc_difference": 0.02},
        signals={"statistic": "mean", "width": None, "missing": "nan"},
        tracks={"ATAC": str(signal)},
        track_settings={"width": 1000, "bin": 10, "missing": "nan"},
    )
    check_signal(run, signal, "ATAC")
    check_tracks(run, {"ATAC": str(signal)}, 1000, 10)
    medians = []
    for kind in (True, False):
        values = [
            float(row["ATAC"]) for split in SPLITS for row in rows_of(run.beds[split]) if is_positive(row) == kind
        ]
        assert len(values) > 900
        medians.append(np.nanmedian(values))
    assert medians[0] > 4 * medians[1]  # about 9.6 over peaks and 1.2 elsewhere


# --- as many targets as published networks have -----------------------------------------------------------------------


def test_one_dataset_of_164_targets(genome, write_bed, bedtools, tmp_path):
    rng = np.random.default_rng(164)
    sites = [(c, s) for c, size in list(genome.sizes.items())[:5] for s in range(1_200, size - 1_200, 400)]
    rows = []
    for number in range(164):
        chosen = [sites[position] for position in np.flatnonzero(rng.random(len(sites)) < 0.4)]
        path = write_bed(f"peaks_{number}.bed", [(chrom, start + 20, start + 60) for chrom, start in chosen])
        rows.append(sheet_row(f"cell {number}", peaks=path))
    (tmp_path / "reference").mkdir()
    paths = reference(tmp_path / "reference", genome.fasta)
    run = data_stage(tmp_path / "run", paths, rows, FOLD, window_settings(length=60, merge_distance=30))
    check_labels(run, sha256_of(paths.fasta))
    assert check_bases(run, genome.fasta, bedtools, tmp_path) > 150
    for row in rows:
        labelled = {locus(r)[:2] for split in SPLITS for r in rows_of(run.beds[split]) if r[row["target"]] == "1"}
        peaks = {line.split("\t")[0] + line.split("\t")[1] for line in Path(row["peaks"]).read_text().splitlines()}
        assert {f"{chrom}{start + 10}" for chrom, start in labelled} <= peaks
        assert len(labelled) > len(peaks) / 2  # the rest holds too many unknown bases
    assert len(rows_of(run.folder / "label_overlaps.tsv")) == 164 * 165 / 2
