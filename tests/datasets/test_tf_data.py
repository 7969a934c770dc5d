import numpy as np
import pytest

from fer_keras.errors import InputError


def rows(dataset):
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def test_every_face_once_in_order_unless_it_is_for_training(tiny_dataset):
    split = tiny_dataset.splits["validation"]
    batches = rows(tiny_dataset.as_dataset("validation", batch_size=4))
    assert [len(labels) for _, labels in batches] == [4, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), split.images.astype(np.float32))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), split.labels)
    train = tiny_dataset.as_dataset("train", batch_size=42)
    (first, _), (second, labels) = rows(train)[0], rows(train)[0]
    assert not np.array_equal(first, second)
    assert sorted(labels) == sorted(tiny_dataset.splits["train"].labels)
    assert train.element_spec[0].shape.as_list() == [None, 48, 48, 1]


def test_categorical_labels(tiny_dataset):
    (_, labels), *_ = rows(tiny_dataset.as_dataset("test", batch_size=14, label_mode="categorical"))
    np.testing.assert_array_equal(labels.argmax(axis=1), tiny_dataset.splits["test"].labels)
    assert labels.shape == (14, 7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "val"}, "unknown split"),
        ({"batch_size": 0}, "too small"),
        ({"label_mode": "x"}, "unknown label_mode"),
    ],
)
def test_wrong_options(tiny_dataset, options, words):
    with pytest.raises(InputError, match=words):
        tiny_dataset.as_dataset(**options)
