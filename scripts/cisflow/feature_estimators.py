"""Linear models and gradient boosting from scikit-learn on the features of a frozen network.

Every target has a model of its own, fitted on its known training rows. The penalty of a linear model, and the numbers
of leaves and trees of gradient boosting, are chosen by the loss on the validation split. A fitted model is plain
arrays: it loads under any version of scikit-learn, and without running foreign code.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from cisflow.messages import InputError
from cisflow.metrics import auroc_and_auprc, correlations_and_error

# From the strongest penalty to next to none; ridge regression weighs its own against a sum over rows, hence the large.
INVERSE_PENALTIES = tuple(10.0**power for power in range(-5, 4))  # C of the logistic regression
PENALTIES = tuple(10.0**power for power in range(6, -3, -1))  # alpha of the ridge regression
LEAVES = (4, 8, 16, 31)  # largest number in a tree
LEARNING_RATE = 0.1
MOST_TREES = 1000
PATIENCE = 20  # trees without a better validation loss, after which no more are added
MOST_STEPS = 2000  # of the solver of the logistic regression
ROWS_AT_ONCE = 8192  # that trees predict together
METRIC = {"binary": "val_auroc", "regression": "val_pearson"}
TREE_ARRAYS = ("feature", "threshold", "left", "right", "value")  # of the nodes of all trees
LINEAR_ARRAYS = ("mean", "scale", "coefficients", "intercept")


# --- one target -------------------------------------------------------------------------------------------------------


def linear_settings(features, truth, val_features, val_truth, task, seed):
    """Linear models of one target over the grid of penalties, the strongest first: logistic or ridge regression.

    Features are standardised by mean and standard deviation of the training rows; one that is constant has weight 0.

    Yields
    ------
    setting : str
    value : float
    steps : int or None
        Of the solver.
    model : dict of str -> numpy.ndarray
        `mean`, `scale` and `coefficients` (D,), `intercept` ().
    """
    scaler = StandardScaler().fit(features)
    standardised = scaler.transform(features)
    for value in INVERSE_PENALTIES if task == "binary" else PENALTIES:
        if task == "binary":
            setting, fitted = "C", LogisticRegression(C=value, max_iter=MOST_STEPS)
        else:
            setting, fitted = "alpha", Ridge(alpha=value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the table says how many steps were taken
            fitted.fit(standardised, truth)
        model = {
            "mean": scaler.mean_,
            "scale": scaler.scale_,
            "coefficients": np.ravel(fitted.coef_).astype(np.float64),
            "intercept": np.float64(np.ravel(fitted.intercept_)[0]),
        }
        yield setting, value, int(fitted.n_iter_[0]) if task == "binary" else None, model


def trees_of(fitted, n_trees):
    """The first trees of a fitted gradient boosting as plain arrays.

    Returns
    -------
    dict of str -> numpy.ndarray
        Of the nodes of all trees one after another: `feature`, `threshold` (rows that are not above it go left),
        `left`, `right` (nodes; those of a leaf are itself) and `value` (0 but in leaves); `roots` (the first node of
        each tree), `depth` of the deepest, and `baseline`, to which the values are added.
    """
    nodes, roots = [], [0]
    # The trees are no public attribute of scikit-learn; tests compare what is read here with its own predictions.
    for (tree,) in fitted._predictors[:n_trees]:
        own, numbers = tree.nodes, np.arange(len(tree.nodes))
        leaf = own["is_leaf"].astype(bool)
        nodes.append(
            {
                "feature": np.where(leaf, 0, own["feature_idx"]).astype(np.int32),
                "threshold": np.where(leaf, 0, own["num_threshold"]),
                "left": (np.where(leaf, numbers, own["left"]) + roots[-1]).astype(np.int32),
                "right": (np.where(leaf, numbers, own["right"]) + roots[-1]).astype(np.int32),
                "value": np.where(leaf, own["value"], 0.0),
            }
        )
        roots.append(roots[-1] + len(own))
    depth = max((int(tree.nodes["depth"].max()) for (tree,) in fitted._predictors[:n_trees]), default=0)
    return {
        **{name: np.concatenate([tree[name] for tree in nodes] or [np.zeros(0)]) for name in TREE_ARRAYS},
        "roots": np.array(roots[:-1], dtype=np.int32),
        "depth": np.int32(depth),
        "baseline": np.float64(np.ravel(fitted._baseline_prediction)[0]),
    }


def tree_settings(features, truth, val_features, val_truth, task, seed):
    """Gradient boosting of one target, the smallest trees first; yields as `linear_settings`.

    Trees are added until `PATIENCE` of them have not lowered the loss on the validation split, and those after its
    lowest point are taken away again.
    """
    kind = HistGradientBoostingClassifier if task == "binary" else HistGradientBoostingRegressor
    for leaves in LEAVES:
        fitted = kind(
            learning_rate=LEARNING_RATE, max_iter=MOST_TREES, max_leaf_nodes=leaves, early_stopping=True,
            n_iter_no_change=PATIENCE, tol=0.0, random_state=seed,
        ).fit(features, truth, X_val=val_features, y_val=val_truth)  # fmt: skip
        n_trees = int(np.argmax(fitted.validation_score_))  # the first score is that of no tree
        yield "max_leaf_nodes", leaves, n_trees, trees_of(fitted, n_trees)


SETTINGS = {"linear": linear_settings, "gradient_boosting": tree_settings}


def raw_prediction(model, features):
    """What one target's model gives for features (N, D): the logarithm of the odds, or the value; float64 (N,)."""
    if "coefficients" in model:
        return ((features - model["mean"]) / model["scale"]) @ model["coefficients"] + model["intercept"]
    total = np.full(len(features), float(model["baseline"]))
    for begin in range(0, len(features), ROWS_AT_ONCE):
        part = np.ascontiguousarray(features[begin : begin + ROWS_AT_ONCE], dtype=np.float64)
        rows = np.arange(len(part))
        for root in model["roots"]:
            node = np.full(len(part), root, dtype=np.int32)
            for _ in range(int(model["depth"])):
                goes_left = part[rows, model["feature"][node]] <= model["threshold"][node]
                node = np.where(goes_left, model["left"][node], model["right"][node])
            total[begin : begin + len(part)] += model["value"][node]
    return total


