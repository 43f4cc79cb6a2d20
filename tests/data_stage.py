"""The data stage for tests: rows of the sheet, the scripts one after the other, and what must hold of every result.

What is expected comes from bedtools on the FASTA that the user gave, from plain text, and from counting by hand; never
from the code under test.
"""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import h5py
import hdf5plugin  # noqa: F401 (lets h5py read the files)
import numpy as np
import pyBigWig
import yaml

from encode_split import main as encode_split
from make_windows import main as make_windows
from prepare_excluded import main as prepare_excluded
from prepare_genome import main as prepare_genome
from read_sequences import main as read_sequences
from split_sequences import main as split_sequences
from split_windows import main as split_windows

REPOSITORY = Path(__file__).resolve().parents[1]
SPLITS = ("train", "val", "test")
PAIRS = (("train", "val"), ("train", "test"), ("val", "test"))
SHEET = yaml.safe_load((REPOSITORY / "config/schemas/datasets.schema.yaml").read_text())["properties"]
FILES = ("peaks", "sequences", "signal", "weak_peaks", "negatives")
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
DROP = {"policy": "drop", "kmer_length": 11, "min_containment": 0.2}
GC_MATCHED = {
    "per_positive": 1,
    "kinds": {"gc_matched": 1},
    "max_gc_difference": 0.2,
    "flank_distance": [100, 2000],
    "avoid_excluded": True,
}


def sheet_row(target, **fields):
    """A row of the sheet as the scripts get it; files have no checksum unless `<column>_accepted` is given."""
    accepted = {f"{column}_accepted": [] for column in FILES if fields.get(column)}
    given = {name: value if name.endswith("_accepted") else str(value) for name, value in fields.items()}
    return {**dict.fromkeys(SHEET, ""), "dataset": "d", "target": target, **accepted, **given}


def window_settings(length=100, max_jitter=10, merge_distance=50, max_n_fraction=0.1, edge_margin=0):
    """Settings of make_windows."""
    return {
        "length": length,
        "max_jitter": max_jitter,
        "merge_distance": merge_distance,
        "max_n_fraction": max_n_fraction,
        "edge_margin": edge_margin,
    }


def reference(folder, source, excluded=None, aliases=None):
    """Run prepare_genome and prepare_excluded; paths."""
    names = ("genome.fa", "genome.fa.fai", "chrom.sizes", "genome.fa.sha256", "excluded.bed")
    fasta, index, sizes, checksum, regions = (str(folder / name) for name in names)
    prepare_genome(str(source), [], fasta, index, sizes, checksum)
    prepare_excluded(excluded, [], aliases, sizes, regions)
    return SimpleNamespace(fasta=fasta, sizes=sizes, sha256=checksum, excluded=regions, aliases=aliases)


def paths_of(folder):
    """Paths of the tables of a dataset and of its one fold, which lie in one folder here."""
    names = {split: f"{split}.bed" for split in SPLITS}
    names |= {"report": "split_report.tsv", "negatives": "negatives_report.tsv"}
    names |= {name: f"{name}.tsv" for name in ("groups", "leakage", "distributions", "balance")}
    names["scaling"] = "target_scaling.tsv"
    of_dataset = {
        "windows": "windows.tsv",
        "report": "windows_report.tsv",
        "overlaps": "label_overlaps.tsv",
        "peaks": "peaks.bed",
    }
    return ({name: str(folder / file) for name, file in part.items()} for part in (of_dataset, names))


def encoded_splits(folder, rows, of_fold, windows, task, seed, paths=None, tracks=None, track_settings=None):
    """Run encode_split for the three splits; their HDF5 files."""
    encoded = {split: str(folder / f"{split}.h5") for split in SPLITS}
    for split in SPLITS:
        attributes = {
            "task": task,
            "genome": "g",
            "fold": "holdout",
            "split": split,
            "seed": seed,
            "window_length": windows["length"],
            "max_jitter": windows["max_jitter"],
            "settings": {"windows": windows, "seed": seed},
        }
        genome = (paths.fasta, paths.sha256, paths.aliases) if paths else (None, None, None)
        targets = [row["target"] for row in rows]
        files = [{"track": name, "signal": path, "signal_accepted": []} for name, path in (tracks or {}).items()]
        settings = (files, track_settings or {}, attributes)
        encode_split(of_fold[split], of_fold["scaling"], *genome, targets, *settings, encoded[split])
    return encoded


