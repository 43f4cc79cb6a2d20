"""Names of chromosomes: tables of aliases in three shapes, and what is said where a file and the genome differ."""

import gzip
import shlex
import subprocess

import pandas as pd
import pytest

from cisflow.chromosome_names import check_names, name_hint, names_by_habit, read_aliases
from cisflow.messages import InputError
from cisflow.peak_files import read_peaks

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
MITOCHONDRIA = ["MT", "chrMT", "Mito", "M", "mitochondrion"]
YEAST = dict.fromkeys([*(f"chr{number}" for number in ROMAN), "chrM"], 1000)
HUMAN = dict.fromkeys([*(f"chr{number}" for number in range(1, 23)), "chrX", "chrY", "chrM"], 1000)
ENSEMBL = {name.removeprefix("chr").replace("M", "MT"): length for name, length in HUMAN.items()}

# As UCSC writes them: chromAlias.txt of hg38 with a field left empty, of mm10, and the table of sacCer3's database.
SCHEMES = (
    "# ucsc\tassembly\tgenbank\tncbi\trefseq\n"
    "chr1\t1\tCM000663.2\t1\tNC_000001.11\n"
    "chrM\tMT\tJ01415.2\tMT\tNC_012920.1\n"
    "chr9_KQ090018v1_alt\tHSCHR9_1_CTG6\tKQ090018.1\t\tNT_187658.1\n"
)
OLD_SCHEMES = (
    "# sequenceName\talias names\tUCSC database: mm10\nchr1\t1\tCM000994.2\tNC_000067.6\nchrM\tMT\tAY172335.1\n"
)
DATABASE = (
    "I\tchrI\tensembl\nBK006935.2\tchrI\tgenbank\nNC_001133.9\tchrI\trefseq\n"
    "Mito\tchrM\tensembl\nKP263414.1\tchrM\tgenbank,ncbi\n"
)


