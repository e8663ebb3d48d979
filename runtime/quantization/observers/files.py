"""Statistics in YAML, keyed by the names of modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.quantization.observers.statistics import Statistics

VERSION = 1


def save_statistics(statistics: Mapping[str, Statistics], path: str | Path) -> None:
    """Writes what calibration has seen; `load_statistics` returns the very same."""
    plain = {"version": VERSION, "statistics": {name: statistics[name].to_plain() for name in sorted(statistics)}}
    yaml = _yaml()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    Path(path).write_text(yaml.dump(plain, Dumper=dumper, sort_keys=False, default_flow_style=None, width=120))


def load_statistics(path: str | Path) -> dict[str, Statistics]:
    """Reads what `save_statistics` wrote."""
    yaml = _yaml()
    plain = yaml.load(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(plain, dict) or plain.get("version") != VERSION or not isinstance(plain.get("statistics"), dict):
        raise ValueError(f"{path} is not a statistics file: expected 'version: {VERSION}' and 'statistics:' by module")
    loaded = {}
    for name, entry in plain["statistics"].items():
        try:
            loaded[name] = Statistics.from_plain(entry)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: the statistics of {name!r} are damaged: {error!r}") from error
    return loaded


def _yaml() -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("statistics are kept as YAML, which needs PyYAML: pip install pyyaml") from error
    return yaml