def predicted(model, features, task):
    """Prediction of one target's model: probability (`binary`) or value, float64 (N,)."""
    raw = raw_prediction(model, features)
    return (1 + np.tanh(raw / 2)) / 2 if task == "binary" else raw


def loss_and_metric(model, features, truth, task):
    """Mean log loss and AUROC, or mean squared error and Pearson's correlation, of one target's model."""
    raw = raw_prediction(model, features)
    if task == "binary":
        loss = np.logaddexp(0, np.where(truth == 1, -raw, raw)).mean()
        return float(loss), auroc_and_auprc(truth == 1, raw)[0]
    return float(np.mean((truth - raw) ** 2)), correlations_and_error(truth, raw)[0]


# --- all targets ------------------------------------------------------------------------------------------------------


def known_rows(features, targets, column, target, split, task):
    """Features and values of the rows whose target is known.

    Raises
    ------
    InputError
        If there is none, or for training one value alone.
    """
    known = ~np.isnan(targets[:, column])
    truth = targets[known, column].astype(np.float64)
    values = np.unique(truth)
    if len(values) == 0 or (split == "train" and len(values) == 1):
        what = "label" if task == "binary" else "value"
        found = f"all {len(truth)} known rows have {values[0]:g}" if len(values) else "no row has one"
        raise InputError(
            f"target {target} has {f'one {what} alone' if len(values) else f'no {what}'} in the {split} split",
            f"{found}; expected {'both labels' if task == 'binary' else 'values that differ'}",
            "look at split_report.tsv: choose other chromosomes for the folds, or give more data for this target",
        )
    return features[known].astype(np.float64), truth


def fit_estimator(kind, train, val, target_names, task, seed):
    """Fit a model for every target, and choose its setting on the validation split.

    Parameters
    ----------
    kind : str
        `linear` (logistic or ridge regression on standardised features) or `gradient_boosting`.
    train, val : tuple of numpy.ndarray
        `features` float (N, D) and `targets` float (N, T), NaN = unknown.
    target_names : list of str
    task : str
        `binary` or `regression`.
    seed : int
        Of the rows from which gradient boosting takes its bins, where there are more than 200,000.

    Returns
    -------
    estimator : dict
        `kind`, `task`, `target_names`, `n_features` and `models`, a dictionary of arrays a target.
    choice : pandas.DataFrame
        `target`, `setting`, `value`, `steps` (of the solver, or trees), `train_loss`, `val_loss` (log loss or squared
        error), `val_auroc` or `val_pearson`, and `kept`, 1 for the setting with the lowest validation loss; of equal
        ones the first, which is the simplest.

    Raises
    ------
    InputError
        If a target has no known rows, or training rows of one value alone.
    """
    models, rows = [], []
    for column, target in enumerate(target_names):
        known = [known_rows(*part, column, target, split, task) for split, part in (("train", train), ("val", val))]
        best_loss, best_model, best_row = np.inf, None, None
        for setting, value, steps, model in SETTINGS[kind](*known[0], *known[1], task, seed):
            val_loss, metric = loss_and_metric(model, *known[1], task)
            row = {
                "target": target,
                "setting": setting,
                "value": value,
                "steps": steps,
                "train_loss": loss_and_metric(model, *known[0], task)[0],
                "val_loss": val_loss,
                METRIC[task]: metric,
                "kept": 0,
            }
            rows.append(row)
            if val_loss < best_loss:
                best_loss, best_model, best_row = val_loss, model, row
        if best_model is None:
            raise InputError(
                f"target {target}: no setting gives a finite loss on the validation split",
                f"losses are {', '.join(str(row['val_loss']) for row in rows if row['target'] == target)}",
                "look at the features: they may hold very large numbers",
            )
        best_row["kept"] = 1
        models.append(best_model)
    choice = pd.DataFrame(rows).astype({"steps": "Int64"})
    estimator = {
        "kind": kind,
        "task": task,
        "target_names": list(target_names),
        "n_features": train[0].shape[1],
        "models": models,
    }
    return estimator, choice


