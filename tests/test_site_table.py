import gzip

import numpy as np
import pandas as pd
import pysam
import pytest

from cisflow.block_gzip import BLOCK, write_text
from cisflow.filter_scans import Sites
from cisflow.site_table import collected, placed_sites, strongest, write_sites

COMPLEMENT = str.maketrans("ACGT", "TGCA")
MOTIF = "GATTACAGGC"
LENGTH, MARGIN = 40, 7


def rows_of(chrom, start, strand, name=None):
    n = len(start)
    start = np.asarray(start, dtype=np.int64)
    return {
        "chrom": np.asarray(chrom), "start": start, "end": start + LENGTH + 2 * MARGIN, "stored": LENGTH + 2 * MARGIN,
        "strand": np.asarray(strand), "name": np.asarray(name or [f"peak_{i}" for i in range(n)]),
    }  # fmt: skip


def all_sites(sequences, number=0):
    """Where a motif stands in sequences, as a filter of its width would find it."""
    found = [(row, s.find(MOTIF)) for row, s in enumerate(sequences) if MOTIF in s]
    row, start = (np.array(part, dtype=np.int32) for part in zip(*found, strict=True))
    return Sites(row, np.full(len(row), number, dtype=np.int32), start, np.ones(len(row), dtype=np.float32))


@pytest.mark.parametrize("trim", [(0, 10), (2, 9)])
def test_sites_lie_where_the_motif_stands_on_the_genome(trim):
    # A genome with the motif on both strands, cut into stored sequences on both strands.
    rng = np.random.default_rng(0)
    genome = list("".join(rng.choice(list("ACGT"), 6000)).replace(MOTIF, "A" * 10))
    planted = {}
    for at in range(20, 5900, 55):
        strand = "+-"[int(rng.integers(2))]
        genome[at : at + 10] = MOTIF if strand == "+" else MOTIF.translate(COMPLEMENT)[::-1]
        planted[at] = strand
    genome = "".join(genome)
    start = rng.integers(0, 6000 - LENGTH - 2 * MARGIN, size=300)
    strand = rng.choice(["+", "-", "."], size=300)
    windows = []
    for begin, reads in zip(start, strand, strict=True):
        stored = genome[begin : begin + LENGTH + 2 * MARGIN]
        stored = stored.translate(COMPLEMENT)[::-1] if reads == "-" else stored
        windows.append(stored[MARGIN : MARGIN + LENGTH])
    starts, ends = np.array([trim[0]]), np.array([trim[1]])
    tables = []
    for is_reverse in (False, True):
        read = [window.translate(COMPLEMENT)[::-1] if is_reverse else window for window in windows]
        sites = all_sites(read)
        tables.append(placed_sites(sites, is_reverse, rows_of(["chr1"] * 300, start, strand), LENGTH, starts, ends))
    found = strongest(pd.concat(tables), 10_000)
    covered = {at for at in planted if ((start + MARGIN <= at) & (at + 10 <= start + MARGIN + LENGTH)).any()}
    assert len(covered) > 50
    # On the other strand, the cut off flanks change places.
    low = {"+": trim[0], "-": 10 - trim[1]}
    expected = {(at + low[planted[at]], at + low[planted[at]] + trim[1] - trim[0], planted[at]) for at in covered}
    assert set(found[["start", "end", "strand"]].itertuples(index=False, name=None)) == expected
    assert len(found) == len(expected)  # rows overlap, and each place stands once


def test_rows_without_a_place_stand_by_their_names():
    rows = rows_of(
        ["chr1", "chr1", "cluster_4"], [1000, 1000, 0], ["-", "-", "."],
        ["peak_1", "dinucleotide_shuffled_test_1", "enhancer 5"],
    )  # fmt: skip
    sites = Sites(*(np.array(part) for part in ([0, 1, 2], [0, 0, 0], [3, 3, 3], [1.0, 1.0, 1.0])))
    table = placed_sites(sites, False, rows, LENGTH, np.array([0]), np.array([10]))
    end = 1000 + MARGIN + LENGTH - 3
    assert table[["chrom", "start", "end", "strand"]].to_numpy().tolist() == [
        ["chr1", end - 10, end, "-"],
        ["dinucleotide_shuffled_test_1", MARGIN + 3, MARGIN + 13, "+"],
        ["enhancer 5", MARGIN + 3, MARGIN + 13, "+"],
    ]


