"""The scripts of the data stage one after the other, from FASTA and peak files to HDF5, against bedtools.

The bases are compared with `bedtools getfasta` on the FASTA that the user gave, indexed by samtools.
"""

import csv
import gzip
import hashlib
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import h5py
import hdf5plugin  # noqa: F401 (lets h5py read the files)
import numpy as np
import pysam
import pytest

from cisflow.messages import InputError
from encode_split import main as encode_split
from make_windows import main as make_windows
from prepare_excluded import main as prepare_excluded
from prepare_genome import main as prepare_genome
from prepare_motifs import main as prepare_motifs
from split_windows import main as split_windows

SPLITS = ("train", "val", "test")
FLY_PEAKS = {
    "Su(Hw)": "SuHw_Kc_Bushey_2009.bed",
    "BEAF-32": "BEAF_Kc_Bushey_2009.bed",
    "CTCF": "CTCF_Kc_Bushey_2009.bed",
    "CP190": "Cp190_Kc_Bushey_2009.bed",
}


def reference(folder, source, folds, excluded=None, aliases=None):
    """Run prepare_genome and prepare_excluded; a dictionary of paths."""
    names = ("genome.fa", "genome.fa.fai", "chrom.sizes", "genome.fa.sha256", "excluded.bed")
    fasta, index, sizes, checksum, regions = (str(folder / name) for name in names)
    prepare_genome(str(source), [], folds, fasta, index, sizes, checksum)
    prepare_excluded(excluded, [], aliases, sizes, regions)
    return {"fasta": fasta, "index": index, "sizes": sizes, "sha256": checksum, "excluded": regions}


def data_stage(folder, paths, peaks, fold, windows, negatives, seed=1, threads=1, aliases=None):
    """Run make_windows, split_windows and encode_split; where the results are and what they were made with."""
    folder.mkdir(exist_ok=True)
    table, report, all_peaks, counts = (
        str(folder / name) for name in ("windows.tsv", "windows_report.tsv", "peaks.bed", "split_report.tsv")
    )
    files = [str(path) for path in peaks.values()]
    make_windows(
        files,
        [[] for _ in peaks],
        list(peaks),
        aliases,
        paths["sizes"],
        paths["excluded"],
        paths["fasta"],
        windows,
        table,
        report,
        all_peaks,
    )
    beds = {split: str(folder / f"{split}.bed") for split in SPLITS}
    settings = {
        "length": windows["length"],
        "max_jitter": windows["max_jitter"],
        "max_n_fraction": windows["max_n_fraction"],
        **negatives,
    }
    split_windows(
        table,
        all_peaks,
        paths["excluded"],
        paths["sizes"],
        paths["fasta"],
        fold,
        list(peaks),
        settings,
        seed,
        beds,
        counts,
    )
    encoded = {split: str(folder / f"{split}.h5") for split in SPLITS}
    for split in SPLITS:
        attributes = {
            "task": "binary",
            "genome": "g",
            "fold": "holdout",
            "split": split,
            "seed": seed,
            "window_length": windows["length"],
            "max_jitter": windows["max_jitter"],
            "settings": {"windows": windows, "seed": seed},
        }
        encode_split(beds[split], paths["fasta"], paths["sha256"], list(peaks), attributes, threads, encoded[split])
    return SimpleNamespace(
        folder=folder,
        targets=list(peaks),
        peaks=peaks,
        windows=table,
        report=report,
        all_peaks=all_peaks,
        counts=counts,
        beds=beds,
        encoded=encoded,
        fold=fold,
        length=windows["length"],
        jitter=windows["max_jitter"],
        max_n_fraction=windows["max_n_fraction"],
        negatives=negatives,
        excluded=paths["excluded"],
        seed=seed,
    )


def rows_of(path):
    """Rows of a tab-separated file as dictionaries of text."""
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def stored(run, split, kind, folder):
    """Write the windows of a split as stored, that is with their jitter, as BED3."""
    path = folder / f"{run.folder.name}_{split}_{kind}.bed"
    with open(path, "w") as out:
        for row in rows_of(run.beds[split]):
            if kind == "all" or row["name"].startswith(kind):
                out.write(f"{row['#chrom']}\t{int(row['start']) - run.jitter}\t{int(row['end']) + run.jitter}\n")
    return path