@pytest.mark.parametrize(
    ("content", "sizes", "expected"),
    [
        (b"# file\tgenome\r\n\r\nI\tchrI\r\nII\tchrII\r\nI\tchrI\r\n", YEAST, {"I": "chrI", "II": "chrII"}),
        (b"1\tNA\nnull\t2", {"NA": 5, "2": 5}, {"1": "NA", "null": "2"}),  # all names are text
        (b"\xef\xbb\xbfI\tchrI", YEAST, {"I": "chrI"}),
        (b"I \t chrI\n", YEAST, {"I": "chrI"}),
        (b"I\tchrI\nUn\tchrUn\n", YEAST, {"I": "chrI", "Un": "chrUn"}),  # a table of more than the genome has
        (b"chrI\tchrI\nI\tchrI\n", YEAST, {"I": "chrI", "chrI": "chrI"}),
        (gzip.compress(b"I\tchrI\n"), YEAST, {"I": "chrI"}),
        (
            SCHEMES.encode(),
            HUMAN,
            {"1": "chr1", "CM000663.2": "chr1", "NC_000001.11": "chr1"}
            | {"MT": "chrM", "J01415.2": "chrM", "NC_012920.1": "chrM"},
        ),
        (
            SCHEMES.encode(),
            ENSEMBL,
            {"chr1": "1", "CM000663.2": "1", "NC_000001.11": "1"}
            | {"chrM": "MT", "J01415.2": "MT", "NC_012920.1": "MT"},
        ),
        (
            SCHEMES.replace("\n", "\r\n").encode(),
            {"NT_187658.1": 7},
            dict.fromkeys(["chr9_KQ090018v1_alt", "HSCHR9_1_CTG6", "KQ090018.1"], "NT_187658.1"),
        ),
        (OLD_SCHEMES.encode(), {"MT": 7}, {"chrM": "MT", "AY172335.1": "MT"}),
        (b"# refseq\tucsc\nNC_001133.9\tchrI\n", YEAST, {"NC_001133.9": "chrI"}),
        (b"# ucsc\trefseq\nchrI\tNC_001133.9\n", YEAST, {"NC_001133.9": "chrI"}),  # two columns, the other way round
        (
            DATABASE.encode(),
            YEAST,
            dict.fromkeys(["I", "BK006935.2", "NC_001133.9"], "chrI") | dict.fromkeys(["Mito", "KP263414.1"], "chrM"),
        ),
        (
            f"#alias\tUCSC chrom\tsource\n{DATABASE}".encode(),
            {"I": 5, "Mito": 5},
            dict.fromkeys(["chrI", "BK006935.2", "NC_001133.9"], "I") | dict.fromkeys(["chrM", "KP263414.1"], "Mito"),
        ),
    ],
)
def test_tables_of_aliases_are_read(content, sizes, expected, tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_bytes(content)
    assert read_aliases(path, sizes) == expected


def test_no_table_gives_no_aliases():
    assert read_aliases(None, YEAST) == {}
    assert read_aliases("", YEAST) == {}


BAD_TABLES = {
    "blanks for a tab": ("I chrI\nII\tchrII\n", ["1 bad line(s)", "line 1: found 'I chrI'", "a tab separates"]),
    "three columns": ("II\tchrII\tx\nI\tchrI\n", ["line 1: found 'II | chrII | x'"]),
    "one column": ("I\nII\tchrII\n", ["line 1: found 'I'"]),
    "no name": ("\tchrX\nII\tchrII\n", ["line 1"]),
    "no name in the genome": ("# x\n\nX\t \nII\tchrII\n", ["line 3"]),
    "commas": ("I,chrI\nII,chrII\n", ["2 bad line(s)", "line 2: found 'II,chrII'"]),
    "a name for two": ("V\tchrV\nV\tchrIV\n", ["line 2: 'V' stands for 'chrV' and for 'chrIV'"]),
    "a name of the genome": ("chrI\tchrX\n", ["line 1: 'chrI' stands for 'chrX', and the genome has both"]),
    "the wrong way round": ("chrI\tI\nchrII\tII\n", ["none of its names", "I, II", "wrong way round", "awk"]),
    "of another genome": ("2L\tchr2L\n2R\tchr2R\n", ["none of its names", "chr2L, chr2R", "table of this genome"]),
    "chromAlias of another genome": (SCHEMES.replace("chrM", "x"), ["none of its names", "CM000663.2"]),
    "two names of one sequence": ("# ucsc\tassembly\nchrI\tchrII\n", ["line 2: the genome has chrI and chrII"]),
    "an alias of two sequences": ("# ucsc\tassembly\nchrI\tA\nchrII\tA\n", ["line 3: 'A' stands for 'chrI' and for"]),
    "an alias of two sequences in the database": ("A\tchrI\tncbi\nA\tchrII\tncbi\n", ["line 2: 'A' stands for"]),
    "empty": ("", ["is empty", "chromAlias.txt"]),
    "comments alone": ("# file\tgenome\n", ["none of its names"]),
    "HTML": ("<!DOCTYPE html>\n", ["HTML page"]),
    "latin-1": ("Caf\u00e9\tchrI\n", ["line 1", "UTF-8"]),
}


@pytest.mark.parametrize("case", list(BAD_TABLES))
def test_bad_tables_are_told(case, tmp_path):
    text, words = BAD_TABLES[case]
    path = tmp_path / "aliases.tsv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_aliases(path, YEAST)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert caught.value.fix


def test_all_bad_lines_are_told_at_once(tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_text("I chrI\nII\tchrII\tx\nV\tchrV\nV\tchrIV\n\tchrX\n")
    with pytest.raises(InputError) as caught:
        read_aliases(path, YEAST)
    told = caught.value.what.splitlines()
    assert told[0] == f"{path}: 4 bad line(s)"
    assert [line.split(":")[0] for line in told[1:]] == ["line 1", "line 2", "line 4", "line 5"]


def test_columns_the_wrong_way_round_are_mended_by_the_command_that_is_told(tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_text("chrI\tI\nchrII\tII\n")
    with pytest.raises(InputError) as caught:
        read_aliases(path, YEAST)
    command = caught.value.fix.split("`")[1].replace("NEW_FILE", str(tmp_path / "new.tsv"))
    subprocess.run(command, shell=True, check=True)
    assert read_aliases(tmp_path / "new.tsv", YEAST) == {"I": "chrI", "II": "chrII"}


# --- hints ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "sizes", "expected"),
    [
        (ENSEMBL, HUMAN, dict(zip(ENSEMBL, HUMAN, strict=True))),
        (HUMAN, ENSEMBL, dict(zip(HUMAN, ENSEMBL, strict=True))),
        ([f"chr{i}" for i in range(1, 17)], YEAST, {f"chr{i}": f"chr{roman}" for i, roman in enumerate(ROMAN, 1)}),
        ([str(i) for i in range(1, 17)], YEAST, {f"{i}": f"chr{roman}" for i, roman in enumerate(ROMAN, 1)}),
        (ROMAN, YEAST, {roman: f"chr{roman}" for roman in ROMAN}),
        (ROMAN, dict.fromkeys(map(str, range(1, 17)), 1), {roman: str(i) for i, roman in enumerate(ROMAN, 1)}),
        (["chr10", "chr9"], {"chrX": 1, "chrY": 1, "chr1": 1}, {}),  # X is no number where no other is Roman
        (["X"], {"chr1": 1, "chr10": 1}, {}),
        (["X", "II"], {"chrI": 1, "chrII": 1, "chrX": 1}, {"X": "chrX", "II": "chrII"}),
        (MITOCHONDRIA, YEAST, dict.fromkeys(MITOCHONDRIA, "chrM")),
        (["CHR1", "Chr2", "chr03", "chrx"], HUMAN, {"CHR1": "chr1", "Chr2": "chr2", "chr03": "chr3", "chrx": "chrX"}),
        (["chromosome1", "chr_2", "chrom3"], HUMAN, {"chromosome1": "chr1", "chr_2": "chr2", "chrom3": "chr3"}),
        (["chr1 ", "\ufeffchr2"], HUMAN, {"chr1 ": "chr1", "\ufeffchr2": "chr2"}),
        (["GL000218.1"], {"chrUn_GL000218v1": 1}, {"GL000218.1": "chrUn_GL000218v1"}),
        (["KI270706.1"], {"chr1_KI270706v1_random": 1}, {"KI270706.1": "chr1_KI270706v1_random"}),
        (["scaffold_12.1"], {"scaffold_12": 1}, {"scaffold_12.1": "scaffold_12"}),
        (["1"], {"chr1": 1, "Chr1": 1}, {}),  # two that it may be
        (["2L", "chrUn"], HUMAN, {}),
        (["chr1", "chr2"], HUMAN, {}),  # known
        (["NC_000001.11"], HUMAN, {}),
    ],
)
def test_names_that_differ_by_a_habit(names, sizes, expected):
    assert names_by_habit(names, sizes) == expected
    hint = name_hint(names, sizes)
    assert ("genome: {aliases: aliases.tsv}" in hint) == bool(expected)


@pytest.mark.parametrize(("names", "sizes"), [(ENSEMBL, HUMAN), ([f"chr{i}" for i in range(1, 17)], YEAST)])
def test_the_hint_is_a_command_that_writes_the_table(names, sizes, tmp_path):
    hint = name_hint(names, sizes)
    [command] = [line for line in hint.splitlines() if line.startswith("  printf")]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    aliases = read_aliases(tmp_path / "aliases.tsv", sizes)
    assert aliases == names_by_habit(names, sizes)
    assert len(aliases) == len(names)


def test_names_with_signs_are_quoted_for_the_shell(tmp_path):
    hint = name_hint(["CHR1;touch x"], {"chr1;touch x": 1})
    [command] = [line for line in hint.splitlines() if line.startswith("  printf")]
    assert "CHR1;touch x" in shlex.split(command)
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["aliases.tsv"]


def test_hundreds_of_names_are_not_all_written_out():
    sizes = {f"scaffold_{number}": 1 for number in range(300)}
    hint = name_hint([f"Scaffold_{number}" for number in range(300)], sizes)
    assert "and 299 more likewise" in hint
    assert "the other 240 names" in hint
    assert len(hint) < 3000


@pytest.mark.parametrize(
    ("names", "sizes", "whose"),
    [
        (["NC_000001.11", "NC_000002.12"], HUMAN, "'NC_000001.11' in the file"),
        (["CM000663.2"], HUMAN, "'CM000663.2' in the file"),
        (["chr1", "chr2"], {"NC_000001.11": 1, "NC_000002.12": 1}, "'NC_000001.11' in the genome"),
    ],
)
def test_accessions_need_a_table(names, sizes, whose):
    hint = name_hint(names, sizes)
    assert whose in hint
    assert "chromAlias.txt" in hint
    assert "genome.aliases" in hint


def test_no_hint_without_a_likeness():
    assert name_hint(["2L", "2R"], HUMAN) == ""
    assert name_hint(["chr1"], HUMAN) == ""
    assert name_hint([], HUMAN) == ""


# --- files against the genome -----------------------------------------------------------------------------------------


def lines_on(**counts):
    return pd.DataFrame({"chrom": [name for name, number in counts.items() for _ in range(number)]}, dtype=object)


def test_no_common_chromosome_is_refused_and_aliases_are_proposed():
    with pytest.raises(InputError, match="none of its chromosomes is in the genome") as caught:
        check_names("a.bed", lines_on(contig_2L=5, contig_2R=6), HUMAN)
    assert "contig_2R, contig_2L" in caught.value.why
    assert "genome.aliases" in caught.value.fix
    assert check_names("a.bed", lines_on(), HUMAN) == {}


def test_names_that_the_genome_lacks_are_counted_and_told(capsys):
    assert check_names("a.bed", lines_on(chr1=5, chrUn_1=2, chrUn_2=9), HUMAN) == {"chrUn_2": 9, "chrUn_1": 2}
    told = capsys.readouterr().out
    assert "a.bed: 11 of 16 lines are on 2 sequence(s) that the genome lacks" in told
    assert "chrUn_2 (9), chrUn_1 (2)" in told
    assert check_names("a.bed", lines_on(chr1=5), HUMAN) == {}
    assert capsys.readouterr().out == ""


def test_a_few_lines_under_another_name_are_told_with_the_cure(capsys):
    assert check_names("a.bed", lines_on(chr1=50, MT=2), HUMAN) == {"MT": 2}
    assert "printf '%s\\t%s\\n' MT chrM" in capsys.readouterr().out


def test_most_lines_under_another_name_are_refused_though_some_are_known():
    # The mitochondrion alone has one name in both; all else would be dropped.
    frame = lines_on(chrM=2, **{f"chr{number}": 3 for number in range(1, 17)})
    with pytest.raises(
        InputError, match="48 of 50 lines are on chromosomes which the genome has under another"
    ) as caught:
        check_names("a.bed", frame, YEAST)
    assert "chr10 chrX" in caught.value.fix


def test_a_genome_of_few_chromosomes_is_no_mistake(capsys):
    # As in a small example cut out of a large genome.
    frame = lines_on(**{f"chr{number}": 9 for number in range(1, 23)})
    assert len(check_names("a.bed", frame, {"chr21": 5, "chr22": 5})) == 20
    assert "180 of 198 lines" in capsys.readouterr().out


def test_published_yeast_peaks_get_the_table_that_they_need(shared_data, tmp_path):
    # Names chr1 to chr16 against chrI to chrXVI of UCSC: chr10 is chrX, and no chrX is in the file.
    path = shared_data / "yeast" / "peaks" / "Reb1_as_published.bed"
    with open(shared_data / "yeast" / "sacCer3.chrom.sizes") as handle:
        sizes = {name: int(length) for name, length in map(str.split, handle)}
    peaks = read_peaks(path, sizes, {})
    with pytest.raises(InputError, match="none of its chromosomes") as caught:
        check_names(path, peaks, sizes)
    [command] = [line for line in caught.value.fix.splitlines() if line.startswith("  printf")]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    renamed = read_peaks(path, sizes, read_aliases(tmp_path / "aliases.tsv", sizes))
    assert check_names(path, renamed, sizes) == {}
    expected = pd.read_csv(path.with_name("Reb1.bed"), sep="\t", header=None)
    assert sorted(zip(renamed["chrom"], renamed["start"], strict=True)) == sorted(
        zip(expected[0], expected[1], strict=True)
    )
