"""What a network has to beat: models that know its composition, its words, or the best match of one known motif.

Each is fitted on training rows, chooses its settings on validation rows, and predicts the validation and test splits.
Targets have models of their own; rows whose target is unknown (NaN) are left out of that target's. A target whose
training rows have one value alone is predicted to have it.
"""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from cisflow.kmer_features import contiguous_pattern, count_words, gapped_patterns, n_words, word_frequencies
from cisflow.pwm_scan import background_of, best_matches, choose_motifs

# Of features scaled to a mean squared length of 1, from the strongest penalty to next to none.
INVERSE_PENALTIES = tuple(10.0**power for power in range(-3, 5))  # C of the logistic regression
PENALTIES = tuple(10.0**power for power in range(4, -4, -1))  # alpha of the ridge regression
MIDDLE = 1.0  # penalty, where the validation split cannot tell
WORSE_IN_A_ROW = 2  # penalties on the way to next to none, after which no weaker one is tried
MOST_STEPS = 500  # of the solver
TOLERANCE = 1e-5  # of the gradient; ten times less takes ten times as long and predicts no better
MOST_COUNTS = 100_000_000  # that a fit holds, 8 bytes each; of more rows than make them, a random part is taken
ROWS_AT_ONCE = 4096  # that are predicted together
COMPOSITION = {"dinucleotides": 2, "trinucleotides": 3}  # baseline -> length of its words


def gc_fraction(one_hot, length):
    """Fraction of G or C among the known bases of the central window.

    Parameters
    ----------
    one_hot : numpy.ndarray of int8, shape (N, 4, stored length)
        Rows A C G T.
    length : int
        Length of the window in bases.

    Returns
    -------
    numpy.ndarray of float, shape (N,)
        0.5 where no base is known.
    """
    begin = (one_hot.shape[2] - length) // 2
    counts = one_hot[:, :, begin : begin + length].sum(axis=2, dtype=np.int64)
    known = counts.sum(axis=1)
    return np.where(known > 0, (counts[:, 1] + counts[:, 2]) / np.maximum(known, 1), 0.5)


def fit_gc_content(train_gc, train_targets, test_gc, task="binary"):
    """Predict every target from GC content alone: regression on it and its square, fitted on training rows.

    Labels by logistic regression, quantities by least squares. The square lets the fit find targets that avoid both
    extremes.

    Parameters
    ----------
    train_gc : numpy.ndarray of float, shape (N,)
    train_targets : numpy.ndarray of float, shape (N, T)
        0 or 1, or any numbers (`regression`); rows with NaN are left out of that target's fit.
    test_gc : numpy.ndarray of float, shape (M,)
    task : str
        `binary` or `regression`.

    Returns
    -------
    numpy.ndarray of float, shape (M, T)
        Probabilities, or values; NaN for a target without a known training row.
    """
    centre = train_gc.mean()
    scale = train_gc.std() if train_gc.min() < train_gc.max() else 1.0  # the sd of 0.1, 0.1, 0.1 is 1e-17

    def features(gc):
        z = (gc - centre) / scale
        return np.column_stack([z, z**2])

    columns = []
    for column in range(train_targets.shape[1]):
        known = ~np.isnan(train_targets[:, column])
        values = train_targets[known, column].astype(float)
        if not len(values) or values.min() == values.max():  # one class or value alone: nothing to fit
            columns.append(np.full(len(test_gc), values[0] if len(values) else np.nan))
        elif task == "binary":
            fitted = LogisticRegression(max_iter=1000).fit(features(train_gc[known]), values == 1)
            columns.append(fitted.predict_proba(features(test_gc))[:, 1])
        else:
            columns.append(LinearRegression().fit(features(train_gc[known]), values).predict(features(test_gc)))
    return np.column_stack(columns)


# --- words ------------------------------------------------------------------------------------------------------------


def scale_features(features, mean, scale):
    """Features less a mean (if dense) and divided by a scale, in place.

    Parameters
    ----------
    features : numpy.ndarray or scipy.sparse.csr_matrix of float, shape (N, D)
        Sparse ones are not centred: they would not stay sparse.
    mean, scale : numpy.ndarray of float, shape (D,)

    Returns
    -------
    of the same kind
    """
    if sparse.issparse(features):
        features.data /= scale[features.indices]
    else:
        features -= mean
        features /= scale
    return features


def common_scale(features):
    """Mean and scale by which features get equal spread and, together, a mean squared length of 1.

    Parameters
    ----------
    features : numpy.ndarray or scipy.sparse.csr_matrix of float, shape (N, D)

    Returns
    -------
    mean, scale : numpy.ndarray of float32, shape (D,)
        See `scale_features`. A feature that is the same in all rows keeps its scale.
    """
    is_sparse = sparse.issparse(features)
    scaler = StandardScaler(with_mean=not is_sparse).fit(features)
    mean = np.zeros(features.shape[1]) if is_sparse else scaler.mean_
    squares = features.multiply(features).mean(axis=0) if is_sparse else ((features - mean) ** 2).mean(axis=0)
    length = np.sqrt((np.ravel(squares) / scaler.scale_**2).sum())
    return mean.astype(np.float32), (scaler.scale_ * (length or 1.0)).astype(np.float32)


