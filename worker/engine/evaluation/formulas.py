"""Metrics as plain functions of NumPy arrays."""

from __future__ import annotations

import numpy as np

Rows = tuple[np.ndarray, ...]


def prepare(name: str, task: str, y: np.ndarray, p: np.ndarray, from_logits: bool) -> Rows:
    """What the metric needs of each example."""
    if name in ("mse", "rmse", "mae"):
        return (_distances(name, y, p),)
    if name == "r2":
        flat = y.reshape(len(y), -1).astype(np.float64)
        return flat, p.reshape(len(p), -1).astype(np.float64)
    if task == "multilabel":
        scores = p.reshape(len(p), -1).astype(np.float64)
        labels = y.reshape(len(y), -1) > 0.5
        if name == "auc":
            return labels, scores
        chosen = scores > (0.0 if from_logits else 0.5)
        return ((labels == chosen).mean(axis=1),) if name == "accuracy" else (labels, chosen)
    if name == "auc":
        return true_classes(y, 2) == 1, _positive_score(p)
    classes = max(2, p.shape[-1])
    if task == "per_position" and may_overlap(y):
        half = 0.0 if from_logits else 0.5
        return _at_positions(name, _sides(y, 0.5), _sides(p, half), 2 * classes)
    truth = true_classes(y, classes, per_position=task == "per_position")
    if name == "top_5_accuracy":
        best = np.argsort(-p, axis=-1, kind="stable")[:, :5]
        return ((best == truth[:, None]).any(axis=1),)
    told = predicted_classes(p, from_logits)
    if task == "per_position":
        return _at_positions(name, truth, told, classes)
    return (truth == told,) if name == "accuracy" else (truth, told)


def value(name: str, rows: Rows) -> float:
    """The figure of prepared rows."""
    if name == "rmse":
        return float(np.sqrt(rows[0].mean()))
    if name == "r2":
        return _r2(*rows)
    if name == "auc":
        return _mean_auc(*rows)
    if name == "f1":
        return _f1(*rows)
    if name in ("balanced_accuracy", "mean_iou"):
        return _over_classes(name, rows)
    return float(rows[0].mean(dtype=np.float64))


def baseline(name: str, task: str, y: np.ndarray) -> float:
    """The figure of the best constant answer."""
    if name == "f1":
        return _f1_of_guessing(task, y)
    if name in ("auc", "balanced_accuracy") and task != "per_position":
        classes = len(np.unique(true_classes(y, y.shape[-1] if y.ndim > 1 else 2)))
        return 0.5 if name == "auc" else 1.0 / max(classes, 1)
    if name == "r2":
        return 0.0
    if name in ("mse", "rmse", "mae"):
        flat = y.reshape(len(y), -1).astype(np.float64)
        middle = np.median(flat, axis=0) if name == "mae" else flat.mean(axis=0)
        return value(name, (_distances(name, flat, np.broadcast_to(middle, flat.shape)),))
    if task == "multilabel":
        share = (y.reshape(len(y), -1) > 0.5).mean(axis=0)
        return float(np.maximum(share, 1 - share).mean())
    if task == "per_position" and may_overlap(y):
        share = (y > 0.5).mean(axis=tuple(range(y.ndim - 1)))
        majority = float(np.maximum(share, 1 - share).mean())
        return {"balanced_accuracy": 0.5, "mean_iou": majority / 2}.get(name, majority)
    truth = true_classes(y, y.shape[-1] if y.ndim > 1 else 2, per_position=task == "per_position")
    counts = np.bincount(truth.ravel().astype(np.int64))
    majority = float(counts.max() / counts.sum())
    present = int((counts > 0).sum())
    if name == "top_5_accuracy":
        return float(np.sort(counts)[-5:].sum() / counts.sum())
    return {"balanced_accuracy": 1 / present, "mean_iou": majority / present}.get(name, majority)


def true_classes(y: np.ndarray, classes: int, *, per_position: bool = False) -> np.ndarray:
    """Class indices from integers, a trailing axis of one, or one-hot rows."""
    if y.ndim > 1 and y.shape[-1] == 1:
        y = y[..., 0]
    elif y.ndim > 1 and y.shape[-1] == classes and (not per_position or _is_one_hot(y)):
        return y.argmax(axis=-1)
    return np.rint(y).astype(np.int64)


def predicted_classes(p: np.ndarray, from_logits: bool) -> np.ndarray:
    """The most likely class; of a single output, whether it passes one half."""
    if p.shape[-1] > 1:
        return p.argmax(axis=-1)
    return (p[..., 0] > (0.0 if from_logits else 0.5)).astype(np.int64)


def may_overlap(y: np.ndarray) -> bool:
    """Whether labels say of every class at every position yes or no, several at once or none.

    Class numbers are integers.
    """
    return y.dtype.kind == "f" and y.ndim > 2 and y.shape[-1] > 1 and not _is_one_hot(y)


def _sides(values: np.ndarray, half: float) -> np.ndarray:
    """No and yes of class c as classes 2c and 2c + 1."""
    return 2 * np.arange(values.shape[-1]) + (values > half)


