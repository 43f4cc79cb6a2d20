"""The look at every input: whatever a reader refuses is told there, with file and cure, and unusual files pass.

The bad and the unusual files are those of the readers' own tests, which also look at every word of the messages.
"""

import gzip
import json
import os
import re
import threading
from types import SimpleNamespace

import pytest
import test_bigwig_files
import test_chromosome_names
import test_fasta
import test_meme
import test_peak_files
import test_sequence_table
import test_text_files
from data_stage import FILES, rows_of, sha256_of, sheet_row, write_bigwig

from check_inputs import main
from cisflow import input_checks
from cisflow.input_checks import check_inputs
from cisflow.messages import InputError

SIZES = test_peak_files.SIZES  # those of the tables of bad peak files
MOTIFS = test_meme.HEAD + "MOTIF a\n" + test_meme.MATRIX
NO_COLUMNS = {**test_sequence_table.PLAIN, "coordinates": "bed", "flank_5": "", "flank_3": ""}
ANOTHER = ["0" * 64]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def fasta_of(sizes):
    return "".join(f">{name}\n{'ACGT' * (size // 4)}{'A' * (size % 4)}\n" for name, size in sizes.items())


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """Files without a mistake: genome, motifs, peaks."""
    folder = tmp_path_factory.mktemp("sound")
    return SimpleNamespace(
        fasta=write(folder / "genome.fa", fasta_of(SIZES)),
        motifs=write(folder / "motifs.meme", MOTIFS),
        peaks=write(folder / "peaks.bed", "chr1\t5\t9\nchr10\t5\t9\n"),
    )


@pytest.fixture
def look(sound):
    """Look at inputs that are sound but for what is given: rows of the sheet of one dataset, parts of the genome."""

    def checks(rows=(), genome=None, motifs=None, tracks=(), folds=None, min_positives=1, columns=None, task="binary"):
        files = {"fasta": sound.fasta, "excluded": None, "aliases": None, "fasta_accepted": [], "excluded_accepted": []}
        folds = folds or {}
        lists = [value for fold in folds.values() for value in fold.values() if isinstance(value, list)]
        return check_inputs(
            genome={**files, **(genome or {})} if genome != {} else {},
            motifs=[[motifs or sound.motifs, []]],
            datasets={"d": [{**row, "task": task} for row in rows]} if rows else {},
            tracks=list(tracks),
            folds=folds,
            fold_chromosomes=[name for names in lists for name in names],
            min_positives=min_positives,
            sequence_columns={**NO_COLUMNS, **(columns or {})},
        )

    return checks


def only_problem(checks, path):
    """The one problem that was found: an InputError with the file, what was found, and a cure."""
    assert [type(problem) for problem in checks.problems] == [InputError]
    (problem,) = checks.problems
    assert str(path) in problem.what
    assert problem.why
    assert problem.fix
    assert "Traceback" not in str(problem)
    assert str(path) not in [looked[0] for looked in checks.looked_at]
    return problem


def cases_of(test):
    """The cases of a parametrized test of a reader's, each beginning with the content of a file."""
    (cases,) = [mark.args[1] for mark in test.pytestmark if "content" in mark.args[0]]
    return [case if isinstance(case, tuple) else (case,) for case in cases]


# --- bad files --------------------------------------------------------------------------------------------------------
# Name of a case -> what is written to a file, under which name, and how the file is given.

AS_PEAKS = [
    *((f"line {line[:24]}", "a.bed", f"chr1\t1\t5\n{line}\nchr1\t1\t5\n", {}) for line in test_peak_files.MISTAKES),
    *((case, *file) for case, (*file, _) in test_peak_files.NO_PEAKS.items()),
    *((f"text: {case}", *file, {}) for case, (*file, _) in test_text_files.NO_TEXT.items()),
    *(
        (
            f"number {text!r}",
            "a.bed",
            f"chr1\t1\t5\tx\t7\nchr1\t1\t5\tx\t{text}\nchr1\t1\t5\tx\t7\n",
            {"value": "score"},
        )
        for text in test_peak_files.NO_NUMBERS
    ),
    ("empty", "a.bed", "", {}),
    ("comments alone", "a.bed", "track name=x\n# nothing\n", {}),
    ("names of another genome", "a.bed", "2L\t5\t9\n2R\t5\t9\n", {}),
]
GOOD_ROWS = test_sequence_table.HEAD + test_sequence_table.GOOD
AS_TABLE = [
    *((f"row {row[:24]}", f"{GOOD_ROWS}{row}\n", test_sequence_table.EVERY) for row in test_sequence_table.BAD_ROWS),
    *((name, content, {}) for name, (content, *_) in test_sequence_table.BAD_FILES.items()),
    *((f"text: {case}", content, {}) for case, (_, content, _) in test_text_files.NO_TEXT.items()),
]
BIGWIGS = cases_of(test_bigwig_files.test_what_is_no_bigwig_is_named_for_what_it_is)


