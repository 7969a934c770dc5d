"""Which accelerators there are and how to use them, for TensorFlow and JAX."""

from __future__ import annotations

import contextlib

import keras

from .errors import ConfigError


def accelerators() -> list[str]:
    """Names of the GPUs (or TPUs) that Keras' backend sees."""
    if keras.backend.backend() == "jax":
        import jax

        return [str(device.device_kind) for device in jax.devices() if device.platform != "cpu"]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


def leave_gpus_to_backend() -> None:
    """Keep TensorFlow off the GPUs where another backend trains on them and TensorFlow only feeds data.

    Otherwise its first operation takes nearly all of their memory
    (https://www.tensorflow.org/guide/gpu#limiting_gpu_memory_growth). To be called before that operation.
    """
    if keras.backend.backend() == "tensorflow":
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # TensorFlow has begun already and holds what it holds
        tf.config.set_visible_devices([], "GPU")


def resolve_precision(wanted: str) -> str:
    """``auto`` is bfloat16 where an accelerator gains from it (compute capability 8.0 on), else float32."""
    if wanted != "auto":
        return wanted
    if not accelerators():
        return "float32"
    if keras.backend.backend() == "jax":
        return "mixed_bfloat16"
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "mixed_bfloat16" if min(capabilities) >= (8, 0) else "float32"


def precision(policy: str):
    """Context in which layers are built under a dtype policy; then the previous one is back."""
    return _for_now(keras.config.dtype_policy, keras.config.set_dtype_policy, policy)


@contextlib.contextmanager
def _for_now(read, write, value):
    """Write a setting of Keras for the block, and then what was read before it."""
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def strategy_scope(devices: list[str] | None = None):
    """Context in which a model is built and compiled so that every visible GPU works on it.

    Args:
        devices: TensorFlow device names to mirror over; by default all GPUs when there are several.
    """
    if keras.backend.backend() == "jax":
        return _jax_scope()
    import tensorflow as tf

    if devices is None and len(tf.config.list_physical_devices("GPU")) < 2:
        return contextlib.nullcontext()
    return tf.distribute.MirroredStrategy(devices).scope()


def scope_of(model: keras.Model):
    """Context in which a model was built, for whatever is to share its variables."""
    if keras.backend.backend() == "jax":
        return _jax_scope()
    return model.distribute_strategy.scope()


def _jax_scope():
    if _jax_devices() < 2:
        return contextlib.nullcontext()
    return keras.distribution.DataParallel().scope()


def _jax_devices() -> int:
    import jax

    return len(jax.devices())


def check_batch(batch: int) -> None:
    """Refuse a batch that JAX cannot divide among its devices; TensorFlow's strategy takes any.

    Raises:
        ConfigError: it is no multiple of their number.
    """
    if keras.backend.backend() == "jax" and batch % _jax_devices():
        count = _jax_devices()
        raise ConfigError(
            f"a batch of {batch} faces cannot be divided among {count} devices",
            hint=f"Set train.batch_size to a multiple of {count}, or hide devices with CUDA_VISIBLE_DEVICES",
        )


def shared_steps():
    """Context of a call of ``fit`` in which JAX divides each batch among its devices.

    Keras looks for the distribution when it trains too, not only when it makes variables. A TensorFlow model remembers
    the strategy that it was built under.
    """
    return _jax_scope() if keras.backend.backend() == "jax" else contextlib.nullcontext()


def whole_batches():
    """Context, within :func:`shared_steps`, of batches of any size: each device computes all of them."""
    return _for_now(keras.distribution.distribution, keras.distribution.set_distribution, None)
