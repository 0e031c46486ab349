"""The public summary of training content (EU AI Act, Article 53(1)(d)), by the numbers of the AI Office's template.

That is of 24 July 2025 (C(2025) 8311). What it asks and nobody here can know stays open (known.py).
"""

from collections.abc import Iterator
from dataclasses import replace

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.report.counts import split
from pipeline_lib.report.known import (
    CRAWL,
    Answer,
    Known,
    Section,
    counted,
    described,
    joined,
    listed,
    processing_of,
    shares,
    told,
)
from pipeline_lib.report.training import BYTES, TOKENS, top_domains

MOST_LANGUAGES = 20
SIZES = ((1e9, "less than 1 billion tokens"), (1e13, "1 billion to 10 trillion tokens"))
LARGEST = "more than 10 trillion tokens"
BEHAVIOUR = (
    "obeys robots.txt (RFC 9309), robots meta tags and X-Robots-Tag; leaves out pages whose owners reserve text and "
    "data mining or training (AIPREF Content-Usage, Content-Signal, TDM reservations, noai); asks one page at a time "
    "of a host; sends no login and no cookie, fills in no form"
)


def summary(known: Known) -> list[Section]:
    """The public summary, section by section."""
    return [
        Section("1. General information", [*_general(known)]),
        Section("2. List of data sources", [*_public(known), *_private(known), *_crawled(known), *_rest(known)]),
        Section("3. Data processing", [*_processing(known)]),
    ]


def _general(known: Known) -> Iterator[Answer]:
    provider, model, counts = known.given.provider, known.given.model, known.counts
    yield told("1.1", "Provider: name and contact", joined(provider.name, provider.contact), "provider.name")
    yield told("1.1", "Authorised representative in the Union", provider.representative, "provider.representative")
    name = known.settings.of(RegisterSettings).model_name
    yield Answer("1.2", "Model: name", name, "set")
    yield told("1.2", "Model: versions", model.versions, "model.versions")
    yield told("1.2", "Model: models that it goes on from", model.dependencies, "model.dependencies")
    yield told("1.2", "Date of placement on the Union market", model.placed_on_market, "model.placed_on_market")
    tokens, size = known.content.num_tokens, split(counts, BYTES, 0).total()
    band = next((band for most, band in SIZES if tokens < most), LARGEST)
    yield Answer("1.3", "Modality", "text", "program")
    size_told = f"{band} ({tokens:,} tokens, {size:,} bytes, {known.content.num_documents:,} documents)"
    yield counted("1.3", "Size of the training data", size_told)
    yield counted("1.3", "Latest date of acquisition", max((batch.arrived for batch in known.batches), default=""))
    yield counted("1.3", "Languages, by share of tokens", shares(split(counts, TOKENS, 1), MOST_LANGUAGES))
    described_types = ((name, known.given.source(name).description) for name in known.sources)
    types = [f"{name}: {what}" for name, what in described_types if what]
    yield Answer("1.3", "Types of content", types or None, "told" if types else "open", "sources.NAME.description")


def _public(known: Known) -> Iterator[Answer]:
    yield listed(known, "2.1", "Publicly available datasets", "public")
    unsaid = known.of_kind(None)
    if unsaid:
        keys = ", ".join(f"sources.{name}.kind" for name in unsaid)
        lines = [described(known, name) for name in unsaid]
        yield replace(counted("2", "Sources of which nobody has said what they are", lines), key=keys)


def _private(known: Known) -> Iterator[Answer]:
    yield listed(known, "2.2.1", "Datasets licensed by rightsholders or their representatives", "licensed")
    yield listed(known, "2.2.2", "Other private datasets of third parties", "private")


def _crawled(known: Known) -> Iterator[Answer]:
    from pipeline_lib.ingest.crawl.rules import AGENT

    sources = known.of_kind("crawled")
    own = [name for name in sources if known.reads_by(name) == CRAWL]
    question = "Was data crawled and scraped by the provider"
    if sources or not known.of_kind(None):
        yield Answer("2.3", question, "yes" if sources else "no", "counted" if own else "told")
    else:
        yield Answer("2.3", question, None, "open", "sources.NAME.kind")
    if own:
        yield Answer("2.3", "Crawler", f"{AGENT}, with a contact in each request", "program")
        yield Answer("2.3", "How the crawler behaves", BEHAVIOUR, "program")
    for name in sources:
        yield counted("2.3", f"Content and period: {name}", described(known, name))
        domains, number = top_domains(known.counts, name, is_sme=known.given.provider.is_sme)
        share = "a twentieth, at most 1,000" if known.given.provider.is_sme else "a tenth"
        question = f"Domains with the most text, {share} of {number:,}: {name}"
        yield counted("2.3", question, domains or "no document names a page of the web")


def _rest(known: Known) -> Iterator[Answer]:
    yield listed(known, "2.4", "Data of users", "user")
    yield listed(known, "2.5", "Synthetic data", "synthetic")
    yield listed(known, "2.6", "Other sources", "other")


def _processing(known: Known) -> Iterator[Answer]:
    own, settings = known.given.processing, known.settings
    yield told("3.1", "Signatory of the Code of Practice", own.code_of_practice, "processing.code_of_practice")
    yield told("3.1", "Copyright policy", own.copyright_policy, "processing.copyright_policy")
    crawls = any(source.kind == CRAWL for source in settings.of(IngestSettings).sources)
    if crawls:
        yield Answer("3.1", "Reservations that the crawler obeys", BEHAVIOUR, "program")
    for source, reasons in known.refused.items():
        lines = [f"{reason}: {number:,}" for reason, number in reasons.items()]
        yield counted("3.1", f"Addresses not taken at the last crawl: {source}", lines or "none")
    yield told("3.2", "Measures against illegal content", own.illegal_content, "processing.illegal_content")
    yield Answer("3.3", "Cleaning, deduplication, personal data", processing_of(settings), "set")
    yield told("3.3", "Other processing", own.other, "processing.other")
