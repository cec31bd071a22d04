"""The rows that a dry run's report says would be attached, each with the campaign that the report shows it on."""

import csv
from collections.abc import Iterable, Iterator

from agentmessage.csv_records import UnreadableFile
from agentmessage.ids import parse_uuid
from phone_numbers.management.bulk_attach.csv_lines import Line, LineCode, bad_line
from phone_numbers.management.bulk_attach.run import HEADER
from phone_numbers.services.bulk_attach import Outcome, Row
from phone_numbers.services.locking import Seen


def previewed_lines(file: Iterable[str]) -> Iterator[Line]:
    """Return the rows to attach. Raises UnreadableFile unless the file is a report of this command."""
    reader = csv.DictReader(file)
    if tuple(reader.fieldnames or ()) != HEADER:
        raise UnreadableFile(f"is not a report of this command, which begins with {','.join(HEADER)}")
    return (_line(reader.line_num, row) for row in reader if row["outcome"] == Outcome.ATTACHED)


def _line(place: int, row: dict[str, str]) -> Line:
    number = row["number"]
    campaign_id, seen = parse_uuid(row["campaign_id"]), parse_uuid(row["previous_campaign_id"])
    if campaign_id is None or (seen is None and row["previous_campaign_id"]):
        return bad_line(place, number, LineCode.BAD_ID, "the report's campaigns must be UUIDs")
    return Line(place, number, Row(parse_uuid(number) or number, campaign_id, Seen(seen)))
