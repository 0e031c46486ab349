"""Wikitext to plain text: what readers of a page would read in its sentences.

    comments, references, verbatim parts  ->  templates  ->  tables  ->  links  ->  tags and signs  ->  lines

Kept are text, the shown text of links, headings and lists without their signs, code and formulas as they are written.
Templates, tables, references, comments, galleries, links to files and categories and all tags are dropped. What opens
and never closes is text. Each step goes over the page once, whatever is in it (a page of "[[" or "{{" makes nested
patterns quadratic): 10 MB/s.
"""

import re
from collections.abc import Callable

from pipeline_lib.text.references import unescaped

MAX_OPEN_LINKS = 40  # each level copies what is within it

# Namespaces whose links are no text, by their canonical names and those of large encyclopedias.
HIDDEN_NAMES = """
file image media category 文件 图像 圖像 檔案 档案 分类 分類 媒体 媒體 ファイル 画像 カテゴリ datei bild kategorie
fichier catégorie archivo imagen categoría файл изображение категория immagine categoria
ficheiro imagem bestand afbeelding categorie plik grafika kategoria fil 파일 분류
"""
VERBATIM_TAGS = "nowiki pre math chem ce code source syntaxhighlight"
LEFT_OUT_TAGS = """
ref gallery timeline score imagemap templatestyles graph mapframe maplink hiero inputbox categorytree
"""
BREAKING_TAGS = "br p div li ul ol dl dd dt hr blockquote center tr td th table caption h1 h2 h3 h4 h5 h6"
INLINE_TAGS = """
abbr b bdi bdo big cite del dfn em font i includeonly indicator ins kbd mark noinclude onlyinclude poem q rb references
rp rt ruby s samp section small span strike strong sub sup tt u var wbr
"""
HIDDEN = frozenset(HIDDEN_NAMES.split())
VERBATIM, BREAKS = frozenset(VERBATIM_TAGS.split()), frozenset(BREAKING_TAGS.split())
SET_ASIDE = VERBATIM | set(LEFT_OUT_TAGS.split())
KNOWN = SET_ASIDE | BREAKS | set(INLINE_TAGS.split())

PARTS = re.compile(r"<!--|<(?P<name>[A-Za-z]{1,20})(?=[\s/>])[^<>]*>")
CLOSING = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in SET_ASIDE} | {"": re.compile("-->")}
TEMPLATES = re.compile(r"\{\{|\}\}")
TABLES = re.compile(r"^[ \t:*#]*\{\||^[ \t]*\|\}", re.MULTILINE)
LINKS = re.compile(r"\[\[|\]\]")
# Nine links in ten: no namespace, no other link within; as patterns of their own they cost a tenth.
BARE_LINK, LABELLED_LINK = re.compile(r"\[\[([^\[\]|:\n]+)\]\]"), re.compile(r"\[\[[^\[\]|:\n]+\|([^\[\]|\n]+)\]\]")
TAGS = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,20})(?=[\s/>])[^<>]*>")
OUTER_LINKS = re.compile(r"\[(?:(?:https?|ftp):)?//[^\s\[\]]+(?:[ \t]([^\[\]\n]*))?\]")
QUOTES, SWITCHES = re.compile("'{2,5}"), re.compile("__[A-Z]{3,30}__")
VARIANTS, VARIANT_CODES = re.compile(r"-\{([^{}]*)\}-"), ("zh-hans", "zh-cn", "zh", "zh-hant", "zh-tw", "zh-hk")
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,12})?")
KEPT_SIGN = re.compile("\x02([0-9]+)\x02")  # XML cannot hold \x02
EMPTY_BRACKETS = re.compile(r"[(（][ ,;，；、:：]{0,20}[)）]")
REDIRECTS = re.compile(r"\s{0,99}#\s{0,9}(?:redirect|重定向|重新導向|転送|weiterleitung|redirection)\b", re.IGNORECASE)


def is_redirect(wikitext: str) -> bool:
    """Whether the page only leads to another one."""
    return REDIRECTS.match(wikitext) is not None


