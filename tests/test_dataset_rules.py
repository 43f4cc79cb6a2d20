"""Rows of the sheets held against one another and against the configuration: what is told, and what is not.

Each rule with its file, line and words stands in test_configuration.py; here are the rules as a whole.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.dataset_rules import dataset_problems, negatives_of, row_problems, takes_negatives, task_of

COLUMNS = (
    *("dataset", "target", "peaks", "sequences", "sha256", "task", "value", "signal", "signal_sha256", "rank_by"),
    *("top", "min_score", "weak_peaks", "weak_peaks_sha256", "negatives", "negatives_sha256"),
)


def row_of(line=2, **fields):
    door = {} if "sequences" in fields or "peaks" in fields else {"peaks": "peaks.bed"}
    return {**dict.fromkeys(COLUMNS, ""), "dataset": "tiny", "target": "factor", **door, **fields, "line": line}


NEGATIVES = {"per_positive": 1, "kinds": {"gc_matched": 1}, "flank_distance": [500, 5000], "datasets": {}}


def settings_of(**sections):
    return {
        "genome": {"name": "made", "fasta": "genome.fa"},
        "windows": {"length": 60},
        "folds": {"holdout": {"val": ["a"], "test": ["b"]}},
        "evaluate": {"across": []},
        "tracks": {"sheet": None, "width": 4000, "bin": 10},
        "targets": {"transform": []},
        **sections,
        "negatives": NEGATIVES | sections.get("negatives", {}),
    }


def told(rows, track_rows=(), /, **sections):
    return list(dataset_problems(list(rows), list(track_rows), settings_of(**sections), "datasets.tsv"))


# --- tasks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "binary"),
        ({"value": "score"}, "regression"),
        ({"signal": "x.bw"}, "regression"),
        ({"task": "binary"}, "binary"),
        ({"task": "regression", "value": "7"}, "regression"),
        ({"sequences": "library.tsv"}, "regression"),
        ({"sequences": "library.tsv", "task": "binary"}, "binary"),
        ({"sequences": "library.tsv", "value": "activity"}, "regression"),
    ],
)
def test_the_task_follows_from_what_a_target_is_made_of(fields, expected):
    assert task_of(row_of(**fields)) == expected
    assert list(row_problems(row_of(**fields), "here")) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{}], True),
        ([{"signal": "x.bw"}], True),  # a bigWig says the value of any window
        ([{"value": "score"}], False),
        ([{"value": "score"}, {"signal": "x.bw"}], True),
        ([{"value": "score"}, {"value": "7"}], False),
        ([{"task": "regression", "value": "score"}], False),
        ([{}, {"task": "binary"}], True),
    ],
)
def test_negatives_are_drawn_where_their_value_is_known(rows, expected):
    assert takes_negatives([row_of(**fields) for fields in rows]) is expected


# --- rows -------------------------------------------------------------------------------------------------------------

FIELDS = {
    "peaks": ["", "peaks.bed"],
    "sequences": ["", "library.tsv"],
    "task": ["", "binary", "regression"],
    "value": ["", "score", "qValue", "4", "64", "3", "65", "-4", "rank", "x", "\u0665"],  # the last is an Arabic 5
    "signal": ["", "signal.bw"],
    "rank_by": ["", "rank", "pValue", "10", "0", "x"],
    "top": ["", "10"],
    "min_score": ["", "2.5"],
    "weak_peaks": ["", "weak.bed"],
    "negatives": ["", "own.bed"],
}
ROWS = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FIELDS.items()})


def is_column(text, names):
    return text in names or text in {str(number) for number in range(4, 65)}


@settings(max_examples=400, deadline=None, database=None)
@given(fields=ROWS)
def test_a_row_is_without_a_mistake_if_it_keeps_to_the_manual(fields):
    row = row_of(**fields)
    bed = {"score", "signalValue", "pValue", "qValue"}
    peaks, sequences, valued = bool(row["peaks"]), bool(row["sequences"]), row["value"] or row["signal"]
    own_to_peaks = [row[name] for name in ("rank_by", "top", "min_score", "weak_peaks", "negatives", "signal")]
    if sequences:
        good = not peaks and not any(own_to_peaks)
    else:
        good = (
            peaks
            and not (row["value"] and row["signal"])
            and (not row["value"] or is_column(row["value"], bed))
            and (not row["rank_by"] or is_column(row["rank_by"], {*bed, "rank"}))
            and not (row["rank_by"] and not row["top"] and not row["min_score"])
            and not (row["min_score"] and row["rank_by"] in ("", "rank"))
            and row["task"] in ("", "regression" if valued else "binary")
        )
    found = list(row_problems(row, "here"))
    assert (found == []) == bool(good)
    for parts in found:
        assert len(parts) == 4
        assert parts[0] == "here"
        assert all(isinstance(part, str) and part for part in parts)


@settings(max_examples=200, deadline=None, database=None)
@given(
    fields=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), ROWS), min_size=1, max_size=5),
    tracks=st.lists(st.tuples(st.sampled_from(["*", "a", "z"]), st.sampled_from(["ATAC", "H3"])), max_size=4),
    kinds=st.lists(
        st.sampled_from(["gc_matched", "dinucleotide_shuffle", "flanking", "other_peaks", "bed"]), min_size=1
    ),
    with_genome=st.booleans(),
    per_positive=st.sampled_from([0, 1]),
    in_training=st.sampled_from([None, 0, 3]),
    flank=st.sampled_from([[0, 0], [500, 5000], [9, 3]]),
    width=st.sampled_from([40, 400, 405]),
    folds=st.sampled_from([{"holdout": {}}, {"k": 5}, {"k": 5, "by": "cluster"}, {"column": "split"}]),
)
def test_any_sheet_is_checked_to_its_end(
    fields, tracks, kinds, with_genome, per_positive, in_training, flank, width, folds
):
    numbers = {"per_positive": per_positive, "per_positive_training": in_training}
    rows = [row_of(line=n, dataset=name, target=f"t{n}", **row) for n, (name, row) in enumerate(fields, start=2)]
    lines = [{"dataset": name, "track": track, "line": n} for n, (name, track) in enumerate(tracks, start=2)]
    found = told(
        rows,
        lines,
        genome={"name": "made"} if with_genome else None,
        negatives={**numbers, "kinds": dict.fromkeys(kinds, 1), "flank_distance": flank},
        tracks={"sheet": "tracks.tsv" if tracks else None, "width": width, "bin": 10},
        folds=folds,
    )
    assert all(len(parts) == 4 and all(isinstance(part, str) and part for part in parts) for parts in found)
    assert len(set(found)) == len(found)  # nothing is told twice
    # Every mistake of a row is told with the line of that row.
    for row in rows:
        assert set(row_problems(row, f"datasets.tsv, line {row['line']}")) <= set(found)
    assert ("negatives.flank_distance" in {parts[0] for parts in found}) == (flank[0] > flank[1])


def test_sheets_of_many_datasets_that_fit_have_no_problem():
    rows = [row_of(line=n, dataset=f"set_{n % 690}", target=f"t{n}") for n in range(1_400)]
    assert told(rows) == []
    kinds = {"other_peaks": 1, "gc_matched": 1}
    assert told(rows, negatives={"per_positive": 1, "kinds": kinds, "flank_distance": [0, 5]}) == []


# --- what is told once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3, 690])
def test_a_mistake_of_the_configuration_is_told_once_for_all_datasets(number):
    rows = [row_of(line=n, dataset=f"set_{n}") for n in range(2, number + 2)]
    sections = [
        {"genome": None},
        {"folds": {"column": "split"}},
        {"folds": {"k": 5, "by": "cluster"}},
        {"negatives": {"per_positive": 1, "kinds": {"flanking": 1}, "flank_distance": [5, 1]}},
        {"tracks": {"sheet": "tracks.tsv", "width": 4001, "bin": 10}},
    ]
    for changed in sections:
        assert len(told(rows, **changed)) == 1
    assert len(told(rows, **{key: value for changed in sections for key, value in changed.items()})) == 4


def test_kinds_of_negatives_do_not_matter_where_none_are_drawn():
    negatives = {"per_positive": 0, "kinds": {"bed": 1, "other_peaks": 1}, "flank_distance": [0, 1]}
    two = [row_of(), row_of(line=3, target="b")]
    assert told(two, negatives=negatives) == []
    assert len(told(two, negatives={**negatives, "per_positive": 0.1})) == 2
    assert len(told(two, negatives={**negatives, "per_positive_training": 0.1})) == 2
    assert len(told(two, negatives={**negatives, "per_positive": 0.1, "per_positive_training": 0})) == 2


def test_one_target_of_labels_needs_negatives():
    # A run ended well with splits of positives alone.
    (problem,) = told([row_of()], negatives={"per_positive": 0, "kinds": {"gc_matched": 1}, "flank_distance": [0, 1]})
    assert "negatives.per_positive is 0" in problem[1]


@pytest.mark.parametrize("in_training", [None, 0, 0.5, 3])
@pytest.mark.parametrize("elsewhere", [0, 1])
def test_one_target_of_labels_needs_negatives_in_training_too(elsewhere, in_training):
    numbers = {"per_positive": elsewhere, "per_positive_training": in_training}
    found = told([row_of()], negatives=numbers)
    if elsewhere and in_training != 0:
        assert found == []
    else:
        (problem,) = found
        key = "per_positive_training" if elsewhere else "per_positive"
        assert f"negatives.{key} is 0" in problem[1]
        assert f"raise negatives.{key}," in problem[3]
    # Sites of other targets are negatives, and values have none.
    assert told([row_of(), row_of(line=3, target="b")], negatives=numbers) == []
    assert told([row_of(signal="x.bw")], negatives=numbers) == []


def test_negatives_in_training_are_as_many_as_elsewhere_unless_said():
    own = {
        "a": {"per_positive": 2},
        "b": {"per_positive_training": 4},
        "c": {"per_positive_training": None},
        "d": {"per_positive": 5, "per_positive_training": 6},
        "e": {"kinds": {"flanking": 1}},
    }

    def numbers(in_training):
        settings = settings_of(negatives={"per_positive_training": in_training, "datasets": own})
        found = {name: negatives_of(settings, name) for name in (*own, None)}
        return {name: (one["per_positive"], one["per_positive_training"]) for name, one in found.items()}

    assert numbers(None) == {"a": (2, 2), "b": (1, 4), "c": (1, 1), "d": (5, 6), "e": (1, 1), None: (1, 1)}
    assert numbers(3) == {"a": (2, 3), "b": (1, 4), "c": (1, 1), "d": (5, 6), "e": (1, 3), None: (1, 3)}


def test_one_file_of_negatives_is_enough_for_a_dataset():
    rows = [row_of(line=2), row_of(line=3, target="b", negatives="own.bed"), row_of(line=4, dataset="other")]
    negatives = {"per_positive": 1, "kinds": {"bed": 1}, "flank_distance": [0, 1]}
    (found,) = told(rows, negatives=negatives)
    assert found[0] == "datasets.tsv, line 4"
    assert "no file for dataset other" in found[1]


def test_a_dataset_that_takes_no_negatives_needs_no_file_of_them():
    negatives = {"per_positive": 1, "kinds": {"bed": 1}, "flank_distance": [0, 1]}
    rows = [row_of(line=2, negatives="own.bed"), row_of(line=3, dataset="valued", value="score")]
    assert told(rows, negatives=negatives) == []
    # One that is measured in a bigWig takes them.
    (found,) = told([rows[0], row_of(line=3, dataset="measured", signal="x.bw")], negatives=negatives)
    assert "no file for dataset measured" in found[1]
    every = {**negatives, "kinds": {"bed": 1, "other_peaks": 1, "dinucleotide_shuffle": 1}}
    assert told([row_of(value="score")], negatives=every) == []


@pytest.mark.parametrize(("of", "expected"), [("a", {2}), ("b", {3}), ("*", {2, 3})])
def test_shuffles_are_refused_only_for_datasets_that_have_tracks(of, expected):
    rows = [row_of(dataset="a", line=2), row_of(dataset="b", line=3), row_of(dataset="c", line=4, value="score")]
    shuffles = {"per_positive": 1, "kinds": {"dinucleotide_shuffle": 1}, "flank_distance": [0, 1]}
    tracks = {"sheet": "tracks.tsv", "width": 4000, "bin": 10}
    track = {"dataset": of, "track": "ATAC", "line": 2}
    found = told(rows, [track], negatives=shuffles, tracks=tracks)
    assert {parts[0] for parts in found} == {f"datasets.tsv, line {line}" for line in expected}
    assert len(found) == len(expected)
    assert all("shuffles beside signal tracks" in parts[1] for parts in found)
    assert told(rows, negatives=shuffles) == []
    assert told(rows, [track], tracks=tracks) == []


# --- tracks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "size"), list(itertools.product([60, 99, 100, 4000], [1, 7, 10, 150])))
def test_bins_fill_the_width(width, size):
    track = {"dataset": "tiny", "track": "ATAC", "line": 2}
    found = told([row_of()], [track], tracks={"sheet": "tracks.tsv", "width": width, "bin": size})
    assert bool(found) == (width % size != 0)
    if found:
        proposed = int(found[0][3].split()[-1])
        assert proposed > 0
        assert proposed % size == 0
        assert abs(proposed - width) < size
    # Nothing is said of tracks that nobody asked for.
    assert told([row_of()], tracks={"sheet": None, "width": width, "bin": size}) == []


def test_a_track_stands_once_for_a_dataset():
    rows = [row_of(dataset="a"), row_of(dataset="b", line=3)]
    sheet = {"sheet": "tracks.tsv", "width": 4000, "bin": 10}
    pairs = [("a", "ATAC"), ("*", "H3"), ("b", "ATAC"), ("b", "H3")]
    tracks = [{"dataset": name, "track": track, "line": n} for n, (name, track) in enumerate(pairs, start=2)]
    assert told(rows, tracks[:3], tracks=sheet) == []
    (found,) = told(rows, tracks, tracks=sheet)
    assert found[0] == "tracks.tsv, line 5"


# --- one dataset beside another ---------------------------------------------------------------------------------------


def test_negatives_of_single_datasets_stand_for_those_of_all():
    settings = settings_of(negatives={"datasets": {"b": {"kinds": {"flanking": 2}}, "c": {"per_positive": 3}}})
    found = {name: negatives_of(settings, name) for name in "abc"}
    assert [found[name]["kinds"] for name in "abc"] == [{"gc_matched": 1}, {"flanking": 2}, {"gc_matched": 1}]
    assert [found[name]["per_positive"] for name in "abc"] == [1, 1, 3]
    assert all("datasets" not in one for one in found.values())
    rows = [row_of(dataset="a"), row_of(line=3, dataset="b")]
    (problem,) = told(rows, negatives={"datasets": {"b": {"kinds": {"bed": 1}}}})
    assert problem[0] == "datasets.tsv, line 3"
    (problem,) = told(rows, negatives={"datasets": {"bb": {"per_positive": 2}}})
    assert problem[0] == "negatives.datasets"
    assert "'bb'" in problem[1]


@pytest.mark.parametrize(
    ("group", "folds", "expected"),
    [
        (["a", "b"], {"holdout": {"val": ["a"], "test": ["b"]}}, None),
        (["a", "zzz"], {"holdout": {"val": ["a"], "test": ["b"]}}, "no dataset zzz"),
        (["a", "c"], {"holdout": {"val": ["a"], "test": ["b"]}}, "other targets or tasks"),
        (["d", "e"], {"k": 3, "by": "cluster"}, "each dataset's own"),
    ],
)
def test_datasets_that_can_be_tested_across(group, folds, expected):
    rows = [row_of(dataset=name, line=line) for line, name in enumerate("ab", 2)]
    rows += [row_of(dataset="c", line=4, target="other")]
    if expected == "each dataset's own":
        rows = [row_of(dataset=name, sequences=f"{name}.tsv", line=line) for line, name in enumerate("de", 2)]
    found = told(rows, folds=folds, evaluate={"across": [group]})
    assert [expected in problem[1] for problem in found] == ([True] if expected else [])
