"""Splits by named chromosomes."""

import numpy as np
import pandas as pd
import pytest

from cisflow.folds import SPLITS, chromosomes_of, split_windows
from cisflow.messages import InputError

SIZES = {"chr2": 5, "chr10": 5, "chr1": 5, "NA": 5, "1": 5}


def windows_on(chroms, **targets):
    frame = pd.DataFrame({"chrom": chroms, "start": np.arange(len(chroms)), "end": np.arange(len(chroms)) + 5})
    return frame.assign(**targets) if targets else frame.assign(x=1.0)


def test_what_is_not_named_is_for_training_in_the_order_of_the_genome():
    found = chromosomes_of({"val": ["1"], "test": ["NA", "chr2"]}, SIZES)
    assert found == {"train": ["chr10", "chr1"], "val": ["1"], "test": ["chr2", "NA"]}
    assert tuple(found) == SPLITS


def test_chr1_does_not_take_chr10_along():
    found = chromosomes_of({"val": ["chr1"], "test": ["1"]}, SIZES)
    assert found["val"] == ["chr1"]
    assert "chr10" in found["train"]


def test_named_training_chromosomes_leave_the_others_out():
    found = chromosomes_of({"train": ["chr1"], "val": ["1"], "test": ["NA"]}, SIZES)
    assert found == {"train": ["chr1"], "val": ["1"], "test": ["NA"]}


def test_every_chromosome_that_the_genome_lacks_is_named():
    with pytest.raises(InputError, match="lacks: chr3, X") as caught:
        chromosomes_of({"val": ["chr3"], "test": ["X", "chr1"]}, SIZES)
    assert "chr2, chr10, chr1, NA, 1" in caught.value.why


def test_windows_go_to_the_split_of_their_chromosome():
    rng = np.random.default_rng(1)
    table = windows_on(rng.choice(list(SIZES), size=200))
    chromosomes = chromosomes_of({"train": ["chr1", "chr2"], "val": ["1"], "test": ["NA"]}, SIZES)
    splits = split_windows(table, chromosomes, ["x"])
    for split, part in splits.items():
        assert part["start"].tolist() == [n for n, c in enumerate(table["chrom"]) if c in chromosomes[split]]
        assert part.index.tolist() == list(range(len(part)))
    assert "chr10" not in set(pd.concat(splits.values())["chrom"])


def test_every_split_without_positives_of_a_target_is_told_at_once():
    # A label that is unknown is no positive.
    table = windows_on(["chr2", "chr1", "1", "NA"], **{"Su(Hw)": [1.0, 0.0, np.nan, 1.0], "b": [1.0, 1.0, 1.0, 0.0]})
    with pytest.raises(InputError) as caught:
        split_windows(table, chromosomes_of({"val": ["1"], "test": ["NA"]}, SIZES), ["Su(Hw)", "b"])
    assert caught.value.why == "val (1) has no window of Su(Hw); test (NA) has no window of b"


def test_peaks_on_one_chromosome_alone_are_refused():
    with pytest.raises(InputError) as caught:
        split_windows(windows_on(["chr1"] * 9), chromosomes_of({"val": ["1"], "test": ["NA"]}, SIZES), ["x"])
    assert "val (1) has no window of x" in caught.value.why
    assert "test (NA) has no window of x" in caught.value.why


def test_windows_on_chromosomes_of_no_split_are_refused():
    chromosomes = chromosomes_of({"train": ["chr2"], "val": ["1"], "test": ["NA"]}, SIZES)
    with pytest.raises(InputError, match=r"train \(chr2\) has no window of x"):
        split_windows(windows_on(["chr10"] * 9), chromosomes, ["x"])


def test_no_chromosome_left_for_training_is_refused():
    chromosomes = chromosomes_of({"val": ["chr1", "chr2", "1"], "test": ["NA", "chr10"]}, SIZES)
    with pytest.raises(InputError, match=r"train \(no chromosome\) has no window of x"):
        split_windows(windows_on(list(SIZES)), chromosomes, ["x"])
