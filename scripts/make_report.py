"""One HTML page from the tables, curves and motifs of all datasets."""

from pathlib import Path

from cisflow.messages import run_script
from cisflow.report import render_report

RUN_FILES = ["history", "predictions", "metrics", "filters", "filters_meme", "motif_matches"]
DATASET_FILES = [
    "windows_report",
    "label_overlaps",
    "split_report",
    "leakage",
    "distributions",
    "balance",
    "target_scaling",
    "baseline_metrics",
    "baseline_predictions",
]


def main(
    runs: list[dict], datasets: list[dict], database: str | None, template: str, output: str, settings: dict
) -> None:
    """Write the report.

    Parameters
    ----------
    runs, datasets, settings
        See `cisflow.report.render_report`.
    database : str or None
        MEME file of known motifs; None where nothing was trained.
    template : str
        The page's Jinja2 template; style sheet and script lie beside it.
    output : str
        The HTML file to write.
    """
    page = render_report(runs, datasets, database, template, settings)
    Path(output).write_text(page, encoding="utf-8", newline="\n")
    print(f"{output}: {len(page.encode()) / 1000:.0f} kB, {len(datasets)} datasets, {len(runs)} networks")


def with_files(records: list[dict], files: dict[str, list[str]]) -> list[dict]:
    """Each record with its own file of every kind; the lists of files run parallel to the records, or are empty."""
    return [
        {**record, **{name: paths[number] for name, paths in files.items() if paths}}
        for number, record in enumerate(records)
    ]


if __name__ == "__main__":
    with run_script(snakemake):
        inputs, params = snakemake.input, snakemake.params
        datasets = [
            {**run, "targets": params.targets[run["dataset"]], "task": params.tasks[run["dataset"]]}
            for run in params.datasets
        ]
        main(
            runs=with_files(params.runs, {name: inputs[name] for name in RUN_FILES}),
            datasets=with_files(datasets, {name: inputs[name] for name in DATASET_FILES}),
            database=inputs.get("database") or None,
            template=inputs.template,
            output=snakemake.output.page,
            settings=params.settings,
        )