def doubts_of(choice, features):
    """What speaks against an estimator.

    Parameters
    ----------
    choice : pandas.DataFrame
        See `fit_estimator`.
    features : numpy.ndarray of float, shape (N, D)
        Of the training rows.

    Returns
    -------
    list of (str, str)
        Kind and text.
    """
    found = []
    constant = int((features.min(axis=0) == features.max(axis=0)).sum())
    if constant:
        text = f"{constant} of {features.shape[1]} features are the same in all training rows and tell nothing"
        found.append(("constant_features", f"{text}: units of the layer that is read may be dead"))
    for _, rows in choice.groupby("target", sort=False):
        place = int(rows["kept"].argmax())
        row = rows.iloc[place]
        where = f"target {row['target']}, {row['setting']} = {row['value']:g}"
        if row["setting"] in ("C", "alpha") and place == 0:
            found.append(("edge_of_grid", f"{where}: the strongest penalty tried is best: features tell little"))
        if row["setting"] in ("C", "alpha") and place == len(rows) - 1:
            found.append(("edge_of_grid", f"{where}: the weakest penalty tried is best, a weaker one might be better"))
        if row["setting"] == "C" and row["steps"] >= MOST_STEPS:
            found.append(("not_converged", f"{where}: the solver stopped after {row['steps']} steps"))
        if row["setting"] == "max_leaf_nodes" and row["steps"] == 0:
            found.append(("number_of_trees", f"{where}: no tree lowers the validation loss"))
        if row["setting"] == "max_leaf_nodes" and row["steps"] == MOST_TREES:
            found.append(("number_of_trees", f"{where}: {MOST_TREES} trees, the most allowed, are best"))
    return found


def predict_targets(estimator, features):
    """Predictions of all targets.

    Parameters
    ----------
    estimator : dict
        Of `fit_estimator` or `read_estimator`.
    features : numpy.ndarray of float, shape (N, D)

    Returns
    -------
    numpy.ndarray of float64, shape (N, T)
        Probabilities, or values on the scale of the targets.

    Raises
    ------
    ValueError
        If it was fitted on another number of features.
    """
    if features.shape[1] != estimator["n_features"]:
        raise ValueError(f"found {features.shape[1]} features, expected {estimator['n_features']}")
    columns = [predicted(model, features, estimator["task"]) for model in estimator["models"]]
    return np.column_stack(columns)


# --- its file ---------------------------------------------------------------------------------------------------------


def write_estimator(path, estimator, provenance):
    """Write an estimator as a .npz of plain arrays; it loads without pickle.

    Parameters
    ----------
    path : str or Path
    estimator : dict
    provenance : dict of str -> str
        What is kept beside it: the digest of the features, versions, ...
    """
    arrays = {
        f"{number}/{name}": array for number, model in enumerate(estimator["models"]) for name, array in model.items()
    }
    about = {key: np.array(value) for key, value in estimator.items() if key != "models"}
    about |= {f"about/{key}": np.array(str(value)) for key, value in provenance.items()}
    with open(path, "wb") as file:  # by its name alone, numpy would add .npz to it
        np.savez_compressed(file, **about, **arrays)


def read_estimator(path):
    """Read an estimator.

    Returns
    -------
    estimator : dict
        For `predict_targets`.
    provenance : dict of str -> str
    """
    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    names = [str(name) for name in stored["target_names"]]
    models = [{} for _ in names]
    for name, array in stored.items():
        number, _, array_name = name.partition("/")
        if number.isdigit():
            models[int(number)][array_name] = array
    estimator = {
        "kind": str(stored["kind"]),
        "task": str(stored["task"]),
        "target_names": names,
        "n_features": int(stored["n_features"]),
        "models": models,
    }
    about = {name: value for name, value in stored.items() if name.startswith("about/")}
    return estimator, {name.removeprefix("about/"): str(value) for name, value in about.items()}