def test_filters_without_a_pwm_have_no_sites_listed():
    sites = Sites(*(np.array(part) for part in ([0, 0], [0, 1], [3, 3], [1.0, 1.0])))
    rows = rows_of(["chr1"], [0], ["+"])
    table = placed_sites(sites, False, rows, LENGTH, np.array([0, 0]), np.array([0, 10]))
    assert table["number"].tolist() == [1]


def drawn_sites(n_sites, seed=0):
    rng = np.random.default_rng(seed)
    start = rng.integers(500, size=n_sites)
    return pd.DataFrame(
        {
            "chrom": rng.choice(["chr2", "chr10"], n_sites), "start": start, "end": start + 10,
            "number": rng.integers(3, size=n_sites), "score": rng.integers(50, size=n_sites).astype(np.float32),
            "strand": rng.choice(["+", "-"], n_sites),
        }
    )  # fmt: skip


@pytest.mark.parametrize("max_sites", [1, 20, 10_000])
def test_the_strongest_sites_are_kept_whatever_the_blocks(max_sites):
    sites = drawn_sites(5000)
    best = {}
    for *place, score in sites[["number", "chrom", "start", "strand", "score"]].itertuples(index=False, name=None):
        best[tuple(place)] = max(score, best.get(tuple(place), 0))
    expected = set()
    for number in range(3):
        own = sorted((-score, *place[1:]) for place, score in best.items() if place[0] == number)
        expected |= {(number, *place) for place in own[:max_sites]}
    blocks = [sites.iloc[at : at + 130] for at in range(0, 5000, 130)]
    for given in ([sites], blocks):
        listed, n_found = collected(iter(given), max_sites)
        rows = listed[["number", "score", "chrom", "start", "strand"]].itertuples(index=False, name=None)
        assert {(number, -score, *place) for number, score, *place in rows} == expected
        assert n_found == sites["number"].value_counts().to_dict()
        places = listed[["chrom", "start", "end", "number", "strand"]].to_numpy().tolist()
        assert places == sorted(places)
        assert len(listed) == len(expected)


@pytest.mark.parametrize("name", ["sites.bed", "sites.bed.gz"])
def test_written_sites_are_read_by_others(name, tmp_path):
    listed, _ = collected([drawn_sites(3000)], 10_000)
    path = tmp_path / name
    write_sites(path, listed)
    table = pd.read_csv(path, sep="\t")
    assert list(table) == ["#chrom", "start", "end", "filter", "score", "strand"]
    assert table["start"].tolist() == listed["start"].tolist()
    assert table["filter"].tolist() == [f"filter_{number}" for number in listed["number"]]
    if name.endswith(".gz"):
        pysam.tabix_index(str(path), preset="bed")  # BGZF, sorted
        with pysam.TabixFile(str(path)) as indexed:
            rows = [row.split("\t")[:3] for row in indexed.fetch("chr10", 100, 120)]
        near = listed[(listed["chrom"] == "chr10") & (listed["start"] < 120) & (listed["end"] > 100)]
        assert rows == near[["chrom", "start", "end"]].astype(str).to_numpy().tolist()
        assert len(rows) > 10


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3])
def test_bgzf_is_gzip_in_blocks(size, tmp_path):
    text = "".join(np.random.default_rng(size).choice(list("ACGTnø"), size))
    write_text(tmp_path / "a.gz", [text[at : at + 1000] for at in range(0, size, 1000)])
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == text
    with pysam.BGZFile(str(tmp_path / "a.gz")) as file:
        assert file.read().decode() == text
    write_text(tmp_path / "a.txt", [text])
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == text
