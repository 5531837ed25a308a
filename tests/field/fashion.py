"""Cases 40 to 47: Fashion-MNIST as people have it, labels, and trainings, and what is right."""

from tests.field.expected import (
    PHOTO_MODEL,
    TINY_TRAINING,
    Expected,
    evaluates,
    explores,
    reads,
    refuses,
    trains,
)

LAYOUTS = (
    *("torchvision/FashionMNIST/raw", "torchvision/FashionMNIST", "torchvision"),
    *("dotted", "dot-ubyte", "gz-unpacked-by-browser", "gz-still-packed", "test-named"),
    *("kaggle-folder-per-file", "keras/fashion-mnist", "upper", "mnist-hyphen-ubyte3"),
)

IDX = [
    *(explores(f"40-idx-names/{name}", train=300, test=300) for name in LAYOUTS),
    *(reads(f"40-idx-names/{name}", 600) for name in LAYOUTS if "torch" not in name),
    *(
        evaluates(f"40-idx-names/{name}", 300, says=r"\btest\b")
        for name in ("test-named", "dotted", "kaggle-folder-per-file")
    ),
]

ARRAYS = [
    explores("41-npz/fashion_mnist.npz", train=300, test=100),
    reads("41-npz/images_only.npz", 100),
    Expected(command="predict", data="41-npz/fashion_mnist.npz", rows=100, at_least=True, errors=0),
    evaluates("41-npz/fashion_mnist.npz", 100),
    refuses("predict", "41-npz/fm.pkl", "pickle", never="convert it"),
    refuses("predict", "41-npz/training.pt", "PyTorch|zip|checkpoint", never="convert it"),
    reads("43-arrays/ref.npy", 200),
    reads("43-arrays/inverted.npy", 200, says="[6-9][0-9.]+%. unknown|unknown"),
    reads("43-arrays/own_photos_naive.npy", 48),
    reads("43-arrays/png_inverted", 60),
    refuses("predict", "43-arrays/int64.npy", "int64"),
    refuses("predict", "43-arrays/float01.npy", "float32"),
    refuses("predict", "43-arrays/flat.npy", "784"),
    refuses("predict", "43-arrays/nchw.npy", r"\(200, 1, 28, 28\)"),
]

KAGGLE = [
    *(
        expected
        for name in (
            *("fashion-mnist_test.csv", "pandas_index.csv", "openml_class.csv", "pixel0.csv"),
            *("mnist_in_csv.csv", "no_header.csv", "label_last.csv", "semicolon.csv", "caps.csv"),
        )
        for expected in (
            evaluates(f"42-kaggle-csv/{name}", 120),
            reads(f"42-kaggle-csv/{name}", 120),
            explores(f"42-kaggle-csv/{name}", 120),
        )
    ),
    reads("42-kaggle-csv/no_labels.csv", 120),
    reads("42-kaggle-csv/id_no_labels.csv", 120),
    explores("42-kaggle-csv/floats.csv", 120, or_says="row.*pixel|pixel.*row"),
    refuses("explore", "42-kaggle-csv/scaled.csv", "pixel", "0 to 255|whole"),
    explores("42-kaggle-csv/fashion-mnist_test.csv.zip", 120, or_says="zip"),
    explores("42-kaggle-csv/kaggle", says="fashion-mnist_t", or_says="fashion-mnist_t"),
    explores("42-kaggle-csv/plain-names", train=120, test=120),
]

LABELS = [
    *(evaluates(f"44-labels/{name}.csv", 300) for name in ("ints", "names", "hf_names", "lower")),
    refuses(
        "evaluate", "44-labels/variants.csv", "Tshirt", "Trousers", options="fashion-mnist-tiny"
    ),
    refuses("evaluate", "44-labels/unseen.csv", "Handbag", options="fashion-mnist-tiny"),
    evaluates("44-labels/three_missing.csv", never=r"0\.0000 │ 0\.0000 │ 0\.0000 │ +0 "),
    evaluates("44-labels/only_dress.csv", never=r"0\.0000 │ 0\.0000 │ 0\.0000 │ +0 "),
    evaluates("44-labels/int-folders", 300),
    evaluates("44-labels/slash-free", 300, or_says="T-shirt_top.*T-shirt/top"),
    explores("45-png-digits/data", train=150, test=150),
    evaluates("45-png-digits/data", 150),
]

TRAINING = [
    trains("47-train/tiny", 30),
    refuses("train", "47-train/one-class", "class", "Dress", options=" ".join(TINY_TRAINING)),
    trains("47-train/drift", or_says="Outwear|Outerwear"),
    Expected(command="train", data="47-train/black", options=TINY_TRAINING, codes=(0, 2)),
    Expected(
        command="train",
        data="47-train/fm/small_train.csv",
        options=("--epochs", "1", "--recipe", "tiny", "--set", "precision=float32"),
        rows=3000,
    ),
    refuses("evaluate", "47-train/tiny", "28x28|resized|labels", options="fashion-mnist-tiny"),
    evaluates("47-train/tiny", model=PHOTO_MODEL),
]

FASHION = [*IDX, *ARRAYS, *KAGGLE, *LABELS, *TRAINING]
