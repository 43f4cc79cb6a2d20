"""The scripts that read the filters of networks: PWMs, sites, influence, clusters, consensus motifs."""

import numpy as np
import pandas as pd
import pytest
import torch
from made_splits import JITTER, LENGTH, SITE, made_split

from cisflow.meme import Motif, consensus, read_meme, write_meme
from cisflow.model import build_network, save_model
from cisflow.prediction import predict
from cisflow.split_file import read_split, write_split
from cluster_filters import main as cluster_filters
from extract_filters import main as extract_filters
from join_filters import main as join_filters
from measure_influence import main as measure_influence

COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
MARGIN = 6  # bases stored beside a window


def reverse_complement(text):
    return text.translate(COMPLEMENT)[::-1]


def motif_network(path, motif, length, padding, name="conv1d", n_targets=1):
    """Save a network whose first filter is a motif; the second is random, and the third always gives the same."""
    layers = [
        {"type": "conv1d", "filters": 3, "width": len(motif), "padding": padding},
        {"type": "activation", "function": "relu"},
        {"type": "global_max_pool"},
    ]
    torch.manual_seed(0)
    model = build_network({"layers": layers}, {"sequence": (4, length)}, n_targets)
    with torch.no_grad():
        codes = np.frombuffer(motif, np.uint8)
        model.conv1d_1.weight[0] = torch.from_numpy((codes == np.frombuffer(b"ACGT", np.uint8)[:, None]) - 0.25)
        model.conv1d_1.bias[0] = 0
        model.conv1d_1.weight[2] = 0
    record = {
        "network": {"layers": layers}, "inputs": {"sequence": (4, length)}, "loss": "bce",
        "target_names": [f"factor{number}" for number in range(n_targets)],
    }  # fmt: skip
    save_model(path, model, record)
    return str(path)


def genome_split(path, genome, start, strand, length):
    """A split of stored sequences cut out of a genome on their strands."""
    width = length + 2 * MARGIN
    stored = [genome[at : at + width] for at in start]
    stored = [reverse_complement(text) if on == "-" else text for text, on in zip(stored, strand, strict=True)]
    bases = np.frombuffer(b"".join(stored), np.uint8).reshape(len(start), width)
    loci = pd.DataFrame({"chrom": "chr7", "start": start, "end": start + width, "strand": strand})
    attributes = {"target_names": ["factor0"], "track_names": [], "task": "binary"}
    targets = np.zeros((len(start), 1))
    write_split(path, loci.assign(name="peak"), targets, width, bases.__getitem__, attributes)
    return str(path)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("width", range(8, 26))
def test_a_planted_site_is_found_at_its_coordinate_and_strand(width, padding, tmp_path):
    rng, length = np.random.default_rng(width), 50
    motif = rng.choice(np.frombuffer(b"ACGT", np.uint8), width).tobytes()
    genome, planted = bytearray(rng.choice(np.frombuffer(b"ACGT", np.uint8), 12_000).tobytes()), []
    for at in range(30, 11_900, 70):
        strand = "+-"[int(rng.integers(2))]
        genome[at : at + width] = motif if strand == "+" else reverse_complement(motif)
        planted.append((at, at + width, strand))
    genome = bytes(genome)
    # Wherever else the motif came about, it counts too.
    planted += [(at, at + width, "+") for at in range(12_000) if genome.startswith(motif, at)]
    planted += [(at, at + width, "-") for at in range(12_000) if genome.startswith(reverse_complement(motif), at)]
    start = rng.integers(0, 12_000 - length - 2 * MARGIN, size=400)
    # Windows that begin and end with a motif: their outermost unpadded positions.
    start[:5], start[5:10] = [p[0] - MARGIN for p in planted[:5]], [p[1] - length - MARGIN for p in planted[5:10]]
    strand = rng.choice(["+", "-", "."], size=400)
    split = genome_split(tmp_path / "test.h5", genome, start, strand, length)
    model = motif_network(tmp_path / "model.pt", motif, length, padding)
    # A single mismatch of the motif lies below the threshold.
    settings = {"procedure": "koo_eddy", "activation_fraction": (width - 0.5) / width}
    outputs = [str(tmp_path / name) for name in ("filters.meme", "filter_sites.tsv", "sites.bed.gz")]
    extract_filters(model, split, settings, "cpu", 1, *outputs)
    table = pd.read_csv(outputs[1], sep="\t").set_index("filter")
    assert table.loc["filter_0", ["status", "consensus"]].tolist() == ["ok", motif.decode()]
    assert table.loc["filter_0", ["start", "end"]].tolist() == [0, width]
    assert table.loc["filter_2", "status"] == "dead"
    bed = pd.read_csv(outputs[2], sep="\t")
    own = bed[bed["filter"] == "filter_0"]
    found = list(own[["start", "end", "strand"]].itertuples(index=False, name=None))
    low = start + MARGIN
    covered = {p for p in planted if ((low <= p[0]) & (p[1] <= low + length)).any()}
    assert len(covered) > 80
    assert set(found) == covered
    assert len(found) == len(covered)
    assert set(own["#chrom"]) == {"chr7"}
    assert own["score"].tolist() == pytest.approx([0.75 * width] * len(own))
    assert table.loc["filter_0", "n_listed"] == len(found) <= table.loc["filter_0", "n_sites_both_strands"]