@pytest.mark.parametrize(("name", "content", "options"), [case[1:] for case in AS_PEAKS], ids=[c[0] for c in AS_PEAKS])
def test_bad_peak_files_are_told(name, content, options, look, tmp_path):
    content = gzip.compress(content.encode()) if name.endswith(".gz") and isinstance(content, str) else content
    path = write(tmp_path / name, content)
    options = {key: str(value) for key, value in options.items()}
    problem = only_problem(look([sheet_row("x", peaks=path, **options)]), path)
    if isinstance(content, str) and content.startswith("chr1\t1\t5\nchr1"):
        assert "line 2: " in problem.what


@pytest.mark.parametrize("column", ["weak_peaks", "negatives", "excluded"])
@pytest.mark.parametrize(
    "case", ["chr1\t9\t6", "chr1\t1,000\t2,000", "chr1\t5", "chr1\t9\t1001", "text: HTML", "names"]
)
def test_bad_files_of_regions_are_told(column, case, look, sound, tmp_path):
    content = f"chr1\t1\t5\n{case}\n" if case.startswith("chr1") else "2L\t5\t9\n"
    path = write(tmp_path / "a.bed", test_text_files.NO_TEXT["HTML"][1] if case == "text: HTML" else content)
    if column == "excluded":
        only_problem(look(genome={"excluded": path}), path)
    else:
        only_problem(look([sheet_row("x", peaks=sound.peaks, **{column: path})]), path)


def test_files_of_regions_may_be_empty_unless_negatives_come_of_them(look, sound, tmp_path):
    path = write(tmp_path / "a.bed", "# nothing\n")
    assert look([sheet_row("x", peaks=sound.peaks, weak_peaks=path)], {"excluded": path}).problems == []
    problem = only_problem(look([sheet_row("x", peaks=sound.peaks, negatives=path)]), path)
    assert problem.what == f"{path} holds no negatives"


@pytest.mark.parametrize("case", test_fasta.NO_FASTA)
def test_bad_genomes_are_told(case, look, tmp_path):
    content, words = test_fasta.NO_FASTA[case]
    path = write(tmp_path / "source.fa", content)
    problem = only_problem(look(genome={"fasta": path}), path)
    assert all(word in str(problem) for word in words)


@pytest.mark.parametrize("case", test_fasta.STALE)
def test_indexes_of_other_files_are_told(case, look, tmp_path):
    path, _ = test_fasta.indexed(tmp_path, test_fasta.GENOME, test_fasta.STALE[case][0])
    assert "is not the index of" in only_problem(look(genome={"fasta": str(path)}), path).what


@pytest.mark.parametrize("case", test_meme.NO_MOTIFS)
def test_bad_motif_files_are_told(case, look, tmp_path):
    content, words = test_meme.NO_MOTIFS[case]
    path = write(tmp_path / "motifs.meme", content.encode("latin-1") if isinstance(content, str) else content)
    problem = only_problem(look(motifs=path), path)
    assert all(word in str(problem) for word in words)


@pytest.mark.parametrize("case", test_chromosome_names.BAD_TABLES)
def test_bad_aliases_are_told(case, look, tmp_path):
    text, words = test_chromosome_names.BAD_TABLES[case]
    fasta = write(tmp_path / "yeast.fa", fasta_of(test_chromosome_names.YEAST))
    path = write(tmp_path / "aliases.tsv", text.encode("latin-1"))
    problem = only_problem(look(genome={"fasta": fasta, "aliases": path}), path)
    assert all(word in str(problem) for word in words)