def data_stage(
    folder,
    paths,
    rows,
    fold,
    windows,
    task="binary",
    negatives=GC_MATCHED,
    leakage=DROP,
    signals=None,
    transform=(),
    tracks=None,
    track_settings=None,
    min_positives=1,
    pool=None,
    seed=1,
    threads=1,
):
    """Run make_windows, split_windows and encode_split; where the results are and what they were made with."""
    folder.mkdir(exist_ok=True)
    of_dataset, of_fold = paths_of(folder)
    signals = signals or {}
    make_windows(rows, task, paths.aliases, paths.excluded, paths.fasta, windows, signals, of_dataset)
    settings = {
        "task": task,
        **{key: windows[key] for key in ("length", "max_jitter", "edge_margin", "max_n_fraction")},
        "min_positives": min_positives,
        "transform": list(transform),
        "negatives": {"per_positive_training": negatives["per_positive"], **negatives},
        "leakage": leakage,
        "signals": signals,
    }
    genome = (paths.excluded, paths.fasta, paths.aliases)
    split_windows(
        of_dataset["windows"], of_dataset["peaks"], *genome, pool, fold, "d", rows, settings, seed, threads, of_fold
    )  # fmt: skip
    encoded = encoded_splits(folder, rows, of_fold, windows, task, seed, paths, tracks, track_settings)
    return SimpleNamespace(
        folder=folder,
        targets=[row["target"] for row in rows],
        rows=rows,
        windows=of_dataset["windows"],
        report=of_dataset["report"],
        peaks=of_dataset["peaks"],
        tables=of_fold,
        beds={split: of_fold[split] for split in SPLITS},
        encoded=encoded,
        fold=fold,
        length=windows["length"],
        jitter=windows["max_jitter"],
        max_n_fraction=windows["max_n_fraction"],
        negatives=negatives,
        excluded=paths.excluded,
        fasta=paths.fasta,
    )


def sequence_stage(
    folder,
    rows,
    columns,
    fold,
    length,
    max_jitter=0,
    task="regression",
    negatives=GC_MATCHED,
    leakage=DROP,
    seed=1,
    threads=1,
):
    """Run read_sequences, split_sequences and encode_split; as `data_stage`."""
    folder.mkdir(exist_ok=True)
    of_dataset, of_fold = paths_of(folder)
    absent = dict.fromkeys(("name", "chrom", "start", "end", "strand"))
    columns = {"sequence": "sequence", **absent, "coordinates": "bed", "flank_5": "", "flank_3": "", **columns}
    similar = {key: leakage[key] for key in ("kmer_length", "min_containment")}
    reading = {
        "columns": columns,
        "split_column": fold.get("column"),
        "task": task,
        "task_is_given": True,
        "stored_length": length + 2 * max_jitter,
        "max_jitter": max_jitter,
        "max_n_fraction": 0,
        **similar,
    }
    read_sequences(rows, reading, of_dataset)
    settings = {
        "task": task,
        "max_jitter": max_jitter,
        "min_positives": 1,
        "transform": [],
        "negatives": {"per_positive_training": negatives["per_positive"], **negatives},
        "leakage": leakage,
    }
    targets = [row["target"] for row in rows]
    split_sequences(of_dataset["windows"], fold, targets, settings, seed, threads, of_fold)
    windows = window_settings(length, max_jitter)
    encoded = encoded_splits(folder, rows, of_fold, windows, task, seed)
    return SimpleNamespace(
        folder=folder,
        targets=[row["target"] for row in rows],
        windows=of_dataset["windows"],
        report=of_dataset["report"],
        tables=of_fold,
        beds={split: of_fold[split] for split in SPLITS},
        encoded=encoded,
        length=length,
        jitter=max_jitter,
    )


# --- what is read of the results --------------------------------------------------------------------------------------


def rows_of(path):
    """Rows of a tab-separated file as dictionaries of text."""
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def is_positive(row):
    return row["name"].startswith("peak_")


def kind_of(row):
    """Kind of a row of a split: `peak`, or the kind of negatives that its name says."""
    return row["name"].rsplit("_", 1 if is_positive(row) else 2)[0]


def of_genome(row):
    """Whether the bases of a row are to be read from the genome: it brings no sequence of its own."""
    return row.get("sequence", ".") == "."


def locus(row, jitter=0):
    """Chromosome, start and end of a row, with its jitter if it is given."""
    return row["#chrom"], int(row["start"]) - jitter, int(row["end"]) + jitter


def write_intervals(path, loci):
    """Write (chrom, start, end) as BED3; the path."""
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in loci))
    return path


