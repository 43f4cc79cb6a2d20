"""The scripts that plant motifs and that say what a network found of them, from file to file."""

import numpy as np
import pandas as pd
import pytest

from cisflow.meme import Motif, read_meme, reverse_complement, write_meme
from cisflow.messages import InputError
from cisflow.sequence_table import read_sequences
from evaluate_planted import main as evaluate_planted
from plant_motifs import main as plant_motifs

MOTIF = {"consensus": None, "instances": "drawn", "mutation_rate": 0}
ITEM = {"number": 1, "each": False, "position": "uniform", "strands": "both"}
COLUMNS = {"sequence": "sequence", "name": "name", "split": "split"}


def settings(motifs, targets):
    plant = [{**ITEM, "motifs": list(motifs), "number": [0.3, 0.4, 0.3]}]
    return {
        "n_sequences": 300,
        "length": 80,
        "seed": 1,
        "splits": {"train": 0.5, "val": 0.1, "test": 0.4},
        "background": {"frequencies": [0.3, 0.2, 0.2, 0.3], "transitions": None},
        "motifs": motifs,
        "classes": {"all": {"share": 1, "plant": plant}},
        "targets": targets,
    }


@pytest.fixture(scope="module")
def fungi(repository):
    return str(repository / "resources/jaspar/JASPAR2026_CORE_fungi_nonredundant.meme")


def planted(folder, wanted, database):
    folder.mkdir(parents=True, exist_ok=True)
    names = {"sequences": "sequences.tsv", "sites": "sites.tsv", "motifs": "motifs.meme", "truth": "truth.tsv"}
    outputs = {key: str(folder / name) for key, name in names.items()}
    plant_motifs(wanted, database, outputs)
    return outputs


@pytest.fixture
def labels(tmp_path, fungi):
    motifs = {"MA0265.3": MOTIF, "own": {**MOTIF, "consensus": "CGACCGAACTCC"}}
    target = {"motifs": ["own"], "effects": {}, "interactions": [], "noise": 0}
    return planted(tmp_path / "labels", settings(motifs, {"label": target}), fungi)


def test_the_table_is_one_that_the_workflow_reads(labels):
    table = read_sequences(labels["sequences"], COLUMNS, {"label": "label"}, "binary")
    assert len(table) == 300
    assert table["split"].value_counts().to_dict() == {"train": 150, "test": 120, "val": 30}
    sites = pd.read_csv(labels["sites"], sep="\t")
    holds = table["name"].isin(sites[sites["motif"] == "own"]["sequence"])
    assert table["label"].astype(bool).tolist() == holds.tolist()
    text_of = table.set_index("name")["sequence"]
    turned = str.maketrans("ACGT", "TGCA")
    for row in sites.itertuples():
        text = text_of[row.sequence][row.start : row.end]
        assert row.instance == (text if row.strand == "+" else text[::-1].translate(turned))


def test_motifs_are_those_of_the_database_and_the_consensus(labels, fungi):
    found, known = read_meme(labels["motifs"]), read_meme(fungi)
    assert list(found) == ["MA0265.3", "own"]
    assert found["MA0265.3"].pwm == pytest.approx(known["MA0265.3"].pwm, abs=1e-5)
    assert found["MA0265.3"].name == "ABF1"
    assert "".join("ACGT"[base] for base in found["own"].pwm.argmax(axis=1)) == "CGACCGAACTCC"
    truth = pd.read_csv(labels["truth"], sep="\t").set_index("split")
    table = pd.read_csv(labels["sequences"], sep="\t")
    assert truth["n_positive"].to_dict() == table.groupby("split")["label"].sum().to_dict()


def test_quantities_have_their_effects_beside_the_sites(tmp_path):
    target = {"effects": {"own": 2.0}, "interactions": [], "noise": 0.2}
    motifs = {"own": {**MOTIF, "consensus": "CGACCGAACTCC"}}
    outputs = planted(tmp_path / "quantities", settings(motifs, {"dose": target}), None)
    sequences, sites = (pd.read_csv(outputs[name], sep="\t") for name in ("sequences", "sites"))
    assert (sites["dose_effect"] == 2).all()
    sums = sites.groupby("sequence")["dose_effect"].sum().reindex(sequences["name"], fill_value=0)
    assert sequences["dose_expected"].tolist() == sums.tolist()
    truth = pd.read_csv(outputs["truth"], sep="\t")
    assert truth["expected_pearson"].to_numpy() == pytest.approx(0.8**0.5, rel=1e-5)