@pytest.mark.parametrize("column", ["signal", "track"])
@pytest.mark.parametrize("number", range(len(BIGWIGS)))
def test_bad_bigwigs_are_told(number, column, look, sound, tmp_path):
    content, message = BIGWIGS[number]
    path = write(tmp_path / "a.bw", content)
    as_track = [{"dataset": "*", "track": "x", "signal": path, "signal_accepted": []}]
    checks = look(tracks=as_track) if column == "track" else look([sheet_row("x", peaks=sound.peaks, signal=path)])
    problem = only_problem(checks, path)
    assert re.search(message, f"{problem.what}\n{problem.why}\n{problem.fix}", flags=re.DOTALL)


@pytest.mark.parametrize("sizes", [{"chr1": 1001, "chr10": 500}, {"chr3": 1000}])
def test_bigwigs_of_another_genome_are_told(sizes, look, sound, tmp_path):
    path = write_bigwig(tmp_path / "a.bw", sizes)
    problem = only_problem(look([sheet_row("x", peaks=sound.peaks, signal=path)]), path)
    assert re.search("another assembly|none of its chromosomes", problem.what)


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(("content", "columns"), [case[1:] for case in AS_TABLE], ids=[case[0] for case in AS_TABLE])
def test_bad_tables_of_sequences_are_told(content, columns, task, look, tmp_path):
    path = write(tmp_path / "library.tsv", content)
    columns = dict(columns)
    folds = {"holdout": {"column": columns.pop("split")}} if "split" in columns else {}
    only_problem(look([sheet_row("x", sequences=path)], {}, columns=columns, task=task, folds=folds), path)


@pytest.mark.parametrize("label", test_sequence_table.BAD_LABELS)
def test_bad_labels_are_told(label, look, tmp_path):
    path = write(tmp_path / "library.tsv", f"sequence\tx\nAC\t1\nAC\t{label}\n")
    assert "line 3: " in only_problem(look([sheet_row("x", sequences=path)], {}), path).what


def test_the_tables_are_long():
    tables = (AS_PEAKS, AS_TABLE, BIGWIGS, test_fasta.NO_FASTA, test_fasta.STALE, test_meme.NO_MOTIFS)
    assert sum(map(len, tables)) + len(test_chromosome_names.BAD_TABLES) >= 300


# --- unusual files ----------------------------------------------------------------------------------------------------

SPELLED_PEAKS = cases_of(test_peak_files.test_every_spelling_gives_the_same_peaks)
UNUSUAL_FASTA = cases_of(test_fasta.test_unusual_fasta_is_read)
UNUSUAL_ALIASES = cases_of(test_chromosome_names.test_tables_of_aliases_are_read)


@pytest.mark.parametrize("number", range(len(SPELLED_PEAKS)))
def test_unusual_peak_files_pass(number, look, tmp_path):
    path = write(tmp_path / "a.bed", SPELLED_PEAKS[number][0])
    checks = look([sheet_row("x", peaks=path)])
    assert checks.problems == []
    assert (path, "peaks", "all 5 intervals") in checks.looked_at


@pytest.mark.parametrize("number", range(len(UNUSUAL_FASTA)))
def test_unusual_genomes_pass(number, look, tmp_path):
    content, records = UNUSUAL_FASTA[number]
    path = write(tmp_path / "genome.fa", content)
    checks = look(genome={"fasta": path})
    assert checks.problems == []
    bases = sum(map(len, records.values()))
    assert (path, "genome", f"{len(records)} sequences, {bases:,} bases") in checks.looked_at


@pytest.mark.parametrize("case", test_meme.VALID)
def test_unusual_motif_files_pass(case, look, tmp_path):
    path = write(tmp_path / "motifs.meme", test_meme.VALID[case][0])
    checks = look(motifs=path)
    assert checks.problems == []
    assert (path, "motif database", "1 motifs") in checks.looked_at


