"""One HTML page from the tables, curves and motifs of all datasets."""

from pathlib import Path

from cisflow.messages import run_script
from cisflow.report import render_report

RUN_FILES = [
    "history",
    "choice",
    "predictions",
    "metrics",
    "filters",
    "filters_meme",
    "motif_matches",
    "calibration",
    "planted_found",
    "warnings",
]
DATASET_FILES = [
    "windows_report",
    "label_overlaps",
    "split_report",
    "leakage",
    "distributions",
    "balance",
    "target_scaling",
    "verdicts",
    "comparison",
    "model_differences",
    "motif_enrichment",
    "learning_curves",
]
SEARCH_FILES = ["trials"]
# Kinds of a file to the inputs of the rule: networks, ensembles and baselines have files of the same names.
ENSEMBLE_FILES = {
    "predictions": "ensemble_predictions",
    "metrics": "ensemble_metrics",
    "reliability": "ensemble_reliability",
    "strata": "ensemble_strata",
    "permuted_metrics": "permuted_metrics",
    "across": "across",
    "consensus_motifs": "consensus_motifs",
    "consensus_meme": "consensus_meme",
}
OVER_DATASETS_FILES = ["verdicts", "comparison", "model_differences"]
BASELINE_FILES = {"predictions": "baseline_predictions", "metrics": "baseline_metrics", "chosen": "baseline_chosen"}


def main(
    runs: list[dict],
    datasets: list[dict],
    database: str | None,
    template: str,
    output: str,
    settings: dict,
    searches: list[dict] = (),
    ensembles: list[dict] = (),
    baselines: list[dict] = (),
    over_datasets: dict[str, str] | None = None,
) -> None:
    """Write the report.

    Parameters
    ----------
    runs, datasets, settings, searches, ensembles, baselines, over_datasets
        See `cisflow.report.render_report`.
    database : str or None
        MEME file of known motifs; None where no filters were read.
    template : str
        The page's Jinja2 template; those that it includes, style sheet and script lie beside it.
    output : str
        The HTML file to write.
    """
    page = render_report(runs, datasets, database, template, settings, searches, ensembles, baselines, over_datasets)
    Path(output).write_text(page, encoding="utf-8", newline="\n")
    print(f"{output}: {len(page.encode()) / 1000:.0f} kB, {len(datasets)} datasets, {len(runs)} networks")


def with_files(records: list[dict], files: dict[str, list[str]]) -> list[dict]:
    """Each record with its own file of every kind that it has.

    Parameters
    ----------
    records : list of dict
        `files` of a record lists the kinds that it has; without it the record has every kind of which there are files.
    files : dict of str -> list of str
        Kind to the paths of all records that have it, in the order of the records; a kind may be missing.

    Returns
    -------
    list of dict
        Without `files`, and with a key a kind that the record has.

    Raises
    ------
    ValueError
        If the records have another number of files of some kind than there are paths.
    """
    kinds_of = [record.get("files", [kind for kind, paths in files.items() if paths]) for record in records]
    for kind in {kind for kinds in kinds_of for kind in kinds} | set(files):
        wanted, given = sum(kind in kinds for kinds in kinds_of), len(files.get(kind, []))
        if wanted != given:
            raise ValueError(f"{wanted} records of the rule name a file `{kind}`, but its input lists {given}")
    waiting = {kind: iter(paths) for kind, paths in files.items()}
    return [
        {
            **{key: value for key, value in record.items() if key != "files"},
            **{kind: next(waiting[kind]) for kind in kinds},
        }
        for record, kinds in zip(records, kinds_of, strict=True)
    ]


def listed_files(inputs, kinds: list[str] | dict[str, str]) -> dict[str, list[str]]:
    """The paths of each kind that a rule lists: one path is a list of one, what is not there an empty one.

    `kinds` are the names of inputs, or kinds to the names of their inputs.
    """
    names = kinds if isinstance(kinds, dict) else {kind: kind for kind in kinds}
    found = {kind: inputs.get(name) or [] for kind, name in names.items()}
    return {kind: [paths] if isinstance(paths, str) else list(paths) for kind, paths in found.items()}


if __name__ == "__main__":
    with run_script(snakemake):
        inputs, params = snakemake.input, snakemake.params
        datasets = [
            {**run, "targets": params.targets[run["dataset"]], "task": params.tasks[run["dataset"]]}
            for run in params.datasets
        ]
        main(
            runs=with_files(params.runs, listed_files(inputs, RUN_FILES)),
            datasets=with_files(datasets, listed_files(inputs, DATASET_FILES)),
            searches=with_files(params.get("searches") or [], listed_files(inputs, SEARCH_FILES)),
            ensembles=with_files(params.get("ensembles") or [], listed_files(inputs, ENSEMBLE_FILES)),
            baselines=with_files(params.get("baselines") or [], listed_files(inputs, BASELINE_FILES)),
            over_datasets={
                name: inputs[f"{name}_over_datasets"]
                for name in OVER_DATASETS_FILES
                if inputs.get(f"{name}_over_datasets")
            },
            database=inputs.get("database") or None,
            template=inputs.template,
            output=snakemake.output.page,
            settings=params.settings,
        )
