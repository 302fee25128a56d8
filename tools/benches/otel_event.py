"""OpenTelemetry: the CPU and bytes of one event; run by peers.py in its environment, with a directory. Prints JSON.

Measured: `Logger.emit()` of a log record with an event name and seven attributes (that is what an event is in its data
model), through a processor and an exporter, to a file flushed to the kernel; nothing is synced. Its SDK has no queue on
disk. The cheapest that ends up on disk is the figure to compare with: its default batches (512 events, queue of 2048)
in its protobuf form. Batches of 512 are what a tight loop fills; at an event every 10 s and the default delay of 1 s
each event is a batch of its own, as in "one by one". Chosen in its favour: only a service name as resource, no
severity, no body, no span. Not measured: sending, and what a power cut loses from the batch in memory.

Denied: nothing built in asks for a consent. Measured is its switch for a logger (in memory, set by the program, still
experimental: private names in Python), a processor that drops, and a span under the sampler ALWAYS_OFF.
"""

import importlib.metadata
import json
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk._logs._internal import _LoggerConfig
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from peers import EVENT, EVENTS, RUNS, measured, nothing, one_core, stored

NAME = "improvement_program"
RESOURCE = Resource({"service.name": "printer"})
LENGTH = struct.Struct("<I")


class ProtobufFile(LogRecordExporter):
    """Each batch in its protobuf form, after its length in 4 bytes: the least that a file needs around it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        form = encode_logs(batch).SerializeToString()
        self._file.write(LENGTH.pack(len(form)) + form)
        self._file.flush()
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


class Dropping(LogRecordProcessor):
    """Forwards while it may: what an integrator can build on public names."""

    def __init__(self, after: LogRecordProcessor, allowed: bool) -> None:
        self._after, self._allowed = after, allowed

    def on_emit(self, log_record: object) -> None:
        if self._allowed:
            self._after.on_emit(log_record)

    def shutdown(self) -> None:
        self._after.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._after.force_flush(timeout_millis)


def main() -> None:
    one_core()
    directory = Path(sys.argv[1])
    batches, single, lines = (directory / name for name in ("batches.pb", "single.pb", "lines.json"))
    recorded = logged("batches of 512, protobuf file", BatchLogRecordProcessor(ProtobufFile(batches)))
    recorded = stored(recorded, batches, protobuf(batches))
    one = logged("one by one, protobuf file", SimpleLogRecordProcessor(ProtobufFile(single)))
    file = logged("batches of 512, its JSON file exporter", BatchLogRecordProcessor(FileLogExporter(lines)))
    memory = InMemoryLogRecordExporter()
    held = logged("batches of 512, memory only", BatchLogRecordProcessor(memory)) | {"bytes": 0}
    count(held["way"], len(memory.get_finished_logs()), (RUNS + 1) * EVENTS)
    others = [stored(one, single, protobuf(single)), stored(file, lines, otlp_json(lines)), held]
    result = {"version": importlib.metadata.version("opentelemetry-sdk"), "recorded": recorded}
    result |= {"denied": switched_off(directory), "others": [*others, dropped(directory), unsampled()]}
    print(json.dumps(result))


def logged(way: str, processor: LogRecordProcessor, enabled: bool = True) -> dict[str, object]:
    """Time events through this processor, until it says that all are exported."""
    provider = LoggerProvider(
        RESOURCE, shutdown_on_exit=False, _logger_configurator=lambda scope: _LoggerConfig(is_enabled=enabled)
    )
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("printer")
    figures = measured(way, lambda: logger.emit(event_name=NAME, attributes=dict(EVENT)), provider.force_flush)
    provider.shutdown()
    return figures


def switched_off(directory: Path) -> dict[str, object]:
    place = directory / "off"
    place.mkdir()
    processor = BatchLogRecordProcessor(ProtobufFile(place / "off.pb"))
    return nothing(logged("denied: logger switched off", processor, enabled=False), place)


def dropped(directory: Path) -> dict[str, object]:
    place = directory / "dropped"
    place.mkdir()
    processor = Dropping(BatchLogRecordProcessor(ProtobufFile(place / "dropped.pb")), allowed=False)
    return nothing(logged("denied: a processor drops it", processor), place)


def unsampled() -> dict[str, object]:
    """A span that the sampler refuses; under ALWAYS_ON the same program does export, else it would prove nothing."""
    record, seen = spans(ALWAYS_ON)
    record()
    count("a span under ALWAYS_ON", seen(), 1)
    record, seen = spans(ALWAYS_OFF)
    figures = measured("denied: span under ALWAYS_OFF", record, lambda: None)
    count(figures["way"], seen(), 0)
    return figures | {"bytes": 0}


def spans(sampler: Sampler) -> tuple[Callable[[], None], Callable[[], int]]:
    """(record one event as a span, how many were exported)."""
    provider, memory = TracerProvider(sampler, RESOURCE, shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("printer")
    return (
        lambda: tracer.start_span(NAME, attributes=dict(EVENT)).end(),
        lambda: len(memory.get_finished_spans()),
    )


def count(way: object, found: int, expected: int) -> None:
    if found != expected:
        sys.exit(f"{way}: {found} events were exported, not {expected}; find out why")


def protobuf(path: Path) -> list[dict[str, object]]:
    """The events in a file that ProtobufFile wrote."""
    form, events = path.read_bytes(), []
    while form:
        (length,) = LENGTH.unpack_from(form)
        end = LENGTH.size + length
        events += plain(MessageToDict(ExportLogsServiceRequest.FromString(form[LENGTH.size : end])))
        form = form[end:]
    return events


def otlp_json(path: Path) -> list[dict[str, object]]:
    """The events in a file that FileLogExporter wrote."""
    return [event for line in path.read_text().splitlines() for event in plain(json.loads(line))]


def plain(request: dict) -> list[dict[str, object]]:
    """The events of one request in OTLP's JSON form, where integers are text."""
    events = []
    for resource in request["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                values = {one["key"]: one["value"] for one in record["attributes"]}
                events.append({name: of.get("stringValue") or int(of["intValue"]) for name, of in values.items()})
    return events


if __name__ == "__main__":
    main()
