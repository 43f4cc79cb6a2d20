# In: the settings, the datasets and the entries of models.yaml. Out: which model is trained on which dataset, fold and
# seed, from what it starts, and the input functions and parameters of the rules that train. No rules.
# May go wrong: a network that cannot be built for its data, a parent that is not there; told all at once.

TASKS = {name: dataset_rules.task_of(rows[0]) for name, rows in DATASETS.items()}
TARGETS = {name: [row["target"] for row in rows] for name, rows in DATASETS.items()}
CHECK_ENTRY = configuration.entry_checker(workflow.source_path("../config/schemas/models.schema.yaml"))
# Of the parents, too.
TRAINED = model_rules.with_parents([*SETTINGS["train"]["models"], *SETTINGS["learning_curve"]["models"]], MODELS)


def inputs_for(dataset):
    """Shapes of what networks may read of a dataset."""
    n_tracks, bins = len(TRACKS[dataset]), SETTINGS["tracks"]["width"] // SETTINGS["tracks"]["bin"]
    return {"sequence": (4, WINDOWS["length"]), **({"tracks": (n_tracks, bins)} if n_tracks else {})}


def datasets_of(name):
    """Datasets that a model is trained on."""
    return [dataset for dataset in DATASETS if model_rules.takes(MODELS[name], dataset)]


def shape_problems(name, where):
    """Datasets for which the network of a model cannot be built; told once for all of one shape."""
    network, told = model_rules.network_of(name, MODELS), {}
    for dataset in datasets_of(name) if network else []:
        reads = layers.inputs_of(network)
        inputs = {key: shape for key, shape in inputs_for(dataset).items() if key in reads}
        told.setdefault(str(inputs), (dataset, inputs))
    for dataset, inputs in told.values():
        try:
            layers.network_table(network, inputs, n_targets=1)
        except ValueError as error:
            data = " and ".join(f"{key} {shape}" for key, shape in inputs.items()) or "the sequence"
            fix = "mend its layers, or change windows.length"
            if "tracks" in reads:
                fix = f"mend its layers, give {dataset} tracks (tracks.sheet), or name other `datasets`"
            yield where, str(error), f"a network for {data} of dataset {dataset}", fix
            continue
        batch_size, frozen = MODELS[name]["training"]["batch_size"], MODELS[name].get("transfer", {}).get("freeze", [])
        single = layers.norms_of_single_values(network, inputs, batch_size, frozen)
        if single:
            yield (
                f"{where}, training.batch_size",
                f"{batch_size}: {', '.join(single)} would see one value of each channel, which has no variance",
                "2 or more with batch_norm behind `flatten`, `dense` or a global pool",
                "raise it, or take layer_norm",
            )


def file_problems(name, where):
    """Files that an entry names and that are not there; their paths are resolved on the way."""
    entry, folders = MODELS[name], [".", str(ROOT)]
    named = [(part, key) for part in ("transfer", "features") for key in ("file", "torchscript")]
    places = [(entry[part], key) for part, key in named if entry.get(part, {}).get(key)]
    network = model_rules.network_parts(entry)
    places += [(layer, "motifs") for layer in model_rules.layers_with_motifs(network).values()]
    for place, key in places:
        place[key] = configuration.resolved(place[key], folders)
        found = configuration.file_problem(f"{where}, {key}", place[key], None, folders, is_local=True)
        if found:
            yield found


