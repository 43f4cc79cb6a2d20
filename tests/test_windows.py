"""Peaks to windows: against the four rules of the module, written down a second time in plain Python."""

import numpy as np
import pandas as pd
import pytest

from cisflow.window_table import read_windows, widened
from cisflow.windows import group_anchors, make_windows, windows_report

NOTHING = pd.DataFrame({"chrom": [], "start": [], "end": []})


def peaks_of(rows):
    """A table of peaks from (chrom, start, end) or (chrom, start, end, anchor)."""
    full = [(*row, (row[1] + row[2]) // 2) if len(row) == 3 else row for row in rows]
    return pd.DataFrame(full, columns=["chrom", "start", "end", "anchor"]).astype({"chrom": object})


def random_peaks(rng, genome, number, spread):
    """Peaks in heaps about a few centres, so that groups, overlaps and chromosome ends all come about."""
    chroms = [*genome.sizes, "chrUn"]
    rows = []
    for _ in range(number):
        chrom = str(rng.choice(chroms))
        length = genome.sizes.get(chrom, 5_000)
        centre = int(rng.integers(0, length)) if rng.random() < 0.5 else int(rng.integers(1, 7)) * 1_500 % length
        start = int(np.clip(centre + rng.integers(-spread, spread + 1), 0, length - 1))
        end = int(np.clip(start + rng.integers(1, 300), start + 1, length))
        rows.append((chrom, start, end, int(rng.integers(start, end))))
    return peaks_of(rows)


def windows_by_the_rules(peaks_by_target, genome, excluded, length, max_jitter, merge_distance, max_n_fraction):
    """Rules 1 to 4, and what drops a window, in loops: a list of windows, and the fate of every peak."""
    fates = {target: [None] * len(peaks) for target, peaks in peaks_by_target.items()}
    windows = []
    for chrom in genome.sizes:
        anchors = []
        for target, peaks in peaks_by_target.items():
            for position, row in enumerate(peaks.itertuples(index=False)):
                if row.chrom == chrom:
                    anchors.append((row.anchor, target, position))
                elif row.chrom not in genome.sizes:
                    fates[target][position] = "unknown_contig"
        groups = []
        for anchor in sorted(anchors):
            if groups and anchor[0] <= groups[-1][0][0] + merge_distance:
                groups[-1].append(anchor)
            else:
                groups.append([anchor])
        for group in groups:
            start = (group[0][0] + group[-1][0]) // 2 - length // 2
            low, high = start - max_jitter, start + length + max_jitter
            inside = genome.upper[chrom][max(low, 0) : high]
            unknown = sum(base not in "ACGT" for base in inside)
            if low < 0 or high > genome.sizes[chrom]:
                fate = "edge"
            elif any(r.chrom == chrom and r.start < high and low < r.end for r in excluded.itertuples()):
                fate = "excluded"
            elif unknown / (high - low) > max_n_fraction:
                fate = "n"
            else:
                fate = "kept"
                labels = []
                for target, peaks in peaks_by_target.items():
                    near = any(r.chrom == chrom and r.start < high and low < r.end for r in peaks.itertuples())
                    own = any(name == target for _, name, _ in group)
                    labels.append(1.0 if own else float("nan") if near else 0.0)
                windows.append([chrom, start, start + length, f"peak_{len(windows) + 1}", *labels])
            for _, target, position in group:
                fates[target][position] = fate
    return windows, fates


SETTINGS = [
    # length, max_jitter, merge_distance, max_n_fraction
    (200, 0, 100, 0),
    (200, 20, 100, 0),
    (101, 7, 0, 0.1),
    (201, 0, 400, 1),
    (50, 3, 25, 0.02),
    (8, 0, 4, 0),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_windows_follow_the_rules(seed, settings, genome):
    rng = np.random.default_rng([seed, settings[0]])
    targets = ["Su(Hw)", "1", "NA"][: 1 + seed % 3]
    by_target = {target: random_peaks(rng, genome, 120, 350) for target in targets}
    excluded = random_peaks(rng, genome, 15 * (seed % 2), 50)[["chrom", "start", "end"]]
    windows, fates = make_windows(by_target, genome.sizes, excluded, genome.fasta, *settings)
    expected, expected_fates = windows_by_the_rules(by_target, genome, excluded, *settings)
    assert list(windows.columns) == ["chrom", "start", "end", "name", *targets]
    pd.testing.assert_frame_equal(windows, pd.DataFrame(expected, columns=windows.columns), check_dtype=False)
    for target in targets:
        assert fates.loc[fates["target"] == target, "fate"].tolist() == expected_fates[target]
    assert {"edge", "unknown_contig", "kept"} <= set(fates["fate"])
    if len(targets) > 1 and settings[0] > 8:
        assert windows[targets].isna().any(axis=None)

    report = windows_report(windows, fates, targets, *settings)
    for target in [*targets, "all"]:
        count = report[report["target"] == target].set_index("outcome")["count"]
        dropped = [name for name in count.index if name.startswith("dropped_")]
        assert count["peaks_read"] == 120 * (len(targets) if target == "all" else 1)
        assert count["peaks_read"] == count["peaks_kept"] + count[dropped].sum()
        ones = [sum(label == 1 for label in row[4:]) for row in expected]
        column = 4 + targets.index(target) if target != "all" else None
        of_target = sum(n > 0 for n in ones) if column is None else sum(row[column] == 1 for row in expected)
        assert count["windows"] == of_target
    assert report["criterion"].str.len().min() > 0


def test_the_order_of_peaks_and_targets_does_not_matter(genome):
    rng = np.random.default_rng(5)
    by_target = {target: random_peaks(rng, genome, 150, 350) for target in ("b", "a", "c")}
    settings = (genome.sizes, NOTHING, genome.fasta, 100, 10, 50, 0)
    windows, _ = make_windows(by_target, *settings)
    shuffled = {target: by_target[target].iloc[rng.permutation(150)] for target in ("c", "a", "b")}
    again, fates = make_windows(shuffled, *settings)
    pd.testing.assert_frame_equal(again[windows.columns], windows)
    assert len(fates) == 450
    twice, _ = make_windows({t: pd.concat([p, p]) for t, p in by_target.items()}, *settings)
    pd.testing.assert_frame_equal(twice, windows)  # a peak that stands twice weighs twice as much on both sides


def test_anchors_join_the_first_of_the_group_not_the_last():
    assert group_anchors([0, 60, 120, 180], 100).tolist() == [0, 0, 1, 1]
    assert group_anchors([0, 100, 101], 100).tolist() == [0, 0, 1]
    assert group_anchors([5, 5, 6], 0).tolist() == [0, 0, 1]
    assert group_anchors([], 10).tolist() == []


def test_windows_at_the_very_ends_are_kept_and_one_base_further_dropped(make_genome):
    genome = make_genome({"chr1": "ACGT" * 100})
    anchors = [49, 50, 350, 351]
    frame = peaks_of([("chr1", anchor, anchor + 1) for anchor in anchors])
    windows, fates = make_windows({"x": frame}, genome.sizes, NOTHING, genome.fasta, 100, 0, 0, 0)
    assert windows[["start", "end"]].to_numpy().tolist() == [[0, 100], [300, 400]]
    assert fates["fate"].tolist() == ["edge", "kept", "kept", "edge"]
    windows, _ = make_windows({"x": frame}, genome.sizes, NOTHING, genome.fasta, 100, 1, 0, 0)
    assert windows.empty


def test_the_other_target_beside_a_window_is_unknown_not_negative(make_genome):
    genome = make_genome({"chr1": "ACGT" * 500})
    peaks = {"a": peaks_of([("chr1", 495, 505)]), "b": peaks_of([("chr1", 560, 760)])}
    for jitter, label in ((0, 0), (10, 0), (11, None)):  # the stored window ends at 550, 560, 561
        windows, _ = make_windows(peaks, genome.sizes, NOTHING, genome.fasta, 100, jitter, 50, 0)
        assert windows.loc[0, "a"] == 1
        assert np.isnan(windows.loc[0, "b"]) if label is None else windows.loc[0, "b"] == label


def test_exactly_the_fraction_of_unknown_bases_is_kept(make_genome):
    # 0.29 * 100 is 28.999999999999996, so that 29 of 100 once counted as more than 29 %.
    for count, expected in ((29, 1), (30, 0)):
        genome = make_genome({"chr1": "A" * 50 + "N" * count + "C" * (200 - count)})
        windows, _ = make_windows(
            {"x": peaks_of([("chr1", 99, 101)])}, genome.sizes, NOTHING, genome.fasta, 100, 0, 0, 0.29
        )
        assert len(windows) == expected


def test_no_peak_on_a_known_contig_leaves_no_window(genome):
    windows, fates = make_windows(
        {"x": peaks_of([("chrUn", 5, 9)])}, genome.sizes, NOTHING, genome.fasta, 100, 0, 50, 0
    )
    assert windows.empty
    assert list(windows.columns) == ["chrom", "start", "end", "name", "x"]
    assert fates["fate"].tolist() == ["unknown_contig"]


def test_widened_by_a_margin_and_back():
    frame = pd.DataFrame({"chrom": ["a"], "start": [10], "end": [20], "name": ["x"]})
    assert widened(frame, 5)[["start", "end"]].to_numpy().tolist() == [[5, 25]]
    assert widened(widened(frame, 5), -5).equals(frame)


@pytest.mark.parametrize("first", ["chrom", "#chrom"])
def test_tables_of_windows_keep_names_as_text_and_labels_as_numbers(first, tmp_path):
    # pandas would turn NA and null into missing values, 1 into a number, and give 0/1 columns the type int.
    path = tmp_path / "windows.tsv"
    path.write_text(
        f"{first}\tstart\tend\tname\tscore\tstrand\tSu(Hw)\t1\tNA\tNaN\n"
        "NA\t1\t5\tnull\t0\t.\t1\tNaN\t0\tNaN\n"
        "1\t2\t6\tNone\t0\t.\t0\t1\t1\tNaN\n"
        "01\t3\t7\t7\t0\t.\t0\t1\t1\tNaN\n"
    )
    table = read_windows(path)
    assert list(table.columns) == ["chrom", "start", "end", "name", "score", "strand", "Su(Hw)", "1", "NA", "NaN"]
    assert table["chrom"].tolist() == ["NA", "1", "01"]
    assert table["name"].tolist() == ["null", "None", "7"]
    assert table["start"].dtype == np.int64
    targets = ["Su(Hw)", "1", "NA", "NaN"]
    assert all(table[target].dtype == np.float64 for target in targets)
    np.testing.assert_array_equal(table[targets], [[1, np.nan, 0, np.nan], [0, 1, 1, np.nan], [0, 1, 1, np.nan]])
