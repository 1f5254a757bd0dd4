"""XLSX read as a stream: one pass of a parser that refuses entities, one line in memory at a time.

Only what values need is opened: the list of sheets, number formats, the table of texts, the sheets. Formulas are never
computed: the value that the spreadsheet program stored is read. Links to other files are not followed, drawings,
macros and everything else not looked at.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from defusedxml.expatreader import create_parser
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from libs.common.sheets.container import open_zip
from libs.common.sheets.merging import Merge, Merging, find_merges
from libs.common.sheets.model import BadBook, Limits, Line, Sheet
from libs.common.sheets.xlsx_lines import Formats, LineHandler

__all__ = ["Xlsx", "open_xlsx"]

CHUNK_BYTES = 64 * 1024
FOLDER = "xl"
WORKBOOK = f"{FOLDER}/workbook.xml"
RELATIONS = f"{FOLDER}/_rels/workbook.xml.rels"
EXTERNAL = f"{FOLDER}/externalLinks/"
BROKEN = (ParseError, SAXException, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError)
"""What reading a ZIP and XML that somebody damaged raises."""
DATE_FORMATS_OF_EAST_ASIA = frozenset((*range(27, 37), *range(50, 59)))
ESCAPED_RETURN = re.compile("_x000[dD]_")


@dataclass(frozen=True)
class Xlsx:
    """An opened workbook."""

    opened: zipfile.ZipFile
    sheets: tuple[Sheet, ...]
    parts: tuple[str, ...]
    texts: list[str]
    formats: Formats
    limits: Limits
    has_links: bool
    format: str = "xlsx"

    def lines(self, sheet: int) -> Iterator[Line]:
        """Read a sheet; raises BadBook."""
        part = self.parts[sheet]
        merges = self._merges(part)
        handler = LineHandler(self.texts, self.formats, self.limits)
        merging = Merging(merges)
        for line in _parsed(self.opened, part, handler, self.limits.inflated_bytes):
            yield merging.fill(line)
        if handler.merges != len(merges):
            # Written so that the quick search did not find it, which no spreadsheet program does.
            raise BadBook("file_broken", part=part)

    def _merges(self, part: str) -> list[Merge]:
        try:
            with self.opened.open(part) as stream:
                return find_merges(iter(lambda: stream.read(CHUNK_BYTES), b""), self.limits)
        except BROKEN as error:
            raise BadBook("file_broken", part=part) from error


def open_xlsx(content: bytes, limits: Limits) -> Xlsx:
    """Open a workbook; raises BadBook."""
    opened = open_zip(content, limits)
    workbook, relations = _small(opened, WORKBOOK, limits), _small(opened, RELATIONS, limits)
    targets = {
        each.get("Id", ""): (each.get("Type", "").rpartition("/")[2], _part(each.get("Target", "")))
        for each in relations
        if each.get("TargetMode") != "External"
    }
    by_kind = {kind: part for kind, part in targets.values() if part in opened.namelist()}
    found = [
        (Sheet(each.get("name", ""), each.get("state", "visible") != "visible"), targets[relation][1])
        for each in _named(workbook, "sheet")
        if (relation := _relation(each)) in targets and targets[relation][0] == "worksheet"
    ]
    if not found or len(found) > limits.sheets:
        raise BadBook("file_sheets", found=len(found), limit=limits.sheets)
    since_1904 = any(each.get("date1904") in ("1", "true") for each in _named(workbook, "workbookPr"))
    days = _day_styles(_small(opened, by_kind["styles"], limits)) if "styles" in by_kind else frozenset[int]()
    return Xlsx(
        opened=opened,
        sheets=tuple(sheet for sheet, _ in found),
        parts=tuple(part for _, part in found),
        texts=_texts(opened, by_kind["sharedStrings"], limits) if "sharedStrings" in by_kind else [],
        formats=Formats(days, since_1904),
        limits=limits,
        has_links=any(name.startswith(EXTERNAL) for name in opened.namelist()),
    )


def _part(target: str) -> str:
    """Give the part that a relation of the workbook names."""
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{FOLDER}/{target}")


def _small(opened: zipfile.ZipFile, part: str, limits: Limits) -> Element:
    """Read a part that is small in every honest file; raises BadBook."""
    try:
        with opened.open(part) as stream:
            text = stream.read(limits.part_bytes + 1)
        if len(text) > limits.part_bytes:
            raise BadBook("file_bomb", part=part, limit=f"{limits.part_bytes // 1024**2} MiB")
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadBook("file_entities", part=part) from error
    except BROKEN as error:
        raise BadBook("file_broken", part=part) from error
    return root


def _named(root: Element, name: str) -> Iterator[Element]:
    """Find elements by their name in whatever namespace: the strict format has others than the usual one."""
    return (each for each in root.iter() if each.tag.rpartition("}")[2] == name)


def _relation(sheet: Element) -> str:
    return next((value for key, value in sheet.attrib.items() if key.rpartition("}")[2] == "id"), "")


def _day_styles(root: Element) -> frozenset[int]:
    """Give the numbers of the styles that show a number as a day."""
    codes = {each.get("numFmtId", ""): each.get("formatCode", "") for each in _named(root, "numFmt")}
    styles = next(_named(root, "cellXfs"), None)
    return frozenset(
        index
        for index, style in enumerate(styles if styles is not None else ())
        if _shows_a_day(style.get("numFmtId", "0"), codes)
    )


def _shows_a_day(number: str, codes: dict[str, str]) -> bool:
    if number in codes:
        return bool(is_date_format(codes[number]))
    if not number.isdecimal():
        return False
    return int(number) in DATE_FORMATS_OF_EAST_ASIA or bool(is_date_format(BUILTIN_FORMATS.get(int(number))))


def _texts(opened: zipfile.ZipFile, part: str, limits: Limits) -> list[str]:
    handler = _TextHandler(limits)
    for _ in _parsed(opened, part, handler, limits.text_bytes):
        pass
    return handler.texts


def _parsed(
    opened: zipfile.ZipFile, part: str, handler: "LineHandler | _TextHandler", limit_bytes: int
) -> Iterator[Line]:
    """Feed a part to a handler, giving the lines as they are complete; raises BadBook."""
    parser = create_parser(forbid_dtd=True)
    parser.setContentHandler(handler)
    read = 0
    try:
        with opened.open(part) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                read += len(chunk)
                if read > limit_bytes:
                    raise BadBook("file_bomb", part=part, limit=f"{limit_bytes // 1024**2} MiB")
                parser.feed(chunk)
                yield from handler.taken()
        parser.close()
        yield from handler.taken()
    except DefusedXmlException as error:
        raise BadBook("file_entities", part=part) from error
    except BROKEN as error:
        raise BadBook("file_broken", part=part) from error


class _TextHandler(ContentHandler):
    """The table of texts, to which cells refer by number; readings of East Asian texts are left out."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._limits = limits
        self._pieces: list[str] = []
        self._size = 0
        self._in_text = self._in_reading = False

    def taken(self) -> Iterator[Line]:
        """Give no line: there is none here."""
        return iter(())

    def startElement(self, name: str, attrs: Any) -> None:
        match name.rpartition(":")[2]:
            case "t":
                self._in_text = not self._in_reading
            case "rPh":
                self._in_reading = True

    def endElement(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "t":
                self._in_text = False
            case "rPh":
                self._in_reading = False
            case "si":
                self.texts.append(ESCAPED_RETURN.sub("", "".join(self._pieces)))
                self._pieces.clear()
                self._size = 0

    def characters(self, content: str) -> None:
        if not self._in_text:
            return
        self._size += len(content)
        if self._size > self._limits.cell_characters:
            raise BadBook("file_cell_too_long", limit=self._limits.cell_characters)
        self._pieces.append(content)