def stored(run, split, folder, wanted=lambda row: True):
    """Write the windows of a split as stored, that is with their jitter, as BED3; the path."""
    rows = [locus(row, run.jitter) for row in rows_of(run.beds[split]) if wanted(row)]
    return write_intervals(folder / f"{run.folder.name}_{split}.bed", rows)


def one_hot(texts):
    """One-hot of texts of one length, letter by letter: int8 (N, 4, L)."""
    bases = np.array([list(text.upper()) for text in texts]).reshape(len(texts), -1)
    return np.stack([bases == letter for letter in "ACGT"], axis=1).astype(np.int8)


def text_of(encoded):
    """One-hot (N, 4, L) as texts, an unknown base N."""
    letters = np.where(encoded.any(axis=1), encoded.argmax(axis=1), 4)
    return ["".join("ACGTN"[letter] for letter in row) for row in letters]


def reverse_complement(text):
    return text.translate(COMPLEMENT)[::-1]


def dinucleotides(text):
    return Counter(text[position : position + 2] for position in range(len(text) - 1))


# --- what must hold of every run --------------------------------------------------------------------------------------


def check_bases(run, original, bedtools, folder):
    """Rows of the HDF5 files agree base by base with bedtools getfasta on the user's FASTA; how many were compared."""
    total = 0
    for split in SPLITS:
        from_genome = np.array([of_genome(row) for row in rows_of(run.beds[split])])
        fetched = bedtools("getfasta", "-tab", "-fi", original, "-bed", stored(run, split, folder, of_genome))
        with h5py.File(run.encoded[split]) as file:
            assert file["one_hot"].dtype == np.int8
            np.testing.assert_array_equal(file["one_hot"][:][from_genome], one_hot([text for _, text in fetched]))
            where = zip(file["chrom"].asstr()[:], file["start"][:], file["end"][:], strict=True)
            places = np.array([f"{chrom}:{start}-{end}" for chrom, start, end in where])
        assert places[from_genome].tolist() == [name for name, _ in fetched]
        total += len(fetched)
    return total


def check_labels(run, genome_sha256=None):
    """Names, labels and own sequences in the HDF5 files are those of the BED files, and the attributes are right."""
    for split in SPLITS:
        rows = rows_of(run.beds[split])
        expected = [[float(row[target]) for target in run.targets] for row in rows]
        with h5py.File(run.encoded[split]) as file:
            np.testing.assert_array_equal(file["targets"][:], np.array(expected, dtype=np.float32))
            assert file["name"].asstr()[:].tolist() == [row["name"] for row in rows]
            own = np.array([not of_genome(row) for row in rows])
            written = [row["sequence"] for row in rows if not of_genome(row)]
            assert text_of(file["one_hot"][:][own]) == written
            attributes = dict(file.attrs)
        assert list(attributes["target_names"]) == run.targets
        assert [row["target"] for row in json.loads(attributes["target_scaling"])] == run.targets
        assert (attributes["alphabet"], attributes["split"]) == ("ACGT", split)
        assert (attributes["window_length"], attributes["max_jitter"]) == (run.length, run.jitter)
        assert "settings" not in attributes
        assert len(attributes["config_sha256"]) == 64
        if genome_sha256 is not None:
            assert attributes["genome_sha256"] == genome_sha256
        assert len({row["name"] for row in rows}) == len(rows)


