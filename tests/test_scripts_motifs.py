"""The scripts of the motif stage on small files: what they write is what other readers and the library say."""

import numpy as np
import pandas as pd
import pytest

from calibrate_matches import main as calibrate_matches
from cisflow.meme import Motif, read_meme, write_meme
from cisflow.messages import InputError
from cisflow.motif_matching import COLUMNS, match_motifs
from cisflow.split_file import write_split
from compare_tomtom import main as compare_tomtom
from enrich_motifs import main as enrich_motifs
from match_filters import main as match_filters

BOUNDS = (0.25, 0.5)
JASPAR = "resources/jaspar/JASPAR2026_CORE_fungi_nonredundant.meme"


@pytest.fixture(scope="module")
def database(repository):
    return list(read_meme(repository / JASPAR).values())


@pytest.fixture(scope="module")
def folder(repository, database, tmp_path_factory):
    """Filters that are blurred motifs, one that is random, a dead one and one of few sites; a database in two parts."""
    folder = tmp_path_factory.mktemp("motifs")
    rng = np.random.default_rng(0)
    pwms = [0.9 * motif.pwm + 0.025 for motif in database[10:14]] + [rng.dirichlet(np.full(4, 0.3), size=8)]
    write_meme(folder / "filters.meme", [Motif(f"filter_{n}", "", pwm, 30) for n, pwm in enumerate(pwms)])
    sites = pd.DataFrame(
        {
            "filter": [f"filter_{number}" for number in range(7)],
            "status": ["ok"] * 5 + ["dead", "few_sites"],
            "n_sites": [30] * 5 + [0, 2],
            "consensus": None,
        }
    )
    sites.to_csv(folder / "filter_sites.tsv", sep="\t", index=False)
    flat = Motif("FLAT.1", "nothing", np.full((9, 4), 0.25), 20)
    write_meme(folder / "motifs.meme", [*database[:100], flat, *database[100:]])
    origins = pd.DataFrame({"motif": [motif.identifier for motif in [*database, flat]]})
    origins["database"] = ["first"] * 100 + ["second"] * (len(database) - 99)
    origins.to_csv(folder / "motif_origins.tsv", sep="\t", index=False)
    (folder / "influence.tsv").write_text(
        "filter\tkind\tloss_change\n"
        + "".join(f"filter_{n}\tmean\t{n / 8}\nfilter_{n}\tzero\t9\n" for n in range(6, -1, -1))
    )
    (folder / "clusters.tsv").write_text("filter\tcluster\nfilter_0\t1\nfilter_3\t1\n")
    return folder


def run_matching(folder, out, origins=None, influence=None, clusters=None):
    match_filters(
        str(folder / "filters.meme"), str(folder / "filter_sites.tsv"), str(folder / "motifs.meme"), "fungi", origins,
        influence, clusters, 0.05, BOUNDS, 1,
        str(out / "matches.tsv"), str(out / "filters.tsv"),
    )  # fmt: skip
    text = (out / "matches.tsv").read_text()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    return pd.read_csv(out / "matches.tsv", sep="\t", comment="#"), comments, pd.read_csv(out / "filters.tsv", sep="\t")


def test_match_filters_writes_tomtoms_table_and_all_filters(folder, database, tmp_path, capsys):
    matches, comments, filters = run_matching(folder, tmp_path)
    assert list(matches.columns) == [*COLUMNS, "Target_database"]
    assert set(matches["Target_database"]) == {"fungi"}
    expected = match_motifs(list(read_meme(folder / "filters.meme").values()), database, 1)
    pd.testing.assert_frame_equal(matches[COLUMNS], expected, check_dtype=False, rtol=1e-5)
    assert "FLAT.1" not in set(matches["Target_ID"])
    assert f"# database: fungi ({len(database)} motifs)" in comments
    assert any("1 near-uniform motifs set aside" in line and "0.5 bits" in line for line in comments)
    assert any("best q-value is below 0.05" in line for line in comments)
    assert list(filters["filter"]) == [f"filter_{number}" for number in range(7)]
    assert list(filters["best_match"][:4]) == [motif.identifier for motif in database[10:14]]
    assert filters["best_match"][5:].isna().all()
    said = capsys.readouterr().out
    assert "set aside: FLAT.1 nothing" in said
    n_matched = (filters["best_match_q"] < 0.05).sum()
    assert f"{n_matched} of 7 filters ({n_matched / 7:.0%}) match at q < 0.05; 2 of them are dead or without" in said


def test_match_filters_names_the_database_of_each_match_and_takes_tables_along(folder, database, tmp_path):
    tables = [str(folder / name) for name in ("motif_origins.tsv", "influence.tsv", "clusters.tsv")]
    matches, comments, filters = run_matching(folder, tmp_path, *tables)
    first = {motif.identifier for motif in database[:100]}
    assert (matches["Target_database"] == np.where(matches["Target_ID"].isin(first), "first", "second")).all()
    assert comments[0] == "# database: first (100 motifs)"
    assert comments[1] == f"# database: second ({len(database) - 100} motifs)"
    # E is p times the targets of both databases.
    np.testing.assert_allclose(matches["E-value"], matches["p-value"] * len(database), rtol=1e-4)
    assert list(filters["influence"]) == [number / 8 for number in range(7)]
    assert list(filters["cluster"].dropna()) == [1, 1]
    assert filters["cluster"].notna().tolist() == [True, False, False, True, False, False, False]