def loss_of(raw, truth, task):
    """Mean log loss of logarithms of odds, or mean squared error of values."""
    return np.logaddexp(0, np.where(truth == 1, -raw, raw)).mean() if task == "binary" else np.mean((raw - truth) ** 2)


def fit_penalised(features, truth, val_features, val_truth, task):
    """Logistic or ridge regression whose penalty has the lowest loss on validation rows.

    Penalties are tried from the strongest on, until two in a row were worse than the best: the weaker the penalty, the
    longer a fit takes. Logistic regressions begin where the one before ended.

    Parameters
    ----------
    features, val_features : numpy.ndarray or scipy.sparse.csr_matrix, shape (N, D) and (M, D)
    truth, val_truth : numpy.ndarray of float, shape (N,) and (M,)
        All known; the first of both classes, or of values that differ. Where the second are not, nothing can be chosen,
        and the penalty is 1.
    task : str

    Returns
    -------
    coefficients : numpy.ndarray of float, shape (D,)
    intercept : float
    penalty : float
        C or alpha.
    val_loss : float
        NaN where nothing could be chosen.
    """
    can_choose = len(np.unique(val_truth)) > 1
    grid = (INVERSE_PENALTIES if task == "binary" else PENALTIES) if can_choose else (MIDDLE,)
    best, worse = (None, None, None, np.inf), 0
    fitted = (
        LogisticRegression(max_iter=MOST_STEPS, tol=TOLERANCE, warm_start=True)
        if task == "binary"
        else Ridge(tol=TOLERANCE)
    )
    for penalty in grid:
        fitted.set_params(**{"C" if task == "binary" else "alpha": penalty})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is chosen by its loss on other rows
            fitted.fit(features, truth == 1 if task == "binary" else truth)
        coefficients, intercept = np.ravel(fitted.coef_).astype(float), float(np.ravel(fitted.intercept_)[0])
        if not can_choose:
            return coefficients, intercept, penalty, np.nan
        loss = float(loss_of(val_features @ coefficients + intercept, val_truth, task))
        worse = worse + 1 if loss >= best[3] else 0
        if loss < best[3]:
            best = coefficients, intercept, penalty, loss
        if worse == WORSE_IN_A_ROW:
            break
    return best


def some_rows(n_rows, most, rng):
    """At most so many rows, drawn at random, in their order."""
    return np.arange(n_rows) if n_rows <= most else np.sort(rng.choice(n_rows, most, replace=False))