@pytest.mark.parametrize("number", range(len(UNUSUAL_ALIASES)))
def test_unusual_aliases_pass(number, look, tmp_path):
    content, sizes, expected = UNUSUAL_ALIASES[number]
    path = write(tmp_path / "aliases.tsv", content)
    fasta = write(tmp_path / "genome.fa", fasta_of(dict.fromkeys(sizes, 8)))
    checks = look(genome={"fasta": fasta, "aliases": path})
    assert checks.problems == []
    assert (path, "chromosome names", f"{len(expected)} names") in checks.looked_at


@pytest.mark.parametrize("spelling", test_sequence_table.SPELLINGS)
def test_unusual_tables_pass(spelling, look, tmp_path):
    path = write(tmp_path / "library", test_sequence_table.SPELLINGS[spelling])
    rows = [sheet_row(target, sequences=path) for target in ("Dev", "Hk")]
    checks = look(rows, {}, columns=test_sequence_table.LOCI, task="regression")
    assert checks.problems == []
    assert (path, "sequences", "all 3 sequences") in checks.looked_at


def test_names_of_other_files_are_read_by_the_aliases(look, tmp_path):
    aliases = write(tmp_path / "aliases.tsv", "I\tchr1\nX\tchr10\n")
    peaks = write(tmp_path / "a.bed", "I\t5\t9\nX\t5\t9\n")
    signal = write_bigwig(tmp_path / "a.bw", {"I": 1000, "X": 500})
    row = sheet_row("x", peaks=peaks, signal=signal, weak_peaks=peaks)
    assert look([row], {"aliases": aliases, "excluded": peaks}).problems == []
    assert len(look([row], {"excluded": peaks}).problems) == 4


# --- folders, pipes, files that are not there -------------------------------------------------------------------------

KINDS = ["fasta", "excluded", "aliases", "motifs", "peaks", "weak_peaks", "negatives", "signal", "track", "sequences"]


def look_at(kind, path, look, sound, accepted=()):
    """Look at inputs of which one is at a path; the file of aliases has no checksum."""
    accepted = list(accepted)
    if kind in ("fasta", "excluded", "aliases"):
        return look(genome={kind: path, f"{kind}_accepted": accepted} if kind != "aliases" else {kind: path})
    if kind == "motifs":
        return look(motifs=path)
    if kind == "track":
        return look(tracks=[{"dataset": "*", "track": "x", "signal": path, "signal_accepted": accepted}])
    own = {"peaks": sound.peaks} if kind not in ("peaks", "sequences") else {}
    row = sheet_row("x", **own, **{kind: path, f"{kind}_accepted": accepted})
    return look([row], {} if kind == "sequences" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "locked"])
def test_what_is_no_file_is_told_and_nothing_hangs(what, kind, look, sound, tmp_path):
    path = tmp_path / "input"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "locked":
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        path.write_text("x")
        path.chmod(0)
    found = []
    for accepted in ([], ANOTHER):  # a checksum must not be taken of a pipe
        looking = threading.Thread(
            target=lambda accepted=accepted: found.append(look_at(kind, str(path), look, sound, accepted)), daemon=True
        )
        looking.start()
        looking.join(timeout=10)
        assert not looking.is_alive(), "it waits for the pipe"
    for checks in found:
        only_problem(checks, path)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("aliases", "motifs")])
def test_checksums_are_held_against_every_file(kind, look, sound, tmp_path):
    files = {"fasta": sound.fasta, "sequences": write(tmp_path / "library.tsv", "sequence\tx\nACGT\t1\nACGT\t0\n")}
    files |= dict.fromkeys(("signal", "track"), write_bigwig(tmp_path / "a.bw", SIZES, gap=20))
    path = files.get(kind, sound.peaks)
    if kind in ("weak_peaks", "negatives"):
        path = write(tmp_path / "other.bed", "chr1\t5\t9\n")
    problem = only_problem(look_at(kind, path, look, sound, ANOTHER), path)
    assert problem.what == f"{path} is not the file that the configuration names"
    assert look_at(kind, path, look, sound, [*ANOTHER, sha256_of(path)]).problems == []


# --- positives of the folds -------------------------------------------------------------------------------------------

FOLD = {"holdout": {"val": ["chr10"], "test": ["NA"]}}


def peaks_on(path, **counts):
    return write(path, "".join(f"{chrom}\t{n}\t{n + 5}\n" for chrom, count in counts.items() for n in range(count)))


