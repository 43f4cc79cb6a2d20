"""Copies planted between the chromosomes of a made genome: none is left between splits, and all of them are counted.

What is a copy is judged here by what was planted, and by sets of words over all pairs of rows.
"""

import numpy as np
import pytest
from data_stage import (
    DROP,
    GC_MATCHED,
    PAIRS,
    SPLITS,
    data_stage,
    is_positive,
    locus,
    reference,
    reverse_complement,
    rows_of,
    sequence_stage,
    sheet_row,
    window_settings,
)

from cisflow.messages import InputError

WIDTH, WORD = 200, 11
CHROMOSOME_OF = {"train": "a", "val": "b", "test": "c"}
FOLD = {"val": ["b"], "test": ["c"]}
# How many copies of each sort stand in the first split of a pair and, as they are, in the second.
PLANTED = {
    ("train", "val"): {"exact": 2, "reverse": 1, "shifted": 3, "mutated": 4},
    ("train", "test"): {"exact": 3, "reverse": 4, "shifted": 2, "mutated": 5},
    ("val", "test"): {"exact": 1, "reverse": 2, "shifted": 2, "mutated": 1},
}
KIND = {"exact": "exact", "reverse": "reverse_complement", "shifted": "near_duplicate", "mutated": "near_duplicate"}


def random_text(rng, length):
    return "".join(rng.choice(list("ACGT"), size=length))


def mutated(text, rng, share=0.05):
    """A text with a share of its bases replaced by others."""
    letters = list(text)
    for position in rng.choice(len(text), size=round(share * len(text)), replace=False):
        letters[position] = rng.choice([base for base in "ACGT" if base != letters[position]])
    return "".join(letters)


