"""Motifs over seeds and folds on the page: how many networks found each."""

import re
from pathlib import Path

from report_check_inputs import with_checks
from report_inputs import MOTIFS, TARGETS, make_dataset, make_inputs, make_run, write_motifs, write_table
from test_report import Page, render
from test_report_checks import plain
from test_report_data import page_of
from test_report_networks import rows_of

from cisflow.report_consensus import MOST_MOTIFS, consensus_section

HEADER = (
    "cluster n_runs_with n_runs n_filters n_sites information_content consensus similarity representative filters "
    "best_match best_match_name best_match_p best_match_q"
)


def made(folder, times, n_runs=3):
    """A table and its motifs: `times` are the networks that found each motif; every second one matches."""
    rows, motifs = [], {}
    for number, found in enumerate(times, start=1):
        match = ("MA0533.1", "su(Hw)", 1e-9, 1e-7) if number % 2 else ("MA0001.1", "", 0.01, 0.4)
        names = ",".join(f"holdout/seed{run}:filter_{number}" for run in range(found))
        numbers = (found, n_runs, found + 1, 100 * number, 9.5)
        rows.append((f"motif_{number}", *numbers, "TGCATACT", 0.9, names.split(",")[0], names, *match))
        motifs[f"motif_{number}"] = ("", "TGCATACT")
    return {
        "consensus_motifs": write_table(folder / "consensus_motifs.tsv", HEADER, rows, ["database: test"]),
        "consensus_meme": write_motifs(folder / "consensus_motifs.meme", motifs),
    }


def parts_of(html):
    return re.findall(r"<p><b>small over its seeds.*?</table>", html, flags=re.S)


def test_motifs_that_come_back_are_shown_with_the_networks_that_found_them(tmp_path):
    inputs = with_checks(make_inputs(tmp_path))
    times = [3] * 10 + [2] * 5 + [1] * 12
    inputs["ensembles"][0] |= made(tmp_path / "fly" / "small", times)
    page, html = page_of(inputs), render(inputs)
    [part] = parts_of(html)
    assert (
        "79 filters of 3 networks joined by likeness: 27 motifs, 10 of them found in all 3 networks (5 matching a "
        "known motif at q < 0.05), 5 in some, 12 in one alone."
    ) in plain(page.text)
    rows = rows_of(part)[1:]
    assert len(rows) == MOST_MOTIFS
    assert part.count('<svg class="logo"') == MOST_MOTIFS
    assert rows[0] == [
        "motif 1 TGCATACT",
        "motif_1: TGCATACT",
        "3 of 3",
        "4",
        "100",
        "9.5",
        "su(Hw) MA0533.1",
        "1.0e-07",
    ]
    assert rows[-1][2:4] == ["2 of 3", "3"]
    assert rows[1][6:] == ["MA0001.1 (above the criterion)", "0.4"]
    assert "15 more motifs, of fewer networks or filters, stand in consensus_motifs.tsv" in page.text


def test_folds_share_one_table(tmp_path):
    folds = ["fold1", "fold2"]
    inputs = with_checks(
        {
            "runs": [make_run(tmp_path, "fly", TARGETS, fold=fold, seed=seed) for fold in folds for seed in (0, 1)],
            "datasets": [make_dataset(tmp_path, "fly", TARGETS, fold=fold) for fold in folds],
            "database": write_motifs(tmp_path / "motifs.meme", MOTIFS),
        }
    )
    of_all = made(tmp_path / "fly" / "small", [4, 1], n_runs=4)
    for record in inputs["ensembles"]:
        record |= of_all
    page_of(inputs)
    [part] = parts_of(render(inputs))
    assert "over its seeds and folds" in part


def test_nothing_comes_back_of_one_network_or_of_none(tmp_path):
    assert consensus_section(made(tmp_path, [1, 1], n_runs=1), 0.05) is None
    nothing = made(tmp_path, [])
    Path(nothing["consensus_meme"]).write_text("MEME version 4\n\nALPHABET= ACGT\n")  # the reader refuses empty files
    assert consensus_section(nothing, 0.05) is None
    assert consensus_section({}, 0.05) is None


def test_no_motif_found_in_all_is_said_so(tmp_path):
    text = consensus_section(made(tmp_path, [1, 1], n_runs=2), 0.05)["sentence"]
    assert plain(text) == (
        "4 filters of 2 networks joined by likeness: 2 motifs, 0 of them found in all 2 networks (0 matching a known "
        "motif at q < 0.05), 2 in one alone."
    )


def test_influence_and_clusters_stand_beside_the_filters(tmp_path):
    html = render(make_inputs(tmp_path))
    table = html.split('data-search="search filters')[1].split("</table>")[0]
    head, *rows = rows_of(table)
    places = [head.index(name) for name in ("influence on the loss", "cluster")]
    cells = {row[0].split()[0]: [row[place] for place in places] for row in rows}
    assert cells == {
        "filter_0": ["+0.0412", "1"],
        "filter_1": ["+0.0005", "2"],
        "filter_2": ["−0.0021", "–"],
        "filter_3": ["+0.0000", "–"],
    }
    assert [row[0].split()[0] for row in rows] == list(cells)  # sorted by status and q, as ever
    text = plain(Page(html).text)
    assert "most influential: filter_0 (su(Hw)) +0.0412, filter_1 +0.0005 " in text
    assert "rise of the loss on the test rows (up to 2,000 of them" in text
