"""The statements about devices."""

from __future__ import annotations

from sqlalchemy import delete, select

from trimtab_service.domain.device import Device
from trimtab_service.domain.errors import DeviceNotFound
from trimtab_service.store.clock import now
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import devices


class Devices(Scope):
    """The statements about devices."""

    def devices(self) -> tuple[Device, ...]:
        """All devices of the project, by name."""
        found = self.connection.execute(select(devices).where(self.own(devices)).order_by(devices.c.name))
        return tuple(Device(row.name, row.limits) for row in found)

    def device(self, name: str) -> Device:
        """The device of this name. Raises DeviceNotFound."""
        row = self.connection.execute(select(devices).where(self.own(devices), devices.c.name == name)).one_or_none()
        if row is None:
            raise DeviceNotFound(f"there is no device {name!r}")
        return Device(row.name, row.limits)

    def save_device(self, device: Device) -> None:
        """Keep the device, in place of one of the same name."""
        statement = self.upsert(devices).values(
            project_id=self.project_id, name=device.name, limits=device.limits, created_at=now()
        )
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", "name"], set_={"limits": statement.excluded.limits}
            )
        )

    def delete_device(self, name: str) -> None:
        """Delete the device; what was told of it stays. Raises DeviceNotFound."""
        gone = self.connection.execute(delete(devices).where(self.own(devices), devices.c.name == name))
        if gone.rowcount == 0:
            raise DeviceNotFound(f"there is no device {name!r}")