def feature_problems(name, where):
    """A layer that the parent has not, or data that it cannot read. Of a parent in a file, the job itself tells."""
    part, parent = MODELS[name].get("features"), model_rules.parent_of(MODELS[name])
    if not part:
        return
    if part["layer"] is not None and (part.get("torchscript") or part.get("function")):
        yield (
            f"{where}, features.layer",
            f"layer {part['layer']!r} of a network from outside",
            "none: it is read at its end",
            "remove it",
        )
    network = model_rules.network_of(parent[1], MODELS) if parent else None
    if network is None:
        return
    reads = {key: shape for key, shape in inputs_for(parent[0]).items() if key in layers.inputs_of(network)}
    try:
        names = [row["name"] for row in layers.network_table(network, reads, n_targets=1)]
    except ValueError:
        return  # told where the parent is checked: it is in TRAINED, too
    if part["layer"] is not None and part["layer"] not in names:
        fix = configuration.did_you_mean(part["layer"], names, "mend the name, or leave it out: then the last is read")
        yield f"{where}, features.layer", f"model {parent[1]} has no layer {part['layer']!r}", f"one of {', '.join(names)}", fix
    for dataset in datasets_of(name):
        lacking = [key for key, shape in reads.items() if inputs_for(dataset).get(key) != shape]
        if lacking:
            found = inputs_for(dataset).get(lacking[0], "none")
            yield (
                where,
                f"{parent[1]} reads {lacking[0]} {reads[lacking[0]]}, dataset {dataset} has {found}",
                "datasets with the same inputs",
                "give it the same tracks, or name other `datasets`",
            )


def transfer_problems(name, where):
    """Layers that the parent has not, and other targets whose output is to be kept. Of a file, the job itself tells."""
    part, parent = MODELS[name].get("transfer"), model_rules.parent_of(MODELS[name])
    network = model_rules.network_of(name, MODELS) if part and parent else None
    if network is None or any("search" in MODELS[other] for other in model_rules.with_parents([name], MODELS)[1:]):
        return
    try:
        rows = layers.network_table(network, {key: inputs_for(parent[0])[key] for key in layers.inputs_of(network)}, 1)
    except (KeyError, ValueError):
        return  # told where the parent is checked
    # A frozen convolution has no trained parameters, but weights of its own.
    paths = [row["name"].split(".") for row in rows if row["parameters"] or row["type"] == "conv1d"]
    names = list(dict.fromkeys(".".join(path[: depth + 1]) for path in paths for depth in range(len(path))))
    for key in ("freeze", "learning_rate_factors"):
        known = [*names, "all"] if key == "freeze" and len(part[key]) == 1 else names
        for strange in [layer for layer in part[key] if layer not in known]:
            fix = configuration.did_you_mean(strange, names, "mend the name; `make describe` prints them")
            yield f"{where}, transfer.{key}", f"model {parent[1]} has no layer {strange!r}", f"any of {', '.join(names)}", fix
    for dataset in datasets_of(name) if part["keep_output"] else []:
        if TARGETS[dataset] != TARGETS[parent[0]]:
            yield (
                f"{where}, transfer.keep_output",
                f"true, but the targets of dataset {dataset} are {', '.join(TARGETS[dataset][:5])}, those of the parent's"
                f" dataset {parent[0]} are {', '.join(TARGETS[parent[0]][:5])}",
                "the same targets in the same order",
                "write `keep_output: false`: the child gets an output layer of its own",
            )


def model_problems():
    """Every mistake in the models of the run."""
    for name in TRAINED:
        entry, where = MODELS[name], f"{SETTINGS['models']}, model {name}"
        found = list(model_rules.part_problems(name, entry, where))
        found = found or list(model_rules.parent_problems(name, MODELS, DATASETS, where))
        if not found:
            found = [*model_rules.use_problems(name, MODELS, TASKS, TARGETS, SETTINGS, where)]
            found += [*file_problems(name, where), *shape_problems(name, where), *feature_problems(name, where)]
            found += transfer_problems(name, where)
            searched = overrides.range_problems(entry, CHECK_ENTRY)
            found += [(f"{where}, {place}", *parts) for place, *parts in searched]
        yield from (text if isinstance(text, str) else configuration.problem(*text) for text in found)


refuse(list(model_problems()))

NETWORKS = [name for name in TRAINED if model_rules.strategy_of(MODELS[name]) != "features"]
FEATURE_MODELS = [name for name in TRAINED if name not in NETWORKS]


def has_filters(name):
    """Whether a model has first-layer filters of its own that are read as motifs."""
    network = model_rules.network_of(name, MODELS)
    if name in FEATURE_MODELS or network is None:  # of a network in a file nothing is known yet: it may have some
        return name in NETWORKS
    first = network.get("branches", {}).get("sequence") or network["layers"]
    return "sequence" in layers.inputs_of(network) and first[0]["type"] == "conv1d"


