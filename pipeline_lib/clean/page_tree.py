"""A page's tree, made ready for trafilatura: what its rules would lose in an unusual place is put into a usual one.

It reads paragraphs and, inside of other elements, what it expects there. So text that stands loose in a block becomes a
paragraph, lists in cells become text of the cell, what a figure shows and the source of a quotation are read, and where
nothing on a page says what its content is, the smallest element with most of its paragraphs is. Time is linear in the
number of elements.
"""

from lxml import etree
from lxml.html import HtmlElement

_UNREAD_IN_CELLS = ("ul", "ol", "dl", "li", "dt", "dd", "blockquote")
_BLOCKS_IN_CELLS = ("p", "div", "pre", "section", "details", "h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = ("td", "th")
_BLOCKS = ("div", "center", "section", "article", "main", "body")
_PHRASES = {  # what may stand in a paragraph and holds text: phrasing content of HTML, and what once was
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "img", "ins", "kbd", "mark", "math", "q", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "svg", "time", "tt", "u", "var", "wbr",
}  # fmt: skip
_READ = ("p", "pre", "blockquote")
_BESIDE = ("nav", "header", "footer", "aside", "form", "script", "style", "noscript")
_FEWEST_BYTES = 40  # of loose text that is a paragraph: less is a label
_MOST = 0.8  # of the text in paragraphs: an element with less is not all of the content


def made_ready(tree: HtmlElement) -> HtmlElement:
    """The same tree, rearranged in place."""
    _rename(tree, "menu", "ul")
    for cell in list(tree.iter(*_CELLS)):
        _flatten(cell)
    for figure in tree.iter("figure"):
        _open_figure(figure)
    for footer in tree.iter("footer"):
        if next(footer.iterancestors("blockquote"), None) is not None:
            footer.tag = "p"
    for moment in tree.iter("time"):  # trafilatura takes it for the date of the page, in a sentence, too
        if next(moment.iterancestors("p", "li", "blockquote", *_CELLS), None) is not None:
            moment.tag = "span"
    for inner in list(tree.iter("table", "blockquote")):
        if next(inner.iterancestors("li", "dt", "dd", "blockquote", *_CELLS), None) is not None:
            _set_apart(inner)
    for block in list(tree.iter(*_BLOCKS)):
        _wrap_loose_text(block)
    _name_content(tree)
    return tree


def without_unread(tree: HtmlElement) -> HtmlElement:
    """The same tree without what shows nothing in its head: a tenth of a page, which each rule of trafilatura passes.

    Data in JSON-LD stays: it is read where a page has hardly any text. In a body such an element may part two words.
    """
    head = tree.find("head")
    if head is None:
        return tree
    for script in list(head.iter("script")):
        if script.get("type") != "application/ld+json":
            script.drop_tree()
    etree.strip_elements(head, "link", "meta", "style", with_tail=False)
    return tree


def _rename(element: HtmlElement, tag: str, new: str) -> None:
    for found in element.iter(tag):
        found.tag = new


def _flatten(cell: HtmlElement) -> None:
    """Lists, quotations and what follows a block become plain text of a cell: trafilatura reads none of them there."""
    if len(cell) == 0:
        return
    for part in cell.iterdescendants(*_UNREAD_IN_CELLS):
        part.text, part.tail = f" {part.text or ''}", f" {part.tail or ''}"
    etree.strip_tags(cell, *_UNREAD_IN_CELLS)
    for block in list(cell.iterdescendants(*_BLOCKS_IN_CELLS)):
        if block.tail and not block.tail.isspace():
            follower = block.makeelement("p")
            follower.text, block.tail = f" {block.tail}", None
            block.addnext(follower)


def _open_figure(figure: HtmlElement) -> None:
    """A figure that shows text (a table, code, a quotation) is a block with a paragraph beside it."""
    if next(figure.iterdescendants("table", "pre", "blockquote"), None) is not None:
        figure.tag = "div"
        _rename(figure, "figcaption", "p")


def _set_apart(block: HtmlElement) -> None:
    """Blanks around a block in another one: trafilatura would glue its first word to the one before it."""
    before, around = block.getprevious(), block.getparent()
    if before is not None:
        before.tail = f"{before.tail or ''} "
    elif around is not None:
        around.text = f"{around.text or ''} "
    block.tail = f" {block.tail or ''}"
    if block.tag == "blockquote" and next(block.iterancestors("blockquote"), None) is not None:
        block.tag = "p" if next(block.iterchildren("p", "blockquote"), None) is None else "div"


def _wrap_loose_text(block: HtmlElement) -> None:
    """Text that stands in a block alone, or beside other blocks, becomes a paragraph."""
    lead, run, before = block.text, [], None  # what follows the block `before`, up to the next one
    for child in [*block, None]:
        if child is not None and child.tag in _PHRASES:
            run.append(child)
            continue
        if _is_paragraph(lead, run):
            _wrap(block, before, lead, run)
        if child is not None:
            lead, run, before = child.tail, [], child


def _is_paragraph(lead: str | None, run: list[HtmlElement]) -> bool:
    """Whether loose text is long enough; the text of links does not count."""
    if not run:
        return lead is not None and len(lead.strip().encode()) >= _FEWEST_BYTES
    own = [lead or "", *(child.tail or "" for child in run)]
    own += ("".join(child.itertext()) for child in run if child.tag != "a")
    return sum(len(text.strip().encode()) for text in own) >= _FEWEST_BYTES


def _wrap(block: HtmlElement, before: HtmlElement | None, lead: str | None, run: list[HtmlElement]) -> None:
    paragraph = block.makeelement("p")
    paragraph.text = lead
    if before is None:
        block.text = None
        block.insert(0, paragraph)
    else:
        before.tail = None
        before.addnext(paragraph)
    paragraph.extend(run)


def _name_content(tree: HtmlElement) -> None:
    """Where no element is named as content is, call that an article which holds most of the paragraphs."""
    from trafilatura.xpaths import BODY_XPATH

    body = tree.find("body")
    if body is None or next(tree.iter("article", "main"), None) is not None:  # two of the names, at a tenth of the time
        return
    if any(found is not None for path in BODY_XPATH for found in path(tree)):
        return
    sizes = _sizes(body)
    content, most = body, sizes[body] * _MOST
    while (inner := next((child for child in content if sizes.get(child, 0) >= most > 0), None)) is not None:
        content = inner
    if content is body:
        content = body.makeelement("div")
        content.text, body.text = body.text, None
        content.extend(list(body))
        body.append(content)
    if content.tag in ("div", "section", "center"):
        content.tag = "article"


def _sizes(body: HtmlElement) -> dict[HtmlElement, int]:
    """By element, characters of paragraphs in it that are not in links, and not beside the content."""
    sizes: dict[HtmlElement, int] = dict.fromkeys(body.iter(), 0)
    for element in reversed(sizes):
        if element.tag in _BESIDE:
            sizes[element] = 0
        elif element.tag in _READ:
            num_linked = sum(len("".join(link.itertext())) for link in element.iter("a"))
            sizes[element] = max(len("".join(element.itertext()).strip()) - num_linked, 0)
        parent = element.getparent()
        if element is not body and parent is not None:
            sizes[parent] += sizes[element]
    return sizes
