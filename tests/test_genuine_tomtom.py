"""Differences of two tables whose differences are made; the program is a stand-in that prints one of them."""

import os

import numpy as np
import pandas as pd
import pytest

from cisflow.genuine_tomtom import OPTIONS, compare_tables, run_tomtom
from cisflow.meme import read_meme, write_meme
from cisflow.messages import InputError
from cisflow.motif_matching import match_motifs


@pytest.fixture
def motifs(repository, tmp_path):
    """Paths of three queries and thirty targets, and memelite's table."""
    path = repository / "resources" / "jaspar" / "JASPAR2026_CORE_fungi_nonredundant.meme"
    database = list(read_meme(path).values())[:30]
    paths = tmp_path / "filters.meme", tmp_path / "database.meme"
    write_meme(paths[0], database[3:6])
    write_meme(paths[1], database)
    return paths, match_motifs(database[3:6], database, 1)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a program `tomtom` on the path that prints a text and keeps its arguments."""

    def put(text, status=0):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "text").write_text(text)
        program = folder / "tomtom"
        said = "echo 'bad motifs' >&2; " if status else ""
        program.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\n{said}cat {folder}/text\nexit {status}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        return folder

    return put


def test_differences_are_tabulated(motifs, stand_in):
    (queries, targets), ours = motifs
    genuine = ours.copy()
    genuine.loc[1, "p-value"] *= 100
    genuine.loc[0, ["Optimal_offset", "Orientation"]] = [9, "?"]
    best = ours.index[ours["Query_ID"] == ours["Query_ID"].iloc[-1]][0]
    genuine = genuine.drop(index=best)  # the third query now has another best target
    folder = stand_in(genuine.to_csv(sep="\t", index=False) + "\n# Tomtom (Motif Comparison Tool): Version 5\n")
    found, command = run_tomtom(queries, targets)
    assert (folder / "arguments").read_text().split() == [*OPTIONS, str(queries), str(targets)]
    assert command[0] == str(folder / "tomtom")
    pd.testing.assert_frame_equal(found, genuine.reset_index(drop=True), check_dtype=False)

    pairs, summary = compare_tables(ours, found, 0.05)
    assert len(pairs) == len(ours) - 1
    assert tuple(pairs.iloc[0][["Query_ID", "Target_ID"]]) == tuple(ours.loc[1, ["Query_ID", "Target_ID"]])
    assert pairs["log10_ratio"].iloc[0] == pytest.approx(-2)
    assert pairs["log10_ratio"].iloc[1:].abs().max() == pytest.approx(0, abs=1e-9)
    value = summary.set_index("quantity")["value"]
    assert value["pairs that both list"] == len(ours) - 1
    assert value["largest difference of log10 p"] == pytest.approx(2)
    assert value["pairs at the same place"] == len(ours) - 2
    assert value["queries of both"] == 3
    assert value["queries with the same best target"] == 2
    p = ours.drop(index=best)["p-value"].to_numpy()
    other = np.where(np.arange(len(p)) == 1, 100 * p, p)
    assert value["correlation of log10 p"] == pytest.approx(np.corrcoef(np.log10(p), np.log10(other))[0, 1])


def test_equal_tables_do_not_differ(motifs, stand_in):
    paths, ours = motifs
    stand_in(ours.to_csv(sep="\t", index=False))
    _, summary = compare_tables(ours, run_tomtom(*paths)[0], 0.05)
    value = summary.set_index("quantity")["value"]
    assert value["largest difference of log10 p"] == pytest.approx(0, abs=1e-9)
    assert value["queries with the same best target"] == value["queries of both"] == 3
    assert value["queries that match at q < 0.05"] == value["queries that match at q < 0.05 by tomtom"] > 0


def test_what_is_missing_or_fails_is_told(motifs, stand_in, monkeypatch, tmp_path):
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="bioconda meme"):
            run_tomtom(*motifs[0])
    stand_in("", status=3)
    with pytest.raises(InputError, match="exit status 3") as caught:
        run_tomtom(*motifs[0])
    assert "bad motifs" in str(caught.value)


def test_another_table_is_refused(motifs, stand_in):
    stand_in("#Query ID\tTarget ID\nQuery\tTarget\nx\ty\n")
    with pytest.raises(InputError, match="another table"):
        run_tomtom(*motifs[0])
