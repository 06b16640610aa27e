"""The clusters' alarms in memory."""

from collections.abc import Sequence

from lifecycle.domain.monitoring.alarms import Alarm, cluster_of_alarm


class MemoryAlarms:
    """Alarms by name, as in CloudWatch; other alarms of the account may be among them."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}

    def put(self, alarm: Alarm) -> None:
        self._alarms[alarm.name] = alarm

    def named(self, names: Sequence[str]) -> Sequence[Alarm]:
        return [alarm for name, alarm in self._alarms.items() if name in names and cluster_of_alarm(name)]

    def ringing(self) -> Sequence[Alarm]:
        return [alarm for name, alarm in self._alarms.items() if alarm.ringing and cluster_of_alarm(name)]
