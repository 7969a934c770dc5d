import keras
import pytest

from fer_keras import devices


def test_auto_precision_is_float32_without_an_accelerator(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", lambda: [])
    assert devices.resolve_precision("auto") == "float32"
    assert devices.resolve_precision("mixed_float16") == "mixed_float16"


@pytest.mark.parametrize(("capability", "expected"), [((9, 0), "mixed_bfloat16"), ((7, 5), "float32")])
def test_auto_precision_follows_the_weakest_gpu(monkeypatch, capability, expected):
    import tensorflow as tf

    monkeypatch.setattr(devices, "accelerators", lambda: ["a", "b"])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [(9, 0), capability])
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu, "device_name": "x"}
    )
    assert devices.resolve_precision("auto") == expected


def test_the_dtype_policy_is_put_back():
    before = keras.config.dtype_policy().name
    with devices.precision("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == before