def test_splits_that_cannot_have_enough_positives_are_told(look, tmp_path):
    rows = [
        sheet_row("many", peaks=peaks_on(tmp_path / "a.bed", chr1=20, chr10=20, NA=20)),
        sheet_row("few", peaks=peaks_on(tmp_path / "b.bed", chr1=20, chr10=9)),
        sheet_row("fewer", peaks=peaks_on(tmp_path / "c.bed", chr1=9, chr10=20, NA=10)),
    ]
    problems = look(rows, folds=FOLD, min_positives=10).problems
    assert [problem.what for problem in problems] == [
        "dataset d, fold holdout, split train (chr1, 1) has too few peaks",
        "dataset d, fold holdout, split val (chr10) has too few peaks",
        "dataset d, fold holdout, split test (NA) has too few peaks",
    ]
    found = [problem.why.split(";")[0] for problem in problems]
    assert found == ["found 9 of fewer", "found 9 of few", "found 0 of few"]
    assert look(rows, folds=FOLD, min_positives=9).problems[0].why.startswith("found 0 of few;")
    training = {"holdout": {"train": ["1"], "val": ["chr10"], "test": ["chr1"]}}
    (problem,) = look(rows[:1], folds=training, min_positives=10).problems
    assert "split train (1)" in problem.what


@pytest.mark.parametrize("fold", [{"k": 3, "by": "chromosome", "number": 1}, {"column": "set"}])
def test_folds_that_follow_the_data_are_left_to_the_splitting(fold, look, sound):
    assert look([sheet_row("x", peaks=sound.peaks)], folds={"fold1": fold}, min_positives=99).problems == []


def test_chromosomes_that_the_genome_lacks_are_told(look):
    (problem,) = look(folds={"holdout": {"val": ["chr10"], "test": ["chr3"]}}).problems
    assert "chromosomes that are not there: chr3" in problem.what


# --- what is read of large files --------------------------------------------------------------------------------------


def test_of_many_or_long_files_the_beginning_is_read_and_that_is_said(look, tmp_path, monkeypatch):
    monkeypatch.setattr(input_checks, "LINES_IN_ALL", 30)
    monkeypatch.setattr(input_checks, "FEWEST_LINES", 10)
    bad_end = "".join(f"chr1\t{n}\t{n + 5}\n" for n in range(20)) + "chr1\t9\t5\n"
    paths = [write(tmp_path / f"{name}.bed", bad_end) for name in "abcd"]
    checks = look([sheet_row(f"x{n}", peaks=path) for n, path in enumerate(paths)], folds=FOLD)
    assert checks.problems == []  # and nothing is said of positives that may follow
    assert [looked for _, kind, looked in checks.looked_at if kind == "peaks"] == ["the first 10 intervals"] * 4
    (problem,) = look([sheet_row("x", peaks=paths[0])], folds=FOLD).problems  # alone, it is read whole
    assert "line 21" in problem.what
    whole = write(tmp_path / "whole.bed", bad_end.replace("chr1\t9\t5\n", ""))
    assert [looked for *_, looked in look([sheet_row("x", peaks=whole)]).looked_at][-1] == "all 20 intervals"


def test_of_a_large_genome_names_and_lengths_are_read(look, tmp_path, monkeypatch):
    path = write(tmp_path / "genome.fa", ">a\nACGT\n>b\nAC*T\n")
    only_problem(look(genome={"fasta": path}), path)
    monkeypatch.setattr(input_checks, "WHOLE_FASTA", 10)
    checks = look(genome={"fasta": path})
    assert checks.problems == []
    assert (path, "genome", "2 sequences, 8 bases (names and lengths alone)") in checks.looked_at
    short = write(tmp_path / "short.fa.gz", gzip.compress(os.urandom(90).hex().join([">a\n", "\n"]).encode())[:-12])
    only_problem(look(genome={"fasta": short}), short)


def test_a_large_table_is_left_to_its_job_and_that_is_said(look, tmp_path, monkeypatch):
    monkeypatch.setattr(input_checks, "WHOLE_TABLE", 10)
    path = write(tmp_path / "library.tsv", "sequence\tx\nAC-T\t1\n")
    checks = look([sheet_row("x", sequences=path)], {})
    assert checks.problems == []
    assert checks.looked_at[-1][:2] == (path, "sequences")
    assert "nothing but its existence" in checks.looked_at[-1][2]


