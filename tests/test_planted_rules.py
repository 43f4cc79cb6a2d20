"""Mistakes in the section `planted`: each is told with its place, and all of them together."""

import copy

import pytest
import yaml

from cisflow.configuration import load_configuration, planted_files, read_yaml
from cisflow.dataset_rules import task_of
from cisflow.planted_rules import planted_problems, sheet_problems

CONFIG = """\
datasets: datasets.tsv
planted:
  made:
    n_sequences: 100
    length: 60
    database: some.meme
    motifs:
      own: {consensus: ACGTRY, mutation_rate: 0.1}
    classes:
      bound:
        share: 0.5
        plant: [{motifs: [own, M1], number: [0.5, 0.5]}, {pair: [M1, M2], gaps: [3]}]
      unbound: {share: 0.5}
    targets:
      label: {classes: [bound]}
      holds: {motifs: [own]}
      dose: {effects: {M1: 2}, interactions: [{motifs: [M1, own], effect: 1, gaps: [0, 9]}], noise: 0.1}
motifs: {database: some.meme}
windows: {length: 60}
sequences: {name: name}
folds: {column: split}
"""
TABLE = "results/planted/made/sequences.tsv"
SHEET = f"dataset\ttarget\tsequences\ttask\none\tlabel\t{TABLE}\tbinary\ntwo\tdose\t{TABLE}\t\n"
MEME = "MEME version 4\n\n" + "".join(
    f"MOTIF {name}\nletter-probability matrix: alength= 4 w= 1\n0.25 0.25 0.25 0.25\n\n" for name in ("M1", "M2")
)


