"""Peaks to windows: against the four rules of the module, written down a second time in plain Python."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_genomes import frame_of, genome_of

from cisflow.genome import open_genome
from cisflow.windows import group_anchors, label_overlaps, make_windows, windows_report

NOTHING = frame_of([])
FATES = ("", "", "", "", "below_threshold", "not_in_top", "weak")


def peaks_of(rows, fates=None, values=None):
    """A table of peaks from (chrom, start, end) or (chrom, start, end, anchor)."""
    full = [(*row, (row[1] + row[2]) // 2) if len(row) == 3 else row for row in rows]
    peaks = pd.DataFrame(full, columns=["chrom", "start", "end", "anchor"]).astype({"chrom": object})
    peaks = peaks.assign(fate=pd.Series([""] * len(rows) if fates is None else fates, dtype=object))
    return peaks if values is None else peaks.assign(value=np.array(values, dtype=float))


def random_peaks(rng, sizes, number, spread, longest=300, fates=("",), with_values=False):
    """Peaks in heaps about a few centres, so that groups, overlaps and chromosome ends all come about."""
    chroms = [*sizes, "chrUn"]
    rows = []
    for _ in range(number):
        chrom = str(rng.choice(chroms))
        length = sizes.get(chrom, 5_000)
        centre = int(rng.integers(0, length)) if rng.random() < 0.5 else int(rng.integers(1, 7)) * 1_500 % length
        start = int(np.clip(centre + rng.integers(-spread, spread + 1), 0, length - 1))
        end = int(np.clip(start + rng.integers(1, longest), start + 1, length)) if chrom != "chrUn" else start + 9
        rows.append((chrom, start, end, int(rng.integers(start, end))))
    values = rng.integers(-50, 50, size=number) / 4 if with_values else None
    return peaks_of(rows, rng.choice(fates, size=number), values)


def windows_by_the_rules(
    peaks_by_target, sequences, excluded, length, max_jitter, merge_distance, max_n_fraction, edge_margin
):
    """Rules 1 to 4, and what drops a window, in loops: a list of windows, and the fate of every peak."""
    fates = {target: list(peaks["fate"]) for target, peaks in peaks_by_target.items()}
    windows = []
    for chrom, sequence in sequences.items():
        anchors = []
        for target, peaks in peaks_by_target.items():
            for position, row in enumerate(peaks.itertuples(index=False)):
                if row.fate == "" and row.chrom == chrom:
                    anchors.append((row.anchor, target, position))
                elif row.fate == "" and row.chrom not in sequences:
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
            unknown = sum(base not in "ACGT" for base in sequence[max(low, 0) : high].upper())
            if low < edge_margin or high > len(sequence) - edge_margin:
                fate = "edge"
            elif any(r.chrom == chrom and r.start < high and low < r.end for r in excluded.itertuples()):
                fate = "excluded"
            elif unknown / (high - low) > max_n_fraction:
                fate = "n"
            else:
                fate = "kept"
                labels = []
                for target, peaks in peaks_by_target.items():
                    own = [position for _, name, position in group if name == target]
                    near = any(r.chrom == chrom and r.start < high and low < r.end for r in peaks.itertuples())
                    if "value" in peaks:
                        labels.append(max((peaks["value"].iloc[position] for position in own), default=float("nan")))
                    else:
                        labels.append(1.0 if own else float("nan") if near else 0.0)
                windows.append([chrom, start, start + length, f"peak_{len(windows) + 1}", *labels])
            for _, target, position in group:
                fates[target][position] = fate
    return windows, fates


def check_report(windows, peaks, targets, task, settings_of_windows, expected_fates):
    """Counts add up for each target and for all, and are those of the fates."""
    report = windows_report(windows, peaks, targets, task, *settings_of_windows)
    assert report["criterion"].str.len().min() > 0
    assert list(report["target"].drop_duplicates()) == [*targets, "all"]
    for target in [*targets, "all"]:
        count = report[report["target"] == target].set_index("outcome")["count"]
        own = [fate for name in ([target] if target != "all" else targets) for fate in expected_fates[name]]
        own = [fate for fate in own if fate != "weak"]
        dropped = [name for name in count.index if name.startswith("dropped_")]
        assert count["peaks_read"] == len(own) == count["peaks_kept"] + count[dropped].sum()
        assert count["peaks_kept"] == own.count("kept")
        for name in dropped:
            assert count[name] == own.count(name.removeprefix("dropped_"))
        values = windows[targets if target == "all" else [target]].to_numpy()
        carries = (values == 1) if task == "binary" else (values == values)
        assert count["windows"] == carries.any(axis=1).sum()
        assert count["windows_unknown"] == (values != values).any(axis=1).sum()


# --- the rules --------------------------------------------------------------------------------------------------------

SETTINGS = [
    # length, max_jitter, merge_distance, max_n_fraction, edge_margin
    (200, 0, 100, 0, 0),
    (200, 20, 100, 0, 0),
    (101, 7, 0, 0.1, 150),
    (201, 0, 400, 1, 0),
    (50, 3, 25, 0.02, 1),
    (8, 0, 4, 0, 0),
]


@pytest.mark.parametrize("shape", SETTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_windows_follow_the_rules(seed, shape, genome):
    rng = np.random.default_rng([seed, shape[0]])
    targets = ["Su(Hw)", "1", "NA"][: 1 + seed % 3]
    fates = FATES if seed > 1 else ("",)
    by_target = {target: random_peaks(rng, genome.sizes, 120, 350, fates=fates) for target in targets}
    excluded = random_peaks(rng, genome.sizes, 15 * (seed % 2), 50)[["chrom", "start", "end"]]
    windows, peaks = make_windows(by_target, open_genome(genome.fasta), excluded, *shape)
    expected, expected_fates = windows_by_the_rules(by_target, genome.upper, excluded, *shape)
    assert list(windows.columns) == ["chrom", "start", "end", "name", *targets]
    pd.testing.assert_frame_equal(windows, pd.DataFrame(expected, columns=windows.columns), check_dtype=False)
    for target in targets:
        assert peaks.loc[peaks["target"] == target, "fate"].tolist() == expected_fates[target]
    assert {"edge", "unknown_contig", "kept"} <= set(peaks["fate"])
    if len(targets) > 1 and shape[0] > 8:
        assert windows[targets].isna().any(axis=None)
    check_report(windows, peaks, targets, "binary", shape, expected_fates)


@st.composite
def small_cases(draw):
    """Short chromosomes with unknown bases, peaks of up to three targets with and without values, regions, settings."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sequences = {}
    for name in draw(st.lists(st.sampled_from(["chr1", "NA", "1", "chr10"]), min_size=1, max_size=3, unique=True)):
        bases = rng.choice(list("ACGTacgtNR"), size=draw(st.integers(1, 250)), p=[0.12] * 8 + [0.02] * 2)
        sequences[name] = "".join(bases)
    sizes = {name: len(sequence) for name, sequence in sequences.items()}
    by_target = {}
    for target in ["b", "a", "NA"][: draw(st.integers(1, 3))]:
        number, with_values = draw(st.integers(1, 12)), draw(st.booleans())
        by_target[target] = random_peaks(rng, sizes, number, 40, 25, FATES, with_values)
    excluded = random_peaks(rng, sizes, draw(st.integers(0, 3)), 10, 15)[["chrom", "start", "end"]]
    length, jitter = draw(st.integers(8, 40)), draw(st.sampled_from([0, 0, 1, 7]))
    shape = (length, jitter, draw(st.integers(0, length // 2)), draw(st.sampled_from([0, 0.1, 0.29, 1])))
    return sequences, by_target, excluded, (*shape, draw(st.sampled_from([0, 0, 5, 30])))


@settings(max_examples=120, deadline=None, database=None)
@given(case=small_cases())
def test_windows_lie_within_chromosomes_and_every_peak_is_accounted_for(case):
    sequences, by_target, excluded, shape = case
    length, jitter, merge_distance, _, edge_margin = shape
    targets = list(by_target)
    windows, peaks = make_windows(by_target, genome_of(sequences), excluded, *shape)
    for row in windows.itertuples():
        assert row.end - row.start == length
        assert row.start - jitter - edge_margin >= 0
        assert row.end + jitter + edge_margin <= len(sequences[row.chrom])
        kept = peaks[(peaks["chrom"] == row.chrom) & (peaks["fate"] == "kept")]["anchor"]
        # The window lies about its anchors: the first and the last are equally far from the middle.
        middle = row.start + length // 2
        assert (abs(kept - middle) <= (merge_distance + 1) // 2).any()
    expected, expected_fates = windows_by_the_rules(by_target, sequences, excluded, *shape)
    assert windows.astype(object).where(windows.notna(), None).to_numpy().tolist() == [
        [None if value != value else value for value in row] for row in expected
    ]
    for target in targets:
        assert peaks.loc[peaks["target"] == target, "fate"].tolist() == expected_fates[target]
    for task in ("binary", "regression"):
        check_report(windows, peaks, targets, task, shape, expected_fates)


def test_the_order_of_peaks_and_targets_does_not_matter(genome):
    rng = np.random.default_rng(5)
    by_target = {target: random_peaks(rng, genome.sizes, 150, 350) for target in ("b", "a", "c")}
    shape = (open_genome(genome.fasta), NOTHING, 100, 10, 50, 0)
    windows, _ = make_windows(by_target, *shape)
    shuffled = {target: by_target[target].iloc[rng.permutation(150)] for target in ("c", "a", "b")}
    again, fates = make_windows(shuffled, *shape)
    pd.testing.assert_frame_equal(again[windows.columns], windows)
    assert len(fates) == 450
    twice, _ = make_windows({t: pd.concat([p, p]) for t, p in by_target.items()}, *shape)
    pd.testing.assert_frame_equal(twice, windows)  # a peak that stands twice weighs twice as much on both sides


@settings(max_examples=150, deadline=None, database=None)
@given(anchors=st.lists(st.integers(0, 200), max_size=20).map(sorted), distance=st.integers(0, 60))
def test_a_group_reaches_as_far_as_the_distance_from_its_first_anchor(anchors, distance):
    groups = group_anchors(anchors, distance).tolist()
    assert groups == sorted(groups)
    assert sorted(set(groups)) == list(range(len(set(groups))))
    members = [[a for a, g in zip(anchors, groups, strict=True) if g == group] for group in sorted(set(groups))]
    assert all(own[-1] - own[0] <= distance for own in members)
    assert all(after[0] - before[0] > distance for before, after in itertools.pairwise(members))


def test_anchors_join_the_first_of_the_group_not_the_last():
    assert group_anchors([0, 60, 120, 180], 100).tolist() == [0, 0, 1, 1]
    assert group_anchors([0, 100, 101], 100).tolist() == [0, 0, 1]
    assert group_anchors([5, 5, 6], 0).tolist() == [0, 0, 1]
    assert group_anchors([], 10).tolist() == []


# --- limits -----------------------------------------------------------------------------------------------------------


def test_windows_at_the_very_ends_are_kept_and_one_base_further_dropped():
    genome = genome_of({"chr1": "ACGT" * 100})
    anchors = [49, 50, 350, 351]
    frame = peaks_of([("chr1", anchor, anchor + 1) for anchor in anchors])
    windows, fates = make_windows({"x": frame}, genome, NOTHING, 100, 0, 0, 0)
    assert windows[["start", "end"]].to_numpy().tolist() == [[0, 100], [300, 400]]
    assert fates["fate"].tolist() == ["edge", "kept", "kept", "edge"]
    for jitter, margin in ((1, 0), (0, 1)):
        windows, _ = make_windows({"x": frame}, genome, NOTHING, 100, jitter, 0, 0, margin)
        assert windows.empty


def test_the_other_target_beside_a_window_is_unknown_not_negative():
    genome = genome_of({"chr1": "ACGT" * 500})
    peaks = {"a": peaks_of([("chr1", 495, 505)]), "b": peaks_of([("chr1", 560, 760)])}
    for jitter, label in ((0, 0), (10, 0), (11, None)):  # the stored window ends at 550, 560, 561
        windows, _ = make_windows(peaks, genome, NOTHING, 100, jitter, 50, 0)
        assert windows.loc[0, "a"] == 1
        assert np.isnan(windows.loc[0, "b"]) if label is None else windows.loc[0, "b"] == label


@pytest.mark.parametrize("fate", ["below_threshold", "not_in_top", "weak"])
def test_a_peak_that_is_not_used_makes_no_window_and_masks_the_label(fate):
    genome = genome_of({"chr1": "ACGT" * 500})
    peaks = {
        "a": peaks_of([("chr1", 495, 505), ("chr1", 900, 910)]),
        "b": peaks_of([("chr1", 480, 520), ("chr1", 1500, 1510)], [fate, fate]),
    }
    windows, found = make_windows(peaks, genome, NOTHING, 100, 0, 50, 0)
    assert windows["start"].tolist() == [450, 855]
    np.testing.assert_array_equal(windows["b"], [np.nan, 0])
    assert found["fate"].tolist() == ["kept", "kept", fate, fate]
    report = windows_report(windows, found, ["a", "b"], "binary", 100, 0, 50, 0).set_index(["target", "outcome"])
    # Weak peaks are lines of another file.
    assert report["count"]["b", "peaks_read"] == (0 if fate == "weak" else 2)
    assert report["count"]["b", "windows_unknown"] == 1


def test_a_value_is_the_largest_of_the_group_and_unknown_without_one():
    genome = genome_of({"chr1": "ACGT" * 500})
    peaks = {
        "a": peaks_of([("chr1", 499, 501), ("chr1", 519, 521), ("chr1", 999, 1001)], values=[-2.5, -1.5, 0]),
        "b": peaks_of([("chr1", 1000, 1002), ("chr1", 1499, 1501)], values=[7, 8]),
    }
    windows, _ = make_windows(peaks, genome, NOTHING, 100, 0, 50, 0)
    np.testing.assert_array_equal(windows[["a", "b"]], [[-1.5, np.nan], [0, 7], [np.nan, 8]])


def test_exactly_the_fraction_of_unknown_bases_is_kept():
    # 0.29 * 100 is 28.999999999999996, so that 29 of 100 once counted as more than 29 %.
    for count, expected in ((29, 1), (30, 0)):
        genome = genome_of({"chr1": "A" * 50 + "N" * count + "C" * (200 - count)})
        windows, _ = make_windows({"x": peaks_of([("chr1", 99, 101)])}, genome, NOTHING, 100, 0, 0, 0.29)
        assert len(windows) == expected


@pytest.mark.parametrize("fate", ["", "not_in_top"])
def test_no_peak_that_can_be_used_leaves_no_window(fate, genome):
    peaks = {"x": peaks_of([("chrUn" if fate == "" else "chr1", 5, 9)], [fate])}
    windows, fates = make_windows(peaks, open_genome(genome.fasta), NOTHING, 100, 0, 50, 0)
    assert windows.empty
    assert list(windows.columns) == ["chrom", "start", "end", "name", "x"]
    assert fates["fate"].tolist() == ["unknown_contig" if fate == "" else fate]
    report = windows_report(windows, fates, ["x"], "binary", 100, 0, 50, 0).set_index(["target", "outcome"])["count"]
    assert report["all", "peaks_read"] == 1
    assert report["all", "peaks_kept"] == report["all", "windows"] == 0


# --- overlaps of labels -----------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, database=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from([0.0, 1.0, 2.5, np.nan]), min_size=n, max_size=n), min_size=1, max_size=10
        )
    ),
    task=st.sampled_from(["binary", "regression"]),
)
def test_overlaps_count_the_windows_that_carry_both_targets(rows, task):
    targets = ["z", "1", "NA", "a"][: len(rows[0])]
    found = label_overlaps(pd.DataFrame(rows, columns=targets), targets, task)
    expected = []
    for first in range(len(targets)):
        for second in range(first, len(targets)):
            carries = [
                all(row[at] == 1 if task == "binary" else row[at] == row[at] for at in (first, second)) for row in rows
            ]
            expected.append([targets[first], targets[second], sum(carries)])
    assert found.to_numpy().tolist() == expected
    assert list(found.columns) == ["target_a", "target_b", "n_windows"]
    assert found["n_windows"].dtype == np.int64
