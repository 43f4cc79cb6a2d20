"""What the splitting of a dataset leaves: files that read back as what was split, and tables that count it."""

import numpy as np
import pandas as pd
import pytest

from cisflow.split_outputs import write_splits
from cisflow.window_table import read_windows

TABLES = ("train", "val", "test", "groups", "report", "negatives", "distributions", "balance", "scaling")
TARGETS = ["Su(Hw)", "1"]
GROUPS = {"train": ["chr2", "NA"], "val": ["1"], "test": ["chr10"]}
ACCOUNTS = [{"split": "train", "kind": "flanking", "outcome": "drawn", "count": 2}]


def rows_of(chrom, seed, number=4, task="binary", sequence="."):
    """Rows of a split, the last two of them negatives."""
    rng = np.random.default_rng(seed)
    start = 100 * np.arange(number)
    positive = np.arange(number) < number - 2
    values = {"Su(Hw)": positive.astype(float), "1": np.where(positive, np.nan, 0.0)}
    if task == "regression":
        values = {target: np.where(positive, rng.normal(5, 1, number), np.nan) for target in TARGETS}
    return pd.DataFrame(
        {
            "chrom": chrom,
            "start": start,
            "end": start + 50,
            "name": [f"{chrom}_{row}" for row in range(number)],
            "strand": np.where(start % 200 == 0, "-", "."),
            **values,
            "kind": np.where(positive, "positive", "flanking"),
            "gc": np.round(rng.random(number), 3),
            "unknown": 0.0,
            "sequence": sequence,
        }
    )


def written(folder, splits, unused=None, task="binary", transform=(), accounts=ACCOUNTS, peak_widths=None):
    outputs = {name: str(folder / f"{name}.tsv") for name in TABLES}
    unused = splits["train"].iloc[:0] if unused is None else unused
    write_splits(outputs, splits, unused, GROUPS, TARGETS, task, list(transform), accounts, peak_widths)
    return {
        name: read_windows(path)
        if name in GROUPS
        else pd.read_csv(path, sep="\t", dtype={"target": str, "group": str}, keep_default_na=name not in ("groups",))
        for name, path in outputs.items()
    }


def made(**options):
    return {
        "train": rows_of("chr2", 1, 8, **options),
        "val": rows_of("1", 2, **options),
        "test": rows_of("chr10", 3, **options),
    }


def test_rows_come_back_as_they_were(tmp_path, capsys):
    splits = made(task="regression")
    found = written(tmp_path, splits, task="regression")
    for split, rows in splits.items():
        columns = ["chrom", "start", "end", "name", "score", "strand", *TARGETS]
        assert found[split].columns.tolist() == columns
        for name in ("chrom", "start", "end", "name", "strand"):
            assert found[split][name].tolist() == rows[name].tolist()
        np.testing.assert_allclose(found[split][TARGETS], rows[TARGETS], rtol=1e-8)
        for line in (tmp_path / f"{split}.tsv").read_text().splitlines():
            assert all(line.split("\t"))  # no field is empty
    assert (tmp_path / "val.tsv").read_text().startswith("#chrom\t")
    assert "train: 6 positive, 2 flanking" in capsys.readouterr().out


def test_sequences_stand_in_all_splits_once_one_of_them_has_any(tmp_path):
    splits = made()
    splits["val"].loc[3, "sequence"] = "acGTN"
    found = written(tmp_path, splits)
    assert found["val"]["sequence"].tolist() == [".", ".", ".", "acGTN"]
    assert (found["test"]["sequence"] == ".").all()


def test_the_report_counts_labels_and_what_is_in_no_split(tmp_path):
    found = written(tmp_path, made(), unused=rows_of("chrM", 4, 3))["report"]
    counts = found.set_index(["split", "target"])[["n_windows", "n_positive", "n_negative", "n_unknown"]]
    assert counts.loc["train"].to_numpy().tolist() == [[8, 6, 2, 0], [8, 0, 2, 6], [8, 6, 2, 0]]
    assert counts.loc["none"].to_numpy().tolist() == [[3, 1, 2, 0], [3, 0, 2, 1], [3, 1, 2, 0]]
    chromosomes = found.drop_duplicates("split").set_index("split")["chromosomes"]
    assert chromosomes.to_dict() == {"train": "chr2,NA", "val": "1", "test": "chr10", "none": "chrM"}
    assert "none" not in set(written(tmp_path, made())["report"]["split"])


def test_groups_are_written_with_their_splits(tmp_path):
    found = written(tmp_path, made())["groups"]
    pairs = list(zip(found["split"], found["group"], strict=True))
    assert pairs == [("train", "chr2"), ("train", "NA"), ("val", "1"), ("test", "chr10")]


def test_every_row_is_in_the_distributions_of_its_class(tmp_path):
    splits = made()
    widths = {split: np.array([100.0, 200.0, 3000.0]) for split in GROUPS}
    found = written(tmp_path, splits, peak_widths=widths)
    counts = found["distributions"].groupby(["split", "quantity", "class"])["count"].sum()
    for split, rows in splits.items():
        for quantity in ("gc", "n"):
            assert counts[split, quantity].to_dict() == rows["kind"].value_counts().to_dict()
        assert counts[split, "peak_width"].to_dict() == {"positive": 3}
    balance = found["balance"]
    assert balance[["split", "quantity", "class"]].to_numpy().tolist() == [
        [split, quantity, "flanking"] for split in ("train", "val", "test") for quantity in ("gc", "n")
    ]
    train = balance[(balance["split"] == "train") & (balance["quantity"] == "gc")].iloc[0]
    gc = splits["train"].groupby("kind")["gc"].mean()
    assert (train["n"], train["n_positive"]) == (2, 6)
    assert train[["mean", "mean_positive"]].tolist() == pytest.approx([gc["flanking"], gc["positive"]], rel=1e-5)
    assert "peak_width" not in set(written(tmp_path, splits)["distributions"]["quantity"])


def test_tables_without_rows_have_their_columns(tmp_path):
    splits = {split: rows[rows["kind"] == "positive"].reset_index(drop=True) for split, rows in made().items()}
    found = written(tmp_path, splits, accounts=[])
    assert found["negatives"].columns.tolist() == ["split", "kind", "outcome", "count"]
    columns = ["split", "quantity", "class", "n", "n_positive", "mean", "mean_positive", "ks"]
    assert found["balance"].columns.tolist() == columns
    assert len(found["negatives"]) == len(found["balance"]) == 0
    assert written(tmp_path, splits)["negatives"].to_dict("records") == ACCOUNTS


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_targets_are_scaled_by_training_rows_and_labels_never(task, tmp_path):
    splits = made(task=task)
    found = written(tmp_path, splits, task=task, transform=["z_score"])["scaling"].set_index("target")
    known = splits["train"]["Su(Hw)"].dropna().to_numpy()
    assert found.loc["Su(Hw)", "n"] == len(known)
    expected = (known.mean(), known.std()) if task == "regression" else (0, 1)
    assert tuple(found.loc["Su(Hw)", ["mean", "sd"]]) == pytest.approx(expected, rel=1e-14)
