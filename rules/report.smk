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
        verdicts=compared_tables("{dataset}/{fold}/verdicts.tsv"),
        comparison=compared_tables("{dataset}/comparison.tsv"),
        model_differences=compared_tables("{dataset}/model_differences.tsv"),
        motif_enrichment=compared_tables("{dataset}/{fold}/motif_enrichment.tsv"),
        ensemble_predictions=ensemble_tables("predictions"),
        ensemble_metrics=ensemble_tables("metrics"),
        ensemble_reliability=ensemble_tables("reliability"),
        ensemble_strata=ensemble_tables("strata"),
        permuted_metrics=ensemble_tables("permuted_metrics"),
        across=ensemble_tables("across"),
        consensus_motifs=ensemble_tables("consensus_motifs"),
        consensus_meme=ensemble_tables("consensus_meme"),
        baseline_predictions=baseline_tables("predictions"),
        baseline_metrics=baseline_tables("metrics"),
        baseline_chosen=baseline_tables("chosen"),
        verdicts_over_datasets=over_datasets_results().get("verdicts", []),
        comparison_over_datasets=over_datasets_results().get("comparison", []),
        model_differences_over_datasets=over_datasets_results().get("model_differences", []),
        learning_curves=curve_results(),
        trials=search_results("{dataset}/{fold}/{model}/search/trials.tsv"),
        # An estimator on features has no epochs, a network of tracks no motifs.
        history=run_tables("history"),
        choice=run_tables("choice"),
        predictions=run_tables("predictions"),
        metrics=run_tables("metrics"),
        warnings=run_tables("warnings"),
        filters=run_tables("filters"),
        filters_meme=run_tables("filters_meme"),
        motif_matches=run_tables("motif_matches"),
        calibration=run_tables("calibration"),
        planted_found=run_tables("planted_found"),
        database="results/reference/motifs.meme" if run_tables("filters") else [],
        template=workflow.source_path("../resources/report/report.html.j2"),
        template_of_data=workflow.source_path("../resources/report/data.html.j2"),
        template_of_over_datasets=workflow.source_path("../resources/report/over_datasets.html.j2"),
        template_of_planted=workflow.source_path("../resources/report/planted.html.j2"),
        template_of_across=workflow.source_path("../resources/report/across.html.j2"),
        template_of_checks=workflow.source_path("../resources/report/checks.html.j2"),
        template_of_confusion=workflow.source_path("../resources/report/confusion.html.j2"),
        template_of_motifs=workflow.source_path("../resources/report/motifs.html.j2"),
        template_of_networks=workflow.source_path("../resources/report/networks.html.j2"),
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
        runs=reported_runs(),
        datasets=reported_datasets(),
        searches=reported_searches(),
        ensembles=reported_ensembles(),
        baselines=reported_baselines(),
        tasks={dataset: dataset_rules.task_of(rows[0]) for dataset, rows in DATASETS.items()},
        targets={dataset: [row["target"] for row in rows] for dataset, rows in DATASETS.items()},
        settings=report_settings(),
        code=code_digest("make_report.py"),
    script:
        "../scripts/make_report.py"
