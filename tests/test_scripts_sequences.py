"""The scripts of the second way in, a table or FASTA of sequences, from the file to HDF5.

What is expected is read from the same files by pandas or laid out by hand; places are compared by bedtools.
"""

import gzip
from itertools import chain

import h5py
import numpy as np
import pandas as pd
import pytest
from data_stage import (
    GC_MATCHED,
    PAIRS,
    SPLITS,
    check_labels,
    check_same_rows,
    check_shuffles,
    kind_of,
    locus,
    rows_of,
    sequence_stage,
    sheet_row,
    text_of,
    write_intervals,
)

from cisflow.messages import InputError

SHUFFLES = {**GC_MATCHED, "kinds": {"dinucleotide_shuffle": 1}}


def random_texts(number, length, seed=1):
    """Random sequences of one length."""
    rng = np.random.default_rng(seed)
    return ["".join(row) for row in rng.choice(list("ACGT"), size=(number, length))]


def stored_texts(run):
    """Sequences of the HDF5 files by the names of their rows."""
    found = {}
    for split in SPLITS:
        with h5py.File(run.encoded[split]) as file:
            texts = text_of(file["one_hot"][:])
            found |= dict(zip(file["name"].asstr()[:], texts, strict=True))
    return found


def stored_values(run):
    """Targets of the HDF5 files by the names of their rows."""
    found = {}
    for split in SPLITS:
        with h5py.File(run.encoded[split]) as file:
            found |= dict(zip(file["name"].asstr()[:], file["targets"][:].tolist(), strict=True))
    return found


def names_of(run, split):
    return [row["name"] for row in rows_of(run.beds[split])]


# --- DeepSTARR, where larger data lie beside the repository -----------------------------------------------------------

DEEPSTARR = {
    "sequence": "Sequence",
    "name": "ID",
    "chrom": "seqnames",
    "start": "start",
    "end": "end",
    "strand": "strand",
    "coordinates": "one_based",
}


@pytest.fixture(scope="module")
def deepstarr(shared_data, tmp_path_factory):
    """The sample of DeepSTARR, its strands in a column of their own, as a file and as pandas reads it."""
    table = pd.read_csv(shared_data / "starr" / "deepstarr_sample.tsv", sep="\t")
    table["strand"] = table["ID"].str.split("_").str[3]
    path = tmp_path_factory.mktemp("deepstarr") / "stranded.tsv"
    table.to_csv(path, sep="\t", index=False)
    return path, table


def deepstarr_rows(path):
    columns = {"Dev": "Dev_log2_enrichment", "Hk": "Hk_log2_enrichment"}
    return [sheet_row(target, sequences=path, value=column) for target, column in columns.items()]


def test_deepstarr_in_five_folds_by_cluster(deepstarr, bedtools, tmp_path):
    path, table = deepstarr
    by_name = table.set_index("ID")
    tested = []
    for number in range(1, 6):
        fold = {"k": 5, "by": "cluster", "number": number}
        run = sequence_stage(tmp_path / f"fold{number}", deepstarr_rows(path), DEEPSTARR, fold, length=249)
        names = {split: names_of(run, split) for split in SPLITS}
        assert sorted(chain.from_iterable(names.values())) == sorted(by_name.index)  # every row, in one split
        assert min(map(len, names.values())) > 0.15 * len(table)
        tested += names["test"]
        # Windows that overlap or stand side by side, on either strand, are in one split: bedtools adds a base.
        beds = {}
        for split in SPLITS:
            with h5py.File(run.encoded[split]) as file:
                places = list(zip(file["chrom"].asstr()[:], file["start"][:], file["end"][:], strict=True))
            own = by_name.loc[names[split]]
            assert places == list(zip(own["seqnames"], own["start"] - 1, own["end"], strict=True))
            beds[split] = write_intervals(tmp_path / f"{split}.bed", places)
        for one, other in PAIRS:
            assert bedtools("window", "-w", "1", "-a", beds[one], "-b", beds[other]) == []
        # Both strands of one place together.
        split_of = {name: split for split in SPLITS for name in names[split]}
        together = table.assign(split=table["ID"].map(split_of)).groupby(["seqnames", "start"])["split"].nunique()
        assert (together == 1).all()
        assert {row["found"] for row in rows_of(run.tables["leakage"])} == {"0"}  # no cluster is in two splits
    assert sorted(tested) == sorted(by_name.index)
    assert (table.groupby(["seqnames", "start"]).size() > 1).sum() > 40  # some were measured on both strands
    texts, values = stored_texts(run), stored_values(run)
    assert texts == by_name["Sequence"].to_dict()
    expected = by_name[["Dev_log2_enrichment", "Hk_log2_enrichment"]]
    np.testing.assert_allclose(np.array([values[name] for name in expected.index]), expected, rtol=2e-7)
    check_labels(run)


