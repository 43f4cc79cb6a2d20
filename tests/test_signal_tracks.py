"""Signals of bigWigs: what is measured agrees with pyBigWig's own statistics and with the arrays that were written.

The bigWigs are written by pyBigWig, and read here by another library, so that the two check each other.
"""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow import signal_tracks
from cisflow.messages import InputError
from cisflow.signal_tracks import about_centre, binned_signal, window_signal

SIZES = {"chr2": 30_000, "chr10": 12_345, "chrM": 400}
STATISTICS = ("mean", "max", "log_sum")


def write_intervals(path, sizes, signals):
    """Write arrays (NaN where there is no data) as intervals of equal values."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([(name, sizes[name]) for name in signals], maxZooms=3)
        for chrom, signal in signals.items():
            cuts = np.flatnonzero(np.append(True, signal[1:] != signal[:-1]))  # NaN differs from NaN
            ends = np.append(cuts[1:], len(signal))
            kept = ~np.isnan(signal[cuts])
            if kept.any():
                bigwig.addEntries(
                    np.full(kept.sum(), chrom),
                    cuts[kept],
                    ends=ends[kept],
                    values=signal[cuts[kept]].astype(np.float64),
                )
    return str(path)


def random_signal(rng, length, lowest):
    """Steps of random length and height, a third of them without data and some zero."""
    starts = np.sort(rng.choice(length, size=max(1, length // 15), replace=False))
    heights = rng.uniform(lowest, 20, size=len(starts)).astype(np.float32)
    heights[rng.random(len(starts)) < 0.1] = 0
    heights[rng.random(len(starts)) < 0.33] = np.nan
    signal = np.full(length, np.nan, dtype=np.float32)
    for start, end, height in zip(starts, [*starts[1:], length], heights, strict=True):
        signal[start:end] = height
    return signal


@pytest.fixture(scope="module")
def gappy(tmp_path_factory):
    """A bigWig with gaps, zeros and a desert on two of three chromosomes, and the arrays that it holds."""
    rng = np.random.default_rng(5)
    signals = {chrom: random_signal(rng, SIZES[chrom], lowest=0) for chrom in ("chr2", "chr10")}
    signals["chr2"][8_000:11_000] = np.nan
    path = write_intervals(tmp_path_factory.mktemp("gappy") / "gappy.bw", SIZES, signals)
    return path, {**signals, "chrM": np.full(SIZES["chrM"], np.nan, dtype=np.float32)}


def random_loci(rng, sizes, number, width):
    """Windows in no order, at both ends of every chromosome too; some overlap, some repeat."""
    wide = [chrom for chrom, length in sizes.items() if length >= width]
    rows = [(chrom, start) for chrom in wide for start in (0, sizes[chrom] - width)]
    rows += [(chrom, int(rng.integers(sizes[chrom] - width + 1))) for chrom in rng.choice(wide, size=number)]
    rows += rows[: number // 5]
    loci = pd.DataFrame([rows[k] for k in rng.permutation(len(rows))], columns=["chrom", "start"])
    loci.index = rng.permutation(len(loci)) + 7  # a table whose rows were drawn from another has such labels
    return loci.assign(end=loci["start"] + width)


def expected_value(values, statistic, missing):
    """The definition, one window at a time."""
    values = values.astype(np.float64)
    known = np.nan_to_num(values) if missing == "zero" else values[~np.isnan(values)]
    if len(known) == 0:
        return np.nan
    return {"mean": np.mean, "max": np.max, "log_sum": lambda known: np.log(1 + known.sum())}[statistic](known)


def windows_of(loci):
    return list(loci[["chrom", "start", "end"]].itertuples(index=False, name=None))


# --- against pyBigWig -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def atac(shared_data):
    """The real ATAC coverage of yeast, its genome, and the file opened by pyBigWig."""
    folder = shared_data / "yeast"
    lines = (folder / "sacCer3.chrom.sizes").read_text().splitlines()
    sizes = {name: int(length) for name, length in (line.split() for line in lines)}
    path = str(folder / "atac_SRR1822137_500k_fragments.bw")
    with pyBigWig.open(path) as opened:
        yield path, sizes, opened


@pytest.mark.parametrize("width", [200, 1001])
def test_targets_of_the_real_file_are_the_exact_statistics_of_pybigwig(width, atac):
    path, sizes, opened = atac
    loci = random_loci(np.random.default_rng(width), sizes, 500, width)
    for statistic in ("mean", "max"):
        expected = [opened.stats(*window, type=statistic, exact=True)[0] for window in windows_of(loci)]
        found = window_signal(path, loci, statistic, "nan", None, sizes, {})
        np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-6)
    expected = [np.log1p(np.nansum(opened.values(*window))) for window in windows_of(loci)]
    np.testing.assert_allclose(window_signal(path, loci, "log_sum", "nan", None, sizes, {}), expected, rtol=1e-6)


def test_tracks_of_the_real_file_are_the_exact_statistics_of_pybigwig(atac):
    path, sizes, opened = atac
    loci = random_loci(np.random.default_rng(1), sizes, 12, 4000)
    found = binned_signal(path, loci, 400, sizes, {}, "nan")
    assert found.dtype == np.float32
    statistics = [opened.stats(*window, nBins=400, exact=True) for window in windows_of(loci)]
    np.testing.assert_allclose(found, np.array(statistics, dtype=float), rtol=1e-6)
    values = np.array([opened.values(*window) for window in windows_of(loci)])
    np.testing.assert_allclose(found, np.nanmean(values.reshape(len(loci), 400, 10), axis=2), rtol=1e-6)


def test_targets_and_tracks_of_a_file_with_gaps_are_those_of_pybigwig(gappy):
    path, _ = gappy
    loci = random_loci(np.random.default_rng(2), {name: SIZES[name] for name in ("chr2", "chr10")}, 200, 600)
    with pyBigWig.open(path) as opened:
        for statistic in ("mean", "max"):
            expected = [opened.stats(*window, type=statistic, exact=True)[0] for window in windows_of(loci)]
            found = window_signal(path, loci, statistic, "nan", None, SIZES, {})
            np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-6)
            assert np.isnan(found).any()
        expected = [opened.stats(*window, nBins=30, exact=True) for window in windows_of(loci)]
    np.testing.assert_allclose(
        binned_signal(path, loci, 30, SIZES, {}, "nan"), np.array(expected, dtype=float), rtol=1e-6
    )


# --- against what was written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["nan", "zero"])
@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("width", [None, 1, 50, 199, 300])
def test_targets_are_what_was_written(width, statistic, missing, gappy):
    path, signals = gappy
    loci = random_loci(np.random.default_rng(3), {name: SIZES[name] - 100 for name in ("chr2", "chr10")}, 300, 201)
    loci[["start", "end"]] += 50  # clear of the ends, for the wider width
    expected = []
    for chrom, start, end in windows_of(loci):
        if width is not None:
            start = start + (end - start) // 2 - width // 2
            end = start + width
        expected.append(expected_value(signals[chrom][start:end], statistic, missing))
    found = window_signal(path, loci, statistic, missing, width, SIZES, {})
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.isnan(found).any() == (missing == "nan")


@pytest.mark.parametrize("missing", ["nan", "zero"])
@pytest.mark.parametrize(("width", "bins"), [(1, 1), (7, 7), (400, 1), (400, 40), (400, 400), (6000, 3)])
def test_tracks_are_what_was_written(width, bins, missing, gappy):
    path, signals = gappy
    loci = random_loci(np.random.default_rng(4), SIZES, 60, width)
    expected = [
        [expected_value(part, "mean", missing) for part in signals[chrom][start:end].reshape(bins, -1)]
        for chrom, start, end in windows_of(loci)
    ]
    np.testing.assert_allclose(binned_signal(path, loci, bins, SIZES, {}, missing), expected, rtol=1e-6)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_bins_of_any_signal_are_means_of_its_bases(data, tmp_path_factory):
    length = data.draw(st.integers(1, 120))
    heights = st.one_of(st.just(np.nan), st.just(0.0), st.floats(-1e6, 1e6, width=32))
    signal = np.array(data.draw(st.lists(heights, min_size=length, max_size=length)), dtype=np.float32)
    if np.isnan(signal).all():
        signal[0] = 1
    bins, size = data.draw(st.integers(1, length)), data.draw(st.integers(1, 10))
    size = min(size, length // bins)
    starts = data.draw(st.lists(st.integers(0, length - bins * size), min_size=1, max_size=6))
    path = write_intervals(tmp_path_factory.mktemp("any") / "a.bw", {"c": length}, {"c": signal})
    loci = pd.DataFrame({"chrom": "c", "start": starts}).assign(end=lambda frame: frame["start"] + bins * size)
    for missing in ("nan", "zero"):
        expected = [
            [expected_value(part, "mean", missing) for part in signal[start:end].reshape(bins, size)]
            for _, start, end in windows_of(loci)
        ]
        np.testing.assert_allclose(
            binned_signal(path, loci, bins, {"c": length}, {}, missing), expected, rtol=1e-6, atol=1e-9
        )


def test_the_three_kinds_of_sections_give_the_same(tmp_path):
    signal = np.random.default_rng(6).gamma(1, 3, size=500).astype(np.float32)
    loci = random_loci(np.random.default_rng(7), {"c": 500}, 40, 60)
    found = []
    for kind in ("bedGraph", "variableStep", "fixedStep"):
        path = str(tmp_path / f"{kind}.bw")
        with pyBigWig.open(path, "w") as bigwig:
            bigwig.addHeader([("c", 500)])
            heights = signal[::5].astype(np.float64)
            starts = np.arange(0, 500, 5)
            if kind == "bedGraph":
                bigwig.addEntries(np.full(100, "c"), starts, ends=starts + 5, values=heights)
            elif kind == "variableStep":
                bigwig.addEntries("c", starts, values=heights, span=5)
            else:
                bigwig.addEntries("c", 0, values=heights, span=5, step=5)
        found.append(binned_signal(path, loci, 12, {"c": 500}, {}, "nan"))
    expected = [np.repeat(signal[::5], 5)[start:end].reshape(12, 5).mean(axis=1) for _, start, end in windows_of(loci)]
    for binned in found:
        np.testing.assert_allclose(binned, expected, rtol=1e-6)


def test_large_values_do_not_blur_small_ones_of_the_same_chromosome(tmp_path):
    # Differences of running sums over a chromosome would: 1e30 leaves nothing of what follows it.
    signal = np.full(1000, 0.25, dtype=np.float32)
    signal[100] = 1e30
    path = write_intervals(tmp_path / "a.bw", {"c": 1000}, {"c": signal})
    loci = pd.DataFrame({"chrom": "c", "start": [0, 500], "end": [500, 1000]})
    binned = binned_signal(path, loci, 50, {"c": 1000}, {}, "nan")
    assert np.delete(binned.ravel(), 10).tolist() == [0.25] * 99


def test_the_result_does_not_depend_on_order_or_on_how_much_is_read_at_a_time(gappy, monkeypatch):
    path, _ = gappy
    loci = random_loci(np.random.default_rng(8), SIZES, 200, 120)
    whole = binned_signal(path, loci, 12, SIZES, {}, "nan")
    order = np.random.default_rng(9).permutation(len(loci))
    np.testing.assert_array_equal(binned_signal(path, loci.iloc[order], 12, SIZES, {}, "nan"), whole[order])
    for bases in (1, 120, 121, 5000):
        monkeypatch.setattr(signal_tracks, "VALUES_AT_ONCE", bases)
        np.testing.assert_array_equal(binned_signal(path, loci, 12, SIZES, {}, "nan"), whole)


def test_the_centre_is_that_of_the_windows():
    # A window of length L centred on c is [c - L // 2, c - L // 2 + L).
    loci = pd.DataFrame({"chrom": "c", "start": [100, 100], "end": [200, 201], "name": ["a", "b"]})
    for width in (1, 2, 9, 10, 300):
        found = about_centre(loci, width)
        assert found["start"].tolist() == [150 - width // 2] * 2
        assert found["end"].tolist() == [150 - width // 2 + width] * 2
        assert found["name"].tolist() == ["a", "b"]
    for length in (7, 8):
        own = pd.DataFrame({"chrom": ["c"], "start": [50 - length // 2], "end": [50 - length // 2 + length]})
        pd.testing.assert_frame_equal(about_centre(own, length), own)


# --- what is missing --------------------------------------------------------------------------------------------------


def test_a_chromosome_that_the_bigwig_lacks_has_no_data_and_is_told(gappy, capsys):
    path, _ = gappy
    loci = pd.DataFrame({"chrom": ["chrM", "chr2", "chr2", "chrM"], "start": [0, 9_000, 20_000, 300]})
    loci["end"] = loci["start"] + 100
    found = window_signal(path, loci, "mean", "nan", None, SIZES, {})
    assert np.isnan(found).tolist() == [True, True, False, True]
    assert "no data in 3 of 4 windows of 100 bp, 2 of them on what it lacks, chrM" in capsys.readouterr().out
    assert np.isnan(binned_signal(path, loci, 4, SIZES, {}, "nan")).all(axis=1).tolist() == [True, True, False, True]
    for statistic in STATISTICS:
        found = window_signal(path, loci, statistic, "zero", None, SIZES, {})
        assert (found == 0).tolist() == [True, True, False, True]
    assert (binned_signal(path, loci, 4, SIZES, {}, "zero") == 0).all(axis=1).tolist() == [True, True, False, True]


def test_nothing_is_said_where_every_window_has_data(gappy, capsys):
    path, _ = gappy
    window_signal(path, pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [2000]}), "mean", "nan", None, SIZES, {})
    assert capsys.readouterr().out == ""


def test_aliases_lead_to_the_names_in_the_file(tmp_path):
    path = write_intervals(tmp_path / "a.bw", {"2": 100, "M": 50}, {"2": np.full(100, 2.0), "M": np.full(50, 3.0)})
    loci = pd.DataFrame({"chrom": ["chrM", "chr2"], "start": 0, "end": 50})
    sizes = {"chr2": 100, "chrM": 50}
    assert window_signal(path, loci, "max", "nan", None, sizes, {"2": "chr2", "M": "chrM"}).tolist() == [3, 2]


def test_nan_in_a_bigwig_is_no_data(tmp_path):
    path = str(tmp_path / "a.bw")
    with pyBigWig.open(path, "w") as bigwig:
        bigwig.addHeader([("c", 40)])
        bigwig.addEntries(["c"] * 3, [0, 10, 20], ends=[10, 20, 30], values=[4.0, float("nan"), 6.0])
    loci = pd.DataFrame({"chrom": "c", "start": [0, 10, 20], "end": [20, 30, 40]})
    assert window_signal(path, loci, "mean", "nan", None, {"c": 40}, {}).tolist() == [4, 6, 6]
    assert window_signal(path, loci, "mean", "zero", None, {"c": 40}, {}).tolist() == [2, 3, 3]
    middle = pd.DataFrame({"chrom": ["c"], "start": [10], "end": [20]})
    assert np.isnan(window_signal(path, middle, "max", "nan", None, {"c": 40}, {})).all()


@pytest.mark.parametrize("height", [float("inf"), float("-inf")])
def test_an_infinite_value_is_a_mistake_with_its_place(height, tmp_path):
    path = str(tmp_path / "a.bw")
    with pyBigWig.open(path, "w") as bigwig:
        bigwig.addHeader([("c", 400)])
        bigwig.addEntries(["c"] * 2, [0, 210], ends=[10, 220], values=[4.0, height])
    loci = pd.DataFrame({"chrom": "c", "start": [200, 0], "end": [300, 100]})
    for measure in (
        lambda loci: window_signal(path, loci, "mean", "nan", None, {"c": 400}, {}),
        lambda loci: binned_signal(path, loci, 10, {"c": 400}, {}, "zero"),
    ):
        with pytest.raises(InputError, match=f"found {height} at base 210 of c"):
            measure(loci)
        measure(loci.iloc[1:])  # what no window touches is not asked


def test_the_maximum_of_negative_values(tmp_path):
    signal = np.full(100, np.nan)
    signal[:60] = -3
    signal[10:20] = -2
    path = write_intervals(tmp_path / "a.bw", {"c": 100}, {"c": signal})
    loci = pd.DataFrame({"chrom": "c", "start": [0, 40], "end": [50, 90]})
    assert window_signal(path, loci, "max", "nan", None, {"c": 100}, {}).tolist() == [-2, -3]
    assert window_signal(path, loci, "max", "zero", None, {"c": 100}, {}).tolist() == [-2, 0]


@pytest.mark.parametrize(("height", "bad"), [(-0.05, False), (-0.124, False), (-0.125, True), (-5, True)])
def test_sums_without_a_logarithm_are_told_by_window(height, bad, tmp_path):
    signal = np.full(100, 1.0)
    signal[40:48] = height
    path = write_intervals(tmp_path / "a.bw", {"c": 100}, {"c": signal})
    loci = pd.DataFrame({"chrom": "c", "start": [0, 40], "end": [8, 48]})
    if not bad:
        found = window_signal(path, loci, "log_sum", "nan", None, {"c": 100}, {})
        np.testing.assert_allclose(found, np.log([9, 1 + 8 * height]), rtol=1e-5)
        return
    with pytest.raises(InputError, match="1 windows have no log_sum") as caught:
        window_signal(path, loci, "log_sum", "nan", None, {"c": 100}, {})
    assert "c:40-48" in caught.value.why
    assert "signals.statistic" in caught.value.fix


# --- windows that cannot be measured ----------------------------------------------------------------------------------


def test_no_windows_give_no_values(gappy):
    path, _ = gappy
    loci = pd.DataFrame({"chrom": [], "start": [], "end": []}).astype({"chrom": str, "start": int, "end": int})
    assert binned_signal(path, loci, 40, SIZES, {}, "nan").shape == (0, 40)
    assert window_signal(path, loci, "mean", "nan", 50, SIZES, {}).shape == (0,)


@pytest.mark.parametrize("bins", [0, -1, 3, 200])
def test_bins_that_do_not_divide_the_width_are_refused(bins, gappy):
    path, _ = gappy
    with pytest.raises(InputError, match=f"{bins} bins do not divide a window of 100 bases"):
        binned_signal(path, pd.DataFrame({"chrom": ["chr2"], "start": [5], "end": [105]}), bins, SIZES, {}, "nan")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("chr2", 0, 100), ("chr2", 0, 101)], "windows of different widths.*100, 101"),
        ([("chr2", 5, 5)], "different widths"),
        ([("chr2", -1, 99)], "chr2:-1-99"),
        ([("chr2", 0, 100), ("chr10", 12_246, 12_346)], "1 windows do not lie.*chr10:12246-12346, of 2"),
        ([("chrUn", 0, 100)], "chrUn:0-100"),
    ],
)
def test_windows_of_no_one_width_or_outside_are_refused(rows, message, gappy):
    path, _ = gappy
    loci = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    for measure in (
        lambda: binned_signal(path, loci, 1, SIZES, {}, "nan"),
        lambda: window_signal(path, loci, "mean", "nan", None, SIZES, {}),
    ):
        with pytest.raises(InputError, match=f"(?s){message}"):
            measure()


def test_a_width_that_passes_the_end_is_refused(gappy):
    path, _ = gappy
    loci = pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [200]})
    with pytest.raises(InputError, match="chr2:-50-250"):
        window_signal(path, loci, "mean", "nan", 300, SIZES, {})


def test_an_unknown_statistic_is_refused(gappy):
    path, _ = gappy
    loci = pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [200]})
    with pytest.raises(ValueError, match="'median'"):
        window_signal(path, loci, "median", "nan", None, SIZES, {})


# --- damaged files ----------------------------------------------------------------------------------------------------


def test_a_damaged_block_is_told_where_a_window_needs_it(gappy, tmp_path):
    path, _ = gappy
    with open(path, "rb") as handle:
        content = bytearray(handle.read())
    start = int.from_bytes(content[16:24], "little") + 8  # the first compressed block, behind the number of blocks
    content[start + 40 : start + 60] = bytes(20)
    (tmp_path / "bad.bw").write_bytes(content)
    with pyBigWig.open(path) as opened:
        first = next(iter(opened.chroms()))  # whose data stand first
    loci = pd.DataFrame({"chrom": [first], "start": [0], "end": [500]})
    with pytest.raises(InputError, match=r"bad\.bw is damaged"):
        window_signal(tmp_path / "bad.bw", loci, "mean", "nan", None, SIZES, {})


READ_DAMAGED = """
import collections, sys
from pathlib import Path
import numpy as np, pandas as pd
from cisflow.messages import InputError
from cisflow.signal_tracks import window_signal
good, bad, sizes = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), {"chr2": 30_000, "chr10": 12_345}
index = int.from_bytes(good[24:32], "little")
rows = [(chrom, start, start + 345) for chrom in sizes for start in range(0, sizes[chrom] - 345, 345)]
loci = pd.DataFrame(rows, columns=["chrom", "start", "end"])
rng, outcomes = np.random.default_rng(11), collections.Counter()
for first, last, number in ((0, 64, 60), (64, 400, 60), (400, len(good), 60), (index, index + 120, 60)):
    for _ in range(number):
        content = bytearray(good)
        for place in rng.integers(first, last, size=rng.integers(1, 5)):
            content[place] = rng.choice([0, 255, rng.integers(256), content[place] ^ 1])
        bad.write_bytes(content)
        try:
            window_signal(bad, loci, "mean", "nan", None, sizes, {})
            outcomes["read"] += 1
        except InputError:
            outcomes["refused"] += 1
print(dict(outcomes), file=sys.stderr)
assert sum(outcomes.values()) == 240 and outcomes["refused"] > 80, outcomes
"""


def test_no_damage_ends_the_process(gappy, repository, tmp_path):
    # Other libraries die by a signal on some of these files, which would leave a job without a word in its log.
    path, _ = gappy
    environment = {**os.environ, "PYTHONPATH": str(repository / "scripts")}
    command = [sys.executable, "-c", READ_DAMAGED, path, str(tmp_path / "bad.bw")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
