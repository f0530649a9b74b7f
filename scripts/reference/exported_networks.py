"""Networks as three exporters write them, for tests/e2e/exported.test.ts.

Each is trained on scikit-learn's digits of 8x8 pixels (Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI
Machine Learning Repository 1998, CC BY 4.0), and written with its own answers to a few digits that it was not trained on:

  torch        a convolutional network, by torch.onnx.export (2.9 and newer: weights in a file beside it)
  tensorflow   one of Keras, by tf2onnx (NHWC, softmax)
  sklearn      a multilayer perceptron and a logistic regression, by skl2onnx (flat, ZipMap)

Example: python scripts/reference/exported_networks.py torch --out tests/fixtures/exported
One exporter a run, because they want different packages: scikit-learn, and torch with onnxscript, tensorflow with tf2onnx, or skl2onnx.
"""

import argparse
import base64
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PICTURES = 400
ANSWERS = 5
X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)
HELD_OUT = np.arange(len(Y)) % 3 == 0


def torch_network(out: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(1)
    x, y = torch.tensor(X.reshape(-1, 1, 8, 8) / 16), torch.tensor(Y)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    train = torch.tensor(~HELD_OUT)
    for _ in range(60):
        for batch in torch.randperm(int(train.sum())).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[train][batch]), y[train][batch]).backward()
            optimiser.step()
    model.eval()
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(model, (x[:2],), out / "torch.onnx", dynamic_shapes=shapes, external_data=True)
    with torch.no_grad():
        write_answers(out / "torch.json", torch.softmax(model(x[~train]), 1).numpy(), f"torch {torch.__version__}")


def tensorflow_network(out: Path) -> None:
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(1)
    x = X.reshape(-1, 8, 8, 1) / 16
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[~HELD_OUT], Y[~HELD_OUT], epochs=25, batch_size=32, verbose=0)
    signature = [tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image")]
    function = tf.function(lambda image: model(image, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(out / "tf2onnx.onnx"))
    write_answers(out / "tf2onnx.json", model.predict(x[HELD_OUT], verbose=0), f"tf2onnx {tf2onnx.__version__}")


def sklearn_networks(out: Path) -> None:
    import skl2onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {
        "skl-perceptron": MLPClassifier((32,), max_iter=300, random_state=1),
        "skl-logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    for name, model in models.items():
        model.fit(X[~HELD_OUT], Y[~HELD_OUT])
        (out / f"{name}.onnx").write_bytes(skl2onnx.to_onnx(model, X[:1]).SerializeToString())
        write_answers(out / f"{name}.json", model.predict_proba(X[HELD_OUT]), f"skl2onnx {skl2onnx.__version__}")


def write_answers(file: Path, probabilities: np.ndarray, made_with: str) -> None:
    right = float((probabilities.argmax(1) == Y[HELD_OUT]).mean())
    answers = [[round(float(p), 6) for p in row] for row in probabilities[:ANSWERS]]
    file.write_text(json.dumps({"made_with": made_with, "right": round(right, 4), "answers": answers}) + "\n")
    print(f"{file.stem}: {100 * right:.1f} % right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = {"torch": torch_network, "tensorflow": tensorflow_network, "sklearn": sklearn_networks}
    parser.add_argument("exporter", choices=makers)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # Pixels from 0 to 16, row by row.
    digits = {
        "labels": Y[HELD_OUT][:PICTURES].tolist(),
        "pixels": base64.b64encode(X[HELD_OUT][:PICTURES].astype(np.uint8).tobytes()).decode(),
    }
    (args.out / "digits.json").write_text(json.dumps(digits) + "\n")
    makers[args.exporter](args.out)


if __name__ == "__main__":
    main()
