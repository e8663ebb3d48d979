"""Classes of modules of other libraries that models derive from: besides an nn.Module, each is a set of names."""

from __future__ import annotations

# Of versions 1.5 to 2.6, without those that begin with an underscore or `on_`, which no new attribute does.
_LIGHTNING = frozenset(
    "CHECKPOINT_HYPER_PARAMS_KEY CHECKPOINT_HYPER_PARAMS_NAME CHECKPOINT_HYPER_PARAMS_TYPE all_gather "
    "allow_zero_length_dataloader_with_multiple_devices automatic_optimization backward clip_gradients "
    "configure_callbacks configure_gradient_clipping configure_model configure_optimizers configure_sharded_model "
    "current_epoch datamodule device device_mesh dtype example_input_array fabric freeze get_from_queue add_to_queue "
    "get_progress_bar_dict global_rank global_step grad_norm hparams hparams_initial load_from_checkpoint "
    "loaded_optimizer_states_dict local_rank log log_dict log_grad_norm logger loggers lr_scheduler_step lr_schedulers "
    "manual_backward model_size optimizer_step optimizer_zero_grad optimizers precision predict_dataloader "
    "predict_step prepare_data prepare_data_per_node print remove_ignored_hparams save_hyperparameters setup "
    "strict_loading summarize tbptt_split_batch teardown test_dataloader test_epoch_end test_step test_step_end "
    "to_onnx to_tensorrt to_torchscript toggle_optimizer toggled_optimizer train_dataloader trainer training_epoch_end "
    "training_step training_step_end transfer_batch_to_device truncated_bptt_steps unfreeze untoggle_optimizer "
    "use_amp val_dataloader validation_epoch_end validation_step validation_step_end".split()
)
# Of mmengine's, and of mmcv's before it; what initializes the weights goes through modules by the names of layers.
_OF_MMENGINE = frozenset({"init_cfg", "init_weights", "is_init"})
_HOMES = ("lightning", "lightning.pytorch", "pytorch_lightning")
_NAMES = {
    f"{home}{place}.LightningModule": _LIGHTNING
    for home in _HOMES
    for place in ("", ".core", ".core.module", ".core.lightning")
} | {
    f"{home}{place}.BaseModule": _OF_MMENGINE
    for home in ("mmengine.model", "mmcv.runner")
    for place in ("", ".base_module")
}

_HUB = frozenset({"from_pretrained", "save_pretrained", "push_to_hub", "generate_model_card"})
_NOTING = {
    f"huggingface_hub{place}.{name}": _HUB
    for place in ("", ".hub_mixin")
    for name in ("ModelHubMixin", "PyTorchModelHubMixin")
}
# What it saves it finds in the frames of all constructors that are running, by the names that they have there.
_HYPERPARAMETERS = frozenset({"hparams", "hparams_initial", "save_hyperparameters", "remove_ignored_hparams"})
_MIXED_IN = _NOTING | {
    f"{home}.core.mixins{place}.HyperparametersMixin": _HYPERPARAMETERS
    for home in ("lightning.pytorch", "pytorch_lightning")
    for place in ("", ".hparams_mixin")
}


def names_of_base(full_name: str) -> frozenset[str] | None:
    """The attributes of a class that is an nn.Module and nothing else that a new module could disturb."""
    return _NAMES.get(full_name)


def names_mixed_in(full_name: str) -> frozenset[str] | None:
    """The attributes of a class that is mixed in beside nn.Module."""
    return _MIXED_IN.get(full_name)


def notes_arguments(full_name: str) -> bool:
    """Whether such a class notes what an `__init__` is given, by the names of its parameters."""
    return full_name in _NOTING
