"""Planted motifs on the page: which model and seed found which, at one look and of each network."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest
from report_check_inputs import PLANTED_HEADER, with_checks
from report_inputs import MOTIFS, make_dataset, make_run, write_motifs, write_table
from test_report import Page, doubts_of, render
from test_report_checks import checks_of, one_target, plain
from test_report_data import page_of
from test_report_networks import rows_of, section

from cisflow.figures_planted import planted_chart
from cisflow.report_planted import criterion_sentences, found_table, planted_findings

NAMES = ["Arid3a", "CEBPB", "", "MAX"]  # the third has an identifier alone
FOUND = {  # model to what each seed found
    "wide": [(1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 0)],
    "narrow": [(1, 0, 0, 0), (0, 0, 0, 0), (1, 0, 1, 0)],
    "narrow_exp": [(1, 1, 0, 1), (1, 1, 0, 1), (1, 1, 0, 1)],
}
COMMENTS = [
    "found: the best match of a filter is the planted motif or an equivalent (at q < 0.01), at q < 0.01; sites are the "
    "same if they share 50% of the shorter one",
    "database: JASPAR 2026 (879 motifs)",
]


def write_found(run, found):
    rows = [
        (f"MA{number}", name, bool(hit), int(hit), "filter_0", f"MA{number}", 1e-9, 100, 90, 0.9, 0.02, 0.8)
        for number, (name, hit) in enumerate(zip(NAMES, found, strict=True))
    ]
    path = Path(run["metrics"]).with_name("planted_found.tsv")
    return {**run, "planted_found": write_table(path, PLANTED_HEADER, rows, COMMENTS)}


def made(root, dataset="simulated", found=FOUND, folds=("holdout",), tracks_alone=False):
    """Networks of a dataset with planted motifs, and perhaps one that does not read the sequence."""
    runs = [
        write_found(make_run(root, dataset, ["CTCF"], model=model, seed=seed, auroc=0.9, fold=fold), of_seed)
        for fold in folds
        for model, of_model in found.items()
        for seed, of_seed in enumerate(of_model)
    ]
    if tracks_alone:
        runs += [make_run(root, dataset, ["CTCF"], model="tracks", seed=seed, has_filters=False) for seed in (0, 1, 2)]
    return {
        "runs": runs,
        "datasets": [make_dataset(root, dataset, ["CTCF"], fold=fold) for fold in folds],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }


def tables_of(inputs):
    """All tables as one, as pandas reads them: an independent count."""
    parts = [
        pd.read_csv(run["planted_found"], sep="\t", comment="#").assign(model=run["model"], run=number)
        for number, run in enumerate(inputs["runs"])
        if run.get("planted_found")
    ]
    return pd.concat(parts)


def texts_of(svg):
    return [text for element in ElementTree.fromstring(svg).iter() if (text := (element.text or "").strip())]


# Over models and seeds ------------------------------------------------------------------------------------------------


def test_motifs_are_counted_over_models_and_seeds(tmp_path):
    inputs = made(tmp_path)
    runs = [
        {**run, "planted": [{**row, "found": row["found"]} for row in table.to_dict("records")]}
        for run, (_, table) in zip(inputs["runs"], tables_of(inputs).fillna("").groupby("run"), strict=True)
    ]
    motifs, models = found_table(runs)
    assert motifs == ["Arid3a", "CEBPB", "MA2", "MAX"]
    assert [model["name"] for model in models] == ["wide", "narrow", "narrow_exp"]  # not sorted
    expected = tables_of(inputs)
    for model in models:
        own = expected[expected["model"] == model["name"]]
        assert model["counts"] == own.groupby("run")["found"].sum().tolist()
        assert model["found"] == own.groupby("motif", sort=False)["found"].sum().tolist()
        assert model["mean"] == pytest.approx(own.groupby("run")["found"].sum().mean())
    assert models[1]["in_none"] == ["CEBPB", "MAX"]
    assert models[1]["in_some"] == ["Arid3a (2)", "MA2 (1)"]
    assert found_table([{**run, "planted": []} for run in runs]) == ([], [])


def test_the_page_shows_what_was_found_at_one_look(tmp_path):
    inputs = made(tmp_path, tracks_alone=True)
    page, html = page_of(inputs), render(inputs)
    part = section(html, "planted")
    [svg] = re.findall(r'<svg class="matrix".*?</svg>', part, flags=re.S)
    texts = texts_of(svg)
    counted = tables_of(inputs).groupby(["model", "motif"], sort=False)["found"].sum()
    assert [text for text in texts if " of 3" in text] == [
        f"{number} of 3" for model in FOUND for number in counted[model]
    ]
    assert [text for text in texts if text.startswith("mean")] == ["mean 3.7", "mean 1", "mean 3"]
    assert "simulated: wide found 3.7 of 4 planted motifs on average (3–4 by each of 3 seeds)" in svg
    rows = {row[0]: row[1:] for row in rows_of(part)[1:]}
    assert rows["wide"] == ["3.7", "4 in seed 0; 4 in seed 1; 3 in seed 2", "none", "MAX (2)"]
    assert rows["narrow"] == ["1", "1 in seed 0; 0 in seed 1; 2 in seed 2", "CEBPB; MAX", "Arid3a (2); MA2 (1)"]
    assert rows["narrow_exp"] == ["3", "3 in seed 0; 3 in seed 1; 3 in seed 2", "MA2", "none"]
    text = plain(Page(part).text)
    assert "Without filters of the sequence: tracks." in text
    assert (
        "found by a network if the best match of a filter is the planted motif or an equivalent (at q < 0.01), " in text
    )
    assert "at q < 0.01. The database: JASPAR 2026 (879 motifs)." in text
    assert "Planted motifs: wide found 3.7 of 4 planted motifs on average" in page.text
    assert 'href="#planted"' in html


def test_every_dataset_with_planted_motifs_has_its_figure_and_others_have_none(tmp_path):
    one, two = made(tmp_path, "a"), made(tmp_path, "b", {"wide": [(1, 1, 0, 0)]}, folds=("fold1", "fold2"))
    plain_one = make_run(tmp_path, "c", ["CTCF"])
    inputs = {
        **one,
        "runs": [*one["runs"], *two["runs"], plain_one],
        "datasets": [*one["datasets"], *two["datasets"], make_dataset(tmp_path, "c", ["CTCF"])],
    }
    page, part = page_of(inputs), section(render(inputs), "planted")
    assert re.findall(r"<h3>(.*?)</h3>", part) == ["a", "b"]
    assert part.count('<svg class="matrix"') == 2
    assert "2 in fold1, seed 0; 2 in fold2, seed 0" in part
    assert "b, planted motifs: wide found 2 of 4 planted motifs on average (2 by each of 2 networks)." in page.text
    assert 'id="planted"' not in render(with_checks({**one, "runs": [plain_one], "datasets": inputs["datasets"][-1:]}))


@pytest.mark.parametrize("comments", [[], ["something else"], ["found: by luck"]])
def test_what_a_table_does_not_say_is_not_made_up(comments):
    expected = ["A planted motif counts as found by a network if by luck."] if "found: by luck" in comments else []
    assert criterion_sentences(comments) == expected


@pytest.mark.parametrize("n_models", [1, 6, 7, 30])
@pytest.mark.parametrize("n_motifs", [1, 2, 12, 40])
def test_the_figure_holds_every_cell_within_its_borders(n_models, n_motifs):
    models = [
        {
            "name": f"network <{number}> " + "x" * number,
            "found": [(number + motif) % 6 for motif in range(n_motifs)],
            "n": 5,
            "counts": [n_motifs, 0, n_motifs // 2],
            "mean": n_motifs / 2,
        }
        for number in range(n_models)
    ]
    svg = planted_chart([f"m{i}" for i in range(n_motifs)], models, "seed", "<label>")
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "<label>"
    _, _, width, height = map(float, root.get("viewBox").split())
    boxes = [
        {key: float(box.get(key)) for key in ("x", "y", "width", "height")}
        for box in root.iter("rect")
        if box.get("class") == "leak-none"
    ]
    assert len(boxes) == n_models * n_motifs
    assert len({(box["x"], box["y"]) for box in boxes}) == len(boxes)
    assert all(box["x"] + box["width"] <= width and box["y"] + box["height"] <= height for box in boxes)
    tinted = [box for box in root.iter("rect") if box.get("class") == "heat"]
    assert len(tinted) == sum(number > 0 for model in models for number in model["found"])


# One network ----------------------------------------------------------------------------------------------------------


def test_planted_motifs_are_counted(tmp_path):
    inputs = one_target(tmp_path)
    for seed, run in enumerate(inputs["runs"]):
        rows = [
            ("MA1", "FOXA1", True, 2, "filter_0", "MA1", 1e-9, 100, 90 + seed, 0.9 + 0.01 * seed, 0.02, 0.8),
            ("MA2", "GATA1", seed == 0, int(seed == 0), "filter_1", "MA2", 1e-3, 80, 40, 0.5, 0.01, 0.4),
            ("MA3", "primer", False, 0, "", "", "", 50, 0, 0, 0, ""),
        ]
        comments = ["found: by the best match of a filter", "database: JASPAR"]
        path = Path(run["metrics"]).with_name("planted_found.tsv")
        run["planted_found"] = write_table(path, PLANTED_HEADER, rows, comments)
    html = render(inputs)
    check = checks_of(html)["planted motifs are found"]
    assert check == ["some found", "1–2 of 3", "1 of 3 planted motifs found by every seed; by none: primer."]
    assert "Motifs that were planted were not found: 1–2 of 3." in doubts_of(inputs)
    rows = {row[0]: row[1:] for row in rows_of(html)}
    assert rows["FOXA1"] == ["MA1", "2 of 2", "1.0e-09", "100", "0.90–0.91", "0.02", "0.80"]
    assert rows["GATA1"] == ["MA2", "1 of 2", "0.001", "80", "0.50", "0.01", "0.40"]
    assert rows["primer"] == ["MA3", "0 of 2", "–", "50", "–", "–", "–"]
    text = Page(html).text
    assert "small found, of 3 planted motifs: 2 in seed 0; 1 in seed 1." in text
    assert "found: by the best match of a filter" in text


@pytest.mark.parametrize(("n_datasets", "n_sentences"), [(4, 4), (5, 1)])
def test_many_datasets_share_a_sentence(n_datasets, n_sentences):
    """Twenty sets filled the top of the page with twenty lines."""
    rows = [{"motif": name, "name": "", "found": name == "one"} for name in ("one", "two")]
    runs = [
        {"dataset": f"set_{number}", "fold": "holdout", "model": "small", "seed": seed, "planted": rows}
        for number in range(n_datasets)
        for seed in (1, 2, 3)
    ]
    findings = planted_findings(runs, ["dataset"])
    assert len(findings) == n_sentences
    if n_sentences == 1:
        told = "small found 15 of 30 planted motifs over 5 datasets, each counted once a network."
        assert findings == [("Planted motifs", told)]
