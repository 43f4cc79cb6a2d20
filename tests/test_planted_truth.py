"""What a network found of planted motifs: filters whose motif, strand and offset are known by construction."""

import numpy as np
import pandas as pd
import pytest

from cisflow.meme import Motif, read_meme, reverse_complement
from cisflow.messages import InputError
from cisflow.planted_truth import (
    equivalents,
    found_motifs,
    named_sites,
    planted_table,
    recovery,
    same_sites,
    stored_sites,
)


@pytest.fixture(scope="module")
def database(repository):
    """Motifs of fungi, enough of them for p-values."""
    return list(read_meme(repository / "resources/jaspar/JASPAR2026_CORE_fungi_nonredundant.meme").values())


def motif(identifier, pwm):
    return Motif(identifier, "", np.asarray(pwm, dtype=float), 100)


def named(database, name):
    return next(one for one in database if one.name == name)


def flanked(pwm, left, right):
    """A PWM between positions that say little."""
    blank = np.array([[0.28, 0.24, 0.24, 0.24]])
    return np.vstack([np.repeat(blank, left, axis=0), pwm, np.repeat(blank, right, axis=0)])


# --- which motif a filter found ---------------------------------------------------------------------------------------


def test_filters_count_for_the_motif_that_they_hold_on_either_strand(database):
    planted = [named(database, "ABF1"), named(database, "REB1")]
    filters = [
        motif("filter_0", flanked(planted[0].pwm, 1, 0)),
        motif("filter_1", reverse_complement(planted[1].pwm)),
        motif("filter_2", np.eye(4)[[0, 1] * 6]),  # ACACACACACAC
    ]
    found = found_motifs(filters, planted, database, 1).set_index("filter")
    assert found["motif"]["filter_0"] == planted[0].identifier
    assert found["orientation"]["filter_0"] == "+"
    assert found["motif"]["filter_1"] == planted[1].identifier
    assert found["orientation"]["filter_1"] == "-"
    assert found["motif"].isna()["filter_2"]
    assert (found["q"][:2] < 0.01).all()


def test_a_motif_that_the_database_lacks_is_found_all_the_same(database):
    planted = [motif("primer", np.eye(4)[["ACGT".index(base) for base in "CGACCGAACTCC"]])]
    filters = [motif("filter_0", flanked(planted[0].pwm * 0.9 + 0.025, 2, 0))]
    row = found_motifs(filters, planted, database, 1).iloc[0]
    assert (row["match"], row["motif"], row["orientation"]) == ("primer", "primer", "+")
    assert row["q"] < 0.01


def test_another_version_in_the_database_counts_for_the_planted_one(database):
    held = named(database, "REB1")
    # As a later release may hold it: turned round, and a position shorter.
    planted = [motif("MA0363.1", reverse_complement(held.pwm)[:-1])]
    stands_for = equivalents(planted, [*database, *planted], 1)
    assert stands_for[held.identifier] == ("MA0363.1", "-")
    filters = [motif("filter_0", held.pwm)]
    row = found_motifs(filters, planted, database, 1).iloc[0]
    assert (row["match"], row["motif"], row["orientation"]) == (held.identifier, "MA0363.1", "-")


def test_a_motif_of_the_database_counts_for_one_planted_motif_alone(database):
    one = named(database, "ABF1")
    blurred = motif("blurred", one.pwm * 0.7 + 0.075)
    stands_for = equivalents([blurred, one], database, 1)
    assert stands_for[one.identifier] == (one.identifier, "+")
    assert stands_for["blurred"] == ("blurred", "+")


# --- where sites lie --------------------------------------------------------------------------------------------------

PLANTED = pd.DataFrame({"name": ["s1", "s2"], "sequence": ["AACCGGTTAACC", "TTTTGGGGCCCC"]})
SITES = pd.DataFrame(
    {
        "sequence": ["s1", "s1", "s2"],
        "motif": ["A", "B", "A"],
        "start": [0, 6, 4],
        "end": [4, 10, 8],
        "strand": ["+", "-", "+"],
    }
)


def rows_of(texts, start=0, window=None, names=("s1", "s2")):
    window = window or len(texts[0])
    return pd.DataFrame(
        {
            "chrom": [f"cluster_{number}" for number in range(len(texts))],
            "start": start,
            "end": start + window,
            "name": list(names),
            "sequence": texts,
        }
    )


