# In: every table of every dataset and run. Out: results/report.html, one page that loads nothing from elsewhere.
# May go wrong: little; a table that is missing was refused before.


rule make_report:
    input:
        windows_report=[f"results/{run['dataset']}/windows_report.tsv" for run in DATA_RUNS],
        label_overlaps=[f"results/{run['dataset']}/label_overlaps.tsv" for run in DATA_RUNS],
        split_report=split_results("{dataset}/{fold}/split_report.tsv"),
        leakage=split_results("{dataset}/{fold}/leakage.tsv"),
        distributions=split_results("{dataset}/{fold}/distributions.tsv"),
        balance=split_results("{dataset}/{fold}/balance.tsv"),
        target_scaling=split_results("{dataset}/{fold}/target_scaling.tsv"),
        # Without networks nothing stands beside a baseline, and no filter beside a motif.
        baseline_metrics=split_results("{dataset}/{fold}/baselines/gc_content/metrics.tsv") if MODEL_RUNS else [],
        baseline_predictions=(
            split_results("{dataset}/{fold}/baselines/gc_content/predictions.tsv") if MODEL_RUNS else []
        ),
        history=model_results("{dataset}/{fold}/{model}/seed{seed}/history.tsv"),
        predictions=model_results("{dataset}/{fold}/{model}/seed{seed}/predictions.tsv"),
        metrics=model_results("{dataset}/{fold}/{model}/seed{seed}/metrics.tsv"),
        filters=model_results("{dataset}/{fold}/{model}/seed{seed}/filters.tsv"),
        filters_meme=model_results("{dataset}/{fold}/{model}/seed{seed}/filters.meme"),
        motif_matches=model_results("{dataset}/{fold}/{model}/seed{seed}/motif_matches.tsv"),
        database="results/reference/motifs.meme" if MODEL_RUNS else [],
        template=workflow.source_path("../resources/report/report.html.j2"),
        template_of_data=workflow.source_path("../resources/report/data.html.j2"),
        style=workflow.source_path("../resources/report/report.css"),
        behaviour=workflow.source_path("../resources/report/report.js"),
    output:
        page=report("results/report.html", category="report", caption="../resources/report/captions/report.rst"),
    log:
        "logs/make_report/report.log",
    benchmark:
        "benchmarks/make_report/report.tsv"
    conda:
        "../envs/report.yaml"
    params:
        runs=MODEL_RUNS,
        datasets=DATA_RUNS,
        tasks={dataset: dataset_rules.task_of(rows[0]) for dataset, rows in DATASETS.items()},
        targets={dataset: [row["target"] for row in rows] for dataset, rows in DATASETS.items()},
        settings=report_settings(),
        code=code_digest("make_report.py"),
    script:
        "../scripts/make_report.py"
