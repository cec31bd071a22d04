"""Dates and times that can be sorted and compared with a log: ISO 8601, to the second, with the zone."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s T"