def test_large_files_are_not_hashed_before_the_run(look, tmp_path, monkeypatch):
    monkeypatch.setattr(input_checks, "HASHED_IN_ALL", 15)
    paths = [write(tmp_path / f"{name}.bed", "chr1\t5\t9\n") for name in "ab"]  # of 9 bytes
    rows = [sheet_row(str(n), peaks=path, peaks_accepted=ANOTHER) for n, path in enumerate(paths)]
    only_problem(look(rows[:1]), paths[0])
    assert [str(paths[0]) in problem.what for problem in look(rows).problems] == [True]


def test_a_file_of_many_rows_is_read_once(look, sound, tmp_path):
    signal = write_bigwig(tmp_path / "a.bw", SIZES, gap=20)
    tracks = [{"dataset": "*", "track": str(n), "signal": signal, "signal_accepted": []} for n in range(3)]
    checks = look([sheet_row(str(n), peaks=sound.peaks, signal=signal) for n in range(5)], tracks=tracks)
    assert [path for path, *_ in checks.looked_at].count(sound.peaks) == 1
    assert [path for path, *_ in checks.looked_at].count(signal) == 1
    # Read for another column it is another look, which may find another mistake.
    rows = [sheet_row("a", peaks=sound.peaks), sheet_row("b", peaks=sound.peaks, value="score")]
    problem = look(rows).problems[0]
    assert "no column score" in problem.what


# --- the script -------------------------------------------------------------------------------------------------------


def inputs_of(folder, sound, **datasets):
    """What the script is given: a description in which files are positions, and the files."""
    files = [sound.fasta, sound.motifs, *dict.fromkeys(row["peaks"] for rows in datasets.values() for row in rows)]

    def described(row):
        places = {column: files.index(row[column]) if row[column] else None for column in FILES}
        return {**row, **places, "task": "binary"}

    genome = {"fasta": 0, "excluded": None, "aliases": None, "fasta_accepted": [], "excluded_accepted": []}
    description = {
        "genome": genome,
        "motifs": [[1, []]],
        "datasets": {name: list(map(described, rows)) for name, rows in datasets.items()},
        "tracks": [],
        "folds": {"fold1": {"k": 3, "by": "chromosome", "number": 1}},
        "fold_chromosomes": [],
        "min_positives": 10,
        "sequence_columns": NO_COLUMNS,
    }
    return write(folder / "inputs.json", json.dumps(description)), files


def test_the_script_writes_what_was_looked_at(sound, tmp_path, capsys):
    output = tmp_path / "inputs.tsv"
    main(*inputs_of(tmp_path, sound, d=[sheet_row("x", peaks=sound.peaks)]), str(output))
    rows = [tuple(row.values()) for row in rows_of(output)]
    assert rows == [
        (sound.motifs, "motif database", "1 motifs"),
        (sound.fasta, "genome", "4 sequences, 2,000 bases"),
        (sound.peaks, "peaks", "all 2 intervals"),
    ]
    assert "all 2 intervals" in capsys.readouterr().out


def test_the_script_tells_all_problems_at_once_and_writes_nothing(sound, tmp_path, capsys):
    bad = [write(tmp_path / f"{n}.bed", f"chr1\t{n}\t0\nchr1\tx\t9\n") for n in range(1, 13)]
    output = tmp_path / "inputs.tsv"
    rows = [sheet_row(str(n), peaks=path) for n, path in enumerate(bad)]
    with pytest.raises(InputError, match=r"12 problem\(s\) in the inputs") as caught:
        main(*inputs_of(tmp_path, sound, d=rows, e=[sheet_row("x", peaks=sound.peaks)]), str(output))
    told = re.findall(r"^ *(\d+)\. (.+): 2 bad line\(s\)$", caught.value.why, flags=re.MULTILINE)
    assert told == [(str(number), path) for number, path in enumerate(bad, start=1)]
    assert caught.value.why.count("fix: ") == 12
    assert not output.exists()
    assert sound.peaks in capsys.readouterr().out  # what is sound is said in the log