def test_the_same_settings_give_the_same_files(tmp_path, fungi):
    wanted = settings({"MA0265.3": MOTIF}, {"dose": {"effects": {"MA0265.3": 1}, "interactions": [], "noise": 0.1}})
    one, other = (planted(tmp_path / name, wanted, fungi) for name in ("one", "other"))
    for key, path in one.items():
        with open(path, "rb") as first, open(other[key], "rb") as second:
            assert first.read() == second.read()


def test_a_motif_that_the_database_lacks_is_told(tmp_path, fungi):
    target = {"motifs": ["MA0.1"], "effects": {}, "interactions": [], "noise": 0}
    with pytest.raises(InputError, match=r"has no motif MA0\.1"):
        planted(tmp_path / "lacks", settings({"MA0.1": MOTIF}, {"label": target}), fungi)


def test_what_a_network_found(labels, tmp_path, fungi):
    """A network that found ABF1 on either strand, by two filters, the planted consensus on `+` alone, and no more."""
    table = pd.read_csv(labels["sequences"], sep="\t")
    rows = table[table["split"] == "test"].reset_index(drop=True)
    test = pd.DataFrame({"#chrom": [f"cluster_{n}" for n in rows.index], "start": 0, "end": 80, "name": rows["name"]})
    test = test.assign(score=0, strand=".", label=rows["label"], cluster=test["#chrom"], sequence=rows["sequence"])
    test.to_csv(tmp_path / "test.bed", sep="\t", index=False)
    known = read_meme(labels["motifs"])
    pwms = {
        "filter_0": known["MA0265.3"].pwm,
        "filter_2": reverse_complement(known["MA0265.3"].pwm),
        "filter_3": 0.94 * known["own"].pwm + 0.015,
    }
    write_meme(tmp_path / "filters.meme", [Motif(name, "", pwm, 50) for name, pwm in pwms.items()])
    statuses = pd.DataFrame({"filter": [f"filter_{n}" for n in range(4)], "status": ["ok", "dead", "ok", "ok"]})
    statuses.to_csv(tmp_path / "filters.tsv", sep="\t", index=False)
    cluster_of = dict(zip(test["name"], test["#chrom"], strict=True))
    sites = pd.read_csv(labels["sites"], sep="\t")
    sites = sites[sites["sequence"].isin(cluster_of)]
    lines = []
    for row in sites.itertuples():
        name = {("MA0265.3", "+"): "filter_0", ("MA0265.3", "-"): "filter_2", ("own", "+"): "filter_3"}
        if (row.motif, row.strand) in name:  # the network reads one strand: its sites are all on `+`
            fields = (cluster_of[row.sequence], row.start, row.end, name[row.motif, row.strand], 1.5, "+")
            lines.append("\t".join(map(str, fields)) + "\n")
    lines.append("cluster_0\t0\t12\tfilter_1\t2\t+\n")  # of a filter without a PWM
    results = []
    for header in ("", "#chrom\tstart\tend\tfilter\tscore\tstrand\n"):
        (tmp_path / "sites.bed").write_text(header + "".join(lines))
        evaluate_planted(
            labels["motifs"],
            labels["sites"],
            labels["sequences"],
            str(tmp_path / "test.bed"),
            str(tmp_path / "filters.meme"),
            str(tmp_path / "filters.tsv"),
            str(tmp_path / "sites.bed"),
            fungi,
            "fungi",
            1,
            str(tmp_path / "planted_found.tsv"),
        )
        results.append((tmp_path / "planted_found.tsv").read_text())
    assert results[0] == results[1]
    assert "# found: the best match of a filter" in results[0]
    found = pd.read_csv(tmp_path / "planted_found.tsv", sep="\t", comment="#").set_index("motif")
    assert found["found"].all()
    assert found["filters"].to_dict() == {"MA0265.3": found["filters"]["MA0265.3"], "own": "filter_3"}
    assert set(found["filters"]["MA0265.3"].split(",")) == {"filter_0", "filter_2"}
    counts = sites.groupby(["motif", "strand"]).size()
    assert found["n_sites"].to_dict() == sites["motif"].value_counts().to_dict()
    assert found["n_recovered"].to_dict() == {"MA0265.3": counts["MA0265.3"].sum(), "own": counts["own", "+"]}
    assert (found["n_right_strand"] == found["n_recovered"]).all()
    assert (found["precision"] == 1).all()
    assert (found["offset"] == 0).all()
    assert found["recall"]["own"] == pytest.approx(counts["own", "+"] / counts["own"].sum(), rel=1e-5)
    assert (found["recall_by_chance"] < np.minimum(found["recall"], 0.5)).all()