def test_sites_of_whole_sequences_stay_where_they_are():
    kept, n_cut = stored_sites(SITES, PLANTED, rows_of(list(PLANTED["sequence"])))
    pd.testing.assert_frame_equal(kept, SITES)
    assert n_cut == 0


def test_sites_of_cut_sequences_are_shifted_and_those_cut_off_counted():
    kept, n_cut = stored_sites(SITES, PLANTED, rows_of(["CCGGTTAA", "TTGGGGCC"]))
    assert kept[["sequence", "start", "end"]].to_numpy().tolist() == [["s1", 4, 8], ["s2", 2, 6]]
    assert n_cut == 1


def test_sites_beside_flanks_are_shifted():
    rows = rows_of([f"gac{text}gac" for text in PLANTED["sequence"]])
    kept, n_cut = stored_sites(SITES, PLANTED, rows)
    assert kept["start"].tolist() == [3, 9, 7]
    assert n_cut == 0


def test_jitter_does_not_shift_sites():
    # The window is ten bases of the twelve that are stored.
    kept, _ = stored_sites(SITES, PLANTED, rows_of(list(PLANTED["sequence"]), start=1, window=10))
    assert kept["start"].tolist() == [0, 6, 4]


def test_sites_of_other_splits_are_left_out():
    kept, n_cut = stored_sites(SITES, PLANTED, rows_of(["TTTTGGGGCCCC"], names=["s2"]))
    assert kept["sequence"].tolist() == ["s2"]
    assert n_cut == 0


def test_rows_that_are_not_the_planted_set_are_refused():
    with pytest.raises(InputError, match="no row of the test split"):
        stored_sites(SITES, PLANTED, rows_of(list(PLANTED["sequence"]), names=["row_1", "row_2"]))
    with pytest.raises(InputError, match="s2 is not the sequence that was planted"):
        stored_sites(SITES, PLANTED, rows_of(["AACCGGTTAACC", "TTTTGGGGCCCA"]))


def bed(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "filter", "strand"])


def test_filter_sites_are_named_by_their_cluster_or_by_their_name():
    rows = rows_of(list(PLANTED["sequence"]))
    for chroms in (("cluster_0", "cluster_1"), ("s1", "s2")):
        sites = bed(*((chrom, 1, 5, "filter_0", "+") for chrom in (*chroms, "elsewhere")))
        named_rows, ambiguous = named_sites(sites, rows)
        assert named_rows["sequence"].tolist() == ["s1", "s2"]
        assert not ambiguous


def test_sequences_that_share_a_cluster_are_told_not_guessed():
    rows = rows_of(["AACC"] * 3, names=["s1", "s2", "s3"]).assign(chrom=["cluster_0", "cluster_0", "cluster_1"])
    sites = bed(("cluster_0", 0, 4, "filter_0", "+"), ("cluster_1", 0, 4, "filter_0", "+"))
    named_rows, ambiguous = named_sites(sites, rows)
    assert named_rows["sequence"].tolist() == ["s3"]
    assert ambiguous == {"s1", "s2"}


# --- which sites were found -------------------------------------------------------------------------------------------


def sites_at(*rows):
    return pd.DataFrame(rows, columns=["sequence", "start", "end", "strand"])


@pytest.mark.parametrize(("start", "same"), [(4, False), (5, True), (10, True), (15, True), (16, False)])
def test_sites_are_the_same_from_half_of_the_shorter_one_on(start, same):
    found, planted = sites_at(("s", start, start + 10, "+")), sites_at(("s", 10, 20, "+"))
    assert len(same_sites(found, planted)) == same
    wide = sites_at(("s", start - 20, start + 10, "+"))  # a wider filter counts by the shorter one
    assert len(same_sites(wide, planted)) == (start >= 5)


def test_sites_of_another_sequence_are_others():
    assert same_sites(sites_at(("s", 0, 9, "+")), sites_at(("t", 0, 9, "+"))).empty


def test_offset_reads_in_the_direction_of_the_motif():
    found = sites_at(("s", 8, 20, "+"), ("t", 8, 20, "-"))
    planted = sites_at(("s", 10, 20, "+"), ("t", 10, 20, "-"))
    pairs = same_sites(found, planted)
    assert pairs["offset"].tolist() == [-2, 0]
    assert pairs["same_strand"].all()


