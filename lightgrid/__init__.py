"""Apps out of long-running processes: flows decide, works do, state flows as deltas."""

from lightgrid import structures
from lightgrid.app import App
from lightgrid.component.command_work import CommandWork, ExternalWork
from lightgrid.component.flow import Flow
from lightgrid.component.resources import Resources
from lightgrid.component.restart import Restart
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.component.structures import Dict, List
from lightgrid.component.work import Work
from lightgrid.errors import (
    ComponentError,
    LightgridError,
    UndeclaredAttributeError,
    UnsupportedValueError,
    WorkStopped,
)
from lightgrid.moving.cloud import BuildConfig, CloudCompute
from lightgrid.runtime.options import RunOptions
from lightgrid.state.deepdiff_form import Delta

#: The names of the framework that lightgrid replaces.
LightningApp = App
LightningFlow = Flow
LightningWork = Work
WorkStageStatus = WorkStage

__version__ = "0.1.0"

__all__ = [
    "App",
    "BuildConfig",
    "CloudCompute",
    "CommandWork",
    "ComponentError",
    "Delta",
    "Dict",
    "ExternalWork",
    "Flow",
    "LightgridError",
    "LightningApp",
    "LightningFlow",
    "LightningWork",
    "List",
    "Resources",
    "Restart",
    "RunOptions",
    "StatusReason",
    "UndeclaredAttributeError",
    "UnsupportedValueError",
    "Work",
    "WorkStage",
    "WorkStageStatus",
    "WorkStatus",
    "WorkStopped",
    "structures",
]
