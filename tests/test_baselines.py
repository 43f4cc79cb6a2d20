import numpy as np
from sklearn.metrics import roc_auc_score

from cisflow.baselines import fit_gc_content, gc_fraction


def test_gc_fraction_is_that_of_the_text():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), 30)) for _ in range(20)] + ["N" * 30]
    one_hot = np.array([[[letter == base for letter in text] for base in "ACGT"] for text in texts], dtype=np.int8)
    for text, value in zip(texts, gc_fraction(one_hot, 20), strict=True):
        core = text[5:25].replace("N", "")
        assert value == (sum(letter in "GC" for letter in core) / len(core) if core else 0.5)


def test_gc_content_is_learned_and_unknown_labels_are_left_out():
    rng = np.random.default_rng(1)
    gc = rng.random(2000)
    rich, middling = gc > 0.6, abs(gc - 0.5) < 0.15
    targets = np.column_stack([rich, middling, rich]).astype(float)
    targets[:500, 2] = 1 - targets[:500, 2]
    targets[:500, 2] = np.nan  # were they not left out, the fit would be spoiled
    score = fit_gc_content(gc[:1500], targets[:1500], gc[1500:])
    assert roc_auc_score(rich[1500:], score[:, 0]) > 0.99
    assert roc_auc_score(middling[1500:], score[:, 1]) > 0.99  # needs the square
    assert roc_auc_score(rich[1500:], score[:, 2]) > 0.99


def test_one_class_alone_is_predicted_as_it_is():
    gc = np.linspace(0, 1, 10)
    score = fit_gc_content(gc, np.column_stack([np.ones(10), np.zeros(10)]), gc)
    assert (score[:, 0] == 1).all()
    assert (score[:, 1] == 0).all()