def runs_of(names):
    """Every combination of dataset, fold, model and seed."""
    return [
        {**run, "model": model, "seed": seed}
        for run in DATA_RUNS
        for model in names
        if model_rules.takes(MODELS[model], run["dataset"])
        for seed in SEEDS
    ]


MODEL_RUNS = runs_of(SETTINGS["train"]["models"])


def model_results(pattern, kind="all"):
    """A path under results/ for every run, in the order of MODEL_RUNS.

    `kind` is `all`, `networks` (no estimators on features of another network) or `filters` (networks that have some).
    """
    wanted = {"all": MODEL_RUNS, "networks": [run for run in MODEL_RUNS if run["model"] in NETWORKS]}
    wanted["filters"] = [run for run in MODEL_RUNS if has_filters(run["model"])]
    return [f"results/{pattern}".format(**run) for run in wanted[kind]]


def ensembles_of(dataset, pattern):
    """A path under results/ for the mean over seeds of every model of a dataset, fold by fold."""
    models = [name for name in SETTINGS["train"]["models"] if model_rules.takes(MODELS[name], dataset)]
    return [f"results/{pattern}".format(dataset=dataset, fold=fold, model=model) for fold in FOLDS for model in models]


def models_of(wildcards):
    """Models that are trained on a dataset."""
    return [name for name in SETTINGS["train"]["models"] if model_rules.takes(MODELS[name], wildcards.dataset)]


def ensembles_beside(wildcards):
    """Predictions of the means over seeds, in the order of `models_of`."""
    folder = f"results/{wildcards.dataset}/{wildcards.fold}"
    return [f"{folder}/{model}/ensemble/predictions.tsv" for model in models_of(wildcards)]


def baseline_names(wildcards):
    return baselines_of(wildcards.dataset)


def baselines_beside(wildcards):
    """Predictions of the baselines, in the order of `baseline_names`."""
    folder = f"results/{wildcards.dataset}/{wildcards.fold}/baselines"
    return [f"{folder}/{name}/predictions.tsv" for name in baselines_of(wildcards.dataset)]


def compared_ensembles(wildcards):
    """Fold and model of every mean over seeds of a dataset."""
    return [[fold, model] for fold in FOLDS for model in models_of(wildcards)]


def ensemble_metrics(wildcards):
    return ensembles_of(wildcards.dataset, "{dataset}/{fold}/{model}/ensemble/metrics.tsv")


def ensemble_predictions(wildcards):
    return ensembles_of(wildcards.dataset, "{dataset}/{fold}/{model}/ensemble/predictions.tsv")


def compared_seed_runs(wildcards):
    """Fold and model of every network of a dataset, in the order of `seed_metrics`."""
    return [run for run in compared_ensembles(wildcards) for _ in SEEDS]


def seed_metrics(wildcards):
    paths = ensembles_of(wildcards.dataset, "{dataset}/{fold}/{model}")
    return [f"{path}/seed{seed}/metrics.tsv" for path in paths for seed in SEEDS]


def over_datasets():
    """The datasets of each task that share a model, with what stands beside one another on the mean over them."""
    found = {}
    for task in dict.fromkeys(TASKS.values()):
        trained = {run["dataset"]: None for run in MODEL_RUNS if TASKS[run["dataset"]] == task}
        models = {
            name: [model for model in SETTINGS["train"]["models"] if model_rules.takes(MODELS[model], name)]
            for name in trained
        }
        together = any(sum(model in own for own in models.values()) > 1 for model in SETTINGS["train"]["models"])
        for name in trained if together else []:
            found[name] = {"task": task, "models": models[name], "baselines": baselines_of(name)}
    return found


OVER_DATASETS = over_datasets()


