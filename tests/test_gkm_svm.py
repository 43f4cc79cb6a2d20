"""LS-GKM's programs, played by a script that writes down what it is given and scores sequences by a word."""

import json
import shutil
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cisflow.gkm_svm import fit_gkm_svm
from cisflow.messages import InputError

# gkmtrain writes a word as its model, and gkmpredict counts it.
STAND_IN = """#!{python}
import json, sys
from pathlib import Path
program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
files = [argument for argument in arguments if "/" in argument]
with open("{record}", "a") as out:
    texts = [Path(name).read_text() for name in files if Path(name).exists()]
    out.write(json.dumps([program, arguments, texts]) + "\\n")
if "{fails}" == program:
    print("first line\\nout of luck")
    sys.exit(3)
if program == "gkmtrain":
    Path(files[2] + ".model.txt").write_text("TATA")
else:
    word, lines = Path(files[1]).read_text(), []
    for line in Path(files[0]).read_text().split():
        if line.startswith(">"):
            name = line[1:]
        else:
            lines.append(name + "\\t" + str(10 * line.count(word) - 3 + len(lines) % 7 / 10) + "\\n")
    Path(files[2]).write_text("".join(lines[: {kept}]))
print("done")
"""
TATA = [3, 0, 3, 0]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put the stand-in on PATH; gives a function that reads what was written down."""

    def installed(fails="", kept=None):
        folder, record = tmp_path / "bin", tmp_path / "record.txt"
        folder.mkdir(exist_ok=True)
        text = STAND_IN.format(python=sys.executable, record=record, fails=fails, kept=kept)
        for program in ("gkmtrain", "gkmpredict"):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return lambda: [json.loads(line) for line in record.read_text().splitlines()]

    return installed


def made():
    rng = np.random.default_rng(0)
    codes = {
        name: rng.integers(0, 4, (n, 30)).astype(np.uint8) for name, n in (("train", 40), ("val", 60), ("test", 50))
    }
    targets = {}
    for split, rows in codes.items():
        holds = rng.random(len(rows)) < 0.5
        for row in np.flatnonzero(holds):
            rows[row, 10:14] = TATA
        rows[3, 0] = 4
        targets[split] = np.column_stack([holds, 1 - holds, np.ones(len(rows))]).astype(np.float32)
    targets["train"][5, 0] = np.nan
    targets["val"][:20, 0] = np.nan
    return codes, targets


def read_fasta(text):
    names, sequences = text.split()[::2], text.split()[1::2]
    assert all(name[0] == ">" for name in names)
    return {int(name[1:]): sequence for name, sequence in zip(names, sequences, strict=True)}


def test_programs_get_positives_and_negatives_and_their_scores_become_probabilities(install):
    calls = install()
    codes, targets = made()
    found, chosen = fit_gkm_svm(codes, targets, ["a", "b", "c"], "binary", 1, 6, 1000, cache_mb=77)
    (train, train_options, fastas), *predictions = calls()[:3]
    assert train == "gkmtrain"
    assert train_options[:4] == ["-T", "4", "-m", "77"]
    assert len(train_options) == 7
    for label, text in zip((1, 0), fastas, strict=True):
        rows = np.flatnonzero(targets["train"][:, 0] == label)
        assert read_fasta(text) == {row: "".join("ACGTN"[code] for code in codes["train"][row]) for row in rows}
    for split, (program, options, texts) in zip(("val", "test"), predictions, strict=True):
        assert program == "gkmpredict"
        assert options[:2] == ["-T", "4"]
        assert len(options) == 5
        assert read_fasta(texts[0]) == {
            row: "".join("ACGTN"[code] for code in sequence) for row, sequence in enumerate(codes[split])
        }
    assert len(calls()) == 6  # of two targets; the third has one label alone
    text = {split: ["".join("ACGTN"[code] for code in row) for row in rows] for split, rows in codes.items()}
    score = {
        split: np.array([10 * row.count("TATA") - 3 + number % 7 / 10 for number, row in enumerate(rows)])
        for split, rows in text.items()
    }
    known = ~np.isnan(targets["val"][:, 0])
    centre, spread = score["val"][known].mean(), score["val"][known].std()
    fitted = LogisticRegression().fit(((score["val"][known] - centre) / spread)[:, None], targets["val"][known, 0])
    expected = fitted.predict_proba(((score["test"] - centre) / spread)[:, None])[:, 1]
    np.testing.assert_allclose(found["test"][:, 0], expected, rtol=1e-4)
    assert roc_auc_score(targets["test"][:, 0], found["test"][:, 0]) > 0.95
    assert (found["test"][:, 2] == 1).all()
    n_positive = int(np.nansum(targets["train"][:, 0]))
    assert chosen[:3] == [
        ("a", "positives", str(n_positive)), ("a", "negatives", str(39 - n_positive)), ("a", "calibrated_on", "val"),
    ]  # fmt: skip


def test_of_many_rows_a_part_is_taken_and_told(install, capsys):
    calls = install()
    codes, targets = made()
    fit_gkm_svm(codes, targets, ["a", "b", "c"], "binary", 1, 1, 15)
    assert sum(len(read_fasta(text)) for text in calls()[0][2]) == 15
    assert "a: of 39 known training rows, 15 are taken" in capsys.readouterr().out


def test_scores_of_training_rows_are_used_where_validation_has_one_label(install):
    calls = install()
    codes, targets = made()
    targets["val"][:, 0] = 1
    _, chosen = fit_gkm_svm(codes, {name: rows[:, :1] for name, rows in targets.items()}, ["a"], "binary", 1, 1, 1000)
    assert chosen[-1] == ("a", "calibrated_on", "train")
    assert [program for program, *_ in calls()] == ["gkmtrain", *3 * ["gkmpredict"]]


def test_what_can_go_wrong_is_told(install, monkeypatch, tmp_path):
    codes, targets = made()
    arguments = codes, targets, ["a", "b", "c"]
    with pytest.raises(InputError, match="for labels"):
        fit_gkm_svm(*arguments, "regression", 1, 1, 1000)
    install(fails="gkmtrain")
    with pytest.raises(InputError, match="gkmtrain failed with exit status 3\nWHY  first line\nout of luck"):
        fit_gkm_svm(*arguments, "binary", 1, 1, 1000)
    install(kept=-1)
    with pytest.raises(InputError, match="found 59 scores for 60 sequences"):
        fit_gkm_svm(*arguments, "binary", 1, 1, 1000)
    (tmp_path / "bin" / "gkmpredict").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InputError, match="gkmpredict cannot be found") as told:
        fit_gkm_svm(*arguments, "binary", 1, 1, 1000)
    assert "gkmtrain" not in told.value.what


def test_the_real_programs_find_a_word(capsys):
    if shutil.which("gkmtrain") is None or shutil.which("gkmpredict") is None:
        pytest.skip("LS-GKM (gkmtrain, gkmpredict) is not installed")
    rng = np.random.default_rng(0)
    codes, targets = {}, {}
    for split, size in (("train", 400), ("val", 200), ("test", 200)):
        codes[split] = rng.integers(0, 4, (size, 60)).astype(np.uint8)
        targets[split] = (np.arange(size) % 2).astype(float)[:, None]
        codes[split][1::2, 25:35] = [0, 1, 2, 3, 1, 0, 2, 2, 3, 1]
    found, _ = fit_gkm_svm(codes, targets, ["word"], "binary", 1, 1, 1000)
    assert roc_auc_score(targets["test"][:, 0], found["test"][:, 0]) > 0.95