def test_databases_of_uniform_motifs_and_small_ones_are_told(folder, database, tmp_path):
    write_meme(folder / "few.meme", database[:30])
    write_meme(folder / "flat.meme", [Motif("FLAT.1", "", np.full((9, 4), 0.25), 20)])
    paths = str(folder / "filters.meme"), str(folder / "filter_sites.tsv")
    outputs = str(tmp_path / "matches.tsv"), str(tmp_path / "filters.tsv")
    match_filters(*paths, str(folder / "few.meme"), "few", None, None, None, 0.05, BOUNDS, 1, *outputs)
    assert "null is drawn from 30 motifs, fewer than 50" in (tmp_path / "matches.tsv").read_text()
    with pytest.raises(InputError, match="no motif to match against"):
        match_filters(*paths, str(folder / "flat.meme"), "flat", None, None, None, 0.05, BOUNDS, 1, *outputs)
    networks = {"trained": paths}
    with pytest.raises(InputError, match="no motif to match against"):
        calibrate_matches(networks, str(folder / "flat.meme"), "flat", 0.05, BOUNDS, 3, 0, 1, outputs[0])


def test_calibrate_matches_counts_what_match_filters_finds(folder, tmp_path, capsys):
    _, _, filters = run_matching(folder, tmp_path)
    (tmp_path / "dead_sites.tsv").write_text("filter\tstatus\n" + "".join(f"filter_{n}\tdead\n" for n in range(7)))
    (tmp_path / "dead.meme").write_text("MEME version 4\n")  # without a motif, as extract_filters writes it then
    networks = {
        "trained": (str(folder / "filters.meme"), str(folder / "filter_sites.tsv")),
        "untrained": (str(tmp_path / "dead.meme"), str(tmp_path / "dead_sites.tsv")),
    }
    out = tmp_path / "calibration.tsv"
    calibrate_matches(networks, str(folder / "motifs.meme"), "fungi", 0.05, BOUNDS, 20, 1, 1, str(out))
    table = pd.read_csv(out, sep="\t")
    assert set(table["source"]) == {"trained", "untrained", "column_shuffled"}
    for _, row in table[table["source"] == "trained"].iterrows():
        assert row["n_matched"] == (filters["best_match_q"] < row["q_value"]).sum()
        assert (row["n_filters"], row["n_dead"], row["n_without_pwm"]) == (7, 1, 1)
    untrained = table[table["source"] == "untrained"]
    assert (untrained["n_dead"] == 7).all()
    assert (untrained["n_matched"] == 0).all()
    said = capsys.readouterr().out
    assert "7 filters match at q < 0.05 (" in said
    assert "1 dead and 1 without a PWM included" in said


def test_enrich_motifs_reads_the_windows_of_the_training_split(repository, database, tmp_path, capsys):
    rng = np.random.default_rng(2)
    motif, wide = database[20], Motif("WIDE.1", "", np.repeat(np.eye(4), 20, axis=0), 20)
    bases = rng.choice(np.frombuffer(b"ACGT", np.uint8), (300, 70))
    word = np.frombuffer(b"ACGT", np.uint8)[motif.pwm.argmax(axis=1)]
    bases[:150, 30 : 30 + len(word)] = word
    bases[150:, : len(word)] = word[: len(word)]  # beside the window, which begins 15 bases later
    bases[150:, 14] = ord("N")
    loci = pd.DataFrame({"chrom": "chr1", "start": np.arange(300) * 70, "strand": "+"})
    loci = loci.assign(end=loci["start"] + 70, name=[f"row_{row}" for row in range(300)])
    targets = np.stack([np.arange(300) < 150, np.ones(300)], axis=1).astype(np.float32)
    attributes = {
        "target_names": ["bound", "always"], "track_names": [], "task": "binary", "window_length": 40,
        "genome": "made", "genome_sha256": "", "config_sha256": "", "fold": "holdout",
    }  # fmt: skip
    write_split(tmp_path / "train.h5", loci, targets, 70, lambda rows: bases[rows], attributes)
    write_meme(tmp_path / "motifs.meme", [*database[:40], wide])
    out = tmp_path / "motif_enrichment.tsv"
    enrich_motifs(str(tmp_path / "train.h5"), str(tmp_path / "motifs.meme"), "fungi", str(out))
    table = pd.read_csv(out, sep="\t")
    assert set(table["target"]) == {"bound"}
    assert len(table) == 40
    assert table["motif"].iloc[0] == motif.identifier
    assert table["n_positive_with"].iloc[0] == table["n_positive"].iloc[0] == 150
    assert table["n_negative_with"].iloc[0] < 30
    said = capsys.readouterr().out
    assert "wider than the windows: WIDE.1" in said
    assert "p < 0.0001 a position" in said
    assert "always: nothing to compare" in said


def test_compare_tomtom_writes_pairs_and_summary(folder, database, tmp_path, monkeypatch):
    queries = list(read_meme(folder / "filters.meme").values())
    match_motifs(queries, database, 1).to_csv(tmp_path / "table.tsv", sep="\t", index=False)
    program = tmp_path / "tomtom"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/table.tsv\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    outputs = str(tmp_path / "differences.tsv"), str(tmp_path / "summary.tsv")
    compare_tomtom(str(folder / "filters.meme"), str(folder / "motifs.meme"), 0.05, BOUNDS, 1, *outputs)
    differences, summary = (pd.read_csv(path, sep="\t") for path in outputs)
    assert (differences["log10_ratio"].abs() < 1e-6).all()
    assert (differences["same_place"] == "yes").all()
    value = summary.set_index("quantity")["value"]
    assert value["queries with the same best target"] == len(queries)
