"""Near-duplicate sequences: windows that share so many k-mers that one must be a copy of the other, on either strand.

Two windows are compared by the distinct canonical k-mers they hold (a k-mer and its reverse complement are one; those
with an unknown base do not count). Their containment is the number they share, divided by the smaller of their two
numbers (Broder 1997, On the resemblance and containment of documents). They are near-duplicates if

1. their containment is at least `min_containment`, and
2. they share at least as many k-mers as one exact match of `CHANCE_MATCH` bases holds (20 if k is 11) or, where the
   richer of the two holds too few for that, at least `NEARLY_ALL` of its k-mers.

The second condition is for windows of few distinct k-mers. A pure CA repeat holds two: it is no copy of every gene with
CACACACACACA in it, nor is the rest of a window that is mostly N. But two pure CA repeats are near-duplicates, and so
are two windows of which only the same few bases are known. A repeat that other bases interrupt is known by these: two
windows of poly-A, each with ten bases of its own, are not near-duplicates.

The defaults, k = 11 and a containment of 0.2, come of a simulation. Pairs of windows were drawn, uniform or with 65 %
A or T (it makes no difference), and every base of the one replaced by another with probability 0.05:

| window (bp)                                    |  50 | 101  |  200  |  249   |   600  |
|------------------------------------------------|-----|------|-------|--------|--------|
| pairs                                          | 1e5 | 2e5  |  2e5  |  1e5   |   2e4  |
| copies with 5 % replaced that are found (%)    |  60 | 98.9 | 99.98 | 99.995 | 100.00 |
| 10 % replaced                                  |  20 |  74  |   88  |   91   |    98  |
| shifted by half a window, nothing replaced     |   0 | 100  |  100  |  100   |   100  |
| shifted by half a window, 5 % replaced         |   0 |  62  |   81  |   86   |    96  |
| with k = 10: 5 % replaced                      |  68 | 99.5 | 99.998| 100.00 | 100.00 |
| with k = 9: 5 % replaced                       |  72 | 99.8 | 99.999| 100.00 | 100.00 |
| unrelated windows found, of all pairs of rows  |   0 |   0  |    0  |    0   |     0  |

So windows of 101 bp lose some copies, and those of 50 bp many: what 1e10 pairs share at most by chance, as much as one
match of 23 bp (windows of 50 bp) or 27 bp (of 101 bp) holds, is too much of so short a window. A smaller k finds a
little more and takes longer, as each of its k-mers stands in more windows.

In the yeast genome cut into windows of 200 bp, 508 of the 7,659 of chrIV (6.6 %) have a near-duplicate on another
chromosome: 425 of them in eleven stretches of 2 to 19 kb (Ty elements, a subtelomere, duplicated genes), the others
parts of such, paralogous genes and tRNA genes. Against the same chromosomes read backwards, which are related to
nothing but are as repetitive, it is 4: telomeres and ATT repeats.
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from cisflow.alphabet import ALPHABET

KMER_LENGTH = 11
MIN_CONTAINMENT = 0.2
CHANCE_MATCH = 30  # bases: longer exact matches are not met by chance between some 200,000 windows
NEARLY_ALL = 0.9
LONGEST_KMER = 12  # the index has an entry for each of the 4**k k-mers
FIRST_CHUNK = 1024  # windows of the first index; it finds the members of large families before they cost much
CHUNK_GROWTH = 256  # each index more is another look-up of every k-mer
INDEXED_AT_ONCE = 1 << 25  # k-mers of one index, 4 bytes each
COMMON = 8  # a k-mer that more than one in eight windows hold is looked up last
MANY = 1 << 30  # more k-mers than any window has
UNKNOWN = 4
CODES = np.full(256, UNKNOWN, dtype=np.uint8)
CODES[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(4)


@numba.njit(cache=True, nogil=True)
def distinct_kmers(sequence, codes, kmer_length, slots, kmers):
    """Write the distinct canonical k-mers of a window, as numbers of base 4, to `kmers`; give how many there are.

    `slots` is a hash table of int32 whose size, a power of two, is at least twice the length of the window.
    """
    slots[:] = -1
    last_slot = len(slots) - 1
    mask, shift = (1 << (2 * kmer_length)) - 1, 2 * (kmer_length - 1)
    forward, reverse, known, number = 0, 0, 0, 0
    for base in sequence:
        code = np.int64(codes[base])
        if code == UNKNOWN:
            known = 0
            continue
        forward = ((forward << 2) | code) & mask
        reverse = (reverse >> 2) | ((3 - code) << shift)
        known += 1
        if known < kmer_length:
            continue
        kmer = min(forward, reverse)
        slot = ((kmer * 2654435761) >> 15) & last_slot  # Knuth's multiplicative hash
        while slots[slot] >= 0 and slots[slot] != kmer:
            slot = (slot + 1) & last_slot
        if slots[slot] < 0:
            slots[slot] = kmer
            kmers[number] = kmer
            number += 1
    return number


@numba.njit(cache=True, nogil=True)
def kmer_index(bases, codes, kmer_length, n_slots):
    """Which windows hold each k-mer: `rows[starts[kmer] : starts[kmer + 1]]`, ascending; and their numbers of k-mers.

    Returns
    -------
    starts : numpy.ndarray of int32, shape (4**kmer_length + 2,)
    rows : numpy.ndarray of int32
    sizes : numpy.ndarray of int32, shape (len(bases),)
    """
    starts = np.zeros(4**kmer_length + 2, dtype=np.int32)
    sizes = np.zeros(len(bases), dtype=np.int32)
    slots, kmers = np.empty(n_slots, dtype=np.int32), np.empty(n_slots, dtype=np.int32)
    for row in range(len(bases)):
        sizes[row] = distinct_kmers(bases[row], codes, kmer_length, slots, kmers)
        for kmer in kmers[: sizes[row]]:
            starts[kmer + 2] += 1
    total = 0
    for kmer in range(len(starts)):
        total += starts[kmer]
        starts[kmer] = total
    rows = np.empty(total, dtype=np.int32)
    for row in range(len(bases)):  # starts[kmer + 1] runs from where the k-mer's rows begin to where they end
        number = distinct_kmers(bases[row], codes, kmer_length, slots, kmers)
        for kmer in kmers[:number]:
            rows[starts[kmer + 1]] = row
            starts[kmer + 1] += 1
    return starts, rows, sizes


@numba.njit(cache=True, nogil=True)
def set_needed(number, smallest, min_containment, floor, needed):
    """Fill in how many k-mers a window of `number` must share with one of `smallest` or more to be near-duplicates."""
    for other in range(smallest, len(needed)):
        contained = int(np.ceil(min_containment * min(number, other) - 1e-9))  # 0.07 * 100 is 7.000000000000001
        nearly_all = int(np.ceil(NEARLY_ALL * max(number, other) - 1e-9))
        needed[other] = max(contained, min(floor, nearly_all), 1)


@numba.njit(cache=True, nogil=True)
def first_at_least(rows, low, high, row):
    """First position in `rows[low:high]`, which ascend, that holds `row` or more; `high` if there is none."""
    while low < high:
        middle = (low + high) // 2
        if rows[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def find_similar(kmers, index, needed, end_row, counts, hits):
    """Near-duplicates of a window among those of an index.

    Parameters
    ----------
    kmers : numpy.ndarray of int32
        The window's distinct k-mers.
    index : tuple
        See `kmer_index`.
    needed : numpy.ndarray of int32
        For each number of k-mers that a window of the index may have, how many it must share with this one.
    end_row : int
        Only rows of the index below this one are looked at.
    counts : numpy.ndarray of int32, shape (rows,)
        All 0. Holds the number of shared k-mers of every hit afterwards, and is to be cleared by `clear_counts`.
    hits : numpy.ndarray of int32, shape (rows,)
        Gets the rows found, in no order.

    Returns
    -------
    int
        Number of hits.
    """
    starts, rows, sizes = index
    least = needed.min()
    # K-mers that very many windows hold (an adapter, poly-A) would cost most and tell least. Some are put aside: what
    # shares enough with them shares enough less their number without them, and only then are they looked up.
    n_aside = 0
    for position in range(len(kmers)):
        kmer = kmers[position]
        if n_aside < least // 2 and (starts[kmer + 1] - starts[kmer]) * COMMON > len(sizes):
            kmers[position], kmers[n_aside] = kmers[n_aside], kmer
            n_aside += 1
    n_hits = 0
    for kmer in kmers[n_aside:]:
        start, end = np.int64(starts[kmer]), np.int64(starts[kmer + 1])
        if end_row < len(sizes):
            end = first_at_least(rows, start, end, end_row)
        for row in rows[start:end]:
            count = counts[row] + 1
            counts[row] = count
            if count >= least - n_aside and count == needed[sizes[row]] - n_aside:
                hits[n_hits] = row
                n_hits += 1
    if n_aside == 0:
        return n_hits
    n_candidates, n_hits = n_hits, 0
    for row in hits[:n_candidates]:
        for kmer in kmers[:n_aside]:
            position = first_at_least(rows, starts[kmer], starts[kmer + 1], row)
            counts[row] += position < starts[kmer + 1] and rows[position] == row
        if counts[row] >= needed[sizes[row]]:
            hits[n_hits] = row
            n_hits += 1
    return n_hits


@numba.njit(cache=True, nogil=True)
def clear_counts(kmers, index, counts):
    """Set to 0 what `find_similar` counted."""
    starts, rows, _ = index
    total = 0
    for kmer in kmers:
        total += starts[kmer + 1] - starts[kmer]
    if total > len(counts):
        counts[:] = 0
        return
    for kmer in kmers:
        for row in rows[starts[kmer] : starts[kmer + 1]]:
            counts[row] = 0


@numba.njit(cache=True, nogil=True)
def find_partners(
    bases, queries, index, codes, kmer_length, n_slots, min_containment, floor, first_row, partner, containment
):
    """Fill in the partner with the lowest row, and its containment, of those queries that have one in the index."""
    sizes = index[2]
    slots, kmers = np.empty(n_slots, dtype=np.int32), np.empty(n_slots, dtype=np.int32)
    counts, hits = np.zeros(len(sizes), dtype=np.int32), np.empty(len(sizes), dtype=np.int32)
    needed, smallest, number_before = np.full(sizes.max() + 1, MANY, dtype=np.int32), sizes.min(), -1
    for query in queries:
        number = distinct_kmers(bases[query], codes, kmer_length, slots, kmers)
        if number == 0:
            continue
        if number != number_before:
            set_needed(number, smallest, min_containment, floor, needed)
            number_before = number
        n_hits = find_similar(kmers[:number], index, needed, len(sizes), counts, hits)
        if n_hits:
            lowest = hits[:n_hits].min()
            partner[query] = first_row + lowest
            containment[query] = counts[lowest] / min(number, sizes[lowest])
        clear_counts(kmers[:number], index, counts)


@numba.njit(cache=True, nogil=True)
def root_of(parent, row):
    """The row that stands for the component of a row (union-find, with paths halved on the way)."""
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@numba.njit(cache=True, nogil=True)
def roots_of(parent):
    """`root_of` every row."""
    roots = np.empty_like(parent)
    for row in range(len(parent)):
        roots[row] = root_of(parent, row)
    return roots


@numba.njit(cache=True, nogil=True)
def connect(parent, pairs):
    """Make one component of the components of each pair of rows."""
    for pair in range(len(pairs)):
        one, other = root_of(parent, pairs[pair, 0]), root_of(parent, pairs[pair, 1])
        parent[max(one, other)] = min(one, other)


def components(n_rows, pairs):
    """Connected components of rows that are joined by pairs.

    Parameters
    ----------
    n_rows : int
    pairs : numpy.ndarray of int64, shape (P, 2)

    Returns
    -------
    numpy.ndarray of int64, shape (n_rows,)
        The first row of each row's component.
    """
    parent = np.arange(n_rows)
    connect(parent, np.asarray(pairs, dtype=np.int64).reshape(-1, 2))
    return roots_of(parent)


@numba.njit(cache=True, nogil=True)
def connect_similar(
    bases, queries, chunk, index, end_rows, codes, kmer_length, n_slots, min_containment, floor, parent
):
    """Connect each query with its near-duplicates among the first rows, up to its `end_rows`, of an indexed chunk."""
    sizes = index[2]
    slots, kmers = np.empty(n_slots, dtype=np.int32), np.empty(n_slots, dtype=np.int32)
    counts, hits = np.zeros(len(sizes), dtype=np.int32), np.empty(len(sizes), dtype=np.int32)
    needed, smallest, number_before = np.full(sizes.max() + 1, MANY, dtype=np.int32), sizes.min(), -1
    for position in range(len(queries)):
        query = queries[position]
        number = distinct_kmers(bases[query], codes, kmer_length, slots, kmers)
        if number == 0:
            continue
        if number != number_before:
            set_needed(number, smallest, min_containment, floor, needed)
            number_before = number
        n_hits = find_similar(kmers[:number], index, needed, end_rows[position], counts, hits)
        for hit in hits[:n_hits]:
            one, other = root_of(parent, query), root_of(parent, chunk[hit])
            parent[max(one, other)] = min(one, other)
        clear_counts(kmers[:number], index, counts)


def check_settings(kmer_length, min_containment):
    """Refuse settings with which nothing can be compared."""
    if not 1 <= kmer_length <= LONGEST_KMER:
        raise ValueError(f"splits.kmer_length is {kmer_length}, expected 1 to {LONGEST_KMER}")
    if not 0 < min_containment <= 1:
        raise ValueError(f"splits.min_containment is {min_containment}, expected more than 0 and at most 1")


def needed_by_chance(kmer_length):
    """Number of k-mers in an exact match of `CHANCE_MATCH` bases."""
    return CHANCE_MATCH - kmer_length + 1


def hash_slots(length):
    """Slots of the hash table for windows of some length: a power of two, at most half of them taken."""
    return 1 << (2 * max(length, 1) - 1).bit_length()


def near_duplicates(bases, reference, kmer_length=KMER_LENGTH, min_containment=MIN_CONTAINMENT, threads=1):
    """For each window, a near-duplicate in the reference (see the head of this module for what that is).

    The time hangs on how many windows hold the same k-mers: 200,000 windows take seconds. Large families of copies
    (repeats, the variants of one designed sequence) do not make it longer, because a window that has found its partner
    is done: the partner is therefore the first, not the best. The reference is indexed in chunks of bounded size.

    Parameters
    ----------
    bases, reference : numpy.ndarray of uint8, shapes (N, L) and (M, L')
        ASCII, upper case; all but A, C, G and T is unknown.
    kmer_length : int
        At most `LONGEST_KMER`.
    min_containment : float
    threads : int
        Threads among which the windows are shared out; the result is the same for any number.

    Returns
    -------
    partner : numpy.ndarray of int64, shape (N,)
        The lowest row of the reference that is a near-duplicate; -1 where there is none.
    containment : numpy.ndarray of float32, shape (N,)
        Shared k-mers of the two, divided by the smaller of their numbers of k-mers; 0 where there is no partner.
    """
    check_settings(kmer_length, min_containment)
    partner, containment = np.full(len(bases), -1, dtype=np.int64), np.zeros(len(bases), dtype=np.float32)
    length = max(bases.shape[1], reference.shape[1])
    n_slots, begin, size = hash_slots(length), 0, FIRST_CHUNK
    while begin < len(reference) and (partner < 0).any():
        chunk = reference[begin : begin + size]
        index = kmer_index(chunk, CODES, kmer_length, n_slots)
        fixed = (index, CODES, kmer_length, n_slots, min_containment, needed_by_chance(kmer_length), begin)
        shares = np.array_split(np.flatnonzero(partner < 0), threads)
        with ThreadPoolExecutor(threads) as pool:  # compiled code that holds no lock; every window is one thread's
            list(
                pool.map(
                    lambda queries, fixed=fixed: find_partners(bases, queries, *fixed, partner, containment), shares
                )
            )
        begin += size
        size = min(size * CHUNK_GROWTH, max(INDEXED_AT_ONCE // max(length, 1), 1))
    return partner, containment


def similarity_clusters(bases, kmer_length=KMER_LENGTH, min_containment=MIN_CONTAINMENT, linked=None):
    """Clusters of windows that no near-duplicate crosses: the connected components of the near-duplicates.

    Every pair of windows that are not in one cluster has been compared; how, does not change the result. Rows are
    indexed in chunks, those of small clusters first, and all rows that are left are looked up in them. What is found
    early spares the rest: a row is not compared with its own cluster, and once all that is left is one cluster, it is
    done. So the many members of a family do not cost the square of their number.

    Parameters
    ----------
    bases : numpy.ndarray of uint8, shape (N, L)
        As in `near_duplicates`.
    kmer_length : int
    min_containment : float
    linked : numpy.ndarray of int64, shape (P, 2), optional
        Pairs of rows that belong together for another reason (windows that overlap, two strands of one locus).

    Returns
    -------
    numpy.ndarray of int64, shape (N,)
        Number of each row's cluster, from 0, in the order in which they first appear.
    """
    check_settings(kmer_length, min_containment)
    n_rows, length = bases.shape
    parent = components(n_rows, [] if linked is None else linked)
    # The first chunks are to meet every large family, in whatever order the rows stand: they are taken all over.
    scattered = (np.arange(n_rows, dtype=np.int64) * 2654435761) & 0xFFFFFFFF
    waiting, n_slots, size = np.arange(n_rows), hash_slots(length), FIRST_CHUNK
    while len(waiting):
        roots = roots_of(parent)
        of_waiting = roots[waiting]
        if (of_waiting == of_waiting[0]).all():
            break
        members = np.bincount(roots, minlength=n_rows)
        order = np.lexsort((scattered[waiting], scattered[of_waiting], members[of_waiting]))
        chunk = waiting[order[:size]]
        # The rows of a cluster stand side by side in the chunk. A row is compared with those before its own cluster; it
        # is those after it that are compared with the row.
        clusters, first = np.unique(roots[chunk], return_index=True)
        end_row_of = np.full(n_rows, len(chunk), dtype=np.int32)
        end_row_of[clusters] = first
        index = kmer_index(bases[chunk], CODES, kmer_length, n_slots)
        connect_similar(
            bases, waiting, chunk, index, end_row_of[of_waiting], CODES, kmer_length, n_slots,
            min_containment, needed_by_chance(kmer_length), parent,
        )  # fmt: skip
        waiting = np.sort(waiting[order[size:]])
        size = min(size * CHUNK_GROWTH, max(INDEXED_AT_ONCE // max(length, 1), 1))
    return np.unique(roots_of(parent), return_inverse=True)[1]  # a cluster's root is its first row