def over_datasets_inputs(kind, file):
    """A file of all `models` (their means over seeds), `seeds` or `baselines` of these datasets, fold by fold."""
    folders = {
        "models": ["{}/ensemble"],
        "seeds": [f"{{}}/seed{seed}" for seed in SEEDS],
        "baselines": ["baselines/{}"],
    }
    return [
        f"results/{dataset}/{fold}/{folder.format(name)}/{file}"
        for dataset, about in OVER_DATASETS.items()
        for fold in FOLDS
        for name in about["baselines" if kind == "baselines" else "models"]
        for folder in folders[kind]
    ]


def over_datasets_results():
    """The tables over datasets; none where no model has two datasets of one task."""
    names = ["verdicts", "comparison", "model_differences"]
    return {name: f"results/over_datasets/{name}.tsv" for name in names if OVER_DATASETS}


def group_of(dataset):
    """The datasets on whose test rows networks of a dataset are tested, itself among them."""
    groups = [group for group in SETTINGS["evaluate"]["across"] if dataset in group]
    return list(dict.fromkeys(name for group in groups for name in group))


def tested_datasets(wildcards):
    return group_of(wildcards.dataset)


def tested_splits(wildcards):
    return [f"results/{name}/{wildcards.fold}/test.h5" for name in group_of(wildcards.dataset)]


def across_results():
    """The tables of every model of the datasets that are tested across."""
    runs = [run for run in MODEL_RUNS if run["model"] in NETWORKS and group_of(run["dataset"])]
    return list(dict.fromkeys("results/{dataset}/{fold}/{model}/ensemble/across.tsv".format(**run) for run in runs))


# One training more for each model, dataset and fold; of networks so small that many are packed into a job, on demand.
PERMUTED = SETTINGS["evaluate"]["permuted"]
if PERMUTED is None:
    PERMUTED = SETTINGS["train"]["pack"] == 1


def joined_runs(wildcards):
    """The networks of a model and dataset whose filters are joined, as `fold/seed`."""
    return [f"{fold}/seed{seed}" for fold in FOLDS for seed in SEEDS]


def joined_filters(file):
    """An input: a file of each of these networks."""

    def paths(wildcards):
        folder = f"results/{wildcards.dataset}"
        return [f"{folder}/{fold}/{wildcards.model}/seed{seed}/{file}" for fold in FOLDS for seed in SEEDS]

    return paths


def consensus_results():
    """The motifs over seeds and folds of every dataset and model with filters."""
    runs = [run for run in MODEL_RUNS if has_filters(run["model"])]
    return list(dict.fromkeys("results/{dataset}/{model}/consensus_motifs.tsv".format(**run) for run in runs))


def untrained_filters(file):
    """An input: a file of the network before its first step; that of the first seed stands for all."""

    def path(wildcards):
        return f"results/{wildcards.dataset}/{wildcards.fold}/{wildcards.model}/seed{SEEDS[0]}_untrained/{file}"

    return path


def permuted_filters(file):
    """An input: a file of the network that is trained on permuted labels, where there is such a one."""

    def path(wildcards):
        folder = f"results/{wildcards.dataset}/{wildcards.fold}/{wildcards.model}/seed{SEEDS[0]}_permuted"
        return f"{folder}/{file}" if PERMUTED else []

    return path


def permuted_results(pattern):
    """A path under results/ for every network that is trained on permuted labels: one of each model, dataset and fold."""
    wanted = [run for run in MODEL_RUNS if run["model"] in NETWORKS and run["seed"] == SEEDS[0]]
    return [f"results/{pattern}".format(**run) for run in wanted if PERMUTED]


def planted_results():
    """What every network found of motifs that were planted."""
    wanted = [run for run in MODEL_RUNS if run["dataset"] in PLANTED_DATASETS and has_filters(run["model"])]
    return ["results/{dataset}/{fold}/{model}/seed{seed}/planted_found.tsv".format(**run) for run in wanted]


def dataset_results(pattern):
    """A path under results/ for every dataset (and fold, if the pattern names it) on which models are trained."""
    return list(dict.fromkeys(f"results/{pattern}".format(**run) for run in MODEL_RUNS))