def _is_one_hot(y: np.ndarray) -> bool:
    head = np.asarray(y[:64])
    return bool(np.isin(head, (0, 1)).all() and (head.sum(axis=-1) == 1).all())


def _distances(name: str, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    gap = p.reshape(len(p), -1).astype(np.float64) - y.reshape(len(y), -1)
    return (np.abs(gap) if name == "mae" else np.square(gap)).mean(axis=1)


def _positive_score(p: np.ndarray) -> np.ndarray:
    flat = p.reshape(len(p), -1).astype(np.float64)
    return flat[:, 1] - flat[:, 0] if flat.shape[1] == 2 else flat[:, 0]


def _at_positions(name: str, truth: np.ndarray, told: np.ndarray, classes: int) -> Rows:
    if name == "accuracy":
        return ((truth == told).reshape(len(truth), -1).mean(axis=1),)
    return _class_counts(truth, told, classes)


def _class_counts(truth: np.ndarray, told: np.ndarray, classes: int) -> Rows:
    """Per example and class: positions of the class, told so, and both."""
    flat_truth, flat_told = truth.reshape(len(truth), -1), told.reshape(len(told), -1)
    ids = range(classes)
    of_class = np.stack([(flat_truth == c).sum(axis=1) for c in ids], axis=1)
    told_so = np.stack([(flat_told == c).sum(axis=1) for c in ids], axis=1)
    both = np.stack([((flat_truth == c) & (flat_told == c)).sum(axis=1) for c in ids], axis=1)
    return of_class, told_so, both


def _over_classes(name: str, rows: Rows) -> float:
    if len(rows) == 2:
        truth, told = rows
        classes = int(max(truth.max(), told.max())) + 1
        of_class = np.bincount(truth, minlength=classes)
        told_so = np.bincount(told, minlength=classes)
        both = np.bincount(truth[truth == told], minlength=classes)
    else:
        of_class, told_so, both = (counts.sum(axis=0) for counts in rows)
    present = of_class > 0
    whole = of_class if name == "balanced_accuracy" else of_class + told_so - both
    return float((both[present] / whole[present]).mean())


def _f1(truth: np.ndarray, told: np.ndarray) -> float:
    """Of the positive class, of two classes; else the mean over classes or labels."""
    if truth.ndim == 1 and max(truth.max(), told.max()) <= 1:
        pairs = [(truth == 1, told == 1)]
    elif truth.ndim == 1:
        pairs = [(truth == c, told == c) for c in np.unique(truth)]
    else:
        pairs = [(truth[:, c], told[:, c]) for c in range(truth.shape[1])]
    scores = [2 * (t & p).sum() / max(t.sum() + p.sum(), 1) for t, p in pairs]
    return float(np.mean(scores))


def _f1_of_guessing(task: str, y: np.ndarray) -> float:
    """Always yes to a positive class or label; of several classes always the largest."""
    if task == "multilabel":
        share = (y.reshape(len(y), -1) > 0.5).mean(axis=0)
        return float((2 * share / (1 + share)).mean())
    counts = np.bincount(true_classes(y, y.shape[-1] if y.ndim > 1 else 2))
    share = counts[1] / counts.sum() if len(counts) == 2 else counts.max() / counts.sum()
    return float(2 * share / (1 + share) / (1 if len(counts) <= 2 else (counts > 0).sum()))


def _mean_auc(truth: np.ndarray, score: np.ndarray) -> float:
    if truth.ndim == 1:
        return _auc(truth, score)
    columns = range(truth.shape[1])
    areas = [_auc(truth[:, c], score[:, c]) for c in columns]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def shares_of_area(truth: np.ndarray, score: np.ndarray) -> np.ndarray:
    """What each example adds to the mean area under the curves of several labels, beyond its due.

    The root of the sum of squares is the mean's standard error, and that of the difference of two
    models' the error of what they differ by (DeLong et al. 1988, Biometrics 44).
    """
    shares, known = np.zeros(len(truth)), 0
    for positive, scores in zip(truth.T, score.T, strict=True):
        count = np.array([(~positive).sum(), positive.sum()])
        if not count.all():
            continue
        known += 1
        _, place = np.unique(scores, return_inverse=True)
        no, yes = (
            np.bincount(place[side], minlength=place.max() + 1) for side in (~positive, positive)
        )
        beaten = (np.cumsum(no) - no / 2)[place] / count[0]
        beaten_by = (count[1] - np.cumsum(yes) + yes / 2)[place] / count[1]
        won = np.where(positive, beaten, beaten_by)
        whole = count * np.maximum(count - 1, 1)
        shares += (won - beaten[positive].mean()) / np.sqrt(whole)[positive.astype(int)]
    return shares / known if known else np.full(len(truth), np.nan)


def _auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney)."""
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = ranks[truth].sum() - positive * (positive + 1) / 2
    return float(area / (positive * negative))


def _r2(y: np.ndarray, p: np.ndarray) -> float:
    spread = np.square(y - y.mean(axis=0)).sum()
    return float(1 - np.square(y - p).sum() / spread) if spread else float("nan")