@pytest.mark.parametrize("procedure", ["basset", "deepbind", "koo_eddy"])
def test_filters_become_pwms_by_each_procedure(procedure, tmp_path, capsys):
    split = made_split(tmp_path / "test.h5", n_rows=300)
    model = motif_network(tmp_path / "model.pt", SITE, LENGTH, "same")
    outputs = [str(tmp_path / name) for name in ("filters.meme", "filter_sites.tsv", "sites.bed")]
    extract_filters(model, split, {"procedure": procedure, "min_information": 0}, "cpu", 1, *outputs)
    table = pd.read_csv(outputs[1], sep="\t").set_index("filter")
    motifs = read_meme(outputs[0])
    assert consensus(motifs["filter_0"].pwm) in SITE.decode()
    assert motifs["filter_0"].nsites == table.loc["filter_0", "n_sites"]
    assert set(table["layer"]) == {"conv1d_1"}
    assert table["procedure"].str.startswith(f"{procedure}: ").all()
    assert procedure in capsys.readouterr().out
    bed = pd.read_csv(outputs[2], sep="\t")
    assert set(bed["filter"]) == set(motifs)
    # Rows do not overlap here: what is listed on the strand of the rows are the sites that were counted.
    forward = bed[bed["strand"] == "+"]["filter"].value_counts()
    assert forward.to_dict() == table.loc[list(motifs), "n_sites"].to_dict()
    if procedure == "deepbind":
        assert table.loc["filter_0", "n_sites"] == 300


def test_a_filter_lists_its_strongest_sites_alone(tmp_path):
    split = made_split(tmp_path / "test.h5", n_rows=300)
    model = motif_network(tmp_path / "model.pt", SITE, LENGTH, "valid")
    outputs = [str(tmp_path / name) for name in ("filters.meme", "filter_sites.tsv", "sites.bed")]
    settings = {"max_sites": 60, "min_information": 0, "activation_fraction": 0.3}
    extract_filters(model, split, settings, "cpu", 1, *outputs)
    table, bed = pd.read_csv(outputs[1], sep="\t").set_index("filter"), pd.read_csv(outputs[2], sep="\t")
    assert table.loc["filter_0", "n_listed"] == 60 < table.loc["filter_0", "n_sites_both_strands"]
    assert bed.loc[bed["filter"] == "filter_0", "score"].min() == 0.75 * len(SITE)  # 150 rows hold the whole motif


