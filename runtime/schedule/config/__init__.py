"""Schedules out of YAML files."""

from runtime.schedule.config.build import component_from_file, dict_config, file_config
from runtime.schedule.config.document import ScheduleError

__all__ = ["ScheduleError", "component_from_file", "dict_config", "file_config"]
