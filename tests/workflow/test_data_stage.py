"""Every way in, through Snakemake itself, to the HDF5 files; and what a change of anything runs again."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from data_stage import (
    PAIRS,
    SPLITS,
    check_bases,
    check_clear,
    check_labels,
    check_no_leak,
    check_same_rows,
    check_shuffles,
    check_signal,
    check_tracks,
    is_positive,
    kind_of,
    locus,
    positives_of,
    reverse_complement,
    rows_of,
    sha256_of,
    text_of,
    write_bigwig,
    write_intervals,
)

MOTIFS = "MEME version 4\n\nMOTIF a\nletter-probability matrix: w= 2\n0.5 0.25 0.125 0.125\n0 0 1 0\n"
WITHOUT_NETWORKS = "motifs: {database: motifs.meme}\ntrain: {models: []}\n"
LENGTH, JITTER = 60, 5


def split_files(datasets, fold="holdout"):
    """What is asked of Snakemake: that inputs are looked at, and the HDF5 files of some datasets."""
    files = [f"results/{dataset}/{fold}/{split}.h5" for dataset in datasets for split in SPLITS]
    return ["results/reference/inputs.tsv", *files]


def write_sheet(folder, rows, name="datasets.tsv"):
    """Write rows, dictionaries, as a sheet with the columns that any of them has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["\t".join(columns), *("\t".join(str(row.get(column, "")) for column in columns) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


def run_of(folder, dataset, targets, fold="holdout", length=LENGTH, jitter=JITTER):
    """Where the results of a dataset are, for the checks of `data_stage`."""
    results = folder / "results" / dataset
    return SimpleNamespace(
        folder=results / fold,
        targets=targets,
        windows=str(results / "windows.tsv"),
        report=results / "windows_report.tsv",
        peaks=str(results / "peaks.bed"),
        tables={name: results / fold / f"{name}.tsv" for name in ("split_report", "leakage", "groups")},
        beds={split: str(results / fold / f"{split}.bed") for split in SPLITS},
        encoded={split: results / fold / f"{split}.h5" for split in SPLITS},
        length=length,
        jitter=jitter,
    )


def finished(workflow, snakemake, folder, *arguments):
    done = snakemake(workflow, folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def chromosomes(genome):
    """The chromosomes on which windows fit."""
    return list(genome.sizes.items())[:5]


# --- peaks with labels, all kinds of negatives, k folds ---------------------------------------------------------------

LABELS = """\
datasets: datasets.tsv
genome: {name: made, fasta: genome.fa.gz, excluded: excluded.bed, aliases: aliases.tsv}
windows: {length: 60, max_jitter: 5, max_n_fraction: 0.1}
negatives:
  kinds: {gc_matched: 2, dinucleotide_shuffle: 1, flanking: 1, other_peaks: 1, bed: 1}
  max_gc_difference: 0.2
  flank_distance: [100, 1500]
folds: {k: 3, by: chromosome, only: [fold1, fold3]}
splits: {min_positives: 3}
"""


@pytest.fixture(scope="module")
def labels(tmp_path_factory, genome, genome_spellings, workflow_copy, snakemake):
    """Two datasets of labels, one of two targets, with negatives of all kinds, in two of three folds."""
    folder, rng = tmp_path_factory.mktemp("labels"), np.random.default_rng(4)
    shutil.copy(genome_spellings["bgzip"], folder / "genome.fa.gz")
    excluded = [("chrII", 7_000, 7_400), ("chr10", 9_000, 9_300), ("NA", 5_000, 5_200)]
    write_intervals(folder / "excluded.bed", excluded)
    (folder / "aliases.tsv").write_text("chrII\tchr2\n")
    narrow, scored, weak, own, other = [], [], [], [], []
    for chrom, size in chromosomes(genome):
        for start in range(1_200, size - 1_200, 400):
            pick, summit = rng.random(), int(rng.integers(20))
            if pick < 0.35:
                narrow.append((chrom, start, start + 20, "x", 0, ".", f"{rng.random() * 9:.3f}", 1, 1, summit))
            if 0.25 < pick < 0.6:
                scored.append((chrom, start, start + 20, "x", int(rng.integers(1000))))
            weak += [(chrom, start + 90, start + 120)] if rng.random() < 0.3 else []
            own += [(chrom, start + 200, start + 240)] if rng.random() < 0.7 else []
            other += [("chrII" if chrom == "chr2" else chrom, start, start + 20)] if pick > 0.6 else []
    for name, rows in (("narrow.narrowPeak", narrow), ("scored.bed", scored), ("weak.bed", weak), ("own.bed", own)):
        write_intervals(folder / name, rows)
    write_intervals(folder / "other.bed", other)
    (folder / "motifs.meme").write_text(MOTIFS)
    (folder / "config.yaml").write_text(LABELS + WITHOUT_NETWORKS)
    strongest = {"rank_by": "signalValue", "top": 50, "weak_peaks": "weak.bed"}
    write_sheet(
        folder,
        [
            {"dataset": "multi", "target": "Su(Hw)", "peaks": "narrow.narrowPeak", **strongest, "negatives": "own.bed"},
            {"dataset": "multi", "target": "1", "peaks": "scored.bed", "rank_by": "score", "min_score": 300},
            {"dataset": "other", "target": "x", "peaks": "other.bed", "negatives": "own.bed"},
        ],
    )
    asked = [*split_files(["multi", "other"], "fold1"), "results/multi/fold3/test.bed"]
    finished(workflow_copy, snakemake, folder, *asked, "--cores", "2")
    return SimpleNamespace(folder=folder, narrow=narrow, scored=scored, own=own, other=other)


def test_labels_in_the_files_are_right(labels, genome, bedtools, tmp_path):
    checksum = sha256_of(labels.folder / "results/reference/made/genome.fa")
    for dataset, targets in (("multi", ["Su(Hw)", "1"]), ("other", ["x"])):
        run = run_of(labels.folder, dataset, targets, "fold1")
        check_labels(run, checksum)
        check_no_leak(run, bedtools, tmp_path)
        assert check_bases(run, genome.fasta, bedtools, tmp_path) > 50
        assert check_shuffles(run) > 10


def test_the_strongest_peaks_alone_become_windows(labels):
    run = run_of(labels.folder, "multi", [])
    strongest = sorted(labels.narrow, key=lambda row: -float(row[6]))[:50]
    reaching = [row for row in labels.scored if row[4] >= 300]
    kept = {
        "Su(Hw)": {(row[0], row[1] + row[9]) for row in strongest},
        "1": {(row[0], row[1] + 10) for row in reaching},
    }
    for target, anchors in kept.items():
        for row in rows_of(run.windows):
            near = [a for a in anchors if a[0] == row["chrom"] and int(row["start"]) <= a[1] < int(row["end"])]
            assert row[target] != "1" or near
    counts = {(row["target"], row["outcome"]): int(row["count"]) for row in rows_of(run.report)}
    assert counts["Su(Hw)", "dropped_not_in_top"] == len(labels.narrow) - 50
    assert counts["1", "dropped_below_threshold"] == len(labels.scored) - len(reaching)


def test_no_negative_touches_a_peak_weak_ones_included(labels, bedtools, tmp_path):
    folder = labels.folder
    excluded = tmp_path / "excluded.bed"
    excluded.write_text((folder / "excluded.bed").read_text().replace("chrII", "chr2"))
    avoided = [folder / name for name in ("narrow.narrowPeak", "scored.bed", "weak.bed")]
    run = run_of(folder, "multi", ["Su(Hw)", "1"], "fold1")
    positives = positives_of(run, tmp_path)
    assert check_clear(run, [*avoided, excluded, positives], bedtools, tmp_path) > 40
    assert bedtools("intersect", "-u", "-a", positives, "-b", excluded) == []


def test_every_kind_of_negatives_is_what_it_claims(labels, genome, pairable):
    width = LENGTH + 2 * JITTER
    own_centres = {(chrom, (start + end) // 2) for chrom, start, end in labels.own}
    other_centres = {("chr2" if chrom == "chrII" else chrom, start + 10) for chrom, start, _ in labels.other}
    run = run_of(labels.folder, "multi", ["Su(Hw)", "1"], "fold1")
    report = rows_of(run.folder / "negatives_report.tsv")
    told = {(row["split"], row["kind"], row["outcome"]): int(row["count"]) for row in report}
    for split in SPLITS:
        rows = rows_of(run.beds[split])
        by_kind = {}
        for row in rows:
            by_kind.setdefault(kind_of(row), []).append(row)
        n_positives = len(by_kind["peak"])
        counts = {kind: len(part) for kind, part in by_kind.items() if kind != "peak"}
        assert sum(counts.values()) == n_positives
        for kind, count in counts.items():
            assert told[split, kind, "wanted"] == told[split, kind, "drawn"] == count
        # What became of every region of the user's own.
        fates = {outcome: n for (s, kind, outcome), n in told.items() if (s, kind) == (split, "bed")}
        assert sum(fates.values()) - fates["wanted"] == len(labels.own)
        on_split = sum(chrom in {row["#chrom"] for row in rows} for chrom, *_ in labels.own)
        assert fates["off_split"] == len(labels.own) - on_split
        for kind, share in zip(("gc_matched", "flanking", "other_peaks", "bed"), (2, 1, 1, 1), strict=True):
            assert abs(counts[kind] - n_positives * share / 6) < 1
        centres = {kind: {(c, (s + e) // 2) for c, s, e in map(locus, part)} for kind, part in by_kind.items()}
        assert centres["bed"] <= own_centres
        assert centres["other_peaks"] <= other_centres
        positives = [locus(row, JITTER) for row in by_kind["peak"]]
        for chrom, start, end in (locus(row, JITTER) for row in by_kind["flanking"]):
            gaps = [max(other[1] - end, start - other[2]) for other in positives if other[0] == chrom]
            assert any(100 <= gap <= 1500 for gap in gaps)
        gc = {}
        for kind in ("peak", "gc_matched"):
            texts = [genome.upper[chrom][start:end] for chrom, start, end in (locus(r, JITTER) for r in by_kind[kind])]
            assert all(sum(map(text.count, "ACGT")) >= 0.9 * width for text in texts)
            gc[kind] = [text.count("G") + text.count("C") for text in texts]
        assert pairable(gc["gc_matched"], gc["peak"], 0.2 * width) == len(gc["gc_matched"])


def test_negatives_of_all_kinds_are_drawn_again_alike(labels, workflow_copy, snakemake, tmp_path):
    """In another folder, with one core in place of two."""
    again = Path(shutil.copytree(labels.folder, tmp_path / "again"))
    names = [
        f"results/multi/fold1/{name}" for name in ("train.bed", "val.bed", "test.bed", "balance.tsv", "leakage.tsv")
    ]
    for name in names:
        (again / name).unlink()
    finished(workflow_copy, snakemake, again, *names, "--cores", "1")
    for name in names:
        assert (again / name).read_bytes() == (labels.folder / name).read_bytes(), name


def test_folds_are_disjoint_and_balanced(labels):
    groups = {}
    for fold in ("fold1", "fold3"):
        for row in rows_of(labels.folder / f"results/multi/{fold}/groups.tsv"):
            groups.setdefault((fold, row["split"]), []).append(row["group"])
    for fold in ("fold1", "fold3"):
        names = [name for split in SPLITS for name in groups[fold, split]]
        assert sorted(names) == sorted(["chr2", "chr10", "chr1", "NA", "1", "tiny"])
    assert groups["fold3", "val"] == groups["fold1", "test"]  # the part after the one that is tested
    windows = [row["chrom"] for row in rows_of(labels.folder / "results/multi/windows.tsv")]
    shares = [sum(map(windows.count, groups["fold1", split])) / len(windows) for split in SPLITS]
    assert min(shares) > 0.2
    tested = {row["#chrom"] for row in rows_of(labels.folder / "results/multi/fold3/test.bed")}
    assert tested <= set(groups["fold3", "test"])


# --- values and tracks ------------------------------------------------------------------------------------------------

SIGNALS = """\
datasets: datasets.tsv
genome: {name: made, fasta: genome.fa}
windows: {length: 60, max_jitter: 5, max_n_fraction: 0.1}
signals: {statistic: mean}
tracks: {sheet: tracks.tsv, width: 400, bin: 20}
negatives: {kinds: {gc_matched: 1, flanking: 1}, max_gc_difference: 0.2, flank_distance: [100, 2000]}
folds:
  holdout: {val: [NA, "1"], test: [chr10]}
"""


@pytest.fixture(scope="module")
def signals(tmp_path_factory, genome, workflow_copy, snakemake):
    """Values of a BED column, values of a bigWig, and labels beside two tracks."""
    folder, rng = tmp_path_factory.mktemp("signals"), np.random.default_rng(6)
    shutil.copy(genome.fasta, folder / "genome.fa")
    sizes = {name: size for name, size in genome.sizes.items() if name != "tiny"}
    write_bigwig(folder / "signal.bw", sizes, missing=["1"])
    write_bigwig(folder / "one.bw", sizes, seed=2, gap=60)
    write_bigwig(folder / "two.bw", sizes, missing=["chr10"], seed=3)
    peaks = [
        (chrom, start, start + 60, "x", 0, ".", f"{rng.random() * 9:.3f}", 1, 1, int(rng.integers(60)))
        for chrom, size in chromosomes(genome)
        for start in range(1_000, size - 1_000, 600)
    ]
    write_intervals(folder / "peaks.narrowPeak", peaks)
    (folder / "motifs.meme").write_text(MOTIFS)
    (folder / "config.yaml").write_text(SIGNALS + WITHOUT_NETWORKS)
    file = {"peaks": "peaks.narrowPeak"}
    write_sheet(
        folder,
        [
            {"dataset": "column", "target": "x", **file, "value": "signalValue"},
            {"dataset": "bigwig", "target": "ATAC", **file, "signal": "signal.bw"},
            {"dataset": "labels", "target": "x", **file},
        ],
    )
    tracks = [("labels", "one", "one.bw"), ("labels", "the second", "two.bw"), ("bigwig", "one", "one.bw")]
    write_sheet(folder, [dict(zip(("dataset", "track", "signal"), row, strict=True)) for row in tracks], "tracks.tsv")
    finished(workflow_copy, snakemake, folder, *split_files(["column", "bigwig", "labels"]), "--cores", "2")
    return SimpleNamespace(folder=folder, peaks=peaks)


def test_values_of_a_column_are_those_of_the_peaks(signals, genome, bedtools, tmp_path):
    run = run_of(signals.folder, "column", ["x"])
    values = {(peak[0], peak[1] + peak[9]): float(peak[6]) for peak in signals.peaks}
    for split in SPLITS:
        rows = rows_of(run.beds[split])
        assert [float(row["x"]) for row in rows] == [values[row["#chrom"], int(row["start"]) + 30] for row in rows]
        assert all(map(is_positive, rows))
    check_labels(run)
    assert check_bases(run, genome.fasta, bedtools, tmp_path) > 100


def test_values_of_a_bigwig_are_pybigwigs(signals, genome, bedtools, tmp_path):
    run = run_of(signals.folder, "bigwig", ["ATAC"])
    check_signal(run, signals.folder / "signal.bw", "ATAC", rows_without=10)
    check_tracks(run, {"one": signals.folder / "one.bw"}, 400, 20)
    assert check_bases(run, genome.fasta, bedtools, tmp_path) > 200
    assert {kind_of(row) for row in rows_of(run.beds["train"])} == {"peak", "gc_matched", "flanking"}


def test_tracks_are_pybigwigs_and_no_data_is_not_0(signals):
    run = run_of(signals.folder, "labels", ["x"])
    unknown = check_tracks(run, {"one": signals.folder / "one.bw", "the second": signals.folder / "two.bw"}, 400, 20)
    assert (unknown > 20).all()
    with h5py.File(run.encoded["test"]) as file:  # chr10, which the second lacks
        assert np.isnan(file["tracks"][:, 1]).all()
    with h5py.File(run.encoded["train"]) as file:
        bins = file["tracks"][:]
        assert (np.isnan(bins).mean(axis=(0, 2)) > 0).all()
        assert (np.isnan(bins).mean(axis=(0, 2)) < 0.9).all()
    with h5py.File(run_of(signals.folder, "column", ["x"]).encoded["test"]) as file:
        assert "tracks" not in file


# --- what runs again --------------------------------------------------------------------------------------------------


@pytest.fixture
def again(signals, workflow_copy, snakemake, planned, tmp_path):
    """What a run would do in a copy of the folder, after `change(folder)`: `again(change)`."""

    def plan(change):
        folder = Path(shutil.copytree(signals.folder, tmp_path / "copy"))
        change(folder)
        return planned(snakemake(workflow_copy, folder, *split_files(["column", "bigwig", "labels"]), "-n"))

    return plan


def edited(name, old, new):
    """A change of a file: one text for another."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def longer(name):
    """A change of a file: one byte more. (A later time alone is none: Snakemake knows small files by checksums.)"""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + b"\n")


def training_negatives(text):
    """A change of the negatives of the training split alone."""
    return edited("config.yaml", "negatives: {", "negatives: {" + text + ", ")


LESS_GC = edited("config.yaml", "max_gc_difference: 0.2", "max_gc_difference: 0.19")
OF_ONE_DATASET = {"make_windows": 1, "split_windows": 1, "encode_split": 3}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: None, {}),
        # Signals are measured for one of the three datasets.
        (edited("config.yaml", "statistic: mean", "statistic: max"), OF_ONE_DATASET),
        (longer("signal.bw"), {"check_inputs": 1, **OF_ONE_DATASET}),
        # Tracks are read where splits are encoded: the second by one dataset, the first by two.
        (longer("two.bw"), {"check_inputs": 1, "encode_split": 3}),
        (longer("one.bw"), {"check_inputs": 1, "encode_split": 6}),
        # A look at the inputs runs nothing else again.
        (longer("motifs.meme"), {"check_inputs": 1}),
        # Of values that only peaks have no negatives are drawn: two of the three datasets have some.
        (LESS_GC, {"split_windows": 2, "encode_split": 6}),
        (training_negatives("per_positive_training: 2"), {"split_windows": 2, "encode_split": 6}),
        (training_negatives("datasets: {labels: {per_positive_training: 2}}"), {"split_windows": 1, "encode_split": 3}),
        # As many as the other splits have, said in other words.
        (training_negatives("per_positive_training: 1, datasets: {bigwig: {per_positive_training: null}}"), {}),
    ],
    ids=[
        *("nothing", "statistic", "signal", "second track", "first track", "motifs", "negatives"),
        *("negatives in training", "negatives in training of one dataset", "as many in training"),
    ],
)
def test_a_change_runs_again_what_reads_it(change, expected, again):
    assert again(change) == expected


# --- sequences --------------------------------------------------------------------------------------------------------

BY_CLUSTER = """\
datasets: datasets.tsv
windows: {length: 50, max_jitter: 5}
sequences: {sequence: seq, name: id, chrom: chrom, start: start, end: end, strand: strand, coordinates: one_based}
folds: {k: 3, by: cluster, only: [fold2]}
"""


@pytest.fixture(scope="module")
def by_cluster(tmp_path_factory, genome, workflow_copy, snakemake):
    """A table with overlapping and book-ended rows on both strands, and a FASTA with values in its headers."""
    folder, rng = tmp_path_factory.mktemp("by_cluster"), np.random.default_rng(8)
    rows, lines, records = {}, ["id\tseq\tchrom\tstart\tend\tstrand\tDev (log2)\tHk"], []
    for chrom, size in chromosomes(genome):
        for start in range(1_000, size - 1_000, 250):
            for number, shift in enumerate((0, 60, 90)[: rng.integers(1, 4)]):  # beside one another, or half over
                text = genome.upper[chrom][start + shift : start + shift + 60]
                if set(text) - set("ACGT"):
                    continue
                for strand in ("+-", "+", "-")[rng.integers(3)]:
                    name = f"{chrom}_{start}_{number}{strand}"
                    own = text if strand == "+" else reverse_complement(text)
                    rows[name] = (own, chrom, start + shift, strand, rng.normal(), rng.normal())
    for name, (text, chrom, start, strand, dev, hk) in rows.items():
        lines.append("\t".join(map(str, (name, text, chrom, start + 1, start + 60, strand, dev, hk))))
        keys = f"chrom={chrom} start={start + 1} end={start + 60} strand={strand} activity={hk}"
        records.append(f">{name} {keys}\n{text[:40]}\n{text[40:]}")
    (folder / "library.tsv").write_text("\n".join(lines) + "\n")
    (folder / "library.fa").write_text("\n".join(records[::2]) + "\n")
    (folder / "motifs.meme").write_text(MOTIFS)
    (folder / "config.yaml").write_text(BY_CLUSTER + WITHOUT_NETWORKS)
    write_sheet(
        folder,
        [
            {"dataset": "table", "target": "Dev", "sequences": "library.tsv", "value": "Dev (log2)"},
            {"dataset": "table", "target": "Hk", "sequences": "library.tsv"},
            {"dataset": "fasta", "target": "x", "sequences": "library.fa", "value": "activity"},
        ],
    )
    finished(workflow_copy, snakemake, folder, *split_files(["table", "fasta"], "fold2"), "--cores", "2")
    return SimpleNamespace(folder=folder, rows=rows)


@pytest.mark.parametrize(("dataset", "targets", "step"), [("table", ["Dev", "Hk"], 1), ("fasta", ["x"], 2)])
def test_sequences_and_values_are_those_of_the_table(dataset, targets, step, by_cluster, bedtools, tmp_path):
    run = run_of(by_cluster.folder, dataset, targets, "fold2", length=50)
    beds, names = {}, []
    for split in SPLITS:
        with h5py.File(run.encoded[split]) as file:
            names += (own := file["name"].asstr()[:].tolist())
            rows = [by_cluster.rows[name] for name in own]
            assert text_of(file["one_hot"][:]) == [row[0] for row in rows]
            expected = np.array([row[-len(targets) :] for row in rows])
            np.testing.assert_allclose(file["targets"][:], expected, rtol=1e-6)
            places = list(zip(file["chrom"].asstr()[:], file["start"][:], file["end"][:], strict=True))
            assert places == [(row[1], row[2], row[2] + 60) for row in rows]
            assert file.attrs["genome_sha256"] == ""
        beds[split] = write_intervals(tmp_path / f"{split}.bed", places)
    assert sorted(names) == sorted(list(by_cluster.rows)[::step])
    for one, other in PAIRS:
        assert bedtools("window", "-w", "1", "-a", beds[one], "-b", beds[other]) == []
    check_labels(run)


BY_COLUMN = """\
datasets: datasets.tsv
windows: {length: 40, max_jitter: 5}
negatives: {kinds: {dinucleotide_shuffle: 1}, per_positive: 2}
folds: {column: set}
"""


@pytest.fixture(scope="module")
def by_column(tmp_path_factory):
    """A project of a table with a column of splits, and a FASTA of positives; nothing is run."""
    folder, rng = tmp_path_factory.mktemp("by_column"), np.random.default_rng(9)
    texts = ["".join(row) for row in rng.choice(list("ACGT"), size=(90, 50))]
    splits = ["train", "Validation", "test"] * 30
    values = rng.normal(size=90)
    rows = [f"{text}\t{split}\t{value}" for text, split, value in zip(texts, splits, values, strict=True)]
    (folder / "library.tsv").write_text("sequence\tset\tactivity\n" + "\n".join(rows) + "\n")
    records = [f">p{number} set={split}\n{texts[number]}" for number, split in enumerate(splits)]
    (folder / "peaks.fa").write_text("\n".join(records) + "\n")
    (folder / "motifs.meme").write_text(MOTIFS)
    (folder / "config.yaml").write_text(BY_COLUMN + WITHOUT_NETWORKS)
    write_sheet(
        folder,
        [
            {"dataset": "table", "target": "activity", "sequences": "library.tsv", "task": "regression"},
            {"dataset": "bound", "target": "bound", "sequences": "peaks.fa", "task": "binary"},
        ],
    )
    return SimpleNamespace(folder=folder, texts=texts, values=values)


def test_a_column_of_splits_and_shuffles_of_positives_twice_over(by_column, workflow_copy, snakemake, tmp_path):
    """The first run has one core, the second two and another folder; they give the same bytes."""
    folders = [tmp_path / "first", tmp_path / "in another folder"]
    for folder, cores in zip(folders, "12", strict=True):
        shutil.copytree(by_column.folder, folder)
        finished(workflow_copy, snakemake, folder, *split_files(["table", "bound"]), "--cores", cores)
    first, second = ({path.relative_to(f): path.read_bytes() for path in (f / "results").rglob("*.*")} for f in folders)
    assert first == second
    # Of each dataset its own tables, BED files, the fold's tables and HDF5; and the table of what was looked at.
    assert len(first) == 2 * (3 + 3 + 7 + 3) + 1, sorted(first)
    table = run_of(folders[0], "table", ["activity"], length=40)
    bound = run_of(folders[0], "bound", ["bound"], length=40)
    for number, split in enumerate(SPLITS):
        with h5py.File(table.encoded[split]) as file:
            assert text_of(file["one_hot"][:]) == by_column.texts[number::3]
            np.testing.assert_allclose(file["targets"][:, 0], by_column.values[number::3], rtol=1e-6)
        with h5py.File(bound.encoded[split]) as file:
            assert text_of(file["one_hot"][:30]) == by_column.texts[number::3]
            assert file["targets"][:, 0].tolist() == [1] * 30 + [0] * 60
    assert check_shuffles(bound) == 180
    check_labels(bound)


def test_a_number_for_training_leaves_the_rows_of_the_other_splits_as_they_are(
    by_column, workflow_copy, snakemake, tmp_path
):
    runs = {}
    for number in (2, 3):
        folder = Path(shutil.copytree(by_column.folder, tmp_path / f"with {number}"))
        edited("config.yaml", "per_positive: 2", f"per_positive: 2, per_positive_training: {number}")(folder)
        finished(workflow_copy, snakemake, folder, *split_files(["bound"]), "--cores", "1")
        bound = runs[number] = run_of(folder, "bound", ["bound"], length=40)
        with h5py.File(bound.encoded["train"]) as file:
            assert file["targets"][:, 0].tolist() == [1] * 30 + [0] * 30 * number
        assert check_shuffles(bound) == 120 + 30 * number
    for split in ("val", "test"):
        check_same_rows(runs[2], runs[3], split)