# --- what must hold of every run --------------------------------------------------------------------------------------


def check_bases(run, original, bedtools, folder):
    """Every row of the HDF5 files agrees base by base with bedtools getfasta on the user's FASTA; their number."""
    letters = np.full(256, 4)
    letters[[ord(base) for base in "ACGTacgt"]] = [0, 1, 2, 3] * 2
    total = 0
    for split in SPLITS:
        fetched = bedtools("getfasta", "-tab", "-fi", original, "-bed", stored(run, split, "all", folder))
        bases = np.array([np.frombuffer(sequence.encode(), dtype=np.uint8) for _, sequence in fetched])
        expected = np.eye(5, 4, dtype=np.int8)[letters[bases]].transpose(0, 2, 1)
        with h5py.File(run.encoded[split]) as file:
            assert file["one_hot"].dtype == np.int8
            np.testing.assert_array_equal(file["one_hot"][:], expected)
            where = zip(file["chrom"].asstr()[:], file["start"][:], file["end"][:], strict=True)
            assert [f"{chrom}:{start}-{end}" for chrom, start, end in where] == [name for name, _ in fetched]
        total += len(fetched)
    return total


def check_labels(run):
    """Names and labels of the HDF5 files are those of the BED files, and what the files say of themselves is right."""
    for split in SPLITS:
        rows = rows_of(run.beds[split])
        expected = [[float(row[target]) for target in run.targets] for row in rows]
        with h5py.File(run.encoded[split]) as file:
            np.testing.assert_array_equal(file["targets"][:], np.array(expected, dtype=np.float32))
            assert file["name"].asstr()[:].tolist() == [row["name"] for row in rows]
            attributes = dict(file.attrs)
            assert list(attributes["target_names"]) == run.targets
            fasta = Path(run.excluded).with_name("genome.fa").read_bytes()
            assert attributes["genome_sha256"] == hashlib.sha256(fasta).hexdigest()
            assert (attributes["alphabet"], attributes["split"], attributes["fold"]) == ("ACGT", split, "holdout")
            assert (attributes["window_length"], attributes["max_jitter"]) == (run.length, run.jitter)
            assert "settings" not in attributes
        assert len({row["name"] for row in rows}) == len(rows)


def check_negatives(run, original, bedtools, pairable, folder):
    """Exact number, clear of everything, on the chromosomes of the split, GC as promised, no unknown bases; total."""
    total = 0
    for split in SPLITS:
        positives, negatives = (stored(run, split, kind, folder) for kind in ("peak", "negative"))
        n_positives = len(positives.read_text().splitlines())
        n_negatives = len(negatives.read_text().splitlines())
        assert n_negatives == round(run.negatives["per_positive"] * n_positives)
        total += n_negatives
        if not n_negatives:
            continue
        every_positive = [stored(run, other, "peak", folder) for other in SPLITS]
        for avoided in (*run.peaks.values(), run.excluded, *every_positive):
            assert bedtools("intersect", "-u", "-a", negatives, "-b", avoided) == []
        assert len(bedtools("intersect", "-wa", "-wb", "-a", negatives, "-b", negatives)) == n_negatives
        rows = rows_of(run.beds[split])
        assert {row["#chrom"] for row in rows} <= set(chromosomes_of_split(run, split, original))
        assert all(float(row[t]) == 0 for row in rows if row["name"].startswith("negative") for t in run.targets)
        gc = {}
        for kind, bed in (("positive", positives), ("negative", negatives)):
            counted = [row for row in bedtools("nuc", "-fi", original, "-bed", bed) if not row[0].startswith("#")]
            gc[kind] = [int(row[6]) + int(row[7]) for row in counted]
            width = int(counted[0][11])
            assert width == run.length + 2 * run.jitter
            assert max(int(row[9]) + int(row[10]) for row in counted) <= run.max_n_fraction * width
        limit = run.negatives["max_gc_difference"] * width
        copies = int(np.ceil(run.negatives["per_positive"]))
        assert pairable(gc["negative"], gc["positive"] * copies, limit) == n_negatives
    return total