def test_another_layer_can_be_read(tmp_path):
    layers = [
        {"type": "conv1d", "filters": 4, "width": 5, "padding": "same"},
        {"type": "activation", "function": "relu"},
        {"type": "max_pool", "width": 2},
        {"type": "conv1d", "filters": 6, "width": 3, "name": "second"},
        {"type": "activation", "function": "relu"},
        {"type": "global_max_pool"},
    ]
    torch.manual_seed(1)
    model = build_network({"layers": layers}, {"sequence": (4, LENGTH)}, 1)
    record = {"network": {"layers": layers}, "inputs": {"sequence": (4, LENGTH)}, "target_names": ["factor0"]}
    save_model(tmp_path / "model.pt", model, record)
    split = made_split(tmp_path / "test.h5", n_rows=500)
    outputs = [str(tmp_path / name) for name in ("filters.meme", "filter_sites.tsv", "sites.bed")]
    settings = {"layer": "second", "min_information": 0, "trim_information": 0, "activation_fraction": 0.6}
    extract_filters(str(tmp_path / "model.pt"), split, settings, "cpu", 1, *outputs)
    table, bed = pd.read_csv(outputs[1], sep="\t"), pd.read_csv(outputs[2], sep="\t")
    assert len(table) == 6
    assert set(table["layer"]) == {"second"}
    width = 5 + 1 + 2 * 2
    assert set(table["end"].dropna()) == {width}
    assert set(bed["end"] - bed["start"]) == {width}
    offset = bed.loc[bed["strand"] == "+", "start"] % 100 - JITTER  # rows begin at multiples of 100
    assert (offset.min() >= 0) & (offset.max() + width <= LENGTH)


def test_influence_is_that_of_the_rows_that_were_drawn(tmp_path, capsys):
    split_path = made_split(tmp_path / "test.h5", n_rows=300, n_targets=2)
    path = motif_network(tmp_path / "model.pt", SITE, LENGTH, "valid", n_targets=2)
    measure_influence(path, split_path, None, 10_000, 1, "cpu", 1, str(tmp_path / "whole.tsv"))
    measure_influence(path, split_path, None, 100, 1, "cpu", 1, str(tmp_path / "part.tsv"))
    assert "100 of 300 rows (seed 1)" in capsys.readouterr().out
    whole, part = (pd.read_csv(tmp_path / name, sep="\t") for name in ("whole.tsv", "part.tsv"))
    assert list(whole) == list(part) == [
        "filter", "kind", "value", "loss", "loss_change", "factor0_loss_change", "factor0_prediction_change",
        "factor1_loss_change", "factor1_prediction_change",
    ]  # fmt: skip
    assert whole["filter"].tolist() == [f"filter_{number}" for number in (0, 0, 1, 1, 2, 2)]
    assert not np.allclose(whole["loss"], part["loss"])
    # The third filter gives its bias whatever comes: its mean changes nothing.
    rows = whole.set_index(["filter", "kind"])
    assert abs(rows.loc[("filter_2", "mean"), "loss_change"]) < 1e-6
    # Silenced by hand: what the output layer adds for the first filter is taken away.
    model = torch.load(path, weights_only=True)
    network = build_network(model["network"], model["inputs"], 2)
    network.load_state_dict(model["weights"])
    split = read_split(split_path)
    plain = predict(network.eval(), model, split, torch.device("cpu"))
    with torch.no_grad():
        network.output.weight[:, 0] = 0
    silent = predict(network, model, split, torch.device("cpu"))
    expected = (silent - plain).mean(axis=0)
    columns = ["factor0_prediction_change", "factor1_prediction_change"]
    assert rows.loc[("filter_0", "zero"), columns].tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def write_filters(folder, pwms, n_dead=1):
    """PWMs of a network as extract_filters leaves them."""
    folder.mkdir(parents=True)
    motifs = [Motif(f"filter_{number}", "", pwm, 50) for number, pwm in enumerate(pwms)]
    write_meme(folder / "filters.meme", motifs)
    status = ["ok"] * len(pwms) + ["dead"] * n_dead
    table = pd.DataFrame({"filter": [f"filter_{number}" for number in range(len(status))], "status": status})
    table.to_csv(folder / "filter_sites.tsv", sep="\t", index=False)
    return str(folder / "filters.meme"), str(folder / "filter_sites.tsv")


@pytest.fixture(scope="module")
def database(repository):
    return str(repository / "resources" / "jaspar" / "JASPAR2026_CORE_insects_nonredundant.meme")


def noisy(rng, pwm, n_sites=80):
    counts = np.array([rng.multinomial(n_sites, column / column.sum()) for column in pwm]) + 0.5
    return counts / counts.sum(axis=1, keepdims=True)