def test_deepstarr_with_jitter_stores_the_same_bases(deepstarr, tmp_path):
    path, table = deepstarr
    fold = {"k": 3, "by": "cluster", "number": 1}
    run = sequence_stage(tmp_path / "run", deepstarr_rows(path), DEEPSTARR, fold, length=201, max_jitter=24)
    assert stored_texts(run) == table.set_index("ID")["Sequence"].to_dict()
    places = {row.ID: (row.seqnames, row.start - 1 + 24, row.end - 24) for row in table.itertuples()}
    for split in SPLITS:
        for row in rows_of(run.beds[split]):
            assert locus(row) == places[row["name"]]


def test_deepstarr_has_too_few_chromosomes_for_folds_of_them(deepstarr, tmp_path):
    fold = {"k": 5, "by": "chromosome", "number": 1}
    with pytest.raises(InputError, match=r"folds\.k is 5, but only 2 group\(s\) hold windows"):
        sequence_stage(tmp_path / "run", deepstarr_rows(deepstarr[0]), DEEPSTARR, fold, length=249)


# --- tables and FASTA that are made here ------------------------------------------------------------------------------


def test_a_column_says_the_split(tmp_path):
    texts = random_texts(90, 40)
    splits = ["train", "valid", "Test"] * 30
    values = np.random.default_rng(2).normal(size=90)
    path = tmp_path / "library.tsv.gz"
    rows = [f"s{n}\t{texts[n]}\t{splits[n]}\t{values[n]:.17g}" for n in range(90)]
    path.write_bytes(gzip.compress(("id\tsequence\tset\tactivity\n" + "\n".join(rows)).encode()))
    run = sequence_stage(
        tmp_path / "run", [sheet_row("activity", sequences=path)], {"name": "id"}, {"column": "set"}, length=40
    )
    for number, split in enumerate(("train", "val", "test")):
        assert names_of(run, split) == [f"s{n}" for n in range(number, 90, 3)]
    assert stored_texts(run) == {f"s{n}": text for n, text in enumerate(texts)}
    found = stored_values(run)
    np.testing.assert_allclose([found[f"s{n}"][0] for n in range(90)], values, rtol=1e-7)
    check_labels(run)


def test_fasta_with_values_in_its_headers_is_cropped_and_extended(tmp_path):
    short, long = random_texts(60, 20), random_texts(60, 31, seed=2)
    path = tmp_path / "library.fa"
    records = [f">a{n} x={n / 7:.4f} y=NA\n{text}" for n, text in enumerate(short)]
    records += [f">b{n} y={n} a comment\n{text[:16]}\n{text[16:]}" for n, text in enumerate(long)]
    path.write_text("\n".join(records) + "\n")
    rows = [sheet_row("first", sequences=path, value="x"), sheet_row("y", sequences=path)]
    fold = {"k": 4, "by": "cluster", "number": 2}
    run = sequence_stage(tmp_path / "run", rows, {"flank_5": "GGACG", "flank_3": "TTTCA"}, fold, length=24)
    texts, values = stored_texts(run), stored_values(run)
    assert texts == {f"a{n}": f"CG{text}TT" for n, text in enumerate(short)} | {
        f"b{n}": text[3:27] for n, text in enumerate(long)
    }
    for n in range(60):
        assert values[f"a{n}"] == [pytest.approx(n / 7, abs=1e-4), pytest.approx(np.nan, nan_ok=True)]
        assert values[f"b{n}"] == [pytest.approx(np.nan, nan_ok=True), n]