def chromosomes_of_split(run, split, original):
    if split != "train":
        return run.fold[split]
    names = [line.split("\t")[0] for line in Path(f"{original}.fai").read_text().splitlines()]
    return run.fold.get("train") or [name for name in names if name not in [*run.fold["val"], *run.fold["test"]]]


def check_no_leak(run, bedtools, folder):
    """No window of one split touches a window of another, as stored; no name stands in two splits."""
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        a, b = (stored(run, split, "all", folder) for split in (one, other))
        assert bedtools("intersect", "-u", "-a", a, "-b", b) == []
        chroms = [{row["#chrom"] for row in rows_of(run.beds[split])} for split in (one, other)]
        assert not chroms[0] & chroms[1]


def check_report(run):
    """split_report.tsv counts what stands in the BED files."""
    rows = {split: rows_of(run.beds[split]) for split in SPLITS}
    used = {row["name"] for part in rows.values() for row in part}
    rows["none"] = [row for row in rows_of(run.windows) if row["name"] not in used]
    for line in rows_of(run.counts):
        part, target = rows[line["split"]], line["target"]
        assert int(line["n_windows"]) == len(part)
        if target == "all":
            positive = sum(any(row[t] == "1" for t in run.targets) for row in part)
            assert int(line["n_negative"]) == sum(row["name"].startswith("negative") for row in part)
        else:
            seen = Counter(row[target] for row in part)
            positive = seen["1"]
            assert set(seen) <= {"0", "1", "NaN"}
            assert (int(line["n_negative"]), int(line["n_unknown"])) == (seen["0"], seen["NaN"])
        assert int(line["n_positive"]) == positive > 0


def check_all(run, original, bedtools, pairable, folder):
    check_no_leak(run, bedtools, folder)
    check_labels(run)
    check_report(run)
    check_negatives(run, original, bedtools, pairable, folder)
    return check_bases(run, original, bedtools, folder)


# --- a small genome ---------------------------------------------------------------------------------------------------

FOLD = {"val": ["NA", "1"], "test": ["chr10"]}
NEGATIVES = {"per_positive": 1, "max_gc_difference": 0.2}


def windows_of(length=100, max_jitter=10, merge_distance=50, max_n_fraction=0.1):
    return {
        "length": length,
        "max_jitter": max_jitter,
        "merge_distance": merge_distance,
        "max_n_fraction": max_n_fraction,
    }


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
    """Run the data stage on the small genome: `small("name", windows=..., ...)`."""
    (tmp_path / "reference").mkdir()
    excluded = write_bed("excluded.bed", [("chr2", 7_000, 7_400), ("chr10", 9_000, 9_300), ("NA", 5_000, 5_200)])

    def run(name, windows, fold=FOLD, negatives=NEGATIVES, excluded=excluded, spelling="ragged", **options):
        rows = small_peaks(genome, windows["length"], windows["max_jitter"])
        peaks = {target: write_bed(f"{target}.bed", part) for target, part in rows.items()}
        peaks |= options.pop("peaks", {})
        paths = reference(tmp_path / "reference", genome_spellings[spelling], {"holdout": fold}, excluded)
        return data_stage(tmp_path / name, paths, peaks, fold, windows, negatives, **options)

    return run


