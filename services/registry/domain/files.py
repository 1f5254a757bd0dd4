"""Reading reference files, as every loader does."""

from libs.common.files import BadFile, Mistake, Reading, Row, csv_rows, json_rows, told, toml_tables

__all__ = ["BadFile", "Mistake", "Reading", "Row", "csv_rows", "json_rows", "told", "toml_tables"]
