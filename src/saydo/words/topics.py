"""Comments that speak of the same, found by which words go together in them.

Words that stand in the same comments more often than chance get nearby places (the leading singular vectors of their
positive pointwise mutual information); a comment lies where its words do, the telling ones counting more; comments that
lie together are a topic (k-means on the sphere), and what sets its words apart from all other comments' names it. Short
comments share few words with each other, and their words share many comments: so this finds topics where comparing
comments word by word does not. Everything is learnt from the comments at hand, in the same way for any language.

Sources: O. Levy and Y. Goldberg, Advances in Neural Information Processing Systems 27 (2014); I. Dhillon and D. Modha,
Machine Learning 42 (2001) 143-175; labels: `saydo.stats.keyness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import ClusterError, kmeans2
from scipy.sparse import csr_matrix, diags

from saydo.stats.arrays import Array
from saydo.stats.keyness import log_odds

PLACES = 20  # dimensions in which words are laid out
VOCABULARY = 1_500
RAREST, MOST_COMMON = 2, 0.5  # comments with a word, and share of them, for it to count
MOST_COMMON_UNREAD = 0.2  # the same for a language whose function words are not on file
PASSES = 8  # of subspace iteration
STARTS, ROUNDS = 4, 20
CLUSTERED = 4_000  # comments from which the middles of topics are found; all are then given to the nearest
NAMED_BY = 10  # words of a topic
SHOWN_FROM = 5  # comments of a topic that must hold a word for it to be shown: what few write may be a name

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Topics:
    """``label``: the topic of each comment, -1 for none; ``words``: of each topic the words that set it apart, best
    first; ``nearness`` (0 to 1) of each comment to the middle of its topic; ``stability`` (0 to 1) of each topic.
    """

    label: Codes
    words: list[list[str]]
    nearness: Array
    stability: Array


def find_topics(
    comments: Sequence[tuple[str, ...]], topics: int, *, common: float = MOST_COMMON, seed: int = 1
) -> Topics:
    """So many topics of comments given as words, and how well each is found again in half of the comments.

    ``common`` is the share of comments above which a word says nothing. The stability of a topic is the overlap of its
    first ten words with those of the most similar topic in a random half (Jaccard: shared / all), the mean over two
    divisions into halves.
    """
    label, words, nearness = _find(comments, topics, common, seed)
    chance, overlaps = np.random.default_rng(seed), []
    for _ in range(2):
        order = chance.permutation(len(comments))
        for half in (order[: len(order) // 2], order[len(order) // 2 :]):
            others = _find([comments[place] for place in np.sort(half)], topics, common, seed)[1]
            overlaps.append([max((_overlap(one, other) for other in others), default=0.0) for one in words])
    return Topics(label, words, nearness, np.mean(overlaps, axis=0) if words else np.array([]))


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    return len({*one} & {*other}) / max(1, len({*one} | {*other}))


def _find(
    comments: Sequence[tuple[str, ...]], topics: int, common: float, seed: int
) -> tuple[Codes, list[list[str]], Array]:
    label, nearness = np.full(len(comments), -1, dtype=np.int64), np.zeros(len(comments))
    present, vocabulary = count_words(comments, common)
    if len(vocabulary) < 2 or topics < 1:
        return label, [], nearness
    laid = _lay_out(present)
    lies = np.flatnonzero(np.linalg.norm(laid, axis=1) > 0)
    if len(lies) < topics:
        return label, [], nearness
    points = laid[lies] / np.linalg.norm(laid[lies], axis=1, keepdims=True)
    chosen = np.random.default_rng(seed).permutation(len(points))[:CLUSTERED]
    middles = _find_middles(points[chosen], topics, seed)
    topics, label[lies] = len(middles), (points @ middles.T).argmax(axis=1)
    nearness[lies] = np.clip((points * middles[label[lies]]).sum(axis=1), 0, 1)
    order = np.argsort(-np.bincount(label[lies], minlength=topics), kind="stable")
    label[lies] = np.argsort(order)[label[lies]]  # the largest first
    return label, tell_apart(present, vocabulary, label, topics), nearness


def count_words(comments: Sequence[tuple[str, ...]], common: float) -> tuple[csr_matrix, list[str]]:
    """Which comment (row) holds which word (column), 1 or 0, of the words that count; the most frequent ones first."""
    places: dict[str, int] = {}
    columns = [places.setdefault(word, len(places)) for comment in comments for word in comment]
    starts = np.concatenate([[0], np.cumsum([len(comment) for comment in comments])])
    shape = (len(comments), max(1, len(places)))
    present = csr_matrix((np.ones(len(columns)), np.array(columns, dtype=np.int64), starts), shape=shape)
    held = np.asarray(present.sum(axis=0)).ravel()
    rarest = max(RAREST, len(comments) // 4000)
    counts = np.flatnonzero((held >= rarest) & (held <= max(common * len(comments), 2 * SHOWN_FROM)))
    words = np.array(list(places))
    chosen = sorted(counts.tolist(), key=lambda place: (-held[place], words[place]))[:VOCABULARY]
    return present[:, chosen], [str(words[place]) for place in chosen]


def _lay_out(present: csr_matrix) -> Array:
    """Where each comment lies: the mean place of its words, rare ones weighing more; zeros for one without any."""
    comments, count = present.shape
    together = (present.T @ present).toarray()
    held = together.diagonal()
    with np.errstate(divide="ignore"):
        information = np.log(together * comments / np.outer(held, held))
    information = np.maximum(np.where(together > 0, information, 0), 0)
    values, vectors = _leading(information, min(PLACES, count - 1))
    words = vectors * np.sqrt(np.abs(values))
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    words = words / np.where(lengths > 0, lengths, 1)
    weights = np.log((1 + comments) / (1 + held)) + 1
    return np.asarray(present @ diags(weights) @ words)


def _leading(matrix: Array, count: int) -> tuple[Array, Array]:
    """The largest eigenvalues of a symmetric matrix with their vectors, by subspace iteration from a fixed start."""
    space = np.random.default_rng(1).standard_normal((matrix.shape[0], min(count + 10, matrix.shape[0])))
    for _ in range(PASSES):
        space = _straighten(matrix @ space)
    values, vectors = np.linalg.eigh(space.T @ matrix @ space)
    return values[::-1][:count], space @ vectors[:, ::-1][:, :count]


def _straighten(space: Array) -> Array:
    """The same space by columns of length 1 at right angles; by its small Gram matrix, which is quicker than QR."""
    values, vectors = np.linalg.eigh(space.T @ space)
    return np.asarray(
        space @ (vectors / np.sqrt(np.maximum(values, max(values[-1] * 1e-12, np.finfo(np.float64).tiny))))
    )


def _find_middles(points: Array, topics: int, seed: int) -> Array:
    """The middles (of length 1) of so many clusters, or of fewer if no more differ; the best of several starts."""
    topics = min(topics, len(np.unique(points.round(9), axis=0)))
    best, found = -1.0, None
    for start in range(STARTS):
        chance = np.random.default_rng([seed, start])
        try:
            middles, label = kmeans2(points, topics, iter=ROUNDS, minit="++", missing="raise", rng=chance)
        except ClusterError:  # a cluster ran empty
            continue
        lengths = np.linalg.norm(middles, axis=1, keepdims=True)
        middles = middles / np.where(lengths > 0, lengths, 1)
        fit = float((points * middles[label]).sum())
        if fit > best:
            best, found = fit, middles
    return found if found is not None else _find_middles(points, topics - 1, seed)


def tell_apart(present: csr_matrix, vocabulary: Sequence[str], label: Codes, topics: int) -> list[list[str]]:
    """Of each topic the words that set it apart from all other comments, the most telling first."""
    everywhere = np.asarray(present.sum(axis=0)).ravel()
    told = []
    for topic in range(topics):
        inside = np.asarray(present[label == topic].sum(axis=0)).ravel()
        z = log_odds(inside, everywhere - inside).z
        order = [place for place in np.argsort(-z, kind="stable") if z[place] > 0 and inside[place] >= SHOWN_FROM]
        told.append([vocabulary[place] for place in order[:NAMED_BY]])
    return told
