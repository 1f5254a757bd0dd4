"""What kind of file was sent, told by its bytes; a ZIP's directory is judged before anything in it is unpacked."""

import zipfile
from io import BytesIO
from typing import Literal

from libs.common.sheets.model import BadBook, Limits

__all__ = ["Format", "open_zip", "recognise"]

Format = Literal["xlsx", "csv"]

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
OLD_EXCEL = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))
SIGNATURES = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b": "gzip",
}
LOOKED_AT_BYTES = 4096
WORKBOOK = "xl/workbook.xml"
OTHER_ZIPS = {
    "xl/workbook.bin": "XLSB",
    "word/document.xml": "DOCX",
    "content.xml": "ODS",
    "ppt/presentation.xml": "PPTX",
}
NESTED = (".zip", ".xlsx", ".xlsm", ".xls", ".docx", ".rar", ".7z", ".gz", ".jar")
LARGE_BYTES = 1024 * 1024  # Below it a ratio says nothing: blank lines and styles of a small book shrink a lot.


def recognise(content: bytes) -> Format:
    """Tell what a file is, whatever it is called; raises BadBook with what to do instead."""
    if not content.strip():
        raise BadBook("file_empty")
    if content.startswith(OLE):
        raise _old(content)
    if content.startswith(b"PK"):
        return "xlsx"
    for signature, name in SIGNATURES.items():
        if content.startswith(signature):
            raise BadBook("file_not_a_table", found=name)
    begin = content[:LOOKED_AT_BYTES].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if begin.startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        raise BadBook("file_not_a_table", found="HTML/XML")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadBook("file_not_utf8", line=1)
    if b"\x00" in content:
        raise BadBook("file_not_a_table", found="binary")
    return "csv"


def _old(content: bytes) -> BadBook:
    """Say what is in a container of the time before XLSX; a workbook with a password lies in one, too."""
    if ENCRYPTED in content:
        return BadBook("file_encrypted")
    if any(name in content for name in OLD_EXCEL):
        return BadBook("file_old_excel")
    return BadBook("file_not_a_table", found="OLE")


def open_zip(content: bytes, limits: Limits) -> zipfile.ZipFile:
    """Open the ZIP that an XLSX is, if its directory promises nothing unreasonable; raises BadBook."""
    try:
        opened = zipfile.ZipFile(BytesIO(content))
        infos = opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, UnicodeDecodeError) as error:
        raise BadBook("file_broken", part="ZIP") from error
    names = {info.filename for info in infos}
    if len(infos) > limits.entries or len(names) < len(infos):
        raise BadBook("file_bomb", part="ZIP", limit=f"{limits.entries}")
    if WORKBOOK not in names:
        found = next((kind for name, kind in OTHER_ZIPS.items() if name in names), "ZIP")
        raise BadBook("file_not_a_table", found=found)
    for info in infos:
        _judge(info, limits)
    if sum(info.file_size for info in infos) > limits.inflated_bytes:
        raise BadBook("file_bomb", part="ZIP", limit=f"{limits.inflated_bytes // 1024**2} MiB")
    return opened


def _judge(info: zipfile.ZipInfo, limits: Limits) -> None:
    if info.flag_bits & 0x1:
        raise BadBook("file_encrypted")
    if info.filename.lower().endswith(NESTED):
        # A sheet that someone embedded would hide another book in this one.
        raise BadBook("file_nested", part=info.filename[:100])
    if info.file_size > LARGE_BYTES and info.file_size > limits.part_ratio * max(info.compress_size, 1):
        raise BadBook("file_bomb", part=info.filename[:100], limit=f"{limits.part_ratio}:1")