def simulated(rng, n=300, length=100, width=10, missed=0.3, wrong=0.2, offset=-2):
    """Planted sites, and those of a filter that misses a share, and a share of whose own sites are elsewhere."""
    start = rng.integers(40, length - 20, size=n)
    planted = pd.DataFrame({"sequence": [f"s{number}" for number in range(n)], "start": start})
    planted = planted.assign(end=start + width, strand=rng.choice(["+", "-"], n), motif="A")
    hit = planted[np.arange(n) >= missed * n]
    turned = hit["strand"] == "-"
    # A filter of 12 bases that begins `offset` from the motif's first base, as the motif reads.
    begin = np.where(turned, hit["end"] - offset - 12, hit["start"] + offset)
    found = pd.DataFrame({"sequence": hit["sequence"], "start": begin, "end": begin + 12, "strand": hit["strand"]})
    n_wrong = round(len(hit) * wrong / (1 - wrong))
    stray = pd.DataFrame({"sequence": planted["sequence"][:n_wrong], "start": 0, "end": 12, "strand": "+"})
    return pd.concat([found, stray], ignore_index=True).assign(filter="filter_0"), planted


def test_recovery_counts_what_was_built_in():
    found, planted = simulated(np.random.default_rng(1))
    names = list(planted["sequence"])
    told = recovery(found, planted, "filter_0", dict(zip(names, [*names[1:], names[0]], strict=True)))
    assert (told["n_sites"], told["n_recovered"], told["n_right_strand"]) == (300, 210, 210)
    assert told["recall"] == pytest.approx(0.7)
    assert told["precision"] == pytest.approx(210 / len(found))
    assert told["precision"] == pytest.approx(0.8, abs=0.01)
    assert (told["offset"], told["offset_share"]) == (-2, 1)
    assert told["recall_by_chance"] < 0.35  # uniform over 40 places


def test_the_table_reads_strands_as_the_motif_does(database):
    planted = [named(database, "ABF1"), named(database, "REB1")]
    found, truth = simulated(np.random.default_rng(2), missed=0, wrong=0)
    truth["motif"] = planted[0].identifier
    # A network that reads one strand: its filter of the reverse complement fires on `+` wherever the motif is on `-`.
    forward = found[found["strand"] == "+"].assign(filter="filter_0")
    backward = found[found["strand"] == "-"].assign(filter="filter_1", strand="+")
    by = pd.DataFrame(
        {
            "filter": ["filter_0", "filter_1", "filter_2"],
            "match": [planted[0].identifier] * 2 + [planted[1].identifier],
            "q": [1e-8, 1e-5, 0.02],
            "motif": [planted[0].identifier] * 2 + [planted[1].identifier],
            "orientation": ["+", "-", "+"],
        }
    )
    table = planted_table(planted, by, pd.concat([forward, backward]), truth, list(truth["sequence"]))
    table = table.set_index("name")
    assert table["found"].to_dict() == {"ABF1": True, "REB1": False}
    assert table["filters"].to_dict() == {"ABF1": "filter_0,filter_1", "REB1": ""}
    assert table["best_filter"].to_dict() == {"ABF1": "filter_0", "REB1": "filter_2"}  # the second: not below 0.01
    row = table.loc["ABF1"]
    assert (row["n_sites"], row["n_recovered"], row["n_right_strand"]) == (300, 300, 300)
    assert row["precision"] == 1
    alone = planted_table(planted, by[:1], forward, truth, list(truth["sequence"])).iloc[0]
    assert alone["n_recovered"] == len(forward)


def test_without_filters_nothing_is_found(database):
    planted = [named(database, "ABF1")]
    found = found_motifs([], planted, database, 1)
    truth = sites_at(("s", 0, 9, "+")).assign(motif=planted[0].identifier)
    sites = bed().rename(columns={"chrom": "sequence"})
    row = planted_table(planted, found, sites, truth, ["s"]).iloc[0]
    assert not row["found"]
    assert (row["n_sites"], row["n_recovered"], row["recall"]) == (1, 0, 0)
    assert np.isnan(row["precision"])
