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


@pytest.mark.parametrize(("backend", "expected"), [("jax", [([], "GPU")]), ("tensorflow", [])])
def test_tensorflow_leaves_gpus_to_another_backend(monkeypatch, backend, expected):
    import tensorflow as tf

    calls = []
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *given: calls.append(given))
    devices.leave_gpus_to_backend()
    assert calls == expected


def test_a_tensorflow_that_has_begun_keeps_its_gpus(monkeypatch):
    import tensorflow as tf

    def refuse(*_):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    devices.leave_gpus_to_backend()