# --- training ---------------------------------------------------------------------------------------------------------


def network_of(wildcards):
    """The network that a model trains; None where it is that of a file, or one that a search has yet to choose."""
    ancestors = model_rules.with_parents([wildcards.model], MODELS)[1:]
    return None if set(ancestors) & set(SEARCHES) else model_rules.network_of(wildcards.model, MODELS)


def training_of(wildcards):
    return MODELS[wildcards.model]["training"]


def transfer_of(wildcards):
    """How a training starts from another network: all but where that is, which is an input."""
    part = MODELS[wildcards.model].get("transfer")
    return {key: part[key] for key in ("freeze", "learning_rate_factors", "keep_output")} if part else None


def parent_file(wildcards):
    """The network that a model starts from, or reads the features of: trained here, or a file."""
    entry = MODELS[wildcards.model]
    parent = model_rules.parent_of(entry)
    if parent:
        dataset, model = parent
        return f"results/{dataset}/{wildcards.fold}/{model}/seed{wildcards.seed}/model.pt"
    part = entry.get("transfer") or entry.get("features") or {}
    if part.get("function"):
        return module_file(part["function"])
    return part.get("file") or part.get("torchscript") or []


def module_file(name):
    """The file of a Python module of the user's, where it lies in the working folder: a change there runs its rules."""
    path = name.split(":")[0].replace(".", "/")
    return next((found for found in (f"{path}.py", f"{path}/__init__.py") if os.path.exists(found)), [])


def features_of(wildcards):
    """How features are read; what is fitted to them is no reason to read them again."""
    part = MODELS[wildcards.model]["features"]
    return {key: value for key, value in part.items() if key != "estimator"}


def estimator_of(wildcards):
    return MODELS[wildcards.model]["features"]["estimator"]


def motif_names(name):
    """Names of the layers of a model whose filters begin as motifs."""
    return list(model_rules.layers_with_motifs(model_rules.network_parts(MODELS[name])))


def motif_layers(wildcards):
    """Names of the layers whose filters begin as motifs, in the order of `motif_files`."""
    return motif_names(wildcards.model)


def motif_files(wildcards):
    found = model_rules.layers_with_motifs(model_rules.network_parts(MODELS[wildcards.model]))
    return [layer["motifs"] for layer in found.values()]


def seed_of(wildcards):
    return int(wildcards.seed)


def gpus(wildcards):
    """How many GPUs a job asks for: none if the configuration keeps to the CPU."""
    return 0 if SETTINGS["train"]["device"] == "cpu" else 1


def attempt_number(wildcards, attempt):
    """How often a job has been started: a failure of its own doing is not gone through again."""
    return attempt


# --- searches ---------------------------------------------------------------------------------------------------------

SEARCHES = {name: overrides.search_of(MODELS[name], CHECK_ENTRY) for name in NETWORKS if "search" in MODELS[name]}


def chosen_file(wildcards):
    """The settings that a search chose, for models that have one: an input of train_model."""
    path = f"results/{wildcards.dataset}/{wildcards.fold}/{wildcards.model}/search/chosen.json"
    return path if wildcards.model in SEARCHES else []


def search_results(pattern):
    """A path under results/ for every dataset, fold and model that is searched, each once."""
    paths = (f"results/{pattern}".format(**run) for run in MODEL_RUNS if run["model"] in SEARCHES)
    return list(dict.fromkeys(paths))


def trial_files(wildcards, numbers):
    folder = f"results/{wildcards.dataset}/{wildcards.fold}/{wildcards.model}/search"
    return [f"{folder}/trial{number}.tsv" for number in numbers]


def earlier_trials(wildcards):
    """Results that a round is proposed from; none where the sampler learns from none."""
    return trial_files(wildcards, overrides.trials_before(SEARCHES[wildcards.model], int(wildcards.round)))


def all_trials(wildcards):
    return trial_files(wildcards, range(1, SEARCHES[wildcards.model]["trials"] + 1))