def test_a_fasta_of_positives_gets_shuffles_in_every_split(tmp_path):
    texts = random_texts(90, 50)
    path = tmp_path / "peaks.fa"
    path.write_text("".join(f">p{n}\n{text.lower()}\n" for n, text in enumerate(texts)))
    run = sequence_stage(
        tmp_path / "run",
        [sheet_row("bound", sequences=path)],
        {},
        {"k": 3, "by": "cluster", "number": 1},
        length=40,
        max_jitter=5,
        task="binary",
        negatives={**SHUFFLES, "per_positive": 1.5},
    )
    for split in SPLITS:
        rows = rows_of(run.beds[split])
        kinds = [kind_of(row) for row in rows]
        shuffles = kinds.count("dinucleotide_shuffle")
        assert shuffles == round(1.5 * (len(rows) - shuffles)) > 30
        assert [row["bound"] for row in rows] == ["0" if kind == "dinucleotide_shuffle" else "1" for kind in kinds]
    found = stored_texts(run)
    assert {name: text for name, text in found.items() if name.startswith("p")} == {
        f"p{n}": text for n, text in enumerate(texts)
    }
    assert check_shuffles(run) == sum(name.startswith("dinucleotide_shuffle") for name in found) == 135
    check_labels(run)


def test_shuffles_that_a_network_is_judged_by_do_not_hang_on_those_it_is_trained_on(tmp_path):
    path = tmp_path / "peaks.fa"
    path.write_text("".join(f">p{n}\n{text}\n" for n, text in enumerate(random_texts(90, 50))))
    row, fold = sheet_row("bound", sequences=path), {"k": 3, "by": "cluster", "number": 1}
    runs = []
    for number in (0.4, 1, 4):
        wanted = {**SHUFFLES, "per_positive_training": number}
        options = {"length": 40, "max_jitter": 5, "task": "binary", "negatives": wanted}
        run = sequence_stage(tmp_path / f"run_{number}", [row], {}, fold, **options)
        runs.append(run)
        kinds = [kind_of(row) for row in rows_of(run.beds["train"])]
        shuffles = kinds.count("dinucleotide_shuffle")
        assert shuffles == round(number * (len(kinds) - shuffles)) > 10
        for split in ("val", "test"):
            check_same_rows(runs[0], run, split)


def test_labels_of_the_table_are_kept_and_nothing_is_shuffled(tmp_path):
    path = tmp_path / "library.tsv"
    texts = random_texts(60, 30)
    path.write_text("sequence\tx\n" + "".join(f"{text}\t{n % 2}\n" for n, text in enumerate(texts)))
    run = sequence_stage(
        tmp_path / "run",
        [sheet_row("x", sequences=path)],
        {},
        {"k": 3, "by": "cluster", "number": 3},
        length=30,
        task="binary",
    )
    assert stored_values(run) == {f"row_{n + 1}": [n % 2] for n in range(60)}
    classes = {row["class"] for row in rows_of(run.tables["distributions"])}
    assert classes == {"positive", "given"}


