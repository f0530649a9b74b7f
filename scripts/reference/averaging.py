"""Writes what NumPy and SciPy make of several answers about one picture: tests/fixtures/averaging.json.

The tests compare src/core/scores/averaging.ts with it. Needs numpy and scipy:

    python scripts/reference/averaging.py tests/fixtures/averaging.json
    npx biome format --write tests/fixtures/averaging.json
"""

import argparse
import json
from pathlib import Path

import numpy as np
import scipy
from scipy.special import log_softmax, softmax
from scipy.stats import entropy, gmean

FLOOR = np.finfo(np.float32).tiny


def logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, FLOOR))


def rounded(values: np.ndarray) -> list:
    """Inputs as the float32 they are in the tests, written short."""
    return [float(f"{value:.9g}") for value in np.float32(values).ravel()]


def views(rng: np.random.Generator, kind: str, rows: int, classes: int, scale: float) -> dict:
    """One network's answers to several views, and their means."""
    scores = np.float32(rng.normal(0, scale, (rows, classes)))
    if kind == "probabilities":
        scores = np.float32(softmax(scores.astype(np.float64), axis=1))
    weights = rng.integers(1, 5, rows)
    exact = scores.astype(np.float64)
    each = softmax(exact, axis=1) if kind == "logits" else exact
    mean_logits = np.average(exact if kind == "logits" else logs(exact), axis=0, weights=weights)
    return {
        "kind": kind,
        "classes": classes,
        "scores": rounded(scores),
        "weights": weights.tolist(),
        "probabilities": np.average(each, axis=0, weights=weights).tolist(),
        "averaged_as_logits": softmax(mean_logits).tolist(),
        "log_softmax_of_mean": log_softmax(mean_logits).tolist(),
    }


def ensemble(rng: np.random.Generator, sizes: list[int], classes: int, scale: float) -> dict:
    """Networks with so many views each, views averaged as probabilities, and what they answer together."""
    members = [views(rng, "logits" if i % 2 == 0 else "probabilities", n, classes, scale) for i, n in enumerate(sizes)]
    weights = np.round(rng.uniform(0.5, 3, len(sizes)), 3)
    shares = weights / weights.sum()
    p = np.array([member["probabilities"] for member in members])
    mean_logits = np.array([member["log_softmax_of_mean"] for member in members])
    geometric = gmean(np.maximum(p, FLOOR), axis=0, weights=np.broadcast_to(shares[:, None], p.shape))
    vote = np.zeros(classes)
    np.add.at(vote, p.argmax(axis=1), shares)
    mean = shares @ p
    order = sorted(range(classes), key=lambda c: (-np.float32(vote[c]), -mean[c]))
    winner = int(mean.argmax())
    return {
        "members": members,
        "weights": weights.tolist(),
        "combined": {
            "probabilities": mean.tolist(),
            "logits": softmax(shares @ mean_logits).tolist(),
            "geometric": (geometric / geometric.sum()).tolist(),
            "vote": vote.tolist(),
        },
        "vote_order": order,
        "winner": winner,
        "votes": int((p.argmax(axis=1) == winner).sum()),
        # Lin's definition, by SciPy's entropy (which normalises, so float32 rounding cancels).
        "jensen_shannon": float(entropy(mean, base=2) - shares @ entropy(p, base=2, axis=1)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    rng = np.random.default_rng(1991)
    fixture = {
        "how": f"numpy {np.__version__}, scipy {scipy.__version__}, scripts/reference/averaging.py",
        "ensembles": [
            ensemble(rng, [1, 1, 1], 4, 2),
            ensemble(rng, [3, 2, 4, 1, 2], 6, 3),
            # Logits so far apart that some probabilities are 0 in float32.
            ensemble(rng, [2, 3], 5, 60),
        ],
    }
    out.write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main()
