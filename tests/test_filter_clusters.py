import numpy as np
import pytest
from scipy.spatial.distance import cosine

from cisflow.filter_clusters import align_pwms, cluster_pwms, consensus_pwm, joined_motifs, representatives
from cisflow.meme import Motif, consensus, information_content, read_meme, reverse_complement

JASPAR = "resources/jaspar/JASPAR2026_CORE_insects_nonredundant.meme"


def random_pwm(rng, width, sharpness=0.3):
    return rng.dirichlet([sharpness] * 4, size=width)


def noisy(rng, pwm, n_sites=60):
    """A PWM from sites drawn from another."""
    counts = np.array([rng.multinomial(n_sites, column) for column in pwm]) + 1
    return counts / counts.sum(axis=1, keepdims=True)


def by_hand(one, other):
    """The best cosine over all offsets and both orientations, each laid on a long uniform background."""
    found = {}
    for is_reverse, pwm in ((False, one), (True, one[::-1, ::-1])):
        for offset in range(1 - len(one), len(other)):
            board = np.zeros((2, 100, 4))
            board[0, 40 + offset : 40 + offset + len(pwm)] = pwm - 0.25
            board[1, 40 : 40 + len(other)] = other - 0.25
            found[offset, is_reverse] = 1 - cosine(board[0].ravel(), board[1].ravel())
    place = max(found, key=found.get)
    return found[place], *place


def test_alignments_are_the_best_of_all():
    rng = np.random.default_rng(0)
    pwms = [random_pwm(rng, width) for width in (1, 6, 7, 12, 19, 19)]
    pwms.append(reverse_complement(pwms[3])[2:])
    found = align_pwms(pwms)
    for i, one in enumerate(pwms):
        for j, other in enumerate(pwms):
            similarity, offset, is_reverse = by_hand(one, other)
            assert found.similarity[i, j] == pytest.approx(similarity, abs=1e-7)
            assert (found.offset[i, j], found.is_reverse[i, j]) == (offset, is_reverse)
    assert found.similarity.diagonal() == pytest.approx(1)
    assert (found.offset[6, 3], found.is_reverse[6, 3]) == (0, True)


def test_a_uniform_pwm_is_like_nothing():
    found = align_pwms([np.full((5, 4), 0.25), random_pwm(np.random.default_rng(0), 8)])
    assert found.similarity[0].tolist() == [0, 0]
    assert cluster_pwms(found).tolist() == [1, 2]


@pytest.mark.parametrize("n", [0, 1])
def test_few_pwms_are_clustered_too(n):
    assert cluster_pwms(align_pwms([random_pwm(np.random.default_rng(0), 8)] * n)).tolist() == [1] * n


def test_copies_of_motifs_come_together(repository):
    # Real motifs that no other one resembles, each drawn anew five times, shifted, cut and turned round.
    rng = np.random.default_rng(1)
    motifs = [motif.pwm for motif in read_meme(repository / JASPAR).values() if len(motif.pwm) >= 9]
    apart = []
    for pwm in motifs:
        near = align_pwms([pwm, *apart]).similarity[0, 1:]
        if information_content(pwm).sum() > 10 and (len(near) == 0 or near.max() < 0.5) and len(apart) < 12:
            apart.append(pwm)
    assert len(apart) == 12
    copies, truth = [], []
    for number, pwm in enumerate(apart):
        for _ in range(5):
            copy = noisy(rng, np.vstack([np.full((2, 4), 0.25), pwm, np.full((1, 4), 0.25)]))
            copies.append(reverse_complement(copy) if rng.random() < 0.5 else copy[int(rng.integers(3)) :])
            truth.append(number)
    found = cluster_pwms(align_pwms(copies))
    assert found.tolist() == [number + 1 for number in truth]


