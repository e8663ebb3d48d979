"""The modules that stand in a model after post-training quantization; `base` says what they let others rely on."""
