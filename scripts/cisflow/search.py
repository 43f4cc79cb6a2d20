"""What a search tries next: settings drawn from declared ranges, by chance or by one of Optuna's samplers.

A study is made anew, in memory, from the results of earlier trials each time: nothing but their tables is kept, and the
same tables give the same proposals.

- `random`: each setting by itself, uniformly (Bergstra & Bengio 2012).
- `qmc`: a scrambled Sobol sequence, which leaves smaller gaps.
- `tpe`: tree-structured Parzen estimators (Bergstra et al. 2011), jointly over all settings.
- `gp`: a Gaussian process with expected improvement.

The last two draw at random until ten trials have a result.
"""

import itertools
import json
import math
import warnings

import numpy as np
import optuna

from cisflow.overrides import n_values

optuna.logging.set_verbosity(optuna.logging.WARNING)

DRAWS_OF_SAMPLER, DRAWS_OF_CHANCE = 20, 200  # of one trial
MOST_LISTED = 10_000  # settings that are gone through one by one


def distribution_of(span):
    """Optuna's form of a range in full; choices by their positions, so that they may be anything."""
    if "choices" in span:
        return optuna.distributions.CategoricalDistribution(tuple(range(len(span["choices"]))))
    kind = optuna.distributions.IntDistribution if span["whole"] else optuna.distributions.FloatDistribution
    return kind(span["low"], span["high"], log=span["log"], step=span["step"])


def value_of(span, drawn):
    """A value as models.yaml would hold it, of what a sampler drew: numbers to six digits, as they are printed."""
    if "choices" in span:
        return span["choices"][drawn]
    if span["whole"]:
        return int(drawn)
    digits = 6 if span["step"] is None else 12  # of steps, only what adding them up leaves behind is cut off
    return min(max(float(f"{drawn:.{digits}g}"), span["low"]), span["high"])


def drawn_value(span, value):
    """What a sampler would have drawn for a value."""
    if "choices" not in span:
        return value
    return [json.dumps(choice) for choice in span["choices"]].index(json.dumps(value))


def all_settings(ranges, generator):
    """All settings of some ranges in a random order, if there are not too many; none otherwise."""
    if math.prod(map(n_values, ranges.values())) > MOST_LISTED:
        return
    values = []
    for span in ranges.values():
        if "choices" in span:
            values.append(span["choices"])
        elif span["low"] == span["high"]:
            values.append([span["low"]])
        else:
            steps = range(n_values(span))
            values.append([value_of(span, span["low"] + number * span["step"]) for number in steps])
    listed = list(itertools.product(*values))
    for position in generator.permutation(len(listed)):
        yield dict(zip(ranges, listed[position], strict=True))


def make_sampler(name, seed):
    """One of Optuna's samplers."""
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if name == "qmc":
        return optuna.samplers.QMCSampler(scramble=True, seed=seed)
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return optuna.samplers.GPSampler(seed=seed)


def study_of(ranges, sampler, seed, earlier):
    """A study in memory that knows of earlier trials.

    Parameters
    ----------
    ranges : dict of str -> dict
        In full.
    sampler : str
    seed : int
    earlier : list of (dict, float)
        Settings of each earlier trial and their finite score.

    Returns
    -------
    optuna.Study
    """
    study = optuna.create_study(sampler=make_sampler(sampler, seed))
    distributions = {path: distribution_of(span) for path, span in ranges.items()}

    def add(settings, **state):
        drawn = {path: drawn_value(span, settings[path]) for path, span in ranges.items()}
        study.add_trial(optuna.trial.create_trial(params=drawn, distributions=distributions, **state))

    if sampler == "qmc":
        # The sequence begins with the second trial: without a first, one would be drawn by chance instead.
        first = {path: span["choices"][0] if "choices" in span else span["low"] for path, span in ranges.items()}
        add(first, state=optuna.trial.TrialState.PRUNED)
    for settings, score in earlier:
        add(settings, value=score)
    return study


def proposals(search, numbers, earlier, refusal):
    """Settings of some trials.

    Settings that were proposed before, and those of which no network can be built, are drawn again.

    Parameters
    ----------
    search : dict
        `sampler`, `seed`, `waits` and `ranges`, as `cisflow.overrides.search_of` gives them.
    numbers : list of int
        The trials, one after the other, counted from 1.
    earlier : list of (dict or None, float)
        Settings and score of each trial before them (none where the sampler waits for none): lower is better, infinite
        if it failed.
    refusal : callable
        Takes settings (value by path); gives why they cannot be tried, or an empty text.

    Returns
    -------
    list of dict
        `trial`, `overrides` (value by path; None if nothing was found) and `reason` (why nothing was found).
    """
    ranges, sampler = search["ranges"], search["sampler"]
    distributions = {path: distribution_of(span) for path, span in ranges.items()}
    # Without results there is but one sequence, of which later trials are later parts.
    first = numbers[0] if search["waits"] else 1
    seeds = np.random.SeedSequence([search["seed"], first]).generate_state(2)
    generator = np.random.default_rng(seeds[1])
    scores = [score for _, score in earlier if math.isfinite(score)]
    # A failure is as bad as the worst that was seen: samplers learn to keep off.
    worst = max(scores, default=None)
    known = [(settings, min(score, worst)) for settings, score in earlier if settings] if scores else []
    seen = {json.dumps(settings, sort_keys=True) for settings, _ in earlier}
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = study_of(ranges, sampler, int(seeds[0]), known)
        for number in range(first, numbers[-1] + 1):
            overrides, reason = None, "all settings of the ranges were tried before"
            for settings, trial in candidates(study, ranges, distributions, generator):
                key = json.dumps(settings, sort_keys=True)
                why = "" if key in seen else refusal(settings)
                reason = why or reason
                if key not in seen and not why:
                    seen.add(key)
                    overrides, reason = settings, ""
                    break
                if trial is not None and why and worst is not None:
                    study.tell(trial, worst)
                elif trial is not None:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
            found.append({"trial": number, "overrides": overrides, "reason": reason})
    return [proposal for proposal in found if proposal["trial"] in numbers]


def candidates(study, ranges, distributions, generator):
    """Settings that a trial might have, each with its trial of the study, or None if they are not the sampler's own.

    A sampler that insists on what cannot be tried gives way: to every other setting in turn where they can be listed,
    else to chance.
    """
    for _ in range(DRAWS_OF_SAMPLER):
        trial = study.ask(distributions)
        yield {path: value_of(span, trial.params[path]) for path, span in ranges.items()}, trial
    yield from ((settings, None) for settings in all_settings(ranges, generator))
    chance = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=int(generator.integers(2**31))))
    for _ in range(DRAWS_OF_CHANCE):
        drawn = chance.ask(distributions).params
        yield {path: value_of(span, drawn[path]) for path, span in ranges.items()}, None