def test_the_cut_is_that_of_average_linkage():
    rng = np.random.default_rng(3)
    base = random_pwm(rng, 10)
    pwms = [noisy(rng, base, 20) for _ in range(6)] + [random_pwm(rng, 10) for _ in range(3)]
    found = align_pwms(pwms)
    low = found.similarity[:6, :6].min()
    assert cluster_pwms(found, 1.0).max() == 9
    assert cluster_pwms(found, low)[:6].tolist() == [1] * 6
    assert cluster_pwms(found, -1.0).max() == 1


def test_the_representative_is_the_nearest_to_the_others():
    rng = np.random.default_rng(2)
    base = random_pwm(rng, 10)
    pwms = [random_pwm(rng, 12), *(noisy(rng, base, 8) for _ in range(5)), base[2:]]
    total = [sum(by_hand(other, one)[0] for other in pwms[1:]) for one in pwms[1:]]
    expected = 1 + int(np.argmax(total))
    assert representatives(align_pwms(pwms), np.array([2, 1, 1, 1, 1, 1, 1])) == {1: expected, 2: 0}


def test_a_consensus_is_the_weighted_mean_of_what_lies_over_each_other():
    one, other = np.eye(4)[[0, 1, 2, 3, 0]], np.eye(4)[[2, 3, 0, 0]]  # ACGTA; GTAA reads on from its third base
    turned = reverse_complement(other)
    found = consensus_pwm([one, turned], [0, 2], [False, True], [3, 1], 0)
    expected = np.vstack([one, np.full((1, 4), 0.25)]) * 0.75 + np.vstack([np.full((2, 4), 0.25), other]) * 0.25
    assert found == pytest.approx(expected)
    assert consensus(found) == "ACGTAA"
    # What one filter in four alone knows is cut off.
    assert consensus(consensus_pwm([one, turned], [0, 2], [False, True], [3, 1], 0.25)) == "ACGTA"
    assert consensus_pwm([other], [-3], [False], [1], 0.25) == pytest.approx(other)


def test_motifs_are_counted_by_runs():
    rng = np.random.default_rng(5)
    first, second, third = (random_pwm(rng, 12, 0.1) for _ in range(3))

    def motif(number, pwm):
        return Motif(f"filter_{number}", "", pwm, 10.0)

    runs = {
        "holdout/seed1": [motif(0, noisy(rng, first)), motif(4, noisy(rng, second))],
        "holdout/seed2": [motif(1, noisy(rng, third)), motif(2, reverse_complement(noisy(rng, first)))],
        "fold1/seed1": [motif(n, noisy(rng, second)) for n in range(3)] + [motif(9, noisy(rng, first)[1:])],
        "fold1/seed2": [],
    }
    rows = joined_motifs(runs, 0.25)
    assert [(row["n_runs_with"], row["n_runs"], row["n_filters"], row["n_sites"]) for row in rows] == [
        (3, 4, 3, 30),
        (2, 4, 4, 40),
        (1, 4, 1, 10),
    ]
    assert rows[0]["filters"] == "holdout/seed1:filter_0,holdout/seed2:filter_2,fold1/seed1:filter_9"
    assert rows[0]["representative"] in rows[0]["filters"].split(",")
    found = align_pwms([rows[0]["pwm"], first, rows[1]["pwm"], second]).similarity
    assert found[0, 1] > 0.95
    assert found[2, 3] > 0.95
    assert joined_motifs({"seed1": [], "seed2": []}, 0.25) == []


def test_each_run_counts_alike_in_a_consensus():
    sure, unsure = np.eye(4)[[0, 1, 2, 3, 0, 1]], np.full((6, 4), 0.1) + 0.6 * np.eye(4)[[0, 1, 2, 3, 0, 1]]
    runs = {"a": [Motif(f"filter_{n}", "", unsure, 5.0) for n in range(9)], "b": [Motif("filter_0", "", sure, 5.0)]}
    (row,) = joined_motifs(runs, 0.25)
    assert row["pwm"] == pytest.approx((sure + unsure) / 2)
