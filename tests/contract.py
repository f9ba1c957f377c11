"""The modules of the contract: one for each proto that has messages, enums or services."""

from lightgrid_protos.v1 import (
    delta_pb2,
    delta_service_pb2,
    errors_pb2,
    state_service_pb2,
    value_pb2,
    work_service_pb2,
)

MODULES = [
    delta_pb2,
    delta_service_pb2,
    errors_pb2,
    state_service_pb2,
    value_pb2,
    work_service_pb2,
]
