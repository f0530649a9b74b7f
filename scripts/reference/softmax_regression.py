"""Writes what scikit-learn makes of small training sets: tests/fixtures/softmax-regression.json.

The tests compare the heads that src/training trains with it. Needs numpy and scikit-learn:

    python scripts/reference/softmax_regression.py tests/fixtures/softmax-regression.json
    npx biome format --write tests/fixtures/softmax-regression.json
"""

import argparse
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight


def rounded(values: np.ndarray) -> list:
    """As the float32 they are in the tests, written short."""
    return [float(f"{value:.9g}") for value in np.float32(values).ravel()]


def case(rng: np.random.Generator, counts: list[int], size: int, l2: float, weighted: bool) -> dict:
    centres = rng.normal(size=(len(counts), size))
    labels = np.repeat(np.arange(len(counts)), counts)
    features = centres[labels] + rng.normal(size=(len(labels), size)) * rng.uniform(0.2, 3, size=size)
    features = np.float32(features * rng.uniform(0.01, 20, size=size) + rng.uniform(-5, 5, size=size))
    # The same in all rows: its deviation is 0.
    features[:, 1] = 0.75
    scaler = StandardScaler().fit(features.astype(np.float64))
    standard = scaler.transform(features.astype(np.float64))
    weights = compute_sample_weight("balanced", labels) if weighted else np.ones(len(labels))
    # Ours is the mean loss + l2 / 2 x squares; scikit-learn's is C x the sum of losses + 1 / 2 x squares.
    model = LogisticRegression(C=1 / (l2 * weights.sum()), tol=1e-10, max_iter=10_000)
    model.fit(standard, labels, sample_weight=weights)
    coefficients, intercept = model.coef_, model.intercept_
    if len(counts) == 2:
        # One row of coefficients for two classes is a softmax of -w/2 and w/2 only if the penalty is that of both rows.
        model = LogisticRegression(C=2 / (l2 * weights.sum()), tol=1e-10, max_iter=10_000)
        model.fit(standard, labels, sample_weight=weights)
        coefficients = np.concatenate([-model.coef_, model.coef_]) / 2
        intercept = np.concatenate([-model.intercept_, model.intercept_]) / 2
    coefficients[:, 1] = 0
    logits = standard @ coefficients.T + intercept
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    plain = coefficients / scaler.scale_
    return {
        "size": size,
        "classes": len(counts),
        "l2": l2,
        "weighted": weighted,
        "features": rounded(features),
        "labels": labels.tolist(),
        "weights": [float(f"{value:.9g}") for value in plain.ravel()],
        "probabilities": [float(f"{value:.9g}") for value in probabilities.ravel()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    rng = np.random.default_rng(17)
    cases = [
        case(rng, [14, 14], 6, 0.1, False),
        case(rng, [12, 15, 9], 5, 0.003, False),
        case(rng, [4, 25, 9], 8, 0.03, True),
    ]
    made_with = {"numpy": np.__version__, "scikit_learn": sklearn.__version__}
    output.write_text(json.dumps({"made_with": made_with, "cases": cases}))


if __name__ == "__main__":
    main()