def test_redundant_filters_are_clustered(database, tmp_path):
    rng, known = np.random.default_rng(0), read_meme(database)
    suhw, beaf = known["MA0533.1"].pwm, known["MA0529.3"].pwm
    pwms = [noisy(rng, suhw), noisy(rng, beaf), noisy(rng, suhw)[::-1, ::-1], noisy(rng, suhw[2:])]
    meme, sites = write_filters(tmp_path / "run", pwms)
    cluster_filters(meme, sites, 0.75, str(tmp_path / "filter_clusters.tsv"))
    table = pd.read_csv(tmp_path / "filter_clusters.tsv", sep="\t")
    assert table["filter"].tolist() == [f"filter_{number}" for number in range(4)]
    assert table["cluster"].tolist() == [1, 2, 1, 1]
    assert table["n_filters"].tolist() == [3, 1, 3, 3]
    own = table[table["cluster"] == 1]
    assert len(set(own["representative"])) == 1
    assert set(own["orientation"]) == {"+", "-"}
    assert set(own["filter"]) >= set(own["representative"])


def test_no_pwm_makes_no_cluster(tmp_path):
    meme, sites = write_filters(tmp_path / "run", [])
    cluster_filters(meme, sites, 0.75, str(tmp_path / "filter_clusters.tsv"))
    table = pd.read_csv(tmp_path / "filter_clusters.tsv", sep="\t")
    assert list(table)[:3] == ["filter", "cluster", "n_filters"]
    assert table.empty


SETTINGS = {"similarity": 0.75, "trim_information": 0.25, "match_q_value": 0.05}


def test_filters_of_many_runs_are_joined_to_consensus_motifs(database, tmp_path, capsys):
    rng, known = np.random.default_rng(0), read_meme(database)
    suhw, beaf, m1bp = (known[name].pwm for name in ("MA0533.1", "MA0529.3", "MA1459.2"))
    runs = {
        "holdout/seed1": [noisy(rng, suhw), noisy(rng, beaf)],
        "holdout/seed2": [noisy(rng, beaf)[::-1, ::-1], noisy(rng, suhw), noisy(rng, suhw)[1:]],
        "holdout/seed3": [noisy(rng, m1bp), noisy(rng, suhw)],
        "holdout/seed4": [],
    }
    paths = [write_filters(tmp_path / run, pwms) for run, pwms in runs.items()]
    outputs = [str(tmp_path / name) for name in ("consensus_motifs.meme", "consensus_motifs.tsv")]
    join_filters(list(runs), *map(list, zip(*paths, strict=True)), database, "JASPAR", SETTINGS, 1, *outputs)
    table = pd.read_csv(outputs[1], sep="\t", comment="#")
    assert table["cluster"].tolist() == ["motif_1", "motif_2", "motif_3"]
    assert table["n_runs_with"].tolist() == [3, 2, 1]
    assert set(table["n_runs"]) == {4}
    assert table["best_match"].tolist() == ["MA0533.1", "MA0529.3", "MA1459.2"]
    assert table["best_match_name"].tolist() == [known[name].name for name in table["best_match"]]
    assert (table["best_match_q"] < 0.01).all()
    assert table.loc[0, "filters"] == (
        "holdout/seed1:filter_0,holdout/seed2:filter_1,holdout/seed2:filter_2,holdout/seed3:filter_1"
    )
    motifs = read_meme(outputs[0])
    assert [motif.nsites for motif in motifs.values()] == [200, 100, 50]
    assert table["consensus"].tolist() == [consensus(motif.pwm) for motif in motifs.values()]
    assert "3 motifs, 0 found in all" in capsys.readouterr().out


def test_networks_without_pwms_have_no_consensus_motifs(database, tmp_path):
    paths = [write_filters(tmp_path / run, []) for run in ("seed1", "seed2")]
    outputs = [str(tmp_path / name) for name in ("consensus_motifs.meme", "consensus_motifs.tsv")]
    join_filters(["seed1", "seed2"], *map(list, zip(*paths, strict=True)), database, "JASPAR", SETTINGS, 1, *outputs)
    table = pd.read_csv(outputs[1], sep="\t", comment="#")
    assert table.empty
    assert {"cluster", "n_runs_with", "best_match", "best_match_q"} <= set(table)