@pytest.mark.parametrize(
    ("windows", "negatives"),
    [
        (windows_of(), NEGATIVES),
        (windows_of(length=101, max_jitter=0, merge_distance=0, max_n_fraction=0), NEGATIVES),
        (windows_of(length=51, max_jitter=7, max_n_fraction=1), {"per_positive": 3, "max_gc_difference": 0.1}),
        (windows_of(length=100, max_jitter=1), {"per_positive": 0.5, "max_gc_difference": 0.15}),
        (windows_of(length=9, max_jitter=0, merge_distance=4), {"per_positive": 0, "max_gc_difference": 0}),
    ],
)
def test_small_genome(windows, negatives, small, genome, bedtools, pairable, tmp_path):
    run = small("run", windows, negatives=negatives)
    assert check_all(run, genome.fasta, bedtools, pairable, tmp_path) > 60
    ends = set()
    for split in SPLITS:
        for row in rows_of(run.beds[split]):
            chrom, start, end = row["#chrom"], int(row["start"]) - run.jitter, int(row["end"]) + run.jitter
            assert 0 <= start < end <= genome.sizes[chrom]
            ends |= {(chrom, "first")} if start == 0 else set()
            ends |= {(chrom, "last")} if end == genome.sizes[chrom] else set()
    assert len(ends) == 10  # both ends of five chromosomes
    bases = "".join(
        genome.sequences[row["#chrom"]][int(row["start"]) : int(row["end"])] for row in rows_of(run.beds["train"])
    )
    assert set(bases) >= set("ACGTacgt")
    if windows["max_n_fraction"] and windows["length"] > 9:
        assert set(bases.upper()) - set("ACGT")  # N or another code was among what was compared


def test_no_excluded_regions_and_no_jitter(small, genome, bedtools, pairable, tmp_path):
    run = small("run", windows_of(max_jitter=0), excluded=None)
    assert Path(run.excluded).read_text() == ""
    check_all(run, genome.fasta, bedtools, pairable, tmp_path)


def test_chromosomes_of_no_split_are_counted_and_not_used(small, genome, bedtools, pairable, tmp_path):
    fold = {"train": ["chr2"], "val": ["chr1"], "test": ["chr10"]}
    run = small("run", windows_of(), fold=fold)
    check_all(run, genome.fasta, bedtools, pairable, tmp_path)
    lost = sum(row["chrom"] in ("NA", "1") for row in rows_of(run.windows))
    (unused,) = [
        row for row in rows_of(run.folder / "split_report.tsv") if (row["split"], row["target"]) == ("none", "all")
    ]
    assert (int(unused["n_windows"]), unused["n_negative"]) == (lost, "0")
    assert sorted(unused["chromosomes"].split(",")) == ["1", "NA"]


def test_the_gc_content_of_a_targets_negatives_counts_the_other_targets_positives(small, genome, bedtools):
    # It was that of the drawn negatives for every target, though the windows of other targets are negatives too.
    run = small("run", windows_of(max_jitter=0, max_n_fraction=0))
    with open(run.beds["train"]) as handle:
        header = handle.readline().lstrip("#").split("\t")
    column = header.index("Su(Hw)")
    counted = bedtools("nuc", "-fi", genome.fasta, "-bed", run.beds["train"])
    gc = [float(row[len(header) + 1]) for row in counted if not row[0].startswith("#") and row[column] == "0"]
    (row,) = [
        row for row in rows_of(run.folder / "split_report.tsv") if (row["split"], row["target"]) == ("train", "Su(Hw)")
    ]
    assert int(row["n_negative"]) == len(gc)
    assert float(row["gc_negative"]) == pytest.approx(sum(gc) / len(gc), abs=1e-5)


def test_a_rerun_gives_the_same_bytes_and_another_seed_other_negatives(small):
    one, again = small("one", windows_of()), small("again", windows_of(), threads=3, spelling="gzip")
    for name in ("windows.tsv", "windows_report.tsv", "peaks.bed", "split_report.tsv", "train.bed", "val.bed"):
        assert (one.folder / name).read_bytes() == (again.folder / name).read_bytes()
    for split in SPLITS:
        assert Path(one.encoded[split]).read_bytes() == Path(again.encoded[split]).read_bytes()
    other = small("other", windows_of(), seed=2)
    assert Path(one.windows).read_bytes() == Path(other.windows).read_bytes()
    assert Path(one.beds["test"]).read_bytes() != Path(other.beds["test"]).read_bytes()


def test_the_negatives_of_a_split_do_not_hang_on_the_other_splits(small):
    one = small("one", windows_of(), fold={"train": ["chr2"], "val": ["chr1"], "test": ["chr10"]})
    other = small("other", windows_of(), fold={"train": ["chr2", "NA"], "val": ["1"], "test": ["chr10"]})
    assert Path(one.beds["test"]).read_bytes() == Path(other.beds["test"]).read_bytes()