def plain_text(wikitext: str, hidden: frozenset[str] = HIDDEN) -> str:
    """The text of a page. `hidden`: names of the namespaces whose links are no text, casefolded."""
    text, kept = _set_aside(wikitext)
    text = _without(_without(text, TEMPLATES, "{{"), TABLES, "{|")
    text = _with_shown_links(LABELLED_LINK.sub(r"\1", BARE_LINK.sub(r"\1", text)), hidden)
    text = TAGS.sub(_of_tag, text)
    text = OUTER_LINKS.sub(lambda link: (link[1] or "").strip(), text)
    text = VARIANTS.sub(lambda variant: _variant(variant[1]), QUOTES.sub("", text))
    text = _lines(SWITCHES.sub("", text))
    text = KEPT_SIGN.sub(lambda sign: kept[int(sign[1])], text)
    return EMPTY_BRACKETS.sub("", unescaped(text)).strip()


def _set_aside(wikitext: str) -> tuple[str, list[str]]:
    """The text without comments and what is left out, and with a sign for each part that is kept as it is written."""
    pieces, kept, missing = list[str](), list[str](), set[str]()
    start = at = 0  # of what is not in `pieces` yet, and of what was not looked at yet
    while found := PARTS.search(wikitext, at):
        name, at = (found["name"] or "").lower(), found.end()
        if name not in CLOSING:
            continue
        pieces.append(wikitext[start : found.start()])
        start = at
        if found[0].endswith("/>") or name in missing:
            continue
        end = CLOSING[name].search(wikitext, at)
        if end is None:
            missing.add(name)  # it is searched for once
            continue
        if name in VERBATIM:
            pieces.append(f"\x02{len(kept)}\x02")
            kept.append(wikitext[at : end.start()])
        start = at = end.end()
    return "".join([*pieces, wikitext[start:]]), kept


def _of_tag(tag: re.Match[str]) -> str:
    """What stands for a tag: itself, where it is none of a page."""
    name = tag[1].lower()
    return "\n" if name in BREAKS else "" if name in KNOWN else tag[0]


def _without(text: str, signs: re.Pattern[str], opening: str) -> str:
    """The text without what stands between an opening sign and the closing one that belongs to it."""
    begun, spans = list[int](), list[tuple[int, int]]()
    for sign in signs.finditer(text):
        if sign[0].endswith(opening):
            begun.append(sign.start())
        elif begun:
            start = begun.pop()
            while spans and spans[-1][0] > start:  # they lie within this one
                spans.pop()
            spans.append((start, sign.end()))
    pieces, at = list[str](), 0
    for start, end in spans:
        pieces.append(text[at:start])
        at = end
    return "".join([*pieces, text[at:]])


def _with_shown_links(text: str, hidden: frozenset[str]) -> str:
    stack: list[list[str]] = [[]]
    at = 0
    for sign in LINKS.finditer(text):
        stack[-1].append(text[at : sign.start()])
        at = sign.end()
        if sign[0] == "[[" and len(stack) <= MAX_OPEN_LINKS:
            stack.append([])
        elif sign[0] == "]]" and len(stack) > 1:
            link = "".join(stack.pop())
            stack[-1].append(_shown(link, hidden))
        else:
            stack[-1].append(sign[0])
    stack[-1].append(text[at:])
    return "[[".join("".join(parts) for parts in stack)


def _shown(link: str, hidden: frozenset[str]) -> str:
    """What a link shows of itself."""
    target, bar, label = link.partition("|")
    prefix, colon, _ = target.partition(":")
    if colon and prefix and prefix.strip().casefold() in hidden:
        return ""
    if colon and not bar and LANGUAGE_CODE.fullmatch(prefix):
        return ""  # the same page in another language
    return label if bar else target.lstrip(":")


def _variant(content: str) -> str:
    """The text of a part that is written in several scripts: the simplified one, if it is told."""
    flag, bar, rest = content.partition("|")
    if bar and flag.strip().upper() in ("H", "T", "-", "+"):
        return ""
    pairs = (part.partition(":") for part in (rest if bar else content).split(";"))
    by_code = {code.strip().lower(): text.strip() for code, colon, text in pairs if colon}
    told: Callable[[str], str | None] = by_code.get
    return next(filter(None, map(told, VARIANT_CODES)), rest if bar else content)


def _lines(text: str) -> str:
    """The lines without the signs of headings, lists and rules; of several blank lines one stays."""
    lines = [""]
    for whole in text.split("\n"):
        line = whole.strip().lstrip("*#:;").strip()
        if line.startswith("=") and line.endswith("="):
            line = line.strip("=").strip()
        if line.strip("-") or (not line and lines[-1]):
            lines.append(line)
    return "\n".join(lines)