def sha256_of(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_no_leak(run, bedtools, folder):
    """No window of one split touches a window of another, as stored; no chromosome stands in two splits."""
    for number, pair in enumerate(PAIRS):
        (folder / f"pair{number}").mkdir(exist_ok=True)
        one, other = (stored(run, split, folder / f"pair{number}") for split in pair)
        assert bedtools("intersect", "-u", "-a", one, "-b", other) == []
        chroms = [{row["#chrom"] for row in rows_of(run.beds[split])} for split in pair]
        assert not chroms[0] & chroms[1]


def check_clear(run, avoided, bedtools, folder):
    """No negative of the genome touches any of some BED files, or another negative; how many there are."""
    total = 0
    for split in SPLITS:
        negatives = stored(run, split, folder, lambda row: of_genome(row) and not is_positive(row))
        number = len(negatives.read_text().splitlines())
        for path in avoided:
            assert bedtools("intersect", "-u", "-a", negatives, "-b", path) == []
        assert len(bedtools("intersect", "-wa", "-wb", "-a", negatives, "-b", negatives)) == number
        total += number
    return total


def positives_of(run, folder):
    """Every positive window of the dataset as stored, those of no split too; path of a BED file."""
    rows = [
        (row["chrom"], int(row["start"]) - run.jitter, int(row["end"]) + run.jitter) for row in rows_of(run.windows)
    ]
    return write_intervals(folder / "every_positive.bed", rows)


def check_same_rows(run, other, split):
    """A split of two runs holds the same rows, and says the same of itself but for what was learnt in training."""
    assert Path(run.beds[split]).read_bytes() == Path(other.beds[split]).read_bytes()
    with h5py.File(run.encoded[split]) as one, h5py.File(other.encoded[split]) as two:
        assert set(one) == set(two)
        for name in one:
            np.testing.assert_array_equal(one[name][:], two[name][:])
        of_one, of_two = ({key: str(value) for key, value in file.attrs.items()} for file in (one, two))
    del of_one["target_scaling"], of_two["target_scaling"]  # it counts the training rows
    assert of_one == of_two


def check_shuffles(run):
    """Shuffles have the dinucleotides of the positive that they stand for, at its place, and another order of them."""
    total = 0
    for split in SPLITS:
        with h5py.File(run.encoded[split]) as file:
            texts = text_of(file["one_hot"][:])
        rows = rows_of(run.beds[split])
        own = {
            locus(row): text for row, text in zip(rows, texts, strict=True) if kind_of(row) != "dinucleotide_shuffle"
        }
        for row, text in zip(rows, texts, strict=True):
            if kind_of(row) == "dinucleotide_shuffle":
                positive = own[locus(row)]
                assert dinucleotides(text) == dinucleotides(positive)
                assert text != positive
                total += 1
    return total


# --- bigWigs ----------------------------------------------------------------------------------------------------------


def write_bigwig(path, sizes, missing=(), seed=1, gap=300):
    """A bigWig of random values on runs of bases with gaps between them, on all chromosomes but the missing ones."""
    rng = np.random.default_rng(seed)
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([(name, size) for name, size in sizes.items() if name not in missing])
        for name, size in sizes.items():
            if name in missing:
                continue
            steps = rng.integers(1, gap, size=2 * (size // gap + 2))
            edges = np.cumsum(steps)
            starts, ends = edges[0::2], edges[1::2]
            ends = ends[: (ends <= size).sum()]
            starts = starts[: len(ends)]
            values = rng.gamma(1, 3, size=len(starts)).astype(np.float32)
            bigwig.addEntries([name] * len(starts), starts.tolist(), ends=ends.tolist(), values=values.tolist())
    return str(path)


def expected_means(path, loci, bins=1):
    """Mean over the bases with data of each bin by pyBigWig; NaN where it knows nothing."""
    rows = []
    with pyBigWig.open(str(path)) as bigwig:
        known = bigwig.chroms()
        for chrom, start, end in loci:
            found = bigwig.stats(chrom, start, end, nBins=bins, exact=True) if chrom in known else [None] * bins
            rows.append([np.nan if value is None else value for value in found])
    return np.array(rows)


def check_signal(run, path, target, rows_without=0):
    """The target in the HDF5 files is the mean of a bigWig over the window, for positives and negatives."""
    unknown = 0
    for split in SPLITS:
        loci = [locus(row) for row in rows_of(run.beds[split])]
        expected = expected_means(path, loci)[:, 0]
        with h5py.File(run.encoded[split]) as file:
            found = file["targets"][:, run.targets.index(target)]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        unknown += int(np.isnan(expected).sum())
    assert unknown >= rows_without


def check_tracks(run, paths, width, size):
    """The tracks in the HDF5 files are the means of bigWigs in bins about the centres of the windows."""
    unknown = np.zeros(len(paths))
    for split in SPLITS:
        centres = [(chrom, start + run.length // 2) for chrom, start, _ in map(locus, rows_of(run.beds[split]))]
        loci = [(chrom, centre - width // 2, centre - width // 2 + width) for chrom, centre in centres]
        with h5py.File(run.encoded[split]) as file:
            assert file["tracks"].dtype == np.float32
            assert list(file.attrs["track_names"]) == list(paths)
            assert (file.attrs["track_width"], file.attrs["track_bin"]) == (width, size)
            for number, path in enumerate(paths.values()):
                expected = expected_means(path, loci, width // size)
                np.testing.assert_allclose(file["tracks"][:, number], expected, rtol=1e-6, atol=1e-6)
                unknown[number] += np.isnan(expected).sum()
    return unknown