def proposals_file(wildcards):
    number = overrides.round_of(SEARCHES[wildcards.model], int(wildcards.trial))
    return f"results/{wildcards.dataset}/{wildcards.fold}/{wildcards.model}/search/round{number}.json"


def round_trials(wildcards):
    return overrides.trials_of(SEARCHES[wildcards.model], int(wildcards.round))


def sampler_settings(wildcards):
    """What proposals hang on; not how many trials there are: more of them must not draw the first ones anew."""
    search = SEARCHES[wildcards.model]
    by = {"by": search["by"]} if search["waits"] else {}
    return {**{key: search[key] for key in ("sampler", "seed", "waits", "ranges")}, **by}


def search_seed(wildcards):
    return SEARCHES[wildcards.model]["seed"]


def search_by(wildcards):
    return SEARCHES[wildcards.model]["by"]


def searched_entry(wildcards):
    return {"training": training_of(wildcards), **network_of(wildcards)}


def input_shapes(wildcards):
    return inputs_for(wildcards.dataset)


def n_targets(wildcards):
    return len(TARGETS[wildcards.dataset])


# --- learning curves --------------------------------------------------------------------------------------------------

CURVE = SETTINGS["learning_curve"]


def curve_runs(run):
    """The models and seeds of the learning curve of a dataset and fold."""
    wanted = [name for name in CURVE["models"] if model_rules.takes(MODELS[name], run["dataset"])]
    return [(model, seed) for model in wanted for seed in SEEDS]


def curve_folder(wildcards, model, seed):
    return f"results/{wildcards.dataset}/{wildcards.fold}/{model}/seed{seed}"


def curve_parts(wildcards):
    return [
        f"{curve_folder(wildcards, model, seed)}/learning_curve/{percent:g}.tsv"
        for model, seed in curve_runs({"dataset": wildcards.dataset})
        for percent in CURVE["percents"]
        if percent < 100
    ]


def curve_whole(wildcards):
    """Metrics of the models trained on all rows: the last point of the curve."""
    runs = curve_runs({"dataset": wildcards.dataset}) if 100 in CURVE["percents"] else []
    return [f"{curve_folder(wildcards, model, seed)}/metrics.tsv" for model, seed in runs]


def curve_seeds(wildcards):
    return [seed for _, seed in curve_runs({"dataset": wildcards.dataset})] if 100 in CURVE["percents"] else []


def percent_of(wildcards):
    return float(wildcards.percent)


def curve_results():
    """The table of every dataset and fold that has a learning curve."""
    return [f"results/{run['dataset']}/{run['fold']}/learning_curve.tsv" for run in DATA_RUNS if curve_runs(run)]


# --- many networks in one job -----------------------------------------------------------------------------------------


def is_packed(name):
    """Whether the networks of a model are trained many to a job: those that need nothing but their own splits.

    Of a model that others start from, perhaps not all networks are wanted: each has its own job.
    """
    entry = MODELS[name]
    own_files = model_rules.strategy_of(entry) != "scratch" or "search" in entry or motif_names(name)
    return SETTINGS["train"]["pack"] > 1 and name in SETTINGS["train"]["models"] and not own_files


PACKED = [name for name in NETWORKS if is_packed(name)]
PACKS = {
    f"{model}_{first // SETTINGS['train']['pack'] + 1}": runs[first : first + SETTINGS["train"]["pack"]]
    for model in PACKED
    for runs in [runs_of([model])]
    for first in range(0, len(runs), SETTINGS["train"]["pack"])
}


def pack_results(pattern, pack):
    """A path under results/ for every run of a pack."""
    return [f"results/{pattern}".format(**run) for run in PACKS[pack]]


def pack_memory(wildcards, attempt):
    """Megabytes that a job asks for."""
    return 8000 * attempt


def pack_runtime(wildcards, attempt):
    """Minutes."""
    return 480 * attempt


def pack_members(pack):
    """What a job that trains many networks needs to know of each."""
    return [
        {**run, "network": model_rules.network_of(run["model"], MODELS), "training": MODELS[run["model"]]["training"]}
        for run in PACKS[pack]
    ]
