"""What is said of a parent network: all that it saw of the test split, and nothing where it saw none of it."""

import pandas as pd
import pytest

from cisflow.parents import parent_warnings, record_of_parent, tell_warning, write_warnings

GROUPS = {"train": ["chr1", "chr2", "chr3"], "val": ["chr4"], "test": ["chr5", "chr6"]}
ABOUT = {"genome": "dm6", "genome_sha256": "a" * 64, "config_sha256": "b" * 64}


def record(train, val=(), test=(), **others):
    chromosomes = {"train": list(train), "val": list(val), "test": list(test)}
    return {"chromosomes": chromosomes, "genome": "dm6", "genome_sha256": "a" * 64, "config_sha256": "c" * 64, **others}


def kinds(*arguments):
    return [kind for kind, _ in parent_warnings(*arguments)]


def test_a_parent_of_the_same_split_is_clean():
    assert parent_warnings(record(["chr1", "chr2"], ["chr4"], ["chr5"]), GROUPS, ABOUT) == []
    assert parent_warnings(record(["chr1", "chr2"], ["chr4"], ["chr5"]), GROUPS) == []


@pytest.mark.parametrize(
    ("parent", "expected", "named"),
    [
        (record(["chr1", "chr5"], ["chr4"]), ["parent_saw_test"], "trained on chr5"),
        (record(["chr1"], ["chr6"]), ["parent_saw_test"], "epoch chosen on chr6"),
        (record(["chr1", "chr4"], ["chr2"]), ["parent_saw_val"], "chr4"),
        (
            record(["chr4", "chr5"], ["chr6"]),
            ["parent_saw_test", "parent_saw_val"],
            "chr5 and had its epoch chosen on chr6",
        ),
        (record(["chr1"], ["chr2"], ["chr3", "chr4", "chr5"]), [], ""),  # its test split it was only evaluated on
    ],
)
def test_what_it_saw_is_named(parent, expected, named):
    found = parent_warnings(parent, GROUPS, ABOUT)
    assert [kind for kind, _ in found] == expected
    assert not found or named in found[0][1]
    # It was said of the test metrics beside the warning that they are too good.
    assert any("stay honest" in text for _, text in found) == (expected == ["parent_saw_val"])


@pytest.mark.parametrize("parent", [None, {}, {"chromosomes": {}}, {"chromosomes": {"train": []}, "genome": "dm6"}])
def test_a_parent_of_which_nothing_is_known_is_told(parent):
    ((kind, text),) = parent_warnings(parent, GROUPS, ABOUT)
    assert kind == "parent_unknown"
    assert "chr5, chr6" in text


def test_names_of_chromosomes_tell_nothing_across_genomes():
    parent = record(["chr5"], genome="hg38", genome_sha256="d" * 64)
    ((kind, text),) = parent_warnings(parent, GROUPS, ABOUT)
    assert kind == "parent_other_genome"
    assert "hg38" in text
    assert "dm6" in text
    assert "chr5" in text  # they may be two versions of one genome
    # One file under two names, or two prepared copies under one name, are one genome.
    assert kinds({**parent, "genome_sha256": "a" * 64}, GROUPS, ABOUT) == ["parent_saw_test"]
    assert kinds({**parent, "genome": "dm6"}, GROUPS, ABOUT) == ["parent_saw_test"]


def test_clusters_of_two_tables_are_not_compared():
    """cluster_5 of one table holds other sequences than that of another."""
    groups = {"train": ["cluster_1"], "val": ["cluster_2"], "test": ["cluster_5"]}
    assert kinds(record(["cluster_5"]), groups, ABOUT) == ["parent_unknown"]
    assert kinds(record(["chr1"]), groups, ABOUT) == ["parent_unknown"]
    same = record(["cluster_1"], ["cluster_2"], ["cluster_5"], config_sha256=ABOUT["config_sha256"])
    assert kinds(same, groups, ABOUT) == []


def test_splits_of_a_column_are_not_compared_with_those_of_another_table():
    groups = {split: [split] for split in ("train", "val", "test")}
    assert kinds(record(["train"], ["val"], ["test"]), groups, ABOUT) == ["parent_unknown"]
    assert kinds(record(["train"], ["val"], ["test"], config_sha256=ABOUT["config_sha256"]), groups, ABOUT) == []


def test_parents_of_parents_count():
    grandparent = record_of_parent({**record(["chr5"]), "network": {}, "target_names": ["a"]})
    assert set(grandparent) == {"chromosomes", "genome", "genome_sha256", "config_sha256"}
    parent = record_of_parent(record(["chr1"], parent=grandparent))
    ((kind, text),) = parent_warnings(parent, GROUPS, ABOUT)
    assert kind == "parent_saw_test"
    assert "itself started from" in text
    assert kinds(record(["chr1"], parent={}), GROUPS, ABOUT) == ["parent_unknown"]  # it started from a foreign file


def test_a_long_list_is_shortened():
    names = [f"chr{number}" for number in range(40)]
    ((_, text),) = parent_warnings(record(names), {"train": [], "val": [], "test": names}, ABOUT)
    assert "chr11 and 28 more" in text
    assert "chr12" not in text


def test_the_table_is_written_even_if_empty(tmp_path):
    path = tmp_path / "warnings.tsv"
    write_warnings(path, [])
    assert path.read_text() == "kind\twarning\n"
    write_warnings(path, [("parent_unknown", "two\tlines\nand \u00e9"), ("other", "more")])
    table = pd.read_csv(path, sep="\t")
    assert table.to_numpy().tolist() == [["parent_unknown", "two lines and \u00e9"], ["other", "more"]]


def test_a_warning_is_told_on_one_line(capsys):
    tell_warning("other", "two\tlines\nand more")
    tell_warning("other", "of one", "second")
    assert capsys.readouterr().out == "WARNING (other) two lines and more\nWARNING (other) second: of one\n"
