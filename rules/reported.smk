# In: the configuration, which runs there are (models.smk). Out: which tables of which runs, ensembles, baselines, datasets
# and searches the report reads, for report.smk. No rules. May go wrong: nothing; a path asked for here is some rule's output.

RUN_TABLES = {
    "history": "history.tsv",
    "choice": "choice.tsv",
    "predictions": "predictions.tsv",
    "metrics": "metrics.tsv",
    "warnings": "warnings.tsv",
    "filters": "filters.tsv",
    "filters_meme": "filters.meme",
    "motif_matches": "motif_matches.tsv",
    "calibration": "calibration.tsv",
    "planted_found": "planted_found.tsv",
}
ENSEMBLE_TABLES = {
    "predictions": "{fold}/{model}/ensemble/predictions.tsv",
    "metrics": "{fold}/{model}/ensemble/metrics.tsv",
    "reliability": "{fold}/{model}/ensemble/reliability.tsv",
    "strata": "{fold}/{model}/ensemble/strata.tsv",
    "across": "{fold}/{model}/ensemble/across.tsv",
    "permuted_metrics": f"{{fold}}/{{model}}/seed{SEEDS[0]}_permuted/metrics.tsv",
    "consensus_motifs": "{model}/consensus_motifs.tsv",  # of all folds, as is the next
    "consensus_meme": "{model}/consensus_motifs.meme",
}
BASELINE_TABLES = {"predictions": "predictions.tsv", "metrics": "metrics.tsv", "chosen": "chosen.tsv"}
PARAMETERS = {}


def tables_of(run):
    """Which tables a run has: an estimator on features has no epochs, a network of tracks no motifs."""
    of_filters = ["filters", "filters_meme", "motif_matches", "calibration"] if has_filters(run["model"]) else []
    of_filters += ["planted_found"] if of_filters and run["dataset"] in PLANTED_DATASETS else []
    return ["history" if run["model"] in NETWORKS else "choice", "predictions", "metrics", "warnings", *of_filters]


def parameters_of(name, dataset):
    """Trained numbers of a network; None where a search or a file decides on them, or where there is no network."""
    network = model_rules.network_of(name, MODELS)
    if network is None or set(model_rules.with_parents([name], MODELS)) & set(SEARCHES):
        return None
    shapes = {key: shape for key, shape in inputs_for(dataset).items() if key in layers.inputs_of(network)}
    key = (name, str(shapes), len(TARGETS[dataset]))
    if key not in PARAMETERS:
        rows = layers.network_table(network, shapes, len(TARGETS[dataset]))
        PARAMETERS[key] = sum(row["parameters"] for row in rows)
    return PARAMETERS[key]


def strategy_text(name):
    """What a model rests on beside its own training rows; empty for a network that is trained from scratch."""
    strategy, parent = model_rules.strategy_of(MODELS[name]), model_rules.parent_of(MODELS[name])
    if strategy == "scratch":
        return f"search of {SEARCHES[name]['trials']} trials" if name in SEARCHES else ""
    part = MODELS[name][strategy]
    source = ", ".join(parent) if parent else part.get("file") or part.get("torchscript") or part.get("function")
    return f"transfer from {source}" if strategy == "transfer" else f"{part['estimator']} on features of {source}"


def reported_runs():
    """Every run, with the tables that it has."""
    strategies = {name: strategy_text(name) for name in SETTINGS["train"]["models"]}
    return [
        {
            **run,
            "files": tables_of(run),
            "parameters": parameters_of(run["model"], run["dataset"]),
            "parent": strategies[run["model"]],
        }
        for run in MODEL_RUNS
    ]


def run_tables(kind):
    """The tables of one kind, of all runs that have it."""
    runs, table = [run for run in MODEL_RUNS if kind in tables_of(run)], RUN_TABLES[kind]
    return [f"results/{run['dataset']}/{run['fold']}/{run['model']}/seed{run['seed']}/{table}" for run in runs]


def ensemble_tables_of(dataset, model):
    """Which tables the mean over seeds of a model has: an estimator on features is not tested on other datasets."""
    tables = ["predictions", "metrics", "reliability", "strata"]
    if model in NETWORKS:
        tables += ["across"] * bool(group_of(dataset)) + ["permuted_metrics"] * bool(PERMUTED)
    return tables + (["consensus_motifs", "consensus_meme"] if has_filters(model) else [])


def reported_ensembles():
    """The mean over seeds of every model, with the tables that it has."""
    found = [{key: run[key] for key in ("dataset", "fold", "model")} for run in MODEL_RUNS if run["seed"] == SEEDS[0]]
    return [{**row, "files": ensemble_tables_of(row["dataset"], row["model"])} for row in found]


def ensemble_tables(kind):
    """The tables of one kind, of all ensembles that have it."""
    return [
        f"results/{{dataset}}/{ENSEMBLE_TABLES[kind]}".format(**row)
        for row in reported_ensembles()
        if kind in row["files"]
    ]


def reported_baselines():
    """Every baseline beside which a network stands; what it chose is told where that is a motif."""
    return [
        {**run, "baseline": name, "files": ["predictions", "metrics"] + (["chosen"] if name == "pwm_scan" else [])}
        for run in compared_data()
        for name in baselines_of(run["dataset"])
    ]


def baseline_tables(kind):
    """The tables of one kind, of all baselines that have it."""
    return [
        f"results/{row['dataset']}/{row['fold']}/baselines/{row['baseline']}/{BASELINE_TABLES[kind]}"
        for row in reported_baselines()
        if kind in row["files"]
    ]


def compared_data():
    """Every dataset and fold on which a model is trained, in the order of DATA_RUNS."""
    trained = {run["dataset"] for run in MODEL_RUNS}
    return [run for run in DATA_RUNS if run["dataset"] in trained]


def compared_tables(pattern):
    """A path under results/ for every dataset and fold on which a model is trained, not each once."""
    return [f"results/{pattern}".format(**run) for run in compared_data()]


def reported_datasets():
    """Every dataset and fold, with the tables that it has."""
    tables = [
        "windows_report",
        "label_overlaps",
        "split_report",
        "leakage",
        "distributions",
        "balance",
        "target_scaling",
    ]
    of_models = ["verdicts", "comparison", "model_differences", "motif_enrichment"]
    compared = compared_data()
    return [
        {
            **run,
            "files": tables + (of_models if run in compared else []) + (["learning_curves"] if curve_runs(run) else []),
        }
        for run in DATA_RUNS
    ]


def reported_searches():
    """Every search, in the order of `search_results`."""
    keys = ("dataset", "fold", "model")
    found = dict.fromkeys(tuple(run[key] for key in keys) for run in MODEL_RUNS if run["model"] in SEARCHES)
    return [{**dict(zip(keys, values)), "files": ["trials"]} for values in found]
