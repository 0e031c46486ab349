"""Hosts of documents, and which of them have more text than a cap lets through.

A host is that of the document's url, an address or `path#address`; where that names none, that of the address that its
source took along (`metadata_fields = { url = "..." }`). Spellings of one host are one, with and without "www."
(base/hosts.py). A document from no host is over no cap of one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.hosts import IN_URL, site_of

COLUMNS = ("document_id", "url", "metadata")  # of documents.v2
ADDRESS = "url"  # in the metadata


@dataclass(frozen=True)
class OverHosts:
    """What a cap per host keeps out of N documents of a source."""

    is_over: NDArray[np.bool_]  # [N]
    num_hosts: int
    num_hosts_over: int  # that have more text than the cap


def hosts_of(documents: pa.Table) -> pa.ChunkedArray:
    """The host of each document of a table with `COLUMNS`, as text; null where it is from none."""
    beside = pc.map_lookup(documents["metadata"], pa.scalar(ADDRESS), "first")
    found = pc.coalesce(_named(documents["url"]), _named(beside)).combine_chunks().dictionary_encode()
    sites = pa.array([site_of(host) for host in found.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([sites.take(found.indices)])


def _named(urls: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.struct_field(pc.extract_regex(urls.cast(pa.string()), IN_URL), "host")


def over_hosts(hosts: pa.ChunkedArray, num_tokens: NDArray[np.int64], most_tokens: int) -> OverHosts:
    """Which documents stand behind the first `most_tokens` tokens of their host, in the order in which they are given.

    A host has its cap to within one document: the one that reaches it is in.
    """
    encoded = hosts.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)), np.int64)  # the last: from no host
    order = np.argsort(codes, kind="stable")
    before = np.cumsum(num_tokens[order]) - num_tokens[order]
    firsts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    is_over = np.zeros(len(codes), np.bool_)
    if len(codes):
        starts = before[np.minimum(firsts, len(codes) - 1)]
        is_over[order] = before - starts[codes[order]] >= most_tokens
    is_over &= codes < len(encoded.dictionary)
    return OverHosts(is_over, len(encoded.dictionary), len(np.unique(codes[is_over])))


def as_fact(over: OverHosts, num_tokens: NDArray[np.int64]) -> dict[str, Any]:
    """What a snapshot says of it: numbers, no name of a host."""
    return {
        "num_hosts": over.num_hosts,
        "num_hosts_over": over.num_hosts_over,
        "num_documents": int(over.is_over.sum()),
        "num_tokens": int(num_tokens[over.is_over].sum()),
    }
