"""Apps out of long-running processes: flows decide, works do, state flows as deltas."""

# The layout, from the inside out. Imports go one way, towards the start of this list.
#
# errors      every exception, by whose fault it is
# moving      what programs of the predecessor say and nothing comes of
# state       values, paths, deltas, the state tree: plain data, no thread, socket or clock
# component   what users subclass: Component, Flow, Work, structures, status, calls
# protocol    what a work and a flow owe each other, as state machines: plain data again
# wire        protobuf <-> state and protocol; errors <-> status codes
# runtime     what drives them: the app's loop, the work's process, launchers, logs
# server      the gRPC services
# execution   what runs an app, put together: tree, loop, server, processes, logs
# terminal    what a person sees of a running app
# app         App, the tree of components that is run
# core, structures   names where people import them from
# cli         lightgrid flow | work | ps | logs | state

from lightgrid import structures
from lightgrid.app import App
from lightgrid.component.command_work import CommandWork, ExternalWork
from lightgrid.component.flow import Flow
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