def copy_of(text, sort, rng):
    """A window that leaks: the text of another, as one sort of copy has it."""
    if sort == "exact":
        return text
    if sort == "reverse":
        return reverse_complement(text)
    if sort == "shifted":
        return text[60:] + random_text(rng, 60)
    return mutated(text, rng)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A random genome of a chromosome a split, with peaks of which some are copies; and the places of these."""
    rng = np.random.default_rng(11)
    chromosomes = {chrom: list(random_text(rng, 60_000)) for chrom in "abc"}
    free = {split: iter(range(1_000, 59_000, 600)) for split in SPLITS}
    copies = dict.fromkeys(PAIRS)
    for pair, sorts in PLANTED.items():
        copies[pair] = []
        for sort, number in sorts.items():
            for _ in range(number):
                first, second = (next(free[split]) for split in pair)
                text = "".join(chromosomes[CHROMOSOME_OF[pair[1]]][second : second + WIDTH])
                chromosomes[CHROMOSOME_OF[pair[0]]][first : first + WIDTH] = copy_of(text, sort, rng)
                copies[pair].append((sort, first, second))
    folder = tmp_path_factory.mktemp("planted")
    source = folder / "made.fa"
    source.write_text("".join(f">{chrom}\n{''.join(bases)}\n" for chrom, bases in chromosomes.items()))
    peaks = folder / "peaks.bed"
    rest = [(split, start) for split in SPLITS for start in range(1_000, 40_000, 600)]
    peaks.write_text("".join(f"{CHROMOSOME_OF[split]}\t{start + 90}\t{start + 110}\n" for split, start in rest))
    (folder / "reference").mkdir()
    paths = reference(folder / "reference", source)
    texts = {chrom: "".join(bases) for chrom, bases in chromosomes.items()}
    return paths, [sheet_row("x", peaks=peaks)], copies, texts, len(rest)


def words(text):
    """Distinct words of a text, a word and its reverse complement being one."""
    found = (text[position : position + WORD] for position in range(len(text) - WORD + 1))
    return {min(word, reverse_complement(word)) for word in found}


def pairs_alike(texts_by_split, share=0.2):
    """All pairs of texts of two splits that have a fifth of their words in common, by comparing each with each."""
    sets = {split: [words(text) for text in texts] for split, texts in texts_by_split.items()}
    return [
        (one, first, other, second)
        for one, other in PAIRS
        for first, mine in enumerate(sets[one])
        for second, theirs in enumerate(sets[other])
        if len(mine & theirs) >= share * min(len(mine), len(theirs))
    ]


def texts_of(run, genome):
    return {
        split: [genome[chrom][start:end] for chrom, start, end in map(locus, rows_of(run.beds[split]))]
        for split in SPLITS
    }


def leakage_of(run):
    """Counts of leakage.tsv by split, other split and kind."""
    rows = rows_of(run.tables["leakage"])
    return {
        (row["split"], row["other_split"], row["kind"]): (int(row["found"]), int(row["dropped"]), int(row["left"]))
        for row in rows
    }


def expected_counts(pair, kind):
    return sum(number for sort, number in PLANTED[pair].items() if KIND[sort] == kind)


def stage(folder, planted, policy, per_positive=0):
    paths, rows, *_ = planted
    return data_stage(
        folder,
        paths,
        rows,
        FOLD,
        window_settings(length=WIDTH, max_jitter=0, merge_distance=0, max_n_fraction=0),
        negatives={**GC_MATCHED, "per_positive": per_positive},
        leakage={**DROP, "policy": policy},
    )


def test_planted_copies_are_dropped_and_counted(planted, tmp_path):
    _, _, copies, genome, n_peaks = planted
    run = stage(tmp_path / "run", planted, "drop")
    found = leakage_of(run)
    assert len(found) == 12
    for (split, other, kind), counts in found.items():
        expected = expected_counts((split, other), kind)
        assert counts == (expected, expected, 0)
    places = {split: {locus(row)[1] for row in rows_of(run.beds[split])} for split in SPLITS}
    for (split, other), pairs in copies.items():
        for _, first, second in pairs:
            assert first not in places[split]  # what leaks leaves the split that is trained on, or chosen by
            assert second in places[other]
    assert sum(map(len, places.values())) == n_peaks - sum(sum(sorts.values()) for sorts in PLANTED.values())
    assert pairs_alike(texts_of(run, genome)) == []


def test_the_warning_leaves_copies_and_counts_them(planted, tmp_path, capsys):
    _, _, copies, genome, n_peaks = planted
    run = stage(tmp_path / "run", planted, "warn")
    for (split, other, kind), counts in leakage_of(run).items():
        expected = expected_counts((split, other), kind)
        assert counts == (expected, 0, expected)
    texts = texts_of(run, genome)
    assert sum(map(len, texts.values())) == n_peaks
    assert len(pairs_alike(texts)) == sum(map(len, copies.values())) == 30
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WARNING")]
    assert "stay (splits.leakage: warn)" in warning
    for (split, other), sorts in PLANTED.items():
        assert f"{sorts['exact']} exact of {split} in {other}" in warning
        assert f"{sorts['shifted'] + sorts['mutated']} near_duplicate of {split} in {other}" in warning


def test_the_error_names_counts_and_examples(planted, tmp_path):
    with pytest.raises(InputError, match="the splits leak") as caught:
        stage(tmp_path / "run", planted, "error")
    why, *examples = caught.value.why.splitlines()
    for (split, other), sorts in PLANTED.items():
        for sort in ("exact", "reverse"):
            assert f"{sorts[sort]} {KIND[sort]} of {split} in {other}" in why
        assert f"{expected_counts((split, other), 'near_duplicate')} near_duplicate of {split} in {other}" in why
    assert len(examples) == 5
    sorts = {
        f"{CHROMOSOME_OF[pair[0]]}:{first}": (sort, pair, second)
        for pair, pairs in planted[2].items()
        for sort, first, second in pairs
    }
    for example in examples:
        kind, split, place, _, other, partner = example.replace(":", " ", 1).split()
        sort, pair, second = sorts[place.split("-")[0]]
        assert (kind, (split, other)) == (KIND[sort], pair)
        assert partner == f"{CHROMOSOME_OF[other]}:{second}-{second + WIDTH}"
    assert "splits.leakage: drop" in caught.value.fix
    assert not (tmp_path / "run" / "test.bed").exists()


def test_negatives_are_no_copies_of_another_split(tmp_path):
    """Half of every chromosome is a family of segments that the others have, mutated: negatives stay out of it."""
    rng = np.random.default_rng(12)
    family, texts = random_text(rng, 12_000), {}
    for chrom in "abc":
        copy = mutated(family, rng, 0.03) if chrom != "c" else family
        texts[chrom] = random_text(rng, 13_000) + (reverse_complement(copy) if chrom == "b" else copy)
    source, peaks = tmp_path / "made.fa", tmp_path / "peaks.bed"
    source.write_text("".join(f">{chrom}\n{text}\n" for chrom, text in texts.items()))
    peaks.write_text("".join(f"{chrom}\t{at}\t{at + 20}\n" for chrom in "abc" for at in range(1_000, 12_000, 500)))
    (tmp_path / "reference").mkdir()
    prepared = reference(tmp_path / "reference", source), [sheet_row("x", peaks=peaks)]
    run = stage(tmp_path / "run", prepared, "drop", per_positive=1)
    rows = {split: rows_of(run.beds[split]) for split in SPLITS}
    assert {split: sum(map(is_positive, part)) for split, part in rows.items()} == dict.fromkeys(SPLITS, 22)
    assert {split: len(part) for split, part in rows.items()} == dict.fromkeys(SPLITS, 44)
    assert pairs_alike(texts_of(run, texts)) == []
    assert set(leakage_of(run).values()) == {(0, 0, 0)}  # of the user's own rows, none leaks
    redrawn = {(r["split"], r["other_split"], r["kind"]): int(r["redrawn"]) for r in rows_of(run.tables["leakage"])}
    assert {kind for (*_, kind), number in redrawn.items() if number} == {"near_duplicate"}
    assert redrawn["train", "test", "near_duplicate"] > 3  # these would have stood in both
    # What is drawn can be drawn again, whatever is done about the user's own rows.
    warned = stage(tmp_path / "warned", prepared, "warn", per_positive=1)
    for split in SPLITS:
        assert rows_of(warned.beds[split]) == rows[split]


def test_nothing_is_found_in_random_sequence(tmp_path):
    rng = np.random.default_rng(13)
    source, peaks = tmp_path / "made.fa", tmp_path / "peaks.bed"
    source.write_text("".join(f">{chrom}\n{random_text(rng, 400_000)}\n" for chrom in "abc"))
    peaks.write_text("".join(f"{chrom}\t{at}\t{at + 20}\n" for chrom in "abc" for at in range(1_000, 399_000, 500)))
    (tmp_path / "reference").mkdir()
    prepared = reference(tmp_path / "reference", source), [sheet_row("x", peaks=peaks)]
    run = stage(tmp_path / "run", prepared, "drop", per_positive=1)
    assert set(leakage_of(run).values()) == {(0, 0, 0)}
    assert {len(rows_of(run.beds[split])) for split in SPLITS} == {2 * 796}


def test_rows_that_a_column_puts_into_two_splits_though_they_overlap_are_found(tmp_path):
    rng = np.random.default_rng(14)
    genome, rows = random_text(rng, 90_000), []
    for number in range(100):
        start = 1_000 + 800 * number
        split = ("train", "val", "test")[number % 3]
        rows.append((f"r{number}", start, "+", split))
        if number < 30 and split != "train":  # the other strand of it, nearly, is trained on
            rows.append((f"r{number}_minus", start + 150, "-", "train"))
    lines = ["name\tsequence\tchrom\tstart\tend\tstrand\tset\tx"]
    for name, start, strand, split in rows:
        text = genome[start : start + WIDTH]
        text = reverse_complement(text) if strand == "-" else text
        lines.append("\t".join([name, text, "chr1", str(start), str(start + WIDTH), strand, split, str(rng.normal())]))
    path = tmp_path / "library.tsv"
    path.write_text("\n".join(lines) + "\n")
    columns = {name: name for name in ("name", "chrom", "start", "end", "strand")}
    for policy, dropped in (("drop", 10), ("warn", 0)):
        run = sequence_stage(
            tmp_path / policy,
            [sheet_row("x", sequences=path)],
            columns,
            {"column": "set"},
            length=WIDTH,
            leakage={**DROP, "policy": policy},
        )
        found = leakage_of(run)
        assert found["train", "val", "overlap"] == (10, dropped, 10 - dropped)
        assert found["train", "test", "overlap"] == (10, dropped, 10 - dropped)
        assert sum(counts[0] for counts in found.values()) == 20
        names = {row["name"] for split in SPLITS for row in rows_of(run.beds[split])}
        assert len(names) == len(rows) - 2 * dropped
        assert {f"r{number}" for number in range(100)} <= names
