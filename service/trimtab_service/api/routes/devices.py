"""Routes of devices: named limits that any study can be asked about."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from trimtab_service.api.beside_trials import DeviceOut, DeviceRequest, DevicesOut
from trimtab_service.api.deps import ChangeDep, DeviceName, LookDep, send
from trimtab_service.api.openapi import CHANGE, LOOK
from trimtab_service.usecases import devices

router = APIRouter(prefix="/v1/devices", tags=["devices"])


@router.get("", summary="List devices", responses=LOOK)
def list_devices(look: LookDep) -> DevicesOut:
    """All devices, by name."""
    return DevicesOut(items=[DeviceOut.of(device) for device in devices.every(look.rooms, look.caller)])


@router.post(
    "",
    status_code=201,
    response_model=DeviceOut,
    summary="Make a device",
    responses=CHANGE | {200: {"model": DeviceOut, "description": "The device was there already, or was replaced"}},
)
def save_device(body: DeviceRequest, change: ChangeDep) -> Response:
    """The device; 409 device_conflict when there is another of this name, unless it is to be replaced."""
    once = change.once(201, lambda device: DeviceOut.of(device).to_json())
    return send(devices.save(change.rooms, change.caller, body.name, body.limits, once, replace=body.replace))


@router.get("/{name}", summary="Look at a device", responses=LOOK)
def get_device(name: DeviceName, look: LookDep) -> DeviceOut:
    """The device of this name."""
    return DeviceOut.of(devices.get(look.rooms, look.caller, name))


@router.delete("/{name}", status_code=204, summary="Delete a device", responses=CHANGE)
def delete_device(name: DeviceName, change: ChangeDep) -> Response:
    """What was measured on it stays."""
    return send(devices.delete(change.rooms, change.caller, name, change.once(204, lambda _: None)))
