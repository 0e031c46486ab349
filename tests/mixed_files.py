"""A folder as people have it: one file or more of each format that is read, English and Chinese, and some that are not.

written = write_mixed(folder)      {"book.epub": 2, "sheet.xlsx": 0, ...}: the documents that each file holds
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Sequence
from pathlib import Path

import docx
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

from tests.made_files import han_pdf_of, pdf_of, zip_of
from tests.tiny_night import chinese, english

CONTAINER = (
    '<container xmlns="urn:c"><rootfiles><rootfile full-path="book.opf" '
    'media-type="application/oebps-package+xml"/></rootfiles></container>'
)
UNREAD = {".xlsx": 1, ".png": 2, "no suffix": 1}  # files that no reader takes, by kind


def write_mixed(folder: Path) -> dict[str, int]:
    """Write the files; how many documents each of them holds. Those that no reader takes hold none."""
    folder.mkdir(parents=True)
    contents = {**_texts(), **_records(), **_marked_up(), **_offices(), **_archives()}
    contents |= dict.fromkeys(("a.png", "b.png"), (b"\x89PNG\x00\x01", 0))
    contents |= {"sheet.xlsx": (b"PK\3\4", 0), "Makefile": (b"all:\n", 0)}
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {name: num for name, (_, num) in contents.items()}


def both(number: int) -> Sequence[str]:
    """An English and a Chinese text that nobody else has."""
    return english(1000 + number), chinese(1000 + number)


def _texts() -> dict[str, tuple[bytes, int]]:
    en, zh = both(1)
    return {
        "english.txt": (en.encode(), 1),
        "gbk.txt": (zh.encode("gb18030"), 1),
        "big5.txt.gz": (gzip.compress(both(2)[1].replace("\n", "\r\n").encode("big5", "ignore")), 1),
        "utf16.txt": (both(3)[0].encode("utf-16"), 1),
        "page.md.zst": (zstandard.compress(f"# 标题\n\n{both(4)[1]}\n".encode()), 1),
        "manual.rst.bz2": (bz2.compress(f"Title\n=====\n\n{both(5)[0]}\n".encode()), 1),
    }


def _records() -> dict[str, tuple[bytes, int]]:
    rows = [{"id": str(n), "text": text} for n, text in enumerate(both(6))]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = pa.table({"id": ["1", "2"], "text": list(both(7))})
    comma, tab, parquet, arrow, feather = (io.BytesIO() for _ in range(5))
    pa.csv.write_csv(pa.table({"id": ["1", "2"], "text": list(both(8))}), comma)
    options = pa.csv.WriteOptions(delimiter="\t")
    pa.csv.write_csv(pa.table({"id": ["1", "2"], "text": list(both(9))}), tab, options)
    pq.write_table(table, parquet)
    with pa.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(pa.table({"id": ["1", "2"], "text": list(both(10))}))
    pa.feather.write_feather(pa.table({"id": ["1", "2"], "text": list(both(11))}), feather)
    return {
        "rows.jsonl.xz": (lzma.compress(lines), 2),
        "more.ndjson": (json.dumps({"id": "a", "text": both(12)[1]}).encode(), 1),
        "list.json": (json.dumps([{"id": "b", "text": both(13)[0]}], ensure_ascii=False).encode(), 1),
        "comma.csv": (comma.getvalue(), 2),
        "tab.tsv": (tab.getvalue(), 2),
        "rows.parquet": (parquet.getvalue(), 2),
        "rows.arrow": (arrow.getvalue(), 2),
        "rows.feather": (feather.getvalue(), 2),
    }


def _marked_up() -> dict[str, tuple[bytes, int]]:
    en, zh = both(14)
    article = (
        "<article><front><article-meta><title-group><article-title>T</article-title></title-group></article-meta>"
        f"</front><body>{_paragraphs(en, 'p')}</body></article>"
    )
    abstract = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle>"
        f"<Abstract><AbstractText>{both(15)[0]}</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
        "</PubmedArticleSet>"
    )
    wiki = (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/"><page><title>夜</title><ns>0</ns><id>7</id>'
        f"<revision><id>8</id><text>'''夜'''\n\n{both(16)[1]}</text></revision></page></mediawiki>"
    )
    return {
        "page.html": (_page(zh).replace("utf-8", "gbk").encode("gbk"), 1),
        "page.htm.gz": (gzip.compress(_page(both(17)[0]).encode()), 1),
        "article.nxml": (article.encode(), 1),
        "pubmed.xml": (abstract.encode(), 1),
        "wiki.xml.bz2": (bz2.compress(wiki.encode()), 1),
        "plain.xml": (f"<doc>{_paragraphs(both(18)[1], '段')}</doc>".encode(), 1),
    }


def _offices() -> dict[str, tuple[bytes, int]]:
    word, buffer = docx.Document(), io.BytesIO()
    for line in both(19)[1].split("\n"):
        word.add_paragraph(line)
    word.save(buffer)
    chapters = dict(zip(("one.xhtml", "two.xhtml"), both(20), strict=True))
    items = "".join(f'<item id="{href}" href="{href}" media-type="application/xhtml+xml"/>' for href in chapters)
    refs = "".join(f'<itemref idref="{href}"/>' for href in chapters)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>书</dc:title></metadata><manifest>{items}</manifest><spine>{refs}</spine></package>"
    )
    own = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "book.opf": package}
    return {
        "english.pdf": (pdf_of([both(21)[0].split("\n")]), 1),
        "chinese.pdf": (han_pdf_of([both(21)[1].split("\n")]), 1),
        "letter.docx": (buffer.getvalue(), 1),
        "book.epub": (zip_of({**own, **{href: _page(text) for href, text in chapters.items()}}), 2),
    }


def _archives() -> dict[str, tuple[bytes, int]]:
    texts = iter(both(22) + both(23) + both(24)[:1])
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        for name in ("甲.txt", "b.md"):
            content = next(texts).encode()
            head = tarfile.TarInfo(name)
            head.size = len(content)
            tar.addfile(head, io.BytesIO(content))
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{_page(next(texts))}".encode()
    response = _warc("response", "application/http; msgtype=response", http)
    arc = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{_page(both(25)[0])}".encode()
    about = b"1 0 nobody\nURL IP-address Archive-date Content-type Archive-length\n"
    begin = b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain %d\n" % len(about) + about + b"\n"
    return {
        "packed.tar.gz": (tarred.getvalue(), 2),
        "pages.warc.gz": (gzip.compress(response), 1),
        "texts.wet": (_warc("conversion", "text/plain", next(texts).encode()), 1),
        "old.arc": (begin + b"http://a.example/ 1.2.3.4 20140216050221 text/html %d\n" % len(arc) + arc + b"\n", 1),
        "packed.zip": (zip_of({"c/文.txt": next(texts), "picture.png": b"\x89PNG"}), 1),
    }


def _warc(kind: str, content_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def _page(text: str) -> str:
    head = '<meta charset="utf-8"/><title>Page</title>'
    return f"<html><head>{head}</head><body><article>{_paragraphs(text, 'p')}</article></body></html>"


def _paragraphs(text: str, tag: str) -> str:
    return "".join(f"<{tag}>{line}</{tag}>" for line in text.split("\n"))