def test_order_line_ends_and_compression_of_peak_files_do_not_matter(small, genome, write_bed):
    one = small("one", windows_of())
    rows = small_peaks(genome, 100, 10)
    order = np.random.default_rng(1).permutation(len(rows["1"]))
    peaks = {
        "Su(Hw)": write_bed("x.bed.gz", [["track name=x"], *rows["Su(Hw)"]], newline="\r\n", compress=True),
        "1": write_bed("y.bed", [rows["1"][position] for position in order]),
    }
    other = small("other", windows_of(), peaks=peaks)
    for name in ("windows.tsv", "windows_report.tsv", "train.bed", "val.bed", "test.bed"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_windows_report_adds_up(small, genome):
    run = small("run", windows_of())
    counts = {(row["target"], row["outcome"]): int(row["count"]) for row in rows_of(run.report)}
    rows = small_peaks(genome, 100, 10)
    for target in (*run.targets, "all"):
        dropped = sum(count for (name, outcome), count in counts.items() if name == target and "dropped" in outcome)
        read = len(rows[target]) if target != "all" else sum(map(len, rows.values()))
        assert counts[target, "peaks_read"] == read == counts[target, "peaks_kept"] + dropped
    assert counts["1", "dropped_unknown_contig"] == 1
    assert counts["all", "windows"] == len(rows_of(run.windows))


# --- mistakes of users ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no peaks"),
        ([("2L", 5, 10), ("2R", 5, 10)], "none of its chromosomes is in the genome"),
        ([("chr1", 5, 10), ("chr1", 10, 5)], "line 2: start 10 is not below end 5"),
        ([("tiny", 5, 10)], "no window is left"),
        ([("chr1", 5_000, 5_100)] * 5, "a split lacks positives"),
    ],
)
def test_peaks_that_cannot_be_used_are_refused(rows, message, small, write_bed):
    path = write_bed("bad.bed", rows)
    with pytest.raises(InputError, match=message) as caught:
        small("run", windows_of(), peaks={"Su(Hw)": path, "1": path})
    if message.startswith(("holds", "none", "line")):
        assert path in caught.value.what


def test_a_peak_file_of_another_checksum_is_refused(genome, write_bed, tmp_path):
    path = write_bed("a.bed", [("chr1", 5_000, 5_100)])
    with pytest.raises(InputError, match="is not the file that the configuration names"):
        make_windows([path], [["0" * 64]], ["x"], None, genome.sizes_file, None, genome.fasta, windows_of(), *"abc")


def test_too_few_negatives_name_the_number(small):
    with pytest.raises(InputError, match=r"too few negatives on .*: \d+ of \d+ are missing"):
        small("run", windows_of(), negatives={"per_positive": 100, "max_gc_difference": 1})


def test_prepare_genome_refuses_a_wrong_checksum_and_a_fold_of_another_genome(genome, tmp_path):
    outputs = [str(tmp_path / name) for name in "abcd"]
    right = hashlib.sha256(Path(genome.fasta).read_bytes()).hexdigest()
    with pytest.raises(InputError, match="is not the file"):
        prepare_genome(genome.fasta, ["0" * 64], {}, *outputs)
    with pytest.raises(InputError, match="lacks: chrX"):
        prepare_genome(genome.fasta, [right], {"a": FOLD, "b": {"val": ["chrX"], "test": ["1"]}}, *outputs)
    prepare_genome(genome.fasta, ["0" * 64, right], {"a": FOLD}, *outputs)
    assert Path(outputs[3]).read_text().strip() == right