@pytest.fixture
def load(tmp_path, monkeypatch, repository):
    """Load the configuration, changed by a function, and what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.meme").write_text(MEME)
    schemas = {
        name: repository / f"config/schemas/{name}.schema.yaml" for name in ("config", "datasets", "tracks", "models")
    }

    def loaded(change=lambda config: None, sheet=SHEET):
        config = yaml.safe_load(CONFIG)
        change(config)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        (tmp_path / "datasets.tsv").write_text(sheet)
        settings, rows, _, _, problems = load_configuration(
            config, "config.yaml", schemas, [".", str(repository)], lambda path: {}
        )
        if settings:
            found = planted_problems(settings["planted"])
            problems += [f"{'.'.join(map(str, keys))}: {' | '.join(parts)}" for keys, *parts in found]
            files = planted_files(settings["planted"])
            problems += [" | ".join(parts) for parts in sheet_problems(rows, settings, files, task_of, "datasets.tsv")]
        return settings, rows, problems

    return loaded


def made(config):
    return config["planted"]["made"]


def test_a_sound_section_is_filled_with_its_defaults(load):
    settings, rows, problems = load()
    assert problems == []
    part = settings["planted"]["made"]
    assert part["splits"] == {"train": 0.7, "val": 0.1, "test": 0.2}
    assert part["background"] == {"frequencies": None, "transitions": None}
    assert part["classes"]["unbound"] == {"share": 0.5, "plant": []}
    item = part["classes"]["bound"]["plant"][1]
    assert (item["number"], item["each"], item["position"], item["strands"]) == (1, False, "uniform", "both")
    # motifs that are planted without settings of their own have those of the schema
    assert part["motifs"] == {
        "M1": {"consensus": None, "instances": "drawn", "mutation_rate": 0},
        "M2": {"consensus": None, "instances": "drawn", "mutation_rate": 0},
        "own": {"consensus": "ACGTRY", "instances": "drawn", "mutation_rate": 0.1},
    }
    assert part["targets"]["dose"]["interactions"][0]["gaps"] == [0, 9]
    assert rows[0]["sequences"] == TABLE  # which no one has made yet


def change_of(path, value):
    """A function that sets a value of the planted set; None takes it away."""

    def change(config):
        place = made(config)
        for key in path[:-1]:
            place = place[key]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


PLANT = ("classes", "bound", "plant")
MISTAKES = {
    "unknown key": (("n_sequence",), 5, ["unknown key `planted.made.n_sequence`", "did you mean `n_sequences`?"]),
    "no length": (("length",), None, ["`planted.made` lacks `length`"]),
    "consensus that is none": (("motifs", "own", "consensus"), "ACGX", ["ACGX", "IUPAC"]),
    "target named as a column": (("targets", "sequence"), {"motifs": ["own"]}, ["sequence", "another name"]),
    "share above 1": (("classes", "bound", "share"), 1.5, ["1.5", "1 or less"]),
    "shares": (("classes", "bound", "share"), 0.4, ["made.classes", "the sum 0.9"]),
    "splits": (("splits",), {"train": 0.7, "val": 0.2, "test": 0.2}, ["made.splits", "the sum 1.1"]),
    "probabilities": ((*PLANT, 0, "number"), [0.5, 0.4], ["plant.0.number", "the sum 0.9"]),
    "background": (("background",), {"frequencies": [0.3, 0.3, 0.3, 0.3]}, ["frequencies", "the sum 1.2"]),
    "transitions": (
        ("background",),
        {"transitions": [[0.25] * 4] * 3 + [[0.25, 0.25, 0.25, 0.2]]},
        ["transitions.3", "the sum 0.95"],
    ),
    "two backgrounds": (
        ("background",),
        {"frequencies": [0.25] * 4, "transitions": [[0.25] * 4] * 4},
        ["both frequencies and transitions"],
    ),
    "motif that the database lacks": ((*PLANT, 0, "motifs"), ["own", "M11"], ["'M11'", "did you mean `M1`?"]),
    "no database": (("database",), None, ["motif 'M1' has no consensus", "there is no database", "motif 'M2'"]),
    "database that is not there": (
        ("database",),
        "other.meme",
        ["there is no file other.meme", "planted.made.database"],
    ),
    "motif that nobody plants": (("motifs", "other"), {"consensus": "AC"}, ["'other' is planted in no class"]),
    "label of what nobody plants": (
        ("targets", "holds", "motifs"),
        ["owns"],
        ["no class plants motif 'owns'", "`own`?"],
    ),
    "effect of what nobody plants": (("targets", "dose", "effects"), {"M3": 1}, ["targets.dose.effects", "'M3'"]),
    "interaction of what nobody plants": (
        ("targets", "dose", "interactions", 0, "motifs"),
        ["M1", "M9"],
        ["interactions.0", "'M9'"],
    ),
    "class that is not there": (
        ("targets", "label", "classes"),
        ["bond"],
        ["no class 'bond'", "did you mean `bound`?"],
    ),
    "motifs and pair": ((*PLANT, 0, "pair"), ["M1", "M2"], ["plant.0", "both motifs and a pair"]),
    "neither": ((*PLANT, 0, "motifs"), None, ["plant.0", "neither motifs nor a pair"]),
    "pair without gaps": ((*PLANT, 1, "gaps"), None, ["plant.1", "a pair without gaps"]),
    "gaps without a pair": ((*PLANT, 0, "gaps"), [1], ["plant.0", "gaps without a pair"]),
    "orientations without a pair": ((*PLANT, 0, "orientations"), ["+-"], ["plant.0", "orientations without a pair"]),
    "each beside a pair": ((*PLANT, 1, "each"), True, ["plant.1", "each beside a pair"]),
    "two in the centre": (
        PLANT,
        [{"motifs": ["own", "M1"], "each": True, "position": "centre"}],
        ["classes.bound", "up to 2 elements in the centre"],
    ),
    "label with noise": (("targets", "holds", "noise"), 0.1, ["targets.holds", "a label with noise"]),
    "two labels in one": (("targets", "holds", "classes"), ["bound"], ["both motifs and classes"]),
    "target of nothing": (("targets", "dose"), {"noise": 0.1}, ["targets.dose", "nothing that it is made of"]),
    "gaps the wrong way": (("targets", "dose", "interactions", 0, "gaps"), [9, 0], ["[9, 0]", "the smaller gap first"]),
    "too short": (("length",), 50, ["50 bases a sequence, 60 are stored"]),
    "target that the set lacks": (("targets", "label"), None, ["no target 'label'"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_with_their_place(mistake, load):
    path, value, expected = MISTAKES[mistake]
    _, _, problems = load(change_of(path, value))
    told = "\n".join(problems)
    for text in expected:
        assert text in told, told
    assert not any("Traceback" in problem for problem in problems)


def test_many_mistakes_are_told_together(load):
    def change(config):
        for name in ("shares", "label with noise", "gaps without a pair", "class that is not there"):
            path, value, _ = MISTAKES[name]
            change_of(path, value)(config)

    _, _, problems = load(change)
    assert len(problems) == 4


def test_schema_mistakes_have_lines(load, tmp_path):
    _, _, problems = load(change_of(("n_sequence",), 5))
    lines = read_yaml(tmp_path / "config.yaml")[1]
    assert problems[0].startswith(f"config.yaml, line {lines['planted', 'made', 'n_sequence']}: ")
    assert len(problems) == 1  # the sheet's file is none of them: it would be made


def test_datasets_must_ask_for_what_the_set_has(load):
    sheet = (
        SHEET
        + f"three\tlabel\t{TABLE}\t\nfour\tnothing\t{TABLE}\tbinary\nfive\tdose\tresults/planted/made/motifs.meme\t\n"
    )
    _, _, problems = load(sheet=sheet)
    assert [problem.partition(" | ")[0] for problem in problems] == [
        "datasets.tsv, line 4",
        "datasets.tsv, line 5",
        "datasets.tsv, line 6",
    ]
    assert "task regression, but label of planted set made is one of labels" in problems[0]
    assert "no target 'nothing'" in problems[1]
    assert "holds motifs" in problems[2]


def test_a_set_that_is_not_planted_is_no_file(load):
    _, _, problems = load(sheet=SHEET.replace("planted/made", "planted/mode"))
    assert len(problems) == 2
    assert "there is no file results/planted/mode/sequences.tsv" in problems[0]


@pytest.mark.parametrize(
    ("section", "value", "expected"),
    [
        ("sequences", {}, "without sequences.name"),
        ("sequences", {"name": "id"}, "sequences.name is 'id'"),
        ("sequences", {"name": "name", "sequence": "seq"}, "sequences.sequence is 'seq'"),
        ("folds", {"column": "part"}, "folds.column is 'part'"),
        ("windows", {"length": 60, "max_jitter": 1}, "60 bases a sequence, 62 are stored"),
    ],
)
def test_columns_and_windows_must_fit_the_set(section, value, expected, load):
    _, _, problems = load(lambda config: config.update({section: value}))
    (problem,) = problems
    assert expected in problem


def test_folds_by_cluster_are_taken_too(load):
    _, _, problems = load(lambda config: config.update(folds={"k": 5, "by": "cluster"}))
    assert problems == []


def test_checks_leave_the_configuration_as_it_is(load):
    settings, _, _ = load()
    before = copy.deepcopy(settings["planted"])
    list(planted_problems(settings["planted"]))
    assert settings["planted"] == before


def test_the_example_of_the_manual_is_sound(load, repository):
    manual = (repository / "config/README.md").read_text()
    (block,) = [part.partition("```")[0] for part in manual.split("```yaml\n") if part.startswith("planted:")]
    example = yaml.safe_load(block)
    sheet = "dataset\ttarget\tsequences\ttask\none\tbound\tresults/planted/pairs/sequences.tsv\tbinary\n"
    settings, _, problems = load(lambda config: config.update(example), sheet)
    assert problems == []
    assert set(settings["planted"]["pairs"]["motifs"]) == {"own", "MA0477.3"}