def fit_words(codes, targets, target_names, features_of, counts_per_row, task, seed):
    """Regularised regression on what words a sequence has.

    Parameters
    ----------
    codes : dict of str -> numpy.ndarray of uint8, shape (N, L)
        Of the splits train, val and test.
    targets : dict of str -> numpy.ndarray of float, shape (N, T)
        Of train and val.
    target_names : list of str
    features_of : callable
        From codes to features, sparse or dense.
    counts_per_row : int
        How many numbers it keeps of a row, at most: with `MOST_COUNTS` this bounds the rows of a fit.
    task : str
    seed : int
        Of the rows that are taken where they are too many.

    Returns
    -------
    predictions : dict of str -> numpy.ndarray of float, shape (N, T)
        Of val and test.
    chosen : list of (str, str, str)
        Target, what was chosen or found, its value.
    """
    rng, most = np.random.default_rng(seed), max(MOST_COUNTS // counts_per_row, 1)
    rows = {split: some_rows(len(codes[split]), most, rng) for split in ("train", "val")}
    for split, taken in rows.items():
        if len(taken) < len(codes[split]):
            print(
                f"of {len(codes[split])} rows of the {split} split, {most} are taken, at random: memory allows no more"
            )
    features = features_of(codes["train"][rows["train"]])
    mean, scale = common_scale(features)
    features = scale_features(features, mean, scale)

    def scaled(part):
        return scale_features(features_of(part), mean, scale)

    val_features = scaled(codes["val"][rows["val"]])
    coefficients, intercepts, chosen = np.zeros((len(scale), len(target_names))), [], []
    for column, target in enumerate(target_names):
        truth, val_truth = (targets[split][rows[split], column].astype(float) for split in ("train", "val"))
        known, val_known = ~np.isnan(truth), ~np.isnan(val_truth)
        values = np.unique(truth[known])
        if len(values) < 2:
            intercepts.append(values[0] if len(values) else np.nan)
            continue
        coefficients[:, column], intercept, penalty, loss = fit_penalised(
            features if known.all() else features[known], truth[known],
            val_features if val_known.all() else val_features[val_known], val_truth[val_known], task,
        )  # fmt: skip
        intercepts.append(intercept)
        chosen.append((target, "C" if task == "binary" else "alpha", f"{penalty:g}"))
        chosen.append((target, "val_loss", f"{loss:.6g}"))
    fitted = {target for target, *_ in chosen}
    is_fitted = np.array([target in fitted for target in target_names])
    predictions = {}
    for split in ("val", "test"):
        parts = (codes[split][begin : begin + ROWS_AT_ONCE] for begin in range(0, len(codes[split]), ROWS_AT_ONCE))
        raw = np.concatenate([scaled(part) @ coefficients + intercepts for part in parts])
        probabilities = (1 + np.tanh(raw / 2)) / 2
        predictions[split] = np.where(is_fitted, probabilities, raw) if task == "binary" else raw
    return predictions, chosen


# --- one score --------------------------------------------------------------------------------------------------------


def calibrated(score, truth, others, task):
    """Predictions from one score a sequence: logistic regression on it, or least squares.

    Parameters
    ----------
    score : numpy.ndarray of float, shape (N,)
    truth : numpy.ndarray of float, shape (N,)
        NaN = unknown; the others of both classes, or of values that differ.
    others : list of numpy.ndarray of float, shape (M,)
        Scores of what is predicted.
    task : str

    Returns
    -------
    list of numpy.ndarray of float, shape (M,)
    """
    known = ~np.isnan(truth)
    score, truth = score[known].astype(float), truth[known]
    centre, spread = score.mean(), score.std() if score.min() < score.max() else 1.0
    features = ((score - centre) / spread)[:, None]
    columns = [((other.astype(float) - centre) / spread)[:, None] for other in others]
    if task == "binary":
        fitted = LogisticRegression().fit(features, truth == 1)
        return [fitted.predict_proba(column)[:, 1] for column in columns]
    fitted = LinearRegression().fit(features, truth)
    return [fitted.predict(column) for column in columns]


def fit_pwm_scan(codes, targets, target_names, motifs, task):
    """The best match of one motif of a database, for each target the one that tells training rows apart best.

    Parameters
    ----------
    codes, targets, target_names, task
        See `fit_words`.
    motifs : list of cisflow.meme.Motif
        Those wider than the sequences are left out, and told.

    Returns
    -------
    predictions, chosen
        See `fit_words`.
    """
    fitting = [motif for motif in motifs if len(motif.pwm) <= codes["train"].shape[1]]
    if len(fitting) < len(motifs):
        print(f"{len(motifs) - len(fitting)} of {len(motifs)} motifs are wider than the sequences and left out")
    background, pwms = background_of(codes["train"]), [motif.pwm for motif in fitting]
    print(f"best matches of {len(fitting)} motifs, scored against A C G T = {np.array2string(background, precision=3)}")
    numbers, quality = choose_motifs(codes["train"], targets["train"], pwms, background, task)
    predictions = {split: np.full((len(codes[split]), len(target_names)), np.nan) for split in ("val", "test")}
    chosen = []
    for column, (target, number) in enumerate(zip(target_names, numbers, strict=True)):
        truth = targets["train"][:, column].astype(float)
        if number is None:
            values = np.unique(truth[~np.isnan(truth)])
            for prediction in predictions.values():
                prediction[:, column] = values[0] if len(values) else np.nan
            continue
        scores = {split: best_matches(codes[split], [pwms[number]], background)[:, 0] for split in codes}
        predictions["val"][:, column], predictions["test"][:, column] = calibrated(
            scores["train"], truth, [scores["val"], scores["test"]], task
        )
        measure = "train_auroc" if task == "binary" else "train_pearson"
        chosen.append((target, "motif", fitting[number].identifier))
        chosen.append((target, "motif_name", fitting[number].name))
        chosen.append((target, measure, f"{quality[number, column]:.6g}"))
    return predictions, chosen


# --- by name ----------------------------------------------------------------------------------------------------------


def fit_composition_or_words(name, codes, targets, target_names, kmer_length, gapped_bases, gapped_length, task, seed):
    """Fit the baseline of this name: dinucleotides, trinucleotides, kmers or gapped_kmers.

    Parameters
    ----------
    name : str
    codes, targets, target_names, task, seed
        See `fit_words`.
    kmer_length : int
        Of `kmers`.
    gapped_bases, gapped_length : int
        See `cisflow.kmer_features.gapped_patterns`.

    Returns
    -------
    predictions, chosen
        See `fit_words`.
    """
    if name in COMPOSITION:
        k = COMPOSITION[name]
        patterns = contiguous_pattern(k)

        def features_of(part):
            return word_frequencies(part, k)

        counts_per_row = n_words(patterns)
    else:
        gapped = {"kmers": False, "gapped_kmers": True}[name]
        patterns = gapped_patterns(gapped_bases, gapped_length) if gapped else contiguous_pattern(kmer_length)

        def features_of(part):
            return count_words(part, patterns)

        counts_per_row = len(patterns) * codes["train"].shape[1]
    print(f"{n_words(patterns)} features; a word and its reverse complement are one")
    return fit_words(codes, targets, target_names, features_of, counts_per_row, task, seed)
