import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from cisflow.device import choose_device
from cisflow.messages import InputError
from cisflow.model import build_model
from cisflow.prediction import predict
from cisflow.sequences import reverse_complement
from cisflow.training import balancing_weights, masked_loss, train

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
LAYERS = [
    {"type": "conv1d", "filters": 8, "width": 10},
    {"type": "batch_norm"},
    {"type": "activation", "function": "exp"},
    {"type": "global_max_pool"},
]
SETTINGS = {
    "optimizer": "adam",
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "batch_size": 32,
    "max_epochs": 25,
    "patience": 10,
    "class_weights": "none",
}
MOTIF = np.array([0, 2, 0, 3, 3, 0, 1, 0, 2, 2])  # AGATTACAGG


def planted(n, stored, seed):
    """Random sequences; half of them hold the motif in the middle, on either strand."""
    rng = np.random.default_rng(seed)
    bases = rng.integers(4, size=(n, stored))
    for row in range(n // 2):
        bases[row, 20:30] = MOTIF if row % 2 else 3 - MOTIF[::-1]
    one_hot = (bases[:, None] == np.arange(4)[:, None]).astype(np.int8)
    labels = (np.arange(n) < n // 2).astype(np.float32)[:, None]
    return torch.from_numpy(one_hot), torch.from_numpy(labels)


def fitted(seed=1, device="cpu", **changes):
    torch.manual_seed(seed)
    model = build_model(LAYERS, 40, 1)
    settings = {**SETTINGS, **changes}
    history = train(model, planted(600, 50, 0), planted(200, 50, 1), 40, settings, seed, torch.device(device))
    return model, history


def test_masked_loss_is_scikit_learns_over_the_known_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40, 3))
    labels = rng.integers(2, size=(40, 3)).astype(float)
    labels[rng.random((40, 3)) < 0.3] = np.nan
    labels[:, 1] = np.nan  # a target without a known label does not count
    known = ~np.isnan(labels)
    expected = np.mean([log_loss(labels[known[:, t], t], 1 / (1 + np.exp(-logits[known[:, t], t]))) for t in (0, 2)])
    assert float(masked_loss(torch.tensor(logits), torch.tensor(labels))) == pytest.approx(expected)
    weights = torch.tensor([3.0, 2.0, 1.0])
    weighted = [
        log_loss(
            labels[known[:, t], t],
            1 / (1 + np.exp(-logits[known[:, t], t])),
            normalize=False,
            sample_weight=np.where(labels[known[:, t], t] == 1, weight, 1),
        )
        / known[:, t].sum()
        for t, weight in ((0, 3), (2, 1))
    ]
    assert float(masked_loss(torch.tensor(logits), torch.tensor(labels), weights)) == pytest.approx(np.mean(weighted))


def test_unknown_labels_give_no_gradient():
    logits = torch.zeros(4, 2, requires_grad=True)
    labels = torch.tensor([[1, math.nan], [0, math.nan], [1, math.nan], [0, 1.0]])
    masked_loss(logits, labels).backward()
    assert torch.equal(logits.grad[:3, 1], torch.zeros(3))
    assert float(masked_loss(logits.detach(), torch.full((4, 2), math.nan))) == 0


def test_balancing_weights_give_both_classes_the_same_sum():
    labels = torch.tensor([[1, 1], [0, 1], [0, 1], [0, 0], [math.nan, 1]])
    weights = balancing_weights(labels)
    assert weights.tolist() == [3, 1]  # 3 negatives to 1 positive; a majority of positives is not weighted down


@pytest.mark.parametrize("device", DEVICES)
def test_a_planted_motif_is_learned(device):
    model, history = fitted(device=device)
    test, truth = planted(400, 50, 2)
    score = predict(model, test, 40, torch.device(device))
    assert roc_auc_score(truth.numpy(), score.numpy()) > 0.97
    assert sum(row["kept"] for row in history) == 1


def test_the_kept_epoch_has_the_lowest_validation_loss_and_its_weights():
    model, history = fitted(max_epochs=6, learning_rate=0.05)
    kept = next(row for row in history if row["kept"])
    assert kept["val_loss"] == min(row["val_loss"] for row in history)
    x, y = planted(200, 50, 1)
    window = x[:, :, 5:45].float()
    losses = [float(masked_loss(model(strand).detach(), y)) for strand in (window, reverse_complement(window))]
    assert np.mean(losses) == pytest.approx(kept["val_loss"], rel=1e-5)


def test_patience_ends_the_training():
    _, history = fitted(patience=2, learning_rate=0.3, max_epochs=60)
    kept = next(row["epoch"] for row in history if row["kept"])
    assert len(history) == min(kept + 2, 60)


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not():
    first, again, other = (fitted(seed=seed, max_epochs=2)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop", "adadelta"])
def test_every_optimizer_lowers_the_loss(optimizer):
    rate = 1.0 if optimizer == "adadelta" else 0.01
    _, history = fitted(optimizer=optimizer, learning_rate=rate, max_epochs=8)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_a_training_that_diverges_at_once_is_told():
    with pytest.raises(InputError, match="diverged"):
        fitted(learning_rate=1e30, optimizer="sgd")


@pytest.mark.parametrize("device", DEVICES)
def test_predictions_do_not_depend_on_strand_or_batch_size(device):
    model, _ = fitted(max_epochs=1, device=device)
    x, _ = planted(50, 50, 3)
    where = torch.device(device)
    score = predict(model, x, 40, where)
    assert torch.allclose(predict(model, reverse_complement(x), 40, where), score, atol=1e-6)
    assert torch.allclose(predict(model, x, 40, where, batch_size=7), score, atol=1e-6)


def test_a_gpu_that_was_asked_for_and_is_absent_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no GPU can be used here"):
        choose_device("cuda", 1)
    assert choose_device("auto", 1).type == "cpu"