def test_prepare_excluded_is_bedtools_merge(genome, bedtools, write_bed, tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for chrom in list(genome.sizes)[:5]:
        starts = rng.integers(0, genome.sizes[chrom] - 500, size=60)
        rows += [(chrom, start, start + int(rng.integers(1, 500)), "Low mappability") for start in starts]
    order = rng.permutation(len(rows))
    messy = [["# a comment"], *[rows[position] for position in order], ("chrUn", 1, 5)]
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
    out = tmp_path / "motifs.meme"
    prepare_motifs(str(source), [hashlib.sha256(source.read_bytes()).hexdigest()], str(out))
    assert out.read_bytes() == source.read_bytes()
    out.unlink()
    with pytest.raises(InputError, match="is not the file"):
        prepare_motifs(str(source), ["0" * 64], str(out))
    with pytest.raises(InputError, match="is not a MEME file"):
        prepare_motifs(genome.fasta, [], str(out))
    cut = tmp_path / "cut.meme"
    cut.write_text("\n".join(source.read_text().splitlines()[:14]))
    with pytest.raises(InputError):
        prepare_motifs(str(cut), [], str(out))
    assert not out.exists()


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
    paths = reference(folder, source, {"holdout": fold})
    peaks = {target: fly_folder / name for target, name in FLY_PEAKS.items()}
    yield SimpleNamespace(folder=folder, original=original, paths=paths, peaks=peaks, fold=fold)
    shutil.rmtree(folder)


def test_fly_example(fly, bedtools, pairable, tmp_path):
    windows = windows_of(length=250, max_jitter=20, merge_distance=125, max_n_fraction=0)
    negatives = {"per_positive": 1, "max_gc_difference": 0.02}
    run = data_stage(fly.folder / "run", fly.paths, fly.peaks, fly.fold, windows, negatives, threads=2)
    assert check_all(run, fly.original, bedtools, pairable, tmp_path) == 2 * len(rows_of(run.windows)) > 9_000


def test_fly_peaks_with_known_bases_are_as_many_as_counted_before(fly, tmp_path):
    # Peaks whose 250 bases about the midpoint are all known, as counted when the data were put together.
    expected = {"Su(Hw)": 634, "BEAF-32": 2120, "CTCF": 894, "CP190": 2984}
    outputs = [str(tmp_path / name) for name in ("windows.tsv", "report.tsv", "peaks.bed")]
    paths, settings = fly.paths, windows_of(length=250, max_jitter=0, merge_distance=0, max_n_fraction=0)
    for target, path in fly.peaks.items():
        inputs = (None, paths["sizes"], paths["excluded"], paths["fasta"])
        make_windows([str(path)], [[]], [target], *inputs, settings, *outputs)
        counts = {row["outcome"]: int(row["count"]) for row in rows_of(outputs[1]) if row["target"] == target}
        assert counts["peaks_kept"] == expected[target]


# --- yeast, where larger data lie beside the repository ---------------------------------------------------------------


def test_yeast_peaks_as_published_need_aliases_and_then_give_the_same_windows(shared_data, bedtools, tmp_path):
    yeast = shared_data / "yeast"
    paths = reference(tmp_path, yeast / "sacCer3.fa.gz", {}, str(yeast / "sacCer3_rossi2021_filter.bed"))
    expected_sizes = (yeast / "sacCer3.chrom.sizes").read_text().split()
    assert sorted(Path(paths["sizes"]).read_text().split()) == sorted(expected_sizes)
    roman = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
    aliases = tmp_path / "aliases.tsv"
    aliases.write_text("".join(f"chr{number}\tchr{name}\n" for number, name in enumerate(roman, start=1)))
    settings, found = windows_of(length=200, max_jitter=0, merge_distance=0, max_n_fraction=0), []
    inputs = (paths["sizes"], paths["excluded"], paths["fasta"], settings)
    outputs = [str(tmp_path / name) for name in ("windows.tsv", "report.tsv", "peaks.bed")]
    with pytest.raises(InputError, match=r"none of its chromosomes|beyond"):
        make_windows([str(yeast / "peaks/Reb1_as_published.bed")], [[]], ["Reb1"], None, *inputs, *outputs)
    for name, table in (("Reb1.bed", None), ("Reb1_as_published.bed", str(aliases))):
        make_windows([str(yeast / "peaks" / name)], [[]], ["Reb1"], table, *inputs, *outputs)
        found.append(Path(outputs[0]).read_bytes())
    assert found[0] == found[1]
    assert len(found[0].splitlines()) > 900
    bed = tmp_path / "windows.bed"
    bed.write_text("".join("\t".join(list(row.values())[:3]) + "\n" for row in rows_of(outputs[0])))
    assert bedtools("intersect", "-u", "-a", bed, "-b", yeast / "sacCer3_rossi2021_filter.bed") == []
