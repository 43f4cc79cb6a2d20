"""Losses against torch's own, SciPy's likelihoods and brute force over the known rows."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import nbinom, poisson
from sklearn.metrics import log_loss

from cisflow.losses import LOSSES, TrainingLoss, balancing_weights, loss_name, predicted_values


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def float_tensor(array):
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def test_unknown_labels_do_not_count(rng):
    logits, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 3)).astype(float)
    labels[rng.random((40, 3)) < 0.4] = np.nan
    labels[:, 2] = np.nan  # a target that nothing is known of
    by_target = []
    for column in range(2):
        known = ~np.isnan(labels[:, column])
        by_target.append(log_loss(labels[known, column], expit(logits[known, column])))
    loss = TrainingLoss("bce", 3)(float_tensor(logits), float_tensor(labels))
    assert float(loss) == pytest.approx(np.mean(by_target), rel=1e-5)


def test_nothing_known_gives_nothing_to_learn():
    logits = torch.zeros(4, 2, requires_grad=True)
    loss = TrainingLoss("mse", 2)(logits, torch.full((4, 2), torch.nan))
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.equal(logits.grad, torch.zeros(4, 2))


def test_weights_of_targets_are_those_of_a_mean(rng):
    logits, values = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    by_target = ((logits - values) ** 2).mean(axis=0)
    loss = TrainingLoss("mse", 2, target_weights=torch.tensor([3.0, 1.0]))
    assert float(loss(float_tensor(logits), float_tensor(values))) == pytest.approx(
        np.average(by_target, weights=[3, 1]), rel=1e-5
    )


def test_class_weights_give_both_classes_the_same_sum():
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0], [0.0, torch.nan]])
    weights = balancing_weights(labels)
    assert weights.tolist() == [3, 1]  # never below 1: negatives are not pushed up
    logits = torch.zeros(4, 2, requires_grad=True)
    TrainingLoss("bce", 2, positive_weight=weights)(logits, labels).backward()
    assert float(logits.grad[:, 0].sum()) == pytest.approx(0, abs=1e-6)


def test_a_handful_of_positives_is_not_weighted_more_than_tenfold():
    assert balancing_weights(torch.tensor([[1.0]] + [[0.0]] * 99)).tolist() == [10]


def test_poisson_differs_from_the_likelihood_by_what_does_not_hang_on_the_network(rng):
    counts, logits = rng.poisson(4, (50, 1)), rng.normal(size=(2, 50, 1))
    loss = [float(TrainingLoss("poisson", 1)(float_tensor(x), float_tensor(counts))) for x in logits]
    likelihood = [-poisson.logpmf(counts, np.exp(x)).mean() for x in logits]
    assert loss[0] - loss[1] == pytest.approx(likelihood[0] - likelihood[1], rel=1e-5)


def test_negative_binomial_is_scipys_likelihood(rng):
    counts, logits, size = rng.poisson(4, (50, 2)), rng.normal(size=(50, 2)), np.array([0.7, 3.0])
    loss = TrainingLoss("negative_binomial", 2)
    loss.log_size.data = float_tensor(np.log(size))
    mean = np.exp(logits)
    constant = torch.lgamma(float_tensor(counts) + 1).numpy()  # the one part that hangs on neither mean nor size
    expected = -nbinom.logpmf(counts, size, size / (size + mean)) - constant
    assert float(loss(float_tensor(logits), float_tensor(counts))) == pytest.approx(expected.mean(), rel=1e-4)


def test_negative_binomial_learns_the_spread_of_counts(rng):
    """Mean 5 and size 2, so a variance of 17.5; the size is found from counts alone."""
    counts = float_tensor(rng.negative_binomial(2, 2 / 7, (20000, 1)))
    loss, logit = TrainingLoss("negative_binomial", 1), torch.zeros(1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([logit, *loss.parameters()], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(logit.expand(len(counts), 1), counts).backward()
        optimizer.step()
    assert float(predicted_values(logit, "negative_binomial")) == pytest.approx(5, rel=0.05)
    assert float(loss.log_size.exp()) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("target_weights", [None, [3.0, 1.0]])
def test_the_quicker_way_where_all_is_known_is_the_same(name, target_weights, rng):
    logits, targets = float_tensor(rng.normal(size=(20, 2))), float_tensor(rng.integers(0, 2, (20, 2)))
    weights = None if target_weights is None else torch.tensor(target_weights)
    losses = [TrainingLoss(name, 2, None, weights, all_known)(logits, targets) for all_known in (False, True)]
    assert torch.allclose(*losses, rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_leading_index_gives_a_loss_each(name, rng):
    logits, targets = rng.normal(size=(5, 20, 2)), rng.integers(0, 2, (5, 20, 2)).astype(float)
    targets[rng.random(targets.shape) < 0.2] = np.nan
    loss = TrainingLoss(name, 2)
    together = loss(float_tensor(logits), float_tensor(targets))
    alone = [float(loss(float_tensor(x), float_tensor(y))) for x, y in zip(logits, targets, strict=True)]
    assert together.tolist() == pytest.approx(alone, rel=1e-5)


def test_predictions_are_on_the_scale_of_the_targets():
    logits = torch.tensor([-1.0, 0.0, 2.0])
    assert torch.allclose(predicted_values(logits, "bce"), torch.tensor(expit([-1.0, 0.0, 2.0]), dtype=torch.float32))
    assert torch.equal(predicted_values(logits, "mse"), logits)
    assert torch.allclose(predicted_values(logits, "poisson").log(), logits)


def test_auto_follows_the_task():
    assert [loss_name("auto", task) for task in ("binary", "regression")] == ["bce", "mse"]
    assert loss_name("poisson", "regression") == "poisson"