def test_the_same_file_gives_the_same_bytes(tmp_path):
    path = tmp_path / "peaks.fa"
    path.write_text("".join(f">p{n}\n{text}\n" for n, text in enumerate(random_texts(60, 50))))
    runs = [
        sequence_stage(
            tmp_path / name,
            [sheet_row("x", sequences=path)],
            {},
            {"k": 3, "by": "cluster", "number": 1},
            length=50,
            task="binary",
            negatives=SHUFFLES,
            seed=seed,
            threads=threads,
        )
        for name, seed, threads in (("one", 1, 1), ("again", 1, 2), ("other", 2, 1))
    ]
    one, again, other = (run.folder for run in runs)
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 3 + 3 + 7 + 3  # of the dataset, BED files, tables of the fold, HDF5
    for name in names:
        assert (one / name).read_bytes() == (again / name).read_bytes(), name
    assert (one / "windows.tsv").read_bytes() == (other / "windows.tsv").read_bytes()
    assert (one / "train.bed").read_bytes() != (other / "train.bed").read_bytes()


# --- mistakes of users ------------------------------------------------------------------------------------------------


def written(path, texts, header="sequence\tx", values=None):
    values = values or range(len(texts))
    path.write_text(header + "\n" + "".join(f"{text}\t{value}\n" for text, value in zip(texts, values, strict=True)))
    return path


@pytest.mark.parametrize(
    ("fold", "options", "message"),
    [
        ({"k": 3, "by": "chromosome", "number": 1}, {}, "has no chromosomes, but the folds go by chromosome"),
        ({"val": ["chr1"], "test": ["chr2"]}, {}, "has no chromosomes, but the folds go by chromosome"),
        ({"column": "set"}, {}, "no column 'set'"),
        ({"k": 3, "by": "cluster", "number": 1}, {"length": 31}, "no sequence is left"),
    ],
)
def test_tables_that_cannot_be_split_are_refused(fold, options, message, tmp_path):
    path = written(tmp_path / "library.tsv", random_texts(30, 30))
    with pytest.raises(InputError, match=message):
        sequence_stage(tmp_path / "run", [sheet_row("x", sequences=path)], {}, fold, **{"length": 30, **options})


def test_positives_alone_need_shuffles(tmp_path):
    path = written(tmp_path / "library.tsv", random_texts(30, 30), values=[1] * 30)
    fold = {"k": 3, "by": "cluster", "number": 1}
    with pytest.raises(InputError, match="negatives cannot be drawn from a genome") as caught:
        sequence_stage(tmp_path / "run", [sheet_row("x", sequences=path)], {}, fold, length=30, task="binary")
    assert "dinucleotide_shuffle: 1" in caught.value.fix


@pytest.mark.parametrize("empty", ["per_positive", "per_positive_training"])
def test_positives_alone_need_shuffles_in_every_split(empty, tmp_path):
    path = written(tmp_path / "library.tsv", random_texts(30, 30), values=[1] * 30)
    row, fold = sheet_row("x", sequences=path), {"k": 3, "by": "cluster", "number": 1}
    wanted = {**SHUFFLES, "per_positive_training": 2, empty: 0}
    with pytest.raises(InputError, match="a split is to have no negatives") as caught:
        sequence_stage(tmp_path / "run", [row], {}, fold, length=30, task="binary", negatives=wanted)
    assert f"negatives.{empty} is 0" in caught.value.why


def test_a_table_of_one_family_cannot_be_shared_out(tmp_path):
    first = random_texts(1, 200)[0]
    path = written(
        tmp_path / "library.tsv", [first[:n] + "ACGT"["TACG".index(first[n])] + first[n + 1 :] for n in range(60)]
    )
    fold = {"k": 3, "by": "cluster", "number": 1}
    with pytest.raises(InputError, match=r"folds\.k is 3, but only 1 group"):
        sequence_stage(tmp_path / "run", [sheet_row("x", sequences=path)], {}, fold, length=200)


def test_a_table_of_another_checksum_is_refused(tmp_path):
    path = written(tmp_path / "library.tsv", random_texts(30, 30))
    row = sheet_row("x", sequences=path, sequences_accepted=["0" * 64])
    with pytest.raises(InputError, match="is not the file that the configuration names"):
        sequence_stage(tmp_path / "run", [row], {}, {"k": 3, "by": "cluster", "number": 1}, length=30)
