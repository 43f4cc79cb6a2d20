"""Targets that are measured in bigWigs: each in its own file, as pyBigWig measures it."""

import numpy as np
import pyBigWig
import pytest
from made_genomes import frame_of

from cisflow.target_signals import measured_targets

SIZES = {"chr2": 900, "NA": 400}
WINDOWS = frame_of([("chr2", 100, 160), ("NA", 0, 60), ("chr2", 840, 900), ("chr2", 300, 360), ("chr2", 100, 160)])


@pytest.fixture(scope="module")
def bigwigs(tmp_path_factory):
    """Two bigWigs of random heights; neither has data from 300 to 400 of chr2, and the second calls it 2."""
    folder, paths = tmp_path_factory.mktemp("signals"), {}
    for number, (target, chrom) in enumerate([("Su(Hw)", "chr2"), ("1", "2")]):
        paths[target] = str(folder / f"{number}.bw")
        starts = np.array([start for start in range(0, 900, 20) if not 300 <= start < 400])
        heights = np.random.default_rng(number).integers(1, 99, size=len(starts) + 1).astype(float)
        with pyBigWig.open(paths[target], "w") as bigwig:
            bigwig.addHeader([(chrom, 900), ("NA", 400)])
            bigwig.addEntries(
                [chrom] * len(starts), starts.tolist(), ends=(starts + 20).tolist(), values=heights[:-1].tolist()
            )
            bigwig.addEntries(["NA"], [50], ends=[70], values=heights[-1:].tolist())
    return paths


def expected(path, chrom_of, statistic, width=None):
    values = []
    with pyBigWig.open(path) as bigwig:
        for chrom, start, end in WINDOWS.itertuples(index=False):
            start, end = (start, end) if width is None else (start + 30 - width // 2, start + 30 - width // 2 + width)
            (value,) = bigwig.stats(chrom_of.get(chrom, chrom), start, end, type=statistic, exact=True)
            values.append(np.nan if value is None else value)
    return values


@pytest.mark.parametrize("statistic", ["mean", "max"])
@pytest.mark.parametrize("width", [None, 21, 60])
def test_every_target_is_measured_in_its_own_file(statistic, width, bigwigs):
    before = WINDOWS.copy(deep=True)
    found = measured_targets(WINDOWS, bigwigs, SIZES, {"2": "chr2"}, statistic, width)
    assert list(found) == ["Su(Hw)", "1"]
    np.testing.assert_allclose(found["Su(Hw)"], expected(bigwigs["Su(Hw)"], {}, statistic, width), rtol=1e-6)
    np.testing.assert_allclose(found["1"], expected(bigwigs["1"], {"chr2": "2"}, statistic, width), rtol=1e-6)
    assert not np.array_equal(found["Su(Hw)"], found["1"], equal_nan=True)
    assert WINDOWS.equals(before)


def test_bases_without_data_are_unknown_or_nothing(bigwigs):
    signals = {"x": bigwigs["Su(Hw)"]}
    unknown = measured_targets(WINDOWS, signals, SIZES, {})["x"]
    nothing = measured_targets(WINDOWS, signals, SIZES, {}, missing="zero")["x"]
    assert np.isnan(unknown).tolist() == [False, False, False, True, False]
    # Of the second window 10 of 60 bases have data.
    np.testing.assert_allclose(nothing, np.array([*unknown[:1], unknown[1] / 6, unknown[2], 0, unknown[4]]), rtol=1e-6)


def test_without_signals_and_without_windows_nothing_is_measured(bigwigs):
    assert measured_targets(WINDOWS, {}, SIZES, {}) == {}
    (found,) = measured_targets(WINDOWS.iloc[:0], {"x": bigwigs["Su(Hw)"]}, SIZES, {}).values()
    assert found.shape == (0,)
